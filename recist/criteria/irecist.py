"""iRECIST at every time point (Seymour 2017; EORTC FAQ): RECIST 1.1 until something progresses,
then progression that has to be confirmed.

    what was seen -> RECIST 1.1 judgement -> evidence, given the state -> transition -> response

States and transitions are the table in :mod:`recist.criteria.response_tables`. A scan that comes
too early after a first iUPD is left out of everything: it neither confirms nor becomes a
reference.
"""

from __future__ import annotations

from collections.abc import Sequence

from recist.course import Course
from recist.criteria import explanation as say
from recist.criteria.diameter import exactly
from recist.criteria.new_burden import NewBurden
from recist.criteria.observation import ObservedCourse, with_values
from recist.criteria.recist11 import Judge, JudgedVisit, follow_up
from recist.criteria.response_tables import (
    IMMUNE,
    OVERALL,
    TRANSITIONS,
    Evidence,
    ProgressionState,
    Transition,
)
from recist.criteria.unconfirmed_progression import (
    NEW_LESIONS,
    NON_TARGETS,
    TARGETS,
    Block,
    Cause,
    View,
    progressing,
    target_progresses,
    was_for_a_symptom,
)
from recist.protocol import Protocol
from recist.response import Assessment, Reason, Response, RuleReason, Scope, common_reason

NAME = "irecist"

CR, PR, PD, NE, NA = Response.CR, Response.PR, Response.PD, Response.NE, Response.NA
NED, NON_CR_NON_PD = Response.NED, Response.NON_CR_NON_PD
ICR, IUPD, ICPD = Response.ICR, Response.IUPD, Response.ICPD
CLEAR, OPEN = ProgressionState.CLEAR, ProgressionState.OPEN
RESET, CONFIRMED = ProgressionState.RESET, ProgressionState.CONFIRMED
PROGRESSES, CONFIRMS, STANDS = Evidence.PROGRESSES, Evidence.CONFIRMS, Evidence.STANDS
RESPONDS, NOT_EVALUABLE = Evidence.RESPONDS, Evidence.NOT_EVALUABLE
TOO_EARLY, TOO_LATE = Evidence.TOO_EARLY, Evidence.TOO_LATE


@exactly
def assess(course: Course, protocol: Protocol, scope: Scope = Scope.ALL) -> tuple[Assessment, ...]:
    """The immune response at every time point after the baseline.

    Args:
        course: of one subject, or restricted to some of its lesions.
        scope: what the lesions of the course are, for the output.

    Returns:
        One assessment per follow-up; ``block`` and ``first_iupd_day`` tell which progression a
        time point belongs to.
    """
    patient, visits = follow_up(course, protocol, scope)
    found = []
    for visit in visits:
        if visit[0].overall is PD:
            break
        found.append(_as_recist(visit))
    clear = len(found)
    if patient is not None and clear < len(visits):
        reading = IrecistReading(patient, protocol, visits, after=clear)
        found.extend(map(reading.assess, range(clear + 1, len(patient.seen))))
    return tuple(found)


def _as_recist(visit: JudgedVisit) -> Assessment:
    """No progression so far and none here: RECIST 1.1 with the i-prefix, without more ado."""
    judged, found, plain = visit
    target, non_target, overall = judged.target, judged.non_target, IMMUNE[judged.overall]
    row = common_reason(say.IMMUNE_ROW, overall, target, non_target, False)
    answer = (
        plain.day,
        NAME,
        plain.scope,
        plain.sum_mm,
        plain.baseline_mm,
        plain.nadir_mm,
        IMMUNE[target],
        IMMUNE[non_target],
        plain.new_lesion,
        overall,
        (*found, row),
        plain.warnings,
        None if judged.by_scan is target else IMMUNE[judged.by_scan],
        0,
        None,
        None,
        plain.held,
        plain.lower_bound,
        plain.method_changed,
    )
    return with_values(Assessment, answer)


class IrecistReading:
    """iRECIST along the time points of one patient, to be asked in order.

    Each time point is judged by RECIST 1.1 first. The judgements are those of RECIST 1.1 as long
    as its history is; from the time point on at which iRECIST calls no progression where RECIST
    1.1 does, or leaves a scan out, it keeps its own.
    """

    __slots__ = (
        "_block",
        "_blocks",
        "_burden",
        "_last_target",
        "_own",
        "_patient",
        "_previous",
        "_protocol",
        "_state",
        "_visits",
    )

    def __init__(
        self,
        patient: ObservedCourse,
        protocol: Protocol,
        visits: Sequence[JudgedVisit],
        *,
        after: int,
    ) -> None:
        """Past the first ``after`` of the follow-ups by RECIST 1.1, none of which progresses."""
        self._patient = patient
        self._protocol = protocol
        self._visits = visits
        self._own: Judge | None = None
        self._burden = NewBurden(protocol)
        self._state = CLEAR
        self._block: Block | None = None
        self._blocks = 0
        self._last_target = NA
        for judged, _, _ in visits[:after]:
            if judged.target is not NE:
                self._last_target = judged.target
        self._previous = patient.seen[after]

    def assess(self, k: int) -> Assessment:
        """The immune response at time point ``k``, which then is part of the history."""
        seen = self._patient.seen[k]
        visit = self._visits[k - 1]
        if self._own is not None:
            visit = self._own.visit(k, visit[2].scope)
        view = with_values(View, (k, seen, *visit, self._burden.look(seen.new)))
        if self._state is CONFIRMED and self._protocol.after_icpd == "evaluate":
            self._state, self._block = RESET, None
        if self._state is CONFIRMED:
            overall = ICPD if self._protocol.after_icpd == "keep" else NA
            why: tuple[Reason, ...] = (RuleReason(say.AFTER_ICPD, self._open.first_day),)
            return self._written(view, overall, why, ())
        evidence, causes = self._evidence(view)
        transition = TRANSITIONS[self._state, evidence]
        overall = transition.overall or self._response(view)
        why = self._reasons(view, transition, overall, causes)
        warnings = self._warnings(view, evidence)
        return self._written(view, overall, why, warnings, transition=transition, causes=causes)

    @property
    def _open(self) -> Block:
        """The block, where the state says that there is one."""
        assert self._block is not None
        return self._block

    # --- evidence ----------------------------------------------------------------------------

    def _evidence(self, view: View) -> tuple[Evidence, tuple[Cause, ...]]:
        if self._state is OPEN:
            return self._evidence_after_iupd(view)
        causes = progressing(self._patient, view, self._burden, self._protocol)
        if not causes and self._bars_complete_response(view):
            causes = (Cause(NEW_LESIONS, "still there with all targets gone"),)
        if causes:
            return PROGRESSES, causes
        return self._response_or_nothing(view), ()

    def _evidence_after_iupd(self, view: View) -> tuple[Evidence, tuple[Cause, ...]]:
        block, protocol = self._open, self._protocol
        causes = block.confirmations(view, self._previous)
        earliest = protocol.confirm_min_days - protocol.window_tolerance_days
        if protocol.early_scan == "disregard" and view.seen.day - block.first_day < earliest:
            if view.new.fresh and was_for_a_symptom(self._patient, view):
                return CONFIRMS, tuple(c for c in causes if c.category == NEW_LESIONS)
            return TOO_EARLY, ()
        if causes:
            if self._is_late(view) and protocol.late_scan == "does_not_confirm":
                return TOO_LATE, causes
            return CONFIRMS, causes
        return self._standing(view), ()

    def _is_late(self, view: View) -> bool:
        latest = self._protocol.confirm_max_days + self._protocol.window_tolerance_days
        return view.seen.day - self._open.last_day > latest

    def _standing(self, view: View) -> Evidence:
        """Whether, without confirmation, any category of the block is still as it was."""
        block, judged = self._open, view.judged
        unknown = False
        if TARGETS in block.categories:
            if target_progresses(self._patient, judged):
                return STANDS
            unknown |= judged.target is NE
        if NON_TARGETS in block.categories:
            change = block.non_target_change(view)
            if change == "unchanged":
                return STANDS
            unknown |= change == "unknown"
        if NEW_LESIONS in block.categories:
            if view.new.present and not self._responds_with_new_lesion(view):
                return STANDS
            unknown |= view.new.unknown and not view.new.present and not block.improved(judged)
        return NOT_EVALUABLE if unknown else self._response_or_nothing(view)

    def _responds_with_new_lesion(self, view: View) -> bool:
        """Whether targets count although the new lesions of the block are still there.

        Scenario B of the FAQ: targets shrink to a response after the new lesion appeared. Scenario
        F: they had responded before it did, and nothing changes.
        """
        block, protocol = self._open, self._protocol
        improved = block.improved(view.judged)
        if view.judged.target is CR and protocol.cr_with_new_lesion != "ipr_after_reset":
            return protocol.cr_with_new_lesion == "ipr"
        smaller = block.new_lesions_are_smaller(view.new)
        setting = protocol.smaller_new_lesion if smaller else protocol.persisting_new_lesion
        return improved or setting == "response"

    def _bars_complete_response(self, view: View) -> bool:
        """Whether targets are gone after a reset, a new lesion is left, and that is iUPD."""
        return (
            view.new.present
            and view.judged.target is CR
            and self._protocol.cr_with_new_lesion == "iupd"
        )

    def _response_or_nothing(self, view: View) -> Evidence:
        return NOT_EVALUABLE if self._response(view) is NE else RESPONDS

    def _response(self, view: View) -> Response:
        """Table 1 or 2 with the i-prefix; a new lesion that is left only bars iCR."""
        judged = view.judged
        overall = OVERALL[judged.target, judged.non_target, False].overall
        if overall is CR and view.new.present:
            overall = NON_CR_NON_PD if judged.target is NA else PR
        elif overall is NED and self._protocol.no_disease == "ne":
            overall = NE
        return IMMUNE[overall]

    # --- history -----------------------------------------------------------------------------

    def _take(
        self, view: View, overall: Response, transition: Transition, causes: tuple[Cause, ...]
    ) -> None:
        """Take a time point and the transition that it makes into the history."""
        if transition.evidence is TOO_EARLY:
            self._own = self._history(view.k)
        else:
            self._add(view, overall)
        self._state = transition.leaves
        if transition.new_block:
            self._blocks += 1
            self._block = Block(
                self._blocks,
                view,
                causes,
                patient=self._patient,
                burden=self._burden,
                last_target=self._last_target,
                protocol=self._protocol,
            )
        elif self._state is RESET:
            self._block = None
        elif overall is IUPD:
            self._open.last_day = view.seen.day

    def _add(self, view: View, overall: Response) -> None:
        if view.k == len(self._visits):
            return  # the last: no other is judged by it
        judged = view.judged
        progressed, is_complete = overall is IUPD or overall is ICPD, overall is ICR
        if progressed is not (judged.overall is PD) or is_complete is not (judged.overall is CR):
            self._own = self._history(view.k)
        if self._own is not None:
            self._own.add(view.k, judged, progressed=progressed, is_complete=is_complete)
        self._burden.add(view.seen.new, view.new)
        if judged.target is not NE:
            self._last_target = judged.target
        self._previous = view.seen

    def _history(self, k: int) -> Judge:
        """RECIST 1.1 by the history of iRECIST, before the time point ``k``."""
        if self._own is not None:
            return self._own
        judge = Judge(self._patient, self._protocol)
        for before, visit in enumerate(self._visits[: k - 1], start=1):
            judge.add_as_recist(before, visit[0])
        return judge

    # --- words -------------------------------------------------------------------------------

    def _written(
        self,
        view: View,
        overall: Response,
        why: tuple[Reason, ...],
        warnings: tuple[str, ...],
        *,
        transition: Transition | None = None,
        causes: tuple[Cause, ...] = (),
    ) -> Assessment:
        """The answer by the history before this time point, which then joins it."""
        judged, plain = view.judged, view.answer
        by_scan = plain.target_by_scan
        non_target = self._non_target(view)
        if transition is None:
            self._add(view, overall)
        else:
            self._take(view, overall, transition, causes)
        block = self._block
        answer = (
            plain.day,
            NAME,
            plain.scope,
            plain.sum_mm,
            plain.baseline_mm,
            plain.nadir_mm,
            IMMUNE[judged.target],
            non_target,
            plain.new_lesion,
            overall,
            why,
            warnings,
            None if by_scan is None else IMMUNE[by_scan],
            0 if block is None else block.number,
            None if block is None else block.first_day,
            view.seen.timepoint.new_lesion_day if view.new.fresh else None,
            False,
            plain.lower_bound,
            plain.method_changed,
        )
        return with_values(Assessment, answer)

    def _non_target(self, view: View) -> Response:
        block = self._block
        if block is not None and NON_TARGETS in block.categories:
            change = block.non_target_change(view)
            if change in ("unchanged", "increase"):
                return IUPD
        return IMMUNE[view.judged.non_target]

    def _reasons(
        self, view: View, transition: Transition, overall: Response, causes: tuple[Cause, ...]
    ) -> tuple[Reason, ...]:
        judged, evidence, found = view.judged, transition.evidence, view.found
        if evidence is PROGRESSES:
            return (RuleReason(say.UNCONFIRMED, causes), *found)
        if evidence is RESPONDS:
            if judged.new:  # which decides by RECIST 1.1, and no longer here
                found = self._history(view.k).details(judged, view.seen, targets_first=True)
            row = common_reason(
                say.IMMUNE_ROW, overall, judged.target, judged.non_target, view.new.present
            )
            if transition.state is OPEN:
                return (*found, row, RuleReason(say.RESET, overall, self._open.first_day))
            return (*found, row)
        if transition.state is not OPEN:
            return found
        form = say.AFTER_IUPD[evidence]
        return (RuleReason(form, causes, self._open.first_day, view.seen.day), *found)

    def _warnings(self, view: View, evidence: Evidence) -> tuple[str, ...]:
        found = view.answer.warnings
        if self._state is not OPEN:
            return found
        if evidence is CONFIRMS and self._is_late(view):
            days = view.seen.day - self._open.last_day
            found += (f"confirmed {days} days after iUPD, later than planned (late_scan, AMB-24)",)
        if evidence is STANDS and self._open.categories == {NEW_LESIONS}:
            smaller = self._open.new_lesions_are_smaller(view.new)
            setting = (
                "smaller_new_lesion = response (AMB-26)"
                if smaller
                else "persisting_new_lesion = response (AMB-25)"
            )
            found += (f"{self._response(view)} with {setting}",)
        return found
