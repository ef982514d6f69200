"""The place, size and shape at which a lesion of one image looks most like another image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imaging.registration.lesion_patches import (
    VOXEL_BLUR,
    ImagePatch,
    SlopedPatch,
    SoughtLesion,
)
from imaging.volume import FloatArray, Volume

#: Two answers are one when their sizes differ by less than this factor.
SAME_SIZE = 1.06
#: No lesion is followed beyond these changes of diameter.
SMALLEST_SCALE, LARGEST_SCALE = 0.2, 2.6
SIZE_STEPS, SHAPE_STEPS = 12, 10
#: Differences beyond this are something else beside the lesion (a vessel, gas), HU.
LARGEST_DIFFERENCE_HU = 150.0
#: A constant difference of both images (contrast medium) is taken off up to this much, HU.
LARGEST_OFFSET_HU = 60.0
#: A step is no longer than this, mm, and changes no length by more than this share.
LONGEST_STEP_MM, LARGEST_STRETCH = 4.0, 0.12
#: How much a change of shape costs beside one of size: most lesions keep their shape.
SHAPE_COST = 2.0
#: The share of the points that must lie inside the later image.
LEAST_IMAGED = 0.5
#: The earlier image is tried with its blur divided by these, in so many rounds.
BLUR_FACTORS, BLUR_ROUNDS = (0.55, 0.7, 0.85, 1.0, 1.3), 2
#: A blur other than that of the voxels is taken only where it divides the mismatch, which is
#: 1 - correlation, by more than its own factor to this power.
BLUR_COST = 0.5
#: The tissue around is taken to go along with a lesion where that leaves a third of the mismatch
#: or less; of a lesion that changed by less than this factor both say the same.
GOES_ALONG, LEAST_TOLD = 1.0 / 3.0, 1.04
#: An image is cut out so many standard deviations of the blur beyond what is looked at.
BLURS_AROUND = 3.0
TINY = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """Where a lesion should lie at another date.

    Attributes:
        place_mm: of its middle, LPS mm.
        turn: 3 x 3, how the patient lies turned there.
        error_mm: how far off the place may be.
    """

    place_mm: FloatArray
    turn: FloatArray
    error_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class LesionFit:
    """A matrix and a shift (mm) from the place expected, and how well the images match by them."""

    matrix: FloatArray
    shift: FloatArray
    correlation: float

    @property
    def scale(self) -> float:
        determinant = float(np.linalg.det(self.matrix))
        return float(np.cbrt(determinant)) if determinant > 0 else 0.0

    def is_sound(self, farthest_mm: float) -> bool:
        near = float(np.linalg.norm(self.shift)) <= farthest_mm
        return near and SMALLEST_SCALE < self.scale < LARGEST_SCALE and self.correlation > 0

    def is_like(self, other: LesionFit) -> bool:
        small, large = sorted((self.scale, other.scale))
        return large < SAME_SIZE * small


@dataclass(frozen=True, slots=True, eq=False)
class LesionSearch:
    """Both images around the lesion, at one blur."""

    fixed: Volume
    sought: SoughtLesion
    there: SlopedPatch
    expected: Expected
    blur_mm: FloatArray
    told_hu: tuple[float, float]

    @classmethod
    def of(
        cls,
        volumes: tuple[Volume, Volume],
        sought: SoughtLesion,
        expected: Expected,
        reach_mm: float,
        blur_mm: float,
    ) -> LesionSearch:
        fixed, moving = volumes
        # Thick slices are blurred as they are.
        blur = np.maximum(blur_mm, VOXEL_BLUR * np.array(moving.grid.spacing_mm))
        told_hu = sought.told_hu(fixed)
        there = SlopedPatch.sloped(
            ImagePatch.of(moving, expected.place_mm, reach_mm, blur, told_hu)
        )
        # Along the axes of the fixed image, whichever way both are stored.
        lying = np.abs(fixed.grid.directions.T @ moving.grid.directions)
        return cls(fixed, sought, there, expected, np.sqrt((lying**2) @ blur**2), told_hu)

    def best(self, fit: LesionFit, turn: FloatArray) -> LesionFit:
        """The fit improved, whether the tissue around stays as it is or goes along.

        Where all of an image is larger, a rim that is held to keep its width makes a lesion change
        by that width more than it did: by 12 % of the change (logarithm) of sarcomas.
        """
        staying = self.sharpest(fit, turn)
        if abs(np.log(max(staying.scale, TINY))) < np.log(LEAST_TOLD):
            return staying
        pair = self.by_size(staying.scale, rim_goes_along=True)
        along = pair.resized(staying, SIZE_STEPS // 2)
        if 1.0 - along.correlation > GOES_ALONG * (1.0 - staying.correlation):
            return staying
        return self.sharpest(along, turn, rim_goes_along=True)

    def sharpest(
        self, fit: LesionFit, turn: FloatArray, *, rim_goes_along: bool = False
    ) -> LesionFit:
        """The fit improved, with the blur of the earlier image under which both are most alike.

        How sharp a scanner's kernel is, no header says for sure. Where one image is sharper than
        the other, size makes up for it: of nodules in CT of another kernel, a tenth of it.
        """
        for _ in range(BLUR_ROUNDS):
            pairs = [
                self.by_size(fit.scale * factor, rim_goes_along=rim_goes_along)
                for factor in BLUR_FACTORS
            ]
            fits = [pair.resized(fit, SIZE_STEPS // 2) for pair in pairs]
            unlike = [1.0 - each.correlation for each in fits]
            best = int(np.argmin(unlike * np.exp(BLUR_COST * np.abs(np.log(BLUR_FACTORS)))))
            pair, fit = pairs[best], fits[best]
        return pair.reshaped(fit, turn)

    def by_size(self, scale: float, *, rim_goes_along: bool = False) -> LesionPair:
        """The earlier image blurred so that, at this size, it is as blurred as the later one."""
        blur = self.blur_mm / max(scale, SMALLEST_SCALE)
        reach_mm = self.sought.extent_mm + BLURS_AROUND * float(blur.max())
        centre = self.sought.centre_mm
        here = ImagePatch.of(self.fixed, centre, reach_mm, blur, self.told_hu)
        looked, inside = here.at(self.sought.centre_mm + self.sought.offsets_mm)
        weights = self.sought.weights * inside
        anchors = self.sought.offsets_mm if rim_goes_along else self.sought.anchors_mm
        rim = self.expected.place_mm + (self.sought.offsets_mm - anchors) @ self.expected.turn.T
        return LesionPair(looked, weights, anchors, rim, self.there)


@dataclass(frozen=True, slots=True, eq=False)
class LesionPair:
    """The lesion as it looked, at its points, and the later image around its place.

    Attributes:
        looked: (n,) values of the earlier image.
        anchors_mm: (n, 3), what the matrix moves, from the lesion's centre.
        rim_mm: (n, 3), what is added to it: the place, and the distance from the anchor.
    """

    looked: FloatArray
    weights: FloatArray
    anchors_mm: FloatArray
    rim_mm: FloatArray
    there: SlopedPatch

    def resized(self, fit: LesionFit, steps: int) -> LesionFit:
        """Shift and size improved."""
        for _ in range(steps):
            arms = self.anchors_mm @ fit.matrix.T
            told = self._told(arms, fit.shift)
            if told is None:
                return fit
            difference, weights, slopes = told
            columns = np.concatenate([slopes, (slopes * arms).sum(axis=1, keepdims=True)], axis=1)
            step = _solved(columns, difference, weights, np.zeros((4, 4)), np.zeros(4))
            growth = float(np.clip(step[3], -LARGEST_STRETCH, LARGEST_STRETCH))
            fit = LesionFit(fit.matrix * np.exp(growth), fit.shift + _limited(step[:3]), -1.0)
        return self.judged(fit)

    def reshaped(self, fit: LesionFit, turn: FloatArray) -> LesionFit:
        """All twelve parameters improved; the fit as it was where that is no better."""
        # What is not a change of size: the shape, which has its price.
        shape = np.eye(9) - np.outer(np.eye(3).ravel(), np.eye(3).ravel()) / 3.0
        now = fit
        for _ in range(SHAPE_STEPS):
            arms = self.anchors_mm @ now.matrix.T
            told = self._told(arms, now.shift)
            if told is None:
                return fit
            difference, weights, slopes = told
            by_matrix = (slopes[:, :, None] * arms[:, None, :]).reshape(len(arms), 9)
            columns = np.concatenate([slopes, by_matrix], axis=1)
            price = SHAPE_COST * float(((by_matrix**2) * weights[:, None]).sum(axis=0).mean())
            cost, pull = np.zeros((12, 12)), np.zeros(12)
            cost[3:, 3:] = price * shape
            bent = now.matrix @ turn.T / max(now.scale, TINY) - np.eye(3)
            pull[3:] = price * (shape @ bent.ravel())
            step = _solved(columns, difference, weights, cost, pull)
            stretch = np.clip(step[3:].reshape(3, 3), -LARGEST_STRETCH, LARGEST_STRETCH)
            now = LesionFit(
                (np.eye(3) + stretch) @ now.matrix, now.shift + _limited(step[:3]), -1.0
            )
        now = self.judged(now)
        return now if now.correlation > fit.correlation else fit

    def judged(self, fit: LesionFit) -> LesionFit:
        """The fit with its correlation over the points that lie inside of the image."""
        points = self.rim_mm + fit.shift + self.anchors_mm @ fit.matrix.T
        values, inside = self.there.at(points)
        weights = self.weights * inside
        share = float(weights.sum() / max(self.weights.sum(), TINY))
        if share < LEAST_IMAGED:
            return LesionFit(fit.matrix, fit.shift, -1.0)
        return LesionFit(fit.matrix, fit.shift, _correlation(self.looked, values, weights))

    def _told(
        self, arms: FloatArray, shift: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray] | None:
        """Differences, weights and slopes at the points; None where too few are imaged."""
        points = self.rim_mm + shift + arms
        values, inside = self.there.at(points)
        weights = self.weights * inside
        if weights.sum() < LEAST_IMAGED * self.weights.sum():
            return None
        difference = values - self.looked
        offset = float(np.median(difference[weights > 0]))
        difference -= np.clip(offset, -LARGEST_OFFSET_HU, LARGEST_OFFSET_HU)
        clipped = np.clip(difference, -LARGEST_DIFFERENCE_HU, LARGEST_DIFFERENCE_HU)
        return clipped, weights, self.there.slopes_at(points)


def _solved(
    columns: FloatArray,
    difference: FloatArray,
    weights: FloatArray,
    cost: FloatArray,
    pull: FloatArray,
) -> FloatArray:
    weighted = columns * weights[:, None]
    normal = weighted.T @ columns
    damping = 1e-3 * np.diag(normal) + TINY
    step = np.linalg.solve(normal + np.diag(damping) + cost, weighted.T @ difference + pull)
    return np.asarray(-step, dtype=np.float64)


def _limited(step_mm: FloatArray) -> FloatArray:
    length = float(np.linalg.norm(step_mm))
    return np.asarray(step_mm * min(1.0, LONGEST_STEP_MM / max(length, TINY)))


def _correlation(one: FloatArray, other: FloatArray, weights: FloatArray) -> float:
    total = weights.sum()
    a = one - (one * weights).sum() / total
    b = other - (other * weights).sum() / total
    spread = float(np.sqrt((a * a * weights).sum() * (b * b * weights).sum()))
    return float((a * b * weights).sum() / spread) if spread > 0 else 0.0
