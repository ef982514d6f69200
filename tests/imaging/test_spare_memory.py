"""Memory of one series serves the next, and never two at once."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest

from imaging import spare_memory
from imaging.catalogue import scan
from imaging.read import read_ct
from imaging.spare_memory import PAGE_BYTES, SMALLEST_BYTES, room

SIZE = 2 * SMALLEST_BYTES


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    spare_memory.spare.clear()


def place(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def test_memory_that_nobody_looks_at_serves_again() -> None:
    first = room(SIZE)
    before = place(first)
    assert before % PAGE_BYTES == 0
    del first
    assert place(room(SIZE)) == before
    assert place(room(SIZE - 100)) == before


@pytest.mark.parametrize(
    "view",
    [
        lambda array: array[5:9],
        lambda array: array.reshape(-1, 2).T,
        lambda array: memoryview(array)[100:],
        lambda array: array.view(np.int8)[::7],
    ],
)
def test_memory_that_a_view_looks_at_is_left_alone(view) -> None:
    array = room(SIZE)
    array[:] = 7
    seen = view(array)
    del array
    gc.collect()
    others = [room(SIZE) for _ in range(3)]
    for other in others:
        other[:] = 0
    assert (np.asarray(seen) == 7).all()
    assert len({place(other) for other in others}) == 3


def test_one_piece_is_kept_and_none_that_is_too_large_for_what_is_asked() -> None:
    arrays = [room(SIZE * n) for n in (1, 2, 8)]
    del arrays
    assert len(spare_memory.spare) == 1
    spare_memory.spare.clear()
    large = room(8 * SIZE)
    kept = place(large)
    del large
    assert place(room(SIZE)) != kept
    assert len(spare_memory.spare) == 1


def test_memory_beyond_the_limit_and_of_small_arrays_is_not_kept(monkeypatch) -> None:
    monkeypatch.setattr(spare_memory, "LARGEST_BYTES", SIZE)
    large = room(SIZE)
    del large
    assert spare_memory.spare == []
    small = room(SMALLEST_BYTES - 1)
    del small
    assert spare_memory.spare == []


def test_a_series_read_after_another_is_its_own(dicom) -> None:
    """The memory of the first is full of its values when the second is read into it."""
    shape = (8, 1024, 512)
    rng = np.random.default_rng(0)
    stored = [rng.integers(0, 4000, shape) for _ in range(2)]
    volumes: list[np.ndarray] = []
    for n, values in enumerate(stored):
        dicom.ct(f"{n}/CT", subject=f"P{n}", stored=values)
    for subject in scan(Path(dicom.root)).subjects:
        ct = subject.visits[0].ct
        assert ct is not None
        found = read_ct(ct).volume.array
        volumes.append(found.copy())
        if subject.id == "P0":
            before = place(found)
            del found
    assert place(found) == before
    for values, volume in zip(stored, volumes, strict=True):
        assert (values - 1024 == volume.T).all()
