"""The table of criteria: what each is called, which words it answers in, and who assesses by it.

To add one, write its module with an ``assess`` and give it a row here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from imaging.errors import InputError
from imaging.spelling import did_you_mean
from recist.course import Course
from recist.criteria import imrecist, irecist, irrecist, recist11
from recist.criteria.family import BURDEN, IMMUNE, METABOLIC, RECIST, Family
from recist.protocol import Protocol
from recist.response import Assessment, Scope

AssessCourse = Callable[[Course, Protocol, Scope], tuple[Assessment, ...]]


class CriterionError(InputError):
    """A criterion that does not exist, or that does not assess what it was asked to."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """A set of criteria.

    Attributes:
        name: in tables and options.
        title: as people write it.
        family: its words, from which end points are computed.
        assess: a course to the response at each follow-up; None where responses come from
            elsewhere, as those to a table of uptake do.
        aliases: other names that it answers to, in small letters without blanks.
    """

    name: str
    title: str
    family: Family
    assess: AssessCourse | None
    aliases: tuple[str, ...] = ()


CRITERIA: Mapping[str, Criterion] = {
    row.name: row
    for row in (
        Criterion(recist11.NAME, "RECIST 1.1", RECIST, recist11.assess, ("recist", "recist1.1")),
        Criterion(irecist.NAME, "iRECIST", IMMUNE, irecist.assess),
        Criterion(irrecist.NAME, "irRECIST", BURDEN, irrecist.assess),
        Criterion(imrecist.NAME, "imRECIST", BURDEN, imrecist.assess),
        Criterion("percist", "PERCIST", METABOLIC, None),
    )
}
#: Those that a course of diameters is assessed by.
ASSESSING = tuple(name for name, row in CRITERIA.items() if row.assess is not None)
#: What is asked for unless something is.
DEFAULT_CRITERIA = ("recist11", "irecist")

_NAMES = {alias: row.name for row in CRITERIA.values() for alias in (row.name, *row.aliases)}


@cache
def criterion_named(name: str) -> Criterion:
    """The criterion of a name, in any case and with or without blanks and hyphens.

    Raises:
        CriterionError: there is none, with the nearest.
    """
    key = "".join(name.lower().replace("-", "").replace("_", "").split())
    if key not in _NAMES:
        raise CriterionError(
            f"unknown criterion {name!r}",
            remedy=f"{did_you_mean(key, _NAMES)}known: {', '.join(CRITERIA)}",
        )
    return CRITERIA[_NAMES[key]]


def names_of_criteria(names: Iterable[str], *, of_responses: bool = False) -> tuple[str, ...]:
    """The criteria that are meant, by their own names, each once.

    Args:
        of_responses: responses are there already, so that those count too which assess no course.

    Raises:
        CriterionError: one does not exist or assesses no course, or there is none at all.
    """
    return _names_of_criteria(tuple(names), of_responses)


@lru_cache(maxsize=64)
def _names_of_criteria(names: tuple[str, ...], of_responses: bool) -> tuple[str, ...]:
    found = [criterion_named(name) for name in names]
    for row in found:
        if row.assess is None and not of_responses:
            raise CriterionError(
                f"{row.title} does not assess diameters", remedy=f"one of {', '.join(ASSESSING)}"
            )
    if not found and not of_responses:
        raise CriterionError("no criteria", remedy=f"give some of {', '.join(ASSESSING)}")
    return tuple(dict.fromkeys(row.name for row in found))


def criterion_of(family: Family) -> Criterion:
    """The first criterion that answers in these words."""
    return next(row for row in CRITERIA.values() if row.family is family)


def title_of(name: str) -> str:
    """How people write the criterion of a name; the name itself where it has no row."""
    row = CRITERIA.get(name)
    return name if row is None else row.title
