"""New lesions over the time points: seen, held back until the next scan, gone, unknown.

A finding that was equivocal and is unequivocal later was a new lesion from the start (Eisenhauer
2009, section 4.3.5); a node of 10 to 15 mm that is new is treated as the protocol says (EORTC
FAQ, new lymph node lesions).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from recist.course import Course, Lesion, Status
from recist.criteria.diameter import ZERO, diameter_of
from recist.criteria.thresholds import MEASURABLE_NODE_MM, PATHOLOGICAL_NODE_MM
from recist.protocol import Protocol


class Sight(StrEnum):
    """What was seen of a new lesion at a time point."""

    SEEN = "seen"
    BACK_DATED = "equivocal then, confirmed later"
    CANDIDATE = "a small node, to be confirmed"
    HELD = "equivocal, or a small node, and not confirmed"
    GONE = "gone, or a normal node"
    UNKNOWN = "not evaluable"

    __hash__ = str.__hash__  # that of an enumeration is a function in Python


#: These count as a new lesion.
COUNTS = frozenset({Sight.SEEN, Sight.BACK_DATED, Sight.CANDIDATE})


class NewLesionSight(NamedTuple):
    """One new lesion at one time point, once it has been noted at all."""

    lesion: Lesion
    status: Status
    diameter_mm: Decimal | None
    sight: Sight


class _Raw(StrEnum):
    """What one time point shows, without the others."""

    SEEN = "seen"
    SMALL_NODE = "small node"
    EQUIVOCAL = "equivocal"
    GONE = "gone"
    UNKNOWN = "unknown"


_IS_SEEN, _IS_SMALL_NODE, _IS_EQUIVOCAL = _Raw.SEEN, _Raw.SMALL_NODE, _Raw.EQUIVOCAL
_IS_GONE, _IS_UNKNOWN = _Raw.GONE, _Raw.UNKNOWN
_SEEN, _BACK_DATED, _CANDIDATE = Sight.SEEN, Sight.BACK_DATED, Sight.CANDIDATE
_HELD, _GONE, _UNKNOWN = Sight.HELD, Sight.GONE, Sight.UNKNOWN
_NOT_EVALUABLE, _EQUIVOCAL = Status.NOT_EVALUABLE, Status.EQUIVOCAL
#: Noted before, and not mentioned here.
_NO_RECORD = _NOT_EVALUABLE, None


def new_lesions(
    course: Course, lesions: Sequence[Lesion], protocol: Protocol
) -> tuple[tuple[NewLesionSight, ...], ...]:
    """For each time point, the new lesions noted so far and what was seen of them.

    Args:
        lesions: those of role NEW.
    """
    names = {lesion.id for lesion in lesions}
    seen = []
    for timepoint in course.timepoints:
        here = {}
        for measurement in timepoint.measurements:
            if measurement.lesion_id in names:
                here[measurement.lesion_id] = measurement
        seen.append(here)
    found: list[list[NewLesionSight]] = [[] for _ in seen]
    for lesion in lesions:
        name, is_node = lesion.id, lesion.is_node
        first = next((k for k, here in enumerate(seen) if name in here), len(seen))
        noted: list[tuple[Status, Decimal | None]] = []
        raw = []
        for here in seen[first:]:
            record = here.get(name)
            if record is None:
                noted.append(_NO_RECORD)
                raw.append(_IS_UNKNOWN)
                continue
            size = diameter_of(record, protocol, is_node=is_node)
            noted.append((record.status, size))
            raw.append(_raw(record.status, size, is_node=is_node))
        for k, sight in enumerate(_sights(raw, protocol)):
            status, size = noted[k]
            found[first + k].append(NewLesionSight(lesion, status, size, sight))
    return tuple([tuple(lesions_here) for lesions_here in found])


def _raw(status: Status, size_mm: Decimal | None, *, is_node: bool) -> _Raw:
    if status is _NOT_EVALUABLE:
        return _IS_UNKNOWN
    if status is _EQUIVOCAL:
        return _IS_EQUIVOCAL
    if size_mm is None:
        return _IS_SEEN
    if is_node:
        if size_mm < PATHOLOGICAL_NODE_MM:
            return _IS_GONE
        return _IS_SEEN if size_mm >= MEASURABLE_NODE_MM else _IS_SMALL_NODE
    return _IS_SEEN if size_mm > ZERO else _IS_GONE


def _sights(raw: Sequence[_Raw], protocol: Protocol) -> list[Sight]:
    """Each time point read together with those before and after it."""
    sights: list[Sight] = []
    established = False  # seen without doubt, and not gone since
    for k, here in enumerate(raw):
        if here is _IS_GONE:
            established = False
            sights.append(_GONE)
        elif here is _IS_UNKNOWN:
            sights.append(_UNKNOWN)
        elif here is _IS_SEEN or established:
            established = True
            sights.append(_SEEN)
        elif here is _IS_EQUIVOCAL:
            later = _next_decided(raw, k)
            confirmed = later in (_IS_SEEN, _IS_SMALL_NODE)
            sights.append(_BACK_DATED if confirmed else _HELD)
        else:
            sights.append(_small_node(raw, k, protocol))
            established = sights[-1] in (_SEEN, _BACK_DATED)
    return sights


def _small_node(raw: Sequence[_Raw], k: int, protocol: Protocol) -> Sight:
    if protocol.node_regrowth == "pd":
        return _SEEN
    later = _next_decided(raw, k)
    if later in (_IS_SEEN, _IS_SMALL_NODE):
        return _BACK_DATED
    if later is None and protocol.node_regrowth == "candidate":
        return _CANDIDATE
    return _HELD


def _next_decided(raw: Sequence[_Raw], k: int) -> _Raw | None:
    """The next time point that settles a doubt; None when there is none."""
    for later in raw[k + 1 :]:
        if later is not _IS_UNKNOWN and later is not _IS_EQUIVOCAL:
            return later
    return None
