"""The rigid step: the best translation, then robust least squares of clamped HU.

HU are calibrated, so that differences of HU can be compared as they are; what does change between
dates (contrast medium, a lesion, a folded arm) is given less weight the less it fits. A step of
Gauss and Newton costs one interpolation of some ten thousand voxels; the gradient is that of the
fixed image (inverse compositional: Baker and Matthews, Int J Comput Vis 2004;56:221, section 3.2).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from imaging.registration.mapping import inside_voxels, moved, translation
from imaging.registration.reduction import Reduced, Similarity, similarity
from imaging.registration.shifts import best_translation_mm
from imaging.spread import robust_deviation
from imaging.volume import Array, BoolArray, FloatArray, Grid

#: Smoothing of both images at each level, in voxels of the working resolution.
LEVELS_VOXELS = (2.0, 1.0, 0.5)
#: Voxels compared, evenly taken from those around which the fixed image changes most.
COMPARED_VOXELS = 40_000
FLAT_SHARE = 0.5
#: Voxels around the body that take part: its outline aligns as much as its inside.
RIM_VOXELS = 2
#: A level ends when no place in the body moves by more than this, or after so many steps.
CONVERGED_MM = 0.02
MOST_STEPS = 40
#: Differences beyond this many robust standard deviations weigh less (Huber 1964: 1.345).
HUBER = 1.345
LEAST_DEVIATION_HU = 5.0
#: Turns that are tried as well where the first try matches less well than this.
DOUBTED_BELOW = 0.85
TRIED_DEGREES = (-12.0, 12.0)
#: A loss of correlation below this says nothing against leaving out a part of the motion.
UNASKED = 0.001
#: Fewer voxels than this in common say nothing of six parameters.
LEAST_VOXELS = 200


def rigid_transform(
    fixed: Reduced, moving: Reduced, levels: Sequence[FixedLevel] = ()
) -> FloatArray:
    """4 x 4: the best translation over all shifts, refined by least squares.

    Args:
        levels: of the fixed image, see :func:`fixed_levels`, where they are at hand.
    """

    def scored_at(rigid: FloatArray) -> Similarity:
        return similarity(fixed, moving, lambda points: moved(rigid, points), most=COMPARED_VOXELS)

    starts = [translation(best_translation_mm(fixed, moving)), np.eye(4)]
    scored = [scored_at(start) for start in starts]
    best = max(range(len(starts)), key=lambda n: (scored[n].value * (scored[n].overlap > 0), -n))
    start, reached = starts[best], scored[best].value
    middle = _middle_mm(fixed)
    pyramid = [PyramidLevel.of(level, moving) for level in levels or fixed_levels(fixed)]
    found = refined(pyramid, start)
    if scored_at(found).value < DOUBTED_BELOW:
        tries = [found, *(refined(pyramid[:1], turned) for turned in _turned(fixed, start))]
        likeliest = max(tries, key=lambda each: scored_at(each).value)
        found = refined(pyramid, likeliest)
    after = scored_at(found).value
    if after < reached - 0.01:
        found, after = start, reached
    # A motion that the images do not ask for is not made: along a body without features any shift
    # is as good as none.
    motion = _motion(found, middle)
    for part in range(len(motion)):
        less = motion * (np.arange(len(motion)) != part)
        if scored_at(_matrix(less, middle)).value >= after - UNASKED:
            motion = less
    return _matrix(motion, middle) if (motion == 0).any() else found


def _motion(rigid: FloatArray, middle: FloatArray) -> FloatArray:
    """Turn (radians) about and shift (mm) of a place, (6,)."""
    turn = scipy.spatial.transform.Rotation.from_matrix(rigid[:3, :3]).as_rotvec()
    return np.concatenate([turn, moved(rigid, middle) - middle])


def _matrix(motion: FloatArray, middle: FloatArray) -> FloatArray:
    turn = np.eye(4)
    turn[:3, :3] = scipy.spatial.transform.Rotation.from_rotvec(motion[:3]).as_matrix()
    return translation(middle + motion[3:]) @ turn @ translation(-middle)


def _turned(fixed: Reduced, start: FloatArray) -> Iterator[FloatArray]:
    """A start turned about each axis through the middle of the body."""
    middle = _middle_mm(fixed)
    for axis, degrees in itertools.product(range(3), TRIED_DEGREES):
        turn = np.zeros(6)
        turn[axis] = np.deg2rad(degrees)
        yield start @ _matrix(turn, middle)


def _middle_mm(image: Reduced) -> FloatArray:
    """The middle of the body, or of the image where there is none."""
    index = np.argwhere(image.body)
    return image.grid.to_world_mm(index.mean(axis=0) if len(index) else np.zeros(3))


@dataclass(frozen=True, slots=True, eq=False)
class FixedLevel:
    """What one level of the pyramid takes from the fixed image.

    Attributes:
        sigma: of the smoothing, in voxels.
        points_mm: (n, 3), of the fixed image.
        values: (n,) HU there.
        slopes: (n, 6): change of the value with a turn (radians) about and a shift of the middle.
        middle_mm, radius_mm: of the points.
    """

    sigma: float
    points_mm: FloatArray
    values: FloatArray
    slopes: FloatArray
    middle_mm: FloatArray
    radius_mm: float

    @classmethod
    def of(cls, fixed: Reduced, sigma: float) -> FixedLevel:
        smooth = scipy.ndimage.gaussian_filter(fixed.values, sigma)
        near = scipy.ndimage.binary_dilation(fixed.body, iterations=RIM_VOXELS)
        near &= _inner(fixed.known, sigma)
        gradient = np.column_stack(
            [
                np.gradient(smooth, step, axis=axis)[near]
                for axis, step in enumerate(fixed.grid.spacing_mm)
            ]
        )
        steep = np.sqrt((gradient * gradient).sum(axis=1))
        kept = np.flatnonzero(steep >= np.quantile(steep, FLAT_SHARE)) if len(steep) else steep
        kept = kept[:: max(1, len(kept) // COMPARED_VOXELS)].astype(np.intp)
        index = np.argwhere(near)[kept]
        points = fixed.grid.to_world_mm(index)
        middle = points.mean(axis=0) if len(points) else np.zeros(3)
        arm = points - middle
        slope = gradient[kept].astype(np.float64)
        radius = float(np.linalg.norm(arm, axis=1).max(initial=1.0))
        return cls(
            sigma,
            points,
            smooth[tuple(index.T)].astype(np.float64),
            np.concatenate([np.cross(arm, slope), slope], axis=1),
            middle,
            radius,
        )


def fixed_levels(fixed: Reduced) -> tuple[FixedLevel, ...]:
    """The fixed image at each level: the same for every date that is aligned to it."""
    return tuple(FixedLevel.of(fixed, sigma) for sigma in LEVELS_VOXELS)


@dataclass(frozen=True, slots=True, eq=False)
class PyramidLevel:
    """What one level of the pyramid compares.

    Attributes:
        moving, known, grid: the moving image, smoothed as the fixed one.
    """

    fixed: FixedLevel
    moving: Array
    known: BoolArray
    grid: Grid

    @classmethod
    def of(cls, fixed: FixedLevel, moving: Reduced) -> PyramidLevel:
        smooth = scipy.ndimage.gaussian_filter(moving.values, fixed.sigma)
        return cls(fixed, smooth, _inner(moving.known, fixed.sigma), moving.grid)

    def step(self, rigid: FloatArray) -> FloatArray | None:
        """The turn and shift (6,) of the fixed image that would fit it to the moving one."""
        index = self.grid.to_voxel(moved(rigid, self.fixed.points_mm))
        use = inside_voxels(index, self.grid.shape)
        use[use] = self.known[tuple(np.rint(index[use]).astype(np.intp).T)]
        if np.count_nonzero(use) < LEAST_VOXELS:
            return None
        there = scipy.ndimage.map_coordinates(self.moving, index[use].T, order=1, mode="nearest")
        apart = there - self.fixed.values[use]
        limit = HUBER * max(robust_deviation(apart), LEAST_DEVIATION_HU)
        weight = limit / np.maximum(np.abs(apart), limit)
        slopes = self.fixed.slopes[use]
        normal = slopes.T @ (weight[:, None] * slopes)
        try:
            return np.asarray(np.linalg.solve(normal, slopes.T @ (weight * apart)))
        except np.linalg.LinAlgError:  # nothing in common but what is flat
            return None


def refined(pyramid: Sequence[PyramidLevel], start: FloatArray) -> FloatArray:
    """A rigid transform improved level by level; what no level can improve stays as it is."""
    rigid = start
    for level in pyramid:
        for _ in range(MOST_STEPS):
            step = level.step(rigid)
            if step is None:
                break
            rigid = rigid @ np.linalg.inv(_matrix(step, level.fixed.middle_mm))
            turned_mm = float(np.linalg.norm(step[:3])) * level.fixed.radius_mm
            if turned_mm + float(np.linalg.norm(step[3:])) < CONVERGED_MM:
                break
    return rigid


def _inner(known: BoolArray, sigma: float) -> BoolArray:
    """Voxels whose smoothed value knows nothing of the edge of the image."""
    if known.all():  # an upright image: only its faces, where smoothing reflects
        return known
    return np.asarray(
        scipy.ndimage.binary_erosion(known, iterations=math.ceil(sigma), border_value=1)
    )
