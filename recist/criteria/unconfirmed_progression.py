"""A progression that awaits confirmation, and what a later scan says of it.

Seymour 2017, Table 2; EORTC FAQ. A block begins with a first iUPD and ends with its confirmation or
with a time point that no longer progresses. Within it, a category that was iUPD confirms by a
little more of the same (5 mm, any further increase, another new lesion); any other category only by
progression of its own.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from recist.course import EventKind, Measurement, Status
from recist.criteria.diameter import ZERO, diameter_of, is_diseased
from recist.criteria.new_burden import NewBurden, NewFindings
from recist.criteria.observation import Observation, ObservedCourse
from recist.criteria.recist11 import Judgement
from recist.criteria.thresholds import PD_GROWTH_MM
from recist.protocol import Protocol
from recist.response import Assessment, Reason, Response

TARGETS, NON_TARGETS, NEW_LESIONS = "targets", "non-targets", "new lesions"

CR, PR, SD, PD = Response.CR, Response.PR, Response.SD, Response.PD
_RANK = {CR: 0, PR: 1, SD: 2, PD: 3}
_INCREASED, _PROGRESSION, _DECREASED = Status.INCREASED, Status.PROGRESSION, Status.DECREASED
_NOT_EVALUABLE, _TOO_SMALL = Status.NOT_EVALUABLE, Status.TOO_SMALL


class Cause(NamedTuple):
    """One thing that progresses or confirms.

    Attributes:
        growth_mm: since ``reference_mm``, where a sum decides.
    """

    category: str
    what: str
    growth_mm: Decimal | None = None
    reference_mm: Decimal | None = None


class View(NamedTuple):
    """One time point as iRECIST looks at it.

    Attributes:
        judged, found, answer: by RECIST 1.1, with the history that iRECIST keeps; see
            :data:`recist.criteria.recist11.JudgedVisit`.
    """

    k: int
    seen: Observation
    judged: Judgement
    found: tuple[Reason, ...]
    answer: Assessment
    new: NewFindings


def progressing(
    patient: ObservedCourse, view: View, burden: NewBurden, protocol: Protocol
) -> tuple[Cause, ...]:
    """Categories that meet RECIST 1.1 progression at this time point, whatever came before."""
    judged, new = view.judged, view.new
    causes: tuple[Cause, ...] = ()
    if target_progresses(patient, judged):
        causes = _THE_SUM if judged.by_scan is PD else _TARGETS_ARE_BACK
    if non_target_progresses(patient, judged):
        causes += _UNEQUIVOCAL if judged.non_target is PD else _NON_TARGETS_ARE_BACK
    if new.fresh:
        causes += (Cause(NEW_LESIONS, ", ".join(new.fresh)),)
    elif burden.progresses(new, plus_5_mm=protocol.new_lesion_after_reset == "plus_5_mm"):
        causes += _KNOWN_HAVE_GROWN
    return causes


_THE_SUM = (Cause(TARGETS, "the sum"),)
_TARGETS_ARE_BACK = (Cause(TARGETS, "back after CR"),)
_UNEQUIVOCAL = (Cause(NON_TARGETS, "unequivocal"),)
_NON_TARGETS_ARE_BACK = (Cause(NON_TARGETS, "back after CR"),)
_KNOWN_HAVE_GROWN = (Cause(NEW_LESIONS, "those known have grown"),)


def target_progresses(patient: ObservedCourse, judged: Judgement) -> bool:
    return judged.target is PD or _is_back(patient.target_nodes, judged)


def non_target_progresses(patient: ObservedCourse, judged: Judgement) -> bool:
    return judged.non_target is PD or _is_back(patient.non_target_nodes, judged)


def was_for_a_symptom(patient: ObservedCourse, view: View) -> bool:
    """Whether a symptom has appeared since the scan before."""
    since = patient.seen[view.k - 1].day
    return any(
        event.kind is EventKind.NEW_SYMPTOM and since < event.day <= view.seen.day
        for event in patient.course.events
    )


def _is_back(lesions: dict[str, bool], judged: Judgement) -> bool:
    back = judged.back
    return back is not None and back.progresses and any(name in lesions for name in back.lesions)


class Block:
    """One progression that awaits confirmation.

    Attributes:
        number: from 1.
        first_day, last_day: of its first and its latest iUPD.
        categories: that were iUPD at the first.
        rank: of the target response then (0 is CR), to see targets improve.
    """

    __slots__ = (
        "_burden",
        "_first",
        "_new",
        "_non_target_sizes",
        "_patient",
        "_progressed",
        "_protocol",
        "categories",
        "first_day",
        "last_day",
        "number",
        "rank",
    )

    def __init__(
        self,
        number: int,
        view: View,
        causes: tuple[Cause, ...],
        *,
        patient: ObservedCourse,
        burden: NewBurden,
        last_target: Response,
        protocol: Protocol,
    ) -> None:
        """The block that begins at ``view``; the burden already holds its new lesions."""
        self._patient = patient
        self._burden = burden
        self._protocol = protocol
        self.number = number
        self.first_day = self.last_day = view.seen.day
        self.categories = frozenset([cause.category for cause in causes])
        self.rank = _RANK.get(last_target, 2)
        self._first = view.seen
        self._new = burden.look(view.seen.new)
        self._non_target_sizes, self._progressed = _NO_NON_TARGETS
        if NON_TARGETS in self.categories:  # else nobody asks
            self._non_target_sizes, self._progressed = _non_targets(patient, view, protocol)

    # --- confirmation ------------------------------------------------------------------------

    def confirmations(self, view: View, previous: Observation) -> tuple[Cause, ...]:
        """What confirms the progression at this time point; empty when nothing does.

        Args:
            previous: the last time point that counted.
        """
        causes = [
            cause
            for cause in progressing(self._patient, view, self._burden, self._protocol)
            if cause.category not in self.categories
        ]
        if TARGETS in self.categories:
            causes += self._target_growth(view, previous)
        if NON_TARGETS in self.categories and self.non_target_change(view) == "increase":
            causes.append(Cause(NON_TARGETS, "a further increase"))
        if NEW_LESIONS in self.categories:
            causes += self._new_growth(view, previous)
        return tuple(causes)

    def _target_growth(self, view: View, previous: Observation) -> list[Cause]:
        protocol = self._protocol
        if not view.seen.sizes_mm or not target_progresses(self._patient, view.judged):
            return []
        now, reference = view.seen.total_mm, view.answer.nadir_mm or ZERO
        if protocol.icpd_reference == "previous_scan":
            reference = previous.total_mm
        elif protocol.icpd_reference == "sum_at_first_iUPD_of_block":
            # Only what was measured then can have grown since.
            then = dict(self._first.sizes_mm)
            now = sum((size for name, size in view.seen.sizes_mm if name in then), ZERO)
            reference = self._first.total_mm
        growth = now - reference
        both = {TARGETS, NON_TARGETS} <= self.categories and not view.new.present
        strict = both and protocol.icpd_both_categories == "more_than_5_mm"
        enough = growth > PD_GROWTH_MM if strict else growth >= PD_GROWTH_MM
        return [Cause(TARGETS, "a further increase", growth, reference)] if enough else []

    def _new_growth(self, view: View, previous: Observation) -> list[Cause]:
        new, burden = view.new, self._burden
        causes = []
        if new.fresh:
            causes.append(Cause(NEW_LESIONS, f"another, {', '.join(new.fresh)}"))
        reference = burden.nadir_mm or ZERO
        if self._protocol.icpd_reference == "previous_scan":
            reference = burden.look(previous.new).total_mm
        elif self._protocol.icpd_reference == "sum_at_first_iUPD_of_block":
            reference = self._new.total_mm
        growth = new.total_mm - reference
        if new.sizes_mm and growth >= PD_GROWTH_MM:
            causes.append(Cause(NEW_LESIONS, "a further increase", growth, reference))
        causes += [Cause(NEW_LESIONS, f"{name} increased") for name in new.worse]
        before = self._new.other_sizes_mm
        causes += [
            Cause(NEW_LESIONS, f"{name} increased", size - before[name], before[name])
            for name, size in new.other_sizes_mm.items()
            if name in before and size > before[name]
        ]
        return causes

    # --- no confirmation: does it stand? -----------------------------------------------------

    def non_target_change(self, view: View) -> str:
        """What became of non-targets that progressed: increase, unchanged, unknown, resolved."""
        by_nadir = self._protocol.non_target_reference == "nadir"
        worse = (_INCREASED,) if by_nadir else (_INCREASED, _PROGRESSION)
        found = {m.lesion_id: m for m in view.seen.timepoint.measurements}
        changes = set()
        for name, is_node in self._patient.non_target_nodes.items():
            record = found.get(name)
            if record is not None and record.status in worse:
                return "increase"
            if name in self._progressed:
                changes.add(self._change(name, record, view, is_node=is_node))
        return next((c for c in ("increase", "unchanged", "unknown") if c in changes), "resolved")

    def _change(self, name: str, record: Measurement | None, view: View, *, is_node: bool) -> str:
        if record is None or record.status is _NOT_EVALUABLE:
            return "unknown"
        back = _is_back({name: is_node}, view.judged)  # after a complete response, any size
        if self._protocol.non_target_reference == "nadir":
            stands = back or record.status is _PROGRESSION
            return "unchanged" if stands else "resolved"
        size = diameter_of(record, self._protocol, is_node=is_node)
        before = self._non_target_sizes.get(name, size)
        if size is not None and before is not None and size > before:
            return "increase"
        gone = size is not None and not is_diseased(size, is_node=is_node)
        smaller = size is not None and before is not None and size < before
        better = record.status in (_DECREASED, _TOO_SMALL)
        return "unchanged" if back or not (gone or smaller or better) else "resolved"

    def improved(self, judged: Judgement) -> bool:
        """Targets reached a response that they did not have when the block began."""
        response = judged.target
        return response in (CR, PR) and _RANK[response] < self.rank

    def new_lesions_are_smaller(self, new: NewFindings) -> bool:
        return bool(new.decreased) or (bool(new.sizes_mm) and new.total_mm < self._new.total_mm)


_NO_NON_TARGETS: tuple[dict[str, Decimal], frozenset[str]] = {}, frozenset()


def _non_targets(
    patient: ObservedCourse, view: View, protocol: Protocol
) -> tuple[dict[str, Decimal], frozenset[str]]:
    """Sizes of the non-targets that have one, and which of them progress."""
    sizes: dict[str, Decimal] = {}
    progressed: set[str] = set()
    for record in view.seen.timepoint.measurements:
        is_node = patient.non_target_nodes.get(record.lesion_id)
        if is_node is None:
            continue
        size = diameter_of(record, protocol, is_node=is_node)
        if size is not None:
            sizes[record.lesion_id] = size
        if record.status is _PROGRESSION or _is_back({record.lesion_id: is_node}, view.judged):
            progressed.add(record.lesion_id)
    return sizes, frozenset(progressed)
