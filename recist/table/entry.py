"""What a row of the measurement table says: the row itself, and what it shares with other rows."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from recist.course import Lesion, Measurement, Role, Status


@dataclass(frozen=True, slots=True)
class LesionEntry:
    """What a row says beside its subject and its time: one object for all rows that say the same.

    Attributes:
        name: of the lesion; empty where the row says only that the visit took place, and what
            stands here of a lesion says nothing.
        seen: drawn by the reader unless a column names another one: a table may be one reader's
            while single outlines are a network's.
        sum_mm, slice_thickness_mm: as recorded beside the lesion.
    """

    name: str
    lesion: Lesion
    seen: Measurement
    reader: str = ""
    visit: str = ""
    sum_mm: Decimal | None = None
    slice_thickness_mm: Decimal | None = None

    @property
    def shows_new_lesion(self) -> bool:
        return self.lesion.role is Role.NEW and self.seen.status not in _UNSEEN


_UNSEEN = (Status.ABSENT, Status.NOT_EVALUABLE)

#: What a row without a lesion says, of which only the reader counts.
VISIT_ALONE = LesionEntry(
    "",
    Lesion("none", "", False, Role.NON_TARGET),
    Measurement("none", Status.NOT_EVALUABLE),
)


class Record(NamedTuple):
    """One row. Sorted, the rows of a subject lie by visit, then lesion, its parts as in the file.

    Attributes:
        when: a day, or the ordinal of a date.
        lesion: its name; empty for a visit alone.
        row: its number in the table, which no other row has.
        unread: the cells of columns that are not read, and the number of a part; two rows of a
            lesion in several parts may differ in them alone.
    """

    when: int
    lesion: str
    row: int
    entry: LesionEntry
    unread: tuple[str, ...] = ()


#: A row as its bare values, those of a :class:`Record`: what a table has millions of.
Row: TypeAlias = tuple[int, str, int, LesionEntry, tuple[str, ...]]
