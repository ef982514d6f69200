"""The course as seen from the last scan before radiotherapy.

A course may begin long before radiotherapy, as when it is given to lesions that progress under an
immunotherapy. What was found until that scan is then known disease, not new.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from recist.course import Course, Lesion, Measurement, Role, Status
from recist.criteria.diameter import diameter_of
from recist.criteria.target_limits import MeasurableLesion, choose, organ_of
from recist.protocol import Protocol

_NOT_THERE = (Status.ABSENT, Status.EQUIVOCAL, Status.NOT_EVALUABLE)


def rebased(course: Course, day: int, protocol: Protocol) -> Course:
    """The course from a day on: its scan is the baseline.

    Lesions that were new until then become targets where they are measurable and the limits of
    five and two per organ leave room, and non-targets otherwise.
    """
    timepoints = tuple(each for each in course.timepoints if each.day >= day)
    if len(timepoints) == len(course.timepoints):
        return course
    at_baseline = {each.lesion_id: each for each in timepoints[0].measurements}
    found = [
        lesion
        for lesion in course.lesions
        if lesion.role is Role.NEW
        and lesion.id in at_baseline
        and at_baseline[lesion.id].status not in _NOT_THERE
    ]
    candidates = [
        MeasurableLesion(lesion.id, organ_of(lesion.organ, is_node=lesion.is_node), size_mm)
        for lesion in found
        if (size_mm := measurable_mm(lesion, at_baseline[lesion.id], protocol)) is not None
    ]
    taken = [
        organ_of(lesion.organ, is_node=lesion.is_node)
        for lesion in course.lesions
        if lesion.role is Role.TARGET
    ]
    targets = choose(candidates, by_organ=protocol.target_choice != "size", taken=taken)
    known = {lesion.id for lesion in found}

    def role_of(lesion: Lesion) -> Role:
        if lesion.id not in known:
            return lesion.role
        return Role.TARGET if lesion.id in targets else Role.NON_TARGET

    lesions = tuple(replace(lesion, role=role_of(lesion)) for lesion in course.lesions)
    return replace(course, lesions=lesions, timepoints=timepoints)


def measurable_mm(
    lesion: Lesion, measurement: Measurement | None, protocol: Protocol
) -> Decimal | None:
    """The size of a lesion large enough to show a response by itself; None where it is not."""
    if measurement is None or measurement.status is not Status.MEASURED:
        return None
    size_mm = diameter_of(measurement, protocol, is_node=lesion.is_node)
    return size_mm if size_mm and size_mm >= minimum_mm(lesion, protocol) else None


def minimum_mm(lesion: Lesion, protocol: Protocol) -> Decimal:
    """The least size at which a lesion can show an abscopal response."""
    return protocol.abscopal_minimum_node_mm if lesion.is_node else protocol.abscopal_minimum_mm
