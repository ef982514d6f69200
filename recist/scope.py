"""The sets of lesions that an answer is about: all, in the irradiated field, outside of it.

Partly irradiated lesions belong to neither side: neither full effect nor none can be expected of
them. Whether a lesion in the low-dose bath counts as outside is a setting.
"""

from __future__ import annotations

from recist.course import Course, Field
from recist.protocol import Protocol
from recist.response import Scope


def fields_of(scope: Scope, protocol: Protocol) -> frozenset[Field]:
    """The field classes whose lesions belong to a scope."""
    if scope is Scope.IN_FIELD:
        return frozenset({Field.IN})
    if scope is Scope.OUT_OF_FIELD:
        low_dose = {Field.LOW_DOSE} if protocol.out_of_field_set == "pragmatic" else set()
        return frozenset({Field.OUT, *low_dose})
    return frozenset(Field)


def within(course: Course, scope: Scope, protocol: Protocol) -> Course:
    """The course seen through the lesions of a scope; baseline and nadir follow from them."""
    if scope is Scope.ALL:
        return course
    fields = fields_of(scope, protocol)
    return course.restricted_to(lesion.id for lesion in course.lesions if lesion.field in fields)


def scopes_of(course: Course) -> tuple[Scope, ...]:
    """The scopes that a course can be assessed on: three where the field of a lesion is known."""
    if all(lesion.field is Field.UNKNOWN for lesion in course.lesions):
        return (Scope.ALL,)
    return tuple(Scope)
