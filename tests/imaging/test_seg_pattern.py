"""A SEG by the pattern of an earlier one is the SEG that is made from the images anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import Dataset

from imaging.seg import LYMPH_NODE, Algorithm, SegSegment, write_seg
from imaging.volume import Grid, Mask


def box(grid: Grid, i: slice, j: slice, k: slice) -> Mask:
    full = np.zeros(grid.shape, dtype=bool)
    full[i, j, k] = True
    return Mask.of(full, grid)


class Asked(Sequence[Dataset]):
    """Headers that remember which of them were asked for."""

    def __init__(self, held: Sequence[Dataset]) -> None:
        self.held = held
        self.asked: set[int] = set()

    def __len__(self) -> int:
        return len(self.held)

    def __getitem__(self, index: int | slice) -> Dataset | Sequence[Dataset]:  # type: ignore[override]
        self.asked |= set(np.atleast_1d(np.arange(len(self.held))[index]).tolist())
        return self.held[index]

    def __iter__(self) -> Iterator[Dataset]:
        self.asked |= set(range(len(self.held)))
        return iter(self.held)


def drawn(grid: Grid) -> dict[str, SegSegment]:
    """A lesion on slices 1 to 3, a node on 2 to 5 that a network drew, one over the first."""
    hollow = np.zeros(grid.shape, dtype=bool)
    hollow[3:6, 4:6, [1, 4]] = True  # nothing between its two ends
    return {
        "L1": SegSegment("L1", box(grid, slice(2, 9), slice(3, 8), slice(1, 4)), "2.25.1"),
        "N1": SegSegment(
            "N1",
            box(grid, slice(12, 18), slice(10, 20), slice(2, 6)),
            "2.25.2",
            "N1",
            kind=LYMPH_NODE,
            region=LYMPH_NODE,
            algorithm=Algorithm("net", "1.0"),
        ),
        "over": SegSegment("L3", Mask.of(hollow, grid), "2.25.3"),
    }


@pytest.mark.parametrize(
    ("before", "after", "read"),
    [
        (["L1", "N1"], ["L1", "N1"], set()),
        (["L1", "N1"], ["N1"], set()),
        (["L1", "N1"], ["L1"], set()),
        (["L1", "N1"], ["N1", "L1"], set()),
        (["L1", "N1"], ["L1", "over"], set()),
        (["N1"], ["L1", "N1"], {1}),
        (["L1"], ["N1"], {4, 5}),
        (["L1", "over"], ["L1", "N1"], {5}),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else None,
)
def test_other_segments_are_those_of_a_seg_made_anew(  # noqa: PLR0917
    headers: list[Dataset], grid: Grid, tmp_path: Path,
    before: list[str], after: list[str], read: set[int],
) -> None:  # fmt: skip
    """Only slices that showed nothing before are read."""
    uids = [str(header.SOPInstanceUID) for header in headers]
    kept = write_seg(tmp_path / "kept.dcm", [drawn(grid)[name] for name in before], headers)
    segments = [drawn(grid)[name] for name in after]
    anew = write_seg(tmp_path / "anew.dcm", segments, headers)
    asked = Asked(headers)
    path = write_seg(tmp_path / "a.dcm", segments, asked, like=kept, sop_instance_uids=uids)
    assert pydicom.dcmread(path) == pydicom.dcmread(anew)
    assert path.read_bytes() == anew.read_bytes()
    assert asked.asked == read


@pytest.mark.parametrize(
    "change",
    [
        {"label": "another"},
        {"tracking_uid": "1.2.3.99"},
        {"region": None, "kind": drawn},
        {"algorithm": None},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_is_said_of_a_segment_changes_alone(
    headers: list[Dataset], grid: Grid, tmp_path: Path, change: dict[str, object]
) -> None:
    change = {name: LYMPH_NODE if value is drawn else value for name, value in change.items()}
    one, node = drawn(grid)["L1"], drawn(grid)["N1"]
    kept = write_seg(tmp_path / "kept.dcm", [one, node], headers)
    segments = [one, replace(node, **change)]  # type: ignore[arg-type]
    anew = write_seg(tmp_path / "anew.dcm", segments, headers)
    again = write_seg(tmp_path / "again.dcm", segments, headers, like=kept)
    assert again.read_bytes() == anew.read_bytes() != kept.read_bytes()


def test_it_refers_to_the_one_that_it_replaces_and_back(
    headers: list[Dataset], grid: Grid, tmp_path: Path
) -> None:
    one, node = drawn(grid)["L1"], drawn(grid)["N1"]
    first = write_seg(tmp_path / "first.dcm", [one, node], headers)
    second = write_seg(tmp_path / "second.dcm", [one], headers, earlier=first, like=first)
    assert (
        second.read_bytes()
        == write_seg(tmp_path / "anew.dcm", [one], headers, earlier=first).read_bytes()
    )
    third = write_seg(tmp_path / "third.dcm", [one, node], headers, earlier=second, like=second)
    (replaced,) = pydicom.dcmread(third).ReferencedImageSequence
    assert replaced.ReferencedSOPInstanceUID == pydicom.dcmread(second).SOPInstanceUID
    alone = write_seg(tmp_path / "alone.dcm", [one, node], headers, like=third)
    assert alone.read_bytes() == first.read_bytes()


@pytest.mark.parametrize("what", ["other images", "fractional", "older", "damaged", "missing"])
def test_what_is_no_pattern_is_not_followed(
    headers: list[Dataset], grid: Grid, tmp_path: Path, what: str
) -> None:
    one, node = drawn(grid)["L1"], drawn(grid)["N1"]
    kept = write_seg(tmp_path / "kept.dcm", [one, node], headers)
    anew = write_seg(tmp_path / "anew.dcm", [node], headers)
    held = pydicom.dcmread(kept)
    if what == "other images":
        images = held.ReferencedSeriesSequence[0].ReferencedInstanceSequence
        images[0].ReferencedSOPInstanceUID = "1.2.3"
    elif what == "fractional":
        held.SegmentationType = "FRACTIONAL"
    elif what == "older":
        held.SoftwareVersions = "0.0.1"
    held.save_as(kept)
    if what == "damaged":
        kept.write_bytes(kept.read_bytes()[:3000])
    elif what == "missing":
        kept.unlink()
    path = write_seg(tmp_path / "seg.dcm", [node], headers, like=kept)
    assert path.read_bytes() == anew.read_bytes()
