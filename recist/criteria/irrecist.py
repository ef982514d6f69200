"""irRECIST (Nishino 2013; Bohnsack 2014): RECIST 1.1 diameters, immune-related rules.

The version in which non-targets matter for a complete response only; some protocols let their
unequivocal progression be progression, which this one does not.
"""

from __future__ import annotations

from recist.course import Course
from recist.criteria.diameter import exactly
from recist.criteria.measured_burden import assess_burden
from recist.papers import IRRECIST
from recist.protocol import Protocol
from recist.response import Assessment, Scope

NAME = "irrecist"
SOURCE = IRRECIST()


@exactly
def assess(course: Course, protocol: Protocol, scope: Scope = Scope.ALL) -> tuple[Assessment, ...]:
    """The response at every time point after the baseline: see :mod:`measured_burden`."""
    return assess_burden(course, protocol, scope, name=NAME, source=SOURCE)
