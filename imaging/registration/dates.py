"""Registration of two dates, and of every date of a patient to the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from imaging.errors import GeometryError, UnsupportedError
from imaging.registration.demons import deformed
from imaging.registration.mapping import Method, Quality, Registration, moved
from imaging.registration.reduction import (
    Reduced,
    Similarity,
    body_of,
    indices_of,
    reduced,
    similarity,
    upright_grid,
)
from imaging.registration.rigid import LEAST_OVERLAP, rigid_transform
from imaging.volume import FloatArray, Grid, Unit, Volume

#: A patient lying on a table is not turned further than this between two dates.
LARGEST_ROTATION_DEGREES = 25.0
#: Correlation inside the body, after the rigid step, below which two images do not show the same
#: anatomy: the same patient reaches 0.9 and more; of 21 pairs of different patients 18 stay at or
#: below 0.5.
LEAST_SIMILARITY = 0.5
#: Below this the result is used but doubted: three pairs of different patients, alike in build,
#: reached 0.65 to 0.71 after demons; the same patient 0.98.
SUSPECT_SIMILARITY = 0.8

#: The images must share this part of the smaller body after the rigid step, which may slip below
#: what the search over translations asked for.
LEAST_SHARED = LEAST_OVERLAP / 2
#: Sampling of a deformation that is carried over a date without one of its own.
THROUGH_SPACING_MM = 4.0
THROUGH = "aligned through the date before"


def register(
    fixed: Volume, moving: Volume, *, spacing_mm: float = 4.0, deformable: bool = True
) -> Registration:
    """Align a moving CT to a fixed one.

    Args:
        fixed, moving: CT in HU; grids and frames of reference may differ in every way.
        spacing_mm: working resolution.
        deformable: follow the rigid step by demons.

    Returns:
        What could be achieved: see ``quality.method`` and ``quality.flags``.

    Raises:
        UnsupportedError: an image that is no CT in HU.
        GeometryError: a spacing that is not positive.
    """
    for volume in (fixed, moving):
        if volume.unit is not Unit.HU:
            raise UnsupportedError(
                f"registration works on CT in HU, not on {volume.unit}", where=volume.source or None
            )
    if not spacing_mm > 0:
        raise GeometryError(f"a working spacing of {spacing_mm} mm")
    return _aligned(
        (fixed.grid, reduced(fixed, spacing_mm)),
        (moving.grid, reduced(moving, spacing_mm)),
        deformable=deformable,
    )


def register_dates(
    volumes: Sequence[Volume], *, spacing_mm: float = 4.0, deformable: bool = True
) -> tuple[Registration | None, ...]:
    """Every CT of a patient to the first, in order of time; None for the first itself.

    Where a date cannot be aligned to the first one, or only poorly (they may show different parts
    of the body), it is aligned through the date before it.
    """
    found: list[Registration | None] = []
    for n, volume in enumerate(volumes):
        if n == 0:
            found.append(None)
            continue
        direct = register(volumes[0], volume, spacing_mm=spacing_mm, deformable=deformable)
        before = found[-1]
        if before is not None and not direct.quality.good and before.quality.good:
            step = register(volumes[n - 1], volume, spacing_mm=spacing_mm, deformable=deformable)
            direct = through(before, step) if step.quality.good else direct
        found.append(direct)
    return tuple(found)


def through(first: Registration, second: Registration) -> Registration:
    """One registration after another: fixed of the first to moving of the second."""
    rigid = second.rigid @ first.rigid
    a, b = first.quality, second.quality
    quality = Quality(
        min(a.method, b.method, key=list(Method).index),
        0.0,
        min(a.similarity_after, b.similarity_after),
        a.overlap * b.overlap,
        a.jacobian_min * b.jacobian_min,
        a.jacobian_max * b.jacobian_max,
        flags=(*a.flags, *b.flags, THROUGH),
        steps=a.steps + b.steps,
    )
    if first.field_grid is None and second.field_grid is None:
        return Registration(first.fixed_grid, second.moving_grid, rigid, quality)
    grid = first.field_grid
    if grid is None:
        grid = upright_grid(first.fixed_grid, THROUGH_SPACING_MM)
    points = grid.to_world_mm(indices_of(grid.shape)).reshape(-1, 3)
    there = second.to_moving_mm(first.to_moving_mm(points))
    shift = (moved(np.linalg.inv(rigid), there) - points).reshape(*grid.shape, 3)
    return Registration(
        first.fixed_grid, second.moving_grid, rigid, quality, grid, shift.astype(np.float32)
    )


def _aligned(
    fixed: tuple[Grid, Reduced], moving: tuple[Grid, Reduced], *, deformable: bool
) -> Registration:
    (fixed_grid, here), (moving_grid, there) = fixed, moving
    body = body_of(here)
    before = similarity(here, there, body, np.eye(4))
    found = rigid_transform(here, there, body)
    after = similarity(here, there, body, found)
    own, other = float(body.sum()), float(there.body.sum())
    shared = after.overlap * own / max(min(own, other), 1.0)
    fault = _fault(found, before, after, shared)
    if fault:
        values = (before.value, before.value, before.overlap)
        quality = Quality(Method.IDENTITY, *values, flags=(fault,), good=False)
        return Registration(fixed_grid, moving_grid, np.eye(4), quality)
    quality = Quality(Method.RIGID, before.value, after.value, after.overlap)
    result = Registration(fixed_grid, moving_grid, found, quality)
    if deformable:
        result = deformed(result, here, there, body)
    return _doubted(result)


def _doubted(result: Registration) -> Registration:
    """With a flag where the images match poorly after all."""
    quality = result.quality
    if quality.similarity_after >= SUSPECT_SIMILARITY:
        return result
    flag = (
        f"the images match poorly (correlation {quality.similarity_after:.2f}): "
        "do both show the same patient and region?"
    )
    doubted = replace(quality, good=False, flags=(*quality.flags, flag))
    return replace(result, quality=doubted)


def _fault(rigid: FloatArray, before: Similarity, after: Similarity, shared: float) -> str:
    """Why a rigid result is not believed; empty when it is."""
    if shared < LEAST_SHARED:
        return (
            f"the images share {shared:.0%} of the body, too little to align them: "
            "scanner coordinates are used"
        )
    cosine = (np.trace(rigid[:3, :3]) - 1) / 2
    degrees = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    if degrees > LARGEST_ROTATION_DEGREES:
        return (
            f"registration turned the patient by {degrees:.0f} degrees: "
            "scanner coordinates are used"
        )
    if after.value < LEAST_SIMILARITY:
        return (
            f"the images do not match (correlation {after.value:.2f}): scanner coordinates are used"
        )
    if before.overlap >= LEAST_OVERLAP and after.value < before.value - 0.01:
        return (
            f"registration lowered the correlation from {before.value:.2f} to {after.value:.2f}: "
            "scanner coordinates are used"
        )
    return ""
