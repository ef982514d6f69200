"""The columns of the tables, and how a header is matched to them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from imaging.errors import InputError

#: The measurement table: columns that must be there; the date is one of two.
REQUIRED = ("subject", "lesion", "role", "organ", "nodal", "status", "diameter_mm")
DATE, DAY = "date", "day"

#: Columns that are read when present.
OPTIONAL = (
    "merged_into",
    "field",
    "reader",
    "sum_mm",
    "slice_thickness_mm",
    "tracking_uid",
    "volume_ml",
    "suv_max",
    "suv_mean",
    "suv_peak",
    "visit",
)

EVENT_COLUMNS = ("subject", "event")
RESPONSE_COLUMNS = ("subject", "overall")

#: Below this likeness two column names are not offered as a slip of one for the other.
LEAST_LIKENESS = 0.6


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


def match_header(
    header: Sequence[str],
    where: str,
    *,
    required: Sequence[str] = REQUIRED,
    optional: Sequence[str] = OPTIONAL,
) -> Layout:
    """Match a header with the columns of the contract; case and outer blanks do not count.

    Raises:
        InputError: a column is missing (with the nearest name found), is there twice, or both or
            neither of ``date`` and ``day`` are there.
    """
    names = [name.strip().lower().removeprefix("\ufeff") for name in header]
    for name in names:
        if name and names.count(name) > 1:
            raise InputError(f"two columns named {name!r}", where=where, remedy="rename one")
    has_dates, has_days = DATE in names, DAY in names
    if has_dates and has_days:
        raise InputError(
            "columns 'date' and 'day' are both there", where=where, remedy="keep one of them"
        )
    missing = [name for name in required if name not in names]
    if not has_dates and not has_days:
        missing.insert(1, DATE)
    if missing:
        raise InputError(
            "; ".join(_missing(name, names) for name in missing),
            where=where,
            remedy=f"the table needs {', '.join(required)} and date or day",
        )
    known = {DATE, DAY, *required, *optional}
    position = {name: index for index, name in enumerate(names) if name in known}
    unknown = tuple(name for name in names if name and name not in known)
    return Layout(len(names), position, has_dates, unknown)


def _missing(name: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, [n for n in names if n], 1, LEAST_LIKENESS)
    wanted = f"column {name!r} is missing" + (" (or 'day')" if name == DATE else "")
    return f"{wanted}; column {near[0]!r} is the nearest" if near else wanted


def nearest(value: str, choices: Sequence[str]) -> str:
    """Advice on a word that is none of the choices."""
    near = difflib.get_close_matches(value.lower(), choices, 1, LEAST_LIKENESS)
    listed = ", ".join(choices)
    return f"did you mean {near[0]!r}? allowed: {listed}" if near else f"allowed: {listed}"
