"""The delineations of all dates: a reader's, then proposals for known lesions, then what is new.

Dates are gone through in order of time. What a reader drew at a date stands. Where nobody drew,
each lesion known from earlier dates is looked for at its place (:mod:`recist.patient.following`)
before the network is asked for what is new; what it calls new is looked for at the dates before.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from imaging.beside import NOBODY, Beside
from imaging.errors import InputError
from imaging.registration import LesionSpheres, Registration, as_anatomy, register_dates
from imaging.registration.reduction import Reduced
from imaging.volume import Mask, Volume
from recist.measure import caliper
from recist.patient.delineation import Delineated
from recist.patient.emerging import compared, new_in_lung
from recist.patient.examination import (
    Examination,
    by_network,
    drawn_at,
    undelineated,
    with_lung_candidates,
    with_organs,
)
from recist.patient.following import Second, moved_around_mm, propose, seen_before, unchanged_at
from recist.patient.known import known_lesions
from recist.patient.options import Options
from recist.patient.proposal import KnownLesion
from recist.patient.work.observed import ObservedDate
from recist.tracking import Followed
from segmentation.evaluation import shared_voxels
from segmentation.growth import NetworkGrowth
from segmentation.instances import SMALLEST_CANDIDATE_ML, Candidate

if TYPE_CHECKING:  # torch comes with it: who follows nothing by a network does without
    from segmentation.infer import Delineation

#: Delineations that are read by so many threads.
READ_AT_ONCE = 2
#: What the network found on its own is a known lesion when it shares this of the smaller of both.
SAME_PLACE = 0.2

NO_SPHERES = LesionSpheres(np.zeros((0, 3)), np.zeros(0))


@dataclass(slots=True, eq=False)
class Outlines:
    """The delineated dates of a patient while they are gone through.

    Attributes:
        found: by date.
        followed: by date: what became of earlier lesions.
        registrations: of every date to the first; empty where nothing had to be followed.
        growth: how much lesions grew by the network of CT and PET; None without one.
        registered_before: of the first dates, found in an earlier run; empty where none were.
        first_seen: the first CT as the search for what is new compares it; None before that.
        beside: other processes that take part of the registration.
    """

    subject: str
    examinations: Sequence[Examination]
    options: Options
    found: list[Delineated] = field(default_factory=list)
    followed: list[tuple[Followed, ...]] = field(default_factory=list)
    registrations: tuple[Registration | None, ...] = ()
    growth: NetworkGrowth | None = None
    registered_before: tuple[Registration | None, ...] = ()
    first_seen: Reduced | None = None
    beside: Beside = NOBODY


def delineate_dates(
    subject: str,
    examinations: Sequence[Examination],
    options: Options,
    *,
    before: Sequence[ObservedDate] = (),
    drawn_by_hand: bool = False,
    beside: Beside = NOBODY,
    on_stage: Callable[[str], None] = lambda _: None,
) -> Outlines:
    """Delineate every date of a patient.

    Args:
        before: the first dates, as an earlier run observed them: what it found there stands.
        drawn_by_hand: a reader drew lesions there: dates are registered, whatever is delineated.
        beside: other processes that take their part of the work.

    Raises:
        InputError: a delineation that does not fit its image, or no network when it is needed.
    """
    on_stage("delineate")
    out = Outlines(subject, examinations, options, beside=beside)
    out.found = [each.found for each in before]
    out.followed = [each.followed for each in before]
    if any(each.registration is not None for each in before):
        out.registered_before = tuple(each.registration for each in before)
    drawn: list[Delineated | None] = [None] * len(before)
    with ThreadPoolExecutor(READ_AT_ONCE) as threads:
        further = examinations[len(before) :]
        drawn += threads.map(lambda each: drawn_at(subject, each, options), further)
    if not before:
        _check_first(examinations[0], drawn[0])
    days = [each.day for each in examinations]
    for n, examination in enumerate(examinations[len(before) :], start=len(before)):
        given = drawn[n]
        followed: tuple[Followed, ...] = ()
        found = given
        if examination.is_pet_alone and (found is None or not found.is_answer):
            found = undelineated(found)
        if found is None or not found.is_answer:
            left_out = found.warnings if found is not None else ()
            known = known_lesions(days, out.found, out.followed)
            if known and not out.registrations:
                on_stage("register")
                out.registrations = _registered(out, drawn)
                out.growth = network_growth(options)
                on_stage("follow")
            found, followed = _at(n, out, known, left_out)
        found = with_organs(subject, examination, found, options)
        out.found.append(with_lung_candidates(examination, found, options))
        out.followed.append(followed)
    if not out.registrations and (drawn_by_hand or any(each.candidates for each in out.found)):
        on_stage("register")
        out.registrations = _registered(out, drawn)
    return out


def _check_first(first: Examination, drawn: Delineated | None) -> None:
    """Refuse a PET alone on whose first date nothing was drawn: every lesion would be new.

    Raises:
        InputError: nothing was drawn.
    """
    if first.is_pet_alone and (drawn is None or not drawn.is_answer):
        raise InputError(
            "the first PET has no CT, and no SEG, RTSTRUCT or label map of its lesions",
            where=str(first.visit.date),
            remedy="draw its lesions: later dates are compared with it",
        )


def _registered(
    out: Outlines, drawn: Sequence[Delineated | None]
) -> tuple[Registration | None, ...]:
    """Every date to the first; it must hold around what was delineated so far, or will be."""
    if out.examinations[0].is_pet_alone:
        # Uptake follows the tumour: neither a deformation nor what lies around it can be trusted.
        anatomy = [as_anatomy(each.ct.volume) for each in out.examinations]
        return register_dates(anatomy, found_before=out.registered_before, deformable=False)
    further = drawn[len(out.found) :]
    return register_dates(
        [each.ct.volume for each in out.examinations],
        lesions=[_spheres(each) for each in (*out.found, *further)],
        found_before=out.registered_before,
        beside=out.beside,
    )


def _spheres(found: Delineated | None) -> LesionSpheres:
    masks = [each.mask for each in found.candidates if each.mask.voxels] if found else []
    return LesionSpheres(
        np.array([mask.centre_mm for mask in masks]).reshape(-1, 3),
        np.array([mask.radius_mm for mask in masks]),
    )


def _at(
    n: int, out: Outlines, known: Sequence[tuple[int, int]], left_out: tuple[str, ...]
) -> tuple[Delineated, tuple[Followed, ...]]:
    """A date that nobody delineated: known lesions first, then what is new."""
    here = out.examinations[n]
    registration = out.registrations[n] if out.registrations else None
    lesions = [_lesion(out, date, number) for date, number in known]
    second = second_opinion(out.options)
    proposals = propose(lesions, here, registration, second=second, growth=out.growth)
    candidates: list[Candidate] = []
    followed: list[Followed] = []
    position: dict[int, int] = {}  # of what is proposed: lesions grown together are in one
    for proposal in proposals:
        for each in proposal.candidates:
            if id(each) not in position:
                position[id(each)] = len(candidates)
                candidates.append(_labelled(each, candidates))
        if proposal.in_view:
            followed.append(proposal.followed([position[id(c)] for c in proposal.candidates]))
    answer = by_network(out.subject, here, out.options, left_out)
    warnings = list(answer.warnings)
    rooms = [
        (unchanged_at(known_lesion, here, registration), moved_around_mm(proposal))
        for known_lesion, proposal in zip(lesions, proposals, strict=True)
    ]
    for each in (*answer.candidates, *_emerged(n, out, candidates, rooms)):
        if any(is_at(each, other) for other in candidates):
            continue
        new = _unless_unchanged(each, n, out, warnings)
        if new is not None:
            candidates.append(_labelled(new, candidates))
    found = replace(answer, candidates=tuple(candidates), warnings=tuple(warnings))
    return found, tuple(followed)


def _emerged(
    n: int, out: Outlines, candidates: Sequence[Candidate], rooms: Sequence[tuple[Mask, float]]
) -> list[Candidate]:
    """What the network draws at spots in the lung that a comparison with the first date shows."""
    if n == 0 or not out.registrations:
        return []
    here, first = out.examinations[n], out.examinations[0]
    out.first_seen = out.first_seen or compared(first.ct.volume)
    spots = new_in_lung(
        here.ct.volume,
        out.first_seen,
        (out.registrations[n], None),
        [*((each.mask, 0.0) for each in candidates), *rooms],
    )
    flag = f"dense where there was aerated lung on {first.visit.date}"
    if not len(spots):
        return []
    from segmentation.prompted import delineate_prompted  # noqa: PLC0415 - as above
    from segmentation.prompts import Click  # noqa: PLC0415 - as above

    found: list[Candidate] = []
    for x, y, z in spots:
        drawn = delineate_prompted(
            here.ct.volume,
            here.suv,
            Click((float(x), float(y), float(z))),
            out.options.models(),
            device=out.options.device,
            quality=out.options.quality,
        )
        found += [
            replace(each, flags=(*each.flags, flag), label=f"new {len(found) + 1}")
            for each in drawn.candidates
            if each.mask.volume_ml >= SMALLEST_CANDIDATE_ML
            and not any(is_at(each, other) for other in found)
        ]
    return found


def _lesion(out: Outlines, date: int, number: int) -> KnownLesion:
    return KnownLesion(
        out.examinations[date],
        number,
        out.found[date].candidates[number],
        out.registrations[date] if out.registrations else None,
    )


def second_opinion(options: Options) -> Second:
    """The networks, prompted by an outline that was carried over, with how sure they are."""
    from segmentation.prompted import delineate_prompted  # noqa: PLC0415 - as above
    from segmentation.prompts import Carried  # noqa: PLC0415 - as above
    from segmentation.quality import flagged  # noqa: PLC0415 - as above

    models = options.models()

    def ask(ct: Volume, suv: Volume | None, outline: Mask) -> Delineation:
        found = delineate_prompted(
            ct, suv, Carried(outline), models, device=options.device, quality=options.quality
        )
        return flagged(found, suv=suv, diameter=lambda mask: float(caliper(mask).long_axis_mm))

    return ask


def network_growth(options: Options) -> NetworkGrowth | None:
    """What the network of CT and PET says of growth; None where another model takes its place."""
    from segmentation.infer import delineate  # noqa: PLC0415 - as above
    from segmentation.prompts import Carried  # noqa: PLC0415 - as above

    bundle = options.models().coarse
    if bundle is None:
        return None

    def draw(ct: Volume, suv: Volume, outline: Mask) -> Delineation:
        return delineate(
            ct,
            suv,
            bundle,
            prompt=Carried(outline),
            device=options.device,
            quality=options.quality,
        )

    return NetworkGrowth(draw, lambda mask: float(caliper(mask).long_axis_mm))


def _labelled(candidate: Candidate, others: Sequence[Candidate]) -> Candidate:
    """The candidate under a label that no other one of the date has."""
    taken = {each.label for each in others}
    if candidate.label not in taken:
        return candidate
    numbered = (f"{candidate.label} ({n})" for n in itertools.count(2))
    return replace(candidate, label=next(name for name in numbered if name not in taken))


def is_at(found: Candidate, known: Candidate) -> bool:
    """Whether what the network found on its own lies where a known lesion is proposed."""
    shared = shared_voxels(found.mask, known.mask)
    return shared >= SAME_PLACE * min(found.mask.voxels, known.mask.voxels)


def _unless_unchanged(
    candidate: Candidate, n: int, out: Outlines, warnings: list[str]
) -> Candidate | None:
    """What the network calls a lesion; what a reader saw as it is now, and called none, is none."""
    if not out.registrations:
        return candidate
    here = KnownLesion(out.examinations[n], 0, candidate, out.registrations[n])
    for date in (date for date in range(n) if out.found[date].reviewed):
        size = seen_before(here, out.examinations[date], out.registrations[date])
        if size is not None and size.is_unchanged:
            warnings.append(
                f"candidate {candidate.label} of the network at "
                f"({', '.join(f'{x:.0f}' for x in candidate.centre_mm)}) mm is left out: it looks "
                f"the same on {out.examinations[date].visit.date}, where the reader drew no lesion"
            )
            return None
    return candidate
