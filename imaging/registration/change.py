"""How one lesion changed from a date to another: where it went, and by how much it grew.

The registration of two dates leaves lesions out, because tissue around a lesion that shrinks does
not shrink with it. Here the lesion alone, with a narrow rim, is followed by the motion that an
affine matrix can hold: first shift and size, from several sizes so that halving and doubling are
found, then small changes of shape. Least squares on the slope of the image (Lucas and Kanade, IJCAI
1981:674), over points of the lesion instead of a grid.

What is carried over is the outline that somebody drew, wherever that person puts the border of a
lesion. How well the two images match along it says how far it can be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy

from imaging.errors import GeometryError
from imaging.registration.lesion_fit import (
    BLURS_AROUND,
    LARGEST_SCALE,
    SIZE_STEPS,
    SMALLEST_SCALE,
    Expected,
    LesionFit,
    LesionSearch,
)
from imaging.registration.lesion_patches import VOXEL_BLUR, SoughtLesion, rim_mm
from imaging.registration.mapping import inside_voxels
from imaging.volume import Array, FloatArray, Grid, Mask, Volume

#: Sizes, as shares of the earlier one, that are tried as a start, until two lead to one answer.
STARTS = (0.85, 1.2, 0.5, 1.6, 0.65, 0.35)
#: An answer of this correlation that two starts share ends the search.
CONVINCING = 0.8
#: A lesion's middle lies no farther off than this from where the registration puts it: a multiple
#: of the registration's own error, at least so many mm and half of the lesion's radius.
FARTHEST_ERRORS, FARTHEST_MM = 2.0, 8.0
#: Slices are seldom thicker.
THICKEST_MM = 5.0
#: Smoothing before the search and before the last steps, as shares of the radius, within mm.
COARSE_SHARE, COARSE_MM = 0.2, (1.2, 3.0)
FINE_SHARE, FINE_MM = 0.1, (0.8, 1.5)
#: An outline that was carried over is believed from this correlation on, and sure from the second.
BELIEVED, SURE = 0.7, 0.9


@dataclass(frozen=True, slots=True, eq=False)
class LesionTransform:
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

    @property
    def is_recognised(self) -> bool:
        """Whether what was found looks enough like the lesion to be believed."""
        return self.correlation >= BELIEVED

    def doubts(self) -> tuple[str, ...]:
        """What the reader must know of the likeness of both images, in words."""
        if self.correlation >= SURE:
            return ()
        return (f"resembles its earlier image moderately (correlation {self.correlation:.2f})",)

    def grown(self, factor: float) -> LesionTransform:
        """The same with every length of the lesion times a factor."""
        return replace(self, matrix=self.matrix * factor)

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
    depth = scipy.ndimage.distance_transform_edt(padded, sampling=spacing)
    depth -= scipy.ndimage.distance_transform_edt(~padded, sampling=spacing)
    index = mask.grid.to_voxel(points_mm) - np.array(mask.start) + rim
    return np.asarray(
        scipy.ndimage.map_coordinates(depth, index.T, order=1, mode="constant", cval=-np.inf)
    )


def looked_around_mm(lesion: Mask) -> float:
    """How far from its middle the image that a lesion was drawn on is looked at, at most.

    Where slices of later images are no thicker than ``THICKEST_MM``.
    """
    radius_mm = lesion.radius_mm
    points = lesion.grid.to_world_mm(np.argwhere(lesion.array) + np.array(lesion.start))
    extent_mm = float(np.linalg.norm(points - lesion.centre_mm, axis=1).max()) + rim_mm(radius_mm)
    blur_mm = max(float(np.clip(COARSE_SHARE * radius_mm, *COARSE_MM)), VOXEL_BLUR * THICKEST_MM)
    return extent_mm + BLURS_AROUND * blur_mm / SMALLEST_SCALE


def lesion_change(
    fixed: Volume,
    moving: Volume,
    lesion: Mask,
    expected: Expected,
    *,
    within_mm: float | None = None,
) -> LesionTransform | None:
    """How a lesion of the fixed image changed; None where nothing like it is found near its place.

    Args:
        fixed, moving: CT in HU.
        lesion: drawn on the fixed image.
        expected: where to look in the moving one.
        within_mm: how far from there its middle may lie; None: as far as lesions are looked for.

    Raises:
        GeometryError: the lesion is empty.
    """
    if not lesion.voxels:
        raise GeometryError("an empty mask cannot be followed")
    sought = SoughtLesion.of(lesion)
    place, turn, radius_mm = expected.place_mm, expected.turn, sought.radius_mm
    farthest_mm = max(FARTHEST_ERRORS * expected.error_mm, FARTHEST_MM, radius_mm / 2)
    farthest_mm = farthest_mm if within_mm is None else within_mm
    reach_mm = LARGEST_SCALE / 1.3 * sought.extent_mm + farthest_mm
    if not inside_voxels(moving.grid.to_voxel(place), moving.grid.shape):
        return None
    coarse, fine = (
        LesionSearch.of(
            (fixed, moving), sought, expected, reach_mm, float(np.clip(share * radius_mm, *limits))
        )
        for share, limits in ((COARSE_SHARE, COARSE_MM), (FINE_SHARE, FINE_MM))
    )
    found: list[LesionFit] = []
    for start in STARTS:
        first = LesionFit(turn * start, np.zeros(3), -1.0)
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
    finer = [fine.best(fit, turn) for fit in rivals]
    sound = [fit for fit in finer if fit.is_sound(farthest_mm)]
    if not sound:
        return None
    chosen = max(sound, key=lambda fit: fit.correlation)
    return LesionTransform(
        sought.centre_mm,
        place + chosen.shift,
        chosen.matrix,
        chosen.correlation,
        float(np.linalg.norm(chosen.shift)),
    )
