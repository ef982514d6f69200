"""Subjects whose names differ by what the eye takes for the same: a slip costs a patient his rows.

``P1`` and ``p1``, ``007`` and ``7``, a hyphen and a dash, a letter of another script: each would be
a subject of its own, with a baseline of its own, and neither answer would be right. They stay
apart, for they may be two; that they look alike is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from imaging.tables.letters import folded
from recist.table.finding import Finding, Severity

#: Beyond so many subjects nobody wrote the names by hand, and keeping them all would fill memory.
MOST_COMPARED = 200_000


class AlikeSubjects:
    """Remembers the subjects of a table, and tells of those that look like an earlier one."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}

    def add(self, names: Iterable[str]) -> Iterator[Finding]:
        for name in names:
            if len(self._first) >= MOST_COMPARED:
                return
            first = self._first.setdefault(folded(name), name)
            if first != name:
                what = f"two subjects whose names look alike: {first!a} and {name!a}"
                remedy = "assessed as two: if they are one, write the name in one way"
                yield Finding(Severity.WARNING, "alike-subjects", name, None, what, remedy)
