"""Each published definition applied to one patient: met or not, when, confirmed, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from recist.abscopal.definitions import RESPONDING, Definition, Measure, ResponseTime
from recist.abscopal.evaluability import Evaluability
from recist.abscopal.lesion_changes import SizesByDay, SizesOfLesion, shrinkage
from recist.abscopal.response_by_side import SetResponse
from recist.abscopal.timeline import Timeline
from recist.criteria.diameter import in_mm, partial_response_mm, percent
from recist.protocol import Protocol
from recist.response import Assessment, Numbers, Reason, Response


@dataclass(frozen=True, slots=True)
class DefinitionResult:
    """A definition applied to a patient.

    Attributes:
        met: None where it cannot be told.
        confirmed: a response that a scan four weeks later or more shows again; None where the
            definition is not met, or stable disease is all it asks for.
        day: of the response.
        days_from_radiotherapy: from the end of radiotherapy; ``days_from_systemic``: from the
            start of systemic therapy.
    """

    definition: Definition
    met: bool | None
    confirmed: bool | None
    day: int | None
    days_from_radiotherapy: int | None
    days_from_systemic: int | None
    reason: Reason


@dataclass(frozen=True, slots=True)
class _Found:
    """A call before its times are worked out."""

    met: bool | None
    sentence: str
    day: int | None = None
    confirmed: bool | None = None
    numbers: Numbers = ()
    margin_mm: Decimal | None = None


def call(
    definition: Definition,
    *,
    evaluability: Evaluability,
    timeline: Timeline,
    lesions: Sequence[SizesOfLesion],
    out_of_field: SetResponse | None,
    protocol: Protocol,
) -> DefinitionResult:
    """Whether a patient meets a definition.

    Args:
        lesions: the measurable ones of the out-of-field set.
    """
    if not evaluability.evaluable or out_of_field is None:
        found = _Found(None, evaluability.reason.sentence)
    elif definition.measure is Measure.SINGLE:
        found = _single(lesions)
    elif definition.measure is Measure.AGGREGATE:
        found = _aggregate(out_of_field, protocol)
    elif definition.time is ResponseTime.LANDMARK:
        found = _at_landmark(definition, out_of_field, timeline, protocol)
    else:
        found = _best(definition, out_of_field, protocol)
    day, systemic = found.day, timeline.systemic_day
    return DefinitionResult(
        definition,
        found.met,
        found.confirmed,
        day,
        None if day is None else day - timeline.end_day,
        None if day is None or systemic is None else day - systemic,
        Reason(
            f"abscopal-{definition.name}",
            definition.paper,
            found.sentence,
            found.numbers,
            found.margin_mm,
        ),
    )


def _single(lesions: Sequence[SizesOfLesion]) -> _Found:
    followed = [each for each in lesions if each.best is not None]
    if not followed:
        return _Found(None, "No measurable out-of-field lesion was measured again.")
    best = min(followed, key=_share)
    responding = [each for each in lesions if each.response_day is not None]
    confirmed = [each for each in lesions if each.confirmed_day is not None]
    sentence, numbers, margin = _described(best.lesion.id, best.sizes_mm, best.baseline_mm)
    if not responding:
        return _Found(
            False, f"No lesion by 30 %; the best is {sentence}", None, None, numbers, margin
        )
    again = "confirmed" if confirmed else "not confirmed"
    day = min(day for each in responding if (day := each.response_day) is not None)
    names = ", ".join(each.lesion.id for each in responding)
    return _Found(
        True,
        f"By 30 %, {again}: {names}; the best is {sentence}",
        day,
        bool(confirmed),
        numbers,
        margin,
    )


def _share(change: SizesOfLesion) -> float:
    return change.best_change_percent or 0.0


def _aggregate(out_of_field: SetResponse, protocol: Protocol) -> _Found:
    baseline = out_of_field.baseline_mm
    sizes = tuple((day, total) for day, total in out_of_field.sums if total is not None)
    if not baseline or not sizes:
        return _Found(None, "No complete sum of the out-of-field targets to compare.")
    sentence, numbers, margin = _described("the out-of-field sum", sizes, baseline)
    day, confirmed = shrinkage(sizes, baseline, protocol)
    if day is None:
        return _Found(False, f"Not by 30 %: {sentence}", None, None, numbers, margin)
    again = "confirmed" if confirmed is not None else "not confirmed"
    return _Found(
        True, f"By 30 %, {again}: {sentence}", day, confirmed is not None, numbers, margin
    )


def _described(name: str, sizes: SizesByDay, baseline: Decimal) -> tuple[str, Numbers, Decimal]:
    """The smallest of some sizes against a baseline, in words and numbers."""
    day, size = min(sizes, key=lambda each: (each[1], each[0]))
    margin = partial_response_mm(baseline) - size
    other = f"{in_mm(abs(margin))} mm {'from' if margin >= 0 else 'short of'} the limit"
    sentence = (
        f"{name} on day {day}, {in_mm(size)} of {in_mm(baseline)} mm, {percent(size, baseline)}; "
        f"{other}."
    )
    numbers = (
        ("day", str(day)),
        ("size_mm", in_mm(size)),
        ("baseline_mm", in_mm(baseline)),
        ("change_from_baseline", percent(size, baseline)),
    )
    return sentence, numbers, abs(margin)


def _best(definition: Definition, out_of_field: SetResponse, protocol: Protocol) -> _Found:
    best, confirmed = out_of_field.best, out_of_field.confirmed
    if best.response is Response.NE:
        return _Found(None, f"Out-of-field best response NE: {best.reason.sentence}")
    if best.response is Response.NON_CR_NON_PD and (found := _without_sum(definition, protocol)):
        return found
    met = best.response in definition.counts or best.response is Response.NON_CR_NON_PD
    numbers: Numbers = (
        ("best", str(best.response)),
        ("confirmed_best", str(confirmed.response)),
    )
    why, margin = _because(out_of_field, best.day)
    sentence = f"Out-of-field best response {best.response}: {best.reason.sentence}{why}"
    if not met:
        return _Found(False, sentence, None, None, numbers, margin)
    responding = best.response in RESPONDING
    day = out_of_field.first_day if responding else best.day
    return _Found(
        True,
        sentence,
        day,
        out_of_field.confirmed_day is not None if responding else None,
        numbers,
        margin,
    )


def _without_sum(definition: Definition, protocol: Protocol) -> _Found | None:
    """The answer on non-targets alone that stayed; None where it counts as control of disease.

    Without targets there is no sum that could shrink, so whether disease outside responded cannot
    be told; NON-CR/NON-PD is the stable disease of such patients (Eisenhauer 2009, Table 2).
    """
    if Response.SD not in definition.counts:
        sentence = "NON-CR/NON-PD: no out-of-field target, so no sum that could respond."
        return _Found(None, sentence)
    if protocol.benefit_words == "all":
        return None
    return _Found(None, "NON-CR/NON-PD is not counted as control (benefit_words = targets_only).")


def _because(out_of_field: SetResponse, day: int | None) -> tuple[str, Decimal | None]:
    seen = None if day is None else out_of_field.on(day)
    if seen is None or not seen.reasons:
        return "", None
    return f" {seen.reasons[0].sentence}", seen.reasons[0].margin_mm


def _at_landmark(
    definition: Definition, out_of_field: SetResponse, timeline: Timeline, protocol: Protocol
) -> _Found:
    due = timeline.start_day + protocol.abscopal_landmark_days
    window = protocol.abscopal_landmark_window_days
    seen = _nearest(out_of_field.assessments, due, window)
    progressed = out_of_field.progression_day
    if progressed is not None and progressed < (due - window if seen is None else seen.day):
        return _Found(False, f"Out-of-field progression on day {progressed}, before the landmark.")
    if seen is None:
        sentence = f"No scan within {window} days of day {due}."
        return _Found(None, sentence, None, None, (("due_day", str(due)),))
    numbers: Numbers = (
        ("due_day", str(due)),
        ("day", str(seen.day)),
        ("response", str(seen.overall)),
    )
    reason = seen.reasons[0]
    sentence = f"Day {seen.day}, {seen.day - due:+d} from day {due}: {reason.sentence}"
    if seen.overall is Response.NE:
        return _Found(None, sentence, None, None, numbers)
    if seen.overall is Response.NON_CR_NON_PD and (found := _without_sum(definition, protocol)):
        return found
    met = seen.overall in definition.counts or seen.overall is Response.NON_CR_NON_PD
    responding = met and seen.overall in RESPONDING
    return _Found(
        met,
        sentence,
        seen.day if met else None,
        _confirmed_at(seen, out_of_field) if responding else None,
        numbers,
        reason.margin_mm,
    )


def _nearest(seen: Sequence[Assessment], due: int, window: int) -> Assessment | None:
    near = [each for each in seen if abs(each.day - due) <= window]
    return min(near, key=lambda each: (abs(each.day - due), each.day), default=None)


def _confirmed_at(seen: Assessment, out_of_field: SetResponse) -> bool:
    """Whether the response at the landmark is part of one that was confirmed."""
    confirmed = out_of_field.confirmed_day
    return confirmed is not None and confirmed <= seen.day
