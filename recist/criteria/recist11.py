"""RECIST 1.1 at every time point (Eisenhauer 2009, sections 4.3.1 to 4.4.2; EORTC FAQ).

    course -> what was seen -> target, non-target and new lesions -> overall, with reasons

Time points after a progression are judged like those before it; end points leave them out.
"""

from __future__ import annotations

from typing import NamedTuple

from recist.course import Course
from recist.criteria import explanation as say
from recist.criteria.diameter import exactly
from recist.criteria.new_lesions import Sight
from recist.criteria.observation import Observation, ObservedCourse, read_to_judge
from recist.criteria.reappearance import Return, returned
from recist.criteria.response_tables import OVERALL, ResponseRow
from recist.criteria.targets import Sums
from recist.protocol import Protocol
from recist.response import (
    Assessment,
    Reason,
    Response,
    RuleReason,
    RuleWording,
    Scope,
    common_reason,
)

NAME = "recist11"

CR, PR, SD, PD, NE = Response.CR, Response.PR, Response.SD, Response.PD, Response.NE
NA, NED = Response.NA, Response.NED


class Judgement(NamedTuple):
    """One time point by RECIST 1.1, before it is put into words.

    Attributes:
        by_scan: target response of this scan alone; ``target``: with the history that holds it.
        form: the rule that gave the target response; None without targets.
        row: of Table 1 or 2.
        back: what returned after a complete response.
    """

    target: Response
    by_scan: Response
    form: RuleWording | None
    non_target: Response
    new: bool
    row: ResponseRow
    overall: Response
    back: Return | None


class Judge:
    """RECIST 1.1 along the time points of one patient.

    The criteria decide which time points enter the history (:meth:`add`) and when a complete
    response has been reached (``complete_at``), for iRECIST may leave a scan out.
    """

    __slots__ = ("_no_disease", "_protocol", "complete_at", "patient", "sums", "target_cr_at")

    def __init__(self, patient: ObservedCourse, protocol: Protocol) -> None:
        self.patient = patient
        self.sums = Sums(patient.seen[0], protocol) if patient.target_nodes else None
        self.complete_at: int | None = None
        self.target_cr_at = 0
        self._protocol = protocol
        self._no_disease = NE if protocol.no_disease == "ne" else NED

    def judge(self, k: int) -> Judgement:
        seen = self.patient.seen[k]
        sums = self.sums
        form: RuleWording | None = None
        back: Return | None = None
        if sums is None:
            target = by_scan = NA
        else:
            by_scan, form = sums.judge(seen)
            target = by_scan
            if by_scan is SD and sums.holds(by_scan):
                target, form = PR, say.TARGET_PR_HELD
            if by_scan is not PD and seen.diseased and sums.watches_targets():
                back = self._returned(k, self.target_cr_at, targets_only=True)
                if back is not None and back.progresses:
                    target = PD
        row = OVERALL[target, seen.non_target, seen.new_seen]
        overall = row.overall
        if self.complete_at is not None:
            back = self._returned(k, self.complete_at, targets_only=False) or back
            if back is not None and back.progresses:
                overall = PD
        if overall is NED:
            overall = self._no_disease
        return Judgement(target, by_scan, form, seen.non_target, seen.new_seen, row, overall, back)

    def add(self, k: int, judged: Judgement, *, progressed: bool) -> None:
        """Take the time point into the history."""
        if judged.by_scan is CR:
            self.target_cr_at = k
        if self.sums is not None:
            self.sums.add(self.patient.seen[k], judged.by_scan, progressed=progressed)

    def _returned(self, k: int, since: int, *, targets_only: bool) -> Return | None:
        return returned(self.patient, k, since, self._protocol, targets_only=targets_only)

    def finding(self, form: RuleWording, sums: Sums, seen: Observation) -> RuleReason:
        """What was found of the targets at a time point."""
        known = self.patient.findings
        key = (id(form), id(seen), id(sums.nadir_mm))  # all of the patient: the baseline is one
        found = known.get(key)
        if found is None:
            found = known[key] = sums.finding(form, seen)
        return found

    def returned_finding(self, back: Return) -> RuleReason:
        since = self.target_cr_at if self.complete_at is None else self.complete_at
        return RuleReason(say.REAPPEARED, back.lesions, self.patient.seen[since].day)

    def warnings(self, k: int, judged: Judgement) -> tuple[str, ...]:
        seen, sums = self.patient.seen[k], self.sums
        found = seen.remarks if sums is None else sums.warnings(seen, judged.by_scan)
        back = judged.back
        if judged.target is PR and judged.by_scan is SD:
            found += ("PR by the history; SD with sticky_pr = none (AMB-01)",)
        elif sums is not None and judged.target is SD and sums.has_responded:
            found += ("SD by this scan after a PR; PR with sticky_pr = any (AMB-01)",)
        if sums is not None and self._other_reappearance(judged, seen, sums):
            found += (
                "a target is back after all were gone; PD with pd_on_reappearance = any_target_cr "
                "(AMB-03)",
            )
        if back is not None and back.doubtful:
            found += (
                f"node {back.lesions[0]} of 10 to 15 mm is the only sign of progression: scan "
                f"again (node_regrowth = {self._protocol.node_regrowth}, AMB-05)",
            )
        elif back is not None and not back.progresses:
            found += (
                f"node {back.lesions[0]} of 10 to 15 mm was normal again at the next scan: no "
                f"progression (node_regrowth = {self._protocol.node_regrowth}, AMB-05)",
            )
        unsure = (new for new in seen.new if new.sight in (Sight.HELD, Sight.CANDIDATE))
        return (*found, *(f"new lesion {new.lesion.id} is {new.sight} (AMB-05)" for new in unsure))

    def _other_reappearance(self, judged: Judgement, seen: Observation, sums: Sums) -> bool:
        return (
            sums.target_cr
            and seen.diseased
            and judged.overall is not PD
            and self._protocol.pd_on_reappearance == "overall_cr_only"
            and self.complete_at is None
        )

    def needs_warnings(self, judged: Judgement, seen: Observation) -> bool:
        """Whether :meth:`warnings` can find anything: most time points are spared the search."""
        sums = self.sums
        return bool(
            seen.remarks
            or seen.new
            or judged.back
            or judged.target is not judged.by_scan
            or (
                sums is not None
                and (
                    judged.by_scan in _WATCHED
                    or sums.target_cr
                    or sums.nadir_mm is None
                    or (judged.by_scan is SD and sums.has_responded)
                    or sums.partial_nadir_mm is not None
                )
            )
        )


_WATCHED = frozenset({PD, CR, NE})


class JudgedVisit(NamedTuple):
    """A follow-up as it was judged, and what is answered."""

    judged: Judgement
    assessment: Assessment


@exactly
def assess(course: Course, protocol: Protocol, scope: Scope = Scope.ALL) -> tuple[Assessment, ...]:
    """The response at every time point after the baseline.

    Args:
        course: of one subject, or restricted to some of its lesions: baseline and nadir are those
            of the lesions that it has.
        scope: what the lesions of the course are, for the output.

    Returns:
        One assessment per follow-up, none for a course with a baseline only.
    """
    patient = read_to_judge(course, protocol)
    if patient is None:
        return ()
    return tuple([visit.assessment for visit in follow_up(patient, protocol, scope)])


#: iRECIST asks for the same answers right after RECIST 1.1 gave them. What they are made from never
#: changes, and neither do they.
_latest: tuple[ObservedCourse, Protocol, Scope, tuple[JudgedVisit, ...]] | None = None


def follow_up(patient: ObservedCourse, protocol: Protocol, scope: Scope) -> tuple[JudgedVisit, ...]:
    """Every time point after the baseline, judged; to be run exactly."""
    global _latest  # noqa: PLW0603 - one patient is held, and replaced as a whole
    latest = _latest
    if (
        latest is None
        or latest[0] is not patient
        or latest[1] is not protocol
        or latest[2] is not scope
    ):
        found = _follow_up(patient, protocol, scope)
        latest = _latest = (patient, protocol, scope, found)
    return latest[3]


def _follow_up(
    patient: ObservedCourse, protocol: Protocol, scope: Scope
) -> tuple[JudgedVisit, ...]:
    judge = Judge(patient, protocol)
    sums = judge.sums
    visits = []
    for k in range(1, len(patient.seen)):
        seen = patient.seen[k]
        judged = judge.judge(k)
        overall = judged.overall
        target = judged.target
        visits.append(
            JudgedVisit(
                judged,
                Assessment(
                    seen.day,
                    NAME,
                    scope,
                    seen.sum_mm,
                    None if sums is None else sums.baseline_mm,
                    None if sums is None else sums.nadir_mm,
                    target,
                    judged.non_target,
                    judged.new,
                    overall,
                    reasons(judge, judged, seen),
                    judge.warnings(k, judged) if judge.needs_warnings(judged, seen) else (),
                    judged.by_scan if judged.by_scan is not target else None,
                    progression_day=seen.timepoint.new_lesion_day if judged.new else None,
                    held=judged.back is not None and not judged.back.progresses,
                    lower_bound=not seen.complete,
                    method_changed=seen.method_changed,
                ),
            )
        )
        judge.add(k, judged, progressed=overall is PD)
        if overall is CR:
            judge.complete_at = k
    return tuple(visits)


def reasons(judge: Judge, judged: Judgement, seen: Observation) -> tuple[Reason, ...]:
    """Why: what decides first, and the row of the table last where the table decides."""
    found = details(judge, judged, seen)
    row = judged.row
    if judged.overall is PD and row.overall is not PD:
        return found
    form = say.ROW_FORMS[row.source]
    return (*found, common_reason(form, row.overall, judged.target, judged.non_target, judged.new))


def details(
    judge: Judge, judged: Judgement, seen: Observation, *, targets_first: bool = False
) -> tuple[Reason, ...]:
    """What was found in each part; progression of whichever kind first, else the targets.

    Args:
        targets_first: a new lesion does not decide (iRECIST, after a reset).
    """
    form, sums, non_target = judged.form, judge.sums, judged.non_target
    found: tuple[Reason, ...] = ()
    if form is not None and sums is not None:
        found = (judge.finding(form, sums, seen),)
    if non_target is not NA:
        finding = common_reason(say.NON_TARGET[non_target], seen.deciding)
        if non_target is PD and judged.by_scan is not PD:
            found = (finding, *found)
        else:
            found = (*found, finding)
    if judged.new:
        new = RuleReason(say.NEW_LESION, seen.new)
        last = targets_first or judged.by_scan is PD or non_target is PD
        found = (*found, new) if last else (new, *found)
    back = judged.back
    if back is not None and back.progresses:
        found = (judge.returned_finding(back), *found)
    return found
