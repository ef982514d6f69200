"""Time of making candidates of a label map, beside the plain way: a pass over it for each label.

    python scripts/benchmark_candidates.py

A whole body of 400 x 400 x 326 voxels holds boxes of its own label each. The limit is one reading
of the map. Both sides must find the same masks.
"""

from __future__ import annotations

import time

import numpy as np

from imaging.volume import Array, Grid, Mask
from segmentation.instances import labelled_candidates

SHAPE = (400, 400, 326)
#: Labels of the maps; the plain way is timed on so many of them only and counted up.
COUNTS, PLAINLY = (20, 300, 3000), 10


def label_map(count: int) -> Array:
    random = np.random.default_rng(0)
    labels = np.zeros(SHAPE, dtype=np.uint16, order="F")
    for number in range(1, count + 1):
        i, j, k = (int(random.integers(0, n - 10)) for n in SHAPE)
        labels[i : i + 8, j : j + 8, k : k + 6] = number
    return labels


def main() -> None:
    grid = Grid(SHAPE, np.diag([1.0, 1.0, 1.0, 1.0]))
    for count in COUNTS:
        labels = label_map(count)
        start = time.process_time()
        found = labelled_candidates(labels, grid)
        own_s = time.process_time() - start
        start = time.process_time()
        plain = [Mask.of(labels == n, grid) for n in range(1, PLAINLY + 1)]
        plain_s = (time.process_time() - start) * count / PLAINLY
        start = time.process_time()
        labels.max()
        limit_s = time.process_time() - start
        by_name = {candidate.label: candidate.mask for candidate in found}
        same = all(
            np.array_equal(by_name[str(n)].array, mask.array)
            for n, mask in enumerate(plain, start=1)
            if mask.voxels
        )
        print(
            f"{count:>5} labels {own_s:6.2f} s   a pass each {plain_s:8.2f} s, ratio "
            f"{plain_s / own_s:6.1f}, limit {limit_s:.2f} s, {'same' if same else 'OTHER'} masks"
        )


if __name__ == "__main__":
    main()
