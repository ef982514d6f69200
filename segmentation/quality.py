"""What makes a delineation doubtful, lesion by lesion, in words for the report.

Nothing is changed or removed: a doubtful lesion carries its flags, and the uncertainty of its
diameter goes to the criteria.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from imaging.volume import Index3, Mask, Volume
from segmentation.evaluation import Diameter, dice_of_masks, shared_voxels
from segmentation.infer import Delineation
from segmentation.instances import Candidate
from segmentation.intervals import LINE_ERROR, NORMAL_90
from segmentation.lesion_uptake import uptake_beyond, uptake_contrast, uptake_shift_mm
from segmentation.necks import body_of
from segmentation.placement import place

#: The probability that makes a voxel lesion is moved by this much to either side.
THRESHOLD_STEP = 0.1
#: A diameter that changes by more than this when the threshold moves is flagged.
DIAMETER_CHANGE_MM = 5.0
#: Centre of uptake against centre of the mask: more than this suggests that PET and CT are apart.
SHIFT_MM = 10.0
#: Mean uptake in a lesion over that within 15 mm around it: less than this is no contrast.
CONTRAST = 1.3
#: Uptake like its own that goes on around a lesion, as a multiple of its volume: from here on what
#: was outlined may be a part. Of 40 sarcomas found without a prompt 6 reach it, among them all
#: three with a Dice below 0.5. Smaller lesions than these were not measured, ml.
GOES_ON, GOES_ON_ML = 1.0, 25.0
#: Networks that share less than this Dice on a lesion disagree.
AGREEMENT = 0.7


@dataclass(frozen=True, slots=True)
class Doubt:
    """How sure a lesion's delineation is.

    Attributes:
        diameter_low_mm, diameter_high_mm: with the threshold 0.1 higher and lower; None when the
            lesion vanishes or no diameter was measured.
        agreement: mean Dice of each network's mask with all the others'; None where one was asked.
        beyond: tissue around it that takes up tracer as it does, as a multiple of its volume; None
            without PET and for small lesions.
        others_mm: diameters that each network alone and another method give the lesion.
        blind: how many of the networks find nothing there, of how many.
        shift_mm: centre of uptake to centre of mask; None without PET or uptake.
        at_edge: the mask reaches the border of the image.
        contrast: mean uptake inside over that around; None without PET.
    """

    diameter_low_mm: float | None
    diameter_high_mm: float | None
    agreement: float | None
    shift_mm: float | None
    at_edge: bool
    contrast: float | None = None
    beyond: float | None = None
    others_mm: tuple[float, ...] = ()
    blind: tuple[int, int] = (0, 0)

    @property
    def diameter_uncertainty_mm(self) -> float | None:
        """Half of the range that the threshold moves the diameter over."""
        if self.diameter_low_mm is None or self.diameter_high_mm is None:
            return None
        return abs(self.diameter_high_mm - self.diameter_low_mm) / 2.0

    def flags(self) -> tuple[str, ...]:
        """One remark for each doubt, in the report's words."""
        found = []
        if self.at_edge:
            found.append("reaches the edge of the image: may be larger than measured")
        if self.diameter_low_mm is None and self.diameter_high_mm is not None:
            found.append("vanishes when the network's threshold is raised by 0.1")
        spread = self.diameter_uncertainty_mm
        if spread is not None and 2.0 * spread > DIAMETER_CHANGE_MM:
            found.append(
                f"diameter {self.diameter_low_mm:.0f} to {self.diameter_high_mm:.0f} mm "
                "as the network's threshold moves by 0.1"
            )
        if self.agreement is not None and self.agreement < AGREEMENT:
            found.append(f"the networks disagree (mean Dice {self.agreement:.2f})")
        if self.blind[0]:
            found.append(f"{self.blind[0]} of {self.blind[1]} networks find nothing there")
        if self.shift_mm is not None and self.shift_mm > SHIFT_MM:
            found.append(f"uptake lies {self.shift_mm:.0f} mm off: PET and CT may be apart")
        if self.contrast is not None and self.contrast < CONTRAST:
            found.append("takes up hardly more tracer than its surroundings: may be no lesion")
        if self.beyond is not None and self.beyond >= GOES_ON:
            found.append(
                f"uptake like its own goes on around it ({self.beyond:.1f} times its volume): the "
                "lesion may be larger than outlined"
            )
        return tuple(found)


def doubt(
    candidate: Candidate,
    delineation: Delineation,
    *,
    suv: Volume | None = None,
    diameter: Diameter | None = None,
) -> Doubt:
    """Examine one candidate of a delineation."""
    low, high = None, None
    if delineation.logit is not None and diameter is not None:
        step = float(np.log((0.5 + THRESHOLD_STEP) / (0.5 - THRESHOLD_STEP)))
        high, low = (
            _diameter_at(candidate, delineation.logit, delineation.level + by, diameter)
            for by in (-step, step)
        )
    alone = [_mask_at(candidate, one, delineation.level) for one in delineation.each]
    masks = [mask for mask in alone if mask is not None]
    beside = () if delineation.beside is None else (delineation.beside,)
    return Doubt(
        diameter_low_mm=low,
        diameter_high_mm=high,
        agreement=_agreement(masks),
        shift_mm=None if suv is None else uptake_shift_mm(candidate.mask, suv),
        at_edge=reaches_edge(candidate.mask),
        contrast=None if suv is None else uptake_contrast(candidate.mask, suv),
        beyond=_beyond(candidate.mask, suv),
        others_mm=() if diameter is None else tuple(diameter(mask) for mask in (*masks, *beside)),
        blind=(len(alone) - len(masks), len(alone)),
    )


def _beyond(mask: Mask, suv: Volume | None) -> float | None:
    return None if suv is None or mask.volume_ml < GOES_ON_ML else uptake_beyond(mask, suv)


def flagged(
    delineation: Delineation, *, suv: Volume | None = None, diameter: Diameter | None = None
) -> Delineation:
    """The delineation with each candidate's flags and the uncertainty of its diameter."""
    examined = []
    for candidate in delineation.candidates:
        found = doubt(candidate, delineation, suv=suv, diameter=diameter)
        interval_mm = _interval_mm(candidate, delineation, found, diameter)
        uncertainty_mm = found.diameter_uncertainty_mm
        if interval_mm is not None:
            uncertainty_mm = (interval_mm[1] - interval_mm[0]) / (2.0 * NORMAL_90)
        examined.append(
            replace(
                candidate,
                flags=(*candidate.flags, *found.flags()),
                diameter_uncertainty_mm=uncertainty_mm,
                diameter_interval_mm=interval_mm,
                lasting_share=_lasting_share(candidate, delineation),
            )
        )
    return replace(delineation, candidates=tuple(examined))


def _lasting_share(candidate: Candidate, delineation: Delineation) -> float:
    if candidate.long_axis is not None or delineation.error is None:
        return 0.0
    return delineation.error.lasting


def _interval_mm(
    candidate: Candidate, delineation: Delineation, found: Doubt, diameter: Diameter | None
) -> tuple[float, float] | None:
    if candidate.long_axis is not None:
        start, end = candidate.long_axis
        return LINE_ERROR.interval_mm(float(np.linalg.norm(np.subtract(end, start))))
    if delineation.error is None or diameter is None:
        return None
    others = (found.diameter_low_mm, found.diameter_high_mm, *found.others_mm)
    return delineation.error.interval_mm(
        diameter(candidate.mask), (each for each in others if each is not None)
    )


def reaches_edge(mask: Mask) -> bool:
    """Whether a mask touches the first or last voxel of its grid along any axis."""
    stop = np.add(mask.start, mask.array.shape)
    return min(mask.start) == 0 or bool((stop == np.array(mask.grid.shape)).any())


def _diameter_at(
    candidate: Candidate, logit: Volume, level: float, diameter: Diameter
) -> float | None:
    mask = _mask_at(candidate, logit, level)
    return None if mask is None else diameter(mask)


def _mask_at(candidate: Candidate, logit: Volume, level: float) -> Mask | None:
    """The lesion by another logit or level; None where it is not there."""
    near = _near(candidate.mask, logit)
    if near is None:
        return None
    found = place(near, candidate.mask.grid, level=level, smallest_ml=0.0)
    shared = [shared_voxels(one.mask, candidate.mask) for one in found]
    if not shared or max(shared) == 0:
        return None
    # As the answer was cut: what hangs on the lesion by a neck would count as its length.
    return body_of(found[int(np.argmax(shared))].mask, candidate.mask.centre_mm)


def _agreement(masks: Sequence[Mask]) -> float | None:
    """The mean Dice over pairs of outlines of one lesion; None for fewer than two."""
    pairs = [dice_of_masks(a, b) for n, a in enumerate(masks) for b in masks[n + 1 :]]
    return float(np.mean(pairs)) if pairs else None


def _near(mask: Mask, logit: Volume, margin_voxels: int = 12) -> Volume | None:
    """The logit around a mask."""
    corners = logit.grid.to_voxel(mask.box_grid.corners_mm())
    low = np.maximum(np.floor(corners.min(axis=0)) - margin_voxels, 0).astype(int)
    high = np.minimum(np.ceil(corners.max(axis=0)) + margin_voxels + 1, logit.grid.shape)
    i, j, k = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    part = logit.array[i, j, k]
    if min(part.shape) < 1:
        return None
    shape: Index3 = (part.shape[0], part.shape[1], part.shape[2])
    start: Index3 = (int(low[0]), int(low[1]), int(low[2]))
    return Volume(part, logit.grid.crop(start, shape), logit.unit, logit.source)
