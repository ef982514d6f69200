"""RECIST 1.1 at every time point (Eisenhauer 2009, sections 4.3.1 to 4.4.2; EORTC FAQ).

    course -> what was seen -> target, non-target and new lesions -> overall, with reasons

Time points after a progression are judged like those before it; end points leave them out.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from recist.course import Course
from recist.criteria import explanation as say
from recist.criteria.diameter import exactly
from recist.criteria.new_lesions import Sight
from recist.criteria.observation import (
    Observation,
    ObservedCourse,
    read_to_judge,
    with_values,
)
from recist.criteria.reappearance import Return, returned
from recist.criteria.response_tables import OVERALL
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
        row: of Table 1 or 2, as a reason; empty where another rule decides.
        back: what returned after a complete response.
    """

    target: Response
    by_scan: Response
    form: RuleWording | None
    non_target: Response
    new: bool
    overall: Response
    row: tuple[Reason, ...]
    back: Return | None = None


@cache
def _by_table(
    parts: tuple[Response, Response, bool],
    by_scan: Response,
    form: RuleWording | None,
    no_disease: Response,
) -> Judgement:
    """By Table 1 or 2 alone: one for all time points alike, of which there are few kinds.

    Args:
        parts: the targets, the non-targets, and whether there is a new lesion.
        no_disease: how a course without any disease is called.
    """
    target, non_target, new = parts
    row = OVERALL[parts]
    overall = no_disease if row.overall is NED else row.overall
    words = common_reason(say.ROW_FORMS[row.source], row.overall, *parts)
    return Judgement(target, by_scan, form, non_target, new, overall, (words,))


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
            if by_scan is SD and sums.has_responded and sums.holds():
                target, form = PR, say.TARGET_PR_HELD
            if sums.target_cr and by_scan is not PD and seen.diseased and sums.watches_targets():
                back = self._returned(k, self.target_cr_at, targets_only=True)
                if back is not None and back.progresses:
                    target = PD
        parts = target, seen.non_target, seen.new_seen
        judged = _by_table(parts, by_scan, form, self._no_disease)
        if self.complete_at is not None:
            back = self._returned(k, self.complete_at, targets_only=False) or back
        if back is None:
            return judged
        if back.progresses and judged.overall is not PD:
            return judged._replace(overall=PD, row=(), back=back)
        return judged._replace(back=back)

    def add(self, k: int, judged: Judgement, *, progressed: bool, is_complete: bool) -> None:
        """Take the time point into the history.

        Args:
            progressed, is_complete: its overall response is progression, is complete.
        """
        if judged.by_scan is CR:
            self.target_cr_at = k
        if is_complete:
            self.complete_at = k
        if self.sums is not None:
            self.sums.add(self.patient.seen[k], judged.by_scan, progressed=progressed)

    def add_as_recist(self, k: int, judged: Judgement) -> None:
        """Take the time point into the history by its overall response, as RECIST 1.1 does."""
        overall = judged.overall
        self.add(k, judged, progressed=overall is PD, is_complete=overall is CR)

    def visit(self, k: int, scope: Scope) -> JudgedVisit:
        """The answer at a time point by the history so far."""
        seen = self.patient.seen[k]
        sums = self.sums
        judged = self.judge(k)
        target, by_scan, new, back = judged.target, judged.by_scan, judged.new, judged.back
        found = self.details(judged, seen)
        answer = with_values(
            Assessment,
            (
                seen.day,
                NAME,
                scope,
                seen.sum_mm,
                None if sums is None else sums.baseline_mm,
                None if sums is None else sums.nadir_mm,
                target,
                judged.non_target,
                new,
                judged.overall,
                found + judged.row,
                self.warnings(judged, seen),
                None if by_scan is target else by_scan,
                0,
                None,
                seen.timepoint.new_lesion_day if new else None,
                back is not None and not back.progresses,
                not seen.complete,
                seen.method_changed,
            ),
        )
        return judged, found, answer

    def details(
        self, judged: Judgement, seen: Observation, *, targets_first: bool = False
    ) -> tuple[Reason, ...]:
        """What was found in each part; progression of whichever kind first, else the targets.

        Args:
            targets_first: a new lesion does not decide (iRECIST, after a reset).
        """
        form, non_target, back = judged.form, judged.non_target, judged.back
        found: tuple[Reason, ...] = ()
        if form is not None and self.sums is not None:
            found = (self.sums.finding(form, seen),)
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
        if back is not None and back.progresses:
            since = self.target_cr_at if self.complete_at is None else self.complete_at
            day = self.patient.seen[since].day
            found = (RuleReason(say.REAPPEARED, back.lesions, day), *found)
        return found

    def _returned(self, k: int, since: int, *, targets_only: bool) -> Return | None:
        return returned(self.patient, k, since, self._protocol, targets_only=targets_only)

    def warnings(self, judged: Judgement, seen: Observation) -> tuple[str, ...]:
        """What the answer rests on, and which settings would change it."""
        sums = self.sums
        if sums is None:
            found = seen.remarks
        else:
            found = sums.warnings(seen, judged.by_scan)
            if sums.has_responded or sums.target_cr:
                found += self._warnings_after_response(judged, seen, sums)
        back = judged.back
        if back is not None:
            found += self._warnings_of_return(back)
        for new in seen.new:
            if new.sight in _UNSURE:
                found += (f"new lesion {new.lesion.id} is {new.sight} (AMB-05)",)
        return found

    def _warnings_after_response(
        self, judged: Judgement, seen: Observation, sums: Sums
    ) -> tuple[str, ...]:
        found: tuple[str, ...] = ()
        if judged.target is PR and judged.by_scan is SD:
            found = ("PR by the history; SD with sticky_pr = none (AMB-01)",)
        elif judged.target is SD and sums.has_responded:
            found = ("SD by this scan after a PR; PR with sticky_pr = any (AMB-01)",)
        if (
            sums.target_cr
            and seen.diseased
            and judged.overall is not PD
            and self._protocol.pd_on_reappearance == "overall_cr_only"
            and self.complete_at is None
        ):
            found += (
                "a target is back after all were gone; PD with pd_on_reappearance = any_target_cr "
                "(AMB-03)",
            )
        return found

    def _warnings_of_return(self, back: Return) -> tuple[str, ...]:
        node, setting = back.lesions[0], self._protocol.node_regrowth
        if back.doubtful:
            return (
                f"node {node} of 10 to 15 mm is the only sign of progression: scan again "
                f"(node_regrowth = {setting}, AMB-05)",
            )
        if back.progresses:
            return ()
        return (
            f"node {node} of 10 to 15 mm was normal again at the next scan: no progression "
            f"(node_regrowth = {setting}, AMB-05)",
        )


_UNSURE = (Sight.HELD, Sight.CANDIDATE)


#: A follow-up as it was judged, the reasons without the row of Table 1 or 2, and what is answered.
JudgedVisit = tuple[Judgement, tuple[Reason, ...], Assessment]
FollowUp = tuple[ObservedCourse | None, tuple[JudgedVisit, ...]]


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
    _, visits = follow_up(course, protocol, scope)
    return tuple([answer for _, _, answer in visits])


#: iRECIST asks for the same answers right after RECIST 1.1 gave them. What they are made from never
#: changes, and neither do they.
_latest: tuple[Course, Protocol, Scope, FollowUp] | None = None


def follow_up(course: Course, protocol: Protocol, scope: Scope) -> FollowUp:
    """Every time point after the baseline, judged; to be run exactly.

    Returns:
        The course as it was read, and its visits: none where the criteria have nothing to say.
    """
    global _latest  # noqa: PLW0603 - one course is held, and replaced as a whole
    latest = _latest
    if (
        latest is None
        or latest[0] is not course
        or latest[1] is not protocol
        or latest[2] is not scope
    ):
        patient = read_to_judge(course, protocol)
        visits = () if patient is None else _judged(patient, protocol, scope)
        latest = _latest = (course, protocol, scope, (patient, visits))
    return latest[3]


def _judged(patient: ObservedCourse, protocol: Protocol, scope: Scope) -> tuple[JudgedVisit, ...]:
    judge = Judge(patient, protocol)
    last = len(patient.seen) - 1
    visits = []
    for k in range(1, last):
        visit = judge.visit(k, scope)
        judge.add_as_recist(k, visit[0])
        visits.append(visit)
    visits.append(judge.visit(last, scope))  # which no other is judged by
    return tuple(visits)
