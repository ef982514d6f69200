"""Every known lesion, looked for at another date: what is proposed there, and how sure it is.

Somebody drew a lesion once. At another date the outline is carried to where the registration
expects it and follows what the lesion itself did (:func:`imaging.registration.lesion_change`); the
network, prompted by the outline, is asked for a second opinion where the images leave a doubt, and
answers where the lesion can no longer be recognised. What comes out is a proposal: it names its
source, its confidence and its doubts, and stays unreviewed until a reader confirms it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from imaging.errors import InputError
from imaging.registration import (
    Expected,
    LesionTransform,
    Registration,
    expected_place,
    lesion_change,
)
from imaging.registration.change import SURE
from imaging.volume import Mask, Volume
from recist.measure import caliper
from recist.measure.carried import carried_axes
from recist.patient.examination import Examination
from recist.patient.meeting import EITHER, told_apart, was_whole, with_pieces
from recist.patient.pieces import in_pieces, level_of
from recist.patient.proposal import KnownLesion, Proposal
from recist.patient.tissue import contrast_hu
from segmentation.evaluation import dice_of_masks
from segmentation.growth import NetworkGrowth, OutlinedDate, by_both
from segmentation.instances import Candidate

if TYPE_CHECKING:  # torch comes with it
    from segmentation.infer import Delineation

#: The network's outline and the carried one agree from this Dice on.
AGREEMENT = 0.6
#: What the network draws must share this much (Dice) with the place that was looked at.
AT_PLACE = 0.1
#: Confidence in an outline by the network alone, where the lesion was not recognised.
NETWORK_ALONE = 0.4
#: A lesion that kept less than this share of its diameter is looked at for further pieces.
SHRUNK = 0.8
#: Pieces of a lesion reach no farther beyond its former outline than this, whatever the error, mm.
MOST_OFF_MM = 5.0
#: What lowers the confidence: the network draws something else; the lesion moved far.
DISAGREEMENT_COST, FAR_COST = 0.2, 0.4
#: It moved far when its middle lies farther off than the registration's error allows: so many
#: errors, at least so many mm, and a share of its radius, since a lesion may grow to one side.
NEAR_ERRORS, NEAR_MM, NEAR_RADII = 1.5, 3.0, 0.15
#: Standard deviation of a diameter that was followed: half of the errors on simulated courses are
#: below 1.3 mm (``scripts/benchmark_following.py``), which is 0.67 of it.
FOLLOWED_SD_MM = 1.9
#: Outlines of fewer voxels in their largest slice have no diameter: too small to measure.
LEAST_PIXELS = 4
#: A lesion that looks alike with its surroundings, but stands out from them by less than this share
#: of what it did, is not there: what was matched is the tissue around it. On simulated courses 8 of
#: 9 that had vanished stood out by 0.25 or less, all but one of 89 others by 0.36 or more. One that
#: looks the same in every detail (correlation) may have faded, as in another phase of contrast.
FADED, IN_EVERY_DETAIL = 0.3, 0.95
#: A lesion of which less than this share can lie in the image is not in view.
IMAGED_SHARE = 0.5

Second: TypeAlias = "Callable[[Volume, Volume | None, Mask], Delineation]"


def propose(
    known: Sequence[KnownLesion],
    here: Examination,
    registration: Registration | None,
    *,
    second: Second | None = None,
    growth: NetworkGrowth | None = None,
) -> tuple[Proposal, ...]:
    """A proposal for each known lesion at a date.

    Args:
        registration: of that date's CT to the first one's.
        second: the network: CT, SUV and a carried outline to what it draws there; None asks none.
        growth: how much a lesion grew by the network of CT and PET; None asks none.
    """
    return told_apart(
        [_proposed(each, here, registration, second, growth) for each in known], here.ct.volume
    )


def _proposed(
    known: KnownLesion,
    here: Examination,
    registration: Registration | None,
    second: Second | None,
    growth: NetworkGrowth | None,
) -> Proposal:
    mask = known.candidate.mask
    expected = expected_place(mask.centre_mm, known.registration, registration)
    if imaged_share(mask, expected, here.ct.volume) < IMAGED_SHARE:
        return Proposal(known, None, 1.0, "its place lies outside of the image", in_view=False)
    before, now = known.examination.ct.volume, here.ct.volume
    change = _change(before, now, mask, expected)
    unchanged = LesionTransform(mask.centre_mm, expected.place_mm, expected.turn, 0.0, 0.0)
    carried = unchanged.carried(mask, now.grid)
    alike = change is not None and change.is_recognised
    faded = change is not None and alike and _has_faded(known, here, change)
    recognised = alike and not faded
    # What became much smaller may be one of several pieces of what was there.
    if change is None or not recognised or change.scale < SHRUNK:
        broken = _broken(known, here, carried, expected.error_mm)
        if broken is not None:
            return broken
    if change is not None and recognised:
        return _by_outline(known, here, change, expected.error_mm, (second, growth))
    opinion = _opinion(second, here, carried) if carried.voxels else None
    told = "" if change is None else f" (correlation {change.correlation:.2f})"
    told = f"{told}, and what is there does not stand out from what lies around" if faded else told
    if opinion is None:
        gone = f"nothing like it was found at its place{told}"
        if _is_filled(known, here, carried):
            unclear = f"not recognised, but tissue as dense lies at its place{told}"
            return Proposal(known, None, 0.5, unclear, is_unclear=True)
        return Proposal(known, None, 0.5, gone)
    flag = f"its earlier image is not recognised here{told}: the network drew what is there"
    candidate = _named(opinion, known, opinion.source, (*opinion.flags, flag))
    return Proposal(known, candidate, NETWORK_ALONE, f"drawn by the network at its place{told}")


def _change(before: Volume, now: Volume, mask: Mask, expected: Expected) -> LesionTransform | None:
    """How a lesion changed. What lies far off is it only where it looks the same beyond doubt.

    Where a lesion has vanished, something in the tissue around resembles it moderately; what lies
    nearer to where the registration puts it is then asked.
    """
    change = lesion_change(before, now, mask, expected)
    near_mm = _near_mm(mask, expected.error_mm)
    if change is None or change.shift_mm <= near_mm or change.correlation >= SURE:
        return change
    return lesion_change(before, now, mask, expected, within_mm=near_mm)


def _near_mm(mask: Mask, error_mm: float) -> float:
    """How far from its expected place the middle of a lesion may lie without doubt."""
    return max(NEAR_ERRORS * error_mm, NEAR_MM) + NEAR_RADII * mask.radius_mm


def _has_faded(known: KnownLesion, here: Examination, change: LesionTransform) -> bool:
    """Whether what looks like a lesion's place no longer holds what stood out there."""
    if change.correlation >= IN_EVERY_DETAIL:
        return False
    found = change.carried(known.candidate.mask, here.ct.volume.grid)
    if not _is_measurable(found):
        return False
    was = contrast_hu(known.candidate.mask, known.examination.ct.volume)
    return contrast_hu(found, here.ct.volume) / was < FADED if was else False


def _is_filled(known: KnownLesion, here: Examination, carried: Mask) -> bool:
    """Whether its place is as dense as it was, not as what lay beside: grown out of recognition."""
    if not carried.voxels:
        return False
    before = known.examination.ct.volume
    was = contrast_hu(known.candidate.mask, before)
    inside = level_of(known.candidate.mask, before)
    now = level_of(carried, here.ct.volume)
    return abs(now - inside) < abs(now - (inside - was))


def _is_measurable(mask: Mask) -> bool:
    return mask.voxels > 0 and int(mask.array.sum(axis=(0, 1)).max()) >= LEAST_PIXELS


def _broken(
    known: KnownLesion, here: Examination, carried: Mask, error_mm: float
) -> Proposal | None:
    """A lesion that is not recognised because it came to pieces, which lie where it was."""
    before, now = known.examination.ct.volume, here.ct.volume
    if not carried.voxels:
        return None
    level_hu = level_of(known.candidate.mask, before)
    off_mm = min(error_mm, MOST_OFF_MM)
    pieces = in_pieces(carried, now, level_hu=level_hu, off_mm=off_mm)
    if len(pieces) < 2 or not was_whole(known):
        return None
    told = "tissue like it lies in pieces at its place"
    candidate = _named(Candidate("", pieces[0]), known, "threshold at its place", (told,))
    return with_pieces(Proposal(known, candidate, EITHER, told), candidate, pieces)


#: What changed its diameter by less than this factor, and looks alike, is unchanged.
UNCHANGED = 1.2


@dataclass(frozen=True, slots=True)
class SeenBefore:
    """How a lesion looked at another date: the correlation, and its size as a share of this one."""

    correlation: float
    scale: float

    @property
    def is_unchanged(self) -> bool:
        return self.correlation >= SURE and 1 / UNCHANGED < self.scale < UNCHANGED


def seen_before(
    lesion: KnownLesion, then: Examination, registration: Registration | None
) -> SeenBefore | None:
    """Whether a lesion is recognised at another date; None where it is not, or not imaged.

    Args:
        registration: of the other date's CT to the first one's.
    """
    mask = lesion.candidate.mask
    expected = expected_place(mask.centre_mm, lesion.registration, registration)
    if imaged_share(mask, expected, then.ct.volume) < IMAGED_SHARE:
        return None
    change = lesion_change(lesion.examination.ct.volume, then.ct.volume, mask, expected)
    if change is None or change.correlation < SURE:
        return None
    return SeenBefore(change.correlation, change.scale)


def moved_around_mm(proposal: Proposal) -> float:
    """How far around its former outline a lesion drew tissue after it: its change of diameter.

    Its surface moved by half of that, and what lies beside it follows, less and less, over some
    twice the way.
    """
    before = float(caliper(proposal.known.candidate.mask).long_axis_mm)
    if proposal.candidate is None or proposal.candidate.is_faint:
        return before
    return abs(before - float(caliper(proposal.candidate.mask).long_axis_mm))


def unchanged_at(known: KnownLesion, here: Examination, registration: Registration | None) -> Mask:
    """The outline of a lesion where it would lie at another date, had it not changed."""
    mask = known.candidate.mask
    expected = expected_place(mask.centre_mm, known.registration, registration)
    still = LesionTransform(mask.centre_mm, expected.place_mm, expected.turn, 0.0, 0.0)
    return still.carried(mask, here.ct.volume.grid)


def imaged_share(mask: Mask, expected: Expected, volume: Volume) -> float:
    """The share of a lesion that lies inside an image, were it as it was."""
    index = np.argwhere(mask.array)
    points = mask.grid.to_world_mm(index[:: -(-len(index) // 1000)] + np.array(mask.start))
    there = expected.place_mm + (points - mask.centre_mm) @ expected.turn.T
    at = volume.grid.to_voxel(there)
    inside = (at > -0.5) & (at < np.array(volume.grid.shape) - 0.5)
    return float(inside.all(axis=1).mean())


def _by_outline(
    known: KnownLesion,
    here: Examination,
    change: LesionTransform,
    error_mm: float,
    asked: tuple[Second | None, NetworkGrowth | None],
) -> Proposal:
    """The outline carried over, and where the images leave a doubt what the network says of it."""
    second, growth = asked
    then, mask = known.examination, known.candidate.mask
    remarks: tuple[str, ...] = ()
    if growth is not None:
        before = OutlinedDate(then.ct.volume, then.suv, mask)
        change, remarks = by_both(change, before, (here.ct.volume, here.suv), growth)
    carried = change.carried(mask, here.ct.volume.grid)
    doubts = list(change.doubts())
    confidence = float(np.clip(change.correlation, 0.0, 1.0))
    if change.shift_mm > _near_mm(mask, error_mm):
        confidence -= FAR_COST
        doubts.append(f"lies {change.shift_mm:.0f} mm from where it was expected")
    source = f"outline of {known.examination.visit.date} carried over"
    reason = f"followed from {known.examination.visit.date}, {change.scale:.2f} times its size"
    if not _is_measurable(carried):
        faint = _seed(carried, change, here.ct.volume)
        candidate = replace(
            _named(Candidate("", faint), known, source, tuple(doubts)), is_faint=True
        )
        return Proposal(known, candidate, confidence, f"{reason}: too small to measure")
    if doubts and second is not None:
        opinion = _opinion(second, here, carried)
        if opinion is None or dice_of_masks(opinion.mask, carried) < AGREEMENT:
            confidence -= DISAGREEMENT_COST
            doubts.append(_disagreement(opinion, carried))
    was = known.candidate
    measured = caliper(was.mask, long_axis=was.long_axis, across=was.short_axis)
    long, short = carried_axes(was.mask, measured, change, carried) or (None, None)
    own = Candidate(
        "",
        carried,
        diameter_uncertainty_mm=FOLLOWED_SD_MM,
        long_axis=None if long is None else (long.start_mm, long.end_mm),
        short_axis=None if short is None else (short.start_mm, short.end_mm),
    )
    candidate = _named(own, known, source, (*doubts, *remarks))
    return Proposal(known, candidate, max(confidence, 0.0), reason)


def _disagreement(opinion: Candidate | None, carried: Mask) -> str:
    own_mm = caliper(carried).long_axis_mm
    if opinion is None:
        return f"the network draws nothing where the outline carried over is {own_mm} mm"
    return f"the network draws {caliper(opinion.mask).long_axis_mm} mm, the outline is {own_mm} mm"


def _seed(carried: Mask, change: LesionTransform, volume: Volume) -> Mask:
    """The voxels of a lesion too small to have an outline: at least the one in its middle."""
    if carried.voxels:
        return carried
    grid = volume.grid
    i, j, k = np.clip(np.rint(grid.to_voxel(change.place_mm)), 0, np.array(grid.shape) - 1)
    return Mask(np.ones((1, 1, 1), np.bool_), (int(i), int(j), int(k)), grid)


def _opinion(second: Second | None, here: Examination, carried: Mask) -> Candidate | None:
    """What the network draws at a place; None where it draws nothing, or something elsewhere."""
    if second is None:
        return None
    try:
        found = second(here.ct.volume, here.suv, carried)
    except InputError:  # at the border of the image there may be no window
        return None
    if not found.candidates or dice_of_masks(found.candidates[0].mask, carried) < AT_PLACE:
        return None
    return found.candidates[0]


def _named(
    candidate: Candidate, known: KnownLesion, source: str, flags: tuple[str, ...]
) -> Candidate:
    """A candidate under the label and with the kind of the lesion that it is."""
    was = known.candidate
    return replace(
        candidate,
        label=was.label,
        organ=was.organ,
        is_node=was.is_node,
        source=source,
        flags=tuple(dict.fromkeys((*flags, *(f for f in was.flags if f.startswith(KIND_FLAGS))))),
    )


#: Remarks on what a lesion is, which hold wherever it is seen again.
KIND_FLAGS = ("organ by its", "lymph node by its")
