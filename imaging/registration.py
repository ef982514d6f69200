"""One date onto another: where a point of one CT lies on a later one.

Three steps on clamped HU at 4 mm: the best translation by masked normalised cross-correlation over
all shifts (which survives different crops and table positions), a rigid transform by mutual
information, then symmetric-forces demons. Rigid rather than affine, because a patient's bones keep
their size between visits: on the simulated studies an affine step absorbed the shrinking lesion
and ended farther from the landmarks. Where a step makes things worse it is dropped and the result
says so: a registration is never silently nonsense.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import scipy.fft
import scipy.ndimage
import SimpleITK

from imaging.errors import GeometryError, UnsupportedError
from imaging.resampling import AIR_HU
from imaging.volume import Array, BoolArray, FloatArray, Grid, Index3, Mask, Unit, Volume

sitk: Any = SimpleITK  # its functions carry no types

#: Soft tissue decides; air, lung and bone saturate, so noise in air and metal have no force.
WINDOW_HU = (-200.0, 250.0)
#: Above this a voxel is body (or couch) rather than air or lung.
BODY_HU = -400.0
#: The search over all translations runs on voxels this many times as large.
COARSE_FACTOR = 2
#: A translation must leave this share of the smaller body inside both images. Two crops that
#: share less have nothing to be registered by.
LEAST_OVERLAP = 0.3
#: Iterations per level and smoothing of the field (voxels). Of 1.0, 1.5 and 2.0 voxels, 2.0 gave
#: the lowest error outside of lesions, and no folding; more iterations gained under 0.05 mm.
DEMONS_ITERATIONS = 30
DEMONS_SMOOTHING = 2.0
#: A patient lying on a table is not turned further than this between two dates.
LARGEST_ROTATION_DEGREES = 25.0
#: Correlation inside the body below which two images do not show the same anatomy. The simulated
#: studies reach 0.9; two different patients stay below 0.5.
LEAST_SIMILARITY = 0.5
#: Volume change of a piece of tissue beyond which a deformation is not anatomy (a fold is < 0).
JACOBIAN_RANGE = (0.1, 5.0)
#: Images thinner than this many voxels (at the working spacing) are registered rigidly only.
THINNEST = 8
#: Fixed-point steps and stopping distance of the inverse.
INVERSE_STEPS = 40
INVERSE_TOLERANCE_MM = 0.01
#: Share of the voxels (on a regular pattern) that the mutual information is computed from.
SAMPLED_SHARE = 0.2
#: Voxels of the body, evenly taken, from which the correlation is computed.
COMPARED_VOXELS = 100_000
#: Demons are computed in this many pieces whatever the number of cores: the same on every machine.
WORK_UNITS = 8
#: Points mapped at once when a mask is carried over: bounds the memory.
POINTS_AT_ONCE = 1_000_000


class Method(StrEnum):
    """How far a registration got."""

    IDENTITY = "identity"
    RIGID = "rigid"
    DEFORMABLE = "deformable"


#: What a mapped point near a lesion may be off by, mm. Deformable and rigid: twice the mean
#: landmark error of the simulated studies around shrinking lesions; identity: two table positions.
EXPECTED_ERROR_MM = {Method.DEFORMABLE: 8.0, Method.RIGID: 12.0, Method.IDENTITY: 30.0}


@dataclass(frozen=True, slots=True)
class Quality:
    """How well two dates agree, and what was given up.

    Attributes:
        similarity_before, similarity_after: correlation of clamped HU inside the fixed body, -1..1,
            by scanner coordinates alone and by the registration; 0 where the images do not overlap.
        overlap: share of the fixed body that lies inside the moving image.
        jacobian_min, jacobian_max: local volume change of the deformation (1 when there is none).
        flags: what failed and what was done instead; empty when all went well.
    """

    method: Method
    similarity_before: float
    similarity_after: float
    overlap: float
    jacobian_min: float = 1.0
    jacobian_max: float = 1.0
    flags: tuple[str, ...] = ()

    @property
    def expected_error_mm(self) -> float:
        return EXPECTED_ERROR_MM[self.method]


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """Maps points of the fixed image (one date) to the moving image (another) and back.

    A point x of the fixed image goes to ``rigid @ (x + displacement(x))``.

    Attributes:
        fixed_grid, moving_grid: of the images that were registered.
        rigid: 4 x 4, LPS mm of the fixed image to LPS mm of the moving image.
        field_grid: where the displacement is sampled; None without a deformation. Outside of it
            the displacement of its nearest edge holds.
        displacement_mm: (i, j, k, 3) float32 on ``field_grid``.
    """

    fixed_grid: Grid
    moving_grid: Grid
    rigid: FloatArray
    quality: Quality
    field_grid: Grid | None = None
    displacement_mm: Array | None = None

    @classmethod
    def identity(cls, fixed_grid: Grid, moving_grid: Grid, *, flag: str = "") -> Registration:
        """No motion: scanner coordinates are taken as they are."""
        quality = Quality(Method.IDENTITY, 0.0, 0.0, 0.0, flags=(flag,) if flag else ())
        return cls(fixed_grid, moving_grid, np.eye(4), quality)

    def to_moving_mm(self, points: Array) -> FloatArray:
        """LPS mm (n, 3) of the fixed image to LPS mm (n, 3) of the moving image."""
        fixed = _rows_of(points)
        return _moved(self.rigid, fixed + self._displacement(fixed))

    def to_fixed_mm(self, points: Array) -> FloatArray:
        """LPS mm (n, 3) of the moving image to LPS mm (n, 3) of the fixed image.

        The inverse is found by fixed-point steps, x = y - displacement(x), which contract because
        deformations that fold are refused.
        """
        moving = _rows_of(points)
        target = _moved(np.linalg.inv(self.rigid), moving)
        fixed = target
        for _ in range(INVERSE_STEPS if self.field_grid else 0):
            closer = target - self._displacement(fixed)
            # Half steps where the field is steep, so that the sequence cannot swing.
            step = 0.5 * (closer - fixed)
            fixed = fixed + step
            if not len(step) or np.abs(step).max() < INVERSE_TOLERANCE_MM:
                break
        return fixed

    def covers_moving(self, points_fixed_mm: Array, *, margin_mm: float = 0.0) -> BoolArray:
        """Whether points of the fixed image (n, 3) fall inside the moving image.

        Args:
            margin_mm: how far inside of its outer voxel faces they must lie.
        """
        return _inside(self.moving_grid, self.to_moving_mm(points_fixed_mm), margin_mm)

    def covers_fixed(self, points_moving_mm: Array, *, margin_mm: float = 0.0) -> BoolArray:
        """Whether points of the moving image (n, 3) fall inside the fixed image."""
        return _inside(self.fixed_grid, self.to_fixed_mm(points_moving_mm), margin_mm)

    def warp_mask(self, mask_on_moving: Mask, fixed_grid: Grid) -> Mask:
        """A mask of the moving image on a grid of the fixed image (nearest voxel).

        Only the neighbourhood that the mask can come from is computed; parts outside of the grid
        are lost, and the result may be empty.
        """
        start, shape = self._reached_box(mask_on_moving, fixed_grid)
        if min(shape) < 1:
            nothing = np.zeros((0, 0, 0), dtype=np.bool_)
            return Mask(nothing, (0, 0, 0), fixed_grid)
        box = fixed_grid.crop(start, shape)
        inside = np.zeros(int(np.prod(shape)), dtype=np.bool_)
        for first in range(0, inside.size, POINTS_AT_ONCE):
            flat = np.arange(first, min(first + POINTS_AT_ONCE, inside.size))
            index = np.column_stack(np.unravel_index(flat, shape))
            at = mask_on_moving.grid.to_voxel(self.to_moving_mm(box.to_world_mm(index)))
            inside[flat] = _taken(mask_on_moving, np.rint(at).astype(np.intp))
        tight = Mask.of(inside.reshape(shape), box)
        a, b, c = (x + y for x, y in zip(start, tight.start, strict=True))
        return Mask(tight.array, (a, b, c), fixed_grid)

    def _displacement(self, fixed_mm: FloatArray) -> FloatArray:
        if self.field_grid is None or self.displacement_mm is None:
            return np.zeros_like(fixed_mm)
        at = self.field_grid.to_voxel(fixed_mm).T
        sampled = [
            scipy.ndimage.map_coordinates(
                self.displacement_mm[..., axis], at, order=1, mode="nearest", output=np.float64
            )
            for axis in range(3)
        ]
        return np.asarray(np.stack(sampled, axis=-1), dtype=np.float64)

    def _reached_box(self, mask: Mask, grid: Grid) -> tuple[Index3, Index3]:
        """First voxel and shape of the part of a grid that a moving mask can come from."""
        if not mask.voxels:
            return (0, 0, 0), (0, 0, 0)
        edges = [np.linspace(-1, n, min(n + 2, 12)) for n in mask.array.shape]
        samples = np.array(list(itertools.product(*edges))) + np.array(mask.start)
        reached = grid.to_voxel(self.to_fixed_mm(mask.grid.to_world_mm(samples)))
        first = np.maximum(np.floor(reached.min(axis=0)) - 2, 0).astype(int)
        last = np.minimum(np.ceil(reached.max(axis=0)) + 2, np.array(grid.shape) - 1).astype(int)
        a, b, c = (int(n) for n in first)
        i, j, k = (int(n) for n in last - first + 1)
        return (a, b, c), (i, j, k)


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
    there, here = _reduced(moving, spacing_mm), _reduced(fixed, spacing_mm)
    body = _body(here)
    before = _similarity(here, there, body, np.eye(4))
    found = _rigid(here, there, body)
    after = _similarity(here, there, body, found)
    fault = _fault(found, before, after, body)
    if fault:
        quality = Quality(
            Method.IDENTITY, before.value, before.value, before.overlap, flags=(fault,)
        )
        return Registration(fixed.grid, moving.grid, np.eye(4), quality)
    rigid = Registration(
        fixed.grid,
        moving.grid,
        found,
        Quality(Method.RIGID, before.value, after.value, after.overlap),
    )
    return _deformed(rigid, here, there, body) if deformable else rigid


# --- images at the working resolution -------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Reduced:
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
class _Similarity:
    value: float
    overlap: float


def _reduced(volume: Volume, spacing_mm: float) -> _Reduced:
    """Averaged over blocks of about the working spacing, then interpolated."""
    grid = _upright_grid(volume.grid, spacing_mm)
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
    at = _moved(indices, _indices(grid.shape))
    known = _inside_voxels(at, volume.grid.shape)
    values = np.where(known, values, AIR_HU)
    return _Reduced(np.clip(values, *WINDOW_HU), known, values > BODY_HU, grid)


def _upright_grid(grid: Grid, spacing_mm: float) -> Grid:
    """Cubic voxels along the LPS axes, around the box of a grid."""
    faces = itertools.product(*((-0.5, n - 0.5) for n in grid.shape))
    corners = grid.to_world_mm(np.array(list(faces)))
    low, high = corners.min(axis=0), corners.max(axis=0)
    i, j, k = (int(n) for n in np.maximum(1, np.ceil((high - low) / spacing_mm - 1e-6)))
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = (low + high) / 2 - (np.array([i, j, k]) - 1) * spacing_mm / 2
    return Grid((i, j, k), affine)


def _indices(shape: Index3) -> FloatArray:
    return np.moveaxis(np.indices(shape, dtype=np.float64), 0, -1)


def _body(image: _Reduced) -> BoolArray:
    """The patient: the largest piece left when thin things (couch, sheets) are opened away."""
    solid = image.body
    opened = scipy.ndimage.binary_opening(solid, np.ones((3, 3, 1), dtype=np.bool_))
    pieces, count = scipy.ndimage.label(opened)
    if not count:
        return solid
    largest = pieces == 1 + int(np.bincount(pieces.ravel())[1:].argmax())
    filled = [scipy.ndimage.binary_fill_holes(largest[:, :, k]) for k in range(largest.shape[2])]
    return np.stack(filled, axis=2)


def _similarity(
    fixed: _Reduced,
    moving: _Reduced,
    body: BoolArray,
    rigid: FloatArray,
    shift: Array | None = None,
) -> _Similarity:
    """Correlation of clamped HU over the fixed body, where the moving image has values."""
    if not body.any():
        return _Similarity(0.0, 0.0)
    voxels = np.argwhere(body)
    voxels = voxels[:: -(-len(voxels) // COMPARED_VOXELS)]
    chosen = tuple(voxels.T)
    at = fixed.grid.to_world_mm(voxels)
    if shift is not None:
        at = at + shift[chosen]
    index = moving.grid.to_voxel(_moved(rigid, at))
    within = _inside_voxels(index, moving.grid.shape)
    within[within] = moving.known[tuple(np.rint(index[within]).astype(np.intp).T)]
    overlap = float(within.mean())
    if np.count_nonzero(within) < 2:
        return _Similarity(0.0, overlap)
    there = scipy.ndimage.map_coordinates(moving.values, index[within].T, order=1, mode="nearest")
    here = fixed.values[chosen][within]
    spread = float(here.std() * there.std())
    if spread <= 0:
        return _Similarity(0.0, overlap)
    covariance = float(((here - here.mean()) * (there - there.mean())).mean())
    return _Similarity(covariance / spread, overlap)


def _fault(rigid: FloatArray, before: _Similarity, after: _Similarity, body: BoolArray) -> str:
    """Why a rigid result is not believed; empty when it is."""
    if not body.any():
        return "no body found in the fixed image: scanner coordinates are used"
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


# --- rigid ----------------------------------------------------------------------------------------


def _rigid(fixed: _Reduced, moving: _Reduced, body: BoolArray) -> FloatArray:
    """4 x 4: the best translation over all shifts, refined by mutual information."""
    starts = [_best_translation_mm(fixed, moving), np.zeros(3)]
    scored = [_similarity(fixed, moving, body, _translation(start)) for start in starts]
    best = max(range(len(starts)), key=lambda n: (scored[n].value * (scored[n].overlap > 0), -n))
    start = _translation(starts[best])
    refined = _refined(fixed, moving, body, starts[best])
    if refined is None:
        return start
    gained = _similarity(fixed, moving, body, refined).value >= scored[best].value - 0.01
    return refined if gained else start


def _best_translation_mm(fixed: _Reduced, moving: _Reduced) -> FloatArray:
    """Masked normalised cross-correlation over every shift, by FFT.

    After Padfield, IEEE Trans Image Process 2012;21:2706: sums over the overlap only, so that
    images of different extent can be compared.
    """
    step = fixed.grid.spacing_mm[0] * COARSE_FACTOR
    here, there = _coarse(fixed), _coarse(moving)
    shape = [a + b - 1 for a, b in zip(here[0].shape, there[0].shape, strict=True)]
    size = [scipy.fft.next_fast_len(n, real=True) for n in shape]

    def correlate(a: Array, b: Array) -> Array:
        product = scipy.fft.rfftn(a, size) * np.conj(scipy.fft.rfftn(b, size))
        return np.asarray(scipy.fft.irfftn(product, size))

    (f, f_known), (m, m_known) = here, there
    count = np.maximum(correlate(f_known, m_known), 1e-3)
    sum_f, sum_m = correlate(f, m_known), correlate(f_known, m)
    covariance = correlate(f, m) - sum_f * sum_m / count
    spread_f = correlate(f * f, m_known) - sum_f**2 / count
    spread_m = correlate(f_known, m * m) - sum_m**2 / count
    spread = np.sqrt(np.maximum(spread_f, 0) * np.maximum(spread_m, 0))
    least = 1e-4 * float(spread.max(initial=0.0)) + 1e-9
    score = np.where(spread > least, covariance / np.maximum(spread, least), -1.0)
    # A small overlap correlates by chance: both count of voxels and of tissue must suffice.
    tissue = correlate((f > 0) * f_known, (m > 0) * m_known)
    needed = LEAST_OVERLAP * min(float((f > 0).sum()), float((m > 0).sum()))
    score = np.where(tissue >= needed, score, -1.0)
    peak = np.array(np.unravel_index(int(score.argmax()), score.shape))
    shift = np.where(peak >= np.array(here[0].shape), peak - np.array(size), peak)
    # Voxel (x) of the moving image lies on voxel (x + shift) of the fixed one.
    return np.asarray(moving.grid.origin_mm - fixed.grid.origin_mm - shift * step, dtype=np.float64)


def _coarse(image: _Reduced) -> tuple[Array, Array]:
    """Every second voxel of a smoothed image, above its floor, and where it has values."""
    smooth = scipy.ndimage.uniform_filter(image.values - WINDOW_HU[0], COARSE_FACTOR, origin=-1)
    step = (slice(None, None, COARSE_FACTOR),) * 3
    known = image.known[step].astype(np.float64)
    tissue = np.where(smooth[step] > 0.25 * (WINDOW_HU[1] - WINDOW_HU[0]), smooth[step], 0.0)
    return tissue * known, known


def _refined(
    fixed: _Reduced, moving: _Reduced, body: BoolArray, start_mm: FloatArray
) -> FloatArray | None:
    """Rigid by mutual information (Mattes), coarse to fine; None where it cannot be computed."""
    # The pyramid needs four voxels.
    if not body.any() or min(*fixed.grid.shape, *moving.grid.shape) < 4:
        return None
    transform = sitk.Euler3DTransform()
    transform.SetCenter(fixed.grid.to_world_mm(np.argwhere(body).mean(axis=0)).tolist())
    transform.SetTranslation(start_mm.tolist())
    method = sitk.ImageRegistrationMethod()
    # One: several add up their histograms in any order, and the last digits differ between runs.
    method.SetNumberOfWorkUnits(1)
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(SAMPLED_SHARE, 1)
    # A rim around the body: its outline aligns as much as its inside.
    rim = scipy.ndimage.binary_dilation(body, iterations=2)
    method.SetMetricFixedMask(fixed.image(rim.astype(np.uint8)))
    method.SetMetricMovingMask(moving.image(moving.known.astype(np.uint8)))
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(2.0, 0.01, 80, relaxationFactor=0.6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([2, 1])
    method.SetSmoothingSigmasPerLevel([fixed.grid.spacing_mm[0], 0.0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetInitialTransform(transform, inPlace=True)
    try:
        method.Execute(
            fixed.image(fixed.values.astype(np.float32)),
            moving.image(moving.values.astype(np.float32)),
        )
    except RuntimeError:  # ITK: too few samples overlap at this start
        return None
    rigid = np.eye(4)
    rigid[:3, :3] = np.reshape(transform.GetMatrix(), (3, 3))
    rigid[:3, 3] = transform.TransformPoint((0.0, 0.0, 0.0))
    return rigid


# --- demons ---------------------------------------------------------------------------------------


def _deformed(
    rigid: Registration, fixed: _Reduced, moving: _Reduced, body: BoolArray
) -> Registration:
    """Follow a rigid registration by demons inside the fixed body; drop them where they fail."""
    here, near = _cropped(fixed, body)
    if min(here.grid.shape) < THINNEST:
        return _flagged(rigid, "the image is too thin to be deformed: rigid only")
    indices = np.linalg.inv(moving.grid.affine) @ rigid.rigid @ here.grid.affine
    at = _moved(indices, _indices(here.grid.shape))
    there = scipy.ndimage.map_coordinates(
        moving.values.astype(np.float32), np.moveaxis(at, -1, 0), order=1, mode="nearest"
    )
    known = _inside_voxels(at, moving.grid.shape)
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
    after = _similarity(here, moving, near, rigid.rigid, shift)
    if after.value < rigid.quality.similarity_after:
        return _flagged(rigid, "the deformation lowered the correlation: rigid only")
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


def _demons(here: _Reduced, there: Array) -> Array:
    """Displacement (i, j, k, 3) in mm from each point of ``here`` to its like in ``there``."""
    field = None
    for factor in (2, 1):
        pair = [here.image(values.astype(np.float32)) for values in (here.values, there)]
        if factor > 1:
            sigma = here.grid.spacing_mm[0] * factor / 2
            pair = [
                sitk.Shrink(sitk.SmoothingRecursiveGaussian(p, sigma), [factor] * 3) for p in pair
            ]
        demons = sitk.FastSymmetricForcesDemonsRegistrationFilter()
        demons.SetNumberOfWorkUnits(WORK_UNITS)
        demons.SetNumberOfIterations(DEMONS_ITERATIONS)
        demons.SetStandardDeviations(DEMONS_SMOOTHING)
        start: list[Any] = [] if field is None else [sitk.Resample(field, pair[0])]
        field = demons.Execute(*pair, *start)
    return np.asarray(
        np.moveaxis(sitk.GetArrayFromImage(field), (0, 1, 2), (2, 1, 0)), dtype=np.float32
    )


def _cropped(image: _Reduced, body: BoolArray, rim: int = 3) -> tuple[_Reduced, BoolArray]:
    """The body's box with a rim, and the body in it."""
    hit = np.argwhere(body)
    first = np.maximum(hit.min(axis=0) - rim, 0)
    last = np.minimum(hit.max(axis=0) + rim + 1, body.shape)
    box = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
    a, b, c = (int(n) for n in first)
    i, j, k = (int(n) for n in last - first)
    grid = image.grid.crop((a, b, c), (i, j, k))
    return _Reduced(image.values[box], image.known[box], image.body[box], grid), body[box]


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


# --- points ---------------------------------------------------------------------------------------


def _rows_of(points: Array) -> FloatArray:
    """(n, 3) float64."""
    return np.asarray(points, dtype=np.float64).reshape(-1, 3)


def _translation(shift_mm: FloatArray) -> FloatArray:
    matrix = np.eye(4)
    matrix[:3, 3] = shift_mm
    return matrix


def _moved(matrix: Array, points: Array) -> FloatArray:
    return np.asarray(points @ matrix[:3, :3].T + matrix[:3, 3], dtype=np.float64)


def _inside_voxels(index: FloatArray, shape: Index3) -> BoolArray:
    return np.asarray(np.all((index > -0.5) & (index < np.array(shape) - 0.5), axis=-1))


def _inside(grid: Grid, points_mm: FloatArray, margin_mm: float) -> BoolArray:
    margin = margin_mm / np.array(grid.spacing_mm)
    index = grid.to_voxel(points_mm)
    low, high = -0.5 + margin, np.array(grid.shape) - 0.5 - margin
    return np.asarray(np.all((index >= low) & (index <= high), axis=-1))


def _taken(mask: Mask, index: Array) -> BoolArray:
    """Whether voxels (n, 3) of the mask's grid belong to it."""
    local = index - np.array(mask.start)
    within = np.all((local >= 0) & (local < np.array(mask.array.shape)), axis=1)
    taken = np.zeros(len(index), dtype=np.bool_)
    taken[within] = mask.array[tuple(local[within].T)]
    return taken
