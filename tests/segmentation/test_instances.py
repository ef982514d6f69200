"""Candidates of a label map: one pass finds what a pass for each label finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from imaging.volume import Array, Grid, Mask
from segmentation.instances import MOST_LABELS, labelled_candidates

SMALL_MAPS = hnp.arrays(
    st.sampled_from([np.uint8, np.int16, np.uint16, np.int64, np.float32]),
    (4, 3, 5),
    elements=st.sampled_from([0, 0, 0, 1, 2, 7]),
)


def label_by_label(labels: Array, grid: Grid) -> list[tuple[str, Mask]]:
    """The plain way: the whole map is read again for each label."""
    return [(str(int(n)), Mask.of(labels == n, grid)) for n in np.unique(labels) if n != 0]


def assert_same(labels: Array) -> None:
    i, j, k = labels.shape
    grid = Grid((i, j, k), np.eye(4))
    found, plain = labelled_candidates(labels, grid), label_by_label(labels, grid)
    assert [candidate.label for candidate in found] == [label for label, _ in plain]
    for candidate, (_, mask) in zip(found, plain, strict=True):
        assert candidate.mask.start == mask.start
        assert candidate.mask.array.dtype == np.bool_
        assert np.array_equal(candidate.mask.array, mask.array)


@given(SMALL_MAPS)
def test_one_pass_finds_what_a_pass_for_each_label_finds(labels: Array) -> None:
    assert_same(labels)
    assert_same(np.asfortranarray(labels))


@pytest.mark.parametrize("numbers", [(-4, 9), (MOST_LABELS + 5, 2_000_000_000), (3, MOST_LABELS)])
def test_labels_may_be_negative_or_huge(numbers: tuple[int, int]) -> None:
    labels = np.zeros((6, 6, 6), dtype=np.int64)
    labels[:2, 1:3, :4] = numbers[0]
    labels[5, 0, 0] = labels[3, 3, 3] = numbers[1]
    assert_same(labels)


def test_names_stand_in_for_numbers_and_nothing_gives_nothing() -> None:
    grid = Grid((3, 3, 3), np.eye(4))
    labels = np.zeros(grid.shape, dtype=np.uint8)
    assert labelled_candidates(labels, grid) == ()
    labels[1, 1, 1], labels[2, 2, 2] = 4, 200
    named = labelled_candidates(labels, grid, names={4: "liver 1"}, source="map.nii.gz")
    assert [(each.label, each.source) for each in named] == [
        ("liver 1", "map.nii.gz"),
        ("200", "map.nii.gz"),
    ]
