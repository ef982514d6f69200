"""Values of a course as a caller gives them: what can mean one thing is taken, the rest refused.

A word of the vocabulary may differ in case, blanks, hyphens and underscores; a length may be a
whole number, a decimal, its text, or a float that stands for a recorded decimal. A float such as
30.299999999999997 is what binary arithmetic left of some decimal, and near a threshold it matters
which: it is refused.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from numbers import Integral, Real
from typing import TypeVar, cast

from imaging.errors import InputError
from imaging.spelling import did_you_mean

Item = TypeVar("Item")

#: A float with more decimals is no recorded diameter: readers record to 0.1 mm, software to 0.01.
FLOAT_DECIMALS = 2
#: Characters of a refused value that an error shows.
LONGEST_SHOWN = 60

_YES = frozenset({"yes", "y", "true", "1"})
_NO = frozenset({"no", "n", "false", "0"})


class CourseError(InputError):
    """A course that contradicts itself, or a value of it that cannot be understood."""


class UnknownWordError(CourseError, ValueError):
    """A word that is not of the vocabulary; the remedy names the nearest."""


class Word(StrEnum):
    """A word of the vocabulary: ``Role("Non target")`` is ``Role.NON_TARGET``.

    Raises:
        UnknownWordError: with the nearest word.
    """

    __hash__ = str.__hash__  # as its text, which it is equal to, and no function of Python

    @classmethod
    def _missing_(cls, value: object) -> Word:
        if isinstance(value, str):
            spelt = spelling(value)
            for member in cls:
                if member.value == spelt:
                    return member
        name = cls.__name__.lower().removesuffix("kind")
        words = [member.value for member in cls]
        asked = did_you_mean(spelling(str(value)), words)
        raise UnknownWordError(
            f"{name} {value!r} is unknown" if str(value).strip() else f"{name} is empty",
            remedy=f"{asked}allowed: {', '.join(words)}",
        )


def spelling(word: str) -> str:
    """A word in lower case, its parts joined by hyphens."""
    return "-".join(word.replace("_", " ").replace("-", " ").lower().split())


def decimal(value: object, what: str) -> Decimal:
    """A length, exactly as it was recorded.

    Args:
        what: the value's name in an error.

    Raises:
        CourseError: no number, or a float that does not say which decimal it stands for.
    """
    if isinstance(value, Decimal):
        return value
    if isinstance(value, str):
        found = _number(value)
        if found is None:
            raise _refused(what, value, "write a number in mm, with a decimal point")
        return found
    if _is_truth(value) or not isinstance(value, Real):
        raise _refused(what, value, "give a number in mm")
    if isinstance(value, Integral):
        return Decimal(int(value))
    exact = Decimal(str(value))  # the shortest decimal that the float stands for
    if exact.is_finite() and exact != round(exact, FLOAT_DECIMALS):
        near = round(exact, 1)
        raise _refused(what, value, f"give the recorded decimal: did you mean Decimal('{near}')?")
    return exact


def whole(value: object, what: str) -> int:
    """A whole number: a day.

    Raises:
        CourseError: something else, or a number that is not whole.
    """
    if isinstance(value, Integral) and not _is_truth(value):
        return int(value)
    is_number = isinstance(value, str | Decimal | Real) and not _is_truth(value)
    number = _number(str(value)) if is_number else None
    if number is None or not number.is_finite() or number != int(number):
        raise _refused(what, value, "give whole days from day_zero")
    return int(number)


def amount(value: object, what: str) -> float | None:
    """A volume or an uptake; None where there is none.

    Raises:
        CourseError: no finite number, or a negative one.
    """
    if value is None:
        return None
    if isinstance(value, Real | Decimal | str) and not _is_truth(value):
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if math.isfinite(number) and number >= 0:
            return number
    raise _refused(what, value, "give a number, 0 or more, or None")


def truth(value: object, what: str) -> bool:
    """Yes or no.

    Raises:
        CourseError: something else.
    """
    if _is_truth(value):
        return bool(value)
    if isinstance(value, str | Integral):
        word = str(value).strip().lower()
        if word in _YES | _NO:
            return word in _YES
    raise _refused(what, value, "give True or False, yes or no")


def name(value: object, what: str) -> str:
    """An identifier, which has to say something.

    Raises:
        CourseError: neither text nor a whole number, or empty.
    """
    if isinstance(value, Integral) and not _is_truth(value):
        return str(int(value))
    if not isinstance(value, str) or not value.strip():
        raise _refused(what, value, "give a text that is not empty")
    return str(value)


def date(value: object, what: str) -> dt.date | None:
    """A calendar date: a date, a time (its day counts) or ISO text; None where there is none.

    Raises:
        CourseError: something else.
    """
    if value is None or type(value) is dt.date:
        return value
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, str):
        try:
            return dt.date.fromisoformat(value.strip()[:10])
        except ValueError:
            pass
    raise _refused(what, value, "give a date, or text as YYYY-MM-DD")


def items(value: object, kind: type[Item], what: str) -> tuple[Item, ...]:
    """A sequence of one kind as a tuple.

    Raises:
        CourseError: not a sequence, or with something else in it.
    """
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise _refused(what, value, f"give a list of {kind.__name__}")
    found = tuple(value)
    for each in found:
        if not isinstance(each, kind):
            raise _refused(what, each, f"give {kind.__name__} objects")
    return cast(tuple[Item, ...], found)


def _number(text: str) -> Decimal | None:
    """A number in plain digits: underscores, which Python reads over, are slips of the pen."""
    try:
        return None if "_" in text else Decimal(text.strip())
    except InvalidOperation:
        return None


def _is_truth(value: object) -> bool:
    """Python's bool, which is an integer too, or NumPy's, which is another class of that name."""
    return type(value).__name__ == "bool"


def _refused(what: str, value: object, remedy: str) -> CourseError:
    shown = repr(value)
    shown = shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}..."
    return CourseError(f"{what} is {shown}", remedy=remedy)
