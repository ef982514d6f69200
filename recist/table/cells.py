"""From the text of a cell to its value."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TypeVar

from recist.course import LARGEST_DIAMETER_MM, EventKind, Field, Role, Status
from recist.response import Response
from recist.table.layout import nearest

Kind = TypeVar("Kind", Status, Role, Field, EventKind)

_YES = frozenset({"yes", "y", "true", "1"})
_NO = frozenset({"no", "n", "false", "0"})

#: Spellings in use for the same response.
_RESPONSE_SPELLINGS = {
    "NOT EVALUABLE": Response.NE,
    "INEVALUABLE": Response.NE,
    "NON-CR/NON-PD": Response.NON_CR_NON_PD,
    "NONCR/NONPD": Response.NON_CR_NON_PD,
    "NON CR/NON PD": Response.NON_CR_NON_PD,
    "NN": Response.NON_CR_NON_PD,
    "NON-ICR/NON-IUPD": Response.NON_ICR_NON_IUPD,
    "NOT DONE": Response.ND,
}
_RESPONSES = {response.value.upper(): response for response in Response} | _RESPONSE_SPELLINGS


class CellError(ValueError):
    """A cell that cannot be read: what it holds, and what to do. Every function here raises it."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


def _key(text: str) -> str:
    return "-".join(text.strip().lower().replace("_", " ").replace("-", " ").split())


@lru_cache(maxsize=256)
def status(text: str) -> Status:
    """The status of a lesion."""
    return _member(Status, text)


@lru_cache(maxsize=256)
def role(text: str) -> Role:
    """The role of a lesion."""
    return _member(Role, text)


@lru_cache(maxsize=256)
def field(text: str) -> Field:
    """A field class; unknown when the cell is empty."""
    return _member(Field, text) if text.strip() else Field.UNKNOWN


@lru_cache(maxsize=256)
def event_kind(text: str) -> EventKind:
    """The kind of an event."""
    return _member(EventKind, text)


@lru_cache(maxsize=256)
def response(text: str) -> Response:
    """A response, in any case."""
    found = _RESPONSES.get(" ".join(text.upper().split()))
    if found is None:
        raise CellError(*_unknown("response", text, [r.value for r in Response]))
    return found


@lru_cache(maxsize=256)
def yes(text: str) -> bool:
    """Yes or no."""
    word = text.strip().lower()
    if word not in _YES | _NO:
        raise CellError(f"nodal is {text!r}", "write yes or no")
    return word in _YES


@lru_cache(maxsize=8192)
def diameter(text: str) -> Decimal:
    """A diameter in mm, exactly as written.

    Raises:
        CellError: not a number, negative, or longer than any lesion.
    """
    try:
        value = _decimal(text)
    except InvalidOperation:
        remedy = "write the decimal point as '.'" if "," in text else "write a number in mm"
        raise CellError(f"diameter {text!r} is not a number", remedy) from None
    if not value.is_finite() or value < 0:
        raise CellError(f"a diameter of {text} mm", "write a number in mm, 0 or more")
    if value > LARGEST_DIAMETER_MM:
        raise CellError(f"a diameter of {text} mm", "no lesion is longer than 2 m: check the unit")
    return value


@lru_cache(maxsize=8192)
def ordinal(text: str) -> int:
    """The proleptic ordinal of an ISO date; the time of day, where there is one, is dropped.

    Raises:
        CellError: not an ISO date.
    """
    try:
        return dt.date.fromisoformat(text.strip()[:10]).toordinal()
    except ValueError:
        raise CellError(f"date {text!r} is not a date", "write dates as YYYY-MM-DD") from None


@lru_cache(maxsize=8192)
def day(text: str) -> int:
    """A whole day.

    Raises:
        CellError: not a whole number.
    """
    try:
        value = _decimal(text.strip())
        whole = int(value)
    except (InvalidOperation, ValueError, OverflowError):
        raise CellError(f"day {text!r} is not a number", "write whole days") from None
    if value != whole:
        raise CellError(f"day {text!r} is not a whole number", "write whole days")
    return whole


def number(text: str) -> float | None:
    """A further number (volume, SUV); None when the cell is empty.

    Raises:
        CellError: not a finite number.
    """
    if not text.strip():
        return None
    try:
        value = _decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise CellError(f"{text!r} is not a number", "write a number, or leave the cell empty")
    return float(value)


def _decimal(text: str) -> Decimal:
    """A number in plain digits: underscores, which Python reads over, are slips of the pen."""
    if "_" in text:
        raise InvalidOperation
    return Decimal(text)


def _member(kind: type[Kind], text: str) -> Kind:
    try:
        return kind(_key(text))
    except ValueError:
        name = kind.__name__.lower().removesuffix("kind")
        raise CellError(*_unknown(name, text, [member.value for member in kind])) from None


def _unknown(name: str, text: str, choices: list[str]) -> tuple[str, str]:
    what = f"{name} {text!r} is unknown" if text.strip() else f"{name} is empty"
    return what, nearest(text, choices)
