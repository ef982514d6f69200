"""Which lesions belong to which side of the field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from recist.assessment import assess_course
from recist.course import Course, Field
from recist.field.scope import scopes_of, within
from recist.protocol import DEFAULT, Protocol
from recist.response import Response, Scope
from tests.recist.patients import course

PRAGMATIC = replace(DEFAULT, out_of_field_set="pragmatic")
ANYWHERE = replace(DEFAULT, new_lesion_position="anywhere")


def at_baseline(fields: Mapping[str, Field]) -> Course:
    """Lesions that were seen once: T... targets, N... new."""
    return course({0: dict.fromkeys(fields, "NE")}, organs="lung", fields=fields)


#: A target on every side of the field, and two new lesions.
EVERY = at_baseline(
    {
        **{f"T-{field.value}": field for field in Field},
        "N-in": Field.IN,
        "N-unknown": Field.UNKNOWN,
    }
)


@pytest.mark.parametrize(
    ("protocol", "scope", "names"),
    [
        (DEFAULT, Scope.IN_FIELD, ["N-in", "T-in"]),
        (DEFAULT, Scope.OUT_OF_FIELD, ["T-out"]),
        (PRAGMATIC, Scope.IN_FIELD, ["N-in", "T-in"]),
        (PRAGMATIC, Scope.OUT_OF_FIELD, ["T-low-dose", "T-out"]),
        (ANYWHERE, Scope.OUT_OF_FIELD, ["N-in", "N-unknown", "T-out"]),
    ],
)
def test_the_lesions_of_a_side(protocol: Protocol, scope: Scope, names: list[str]) -> None:
    assert [lesion.id for lesion in within(EVERY, scope, protocol).lesions] == names


def test_all_lesions_are_the_course_itself() -> None:
    assert within(EVERY, Scope.ALL, DEFAULT) is EVERY


def test_each_side_is_asked_about_where_a_field_is_known() -> None:
    low = at_baseline({"T1": Field.IN, "T2": Field.LOW_DOSE})
    assert scopes_of(low) == (Scope.ALL, Scope.IN_FIELD, Scope.OUT_OF_FIELD)
    assert scopes_of(at_baseline({"T1": Field.UNKNOWN})) == (Scope.ALL,)


@pytest.mark.parametrize("criteria", ["recist11", "irecist", "irrecist", "imrecist"])
def test_a_side_without_lesions_is_not_evaluable(criteria: str) -> None:
    irradiated = course({0: {"T1": 30}, 56: {"T1": 10}}, fields=Field.IN)
    seen, outcomes = assess_course(irradiated, (criteria,), DEFAULT)
    (outside,) = [each for each in seen if each.scope is Scope.OUT_OF_FIELD]
    assert outside.overall is Response.NE
    assert outside.reasons[0].sentence == "Not evaluable: no lesion is out of field."
    (best,) = [each.best_overall for each in outcomes if each.scope is Scope.OUT_OF_FIELD]
    assert best is Response.NE
