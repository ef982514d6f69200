"""The sets of lesions that an answer is about: all, in the irradiated field, outside of it.

Partly irradiated lesions belong to neither side: neither full effect nor none can be expected of
them. Whether a lesion in the low-dose bath counts as outside, and whether a new lesion counts on
the side on which it lies or on both, are settings.
"""

from __future__ import annotations

from collections.abc import Iterator

from recist.course import Course, Field, Role
from recist.protocol import Protocol
from recist.response import Scope

_ALL, _UNKNOWN = Scope.ALL, Field.UNKNOWN
_WHOLE = (Scope.ALL,)
_EACH_SIDE = (Scope.ALL, Scope.IN_FIELD, Scope.OUT_OF_FIELD)


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
    if scope is _ALL:
        return course
    return course.restricted_to(lesions_within(course, scope, protocol))


def lesions_within(course: Course, scope: Scope, protocol: Protocol) -> tuple[str, ...]:
    """The lesions of a scope."""
    fields = fields_of(scope, protocol)
    anywhere = protocol.new_lesion_position == "anywhere"
    return tuple(
        lesion.id
        for lesion in course.lesions
        if lesion.field in fields or (anywhere and lesion.role is Role.NEW)
    )


def scopes_of(course: Course) -> tuple[Scope, ...]:
    """The scopes to assess a course on: all lesions and, where a field is known, each side of it.

    A side without any lesion is one of them: that nothing could be seen there is an answer.
    """
    for lesion in course.lesions:
        if lesion.field is not _UNKNOWN:
            return _EACH_SIDE
    return _WHOLE


def parts_of(course: Course, protocol: Protocol) -> Iterator[tuple[Scope, Course]]:
    """The course and what it is on each side of the field that has lesions."""
    for scope in scopes_of(course):
        part = within(course, scope, protocol)
        if part.lesions or scope is Scope.ALL:
            yield scope, part
