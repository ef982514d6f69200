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

from recist.course import Course, Lesion, Measurement, Status
from recist.criteria.diameter import diameter_of
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


def new_lesions(
    course: Course, lesions: Sequence[Lesion], protocol: Protocol
) -> tuple[tuple[NewLesionSight, ...], ...]:
    """For each time point, the new lesions noted so far and what was seen of them.

    Args:
        lesions: those of role NEW.
    """
    found: list[list[NewLesionSight]] = [[] for _ in course.timepoints]
    for lesion in lesions:
        records = [
            next((m for m in timepoint.measurements if m.lesion_id == lesion.id), None)
            for timepoint in course.timepoints
        ]
        sizes = [
            None if record is None else diameter_of(record, protocol, is_node=lesion.is_node)
            for record in records
        ]
        raw = [_raw(record, size, lesion) for record, size in zip(records, sizes, strict=True)]
        noted = False
        for k, sight in enumerate(_sights(raw, protocol)):
            record = records[k]
            noted = noted or record is not None
            if noted:
                status = Status.NOT_EVALUABLE if record is None else record.status
                found[k].append(NewLesionSight(lesion, status, sizes[k], sight))
    return tuple(tuple(lesions_here) for lesions_here in found)


def _raw(record: Measurement | None, size_mm: Decimal | None, lesion: Lesion) -> _Raw:
    if record is None or record.status is Status.NOT_EVALUABLE:
        return _Raw.UNKNOWN
    if record.status is Status.EQUIVOCAL:
        return _Raw.EQUIVOCAL
    if size_mm is None:
        return _Raw.SEEN
    if lesion.is_node:
        if size_mm < PATHOLOGICAL_NODE_MM:
            return _Raw.GONE
        return _Raw.SEEN if size_mm >= MEASURABLE_NODE_MM else _Raw.SMALL_NODE
    return _Raw.SEEN if size_mm > 0 else _Raw.GONE


def _sights(raw: Sequence[_Raw], protocol: Protocol) -> list[Sight]:
    """Each time point read together with those before and after it."""
    sights: list[Sight] = []
    established = False  # seen without doubt, and not gone since
    for k, here in enumerate(raw):
        if here is _Raw.GONE:
            established = False
            sights.append(Sight.GONE)
        elif here is _Raw.UNKNOWN:
            sights.append(Sight.UNKNOWN)
        elif here is _Raw.SEEN or established:
            established = True
            sights.append(Sight.SEEN)
        elif here is _Raw.EQUIVOCAL:
            later = _next_decided(raw, k)
            confirmed = later in (_Raw.SEEN, _Raw.SMALL_NODE)
            sights.append(Sight.BACK_DATED if confirmed else Sight.HELD)
        else:
            sights.append(_small_node(raw, k, protocol))
            established = sights[-1] in (Sight.SEEN, Sight.BACK_DATED)
    return sights


def _small_node(raw: Sequence[_Raw], k: int, protocol: Protocol) -> Sight:
    if protocol.node_regrowth == "pd":
        return Sight.SEEN
    later = _next_decided(raw, k)
    if later in (_Raw.SEEN, _Raw.SMALL_NODE):
        return Sight.BACK_DATED
    if later is None and protocol.node_regrowth == "candidate":
        return Sight.CANDIDATE
    return Sight.HELD


def _next_decided(raw: Sequence[_Raw], k: int) -> _Raw | None:
    """The next time point that settles a doubt; None when there is none."""
    undecided = (_Raw.UNKNOWN, _Raw.EQUIVOCAL)
    return next((later for later in raw[k + 1 :] if later not in undecided), None)
