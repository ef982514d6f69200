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

from imaging.read import Reading
from imaging.registration import LesionSpheres, Registration, expected_place, register_dates
from imaging.registration.change import LesionTransform
from imaging.series import Visit
from imaging.volume import Mask, Volume
from recist.assessment import assess_course
from recist.course import Course, Lesion, Measurement, Role, Status, Timepoint
from recist.patient.examination import Examination
from recist.patient.following import Second, propose
from recist.patient.proposal import KnownLesion
from recist.phantom.courses_on_ct import SimulatedCourse, course_on, longest_mm, scanned_twice
from recist.protocol import DEFAULT
from segmentation.evaluation import dice_of_masks
from segmentation.infer import Delineation
from segmentation.instances import Candidate
from segmentation.prompted import Models, delineate_prompted
from segmentation.prompts import Carried
from segmentation.validation import kappa_by_patient

DAYS = (0, 56, 112, 168, 224)
MEASURABLE_MM = 10.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """One lesion at one date: true and proposed diameters in mm, 0 for gone."""

    true_mm: float
    found_mm: float
    rigid_mm: float
    confidence: float
    correlation: float
    dice: float


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
                    course.true_mm[date][n],
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
    followed: list[list[tuple[str, str]]] = []
    plain: list[list[tuple[str, str]]] = []
    for number in range(given.courses):
        random = np.random.default_rng((given.seed, number))
        course = course_on(paths[number % len(paths)], random)
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
        followed.append(list(zip(said["true_mm"], said["found_mm"], strict=True)))
        plain.append(list(zip(said["true_mm"], said["rigid_mm"], strict=True)))
        rows += [row for _, _, row in own]
        print(
            f"{course.name}: {len(first)} lesions, {len(course.volumes)} dates, {seconds:.1f} s of "
            f"processor time; {' '.join(said['true_mm'])} | {' '.join(said['found_mm'])}",
            flush=True,
        )
    summary(rows)
    for name, each in (("followed", followed), ("unchanged", plain)):
        pairs = [pair for course in each for pair in course]
        k = kappa_by_patient(each)
        print(
            f"kappa of the category, {name}: {k.value:.2f} ({k.low:.2f} to {k.high:.2f} by "
            f"course), {sum(true == found for true, found in pairs)} of {len(pairs)} dates right"
        )


if __name__ == "__main__":
    main()
