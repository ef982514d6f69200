"""How sure the categories of a course are, for every set of its lesions."""

from __future__ import annotations

from recist.course import Course
from recist.criteria.robustness import ONE_READER, MeasurementError, category_probabilities
from recist.field.scope import parts_of
from recist.patient.result import Certainty
from recist.protocol import Protocol


def certainties_of(
    course: Course, protocol: Protocol, error: MeasurementError = ONE_READER
) -> tuple[Certainty, ...]:
    """How sure each RECIST 1.1 category is, on all lesions and on each side of the field."""
    return tuple(
        Certainty(scope, point)
        for scope, part in parts_of(course, protocol)
        for point in category_probabilities(part, protocol, error=error, scope=scope)
    )
