"""Criteria that add measurable new lesions to the sum: irRECIST and imRECIST.

The burden is the sum of the targets and of up to five new lesions, two per organ, that were
measurable when they appeared. A new lesion alone is not progression and only bars a complete
response; non-targets matter for a complete response only. Progression of the burden, 20 % and 5 mm
above its nadir, is negated by a later assessment without it at least 4 weeks on. They differ from
iRECIST, which keeps new lesions apart; their thresholds are those of RECIST 1.1.
"""

from __future__ import annotations

from decimal import Decimal

from recist.course import Course
from recist.criteria import explanation as say
from recist.criteria.diameter import has_grown, has_shrunk
from recist.criteria.new_burden import NewBurden
from recist.criteria.observation import Observation, ObservedCourse, read
from recist.criteria.thresholds import BURDEN_CONFIRMATION_DAYS
from recist.protocol import Protocol
from recist.response import Assessment, Reason, Response, RuleReason, Scope

CR, PR, SD, PD, NE = Response.CR, Response.PR, Response.SD, Response.PD, Response.NE
NA, NED, NON_CR_NON_PD = Response.NA, Response.NED, Response.NON_CR_NON_PD


def assess_burden(
    course: Course, protocol: Protocol, scope: Scope, *, name: str, source: str
) -> tuple[Assessment, ...]:
    """The response at every follow-up by total measured burden; to be run exactly.

    Returns:
        Assessments in words of RECIST; ``sum_mm`` is the burden, and a warning tells whether a
        progression was confirmed, negated or neither.
    """
    if len(course.timepoints) < 2:
        return ()
    patient = read(course, protocol)
    forms = say.burden_forms(source)
    burden = NewBurden(protocol)
    baseline = patient.seen[0]
    baseline_mm = baseline.total_mm if baseline.complete else None
    nadir_mm = baseline_mm
    found = []
    for seen in patient.seen[1:]:
        burden.add(seen.new, burden.look(seen.new))
        new = burden.look(seen.new)
        total = seen.total_mm + new.total_mm
        complete = seen.complete and set(new.sizes_mm) == burden.targets
        present = new.present
        response = _response(
            patient, seen, total, baseline_mm, nadir_mm, complete=complete, present=present
        )
        sizes = (*seen.sizes_mm, *new.sizes_mm.items())
        missing = (*seen.missing, *sorted(burden.targets - set(new.sizes_mm)))
        reasons: tuple[Reason, ...] = (
            RuleReason(forms[response], total, baseline_mm, nadir_mm, sizes, missing)
            if response in (PR, SD, PD, NE)
            else RuleReason(forms[response]),
        )
        if seen.non_target is not NA:
            reasons = (*reasons, RuleReason(say.NON_TARGET[seen.non_target], seen.deciding))
        if seen.new_seen:
            reasons = (*reasons, RuleReason(say.NEW_LESION, seen.new))
        found.append(
            Assessment(
                seen.day,
                name,
                scope,
                total if sizes else None,
                baseline_mm,
                nadir_mm,
                response if patient.target_nodes else NA,
                seen.non_target,
                seen.new_seen,
                response,
                reasons,
                seen.remarks,
                lower_bound=not complete,
                method_changed=seen.method_changed,
            )
        )
        if complete:
            nadir_mm = total if nadir_mm is None else min(nadir_mm, total)
    return tuple(_with_verdict(found, k) for k in range(len(found)))


def _response(
    patient: ObservedCourse,
    seen: Observation,
    total_mm: Decimal,
    baseline_mm: Decimal | None,
    nadir_mm: Decimal | None,
    *,
    complete: bool,
    present: bool,
) -> Response:
    grown = nadir_mm is not None and has_grown(total_mm, nadir_mm)
    gone = complete and not seen.diseased and not present
    if gone and (patient.target_nodes or patient.non_target_nodes):
        if seen.non_target in (CR, NA):
            return CR
        if patient.target_nodes:
            return PR
    if grown:
        return PD
    if not complete or baseline_mm is None:
        return NE
    if not patient.target_nodes:
        return _without_targets(seen, present=present)
    return PR if has_shrunk(total_mm, baseline_mm) else SD


def _without_targets(seen: Observation, *, present: bool) -> Response:
    if seen.non_target is NE:
        return NE
    return NED if seen.non_target is NA and not present else NON_CR_NON_PD


def _with_verdict(found: list[Assessment], k: int) -> Assessment:
    """What later assessments make of a progression."""
    here = found[k]
    if here.overall is not PD:
        return here
    later = next(
        (
            after
            for after in found[k + 1 :]
            if after.overall is not NE and after.day - here.day >= BURDEN_CONFIRMATION_DAYS
        ),
        None,
    )
    if later is None:
        verdict = "progression to be confirmed after at least 4 weeks"
    elif later.overall is PD:
        verdict = f"progression confirmed on day {later.day}"
    else:
        verdict = f"progression negated by {later.overall} on day {later.day}"
    return here._replace(warnings=(*here.warnings, verdict))
