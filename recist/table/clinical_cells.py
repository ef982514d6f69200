"""From the text of a cell to its value: clinical words, and diameters.

Beside the documented words those of case report forms are read where they can mean one thing
only; :func:`is_plain_word` tells them apart, so that it can be said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache
from typing import TypeVar

from imaging.tables.cells import (
    CellError,
    as_recorded,
    day,
    decimal_of,
    has_decimal_comma,
    number,
    ordinal,
)
from imaging.tables.columns import nearest
from recist.course import LARGEST_DIAMETER_MM, EventKind, Field, Role, Status
from recist.response import Response

__all__ = [
    "CellError",
    "day",
    "diameter",
    "diameter_word",
    "event_kind",
    "field",
    "has_decimal_comma",
    "is_plain_word",
    "number",
    "ordinal",
    "response",
    "role",
    "status",
    "yes",
]

Kind = TypeVar("Kind", Status, Role, Field, EventKind)

_YES = frozenset({"yes", "y", "true", "1"})
_NO = frozenset({"no", "n", "false", "0"})

#: Words of case report forms that can mean one thing only, as :func:`_key` writes them.
_FORM_WORDS: Mapping[type, Mapping[str, str]] = {
    Role: {
        "tl": Role.TARGET,
        "target-lesion": Role.TARGET,
        "ntl": Role.NON_TARGET,
        "nontarget": Role.NON_TARGET,
        "non-target-lesion": Role.NON_TARGET,
        "nontarget-lesion": Role.NON_TARGET,
        "nl": Role.NEW,
        "new-lesion": Role.NEW,
    },
    Status: {
        "ne": Status.NOT_EVALUABLE,
        "not-evaluated": Status.NOT_EVALUABLE,
        "inevaluable": Status.NOT_EVALUABLE,
        "unevaluable": Status.NOT_EVALUABLE,
        "tstm": Status.TOO_SMALL,
        "too-small-to-measure": Status.TOO_SMALL,
        "disappeared": Status.ABSENT,
        "resolved": Status.ABSENT,
        "unequivocal-progression": Status.PROGRESSION,
    },
    Field: {
        "in-field": Field.IN,
        "infield": Field.IN,
        "inside": Field.IN,
        "out-of-field": Field.OUT,
        "outside": Field.OUT,
        "unk": Field.UNKNOWN,
    },
    EventKind: {"treatment-started": EventKind.TREATMENT_START, "died": EventKind.DEATH},
}

#: Words that say nothing of a lesion: neither that it was seen nor that it could not be.
_NOT_SAID = frozenset({"unk", "unknown", "nd", "not-done", "na", "n/a", "missing"})

#: Spellings in use for the same response.
_RESPONSE_SPELLINGS = {
    "COMPLETE RESPONSE": Response.CR,
    "PARTIAL RESPONSE": Response.PR,
    "STABLE DISEASE": Response.SD,
    "PROGRESSIVE DISEASE": Response.PD,
    "NO EVIDENCE OF DISEASE": Response.NED,
    "COMPLETE METABOLIC RESPONSE": Response.CMR,
    "PARTIAL METABOLIC RESPONSE": Response.PMR,
    "STABLE METABOLIC DISEASE": Response.SMD,
    "PROGRESSIVE METABOLIC DISEASE": Response.PMD,
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

#: What stands in place of a diameter where there is none.
_DIAMETER_WORDS = {
    "ne": Status.NOT_EVALUABLE,
    "not-evaluable": Status.NOT_EVALUABLE,
    "inevaluable": Status.NOT_EVALUABLE,
    "unk": Status.NOT_EVALUABLE,
    "nd": Status.NOT_EVALUABLE,
    "not-done": Status.NOT_EVALUABLE,
    "tstm": Status.TOO_SMALL,
    "too-small": Status.TOO_SMALL,
    "too-small-to-measure": Status.TOO_SMALL,
}
#: Words such as ``< 5 mm``: a lesion too small to measure (Eisenhauer 2009, section 4.3.2).
_BELOW_FIVE = re.compile(r"<\s*(5|5[.,]0+|[1-4]([.,]\d+)?)\s*(mm)?", re.ASCII)


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
        raise CellError(f"nodal is {text[:40]!r}", "write yes or no")
    return word in _YES


@lru_cache(maxsize=8192)
def diameter(text: str) -> Decimal:
    """A diameter in mm, as written up to 15 significant digits.

    Raises:
        CellError: not a number, negative, or longer than any lesion.
    """
    plain = text.strip()
    if plain.lower().endswith("mm"):
        plain = plain[:-2].rstrip()
    try:
        value = as_recorded(decimal_of(plain))
    except InvalidOperation:
        remedy = "write the decimal point as '.'" if "," in text else "write a number in mm"
        raise CellError(f"diameter {text[:40]!r} is not a number", remedy) from None
    if value < 0:
        raise CellError(f"a diameter of {text} mm", "write a number in mm, 0 or more")
    if value > LARGEST_DIAMETER_MM:
        raise CellError(f"a diameter of {text} mm", "no lesion is longer than 2 m: check the unit")
    return value


def diameter_word(text: str) -> Status | None:
    """The status that a word in place of a diameter means; None where it means none."""
    if _BELOW_FIVE.fullmatch(text.strip()):
        return Status.TOO_SMALL
    return _DIAMETER_WORDS.get(_key(text))


def is_plain_word(kind: type[StrEnum], text: str) -> bool:
    """Whether a word is a documented one, and not one that is merely understood."""
    return _key(text) not in _FORM_WORDS[kind]


def _member(kind: type[Kind], text: str) -> Kind:
    key = _key(text)
    try:
        return kind(_FORM_WORDS[kind].get(key, key))
    except ValueError:
        name = kind.__name__.lower().removesuffix("kind")
        what, remedy = _unknown(name, text, [member.value for member in kind])
        if kind is Status and key in _NOT_SAID:
            remedy = "write not-evaluable where the lesion could not be assessed"
        raise CellError(what, remedy) from None


def _unknown(name: str, text: str, choices: list[str]) -> tuple[str, str]:
    what = f"{name} {text[:40]!r} is unknown" if text.strip() else f"{name} is empty"
    return what, nearest(text, choices)
