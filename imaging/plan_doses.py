"""Which dose and structure set belong to which plan, and which plans were meant to be given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from imaging.contours import StructureSet
from imaging.dose import Dose, DoseKind, Summation, sum_doses
from imaging.errors import InputError
from imaging.plan import Plan

#: Approval Status (300E,0002) and Plan Intent (300A,000A).
APPROVED, UNAPPROVED, REJECTED = "APPROVED", "UNAPPROVED", "REJECTED"
NOT_TREATMENT = ("VERIFICATION", "MACHINE_QA", "RESEARCH", "SERVICE")
#: Summation types that stand for a whole plan, best first.
_WHOLE_PLAN = (Summation.PLAN, Summation.RECORD)


def linked_doses(doses: Sequence[Dose], plans: Sequence[Plan], warnings: list[str]) -> list[Dose]:
    """Doses whose plan is not at hand, given the plan that alone can be theirs.

    Anonymisers often give plan and dose UIDs that no longer refer to each other. A dose belongs to
    the only plan that no dose names, of its frame of reference and its study where both are known,
    when it is the only such dose too. Doses that name the same lost plan (of its beams) are one.
    """
    known = {plan.sop_instance_uid for plan in plans}
    named = {uid for dose in doses for uid in dose.plan_uids}
    free = [plan for plan in plans if plan.sop_instance_uid not in named]
    lost = [dose for dose in doses if not known & set(dose.plan_uids)]
    found: dict[int, Plan] = {}
    for dose in lost:
        mine = [plan for plan in free if _may_belong(dose, plan)]
        rivals = [
            other
            for other in lost
            if mine
            and _may_belong(other, mine[0])
            and not (other is dose or (dose.plan_uids and other.plan_uids == dose.plan_uids))
        ]
        if len(mine) == 1 and not rivals:
            found[id(dose)] = mine[0]
    linked = []
    for dose in doses:
        plan = found.get(id(dose))
        if plan is None:
            linked.append(dose)
            continue
        warnings.append(
            f"{dose.source}: refers to a plan that is not at hand; taken for the dose of "
            f"{plan.source}, the only plan of its study and frame of reference"
        )
        linked.append(replace(dose, plan_uids=(plan.sop_instance_uid,)))
    return linked


def _may_belong(dose: Dose, plan: Plan) -> bool:
    """Whether study and frame of reference, where both are known, are the same."""
    pairs = (
        (dose.study_uid, plan.study_uid),
        (dose.volume.grid.frame_of_reference_uid, plan.frame_of_reference_uid),
    )
    alike = [one == other for one, other in pairs if one and other]
    return bool(alike) and all(alike)


def with_structures(plan: Plan, sets: Sequence[StructureSet], warnings: list[str]) -> Plan:
    """The plan with the structure set that alone can be its own, where its own is not at hand."""
    if not plan.target_rois or plan.structure_set_uid in {one.sop_instance_uid for one in sets}:
        return plan
    alike = [
        one
        for one in sets
        if plan.frame_of_reference_uid in (None, one.frame_of_reference_uid)
        and set(plan.target_rois) <= {roi.number for roi in one.rois}
    ]
    if len(alike) != 1:
        return plan
    warnings.append(
        f"{plan.source}: refers to a structure set that is not at hand; taken for planned on "
        f"{alike[0].source}, the only one of its frame of reference"
    )
    return replace(plan, structure_set_uid=alike[0].sop_instance_uid)


def for_treatment(
    plans: Sequence[Plan], doses: Sequence[Dose], warnings: list[str]
) -> tuple[list[Plan], list[Dose]]:
    """Plans that were meant to be given, and the doses that are not of one left out.

    Left out are rejected plans, plans for verification or research, and beside approved plans those
    that never were: alternatives that were not chosen would be added to the one that was.
    """
    approved = any(plan.approval == APPROVED for plan in plans)
    out: dict[str, str] = {}
    for plan in plans:
        if plan.approval == REJECTED or plan.intent in NOT_TREATMENT:
            out[plan.sop_instance_uid] = plan.approval if plan.approval == REJECTED else plan.intent
        elif approved and plan.approval == UNAPPROVED:
            out[plan.sop_instance_uid] = f"{UNAPPROVED}, and another is {APPROVED}"
    warnings += [
        f"{plan.source}: plan left out: {out[plan.sop_instance_uid]}"
        for plan in plans
        if plan.sop_instance_uid in out
    ]
    kept = [plan for plan in plans if plan.sop_instance_uid not in out]
    if len(kept) > 1:
        labels = ", ".join(plan.label or plan.source for plan in kept)
        warnings.append(f"dose is cumulated over {len(kept)} plans: {labels}")
    return kept, [d for d in doses if not d.plan_uids or not set(d.plan_uids) <= set(out)]


def paired_doses(
    doses: Sequence[Dose], plans: Sequence[Plan], problems: list[str], warnings: list[str]
) -> list[tuple[Plan | None, Dose | None]]:
    """Each plan with its one dose. MULTI_PLAN is used only where no plan has a dose of its own."""
    known = {plan.sop_instance_uid: plan for plan in plans}
    single = [d for d in doses if d.summation is not Summation.MULTI_PLAN and len(d.plan_uids) == 1]
    uids = list(dict.fromkeys([*known, *(d.plan_uids[0] for d in single)]))
    pairs: list[tuple[Plan | None, Dose | None]] = []
    own: set[str] = set()
    for uid in uids:
        mine = [dose for dose in single if dose.plan_uids[0] == uid]
        dose = _dose_of_plan(mine, known.get(uid), problems, warnings)
        if dose is not None:
            own.add(uid)
        pairs.append((known.get(uid), dose))
    combined: set[str] = set()
    for dose in doses:
        if dose in single:
            continue
        if own & set(dose.plan_uids):
            warnings.append(f"{dose.source}: {dose.summation} dose left out, plans have their own")
        elif combined & set(dose.plan_uids):
            warnings.append(f"{dose.source}: a second sum of the same plans was left out")
        else:
            combined.update(dose.plan_uids)
            pairs.append((None, dose))
    return [pair for pair in pairs if pair[1] is not None or not _within(pair[0], combined)]


def _within(plan: Plan | None, combined: set[str]) -> bool:
    return plan is not None and plan.sop_instance_uid in combined


def _dose_of_plan(
    doses: Sequence[Dose], plan: Plan | None, problems: list[str], warnings: list[str]
) -> Dose | None:
    """The dose of a whole plan: a PLAN dose, else the sum of all its beams or fraction groups."""
    if any(dose.kind is DoseKind.PHYSICAL for dose in doses):
        doses = [dose for dose in doses if dose.kind is DoseKind.PHYSICAL]
    for summation in _WHOLE_PLAN:
        whole = sorted((d for d in doses if d.summation is summation), key=lambda d: d.calculated)
        if len(whole) > 1:
            warnings.append(f"{whole[-1].source}: the latest of {len(whole)} doses of its plan")
        if whole:
            return whole[-1]
    beams = [dose for dose in doses if dose.summation is Summation.BEAM]
    if not beams:
        rest = [f"{dose.source}: {dose.summation} dose is not that of a plan" for dose in doses]
        problems.extend(rest)
        return None
    numbers = [number for dose in beams for number in dose.beam_numbers]
    if plan is None or len(set(numbers)) != len(numbers) or len(numbers) != plan.beams:
        problems.append(f"{beams[0].source}: {len(beams)} BEAM doses are not all beams of a plan")
        return None
    try:
        return sum_doses(beams, Summation.PLAN)
    except InputError as error:
        problems.append(str(error))
        return None
