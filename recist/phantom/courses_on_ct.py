"""Courses of lesions on a real CT, of which everything is known: for benchmarks.

Into a CT lesions are drawn beside the real ones (lung nodules, nodes in fat, metastases in soft
tissue), and later dates are made of it (:mod:`recist.phantom.evolution`).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from imaging.masks import read_label_map
from imaging.nifti import read_nifti
from imaging.volume import FloatArray, Grid, Mask, Unit, Volume
from recist.course import Point3
from recist.measure import caliper
from recist.phantom.evolution import by_kernel, drawn_lesion, erased, evolved, stretch
from recist.phantom.moved_tissue import Motion, TissueMap


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedCourse:
    """A CT, its lesions, and the later dates; a lesion that is gone has an empty mask there.

    Attributes:
        true_mm: of each date, the longest diameters, 0 where a lesion is gone: that of the first
            date, times how much the lesion itself grew in the plane of the later scan.
    """

    name: str
    volumes: tuple[Volume, ...]
    lesions: tuple[tuple[Mask, ...], ...]
    true_mm: tuple[tuple[float, ...], ...]


def longest_mm(mask: Mask, line: tuple[Point3, Point3] | None = None) -> float:
    """The longest diameter, mm, along a line where one is given; 0 of an empty mask."""
    return float(caliper(mask, long_axis=line).long_axis_mm) if mask.voxels else 0.0


def drawn_into(ct: Volume, taken: list[Mask], number: int, random: np.random.Generator) -> Volume:
    """Lesions drawn into a CT, apart from each other; their outlines are added to ``taken``."""
    mean = ndimage.uniform_filter(ct.array.astype(np.float32), 5)
    square = ndimage.uniform_filter(ct.array.astype(np.float32) ** 2, 5)
    spread = np.sqrt(np.maximum(square - mean**2, 0))
    places = {
        "lung": np.argwhere((mean < -750) & (mean > -950)),
        "soft": np.argwhere((mean > 20) & (mean < 120) & (spread < 40)),
        "fat": np.argwhere((mean > -130) & (mean < -70) & (spread < 40)),
    }
    hu = {"lung": (0.0, 60.0), "soft": (-60.0, -20.0), "fat": (20.0, 60.0)}
    for _ in range(20 * number):
        if len(taken) >= number:
            break
        kind = str(random.choice(["lung", "lung", "soft", "fat"]))
        if not len(places[kind]):
            continue
        index = places[kind][random.integers(len(places[kind]))]
        centre = ct.grid.to_world_mm(index)
        radii = np.exp(random.uniform(np.log(4.0), np.log(16.0))) * random.uniform(0.8, 1.2, 3)
        margin = radii.max() * 1.4
        edge = np.array(ct.grid.spacing_mm) * np.minimum(index, np.array(ct.grid.shape) - index)
        near = any(
            np.linalg.norm(centre - mask.centre_mm) < margin + 1.3 * mask.radius_mm + 12
            for mask in taken
        )
        if near or (edge < margin + 15).any():
            continue
        level = random.uniform(*hu[kind]) + (float(mean[tuple(index)]) if kind == "soft" else 0.0)
        ct, mask = drawn_lesion(ct, centre, radii, level, random)
        if mask.voxels:
            taken.append(mask)
    return ct


def started(path: Path, random: np.random.Generator) -> tuple[Volume, list[Mask]]:
    """A CT and its lesions, the real ones and those drawn into it."""
    ct, _ = read_nifti(path, Unit.HU)
    label = Path(str(path).replace("_ct.nii.gz", "_lab.nii.gz"))
    real: list[Mask] = []
    if label.is_file():
        labels = read_label_map(label, ct.grid)
        real = [Mask.of(labels == n, ct.grid) for n in np.unique(labels) if n]
    lesions = [mask for mask in real if mask.voxels > 20]
    ct = drawn_into(ct, lesions, int(random.integers(3, 12)) + len(lesions), random)
    return ct, lesions


def scanned_twice(path: Path, random: np.random.Generator) -> SimulatedCourse:
    """The first date, and one later date scanned twice."""
    ct, lesions = started(path, random)
    trend = random.uniform(-0.4, 0.3)
    scales = np.clip(np.exp(random.normal(trend, 0.2, len(lesions))), 0.4, 1.8)
    matrices = [stretch(random, float(scale), uneven=0.08) for scale in scales]
    volumes, outlines = [ct], [tuple(lesions)]
    true_mm = [tuple(longest_mm(mask) for mask in lesions)]
    for _ in range(2):
        motion = Motion.drawn(random, ct.grid, degrees=2.0, mm=8.0, bend_mm=2.0)
        noise = float(random.uniform(3.0, 12.0))
        grid = later_grid(ct.grid, random)
        volume, found = evolved(ct, lesions, matrices, motion, grid, noise_hu=noise, random=random)
        volumes.append(by_kernel(volume, float(random.uniform(-0.8, 0.8))))
        outlines.append(found)
        true_mm.append(tuple(sizes_mm(ct.grid, lesions, matrices, motion, grid)))
    return SimulatedCourse(
        path.name.split("_ct")[0], tuple(volumes), tuple(outlines), tuple(true_mm)
    )


def sizes_mm(
    first: Grid,
    lesions: Sequence[Mask],
    matrices: Sequence[FloatArray],
    motion: Motion,
    later: Grid,
) -> list[float]:
    """The longest diameters at a later date, of the lesions themselves and not of its voxels."""
    tissue = TissueMap.of(first, lesions, matrices, motion)
    still = TissueMap.of(first, (), (), Motion())
    sizes = []
    for mask, matrix in zip(lesions, matrices, strict=True):
        before = longest_mm(still.outlined(mask, np.eye(3), first.directions))
        after = longest_mm(tissue.outlined(mask, matrix, later.directions))
        sizes.append(longest_mm(mask) * after / before)
    return sizes


def course_on(path: Path, random: np.random.Generator) -> SimulatedCourse:
    """A course on one CT."""
    ct, lesions = started(path, random)
    volumes, outlines = [ct], [tuple(lesions)]
    true_mm = [tuple(longest_mm(mask) for mask in lesions)]
    scales = np.ones(len(lesions))
    gone = np.zeros(len(lesions), np.bool_)
    trend = random.uniform(-0.35, 0.25)  # most lesions of a patient go one way
    for _ in range(int(random.integers(2, 4))):
        scales *= np.exp(random.normal(trend, 0.2, len(lesions)))
        scales = np.clip(scales, 0.35, 1.9)
        gone |= random.uniform(size=len(lesions)) < 0.07
        base = ct
        for mask in itertools.compress(lesions, gone):
            base = erased(base, mask, random)
        kept = [mask for mask, lost in zip(lesions, gone, strict=True) if not lost]
        matrices = [
            stretch(random, float(scale), uneven=0.08)
            for scale, lost in zip(scales, gone, strict=True)
            if not lost
        ]
        grid = later_grid(ct.grid, random)
        motion = Motion.drawn(random, ct.grid, degrees=3.0, mm=12.0, bend_mm=4.0)
        noise = float(random.uniform(3.0, 12.0))
        volume, found = evolved(base, kept, matrices, motion, grid, noise_hu=noise, random=random)
        there = iter(found)
        empty = Mask(np.zeros((0, 0, 0), np.bool_), (0, 0, 0), grid)
        volumes.append(volume)
        outlines.append(tuple(empty if lost else next(there) for lost in gone))
        sizes = iter(sizes_mm(ct.grid, kept, matrices, motion, grid))
        true_mm.append(tuple(0.0 if lost else next(sizes) for lost in gone))
    return SimulatedCourse(
        path.name.split("_ct")[0], tuple(volumes), tuple(outlines), tuple(true_mm)
    )


def later_grid(grid: Grid, random: np.random.Generator) -> Grid:
    """Of a scan of the same region with other voxels."""
    extent = np.array(grid.shape) * grid.spacing_mm
    pixel = float(random.uniform(0.8, 1.1) * grid.spacing_mm[0])
    spacing = np.array([pixel, pixel, float(random.choice([2.0, 3.0, 5.0]))])
    i, j, k = (int(n) for n in np.maximum(extent // spacing, 4))
    affine = np.eye(4)
    affine[:3, :3] = grid.directions * spacing
    affine[:3, 3] = grid.to_world_mm([0, 0, 0]) + random.uniform(0, 2, 3)
    return Grid((i, j, k), affine)
