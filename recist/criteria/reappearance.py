"""Disease that is back after a complete response.

EORTC FAQ: after an overall complete response any malignant lesion that returns is progression; a
node has returned from 10 mm on, a non-target node only when it progressed unequivocally. One node
of 10 to 15 mm as the only sign is judged with the next scan, as the protocol says (AMB-05).
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from recist.course import Status
from recist.criteria.diameter import (
    diameter_of,
    is_diseased,
)
from recist.criteria.observation import ObservedCourse
from recist.criteria.thresholds import MEASURABLE_NODE_MM, PATHOLOGICAL_NODE_MM
from recist.protocol import Protocol


class Return(NamedTuple):
    """What is back, and whether that is progression here.

    Attributes:
        progresses: progression at this time point; False while a single small node is held back.
        doubtful: a single small node that no other scan has confirmed or refuted.
    """

    lesions: tuple[str, ...]
    progresses: bool
    doubtful: bool


def returned(
    patient: ObservedCourse, k: int, since: int, protocol: Protocol, *, targets_only: bool
) -> Return | None:
    """What is back at time point ``k`` after the complete response at time point ``since``.

    Args:
        targets_only: non-targets do not matter (a target CR that was no overall CR).

    Returns:
        None when nothing is back.
    """
    back = _back(patient, k, protocol, targets_only=targets_only)
    if not back:
        return None
    names = tuple(name for name, _ in back)
    small = [name for name, node_mm in back if node_mm and node_mm < MEASURABLE_NODE_MM]
    if len(back) > 1 or not small or protocol.node_regrowth == "pd":
        return Return(names, True, False)
    verdict = _confirmed(patient, small[0], k, since, protocol)
    progresses = verdict is True or (verdict is None and protocol.node_regrowth == "candidate")
    return Return(names, progresses, verdict is None)


def _back(
    patient: ObservedCourse, k: int, protocol: Protocol, *, targets_only: bool
) -> list[tuple[str, Decimal | None]]:
    """Name and, for a node, size of each lesion that is there."""
    back: list[tuple[str, Decimal | None]] = []
    for name, size_mm in patient.seen[k].sizes_mm:
        is_node = patient.target_nodes[name]
        if is_diseased(size_mm, is_node=is_node):
            back.append((name, size_mm if is_node else None))
    if targets_only:
        return back
    for measurement in patient.seen[k].timepoint.measurements:
        is_node_or_none = patient.non_target_nodes.get(measurement.lesion_id)
        if is_node_or_none is None or measurement.status in (Status.NOT_EVALUABLE, Status.MERGED):
            continue
        size = diameter_of(measurement, protocol, is_node=is_node_or_none)
        if size is None and is_node_or_none:
            continue  # a node that is merely visible may be normal; progression counts by itself
        if size is None or is_diseased(size, is_node=is_node_or_none):
            back.append((measurement.lesion_id, size if is_node_or_none else None))
    return back


def _confirmed(
    patient: ObservedCourse, name: str, k: int, since: int, protocol: Protocol
) -> bool | None:
    """Whether the scan before or after also shows the node enlarged; None when there is neither."""
    before = (_node_mm(patient, name, j, protocol) for j in range(k - 1, since, -1))
    after = (_node_mm(patient, name, j, protocol) for j in range(k + 1, len(patient.seen)))
    earlier = next((size for size in before if size is not None), None)
    if earlier is not None and earlier >= PATHOLOGICAL_NODE_MM:
        return True
    later = next((size for size in after if size is not None), None)
    return None if later is None else later >= PATHOLOGICAL_NODE_MM


def _node_mm(patient: ObservedCourse, name: str, k: int, protocol: Protocol) -> Decimal | None:
    for measurement in patient.seen[k].timepoint.measurements:
        if measurement.lesion_id == name:
            return diameter_of(measurement, protocol, is_node=True)
    return None
