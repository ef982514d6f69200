"""A CT at the working resolution of registration: clamped, cubic voxels, upright."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.ndimage
import SimpleITK

from imaging.registration.mapping import inside_voxels, moved
from imaging.resampling import AIR_HU
from imaging.volume import Array, BoolArray, FloatArray, Grid, Index3, Volume

sitk: Any = SimpleITK  # its functions carry no types

#: Soft tissue decides; air, lung and bone saturate, so noise in air and metal have no force.
WINDOW_HU = (-200.0, 250.0)
#: Above this a voxel is body (or couch) rather than air or lung.
BODY_HU = -400.0
#: Voxels of the body, evenly taken, from which the correlation is computed.
COMPARED_VOXELS = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class Reduced:
    """Clamped HU on cubic voxels along the LPS axes, and where the scan holds values."""

    values: Array
    known: BoolArray
    body: BoolArray
    grid: Grid

    def image(self, values: Array) -> Any:
        image = sitk.GetImageFromArray(np.ascontiguousarray(values.T))
        image.SetSpacing(self.grid.spacing_mm)
        image.SetOrigin(self.grid.origin_mm.tolist())
        return image


@dataclass(frozen=True, slots=True)
class Similarity:
    value: float
    overlap: float


def reduced(volume: Volume, spacing_mm: float) -> Reduced:
    """Averaged over blocks of about the working spacing, then interpolated."""
    grid = upright_grid(volume.grid, spacing_mm)
    factors = [max(1, int(spacing_mm / step)) for step in volume.grid.spacing_mm]
    factors = [min(f, n) for f, n in zip(factors, volume.grid.shape, strict=True)]
    image = sitk.GetImageFromArray(np.asarray(volume.array, dtype=np.float32).T)
    blocks = sitk.BinShrink(image, factors)
    # Everything stays in voxel indices of the volume: any orientation is only another affine.
    indices = np.linalg.inv(volume.grid.affine) @ grid.affine
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(indices[:3, :3].ravel())
    transform.SetTranslation(indices[:3, 3])
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(grid.shape)
    resampler.SetTransform(transform)
    resampler.SetInterpolator(sitk.sitkLinear)
    resampler.SetUseNearestNeighborExtrapolator(True)
    values = sitk.GetArrayFromImage(resampler.Execute(blocks)).T
    at = moved(indices, indices_of(grid.shape))
    known = inside_voxels(at, volume.grid.shape)
    values = np.where(known, values, AIR_HU)
    return Reduced(np.clip(values, *WINDOW_HU), known, values > BODY_HU, grid)


def upright_grid(grid: Grid, spacing_mm: float) -> Grid:
    """Cubic voxels along the LPS axes, around the box of a grid."""
    faces = itertools.product(*((-0.5, n - 0.5) for n in grid.shape))
    corners = grid.to_world_mm(np.array(list(faces)))
    low, high = corners.min(axis=0), corners.max(axis=0)
    i, j, k = (int(n) for n in np.maximum(1, np.ceil((high - low) / spacing_mm - 1e-6)))
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = (low + high) / 2 - (np.array([i, j, k]) - 1) * spacing_mm / 2
    return Grid((i, j, k), affine)


def indices_of(shape: Index3) -> FloatArray:
    return np.moveaxis(np.indices(shape, dtype=np.float64), 0, -1)


def body_of(image: Reduced) -> BoolArray:
    """The patient: the largest piece left when thin things (couch, sheets) are opened away."""
    solid = image.body
    opened = scipy.ndimage.binary_opening(solid, np.ones((3, 3, 1), dtype=np.bool_))
    pieces, count = scipy.ndimage.label(opened)
    if not count:
        return solid
    largest = pieces == 1 + int(np.bincount(pieces.ravel())[1:].argmax())
    filled = [scipy.ndimage.binary_fill_holes(largest[:, :, k]) for k in range(largest.shape[2])]
    return np.stack(filled, axis=2)


def similarity(
    fixed: Reduced,
    moving: Reduced,
    body: BoolArray,
    rigid: FloatArray,
    shift: Array | None = None,
) -> Similarity:
    """Correlation of clamped HU over the fixed body, where the moving image has values."""
    if not body.any():
        return Similarity(0.0, 0.0)
    voxels = np.argwhere(body)
    voxels = voxels[:: -(-len(voxels) // COMPARED_VOXELS)]
    chosen = tuple(voxels.T)
    at = fixed.grid.to_world_mm(voxels)
    if shift is not None:
        at = at + shift[chosen]
    index = moving.grid.to_voxel(moved(rigid, at))
    within = inside_voxels(index, moving.grid.shape)
    within[within] = moving.known[tuple(np.rint(index[within]).astype(np.intp).T)]
    overlap = float(within.mean())
    if np.count_nonzero(within) < 2:
        return Similarity(0.0, overlap)
    there = scipy.ndimage.map_coordinates(moving.values, index[within].T, order=1, mode="nearest")
    here = fixed.values[chosen][within]
    spread = float(here.std() * there.std())
    if spread <= 0:
        return Similarity(0.0, overlap)
    covariance = float(((here - here.mean()) * (there - there.mean())).mean())
    return Similarity(covariance / spread, overlap)
