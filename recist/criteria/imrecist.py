"""imRECIST (Hodi 2018): measurable new lesions join the burden; progression needs confirmation."""

from __future__ import annotations

from recist.course import Course
from recist.criteria.diameter import exactly
from recist.criteria.measured_burden import assess_burden
from recist.papers import IMRECIST
from recist.protocol import Protocol
from recist.response import Assessment, Scope

NAME = "imrecist"
SOURCE = IMRECIST()


@exactly
def assess(course: Course, protocol: Protocol, scope: Scope = Scope.ALL) -> tuple[Assessment, ...]:
    """The response at every time point after the baseline: see :mod:`measured_burden`."""
    return assess_burden(course, protocol, scope, name=NAME, source=SOURCE)
