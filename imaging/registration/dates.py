"""Registration of two dates, and of every date of a patient to the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np

from imaging.beside import NOBODY, Beside
from imaging.errors import GeometryError, UnsupportedError
from imaging.registration import change, refinement
from imaging.registration.flow import deformed
from imaging.registration.lesion_fit import Expected
from imaging.registration.mapping import (
    Registration,
    RegistrationMethod,
    RegistrationQuality,
    moved,
)
from imaging.registration.places import NO_LESIONS, LesionSpheres
from imaging.registration.reduction import (
    Reduced,
    Similarity,
    indices_of,
    reduced,
    similarity,
    upright_grid,
)
from imaging.registration.refinement import (
    LOOK_S,
    MOST_PLACES,
    CoarseRegistration,
    refined_at,
    refined_beside,
)
from imaging.registration.rigid import FixedLevel, fixed_levels, rigid_transform
from imaging.registration.shifts import LEAST_OVERLAP
from imaging.volume import FloatArray, Mask, Unit, Volume

#: A patient lying on a table is not turned further than this between two dates.
LARGEST_ROTATION_DEGREES = 25.0
#: Correlation inside the body, after the rigid step, below which two images do not show the same
#: anatomy: the same patient reaches 0.9 and more; of 21 pairs of different patients 18 stay at or
#: below 0.5.
LEAST_SIMILARITY = 0.5
#: Below this the result is used but doubted: three pairs of different patients, alike in build,
#: reached 0.65 to 0.71 after a deformation; the same patient 0.98.
SUSPECT_SIMILARITY = 0.8

#: The images must share this part of the smaller body after the rigid step, which may slip below
#: what the search over translations asked for.
LEAST_SHARED = LEAST_OVERLAP / 2
#: Working resolution.
WORKING_MM = 4.0
#: Sampling of a deformation that is carried over a date without one of its own.
THROUGH_SPACING_MM = 4.0
#: Dates that are aligned to the first by so many threads; none knows of the others.
ALIGNED_AT_ONCE = 2
THROUGH = "aligned through the date before"


def register(
    fixed: Volume,
    moving: Volume,
    *,
    lesions: tuple[LesionSpheres, LesionSpheres] | None = None,
    spacing_mm: float = WORKING_MM,
    deformable: bool = True,
) -> Registration:
    """Align a moving CT to a fixed one.

    Args:
        fixed, moving: CT in HU; grids and frames of reference may differ in every way.
        lesions: of the fixed and of the moving image, where they are known. They change, so that
            the deformation does not follow them; around them it is refined and knows its error.
        spacing_mm: working resolution.
        deformable: follow the rigid step by a deformation.

    Returns:
        What could be achieved: see ``quality.method`` and ``quality.flags``.

    Raises:
        UnsupportedError: an image that is no CT in HU.
        GeometryError: a spacing that is not positive.
    """
    _check(fixed, moving, spacing_mm)
    both = lesions or (NO_LESIONS, NO_LESIONS)
    pair = reduced(fixed, spacing_mm), reduced(moving, spacing_mm)
    found = Unaligned(pair, (), both, deformable).aligned()
    if not lesions:
        return found
    every = both[0] + both[1].moved(found.to_fixed_mm)
    return refined_at(found, fixed, moving, every)


def _check(fixed: Volume, moving: Volume, spacing_mm: float) -> None:
    for volume in (fixed, moving):
        if volume.unit is not Unit.HU:
            raise UnsupportedError(
                f"registration works on CT in HU, not on {volume.unit}", where=volume.source or None
            )
    if not spacing_mm > 0:
        raise GeometryError(f"a working spacing of {spacing_mm} mm")


def register_dates(
    volumes: Sequence[Volume],
    *,
    lesions: Sequence[LesionSpheres] = (),
    found_before: Sequence[Registration | None] = (),
    spacing_mm: float = WORKING_MM,
    deformable: bool = True,
    beside: Beside = NOBODY,
) -> tuple[Registration | None, ...]:
    """Every CT of a patient to the first, in order of time; None for the first itself.

    Where a date cannot be aligned to the first one, or only poorly (they may show different parts
    of the body), it is aligned through the date before it.

    Args:
        lesions: of each date, where they are known; see :func:`register`.
        found_before: of the first dates, as they were registered before.
        beside: other processes, which take their part where many places are looked at closely.
    """

    @cache
    def first() -> tuple[Reduced, tuple[FixedLevel, ...]]:
        small = reduced(volumes[0], spacing_mm)
        return small, fixed_levels(small)

    def known(n: int) -> LesionSpheres:
        return lesions[n] if lesions else NO_LESIONS

    def pair(fixed: int, moving: int) -> Unaligned:
        here, levels = (reduced(volumes[fixed], spacing_mm), ()) if fixed else first()
        there = reduced(volumes[moving], spacing_mm)
        return Unaligned((here, there), levels, (known(fixed), known(moving)), deformable)

    def coarse(n: int, found: Registration) -> CoarseRegistration:
        own, other = known(0), known(n)
        every = own + other.moved(found.to_fixed_mm)
        return CoarseRegistration(found, volumes[0], volumes[n], every)

    found: list[Registration | None] = [*(found_before or (None,))]
    further = range(len(found), len(volumes))
    for n in further:
        _check(volumes[0], volumes[n], spacing_mm)
    looks = sum(min(len(known(0)) + len(known(n)), MOST_PLACES) for n in further)
    is_shared = beside.helps_with(Unaligned.aligned, looks * LOOK_S)
    if further:
        first()  # once, before several ask
    to_first = _aligned_by(beside if is_shared else None, [partial(pair, 0, n) for n in further])
    direct = dict(zip(further, to_first, strict=True))
    good = [n for n in further if direct[n].quality.good] if is_shared else []
    refined = refined_beside([coarse(n, direct[n]) for n in good], beside) if good else []
    ready = dict(zip(good, refined, strict=True))
    for n in further:
        own, before = direct[n], found[-1]
        if before is not None and not own.quality.good and before.quality.good:
            step = pair(n - 1, n).aligned()
            own = through(before, step) if step.quality.good else own
        if lesions:
            own = ready[n] if n in ready else coarse(n, own).refined()
        found.append(own)
    return tuple(found)


def _aligned_by(
    beside: Beside | None, pairs: Sequence[Callable[[], Unaligned]]
) -> list[Registration]:
    """Each pair aligned, shared with other processes or by threads of this one."""
    if beside is not None:
        return beside.shared(Unaligned.aligned, pairs)
    with ThreadPoolExecutor(ALIGNED_AT_ONCE) as threads:
        return list(threads.map(lambda pair: pair().aligned(), pairs))


def looked_around_mm(lesion: Mask) -> float:
    """How far from its middle the image that a lesion was drawn on is looked at.

    By the registration of another date to this one, and by the search for the lesion there.
    """
    return max(change.looked_around_mm(lesion), refinement.looked_around_mm(lesion.radius_mm))


def expected_place(
    place_mm: FloatArray, there: Registration | None, here: Registration | None
) -> Expected:
    """Where a place of one date lies at another; both are registered to the first.

    Args:
        place_mm: (3,) LPS mm of the first of the two dates.
        there: registration of the date that the place belongs to; None for the first of all.
        here: of the date that is asked for.
    """
    point = np.asarray(place_mm, dtype=np.float64).reshape(1, 3)
    turn: FloatArray = np.eye(4)
    error_mm = 0.0
    if there is not None:
        point = there.to_fixed_mm(point)
        turn = np.asarray(np.linalg.inv(there.rigid), dtype=np.float64)
        error_mm = float(there.error_mm(point)[0])
    if here is not None:
        error_mm = float(np.hypot(error_mm, here.error_mm(point)[0]))
        point = here.to_moving_mm(point)
        turn = here.rigid @ turn
    return Expected(point[0], turn[:3, :3], error_mm)


def through(first: Registration, second: Registration) -> Registration:
    """One registration after another: fixed of the first to moving of the second."""
    rigid = second.rigid @ first.rigid
    a, b = first.quality, second.quality
    quality = RegistrationQuality(
        min(a.method, b.method, key=list(RegistrationMethod).index),
        0.0,
        min(a.similarity_after, b.similarity_after),
        a.overlap * b.overlap,
        a.jacobian_min * b.jacobian_min,
        a.jacobian_max * b.jacobian_max,
        flags=(*a.flags, *b.flags, THROUGH),
        steps=a.steps + b.steps,
    )
    if not (first.bent or second.bent):
        return Registration(first.fixed_grid, second.moving_grid, rigid, quality)
    grid = first.field_grid
    if grid is None:
        grid = upright_grid(first.fixed_grid, THROUGH_SPACING_MM)
    # Corrections around places are part of what is sampled here.
    points = grid.to_world_mm(indices_of(grid.shape)).reshape(-1, 3)
    there = second.to_moving_mm(first.to_moving_mm(points))
    shift = (moved(np.linalg.inv(rigid), there) - points).reshape(*grid.shape, 3)
    return Registration(
        first.fixed_grid, second.moving_grid, rigid, quality, grid, shift.astype(np.float32)
    )


@dataclass(frozen=True, slots=True, eq=False)
class Unaligned:
    """A fixed and a moving image that are to be aligned.

    Attributes:
        levels: of the fixed image, where they are at hand.
        lesions: of both.
    """

    pair: tuple[Reduced, Reduced]
    levels: Sequence[FixedLevel]
    lesions: tuple[LesionSpheres, LesionSpheres]
    deformable: bool

    def aligned(self) -> Registration:
        """What could be achieved, before a closer look around the lesions."""
        here, there = self.pair
        grids = here.full_grid, there.full_grid
        before = similarity(here, there, lambda points: points)
        seen = here.body.any() and there.body.any()
        found = rigid_transform(here, there, self.levels) if seen else np.eye(4)
        after = similarity(here, there, lambda points: moved(found, points))
        sizes = float(here.body.sum()), float(there.dense.sum())
        shared = after.overlap * sizes[0] / max(min(sizes), 1.0)
        fault = _fault(found, before, after, shared)
        if fault:
            values = (before.value, before.value, before.overlap)
            quality = RegistrationQuality(
                RegistrationMethod.IDENTITY, *values, flags=(fault,), good=False
            )
            return Registration(*grids, np.eye(4), quality)
        quality = RegistrationQuality(
            RegistrationMethod.RIGID, before.value, after.value, after.overlap
        )
        result = Registration(*grids, found, quality)
        if self.deformable:
            own, other = self.lesions
            result = deformed(result, here, there, own + other.moved(result.to_fixed_mm))
        return _doubted(result)


def _doubted(result: Registration) -> Registration:
    """The registration, with a flag where the images match poorly after all."""
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
