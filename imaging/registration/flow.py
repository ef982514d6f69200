"""The deformable step: where each neighbourhood of the fixed image went to.

Lucas and Kanade (IJCAI 1981:674): the shift of a neighbourhood is the least-squares solution of
``slope . shift = difference``, solved at once for every node of a coarse grid, from coarse to fine.
Around a node of little contrast nothing is known of its shift, and its neighbours decide.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import scipy

from imaging.registration.mapping import Registration, RegistrationMethod
from imaging.registration.places import NO_LESIONS, LesionSpheres
from imaging.registration.reduction import Reduced, similarity
from imaging.registration.warping import LEAST_KNOWN, UNKNOWN, warped
from imaging.volume import Array, BoolArray, FloatArray, Grid


@dataclass(frozen=True, slots=True)
class Pass:
    """One level: whether images are halved, steps, and smoothing of sums and of shifts in nodes."""

    half: bool
    steps: int
    window: float
    smoothing: float


#: Coarse to fine. Nodes lie two voxels apart.
PASSES = (Pass(True, 6, 1.2, 1.0), Pass(False, 5, 1.5, 1.0))
#: Differences beyond this are no motion (contrast medium, gas, a lesion that changed).
LARGEST_DIFFERENCE_HU = 80.0
#: Contrast (HU per mm, squared) of a neighbourhood that is as good as none.
NO_CONTRAST = 4.0
#: The parts of a symmetric matrix.
SYMMETRIC = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
#: Share of a node without contrast in the shift of its neighbourhood.
LEAST_TOLD = 1e-3
#: Blurring puts a lesion's edge into voxels this far outside of it.
LESION_MARGIN_MM = 3.0
#: Voxels around the body that take part: its outline aligns as much as its inside.
RIM_VOXELS = 2
#: A neighbourhood moves by no more than this at a step, in nodes.
LARGEST_STEP = 0.75
#: A Gaussian ends after so many standard deviations.
SMOOTHED_TO = 3.0
#: Matrices that smooth so many lengths of an axis are kept.
KEPT_MATRICES = 128


#: Volume change of a piece of tissue beyond which a deformation is not anatomy (a fold is < 0).
JACOBIAN_RANGE = (0.1, 5.0)
#: Images thinner than this many voxels (at the working spacing) are registered rigidly only.
THINNEST = 8
#: A loss of correlation below this is the interpolation's.
SIMILARITY_NOISE = 0.005
LOWERED = "the deformation lowered the correlation: rigid only"


def deformed(
    rigid: Registration, fixed: Reduced, moving: Reduced, lesions: LesionSpheres = NO_LESIONS
) -> Registration:
    """Follow a rigid registration by a deformation of the fixed body; drop it where it fails.

    Args:
        lesions: in the fixed image; what lies in one has no say in how tissue moved.
    """
    here = _cropped(fixed)
    if min(here.grid.shape) < THINNEST:
        return _flagged(rigid, "the image is too thin to be deformed: rigid only")
    shift, nodes = flow(here, moving, rigid.rigid, lesions)
    jacobian = _jacobian(shift, nodes)[_at_nodes(here.body)]
    low, high = float(jacobian.min()), float(jacobian.max())
    if not JACOBIAN_RANGE[0] <= low <= high <= JACOBIAN_RANGE[1]:
        return _flagged(
            rigid, f"the deformation folds (volume change {low:.2f} to {high:.2f}): rigid only"
        )
    shift.setflags(write=False)
    bent = replace(rigid, field_grid=nodes, displacement_mm=shift)
    after = similarity(here, moving, bent.to_moving_mm)
    if after.value < rigid.quality.similarity_after:
        lost = rigid.quality.similarity_after - after.value
        # Images that agree already can only be disturbed: nothing failed.
        return _flagged(rigid, LOWERED) if lost > SIMILARITY_NOISE else rigid
    quality = replace(
        rigid.quality,
        method=RegistrationMethod.DEFORMABLE,
        similarity_after=after.value,
        jacobian_min=low,
        jacobian_max=high,
    )
    return replace(bent, quality=quality)


def flow(
    fixed: Reduced, moving: Reduced, rigid: FloatArray, lesions: LesionSpheres
) -> tuple[Array, Grid]:
    """Shift in mm (i, j, k, 3), before the rigid transform, and the grid of its nodes."""
    nodes = node_grid(fixed.grid)
    shift = np.zeros((3, *nodes.shape[::-1]), np.float32)
    for level in PASSES:
        here, there = (halved(fixed), halved(moving)) if level.half else (fixed, moving)
        before, nodes = nodes, node_grid(here.grid)
        start = _on(shift, before, nodes)
        use = scipy.ndimage.binary_dilation(here.body, iterations=RIM_VOXELS)
        use &= ~lesions.cover(here.grid, LESION_MARGIN_MM)
        shift = followed((here, there), rigid, start, nodes, level, use=use)
    return shift.T, nodes


def followed(
    pair: tuple[Reduced, Reduced],
    rigid: FloatArray,
    shift: Array,
    nodes: Grid,
    level: Pass,
    *,
    use: BoolArray,
) -> Array:
    """A shift improved at one level.

    Args:
        pair: the fixed image and the moving one.
        shift: (3, k, j, i) in mm at the nodes, in the order in which images lie in memory.
        use: voxels of the fixed image that take part.
    """
    here, there = pair
    fixed = np.ascontiguousarray(here.toned.T)
    slopes = np.stack(np.gradient(fixed, here.grid.spacing_mm[0])[::-1])
    slopes *= (use & here.known).T
    # Of each neighbourhood in (HU/mm) squared.
    products = np.stack([slopes[a] * slopes[b] for a, b in SYMMETRIC])
    contrast = _gathered(products, level.window)
    trace = contrast[0] + contrast[3] + contrast[5]
    told = trace / (trace + 3 * NO_CONTRAST) + np.float32(LEAST_TOLD)
    told_near = _smooth(told, level.smoothing)
    solve = _inverse(contrast)
    moving = np.ascontiguousarray(np.where(there.known, there.toned, np.float32(UNKNOWN)).T)
    largest = np.float32(LARGEST_STEP * nodes.spacing_mm[0])
    for _ in range(level.steps):
        apart = warped(moving, (here.grid, there.grid), rigid, shift)
        unknown = apart < LEAST_KNOWN
        apart -= fixed
        np.clip(apart, -LARGEST_DIFFERENCE_HU, LARGEST_DIFFERENCE_HU, out=apart)
        np.copyto(apart, 0, where=unknown)
        step = -(solve * _gathered(slopes * apart, level.window)).sum(axis=1)
        length = np.sqrt((step * step).sum(axis=0))
        step *= largest / np.maximum(length, largest)
        step += shift
        step *= told
        shift = _smooth(step, level.smoothing) / told_near
    return shift


def node_grid(grid: Grid) -> Grid:
    """A node in the middle of each two voxels along each axis."""
    i, j, k = (-(-n // 2) for n in grid.shape)
    affine = grid.affine.copy()
    affine[:3, :3] *= 2
    affine[:3, 3] += grid.affine[:3, :3] @ np.full(3, 0.5)
    return Grid((i, j, k), affine)


def _at_nodes(body: BoolArray) -> BoolArray:
    """Nodes of which a voxel is body."""
    even = np.pad(body, [(0, n % 2) for n in body.shape])
    i, j, k = (n // 2 for n in even.shape)
    return np.asarray(even.reshape(i, 2, j, 2, k, 2).any(axis=(1, 3, 5)))


def halved(image: Reduced) -> Reduced:
    """An image on voxels twice as large."""
    i, j, k = (max(1, n // 2) for n in image.grid.shape)
    affine = image.grid.affine.copy()
    affine[:3, :3] *= 2
    affine[:3, 3] += image.grid.affine[:3, :3] @ np.full(3, 0.5)
    # One layer of voxels stands for two.
    once = [(0, n % 2 if n == 1 else 0) for n in image.grid.shape]

    def mean(values: Array) -> Array:
        whole = np.pad(values, once, mode="edge")[: 2 * i, : 2 * j, : 2 * k]
        return _halved(whole.astype(np.float32, order="K").T).T

    return Reduced(
        mean(image.values),
        mean(image.toned),
        mean(image.known) >= 1,
        mean(image.dense) >= 0.5,
        mean(image.body) >= 0.5,
        Grid((i, j, k), affine),
        image.full_grid,
    )


def _inverse(contrast: Array) -> Array:
    """Inverses (3, 3, ...) float32 of symmetric matrices, each with :data:`NO_CONTRAST` added.

    Args:
        contrast: (6, ...) their parts, as in :data:`SYMMETRIC`.
    """
    xx, xy, xz, yy, yz, zz = contrast.astype(np.float64)
    xx, yy, zz = xx + NO_CONTRAST, yy + NO_CONTRAST, zz + NO_CONTRAST
    rows = (
        (yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy),
        (xx * zz - xz * xz, xy * xz - xx * yz),
        (xx * yy - xy * xy,),
    )
    determinant = xx * rows[0][0] + xy * rows[0][1] + xz * rows[0][2]
    inverse = np.empty((3, 3, *determinant.shape), np.float32)
    for (a, b), cofactor in zip(SYMMETRIC, itertools.chain(*rows), strict=True):
        inverse[a, b] = inverse[b, a] = cofactor / determinant
    return inverse


def _gathered(values: Array, window: float) -> Array:
    """Mean around each node, of arrays (n, k, j, i)."""
    odd = [n % 2 for n in values.shape[1:]]
    even = np.pad(values, [(0, 0), *((0, n) for n in odd)]) if any(odd) else values
    return _smooth(_halved(even), window)


def _halved(values: Array) -> Array:
    """Mean of each 2 x 2 x 2 voxels; the sizes of the last three axes are even."""
    pairs = values[..., 0::2, :, :] + values[..., 1::2, :, :]
    pairs = pairs[..., 0::2, :] + pairs[..., 1::2, :]
    return np.asarray((pairs[..., 0::2] + pairs[..., 1::2]) / np.float32(8))


def _smooth(values: Array, sigma: float) -> Array:
    """Smoothed by a Gaussian along the last three axes; beyond the edges their values go on.

    By a matrix for each axis: there are few nodes along any, and products of small matrices take a
    third of the time of a filter that is called for each axis.
    """
    *_, k, j, i = values.shape
    found = np.matmul(values, _smoothing(i, sigma).T)
    found = np.matmul(_smoothing(j, sigma), found)
    flat = found.reshape(*values.shape[:-2], j * i)
    return np.asarray(np.matmul(_smoothing(k, sigma), flat).reshape(values.shape))


@lru_cache(maxsize=KEPT_MATRICES)
def _smoothing(nodes: int, sigma: float) -> Array:
    """The matrix (nodes, nodes), float32, that smooths values along an axis."""
    reach = int(SMOOTHED_TO * sigma + 0.5)
    apart = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (apart / sigma) ** 2)
    weights /= weights.sum()
    found = np.zeros((nodes, nodes))
    rows = np.arange(nodes)
    for step, weight in zip(apart, weights, strict=True):
        found[rows, np.clip(rows + step, 0, nodes - 1)] += weight
    matrix = found.astype(np.float32)
    matrix.setflags(write=False)
    return matrix


def _on(shift: Array, before: Grid, nodes: Grid) -> Array:
    """A shift (3, k, j, i) between coarser nodes."""
    at = [
        (np.arange(n) * nodes.spacing_mm[a] + nodes.origin_mm[a] - before.origin_mm[a])
        / before.spacing_mm[a]
        for a, n in enumerate(nodes.shape)
    ]
    index = np.stack(np.meshgrid(*at[::-1], indexing="ij"))
    return np.stack(
        [scipy.ndimage.map_coordinates(own, index, order=1, mode="nearest") for own in shift]
    )


def _cropped(image: Reduced, rim: int = 3) -> Reduced:
    """The body's box with a rim."""
    hit = np.argwhere(image.body)
    first = np.maximum(hit.min(axis=0) - rim, 0)
    last = np.minimum(hit.max(axis=0) + rim + 1, image.body.shape)
    box = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
    a, b, c = (int(n) for n in first)
    i, j, k = (int(n) for n in last - first)
    known, dense, body = image.known[box], image.dense[box], image.body[box]
    grid = image.grid.crop((a, b, c), (i, j, k))
    return Reduced(image.values[box], image.toned[box], known, dense, body, grid, image.full_grid)


def _jacobian(shift: Array, grid: Grid) -> Array:
    """Determinant of the gradient of x + shift(x): local volume change."""
    rows = [
        np.stack(list(np.gradient(shift[..., axis], *grid.spacing_mm)), axis=-1)
        for axis in range(3)
    ]
    return np.asarray(np.linalg.det(np.stack(rows, axis=-2) + np.eye(3)))


def _flagged(rigid: Registration, flag: str) -> Registration:
    return replace(rigid, quality=replace(rigid.quality, flags=(*rigid.quality.flags, flag)))
