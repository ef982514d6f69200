"""From tracked, sized candidates to the course of a patient: which status each lesion gets.

A reader sees an image and writes a word; here the word follows from stated rules, so that the same
images always give the same course. Where a rule would be a guess, the status is not evaluable or
equivocal and a remark asks the reader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from recist.course import Caliper, Measurement, Role, Status
from recist.examination import Sized
from recist.measure import diameter_mm

#: A node below this short axis is normal (Eisenhauer 2009, section 3.1.1).
NORMAL_NODE_MM = Decimal(10)
#: A new lesion is measured from the size at which it would be measurable at baseline
#: (Seymour 2017, Panel; Eisenhauer 2009, section 3.1.1).
MEASURABLE_MM = Decimal(10)
MEASURABLE_NODE_MM = Decimal(15)
#: A non-target that grew by +20 % and 5 mm from its smallest size is marked as increased: worse,
#: but whether it is unequivocal is for the reader (Eisenhauer 2009, section 4.3.4).
INCREASE_RATIO = Decimal("1.2")
INCREASE_MM = Decimal(5)


class Seen(StrEnum):
    """What tracking says of a lesion at a date."""

    MATCHED = "matched"
    ABSENT = "absent"
    OUT_OF_VIEW = "out-of-view"
    MERGED = "merged"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """One lesion at one date: what tracking found, with the candidates it consists of."""

    seen: Seen
    parts: tuple[Sized, ...] = ()
    merged_into: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Tracked:
    """One lesion over all dates, before it has a place in the course."""

    id: str
    is_node: bool
    role: Role
    sightings: Mapping[int, Sighting]  # by day


def status_of(
    lesion: Tracked,
    sighting: Sighting,
    smallest_mm: Decimal | None,
    *,
    reviewed: bool,
) -> tuple[Status, str]:
    """The status of a lesion at a date, with a remark for the reader where one is due.

    Args:
        smallest_mm: the lesion's smallest diameter at earlier dates, None without one.
        reviewed: the delineation was drawn or checked by a person.
    """
    match sighting.seen:
        case Seen.AMBIGUOUS:
            return Status.NOT_EVALUABLE, "which lesion this is was not clear: confirm the link"
        case Seen.OUT_OF_VIEW:
            return Status.NOT_EVALUABLE, "its place was not imaged at this date"
        case Seen.MERGED:
            return Status.MERGED, ""
        case Seen.ABSENT:
            return Status.ABSENT, ""
    size = _size_mm(lesion, sighting)
    if lesion.role is Role.TARGET:
        return (Status.TOO_SMALL if size is None else Status.MEASURED), ""
    if lesion.role is Role.NON_TARGET:
        return _non_target(lesion, size, smallest_mm)
    if not reviewed:
        return Status.EQUIVOCAL, "new, found by a network that no reader has checked"
    least = MEASURABLE_NODE_MM if lesion.is_node else MEASURABLE_MM
    return (Status.MEASURED if size is not None and size >= least else Status.PRESENT), ""


def _non_target(
    lesion: Tracked, size: Decimal | None, smallest_mm: Decimal | None
) -> tuple[Status, str]:
    if size is None:
        return Status.PRESENT, ""
    if lesion.is_node and size < NORMAL_NODE_MM:
        return Status.ABSENT, f"a node of {size} mm short axis is normal"
    if (
        smallest_mm is not None
        and size >= INCREASE_RATIO * smallest_mm
        and size - smallest_mm >= INCREASE_MM
    ):
        return (
            Status.INCREASED,
            f"grew from {smallest_mm} to {size} mm: say whether this is unequivocal progression",
        )
    return Status.PRESENT, ""


def _size_mm(lesion: Tracked, sighting: Sighting) -> Decimal | None:
    parts = _parts_mm(lesion, sighting)
    return sum(parts, Decimal(0)) if parts else None


def _parts_mm(lesion: Tracked, sighting: Sighting) -> tuple[Decimal, ...]:
    drawn = (part.caliper for part in sighting.parts)
    return tuple(diameter_mm(caliper, lesion.is_node) for caliper in drawn if caliper is not None)


def measurements(
    lesion: Tracked, days: Sequence[int], *, reviewed: bool, source: str
) -> tuple[dict[int, Measurement], tuple[tuple[str, int, str], ...]]:
    """What was seen of a lesion at each date, and the remarks for the reader.

    Returns:
        measurement by day; (lesion, day, remark) triples.
    """
    found: dict[int, Measurement] = {}
    remarks: list[tuple[str, int, str]] = []
    smallest: Decimal | None = None
    for day in days:
        sighting = lesion.sightings.get(day)
        if sighting is None:
            continue
        status, remark = status_of(lesion, sighting, smallest, reviewed=reviewed)
        if remark:
            remarks.append((lesion.id, day, remark))
        found[day] = _measurement(lesion, sighting, status, source)
        size = _size_mm(lesion, sighting)
        if sighting.seen is Seen.MATCHED and size is not None:
            smallest = size if smallest is None else min(smallest, size)
    return found, tuple(remarks)


def _measurement(lesion: Tracked, sighting: Sighting, status: Status, source: str) -> Measurement:
    seen = sighting.seen is Seen.MATCHED
    uptakes = [part.uptake for part in sighting.parts if part.uptake is not None and seen]
    volumes = [part.candidate.mask.volume_ml for part in sighting.parts]
    total = sum(each.mtv_ml for each in uptakes)
    return Measurement(
        lesion.id,
        status,
        parts_mm=_parts_mm(lesion, sighting) if status is Status.MEASURED else (),
        merged_into=sighting.merged_into if status is Status.MERGED else None,
        caliper=_longest(lesion, sighting) if seen else None,
        volume_ml=round(sum(volumes), 3) if seen else None,
        suv_max=max((each.suv_max for each in uptakes), default=None),
        suv_mean=sum(each.suv_mean * each.mtv_ml for each in uptakes) / total if total else None,
        suv_peak=max((each.suv_peak for each in uptakes), default=None),
        source=source,
    )


def _longest(lesion: Tracked, sighting: Sighting) -> Caliper | None:
    """The caliper shown for a lesion; of a lesion in parts, that of its largest part."""
    drawn = [part.caliper for part in sighting.parts if part.caliper is not None]
    return max(drawn, key=lambda caliper: diameter_mm(caliper, lesion.is_node), default=None)
