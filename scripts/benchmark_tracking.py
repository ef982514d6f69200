"""Time of following many lesions over many dates, and how it grows with their number.

    python scripts/benchmark_tracking.py [LESIONS DATES]

Round lesions of 6 to 20 mm are scattered through a trunk, move by up to 4 mm between dates, grow
and shrink; some vanish and some are new. Candidates are made beforehand: links alone are timed.
Beside it the plain way: every lesion weighed against every candidate, with the same links.
"""

from __future__ import annotations

import sys
import time
from unittest.mock import patch

import numpy as np

from imaging.volume import BoolArray, FloatArray, Grid, Mask
from recist.tracking import DatedCandidates, Tracks, track
from segmentation.instances import Candidate

TRUNK = Grid((200, 140, 300), np.diag([2.0, 2.0, 2.0, 1.0]))
MARGIN_VOXELS = 12
MOST_WEIGHED_BY_ALL = 300
SIZES = ((75, 5), (150, 5), (300, 5), (300, 10), (600, 5))


def every_pair(places: list[object], candidates: list[object]) -> list[list[int]]:
    return [list(range(len(candidates))) for _ in places]


def ball(centre_mm: FloatArray, radius_mm: float) -> Mask:
    reach = int(np.ceil(radius_mm / TRUNK.spacing_mm[0])) + 1
    first = np.rint(TRUNK.to_voxel(centre_mm)).astype(int) - reach
    box = TRUNK.crop((int(first[0]), int(first[1]), int(first[2])), (2 * reach + 1,) * 3)
    points = box.to_world_mm(np.moveaxis(np.indices(box.shape), 0, -1))
    inside: BoolArray = np.linalg.norm(points - centre_mm, axis=-1) <= radius_mm
    return Mask(inside, (int(first[0]), int(first[1]), int(first[2])), TRUNK)


def course(lesions: int, dates: int, seed: int = 0) -> list[DatedCandidates]:
    random = np.random.default_rng(seed)
    low, high = MARGIN_VOXELS * 2.0, (np.array(TRUNK.shape) - MARGIN_VOXELS) * 2.0
    centres = random.uniform(low, high, (lesions, 3))
    radii = random.uniform(3, 10, lesions)
    found = []
    for n in range(dates):
        moved = np.clip(centres + random.uniform(-4, 4, centres.shape), low, high)
        sizes = np.clip(radii * random.uniform(0.8, 1.2, lesions), 2.5, 12)
        kept = np.flatnonzero(random.uniform(size=lesions) > (0.05 if n else 0.0))
        masks = [ball(moved[c], float(sizes[c])) for c in random.permutation(kept)]
        candidates = tuple(Candidate(str(c), mask) for c, mask in enumerate(masks, start=1))
        found.append(DatedCandidates(56 * n, candidates, TRUNK))
    return found


def timed(dated: list[DatedCandidates]) -> tuple[float, Tracks]:
    start = time.process_time()
    tracks = track(dated)
    return time.process_time() - start, tracks


def main() -> None:
    sizes = [(int(sys.argv[1]), int(sys.argv[2]))] if len(sys.argv) > 2 else SIZES
    for lesions, dates in sizes:
        dated = course(lesions, dates)
        seconds, tracks = timed(dated)
        each_ms = 1000 * seconds / sum(len(date.candidates) for date in dated)
        line = f"{lesions:>5} lesions x {dates:>2} dates {seconds:7.2f} s, {each_ms:.2f} ms each"
        if lesions <= MOST_WEIGHED_BY_ALL:
            with patch("recist.tracking.linking.near_pairs", every_pair):
                plain_s, plain = timed(dated)
            same = "same links" if plain.links() == tracks.links() else "OTHER LINKS"
            line += f"   every pair weighed {plain_s:7.2f} s, ratio {plain_s / seconds:.1f}, {same}"
        print(line)


if __name__ == "__main__":
    main()
