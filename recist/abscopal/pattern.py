"""Where disease progressed first: in the field, outside, at its margin, or as new lesions.

Each site is judged by RECIST 1.1 on its own lesions. Sites that progress at the same scan are a
mixed failure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

from recist.abscopal.timeline import Timeline
from recist.course import Course, Field
from recist.criteria import recist11
from recist.field.scope import fields_of
from recist.papers import RECIST11
from recist.protocol import Protocol
from recist.response import Assessment, Reason, Response, Scope

SOURCE = f"{RECIST11('4.3.1')}, on the lesions of each site"


class Site(StrEnum):
    IN_FIELD = "in-field"
    KNOWN_OUT = "known out-of-field"
    NEW_OUT = "new out-of-field"
    MARGINAL = "marginal or low-dose"
    UNKNOWN = "field unknown"


class Pattern(StrEnum):
    NONE = "none"
    IN_FIELD = "in-field"
    KNOWN_OUT = "known out-of-field"
    NEW_OUT = "new out-of-field"
    MARGINAL = "marginal or low-dose"
    UNKNOWN = "field unknown"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class FirstFailure:
    """The first progression after radiotherapy.

    Attributes:
        sites: all that progressed at that scan; empty for progression of the whole sum alone.
    """

    pattern: Pattern
    day: int | None
    sites: tuple[Site, ...]
    reason: Reason


def first_failure(course: Course, timeline: Timeline, protocol: Protocol) -> FirstFailure:
    """The pattern of first failure.

    Args:
        course: with the baseline before radiotherapy as its first time point.
    """
    out = fields_of(Scope.OUT_OF_FIELD, protocol)
    groups = {
        Site.IN_FIELD: frozenset({Field.IN}),
        Site.KNOWN_OUT: out,
        Site.MARGINAL: frozenset({Field.PARTIAL, Field.LOW_DOSE}) - out,
        Site.UNKNOWN: frozenset({Field.UNKNOWN}),
    }
    found: list[tuple[Site, Assessment]] = []
    for site, fields in groups.items():
        failure = _progression(course, fields, timeline, protocol)
        if failure is not None:
            found += _sites(site, failure)
    whole = _progression(course, frozenset(Field), timeline, protocol)
    days = [_day(each) for _, each in found] + ([_day(whole)] if whole else [])
    day = min(days, default=None)
    if day is None:
        return _failure(Pattern.NONE, None, (), "No progression at any site after radiotherapy.")
    first = [(site, each) for site, each in found if _day(each) == day]
    sites = tuple(dict.fromkeys(site for site, _ in first))
    if not sites:
        sentence = (
            f"Day {day}: the sum of all lesions progressed, that of no single site did: "
            f"{_why(whole)}"
        )
        return _failure(Pattern.MIXED, day, (), sentence)
    pattern = Pattern(sites[0].value) if len(sites) == 1 else Pattern.MIXED
    why = " ".join(dict.fromkeys(f"{site}: {_why(each)}" for site, each in first))
    remark = "" if whole is not None and _day(whole) == day else " Whole-body response is not PD."
    fibrosis = " An irradiated lesion that grows may be fibrosis." * (Site.IN_FIELD in sites)
    return _failure(pattern, day, sites, f"Day {day}: {why}{remark}{fibrosis}")


def _sites(site: Site, failure: Assessment) -> list[tuple[Site, Assessment]]:
    """Outside of the field, known and new lesions are sites of their own."""
    if site is not Site.KNOWN_OUT or not failure.new_lesion:
        return [(site, failure)]
    both = [(Site.NEW_OUT, failure)]
    if Response.PD in (failure.target, failure.non_target):
        both.insert(0, (Site.KNOWN_OUT, failure))
    return both


def _progression(
    course: Course, fields: frozenset[Field], timeline: Timeline, protocol: Protocol
) -> Assessment | None:
    ids = [each.id for each in course.lesions if each.field in fields]
    if not ids:
        return None
    part = course if len(ids) == len(course.lesions) else course.restricted_to(ids)
    judged = recist11.assess(part, _with_no_disease(protocol))
    counted = set(timeline.observed_days)
    return next(
        (each for each in judged if each.day in counted and each.overall is Response.PD), None
    )


@lru_cache(maxsize=64)
def _with_no_disease(protocol: Protocol) -> Protocol:
    """The protocol that calls a site without disease that; made once, for making one checks it."""
    return replace(protocol, no_disease="ned")


def _day(assessment: Assessment) -> int:
    """The day of the first sign, which counts."""
    back = assessment.progression_day
    return assessment.day if back is None else back


def _why(assessment: Assessment | None) -> str:
    return assessment.reasons[0].sentence if assessment is not None else ""


def _failure(
    pattern: Pattern, day: int | None, sites: tuple[Site, ...], sentence: str
) -> FirstFailure:
    rule = f"first-failure-{pattern.name.lower().replace('_', '-')}"
    numbers = () if day is None else (("day", str(day)),)
    return FirstFailure(pattern, day, sites, Reason(rule, SOURCE, sentence, numbers))
