"""From the text of a cell to its value, for the values that all tables have."""

from __future__ import annotations

import datetime as dt
import math
import re
from decimal import Context, Decimal, InvalidOperation
from functools import lru_cache

#: A recorded number has no more digits than Excel shows; the rest is noise of binary fractions.
SIGNIFICANT_DIGITS = 15
#: No examination is further from the start of treatment (a long life); larger is a slip.
FURTHEST_DAY = 50_000

_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d{1,3})?", re.ASCII)
#: A comma before three digits may as well part the thousands.
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+", re.ASCII)
_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2}|\d{8})([T ]\d{2}(:?\d{2}(:?\d{2}([.,]\d+)?)?)?(Z|[+-]\d{2}:?\d{2})?)?",
    re.ASCII,
)
_PARTED = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})", re.ASCII)
_WORDED = re.compile(r"(\d{1,2})[ -]?([A-Za-z]{3})[ -]?(\d{4})", re.ASCII)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

#: Orders in which a date may be written: by ISO 8601, or with day or month first.
DATE_ORDERS = ("iso", "day_first", "month_first")
_FROM_ORDER = {"day_first": (1, 0), "month_first": (0, 1)}


class CellError(ValueError):
    """A cell that cannot be read: what it holds, and what to do. Every function here raises it."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


#: What a spreadsheet takes for the beginning of a formula, and numbers that begin the same.
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
_FIRST_SIGNS = frozenset((*_FORMULA_SIGNS, "'"))
_SIGNED_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?( ?%| mm)?", re.ASCII)


def inert(text: str) -> str:
    """A text that no spreadsheet takes for a formula: an apostrophe leads where one could begin.

    Identifiers come from files of others, and a formula can run commands where it is opened. A text
    that looks as if it had been made safe already gets one more, so that each is told from others.
    """
    if text[:1] not in _FIRST_SIGNS:  # as nearly all
        return text
    bare = text.lstrip("'")
    if not bare.startswith(_FORMULA_SIGNS) or _SIGNED_NUMBER.fullmatch(bare):
        return text
    return f"'{text}"


def without_apostrophe(text: str) -> str:
    """The text that :func:`inert` made safe."""
    return text[1:] if text.startswith("'") and inert(text[1:]) == text else text


def decimal_of(text: str) -> Decimal:
    """A number in plain digits, exactly as written.

    A decimal comma is read where it can be nothing else. Underscores and the digits of other
    scripts, which Python reads over, are slips of the pen.

    Raises:
        InvalidOperation: no number.
    """
    text = text.strip()
    if not _NUMBER.fullmatch(text) or _THOUSANDS.fullmatch(text):
        raise InvalidOperation
    return Decimal(text.replace(",", "."))


def as_recorded(value: Decimal) -> Decimal:
    """A recorded length without the noise of binary fractions beyond 15 significant digits."""
    if len(value.as_tuple().digits) <= SIGNIFICANT_DIGITS:
        return value
    rounded = _ROUNDED.plus(value).normalize()
    whole = rounded.to_integral_value()
    return whole if rounded == whole else rounded


_ROUNDED = Context(prec=SIGNIFICANT_DIGITS)


def has_decimal_comma(text: str) -> bool:
    """Whether a number that could be read is written with a comma."""
    return "," in text


@lru_cache(maxsize=8192)
def ordinal(text: str, order: str = "iso") -> int:
    """The proleptic ordinal of a date; the time of day, where there is one, is dropped.

    Args:
        order: one of :data:`DATE_ORDERS`. A month in letters (01-MAR-2024) is read in any.

    Raises:
        CellError: no date, or one whose day and month cannot be told apart.
    """
    text = text.strip()
    try:
        if (iso := _ISO.fullmatch(text)) is not None:
            return dt.date.fromisoformat(iso[1]).toordinal()
        worded = _WORDED.fullmatch(text)
        if worded is not None and worded[2].lower() in _MONTHS:
            month = _MONTHS.index(worded[2].lower()) + 1
            return dt.date(int(worded[3]), month, int(worded[1])).toordinal()
        parted = _PARTED.fullmatch(text.partition(" ")[0])
        if parted is not None and order in _FROM_ORDER:
            first = (int(parted[1]), int(parted[3]))
            month_at, day_at = _FROM_ORDER[order]
            return dt.date(int(parted[4]), first[month_at], first[day_at]).toordinal()
    except ValueError:
        pass
    raise CellError(f"date {text[:40]!r} is not a date", _date_remedy(text, order))


def _date_remedy(text: str, order: str) -> str:
    if order == "iso" and _PARTED.fullmatch(text.partition(" ")[0]):
        return 'write YYYY-MM-DD, or say date_order = "day_first" in the protocol'
    if text.isascii() and text.isdigit() and len(text) == 5:
        return "a day count of Excel? format the column as YYYY-MM-DD"
    return "write dates as YYYY-MM-DD"


@lru_cache(maxsize=8192)
def day(text: str) -> int:
    """A whole day.

    Raises:
        CellError: no whole number, or further away than a life is long.
    """
    try:
        value = decimal_of(text)
    except InvalidOperation:
        raise CellError(f"day {text[:40]!r} is not a number", "write whole days") from None
    if abs(value) > FURTHEST_DAY:
        raise CellError(f"day {text[:40]!r} is further away than a life is long", "write days")
    if value != value.to_integral_value():
        raise CellError(f"day {text!r} is not a whole number", "write whole days")
    return int(value)


def number(text: str) -> float | None:
    """A further number (volume, SUV); None when the cell is empty.

    Raises:
        CellError: not a finite number.
    """
    if not text.strip():
        return None
    try:
        value = float(decimal_of(text))
    except InvalidOperation:
        value = math.nan
    if not math.isfinite(value):
        raise CellError(f"{text[:40]!r} is not a number", "write a number, or leave the cell empty")
    return value
