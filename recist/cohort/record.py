"""A patient as JSON, with every reason, number and margin."""

from __future__ import annotations

from typing import Any

from recist.abscopal.definition_results import DefinitionResult
from recist.abscopal.response_by_side import SetResponse
from recist.cohort.patients import Patient
from recist.course import Course
from recist.criteria.diameter import in_mm
from recist.response import Reason
from recist.table.results import when


def patient_json(patient: Patient) -> dict[str, Any]:
    """A patient with every reason, number and margin."""
    about: dict[str, Any] = {
        "subject": patient.subject,
        "arm": patient.arm,
        "reader": patient.reader,
    }
    found, course = patient.finding, patient.course
    if found is None or course is None:
        return about | {"evaluable": False, "evaluability": patient.why_not}
    timeline = found.timeline
    return about | {
        "lesion_set": found.lesion_set,
        "evaluable": found.evaluable,
        "evaluability": str(found.evaluability.verdict),
        "evaluability_reason": reason_json(found.evaluability.reason),
        "timeline": {
            "radiotherapy_start": when(course, timeline.start_day),
            "radiotherapy_end": when(course, timeline.end_day),
            "radiotherapy_recorded": timeline.recorded,
            "baseline": when(course, timeline.baseline_day),
            "follow_ups": [when(course, day) for day in timeline.follow_up_days],
            "systemic_start": when(course, timeline.systemic_day),
            "observed": [when(course, day) for day in timeline.observed_days],
            "censored": when(course, timeline.censor_day),
            "censored_by": timeline.censored_by,
        },
        "sets": {
            str(each.scope): _set_json(each, course)
            for each in (found.whole, found.in_field, found.out_of_field)
            if each is not None
        },
        "definitions": {each.definition.name: _call_json(each, course) for each in found.calls},
        "lesions": [
            {
                "lesion": each.lesion.id,
                "field": str(each.field),
                "baseline_mm": in_mm(each.baseline_mm),
                "sizes_mm": {when(course, day): in_mm(size) for day, size in each.sizes_mm},
                "response": when(course, each.response_day),
                "confirmed_response": when(course, each.confirmed_day),
            }
            for each in found.lesions
        ],
        "first_failure": {
            "pattern": str(found.failure.pattern),
            "sites": [str(site) for site in found.failure.sites],
            "on": when(course, found.failure.day),
            "reason": reason_json(found.failure.reason),
        },
        "attribution": {
            "grade": str(found.attribution.grade),
            "reason": reason_json(found.attribution.reason),
        },
        "by_chance": {
            "single_lesion": found.chance.single,
            "single_lesion_confirmed": found.chance.single_confirmed,
            "sum": found.chance.aggregate,
            "sum_confirmed": found.chance.aggregate_confirmed,
        },
        "remarks": list(found.remarks),
    }


def reason_json(reason: Reason) -> dict[str, Any]:
    """A reason with its rule, source, sentence, numbers and margin."""
    written = reason.written()
    margin = written.margin_mm
    return {
        "rule": written.rule,
        "source": written.source,
        "sentence": written.sentence,
        "numbers": dict(written.numbers),
        "margin_mm": None if margin is None else in_mm(margin),
    }


def _set_json(found: SetResponse, course: Course) -> dict[str, Any]:
    pfs = found.outcome
    return {
        "best": str(found.best.response),
        "confirmed_best": str(found.confirmed.response),
        "irecist_best": str(found.immune.best_overall),
        "first_response": when(course, found.first_day),
        "progression": when(course, found.progression_day),
        "pfs_days": pfs.pfs_days,
        "pfs_event": pfs.pfs_event,
        "times": [
            {
                "endpoint": time.endpoint,
                "policy": time.policy,
                "days": time.days,
                "event": time.event,
                "why": time.reason.sentence,
            }
            for time in pfs.times
        ],
        "reasons": [reason_json(reason) for reason in pfs.reasons],
    }


def _call_json(call: DefinitionResult, course: Course) -> dict[str, Any]:
    return {
        "response": call.met,
        "confirmed": call.confirmed,
        "on": when(course, call.day),
        "days_from_radiotherapy_end": call.days_from_radiotherapy,
        "days_from_systemic_start": call.days_from_systemic,
        "reason": reason_json(call.reason),
    }
