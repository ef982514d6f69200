"""Links of lesions over the dates, on synthetic courses in the bodies of real CT.

    python scripts/benchmark_links.py [DATA] [--courses N] [--seed S]

DATA holds ``ct-whole`` (default: $RECIST_DATA); without it lesions lie in a plain trunk. The
courses are those of :mod:`recist.phantom.linked_courses`: 3 to 15 lesions over 2 to 6 dates that
grow, shrink, vanish, come back, split, merge, are new or missed, in scans that may show a part of
the body, with a registration that is off by up to 8 mm. A link is a lesion, a later date and a
candidate; a wrong name is wrong at every date. Beside it two plain ways on the same courses: the
nearest centre, and the largest overlap.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from imaging.nifti import read_nifti
from imaging.volume import Unit
from recist.phantom.linked_courses import (
    LinkedCourse,
    LinkedSighting,
    LinkScore,
    Trunk,
    linked_course,
    said_by,
    score_of,
)
from recist.tracking import track
from recist.tracking.clouds import Cloud, clouds_of

#: Centres farther apart than this are of two lesions.
NEAREST_MM = 25.0
Said = list[list[LinkedSighting]]


def trunks(data: Path | None) -> Iterator[tuple[str, Trunk]]:
    if data is None:
        yield "plain trunk", Trunk.plain()
        return
    for path in sorted((data / "ct-whole").glob("*_ct.nii.gz")):
        yield path.name.split("_ct")[0], Trunk.of_ct(read_nifti(path, Unit.HU)[0])


def by_tracking(course: LinkedCourse) -> Said:
    return said_by(track(course.dates))


def plainly(course: LinkedCourse, paired: Callable[[Cloud, Cloud], float]) -> Said:
    """Each lesion with the candidate of least cost, none below infinity; all else is new."""
    said: Said = []
    last: list[Cloud] = []
    for n, dated in enumerate(course.dates):
        clouds = clouds_of(dated)
        taken: set[int] = set()
        if last and clouds:
            cost = np.array([[paired(lesion, cloud) for cloud in clouds] for lesion in last])
            finite = np.where(np.isfinite(cost), cost, 1e6)
            for row, column in zip(*linear_sum_assignment(finite), strict=True):
                if np.isfinite(cost[row, column]):
                    said[row].append(LinkedSighting(n, (int(column),)))
                    last[row] = clouds[column]
                    taken.add(int(column))
        for c in range(len(clouds)):
            if c not in taken:
                said.append([LinkedSighting(n, (c,))])
                last.append(clouds[c])
    return said


def by_centres(course: LinkedCourse) -> Said:
    def apart(one: Cloud, other: Cloud) -> float:
        mm = float(np.linalg.norm(one.centre_mm - other.centre_mm))
        return mm if mm <= NEAREST_MM else np.inf

    return plainly(course, apart)


def by_overlap(course: LinkedCourse) -> Said:
    def missed(one: Cloud, other: Cloud) -> float:
        small, large = sorted((one, other), key=lambda cloud: cloud.volume_ml)
        shared = small.share_within(large, 0.0)
        return 1.0 - shared if shared > 0 else np.inf

    return plainly(course, missed)


WAYS: dict[str, Callable[[LinkedCourse], Said]] = {
    "tracking": by_tracking,
    "nearest centre": by_centres,
    "overlap only": by_overlap,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path, default=os.environ.get("RECIST_DATA"))
    parser.add_argument("--courses", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    bodies = list(trunks(Path(given.data) if given.data else None))
    scores = {name: LinkScore() for name in WAYS}
    spent = dict.fromkeys(WAYS, 0.0)
    lesions = candidates = 0
    for number in range(given.courses):
        _, trunk = bodies[number % len(bodies)]
        course = linked_course(trunk, np.random.default_rng((given.seed, number)))
        candidates += sum(len(dated.candidates) for dated in course.dates)
        lesions += len({lesion for own in course.owners for each in own for lesion in each})
        for name, way in WAYS.items():
            begun = time.process_time()
            said = way(course)
            spent[name] += time.process_time() - begun
            scores[name] += score_of(course, said)
    print(
        f"{given.courses} courses in {len(bodies)} bodies, {lesions} lesions, {candidates} "
        f"candidates, {scores['tracking'].true} links"
    )
    for name, score in scores.items():
        print(
            f"{name:<15} F1 {score.f1:.4f}   wrong {(score.made - score.right) / score.made:.2%}, "
            f"of these without the flag {score.wrong_unflagged / score.made:.2%}   "
            f"missed {(score.true - score.right) / score.true:.2%}   flagged "
            f"{score.flagged / score.made:.1%}   {1000 * spent[name] / candidates:.2f} ms each"
        )


if __name__ == "__main__":
    main()
