"""A CT at the working resolution of registration: clamped, cubic voxels, upright."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy

from imaging.along_axes import axes_along, between_voxels, block_means
from imaging.body import without_holes
from imaging.itk import sitk
from imaging.partial import PartialVolume
from imaging.registration.mapping import inside_voxels
from imaging.resampling import AIR_HU
from imaging.volume import Array, BoolArray, FloatArray, Grid, Index3, Volume

#: Soft tissue decides; air, lung and bone saturate, so noise in air and metal have no force.
WINDOW_HU = (-200.0, 250.0)
#: Weight of a difference below the window, where vessels in the lung tell of its motion. Of 0, 0.25
#: and 0.5 the middle one gave the lowest error at places all over the body.
LUNG_SLOPE = 0.25
TONED_AIR = np.float32(WINDOW_HU[0] + LUNG_SLOPE * (AIR_HU - WINDOW_HU[0]))
#: Above this a voxel is body (or couch) rather than air or lung.
BODY_HU = -400.0
TONED_BODY = np.float32(WINDOW_HU[0] + LUNG_SLOPE * (BODY_HU - WINDOW_HU[0]))
#: Voxels whose tones are worked out together.
TONED_AT_ONCE = 1 << 16
#: Voxels of the body, evenly taken, from which the correlation is computed.
COMPARED_VOXELS = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class Reduced:
    """A CT at the working resolution: cubic voxels along the LPS axes.

    Attributes:
        values: clamped HU, float32: what is compared to say how well two images match.
        toned: the same with the inside of the lung, its slope lessened: what motion is read from.
        known: where the scan holds values.
        dense: denser than lung: body, couch and what lies on it.
        body: the patient, filled; all that is dense where no patient was found.
        grid: of all of these.
        full_grid: of the CT itself.
    """

    values: Array
    toned: Array
    known: BoolArray
    dense: BoolArray
    body: BoolArray
    grid: Grid
    full_grid: Grid


@dataclass(frozen=True, slots=True)
class Similarity:
    value: float
    overlap: float


def reduced(volume: Volume, spacing_mm: float, *, whole: bool = False) -> Reduced:
    """Averaged over blocks of about the working spacing, then interpolated.

    Args:
        whole: all of it counts as body (a piece cut out of a patient).
    """
    grid = upright_grid(volume.grid, spacing_mm)
    # Everything stays in voxel indices of the volume: any orientation is only another affine.
    indices = np.linalg.inv(volume.grid.affine) @ grid.affine
    known = _within(indices, grid.shape, volume.grid.shape)
    kept = volume.reductions.get(spacing_mm) if isinstance(volume, PartialVolume) else None
    tones = _tones(volume, spacing_mm, grid, indices, known) if kept is None else kept()
    dense = tones > TONED_BODY
    body = np.ones_like(dense) if whole else body_of(dense)
    return Reduced(np.clip(tones, *WINDOW_HU), tones, known, dense, body, grid, volume.grid)


def _tones(
    volume: Volume, spacing_mm: float, grid: Grid, indices: FloatArray, known: BoolArray
) -> Array:
    """The tones of a volume on the voxels of another grid.

    Args:
        indices: 4 x 4, voxels of the grid to those of the volume.
    """
    factors = [max(1, int(spacing_mm / step)) for step in volume.grid.spacing_mm]
    factors = [min(f, n) for f, n in zip(factors, volume.grid.shape, strict=True)]
    tones = toned(volume.array)
    blocks = tones if max(factors) == 1 else block_means(tones, factors)
    # The middle of a block lies between its voxels.
    shift = (np.array(factors) - 1) / 2
    to_blocks = np.array(indices)
    to_blocks[:3, 3] -= shift
    to_blocks[:3] /= np.array(factors)[:, np.newaxis]
    values = between_voxels(blocks, to_blocks, grid.shape, fill=None)
    if values is None:
        transform = sitk.AffineTransform(3)
        transform.SetMatrix(to_blocks[:3, :3].ravel())
        transform.SetTranslation(to_blocks[:3, 3])
        resampler = sitk.ResampleImageFilter()
        resampler.SetSize(grid.shape)
        resampler.SetTransform(transform)
        resampler.SetInterpolator(sitk.sitkLinear)
        resampler.SetUseNearestNeighborExtrapolator(True)
        image = sitk.GetImageFromArray(blocks.T)
        values = sitk.GetArrayFromImage(resampler.Execute(image)).T
    return np.where(known, values, TONED_AIR)


def toned(hu: Array) -> Array:
    """HU with the slope below the window lessened, float32.

    Before anything is averaged: where tissue meets air, clamping an average would move the edge.
    """
    tones = hu.astype(np.float32, order="K")  # dense, so that the next line is a view
    low, high = np.float32(WINDOW_HU[0]), np.float32(WINDOW_HU[1])
    # In pieces that stay in the cache.
    flat = tones.ravel(order="K")
    for first in range(0, flat.size, TONED_AT_ONCE):
        piece = flat[first : first + TONED_AT_ONCE]
        lessened = piece - low
        lessened *= np.float32(LUNG_SLOPE)
        lessened += low
        np.maximum(piece, lessened, out=piece)
        np.clip(piece, TONED_AIR, high, out=piece)
    return tones


def _within(indices: FloatArray, shape: Index3, of: Index3) -> BoolArray:
    """Which voxels of a grid lie inside another, ``indices`` mapping the ones to the other's."""
    found = np.ones(shape, dtype=np.bool_)
    axes = axes_along(indices)
    if axes is not None:
        for axis, (other, step) in enumerate(axes):
            at = step * np.arange(shape[other]) + indices[axis, 3]
            inside = (at > -0.5) & (at < of[axis] - 0.5)
            if not inside.all():
                np.moveaxis(found, other, -1)[...] &= inside
        return found
    i, j, k = (np.arange(n, dtype=np.float64) for n in shape)
    for row, n in zip(indices[:3], of, strict=True):
        at = (row[0] * i)[:, None, None] + (row[1] * j)[None, :, None] + row[2] * k + row[3]
        found &= (at > -0.5) & (at < n - 0.5)
    return found


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


def body_of(dense: BoolArray) -> BoolArray:
    """The patient: the largest piece left when thin things (couch, sheets) are opened away."""
    opened = scipy.ndimage.binary_opening(dense, np.ones((3, 3, 1), dtype=np.bool_))
    pieces, count = scipy.ndimage.label(opened)
    if not count:
        return dense
    largest = pieces == 1 + int(np.bincount(pieces.ravel())[1:].argmax())
    return without_holes(largest)


def similarity(
    fixed: Reduced,
    moving: Reduced,
    to_moving_mm: Callable[[FloatArray], FloatArray],
    *,
    most: int = COMPARED_VOXELS,
) -> Similarity:
    """Correlation of clamped HU over the fixed body, where the moving image has values.

    Args:
        to_moving_mm: LPS mm (n, 3) of the fixed image to those of the moving one.
        most: voxels that are compared.
    """
    flat = np.flatnonzero(fixed.body)
    if not len(flat):
        return Similarity(0.0, 0.0)
    flat = flat[:: -(-len(flat) // most)]
    voxels = np.stack(np.unravel_index(flat, fixed.body.shape), axis=-1)
    index = moving.grid.to_voxel(to_moving_mm(fixed.grid.to_world_mm(voxels)))
    within = inside_voxels(index, moving.grid.shape)
    within[within] = moving.known[tuple(np.rint(index[within]).astype(np.intp).T)]
    overlap = float(within.mean())
    if np.count_nonzero(within) < 2:
        return Similarity(0.0, overlap)
    there = scipy.ndimage.map_coordinates(moving.values, index[within].T, order=1, mode="nearest")
    here = fixed.values[tuple(voxels.T)][within]
    return Similarity(correlation(here, there), overlap)


def correlation(here: Array, there: Array) -> float:
    """Of values (n,) at the same places, -1 to 1; 0 where one of them does not vary."""
    spread = float(here.std() * there.std()) if len(here) else 0.0
    if spread <= 0:
        return 0.0
    return float(((here - here.mean()) * (there - there.mean())).mean()) / spread
