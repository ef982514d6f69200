"""How one lesion changed from a date to another: where it went, and by how much it grew.

The registration of two dates leaves lesions out, because tissue around a lesion that shrinks does
not shrink with it. Here the lesion alone, with a narrow rim, is followed by the motion that an
affine matrix can hold: first shift and size, from several sizes so that halving and doubling are
found, then small changes of shape. Least squares on the slope of the image (Lucas and Kanade, IJCAI
1981:674), over points of the lesion instead of a grid.

What is carried over is the outline that somebody drew, with its own habit of where a border lies.
How well the two images match along it says how far it can be trusted.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from imaging.errors import GeometryError
from imaging.registration.mapping import inside_voxels
from imaging.registration.reduction import toned
from imaging.volume import Array, BoolArray, FloatArray, Grid, Mask, Volume

#: Sizes, as shares of the earlier one, that are tried as a start, until two lead to one answer.
STARTS = (0.85, 1.2, 0.5, 1.6, 0.65, 0.35)
#: Two answers are one when their sizes differ by less than this factor.
SAME_SIZE = 1.06
#: An answer of this correlation that two starts share ends the search.
CONVINCING = 0.8
#: No lesion is followed beyond these changes of diameter.
SMALLEST_SCALE, LARGEST_SCALE = 0.2, 2.6
#: A lesion's middle lies no farther off than this from where the registration puts it: a multiple
#: of the registration's own error, at least so many mm and half of the lesion's radius.
FARTHEST_ERRORS, FARTHEST_MM = 2.0, 8.0
#: The rim around the outline that is matched with it: a share of the radius, within limits, mm.
RIM_SHARE, RIM_MM = 0.35, (3.0, 8.0)
#: Points lie this share of the radius apart, within limits, mm; no more than so many.
STEP_SHARE, STEP_MM, MOST_POINTS = 0.125, (1.0, 2.5), 5000
#: Smoothing before the search and before the last steps, as shares of the radius, within mm.
COARSE_SHARE, COARSE_MM = 0.2, (1.2, 3.0)
FINE_SHARE, FINE_MM = 0.1, (0.8, 1.5)
SIZE_STEPS, SHAPE_STEPS = 12, 10
#: Metal and the air around the patient do not bleed into what lies beside them, HU.
HELD_HU = (-1000.0, 400.0)
#: Differences beyond this are something else beside the lesion (a vessel, gas), HU.
LARGEST_DIFFERENCE_HU = 150.0
#: Of an offset of both images (contrast medium) no more than this is allowed for, HU.
LARGEST_OFFSET_HU = 60.0
#: A step is no longer than this, mm, and changes no length by more than this share.
LONGEST_STEP_MM, LARGEST_STRETCH = 4.0, 0.12
#: How much a change of shape costs beside one of size: most lesions keep their shape.
SHAPE_COST = 2.0
#: The share of the points that must lie inside the later image.
LEAST_IMAGED = 0.5
#: The earlier image is tried with its blur divided by these, in so many rounds.
BLUR_FACTORS, BLUR_ROUNDS = (0.55, 0.7, 0.85, 1.0, 1.3), 2
#: Another blur than that of the voxels must lessen what is unlike by its factor to this power.
BLUR_COST = 0.5
#: A voxel is an average over its width: as blurred as by a Gaussian of this share (1/sqrt 12).
VOXEL_BLUR = 0.29
TINY = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class LesionChange:
    """A lesion of the fixed image in the moving one: ``place + matrix @ (x - centre)``.

    Attributes:
        centre_mm, place_mm: its middle, LPS mm of the fixed and of the moving image.
        matrix: 3 x 3.
        correlation: of both images over the lesion and its rim, -1..1.
        shift_mm: how far the middle lies from where the registration put it.
    """

    centre_mm: FloatArray
    place_mm: FloatArray
    matrix: FloatArray
    correlation: float
    shift_mm: float

    @property
    def scale(self) -> float:
        """The change of its mean diameter."""
        return float(np.cbrt(np.linalg.det(self.matrix)))

    def to_moving_mm(self, points: Array) -> FloatArray:
        """LPS mm (n, 3) of the fixed image, in or at the lesion, to the moving image."""
        return np.asarray(self.place_mm + (points - self.centre_mm) @ self.matrix.T)

    def to_fixed_mm(self, points: Array) -> FloatArray:
        """LPS mm (n, 3) of the moving image, in or at the lesion, to the fixed image."""
        inverse = np.linalg.inv(self.matrix)
        return np.asarray(self.centre_mm + (points - self.place_mm) @ inverse.T)

    def carried(self, mask: Mask, grid: Grid) -> Mask:
        """A mask of the fixed image on a grid of the moving one; what lies beyond it is cut off.

        Its outline is interpolated, so that slices of another thickness do not make it angular.
        """
        faces = np.array(list(np.ndindex(2, 2, 2))) * (np.array(mask.array.shape) + 1) - 1
        corners = self.to_moving_mm(mask.grid.to_world_mm(faces + np.array(mask.start)))
        index = grid.to_voxel(corners)
        first = np.maximum(np.floor(index.min(axis=0)).astype(int) - 1, 0)
        last = np.minimum(np.ceil(index.max(axis=0)).astype(int) + 2, grid.shape)
        if (last <= first).any():
            return Mask(np.zeros((0, 0, 0), np.bool_), (0, 0, 0), grid)
        a, b, c = (int(n) for n in first)
        i, j, k = (int(n) for n in last - first)
        box = grid.crop((a, b, c), (i, j, k))
        points = box.to_world_mm(np.moveaxis(np.indices(box.shape), 0, -1).reshape(-1, 3))
        inside = depth_at(mask, self.to_fixed_mm(points)) > 0
        return Mask.placed(inside.reshape(box.shape), (a, b, c), grid)


def depth_at(mask: Mask, points_mm: FloatArray) -> FloatArray:
    """How deep points (n, 3) lie in a mask, mm; negative outside, very much so far outside."""
    rim = 3
    padded = np.pad(mask.array, rim)
    spacing = mask.grid.spacing_mm
    depth = ndimage.distance_transform_edt(padded, sampling=spacing)
    depth -= ndimage.distance_transform_edt(~padded, sampling=spacing)
    index = mask.grid.to_voxel(points_mm) - np.array(mask.start) + rim
    return np.asarray(
        ndimage.map_coordinates(depth, index.T, order=1, mode="constant", cval=-np.inf)
    )


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


def lesion_change(
    fixed: Volume, moving: Volume, lesion: Mask, expected: Expected
) -> LesionChange | None:
    """How a lesion of the fixed image changed; None where nothing like it is found near its place.

    Args:
        fixed, moving: CT in HU.
        lesion: drawn on the fixed image.
        expected: where to look in the moving one.

    Raises:
        GeometryError: the lesion is empty.
    """
    if not lesion.voxels:
        raise GeometryError("an empty mask cannot be followed")
    sought = _Sought.of(lesion)
    place, turn, radius_mm = expected.place_mm, expected.turn, sought.radius_mm
    farthest_mm = max(FARTHEST_ERRORS * expected.error_mm, FARTHEST_MM, radius_mm / 2)
    reach_mm = LARGEST_SCALE / 1.3 * sought.extent_mm + farthest_mm
    if not inside_voxels(moving.grid.to_voxel(place), moving.grid.shape):
        return None
    coarse, fine = (
        _Look.of(
            (fixed, moving), sought, expected, reach_mm, float(np.clip(share * radius_mm, *limits))
        )
        for share, limits in ((COARSE_SHARE, COARSE_MM), (FINE_SHARE, FINE_MM))
    )
    found: list[_Fit] = []
    for start in STARTS:
        first = _Fit(turn * start, np.zeros(3), -1.0)
        # Twice: the earlier image is blurred to fit the size, which the first round finds.
        half = coarse.by_size(start).resized(first, SIZE_STEPS)
        if not half.is_sound(farthest_mm):
            continue
        fit = coarse.by_size(half.scale).resized(half, SIZE_STEPS // 2)
        if not fit.is_sound(farthest_mm):
            continue
        again = any(
            fit.is_like(other) and min(fit.correlation, other.correlation) >= CONVINCING
            for other in found
        )
        found.append(fit)
        if again:
            break
    if not found:
        return None
    # The best of the coarse look, and the best of another size: noise may have swapped them.
    best = max(found, key=lambda fit: fit.correlation)
    others = [fit for fit in found if not fit.is_like(best)]
    rivals = [best, *sorted(others, key=lambda fit: -fit.correlation)[:1]]
    finer = [fine.sharpest(fit, turn) for fit in rivals]
    sound = [fit for fit in finer if fit.is_sound(farthest_mm)]
    if not sound:
        return None
    chosen = max(sound, key=lambda fit: fit.correlation)
    return LesionChange(
        sought.centre_mm,
        place + chosen.shift,
        chosen.matrix,
        chosen.correlation,
        float(np.linalg.norm(chosen.shift)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
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

    def is_like(self, other: _Fit) -> bool:
        small, large = sorted((self.scale, other.scale))
        return large < SAME_SIZE * small


@dataclass(frozen=True, slots=True, eq=False)
class _Sought:
    """The points of a lesion and its rim, from its centre, with their weights.

    A point of the rim hangs on the point of the lesion that is nearest to it, and keeps its
    distance from it: what lies around a lesion does not grow with it. Lesion and rim weigh alike,
    whatever their volumes: the border between them is what tells.

    Attributes:
        offsets_mm: (n, 3) of the points.
        anchors_mm: (n, 3) of the points of the lesion that they hang on; their own inside.
    """

    centre_mm: FloatArray
    offsets_mm: FloatArray
    anchors_mm: FloatArray
    weights: FloatArray
    radius_mm: float
    extent_mm: float

    @classmethod
    def of(cls, lesion: Mask) -> _Sought:
        radius_mm = lesion.radius_mm
        spacing = np.array(lesion.grid.spacing_mm)
        rim_mm = float(np.clip(RIM_SHARE * radius_mm, *RIM_MM))
        step_mm = float(np.clip(STEP_SHARE * radius_mm, *STEP_MM))
        pad = np.ceil(rim_mm / spacing).astype(int) + 1
        padded = np.pad(lesion.array, [(n, n) for n in pad])
        outside, nearest = ndimage.distance_transform_edt(
            ~padded, sampling=spacing, return_indices=True
        )
        index = np.argwhere(outside <= rim_mm)
        every = np.maximum(1, np.rint(step_mm / spacing).astype(int))
        thinned = index[((index % every) == 0).all(axis=1)]
        index = thinned if padded[tuple(thinned.T)].any() else index
        index = index[:: -(-len(index) // MOST_POINTS)]
        is_lesion = padded[tuple(index.T)]
        if not is_lesion.any():  # of a very small lesion every point counts
            index = np.concatenate([np.argwhere(padded), index])
            is_lesion = padded[tuple(index.T)]
        start = np.array(lesion.start) - pad
        points = lesion.grid.to_world_mm(index + start)
        anchors = lesion.grid.to_world_mm(nearest[:, *index.T].T + start)
        centre = lesion.centre_mm
        sizes = max(int(is_lesion.sum()), 1), max(int((~is_lesion).sum()), 1)
        weights = np.where(is_lesion, 1.0 / sizes[0], 1.0 / sizes[1])
        extent = float(np.linalg.norm(points - centre, axis=1).max())
        return cls(centre, points - centre, anchors - centre, weights, radius_mm, extent)


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """A part of an image, smoothed, with its slope in HU per mm."""

    values: Array
    slopes: Array
    grid: Grid

    @classmethod
    def of(cls, volume: Volume, centre: FloatArray, reach_mm: float, blur_mm: FloatArray) -> _Piece:
        """Around a place; ``blur_mm`` (3,) is what it shall have in all along each axis."""
        corners = centre + reach_mm * np.array(list(itertools.product((-1, 1), repeat=3)))
        index = volume.grid.to_voxel(corners)
        shape = np.array(volume.grid.shape)
        first = np.clip(np.floor(index.min(axis=0)).astype(int), 0, shape - 1)
        last = np.clip(np.ceil(index.max(axis=0)).astype(int) + 1, first + 1, shape)
        box = tuple(slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
        # Blurred before the slope of the lung is lessened: the other way round an edge in lung
        # would lie elsewhere in the more blurred of the two images.
        values = np.clip(volume.array[box].astype(np.float32), *HELD_HU)
        spacing = np.array(volume.grid.spacing_mm)
        sigma = np.sqrt(np.maximum(blur_mm**2 - (VOXEL_BLUR * spacing) ** 2, 0.0)) / spacing
        values = toned(ndimage.gaussian_filter(values, sigma, mode="nearest"))
        by_voxel = np.stack(
            [
                np.gradient(values, axis=axis) if n > 1 else np.zeros_like(values)
                for axis, n in enumerate(values.shape)
            ]
        )
        to_mm = np.linalg.inv(volume.grid.affine[:3, :3])
        slopes = np.einsum("ab,aijk->bijk", to_mm, by_voxel).astype(np.float32)
        a, b, c = (int(n) for n in first)
        i, j, k = values.shape
        return cls(values, slopes, volume.grid.crop((a, b, c), (i, j, k)))

    def at(self, points_mm: FloatArray) -> tuple[FloatArray, BoolArray]:
        """Values (n,) at points, and whether each lies inside of the image."""
        index = self.grid.to_voxel(points_mm).T
        within = (index > -0.5) & (index < np.array(self.values.shape)[:, None] - 0.5)
        values = ndimage.map_coordinates(self.values, index, order=1, mode="nearest")
        return np.asarray(values, np.float64), np.asarray(within.all(axis=0))

    def slopes_at(self, points_mm: FloatArray) -> FloatArray:
        """(n, 3) HU per mm."""
        index = self.grid.to_voxel(points_mm).T
        return np.stack(
            [ndimage.map_coordinates(s, index, order=1, mode="nearest") for s in self.slopes],
            axis=-1,
        ).astype(np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """Both images around the lesion, at one blur."""

    fixed: Volume
    sought: _Sought
    there: _Piece
    expected: Expected
    blur_mm: FloatArray

    @classmethod
    def of(
        cls,
        volumes: tuple[Volume, Volume],
        sought: _Sought,
        expected: Expected,
        reach_mm: float,
        blur_mm: float,
    ) -> _Look:
        fixed, moving = volumes
        # Thick slices are blurred as they are.
        blur = np.maximum(blur_mm, VOXEL_BLUR * np.array(moving.grid.spacing_mm))
        there = _Piece.of(moving, expected.place_mm, reach_mm, blur)
        # Along the axes of the fixed image, whichever way both are stored.
        lying = np.abs(fixed.grid.directions.T @ moving.grid.directions)
        return cls(fixed, sought, there, expected, np.sqrt((lying**2) @ blur**2))

    def sharpest(self, fit: _Fit, turn: FloatArray) -> _Fit:
        """The fit improved, with the blur of the earlier image under which both are most alike.

        How sharp a scanner's kernel is, no header says for sure. Where one image is sharper than
        the other, size makes up for it: of nodules in CT of another kernel, a tenth of it.
        """
        for _ in range(BLUR_ROUNDS):
            pairs = [self.by_size(fit.scale * factor) for factor in BLUR_FACTORS]
            fits = [pair.resized(fit, SIZE_STEPS // 2) for pair in pairs]
            unlike = [1.0 - each.correlation for each in fits]
            best = int(np.argmin(unlike * np.exp(BLUR_COST * np.abs(np.log(BLUR_FACTORS)))))
            pair, fit = pairs[best], fits[best]
        return pair.reshaped(fit, turn)

    def by_size(self, scale: float) -> _Pair:
        """The earlier image blurred so that, at this size, it is as blurred as the later one."""
        blur = self.blur_mm / max(scale, SMALLEST_SCALE)
        reach_mm = self.sought.extent_mm + 3 * float(blur.max())
        here = _Piece.of(self.fixed, self.sought.centre_mm, reach_mm, blur)
        looked, inside = here.at(self.sought.centre_mm + self.sought.offsets_mm)
        weights = self.sought.weights * inside
        beyond = self.sought.offsets_mm - self.sought.anchors_mm
        rim = self.expected.place_mm + beyond @ self.expected.turn.T
        return _Pair(looked, weights, self.sought.anchors_mm, rim, self.there)


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
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
    there: _Piece

    def resized(self, fit: _Fit, steps: int) -> _Fit:
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
            fit = _Fit(fit.matrix * np.exp(growth), fit.shift + _limited(step[:3]), -1.0)
        return self.judged(fit)

    def reshaped(self, fit: _Fit, turn: FloatArray) -> _Fit:
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
            now = _Fit((np.eye(3) + stretch) @ now.matrix, now.shift + _limited(step[:3]), -1.0)
        now = self.judged(now)
        return now if now.correlation > fit.correlation else fit

    def judged(self, fit: _Fit) -> _Fit:
        """With its correlation, less what lies outside of the image."""
        points = self.rim_mm + fit.shift + self.anchors_mm @ fit.matrix.T
        values, inside = self.there.at(points)
        weights = self.weights * inside
        share = float(weights.sum() / max(self.weights.sum(), TINY))
        if share < LEAST_IMAGED:
            return _Fit(fit.matrix, fit.shift, -1.0)
        return _Fit(fit.matrix, fit.shift, _correlation(self.looked, values, weights))

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
