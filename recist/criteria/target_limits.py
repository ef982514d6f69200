"""Five in all and two per organ: which of the measurable lesions are followed by size.

Eisenhauer 2009, section 4.2, for targets at baseline; Seymour 2017 keeps a list of its own with the
same limits for new lesions.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

#: Eisenhauer 2009, section 4.2.
MOST_TARGETS = 5
MOST_PER_ORGAN = 2

#: All nodes are one organ, and so is each pair of organs (EORTC FAQ, two target lesions).
NODES = "lymph nodes"
_SIDES = re.compile(r"\b(left|right|l|r|lt|rt|both|bilateral)\b[ .,_-]*")


class MeasurableLesion(NamedTuple):
    """A measurable lesion.

    Attributes:
        last: chosen only after those that are not (a cyst, where there is solid disease).
    """

    name: str
    organ: str
    size_mm: Decimal
    last: bool = False


def organ_of(organ: str, *, is_node: bool) -> str:
    """The organ that counts: nodes are one, left and right are one."""
    return NODES if is_node else " ".join(_SIDES.sub(" ", organ.lower()).split())


def choose(
    candidates: Iterable[MeasurableLesion], *, by_organ: bool, taken: Sequence[str] = ()
) -> tuple[str, ...]:
    """The lesions that fit, in the order of choice.

    Args:
        candidates: measurable lesions with the organ from :func:`organ_of`.
        by_organ: the largest of each organ first (all organs represented), then by size; or by
            size alone. Equal sizes: by name.
        taken: organs of lesions chosen before, which use up the limits.
    """
    order = sorted(candidates, key=lambda each: (each.last, -each.size_mm, each.name))
    if by_organ:
        represented = set(taken)
        first: list[MeasurableLesion] = []
        rest: list[MeasurableLesion] = []
        for lesion in order:
            (rest if lesion.organ in represented else first).append(lesion)
            represented.add(lesion.organ)
        order = first + rest
    used = Counter(taken)
    chosen: list[str] = []
    for lesion in order:
        if used.total() < MOST_TARGETS and used[lesion.organ] < MOST_PER_ORGAN:
            used[lesion.organ] += 1
            chosen.append(lesion.name)
    return tuple(chosen)
