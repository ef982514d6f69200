"""A reader drew the first dates, the network the last: the page and the tables warn of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from imaging.contours import rasterise, read_rtstruct
from imaging.volume import Volume
from recist.patient.options import Options
from recist.phantom.small import DATES, IRRADIATED, UNTREATED
from recist.report.wording import UNRELIABLE
from recist.run import batch
from recist.run.table import assess_file
from segmentation import infer
from segmentation.infer import Delineation
from segmentation.instances import Candidate
from tests.recist.written import rows

NETWORK = "a network 9.9"


@pytest.fixture(scope="module")
def folder(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a patient whose last date has no contour and is left to the network."""
    root = tmp_path_factory.mktemp("two_hands")
    shutil.copytree(small, root / "studies")
    drawn = root / "studies" / DATES[-1].isoformat() / "RTSTRUCT.dcm"
    held = read_rtstruct(drawn)
    drawn.unlink()

    def network(ct: Volume, *_: object, **__: Any) -> Delineation:
        found = tuple(
            Candidate(name, rasterise(held.roi(name), ct.grid), source=NETWORK)
            for name in (IRRADIATED.name, UNTREATED.name)
        )
        return Delineation(ct.grid, found, NETWORK)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(infer, "delineate", network)
        done = batch.run(root / "studies", root / "out", Options.create(lesions="dicom"))
    assert done.exit_code == 0, done.failures
    return done.out / done.subjects[0].folder


def test_the_table_says_who_drew_each_outline(folder: Path) -> None:
    found = rows(folder / "measurements.csv")
    first, *_, last = sorted({row["date"] for row in found})
    hands = {
        date: {row["drawn_by"] for row in found if row["date"] == date and row["diameter_mm"]}
        for date in (first, last)
    }
    assert all(hands.values())
    assert not hands[first] & hands[last]


def test_the_time_point_is_marked_in_the_table_and_on_the_page(folder: Path) -> None:
    found = [row for row in rows(folder / "timepoints.csv") if row["target"] in ("PR", "SD", "PD")]
    last = max(row["date"] for row in found)
    assert {row["method_changed"] for row in found if row["date"] == last} == {"yes"}
    assert {row["method_changed"] for row in found if row["date"] != last} == {"no"}
    page = (folder / "report.html").read_text()
    assert UNRELIABLE in page
    assert "method of delineation changed" in page


def test_assess_says_the_same_from_the_table(folder: Path, tmp_path: Path) -> None:
    assess_file(folder / "measurements.csv", tmp_path)
    names = ("criteria", "lesions", "date", "overall", "method_changed")
    again, first = (
        {tuple(row[name] for name in names) for row in rows(place / "timepoints.csv")}
        for place in (tmp_path, folder)
    )
    assert again == first
