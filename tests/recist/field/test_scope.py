"""Which lesions belong to which side of the field."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recist.course import Course, Field, Lesion, Role, Timepoint
from recist.field.scope import scopes_of, within
from recist.protocol import DEFAULT, Protocol
from recist.response import Scope

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


def test_a_side_without_lesions_is_not_assessed() -> None:
    low = course(("L1", Role.TARGET, Field.IN), ("L2", Role.TARGET, Field.LOW_DOSE))
    assert scopes_of(low, DEFAULT) == (Scope.ALL, Scope.IN_FIELD)
    assert scopes_of(low, PRAGMATIC) == (Scope.ALL, Scope.IN_FIELD, Scope.OUT_OF_FIELD)
    unknown = course(("L1", Role.TARGET, Field.UNKNOWN))
    assert scopes_of(unknown, PRAGMATIC) == (Scope.ALL,)
