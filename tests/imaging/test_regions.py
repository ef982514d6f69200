"""Two regions of one examination, each a series of its own: one scan where they go on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from imaging.catalogue import scan
from imaging.read import read_ct
from imaging.series import Visit

#: The chest from -30 mm, six slices of 3 mm; the abdomen below it.
CHEST: dict[str, Any] = {"study": "s", "frame": "f"}


def abdomen(dicom, last_mm: float = -33.0, slices: int = 8, **changed: Any) -> None:
    """Ends at a height; its values tell it from the chest."""
    stored = np.full((slices, 5, 7), 1100)
    stored[:, 0, 0] = 24
    origin = (-10.0, 20.0, last_mm - 3.0 * (slices - 1))
    dicom.ct("abdomen", **(CHEST | {"stored": stored, "origin": origin} | changed))


def only_visit(dicom) -> tuple[Visit, list[str]]:
    catalogue = scan(dicom.root)
    (subject,) = catalogue.subjects
    (visit,) = subject.visits
    return visit, [p.what for p in catalogue.problems]


def test_regions_that_go_on_are_one_scan(dicom) -> None:
    dicom.ct("chest", **CHEST)
    abdomen(dicom)
    visit, said = only_visit(dicom)
    assert visit.ct is not None and visit.ct.slices == 14
    array = read_ct(visit.ct).volume.array
    assert array.shape == (7, 5, 14)
    assert (array[3, 2, :8] == 76).all() and not (array[3, 2, 8:] == 76).any()
    assert any("joined" in what and "chest" in what and "abdomen" in what for what in said)
    assert len(visit.ct.joined_uids) == 1


def test_where_both_show_a_place_the_chosen_scan_counts(dicom) -> None:
    dicom.ct("chest", **CHEST)
    abdomen(dicom, last_mm=-24.0, slices=10)  # three slices of both
    visit, _ = only_visit(dicom)
    assert visit.ct is not None and visit.ct.slices == 13
    array = read_ct(visit.ct).volume.array
    assert (array[3, 2, :10] == 76).all()  # the abdomen has more slices and is chosen


@pytest.mark.parametrize(
    "changed",
    [
        {"frame": "another"},
        {"pixel_spacing": (2.0, 2.0)},
        {"origin": (-12.0, 20.0, -54.0)},
        {"origin": (-10.0, 20.0, -60.0)},
        {"step_mm": 2.0},
        {"elements": {"ConvolutionKernel": "B70s"}},
        {"elements": {"ContrastBolusAgent": "iodine", "SeriesDescription": "portal venous"}},
        {"study": "another", "date": "20200106"},
    ],
    ids=["frame", "spacing", "aside", "gap", "step", "kernel", "phase", "study"],
)
def test_what_does_not_go_on_stays_apart(dicom, changed: dict[str, Any]) -> None:
    dicom.ct("chest", **CHEST)
    abdomen(dicom, **changed)
    visit, said = only_visit(dicom)
    assert visit.ct is not None and visit.ct.slices in (6, 8)
    assert not any("joined" in what for what in said)


def test_a_second_reconstruction_of_the_same_place_is_not_joined(dicom) -> None:
    dicom.ct("chest", **CHEST)
    dicom.ct("again", **CHEST)
    visit, said = only_visit(dicom)
    assert visit.ct is not None and visit.ct.slices == 6 and not visit.ct.joined_uids
    assert not any("joined" in what for what in said)
