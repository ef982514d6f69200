"""Error, its estimate and time of registration, on real CT that was moved in a known way.

    python scripts/benchmark_registration.py [DATA] [--every N] [--kind KIND]

DATA holds ``ct-whole`` and ``ct-lesions`` (default: $RECIST_DATA). Each CT is turned, shifted, bent
(knots 70 mm apart), breathes, gets noise of its own and is sampled anew: at the same extent, at a
part of it on another table, in thick slices, or with contrast medium. A lesion at each place that
is asked shrinks or grows. What is asked: where the places of lesions went to, how many of the
errors lie within what the registration expects of itself, and how long it took.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import scipy.ndimage
import SimpleITK

from imaging.registration import LesionSpheres, register
from imaging.resampling import AIR_HU
from imaging.volume import Array, FloatArray, Grid, Unit, Volume

sitk: Any = SimpleITK  # its functions carry no types

PLACES = 12
KINDS = ("same extent", "part, other table", "thick slices", "contrast")
LARGEST_DEGREES, LARGEST_SHIFT_MM = 5.0, 20.0
KNOTS_MM, BEND_MM, BREATH_MM, BREATH_REACH_MM = 70.0, 3.0, 8.0, 90.0
LESION_MM, LARGEST_CHANGE = (5.0, 14.0), 0.5
NOISE_HU = 12.0


@dataclass(frozen=True, slots=True, eq=False)
class Moved:
    """A pair of images and what is known of them: lesions in the fixed and in the moving one."""

    name: str
    kind: str
    fixed: Volume
    moving: Volume
    here_mm: FloatArray
    there_mm: FloatArray
    radii_mm: FloatArray
    later_radii_mm: FloatArray


def read(path: Path) -> Volume:
    image = nib.load(path)
    array = np.asfortranarray(np.asarray(image.dataobj, dtype=np.float32))
    i, j, k = array.shape
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine
    return Volume(array, Grid((i, j, k), affine), Unit.HU, path.name)


class Motion:
    """A smooth invertible map of points of the moving image to the fixed one."""

    def __init__(self, grid: Grid, random: np.random.Generator) -> None:
        turn = np.deg2rad(random.uniform(-LARGEST_DEGREES, LARGEST_DEGREES, 3))
        x, y, z = turn
        self.rotation = (
            np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
            @ np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
            @ np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
        )
        self.middle = grid.to_world_mm((np.array(grid.shape) - 1) / 2)
        self.shift = random.uniform(-LARGEST_SHIFT_MM, LARGEST_SHIFT_MM, 3)
        corners = grid.to_world_mm(np.array(list(np.ndindex(2, 2, 2))) * np.array(grid.shape))
        self.origin = corners.min(axis=0) - 2 * KNOTS_MM
        count = np.ceil((corners.max(axis=0) + 2 * KNOTS_MM - self.origin) / KNOTS_MM).astype(int)
        self.knots = random.normal(0, BEND_MM, (3, *(count + 1)))
        # The diaphragm moves up or down, somewhere along the patient, and all near it less.
        self.diaphragm_mm = self.middle[2] + random.uniform(-60, 60)
        self.breath_mm = random.uniform(-BREATH_MM, BREATH_MM)

    def bent(self, points: FloatArray) -> FloatArray:
        """Of points in the frame of the fixed image, before turning."""
        at = ((points - self.origin) / KNOTS_MM).T
        shift = np.stack(
            [scipy.ndimage.map_coordinates(k, at, order=3, mode="nearest") for k in self.knots], -1
        )
        far = (points[:, 2] - self.diaphragm_mm) / BREATH_REACH_MM
        shift[:, 2] += self.breath_mm * np.exp(-(far**2))
        return points + shift

    def to_fixed(self, points: FloatArray) -> FloatArray:
        return self.bent((points - self.middle - self.shift) @ self.rotation + self.middle)

    def to_moving(self, points: FloatArray) -> FloatArray:
        found = points
        for _ in range(60):
            found = found - 0.8 * (self.bent(found) - points)
        return (found - self.middle) @ self.rotation.T + self.middle + self.shift

    def lesion_at(self, volume: Volume, places: FloatArray, radii: FloatArray) -> Array:
        """HU with round lesions of soft tissue painted at places."""
        values = np.array(volume.array, dtype=np.float32, order="F")
        grid = volume.grid
        for place, radius in zip(places, radii, strict=True):
            reach = np.ceil((radius + 4) / np.array(grid.spacing_mm)).astype(int)
            centre = np.rint(grid.to_voxel(place)).astype(int)
            first = np.maximum(centre - reach, 0)
            last = np.minimum(centre + reach + 1, grid.shape)
            if (last <= first).any():
                continue
            box = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
            index = np.moveaxis(np.indices(last - first), 0, -1) + first
            apart = np.linalg.norm(grid.to_world_mm(index) - place, axis=-1)
            part = np.clip((radius - apart) / 2 + 0.5, 0, 1)
            values[box] = values[box] * (1 - part) + 45.0 * part
        return values


def places_of(volume: Volume, random: np.random.Generator) -> FloatArray:
    """Places inside the body, 12 mm and more below the skin."""
    coarse = volume.array[::4, ::4, ::4]
    body = scipy.ndimage.binary_opening(coarse > -400, iterations=1)
    pieces, count = scipy.ndimage.label(body)
    body = pieces == 1 + int(np.bincount(pieces.ravel())[1:].argmax()) if count else body
    filled = np.stack(
        [scipy.ndimage.binary_fill_holes(body[:, :, k]) for k in range(body.shape[2])], 2
    )
    deep = scipy.ndimage.binary_erosion(filled, iterations=2)
    index = np.argwhere(deep)
    return volume.grid.to_world_mm(4 * index[random.choice(len(index), PLACES, replace=False)])


def moved(volume: Volume, kind: str, seed: int) -> Moved:
    random = np.random.default_rng(seed)
    motion = Motion(volume.grid, random)
    places = places_of(volume, random)
    radii = random.uniform(*LESION_MM, PLACES)
    fixed = volume.grid
    table = np.zeros(3)
    grid = fixed
    if kind == "part, other table":
        i, j, k = fixed.shape
        kept = int(k * random.uniform(0.5, 0.7))
        grid = fixed.crop((0, 0, int(random.uniform(0, k - kept))), (i, j, kept))
        table = random.uniform(-1, 1, 3) * np.array([40, 60, 500])
    elif kind == "thick slices":
        i, j, k = fixed.shape
        step = round(5.0 / fixed.spacing_mm[2])
        affine = fixed.affine.copy()
        affine[:3, 2] *= step
        grid = Grid((i, j, k // step), affine)
    index = np.moveaxis(np.indices(grid.shape), 0, -1).reshape(-1, 3)
    painted = motion.lesion_at(volume, places, radii)
    later = radii * random.uniform(1 - LARGEST_CHANGE, 1.2, PLACES)
    smaller = motion.lesion_at(volume, places, later)
    if kind == "contrast":  # vessels and organs take it up, each in an amount of its own
        smooth = scipy.ndimage.gaussian_filter(
            random.normal(0, 1, [n // 8 + 2 for n in fixed.shape]), 1.5
        )
        gain = np.clip(60 + 40 * smooth / smooth.std(), 0, 120)
        gain = scipy.ndimage.zoom(gain, np.array(fixed.shape) / gain.shape, order=1)
        smaller = smaller + gain * ((smaller > 0) & (smaller < 120))
    values = np.empty(len(index), dtype=np.float32)
    for n in range(0, len(index), 2_000_000):
        at = motion.to_fixed(grid.to_world_mm(index[n : n + 2_000_000]))
        values[n : n + 2_000_000] = scipy.ndimage.map_coordinates(
            smaller, fixed.to_voxel(at).T, order=1, mode="constant", cval=AIR_HU
        )
    array = values.reshape(grid.shape)
    affine = grid.affine.copy()
    affine[:3, 3] += table
    rough = [
        scipy.ndimage.gaussian_filter(random.normal(0, 1, shape).astype(np.float32), 0.7)
        for shape in (fixed.shape, grid.shape)
    ]
    here, there = (a + NOISE_HU * r / r.std() for a, r in zip((painted, array), rough, strict=True))
    seen = motion.to_moving(places)
    return Moved(
        volume.source,
        kind,
        Volume(np.asfortranarray(here.astype(np.int16)), fixed, Unit.HU),
        Volume(np.asfortranarray(there.astype(np.int16)), Grid(grid.shape, affine), Unit.HU),
        places,
        seen + table,
        radii,
        later,
    )


def pairs(data: Path, every: int = 1, kinds: tuple[str, ...] = KINDS) -> Iterator[Moved]:
    files = sorted(
        [*(data / "ct-whole").glob("*_ct.nii.gz"), *(data / "ct-lesions").glob("*_ct.nii.gz")]
    )
    for n, path in enumerate(files):
        volume = read(path)
        for m, kind in enumerate(KINDS):
            if kind in kinds and (n * len(KINDS) + m) % every == 0:
                yield moved(volume, kind, 100 * n + m)


def inside(grid: Grid, points: FloatArray) -> Array:
    index = grid.to_voxel(points)
    return np.all((index > 2) & (index < np.array(grid.shape) - 3), axis=1)


def by_demons(pair: Moved) -> tuple[float, FloatArray]:
    """The plain way, mutual information and symmetric demons by SimpleITK at 4 mm: time, errors."""
    start = time.process_time()
    images = []
    for volume in (pair.fixed, pair.moving):
        clamped = np.clip(volume.array, -200, 250).astype(np.float32)
        image = sitk.GetImageFromArray(clamped.T)
        image.SetSpacing(volume.grid.spacing_mm)
        image.SetDirection(volume.grid.directions.ravel().tolist())
        image.SetOrigin(volume.grid.origin_mm.tolist())
        size = [
            max(1, int(n * s / 4)) for n, s in zip(image.GetSize(), image.GetSpacing(), strict=True)
        ]
        spacing = [
            n * s / m for n, s, m in zip(image.GetSize(), image.GetSpacing(), size, strict=True)
        ]
        like = sitk.Image(size, sitk.sitkFloat32)
        like.SetSpacing(spacing)
        like.SetDirection(image.GetDirection())
        like.SetOrigin(image.GetOrigin())
        images.append(sitk.Resample(sitk.SmoothingRecursiveGaussian(image, 1.5), like))
    fixed, moving = images
    rigid = sitk.CenteredTransformInitializer(
        fixed, moving, sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.GEOMETRY
    )
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(0.2, 1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(2.0, 0.01, 80)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([2, 1])
    method.SetSmoothingSigmasPerLevel([1.0, 0.0])
    method.SetInitialTransform(rigid, inPlace=True)
    method.Execute(fixed, moving)
    demons = sitk.FastSymmetricForcesDemonsRegistrationFilter()
    demons.SetNumberOfIterations(40)
    demons.SetStandardDeviations(2.0)
    field = demons.Execute(fixed, sitk.Resample(moving, fixed, rigid, sitk.sitkLinear, -200.0))
    both = sitk.CompositeTransform(
        [rigid, sitk.DisplacementFieldTransform(sitk.Cast(field, sitk.sitkVectorFloat64))]
    )
    seconds = time.process_time() - start
    there = np.array([both.TransformPoint(point.tolist()) for point in pair.here_mm])
    return seconds, np.asarray(np.linalg.norm(there - pair.there_mm, axis=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path, default=os.environ.get("RECIST_DATA"))
    parser.add_argument("--every", type=int, default=1, help="only every n-th pair")
    parser.add_argument("--kind", choices=KINDS, help="only pairs of this kind")
    options = parser.parse_args()
    if options.data is None:
        print("left out: set RECIST_DATA to the folder of real images")
        return
    errors: dict[str, list[FloatArray]] = {kind: [] for kind in KINDS}
    plain: dict[str, list[FloatArray]] = {kind: [] for kind in KINDS}
    covered, spent, plain_spent, walls = [], [], [], []
    kinds = KINDS if options.kind is None else (options.kind,)
    for pair in pairs(Path(options.data), options.every, kinds):
        lesions = (
            LesionSpheres(pair.here_mm, pair.radii_mm),
            LesionSpheres(pair.there_mm, pair.later_radii_mm),
        )
        start, wall = time.process_time(), time.perf_counter()
        found = register(pair.fixed, pair.moving, lesions=lesions)
        spent.append(time.process_time() - start)
        walls.append(time.perf_counter() - wall)
        asked = inside(pair.moving.grid, pair.there_mm)
        off = np.linalg.norm(found.to_moving_mm(pair.here_mm) - pair.there_mm, axis=1)[asked]
        estimate = found.error_mm(pair.here_mm)[asked]
        covered.append(off <= estimate)
        errors[pair.kind].append(off)
        seconds, plainly = by_demons(pair)
        plain_spent.append(seconds)
        plain[pair.kind].append(plainly[asked])
        print(
            f"{pair.name:<42} {pair.kind:<18} {found.quality.method:<10} {spent[-1]:5.1f} s  "
            f"error {off.mean():5.2f} mm, estimated {estimate.mean():5.2f}, "
            f"covered {covered[-1].mean():4.0%}   demons {plainly[asked].mean():6.2f} mm",
            flush=True,
        )
    for kind in KINDS:
        if errors[kind]:
            own, other = np.concatenate(errors[kind]), np.concatenate(plain[kind])
            print(
                f"{kind:<18} mean {own.mean():5.2f} mm, median {np.median(own):5.2f}, "
                f"90 % {np.quantile(own, 0.9):5.2f}   demons {np.median(other):5.2f} (median)"
            )
    own = np.concatenate([each for kind in KINDS for each in errors[kind]])
    print(
        f"all: mean {own.mean():.2f} mm at {len(own)} lesions; the estimate covers "
        f"{np.concatenate(covered).mean():.0%}; {np.mean(spent):.1f} s of processor time a pair "
        f"({np.mean(walls):.1f} s by the clock), SimpleITK {np.mean(plain_spent):.1f} s"
    )


if __name__ == "__main__":
    main()
