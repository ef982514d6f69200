"""The columns that a table has to have, and how its header is matched to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from imaging.errors import InputError
from imaging.spelling import did_you_mean, nearest_of

DATE, DAY = "date", "day"

#: As many as a sheet of Excel can have; a table with more is no table of measurements.
MOST_COLUMNS = 16_384
#: Columns beyond these are counted, not named.
MOST_NAMED = 12


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one kind of table.

    Attributes:
        required: must be there; ``optional``: are read when present.
        is_dated: whether one of ``date`` and ``day`` must be there as well.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    is_dated: bool = True

    @property
    def known(self) -> frozenset[str]:
        return frozenset((*self.required, *self.optional, *((DATE, DAY) if self.is_dated else ())))

    def fit(self, header: Sequence[str]) -> bool:
        """Whether a row is the header of such a table."""
        names = set(plain_names(header))
        dated = not self.is_dated or DATE in names or DAY in names
        return dated and names.issuperset(self.required)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each known column of a table is.

    Attributes:
        width: number of columns of the header.
        position: column name to its index.
        has_dates: whether the time is a date; otherwise it is a day.
        unknown: columns that are not read.
    """

    width: int
    position: dict[str, int]
    has_dates: bool
    unknown: tuple[str, ...]

    @property
    def time_column(self) -> str:
        return DATE if self.has_dates else DAY


def plain_names(header: Sequence[str]) -> list[str]:
    """Column names as they are compared: case and outer blanks do not count."""
    return [name.removeprefix("\ufeff").strip().lower() for name in header]


def match_header(header: Sequence[str], where: str, columns: Columns) -> Layout:
    """Match a header with the columns of a table.

    Raises:
        InputError: a column is missing (with the nearest name found), is there twice, or both or
            neither of ``date`` and ``day`` are there.
    """
    names = plain_names(header)
    if len(names) > MOST_COLUMNS:
        what = f"{len(names)} columns, {MOST_COLUMNS} at most"
        raise InputError(what, where=where, remedy="give one row per date and lesion")
    twice = next((name for name, n in Counter(names).items() if n > 1 and name), None)
    if twice is not None:
        raise InputError(f"two columns named {twice!r}", where=where, remedy="rename one")
    has_dates, has_days = DATE in names, DAY in names
    if columns.is_dated and has_dates and has_days:
        raise InputError(
            "columns 'date' and 'day' are both there", where=where, remedy="keep one of them"
        )
    missing = [name for name in columns.required if name not in names]
    if columns.is_dated and not has_dates and not has_days:
        missing.insert(1, DATE)
    if missing:
        time = " and date or day" if columns.is_dated else ""
        raise InputError(
            "; ".join(_missing(name, names) for name in missing),
            where=where,
            remedy=f"the table needs {', '.join(columns.required)}{time}",
        )
    position = {name: index for index, name in enumerate(names) if name in columns.known}
    unknown = tuple(name for name in names if name and name not in columns.known)
    return Layout(len(names), position, columns.is_dated and has_dates, unknown)


def listed(names: Sequence[str]) -> str:
    """Names in a line, the last of very many as a count."""
    shown = ", ".join(names[:MOST_NAMED])
    return shown if len(names) <= MOST_NAMED else f"{shown} and {len(names) - MOST_NAMED} more"


def nearest(value: str, choices: Sequence[str]) -> str:
    """Advice on a word that is none of the choices."""
    return f"{did_you_mean(value.lower(), choices)}allowed: {', '.join(choices)}"


def _missing(name: str, names: Sequence[str]) -> str:
    near = nearest_of(name, names)
    wanted = f"column {name!r} is missing" + (" (or 'day')" if name == DATE else "")
    return f"{wanted}; column {near[:100]!r} is the nearest" if near else wanted
