"""Which lesions belong to which side of the field."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from recist.assessment import assess_course
from recist.course import Course, Field, Lesion, Measurement, Role, Status, Timepoint
from recist.field.scope import scopes_of, within
from recist.protocol import DEFAULT, Protocol
from recist.response import Response, Scope

PRAGMATIC = replace(DEFAULT, out_of_field_set="pragmatic")
ANYWHERE = replace(DEFAULT, new_lesion_position="anywhere")


def course(*lesions: tuple[str, Role, Field]) -> Course:
    return Course(
        "S1",
        tuple(Lesion(name, "lung", False, role, field) for name, role, field in lesions),
        (Timepoint(0, ()),),
    )


EVERY = course(
    *[(field.value, Role.TARGET, field) for field in Field],
    ("new-in", Role.NEW, Field.IN),
    ("new-unknown", Role.NEW, Field.UNKNOWN),
)


@pytest.mark.parametrize(
    ("protocol", "scope", "names"),
    [
        (DEFAULT, Scope.IN_FIELD, ["in", "new-in"]),
        (DEFAULT, Scope.OUT_OF_FIELD, ["out"]),
        (PRAGMATIC, Scope.IN_FIELD, ["in", "new-in"]),
        (PRAGMATIC, Scope.OUT_OF_FIELD, ["low-dose", "out"]),
        (ANYWHERE, Scope.OUT_OF_FIELD, ["out", "new-in", "new-unknown"]),
    ],
)
def test_the_lesions_of_a_side(protocol: Protocol, scope: Scope, names: list[str]) -> None:
    assert [lesion.id for lesion in within(EVERY, scope, protocol).lesions] == names


def test_all_lesions_are_the_course_itself() -> None:
    assert within(EVERY, Scope.ALL, DEFAULT) is EVERY


def test_each_side_is_asked_about_where_a_field_is_known() -> None:
    low = course(("L1", Role.TARGET, Field.IN), ("L2", Role.TARGET, Field.LOW_DOSE))
    assert scopes_of(low) == (Scope.ALL, Scope.IN_FIELD, Scope.OUT_OF_FIELD)
    assert scopes_of(course(("L1", Role.TARGET, Field.UNKNOWN))) == (Scope.ALL,)


@pytest.mark.parametrize("criteria", ["recist11", "irecist", "irrecist", "imrecist"])
def test_a_side_without_lesions_is_not_evaluable(criteria: str) -> None:
    irradiated = Course(
        "S1",
        (Lesion("L1", "lung", False, Role.TARGET, Field.IN),),
        tuple(
            Timepoint(day, (Measurement("L1", Status.MEASURED, (Decimal(size),)),))
            for day, size in ((0, 30), (56, 10))
        ),
    )
    seen, outcomes = assess_course(irradiated, (criteria,), DEFAULT)
    (outside,) = [each for each in seen if each.scope is Scope.OUT_OF_FIELD]
    assert outside.overall is Response.NE
    assert outside.reasons[0].sentence == "Not evaluable: no lesion is out of field."
    (best,) = [each.best_overall for each in outcomes if each.scope is Scope.OUT_OF_FIELD]
    assert best is Response.NE
