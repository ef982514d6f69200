"""Lesions followed through simulated courses on real CT: diameters, categories, what is gone.

    python scripts/benchmark_following.py FOLDER [--courses N] [--seed S] [--network] [--retest]

FOLDER holds ``NAME_ct.nii.gz`` and, where there are real lesions, ``NAME_lab.nii.gz``. Into each CT
lesions are drawn beside the real ones (lung nodules, nodes in fat, metastases in soft tissue), and
two to four later dates are made of it (:mod:`recist.phantom.evolution`): growth, shrinkage, uneven
change of shape, vanishing; another position, breathing, grid and noise. Only the first date has
outlines. Printed: errors of the diameters, how they keep to 15 % or 3 mm, what became of vanished
lesions, and kappa of the RECIST 1.1 category against that of the truth. Beside it the plain ways:
the outline carried by the registration alone, and (``--network``) the network prompted by it.

With ``--retest`` one later date is scanned twice: the same lesions, shifted by parts of a voxel, in
slices of another thickness, with other noise, by another kernel. Printed: how far both diameters of
a lesion lie apart, and how often both scans give the same category.
"""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
from scipy import ndimage

from imaging.masks import read_label_map
from imaging.nifti import read_nifti
from imaging.read import Reading
from imaging.registration import LesionSpheres, Registration, expected_place, register_dates
from imaging.registration.change import LesionTransform
from imaging.series import Visit
from imaging.volume import Grid, Mask, Unit, Volume
from recist.assessment import assess_course
from recist.course import Course, Lesion, Measurement, Point3, Role, Status, Timepoint
from recist.measure import caliper
from recist.patient.examination import Examination
from recist.patient.following import Second, propose
from recist.patient.proposal import KnownLesion
from recist.phantom.evolution import Motion, by_kernel, drawn_lesion, erased, evolved, stretch
from recist.protocol import DEFAULT
from segmentation.evaluation import dice_of_masks
from segmentation.infer import Delineation
from segmentation.instances import Candidate
from segmentation.prompted import Models, delineate_prompted
from segmentation.prompts import Carried
from segmentation.validation import category_kappa

DAYS = (0, 56, 112, 168, 224)
MEASURABLE_MM = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedCourse:
    """A CT, its lesions, and the later dates; a lesion that is gone has an empty mask there."""

    name: str
    volumes: tuple[Volume, ...]
    lesions: tuple[tuple[Mask, ...], ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One lesion at one date: true and proposed diameters in mm, 0 for gone."""

    true_mm: float
    found_mm: float
    rigid_mm: float
    confidence: float
    correlation: float
    dice: float


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
    for _ in range(2):
        motion = Motion.drawn(random, ct.grid, degrees=2.0, mm=8.0, bend_mm=2.0)
        noise = float(random.uniform(3.0, 12.0))
        grid = later_grid(ct.grid, random)
        volume, found = evolved(ct, lesions, matrices, motion, grid, noise_hu=noise, random=random)
        volumes.append(by_kernel(volume, float(random.uniform(-0.8, 0.8))))
        outlines.append(found)
    return SimulatedCourse(path.name.split("_ct")[0], tuple(volumes), tuple(outlines))


def simulated(path: Path, random: np.random.Generator) -> SimulatedCourse:
    """A course on one CT."""
    ct, lesions = started(path, random)
    volumes, outlines = [ct], [tuple(lesions)]
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
    return SimulatedCourse(path.name.split("_ct")[0], tuple(volumes), tuple(outlines))


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


def registered(course: SimulatedCourse) -> tuple[Registration | None, ...]:
    first = course.lesions[0]
    spheres = LesionSpheres(
        np.array([mask.centre_mm for mask in first]), np.array([mask.radius_mm for mask in first])
    )
    nothing = LesionSpheres(np.zeros((0, 3)), np.zeros(0))
    others = [nothing] * (len(course.volumes) - 1)
    return register_dates(course.volumes, lesions=[spheres, *others])


def examinations(course: SimulatedCourse) -> list[Examination]:
    return [
        Examination(
            Visit(dt.date(2020, 1, 1) + dt.timedelta(days=day), ""),
            day,
            Reading(volume, (), (), volume.grid.spacing_mm[2]),
        )
        for day, volume in zip(DAYS, course.volumes, strict=False)
    ]


def network(models: Models) -> Second:
    def ask(ct: Volume, suv: Volume | None, outline: Mask) -> Delineation:
        return delineate_prompted(ct, suv, Carried(outline), models)

    return ask


def longest_mm(mask: Mask, line: tuple[Point3, Point3] | None = None) -> float:
    return float(caliper(mask, long_axis=line).long_axis_mm) if mask.voxels else 0.0


def outcomes(course: SimulatedCourse, second: Second | None) -> Iterator[tuple[int, int, Outcome]]:
    """Lesion, date and outcome for every lesion at every later date."""
    dates = examinations(course)
    registrations = registered(course)
    known = [
        KnownLesion(dates[0], n, Candidate(f"L{n}", mask, source="truth"), None)
        for n, mask in enumerate(course.lesions[0])
    ]
    for date in range(1, len(dates)):
        proposals = propose(known, dates[date], registrations[date], second=second)
        for n, (lesion, proposal) in enumerate(zip(known, proposals, strict=True)):
            truth, mask = course.lesions[date][n], lesion.candidate.mask
            expected = expected_place(mask.centre_mm, None, registrations[date])
            still = LesionTransform(mask.centre_mm, expected.place_mm, expected.turn, 0.0, 0.0)
            found = proposal.candidate.mask if proposal.candidate else None
            shared = dice_of_masks(found, truth) if found is not None and truth.voxels else 0.0
            told = proposal.reason.partition("correlation ")[2].partition(")")[0] or "1"
            yield (
                n,
                date,
                Outcome(
                    longest_mm(truth),
                    sum(longest_mm(each.mask, each.long_axis) for each in proposal.candidates),
                    longest_mm(still.carried(mask, course.volumes[date].grid)),
                    proposal.confidence,
                    float(told),
                    shared,
                ),
            )


def as_course(name: str, sizes: Sequence[Sequence[float]]) -> Course:
    """By date, the diameters of the targets: the five largest of 10 mm and more."""
    order = sorted(range(len(sizes[0])), key=lambda n: -sizes[0][n])
    targets = [n for n in order if sizes[0][n] >= MEASURABLE_MM][:5]
    lesions = tuple(Lesion(f"L{n}", f"organ {n}", False, Role.TARGET) for n in targets)
    points = tuple(
        Timepoint(
            day,
            tuple(
                Measurement(f"L{n}", Status.MEASURED, (Decimal(str(round(of_date[n], 1))),))
                if of_date[n]
                else Measurement(f"L{n}", Status.ABSENT)
                for n in targets
            ),
        )
        for day, of_date in zip(DAYS, sizes, strict=False)
    )
    return Course(name, lesions, points)


def categories(course: Course) -> list[str]:
    assessments, _ = assess_course(course, ("recist11",), DEFAULT)
    return [str(each.overall) for each in assessments]


def within(outcome: Outcome, found_mm: float) -> bool:
    return abs(found_mm - outcome.true_mm) <= max(0.15 * outcome.true_mm, 3.0)


def summary(rows: Sequence[Outcome]) -> None:
    there = [row for row in rows if row.true_mm >= MEASURABLE_MM]
    gone = [row for row in rows if not row.true_mm]
    for name, sizes in (
        ("followed", [row.found_mm for row in there]),
        ("carried by the registration alone", [row.rigid_mm for row in there]),
    ):
        error = np.array(sizes) - [row.true_mm for row in there]
        kept = np.mean([within(row, size) for row, size in zip(there, sizes, strict=True)])
        print(
            f"{name}: {len(there)} lesions of 10 mm and more, mean error {error.mean():+.2f} mm, "
            f"median {np.median(np.abs(error)):.2f}, 90 % below "
            f"{np.percentile(np.abs(error), 90):.1f} mm, within 15 % or 3 mm {kept:.1%}"
        )
    unflagged = [row for row in there if row.confidence >= 0.5 and not within(row, row.found_mm)]
    print(f"off by more, and of a confidence of one half or more: {len(unflagged)}")
    for low, high in itertools.pairwise((0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.01)):
        own = [row for row in there if low <= row.confidence < high]
        if own:
            share = np.mean([within(row, row.found_mm) for row in own])
            print(f"  confidence {low:.2f} to {high:.2f}: {len(own):4d}, {share:.0%} within")
    called = sum(not row.found_mm for row in gone)
    missed = sum(not row.found_mm for row in there)
    sure = sum(bool(row.found_mm) and row.confidence >= 0.5 for row in gone)
    print(
        f"vanished: {len(gone)}, {called} called so, {sure} measured with confidence all the same"
    )
    print(f"there, of 10 mm and more, but called vanished: {missed}")


def retest(paths: Sequence[Path], courses: int, seed: int) -> None:
    """Both scans of each patient, measured on their own from the outlines of the first date."""
    apart: list[float] = []
    sizes: list[float] = []
    pairs: list[tuple[str, str]] = []
    for number in range(courses):
        random = np.random.default_rng((seed, number))
        course = scanned_twice(paths[number % len(paths)], random)
        own = list(outcomes(course, None))
        first = [longest_mm(mask) for mask in course.lesions[0]]
        found = [[row.found_mm for _, d, row in own if d == date] for date in (1, 2)]
        said = [categories(as_course(course.name, [first, each]))[0] for each in found]
        pairs.append((said[0], said[1]))
        for one, other in zip(*found, strict=True):
            if min(one, other) >= MEASURABLE_MM:
                apart.append(one - other)
                sizes.append((one + other) / 2)
        truth = [[row.true_mm for _, d, row in own if d == date] for date in (1, 2)]
        true = [categories(as_course(course.name, [first, each]))[0] for each in truth]
        points = as_course(course.name, [first, *found]).timepoints
        sums = [sum(sum(m.parts_mm) for m in point.measurements) for point in points]
        print(
            f"{course.name}: {len(first)} lesions, {said[0]} | {said[1]} (of the true outlines "
            f"{true[0]} | {true[1]}), sums {sums[0]} -> {sums[1]} | {sums[2]} mm",
            flush=True,
        )
        for n, (one, other) in enumerate(zip(*found, strict=True)):
            if abs(one - other) > max(3.0, 0.15 * max(one, other)):
                sure = [row.confidence for m, _, row in own if m == n]
                print(
                    f"  lesion {n}, {first[n]:.0f} mm: {one:.1f} | {other:.1f} mm, true "
                    f"{truth[0][n]:.1f} | {truth[1][n]:.1f}, confidence {sure[0]:.2f} | "
                    f"{sure[1]:.2f}"
                )
    differences, means = np.array(apart), np.array(sizes)
    print(
        f"{len(apart)} lesions of 10 mm and more at both scans: mean difference "
        f"{differences.mean():+.2f} mm, standard deviation {differences.std():.2f} mm "
        f"({(differences / means).std():.1%}), "
        f"median {np.median(np.abs(differences)):.2f}, 95 % below "
        f"{np.percentile(np.abs(differences), 95):.1f} mm"
    )
    print(f"the same category at both scans: {sum(a == b for a, b in pairs)} of {len(pairs)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--courses", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--network", action="store_true")
    parser.add_argument("--retest", action="store_true", help="one later date, scanned twice")
    given = parser.parse_args()
    paths = sorted(given.folder.glob("*_ct.nii.gz"))
    if given.retest:
        retest(paths, given.courses, given.seed)
        return
    second = network(Models.shipped()) if given.network else None
    rows: list[Outcome] = []
    followed: list[tuple[str, str]] = []
    plain: list[tuple[str, str]] = []
    for number in range(given.courses):
        random = np.random.default_rng((given.seed, number))
        course = simulated(paths[number % len(paths)], random)
        begun = time.process_time()
        own = list(outcomes(course, second))
        seconds = time.process_time() - begun
        first = [longest_mm(mask) for mask in course.lesions[0]]
        sizes: dict[str, list[list[float]]] = {"true_mm": [], "found_mm": [], "rigid_mm": []}
        for date in range(1, len(course.volumes)):
            of_date = [row for _, d, row in own if d == date]
            for name, listed in sizes.items():
                listed.append([getattr(row, name) for row in of_date])
        said = {
            name: categories(as_course(course.name, [first, *listed]))
            for name, listed in sizes.items()
        }
        followed += zip(said["true_mm"], said["found_mm"], strict=True)
        plain += zip(said["true_mm"], said["rigid_mm"], strict=True)
        rows += [row for _, _, row in own]
        print(
            f"{course.name}: {len(first)} lesions, {len(course.volumes)} dates, {seconds:.1f} s of "
            f"processor time; {' '.join(said['true_mm'])} | {' '.join(said['found_mm'])}",
            flush=True,
        )
    summary(rows)
    kappas = category_kappa(followed), category_kappa(plain)
    print(f"kappa of the category: followed {kappas[0]:.2f}, unchanged {kappas[1]:.2f}")


if __name__ == "__main__":
    main()
