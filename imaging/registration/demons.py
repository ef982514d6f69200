"""The deformable step: symmetric-forces demons inside the body of the fixed image."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.ndimage
import SimpleITK

from imaging.registration.mapping import Method, Quality, Registration, inside_voxels, moved
from imaging.registration.reduction import Reduced, indices_of, similarity
from imaging.volume import Array, BoolArray, Grid

sitk: Any = SimpleITK  # its functions carry no types

#: Shrink factor and iterations of each level; 30 on the finest one gain 0.04 mm at twice the time.
LEVELS = ((2, 30), (1, 15))
#: Smoothing of the field in voxels. Of 1.0, 1.5 and 2.0, 2.0 gave the lowest error outside of
#: lesions and never folded.
DEMONS_SMOOTHING = 2.0
#: Volume change of a piece of tissue beyond which a deformation is not anatomy (a fold is < 0).
JACOBIAN_RANGE = (0.1, 5.0)
#: Images thinner than this many voxels (at the working spacing) are registered rigidly only.
THINNEST = 8
#: Demons are computed in this many pieces whatever the number of cores: the same on every machine.
WORK_UNITS = 8
#: A loss of correlation below this is the interpolation's.
SIMILARITY_NOISE = 0.005
LOWERED = "the deformation lowered the correlation: rigid only"


def deformed(rigid: Registration, fixed: Reduced, moving: Reduced, body: BoolArray) -> Registration:
    """Follow a rigid registration by demons inside the fixed body; drop them where they fail."""
    here, near = _cropped(fixed, body)
    if min(here.grid.shape) < THINNEST:
        return _flagged(rigid, "the image is too thin to be deformed: rigid only")
    indices = np.linalg.inv(moving.grid.affine) @ rigid.rigid @ here.grid.affine
    at = moved(indices, indices_of(here.grid.shape))
    there = scipy.ndimage.map_coordinates(
        moving.values.astype(np.float32), np.moveaxis(at, -1, 0), order=1, mode="nearest"
    )
    known = inside_voxels(at, moving.grid.shape)
    known[known] = moving.known[tuple(np.rint(at[known]).astype(np.intp).T)]
    # Beyond the moving image the fixed one stands in: no difference, no force.
    there = np.where(known & here.known, there, here.values)
    shift = _demons(here, there)
    jacobian = _jacobian(shift, here.grid)[near]
    low, high = float(jacobian.min()), float(jacobian.max())
    if not JACOBIAN_RANGE[0] <= low <= high <= JACOBIAN_RANGE[1]:
        return _flagged(
            rigid, f"the deformation folds (volume change {low:.2f} to {high:.2f}): rigid only"
        )
    after = similarity(here, moving, near, rigid.rigid, shift)
    if after.value < rigid.quality.similarity_after:
        lost = rigid.quality.similarity_after - after.value
        # Images that agree already can only be disturbed: nothing failed.
        return _flagged(rigid, LOWERED) if lost > SIMILARITY_NOISE else rigid
    shift.setflags(write=False)
    quality = Quality(
        Method.DEFORMABLE,
        rigid.quality.similarity_before,
        after.value,
        rigid.quality.overlap,
        jacobian_min=low,
        jacobian_max=high,
    )
    return Registration(rigid.fixed_grid, rigid.moving_grid, rigid.rigid, quality, here.grid, shift)


def _demons(here: Reduced, there: Array) -> Array:
    """Displacement (i, j, k, 3) in mm from each point of ``here`` to its like in ``there``."""
    field = None
    for factor, iterations in LEVELS:
        pair = [here.image(values.astype(np.float32)) for values in (here.values, there)]
        if factor > 1:
            sigma = here.grid.spacing_mm[0] * factor / 2
            pair = [
                sitk.Shrink(sitk.SmoothingRecursiveGaussian(p, sigma), [factor] * 3) for p in pair
            ]
        demons = sitk.FastSymmetricForcesDemonsRegistrationFilter()
        demons.SetNumberOfWorkUnits(WORK_UNITS)
        demons.SetNumberOfIterations(iterations)
        demons.SetStandardDeviations(DEMONS_SMOOTHING)
        start: list[Any] = [] if field is None else [sitk.Resample(field, pair[0])]
        field = demons.Execute(*pair, *start)
    return np.asarray(
        np.moveaxis(sitk.GetArrayFromImage(field), (0, 1, 2), (2, 1, 0)), dtype=np.float32
    )


def _cropped(image: Reduced, body: BoolArray, rim: int = 3) -> tuple[Reduced, BoolArray]:
    """The body's box with a rim, and the body in it."""
    hit = np.argwhere(body)
    first = np.maximum(hit.min(axis=0) - rim, 0)
    last = np.minimum(hit.max(axis=0) + rim + 1, body.shape)
    box = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
    a, b, c = (int(n) for n in first)
    i, j, k = (int(n) for n in last - first)
    grid = image.grid.crop((a, b, c), (i, j, k))
    return Reduced(image.values[box], image.known[box], image.body[box], grid), body[box]


def _jacobian(shift: Array, grid: Grid) -> Array:
    """Determinant of the gradient of x + shift(x): local volume change."""
    rows = [
        np.stack(list(np.gradient(shift[..., axis], *grid.spacing_mm)), axis=-1)
        for axis in range(3)
    ]
    return np.asarray(np.linalg.det(np.stack(rows, axis=-2) + np.eye(3)))


def _flagged(rigid: Registration, flag: str) -> Registration:
    q = rigid.quality
    quality = Quality(q.method, q.similarity_before, q.similarity_after, q.overlap, flags=(flag,))
    return Registration(rigid.fixed_grid, rigid.moving_grid, rigid.rigid, quality)
