"""From tracked, sized candidates to the course of a patient: which status each lesion gets.

A reader sees an image and writes a word; here the word follows from stated rules, so that the same
images always give the same course. Where a rule would be a guess, the status is not evaluable or
equivocal and a remark asks the reader.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from recist.course import Caliper, Measurement, Review, Role, Status
from recist.criteria.diameter import has_grown
from recist.criteria.robustness import ONE_READER, MeasurementError
from recist.criteria.thresholds import MEASURABLE_MM, PATHOLOGICAL_NODE_MM
from recist.measure import DiameterInterval, diameter_interval, diameter_mm
from recist.patient.corrections.drawn import DRAWN_LABEL
from recist.patient.examination import Sized
from recist.patient.tracked_lesion import TrackedLesion
from recist.protocol import Protocol
from recist.tracking import Sighting, State

#: A relative error beyond this says only that nothing is known of the diameter.
LARGEST_ERROR = 0.9
#: More decimals of an SUV than this are noise.
SUV_DECIMALS = 4

#: States of tracking in which a lesion has a delineation of its own.
SEEN = (State.BASELINE, State.MATCHED, State.NEW, State.SPLIT)


#: What a state of tracking comes to where the lesion has no delineation of its own.
UNSEEN: Mapping[State, tuple[Status, str]] = {
    State.AMBIGUOUS: (
        Status.NOT_EVALUABLE,
        "which lesion this is was not clear: confirm the link",
    ),
    State.NOT_EVALUABLE: (Status.NOT_EVALUABLE, "its place was not imaged at this date"),
    State.MERGED: (Status.MERGED, ""),
    State.ABSENT: (Status.ABSENT, ""),
}
#: What is said of a new lesion that is one without doubt.
_CERTAIN = frozenset(
    {Status.MEASURED, Status.PRESENT, Status.INCREASED, Status.DECREASED, Status.PROGRESSION}
)
#: A diameter or an absence that no reader stands for, where the protocol asks for one.
UNCONFIRMED = (
    Status.NOT_EVALUABLE,
    "proposed without a reader, which the protocol does not count: confirm it",
)
#: The same, where the protocol counts what is sure.
UNSURE = (
    Status.NOT_EVALUABLE,
    "proposed without a reader and doubtful: confirm it, or correct measurements.csv",
)
#: From this confidence on a measurement without a reader is sure.
SURE = 0.5
#: An absence where what was drawn cannot be used: a damaged delineation is no disappearance.
UNUSABLE = (
    Status.NOT_EVALUABLE,
    "a delineation of this date cannot be used: gone or not? correct it, or measurements.csv",
)
#: An absence that rests on the network alone.
NOT_FOUND = (
    Status.NOT_EVALUABLE,
    "the network found nothing in its place: gone or missed? correct measurements.csv",
)


#: On PET alone nothing is measured by its size; the uptake stands beside it.
WITHOUT_CT = (Status.NOT_EVALUABLE, "no CT: its uptake is measured, its size is not")


def status_of(
    lesion: TrackedLesion,
    sighting: Sighting,
    smallest_mm: Decimal | None,
    protocol: Protocol,
    *,
    confirmed: bool = False,
) -> tuple[Status, str]:
    """The status of a lesion at a date, with a remark for the reader where one is due.

    Args:
        smallest_mm: its smallest diameter at earlier dates, None without one.
        confirmed: a reader saw it as a new lesion before, and nobody has called it gone since.
    """
    said = lesion.said(sighting.day)
    reviewed = said is not None or sighting.day in lesion.reviewed
    unseen = _unseen(lesion, sighting, protocol) if said is None else None
    if said is not None and not said.is_sized and said.status is not None:
        unseen = said.status, ""
    if unseen is not None:
        return unseen
    size_mm = lesion.size_mm(sighting.day)
    if lesion.role is Role.TARGET:
        return _target(size_mm, sighting.confidence, reviewed, protocol)
    if lesion.role is Role.NON_TARGET:
        return _non_target(lesion.is_node, size_mm, smallest_mm)
    # What an earlier date shows already is not new for certain, whatever is taken on trust.
    trusted = protocol.unreviewed_new_lesion == "unequivocal" and not lesion.found_before
    if confirmed and not reviewed:
        # That it is new is settled, and no outline that nobody checked takes it back; its size
        # there counts as that of a target would.
        counted, remark = _target(size_mm, sighting.confidence, reviewed, protocol)
        if counted is Status.NOT_EVALUABLE:
            return Status.PRESENT, remark
    return _new(lesion.is_node, size_mm, reviewed or trusted or confirmed)


def _target(
    size_mm: Decimal | None, confidence: float, reviewed: bool, protocol: Protocol
) -> tuple[Status, str]:
    uncounted = None if reviewed else _uncounted(confidence, protocol)
    return uncounted or ((Status.TOO_SMALL if size_mm is None else Status.MEASURED), "")


def _uncounted(confidence: float, protocol: Protocol) -> tuple[Status, str] | None:
    """Why what was proposed without a reader does not count; None where it does."""
    if protocol.unreviewed_measurement == "not_evaluable":
        return UNCONFIRMED
    if confidence < SURE and protocol.unreviewed_measurement == "measured_if_sure":
        return UNSURE
    return None


def _unseen(
    lesion: TrackedLesion, sighting: Sighting, protocol: Protocol
) -> tuple[Status, str] | None:
    """The status of a lesion that has no outline of its own at a date; None where it has."""
    if sighting.state is State.ABSENT and sighting.day in lesion.incomplete:
        return UNUSABLE
    if sighting.state not in UNSEEN:
        return None
    if sighting.state is State.ABSENT and sighting.day not in lesion.reviewed:
        uncounted = _uncounted_absence(sighting, protocol)
        if uncounted is not None:
            return uncounted
    return UNSEEN[sighting.state]


def _uncounted_absence(sighting: Sighting, protocol: Protocol) -> tuple[Status, str] | None:
    """Why an absence that no reader saw does not count; None where it does.

    A lesion that was looked for at its place and not found there is proposed as gone: that is a
    proposal as its diameter would be, and counts by the same rule. Of one that a network did not
    happen to find, nobody has said so much.
    """
    if sighting.looked_for:
        return _uncounted(sighting.confidence, protocol)
    return NOT_FOUND if protocol.unreviewed_absence == "not_evaluable" else None


def _new(is_node: bool, size_mm: Decimal | None, certain: bool) -> tuple[Status, str]:
    """A new lesion that is not a node counts at any size; a node by its size, which is recorded.

    A new node of less than 10 mm is normal and one of less than 15 mm in doubt (Eisenhauer 2009,
    section 3.1.1; EORTC FAQ), so the criteria need its diameter.
    """
    if is_node and size_mm is not None and size_mm < PATHOLOGICAL_NODE_MM:
        return Status.MEASURED, f"a node of {size_mm} mm short axis is normal"
    if not certain:
        return Status.EQUIVOCAL, "new, found by a network that no reader has checked"
    measured = size_mm is not None and (is_node or size_mm >= MEASURABLE_MM)
    return (Status.MEASURED if measured else Status.PRESENT), ""


def _is_confirmed(
    lesion: TrackedLesion, day: int, status: Status, size_mm: Decimal | None, *, before: bool
) -> bool:
    """Whether a reader has seen a new lesion as one by a date, and not called it gone since.

    A new lesion is progression from the date on which it is unequivocal (Eisenhauer 2009, section
    4.3.5); iRECIST follows it as one from then on (Seymour 2017).
    """
    if lesion.said(day) is None and day not in lesion.reviewed:
        return before
    is_normal = lesion.is_node and size_mm is not None and size_mm < PATHOLOGICAL_NODE_MM
    if status is Status.ABSENT or is_normal:
        return False
    return before or status in _CERTAIN


def _non_target(
    is_node: bool, size_mm: Decimal | None, smallest_mm: Decimal | None
) -> tuple[Status, str]:
    if size_mm is None:
        return Status.PRESENT, ""
    if is_node and size_mm < PATHOLOGICAL_NODE_MM:
        return Status.ABSENT, f"a node of {size_mm} mm short axis is normal"
    # Worse by the rule for sums; whether unequivocally so is for the reader (Eisenhauer 2009,
    # section 4.3.4).
    if smallest_mm is not None and has_grown(size_mm, smallest_mm):
        return (
            Status.INCREASED,
            f"grew from {smallest_mm} to {size_mm} mm: is this unequivocal progression?",
        )
    return Status.PRESENT, ""


def measurements(
    lesion: TrackedLesion,
    protocol: Protocol,
    *,
    source: str,
    network: str = "",
    without_ct: Collection[int] = (),
) -> tuple[dict[int, Measurement], tuple[tuple[str, int, str], ...]]:
    """What was seen of a lesion at each date, and the remarks for the reader.

    Args:
        source: who delineated.
        network: who delineated at the dates that no reader has drawn or checked, where that is
            another.
        without_ct: the days with a PET alone.

    Returns:
        measurement by day; (lesion, day, remark) triples.
    """
    found: dict[int, Measurement] = {}
    remarks: list[tuple[str, int, str]] = []
    smallest: Decimal | None = None
    confirmed = False
    for sighting in lesion.track.sightings:
        day = sighting.day
        status, remark = status_of(lesion, sighting, smallest, protocol, confirmed=confirmed)
        if day in without_ct and lesion.said(day) is None:
            status, remark = WITHOUT_CT
        if remark:
            remarks.append((lesion.id, day, remark))
        found[day] = _measurement(lesion, sighting, status, _drawn_by(lesion, day, source, network))
        sized = sighting.state in SEEN or lesion.said(day) is not None
        size_mm = lesion.size_mm(day) if sized else None
        confirmed = _is_confirmed(lesion, day, status, size_mm, before=confirmed)
        if size_mm is not None:
            smallest = size_mm if smallest is None else min(smallest, size_mm)
    return found, tuple(remarks)


def _drawn_by(lesion: TrackedLesion, day: int, source: str, network: str) -> str:
    """Who drew a lesion at a date; who would have, where it was not seen."""
    pieces = [piece.candidate for piece in lesion.sized.get(day, ())]
    readers = [each.source for each in pieces if each.label.startswith(DRAWN_LABEL)]
    if readers:
        return ", ".join(dict.fromkeys(readers))
    if day in lesion.drawn_by_reader:
        return source
    names = dict.fromkeys(each.source for each in pieces)
    return ", ".join(name for name in names if name) or network or source


def _measurement(
    lesion: TrackedLesion, sighting: Sighting, status: Status, source: str
) -> Measurement:
    day = sighting.day
    parts = lesion.sized.get(day, ()) if sighting.state in SEEN else ()
    uptakes = [part.uptake for part in parts if part.uptake is not None]
    volume_ml = sum(each.mtv_ml for each in uptakes)
    return Measurement(
        lesion.id,
        status,
        parts_mm=lesion.parts_mm(day) if status is Status.MEASURED else (),
        merged_into=_merged_into(lesion, sighting) if status is Status.MERGED else None,
        caliper=lesion.caliper(day) if parts or lesion.said(day) else None,
        volume_ml=round(sum(part.candidate.mask.volume_ml for part in parts), 3) if parts else None,
        suv_max=_rounded(max((each.suv_max for each in uptakes), default=None)),
        suv_mean=_rounded(
            sum(each.suv_mean * each.mtv_ml for each in uptakes) / volume_ml if volume_ml else None
        ),
        suv_peak=_rounded(max((each.suv_peak.value for each in uptakes), default=None)),
        source=source,
        review=Review.REVIEWED if day in lesion.reviewed else Review.UNREVIEWED,
        confidence=None if day in lesion.reviewed else round(sighting.confidence, 2),
        doubts=tuple(dict.fromkeys(flag for part in parts for flag in part.candidate.flags)),
        interval_mm=_interval_mm(lesion, parts) if status is Status.MEASURED else None,
    )


def _interval_mm(lesion: TrackedLesion, parts: Sequence[Sized]) -> tuple[Decimal, Decimal] | None:
    """The interval of the diameter of a lesion in one piece that was measured on its outline."""
    if len(parts) != 1 or parts[0].caliper is None:
        return None
    found = _interval(parts[0], parts[0].caliper, lesion.is_node)
    return found.low_mm, found.high_mm


def _interval(piece: Sized, measured: Caliper, is_node: bool) -> DiameterInterval:
    outline_sd_mm = piece.candidate.diameter_uncertainty_mm or 0.0
    mask = piece.candidate.mask
    return diameter_interval(mask, measured, is_node=is_node, outline_sd_mm=outline_sd_mm)


def _merged_into(lesion: TrackedLesion, sighting: Sighting) -> str | None:
    said = lesion.said(sighting.day)
    return sighting.merged_into if said is None else said.merged_into


def _rounded(suv: float | None) -> float | None:
    return None if suv is None else round(suv, SUV_DECIMALS)


def delineation_error(lesions: Sequence[TrackedLesion]) -> MeasurementError:
    """The error of a diameter: a reader's, or what outline and voxels leave open if that is more.

    The standard deviation of each target's diameter by its interval (the range that the network's
    threshold moves it over, or the error of what was carried over, and the size of the pixels),
    relative to the diameter, as the root of the mean square over all targets and dates. What a
    network is known to repeat from date to date lasts, where it drew the lesion at all of them;
    what is drawn anew is never less than a reader's.
    """
    drawn = [
        (lesion, piece, piece.caliper)
        for lesion in lesions
        if lesion.role is Role.TARGET
        for day, pieces in lesion.sized.items()
        if lesion.said(day) is None
        for piece in pieces
        if piece.caliper is not None and diameter_mm(piece.caliper, lesion.is_node)
    ]
    if not drawn:
        return ONE_READER
    variance = lasting = 0.0
    for lesion, piece, measured in drawn:
        length_mm = float(diameter_mm(measured, lesion.is_node))
        variance += (_interval(piece, measured, lesion.is_node).sd_mm / length_mm) ** 2
        if _has_one_source(lesion):
            outline = (piece.candidate.diameter_uncertainty_mm or 0.0) / length_mm
            lasting += piece.candidate.lasting_share * outline**2
    spread = min(math.sqrt(variance / len(drawn)), LARGEST_ERROR)
    if spread <= ONE_READER.lesion_sd:
        return ONE_READER
    anew = max(spread * math.sqrt(1.0 - lasting / variance), ONE_READER.lesion_sd)
    return MeasurementError(
        anew,
        0.0,
        "the outlines' own intervals, pixels included",
        lasting_sd=math.sqrt(spread**2 - anew**2),
    )


def _has_one_source(lesion: TrackedLesion) -> bool:
    sources = {piece.candidate.source for pieces in lesion.sized.values() for piece in pieces}
    return len(sources) == 1
