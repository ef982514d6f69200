"""A later date of a real CT: lesions that grew, shrank, came or went in a patient who moved.

For benchmarks that need to know what became of every lesion. Lesions are stretched, the patient
moves (:mod:`recist.phantom.moved_tissue`) and is scanned on another grid with other noise. Image
and outlines go through one map, so that they agree exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from imaging.volume import FloatArray, Grid, Mask, Unit, Volume
from recist.phantom.moved_tissue import Motion, TissueMap

#: Width of the edge of a drawn lesion.
EDGE_MM = 0.8
#: What is inpainted reaches this far beyond the outline, where partial volume shows the lesion.
BEYOND_MM = 2.5
AIR_HU = -1000.0
#: A thick slice is the mean of parts no thicker than this.
PART_MM = 1.5
#: A sharp kernel enhances what a blur of this standard deviation takes away.
ENHANCED_MM = 1.0


def stretch(random: np.random.Generator, scale: float, *, uneven: float = 0.0) -> FloatArray:
    """A change of shape, 3 x 3: the mean diameter times ``scale``, the axes unequal by a share."""
    axes = np.exp(random.uniform(-uneven, uneven, 3))
    axes *= scale / np.cbrt(axes.prod())
    turn, _ = np.linalg.qr(random.normal(size=(3, 3)))
    return np.asarray(turn @ np.diag(axes) @ turn.T)


def evolved(
    ct: Volume,
    lesions: Sequence[Mask],
    stretches: Sequence[FloatArray],
    motion: Motion,
    grid: Grid,
    *,
    noise_hu: float = 0.0,
    random: np.random.Generator,
) -> tuple[Volume, tuple[Mask, ...]]:
    """The CT and its lesions at a later date.

    Args:
        lesions: on the grid of the CT.
        stretches: of each lesion, 3 x 3, about its middle.
        grid: of the later scan.
        noise_hu: standard deviation that is added.
    """
    shape = grid.shape
    labels = np.zeros(ct.grid.shape, dtype=np.uint16)
    for number, lesion in enumerate(lesions, start=1):
        labels[lesion.box][lesion.array] = number
    tissue = TissueMap.of(ct.grid, lesions, stretches, motion)
    hu = np.empty(shape, np.float32)
    found = np.zeros(shape, np.uint16)
    plane = np.moveaxis(np.indices(shape[:2]), 0, -1).reshape(-1, 2)

    def at_rest(k: int) -> FloatArray:
        index = np.column_stack([plane, np.full(len(plane), k)])
        return tissue.unpulled_mm(grid.to_world_mm(index))

    parts = _parts_of_a_slice(ct.grid, grid)
    below, here = at_rest(-1), at_rest(0)
    for k in range(shape[2]):
        above = at_rest(k + 1)
        at = ct.grid.to_voxel(tissue.pulled_mm(here)).T
        near = ndimage.map_coordinates(labels, at, order=0, mode="constant", cval=0)
        found[:, :, k] = near.reshape(shape[:2])
        whole = np.zeros(len(plane), np.float32)
        for part in parts:
            if part:
                at = ct.grid.to_voxel(tissue.pulled_mm(here + part * (above - below) / 2)).T
            whole += ndimage.map_coordinates(
                ct.array, at, order=1, mode="constant", cval=AIR_HU, output=np.float32
            )
        hu[:, :, k] = (whole / len(parts)).reshape(shape[:2])
        below, here = here, above
    hu += random.normal(0.0, noise_hu, shape).astype(np.float32)
    masks = tuple(Mask.of(found == n, grid) for n in range(1, len(lesions) + 1))
    return Volume(hu, grid, Unit.HU), masks


def _parts_of_a_slice(earlier: Grid, later: Grid) -> list[float]:
    """Where a later slice is looked at, in slices from its middle, so that it is a mean over its
    thickness, as that of a scanner is; what the earlier slices are a mean over is taken off."""
    thick_mm, was_mm = later.spacing_mm[2], earlier.spacing_mm[2]
    over = float(np.sqrt(max(thick_mm**2 - was_mm**2, 0.0))) / thick_mm
    count = max(int(np.ceil(over * thick_mm / PART_MM)), 1)
    return [over * ((n + 0.5) / count - 0.5) for n in range(count)]


def by_kernel(ct: Volume, sharpness: float) -> Volume:
    """The CT as another kernel would show it, noise and all.

    Args:
        sharpness: 0 as it is; below, blurred in the plane by so many mm (standard deviation);
            above, edges enhanced by that share of what a blur of ``ENHANCED_MM`` takes away.
    """
    spacing = np.array(ct.grid.spacing_mm)
    sigma_mm = -sharpness if sharpness < 0 else ENHANCED_MM
    sigma = np.array([sigma_mm, sigma_mm, 0.0]) / spacing
    blurred = ndimage.gaussian_filter(ct.array.astype(np.float32), sigma)
    shown = blurred if sharpness < 0 else ct.array + sharpness * (ct.array - blurred)
    return Volume(np.asarray(shown, np.float32), ct.grid, Unit.HU, ct.source)


def drawn_lesion(
    ct: Volume,
    centre_mm: FloatArray,
    radii_mm: FloatArray,
    hu: float,
    random: np.random.Generator,
) -> tuple[Volume, Mask]:
    """A lumpy lesion drawn into a CT, with the noise that lies there, and its outline."""
    grid = ct.grid
    reach = np.ceil(1.6 * radii_mm.max() / np.array(grid.spacing_mm)).astype(int) + 2
    middle = np.rint(grid.to_voxel(centre_mm)).astype(int)
    low = np.maximum(middle - reach, 0)
    high = np.minimum(middle + reach + 1, grid.shape)
    a, b, c = (int(n) for n in low)
    i, j, k = (int(n) for n in high - low)
    points = grid.crop((a, b, c), (i, j, k)).to_world_mm(np.moveaxis(np.indices((i, j, k)), 0, -1))
    offset = (points - centre_mm) / radii_mm
    radius = np.linalg.norm(offset, axis=-1)
    waves = random.uniform(1.0, 2.5, (4, 3)), random.uniform(0, 2 * np.pi, 4)
    lumps = sum(0.06 * np.sin(offset @ w + p) for w, p in zip(*waves, strict=True))
    depth_mm = (1.0 + lumps - radius) * float(radii_mm.mean())
    share = np.clip(0.5 + depth_mm / (2 * EDGE_MM), 0, 1)
    array = np.array(ct.array, np.float32)
    part = array[a : a + i, b : b + j, c : c + k]
    grain = part - ndimage.gaussian_filter(part, 1.5)
    drawn = hu + np.clip(grain, -60, 60)
    part[:] = part + share * (drawn - part)
    mask = Mask.placed(depth_mm > 0, (a, b, c), grid)
    return Volume(array, grid, Unit.HU, ct.source), mask


def erased(ct: Volume, lesion: Mask, random: np.random.Generator) -> Volume:
    """The CT without a lesion: filled in from around it, with the grain of what lies there."""
    spacing = np.array(lesion.grid.spacing_mm)
    pad = np.ceil(15.0 / spacing).astype(int)
    low = np.maximum(np.array(lesion.start) - pad, 0)
    high = np.minimum(np.add(lesion.start, lesion.array.shape) + pad, ct.grid.shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    hole = np.zeros(tuple(high - low), np.bool_)
    hole[
        tuple(
            slice(int(s - a), int(s - a) + n)
            for s, a, n in zip(lesion.start, low, lesion.array.shape, strict=True)
        )
    ] = lesion.array
    hole = ndimage.distance_transform_edt(~hole, sampling=spacing) <= BEYOND_MM
    array = np.array(ct.array, np.float32)
    part = array[box]
    filled = np.where(hole, np.median(part[~hole]), part)
    for _ in range(60):  # heat flows in from the rim
        filled = np.where(hole, ndimage.gaussian_filter(filled, 2.0), part)
    grain = part - ndimage.gaussian_filter(part, 1.5)
    spread = float(np.clip(grain[~hole], -60, 60).std())
    filled = filled + hole * random.normal(0.0, spread, filled.shape)
    array[box] = filled
    return Volume(array, ct.grid, Unit.HU, ct.source)
