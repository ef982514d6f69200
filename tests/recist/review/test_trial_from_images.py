"""A trial that starts from images alone: what each reader drew becomes the results of a run."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from imaging.masks import read_seg
from recist.review.reading.packed_outlines import PackedMask
from tests.recist.review.conftest import PHANTOM, Browser, PhantomRun
from tests.recist.review.phantom_trial import PhantomTrial, begin_trial, sign

DATES = ("2024-03-04", "2024-05-06", "2024-07-08")
#: Radii in voxels of what a reader draws at each date.
RADII = (9, 6, 5)


@pytest.fixture
def trial(phantom_run: PhantomRun, tmp_path: Path) -> Iterator[PhantomTrial]:
    found = begin_trial(tmp_path, phantom_run.studies, subjects=[PHANTOM])
    yield found
    found.app.state.room.database.close()


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def voxels_of(radius: int) -> int:
    """Of a ball around a voxel."""
    steps = np.arange(-radius, radius + 1) ** 2
    return int((steps[:, None, None] + steps[:, None] + steps <= radius**2).sum())


def ball(radius: int) -> dict[str, Any]:
    """A ball of voxels in the middle of the phantom's CT, as the page sends an outline."""
    side = 2 * radius + 1
    away = np.linalg.norm(np.indices((side,) * 3).reshape(3, -1).T - radius, axis=1)
    inside = away <= radius
    assert inside.sum() == voxels_of(radius)
    packed = np.packbits(inside).tobytes()
    start = (96 - radius, 96 - radius, 36 - radius)
    return PackedMask(start, (side, side, side), packed).sent()


def read(browser: Browser) -> None:
    """A lesion outlined at each date, another measured by lines and later gone."""
    for number, (date, radius) in enumerate(zip(DATES, RADII, strict=True)):
        outline = ball(radius)
        lined = {"long": [[0, 0, 0], [0, 30, 0]], "short": [[-9, 15, 0], [9, 15, 0]]}
        if number == 0:
            new = {"kind": "new", "date": date, "role": "target", "is_node": False}
            browser.say(
                {**new, "lesion": "T1", "organ": "lung", "outline": outline},
                {**new, "lesion": "T2", "organ": "liver", "caliper": lined},
                subject=PHANTOM,
            )
        else:
            browser.say(
                {"kind": "outline", "date": date, "lesion": "T1", "how": "brush", **outline},
                {"kind": "status", "date": date, "lesion": "T2", "status": "absent"},
                subject=PHANTOM,
            )
        sign(browser, PHANTOM, date)
    sign(browser, PHANTOM)


def test_pages_segmentations_and_reports_are_written_as_of_a_run(
    trial: PhantomTrial,
    tmp_path: Path,
    check_json: Callable[[Path], set[str]],
    dicom_errors: Callable[[Path], list[str]],
) -> None:
    read(trial.enter("ann"))
    export = trial.enter("max").get("trial/export")
    folder = tmp_path / "export"
    with zipfile.ZipFile(io.BytesIO(export.content)) as file:
        file.extractall(folder)
    check_json(folder)
    own = folder / "read-1" / PHANTOM
    answers = read_rows(own / "timepoints.csv")
    # As the tables of a run it says how sure each category is; those of all subjects do not.
    assert all(row["certainty"] for row in answers)
    assert [row | {"certainty": ""} for row in answers] == read_rows(
        folder / "read-1" / "timepoints.csv"
    )
    page = (own / "report.html").read_text("utf-8")
    assert "Signed Name (ann), Central Reading" in page
    assert all(row["overall"] in page for row in answers)
    # The outlines are those that were drawn; of a line there is none.
    for date, radius in zip(DATES, RADII, strict=True):
        (segment,) = read_seg(own / "delineations" / f"{date}-lesions.dcm")
        assert segment.label == "T1"
        assert segment.mask.voxels == voxels_of(radius)
    sizes = {(row["date"], row["lesion"]): row for row in read_rows(own / "measurements.csv")}
    reports = sorted((own / "dicom").glob("*-measurements.dcm"))
    assert len(reports) == 3
    for path in reports:
        report = pydicom.dcmread(path)
        assert report.VerificationFlag == "VERIFIED"
        (observer,) = report.VerifyingObserverSequence
        assert observer.VerifyingOrganization == "Central Reading"
        assert sizes[path.name[:10], "T1"]["diameter_mm"] in report.to_json()
    for path in (own / "dicom").glob("*.dcm"):
        assert dicom_errors(path) == [], path.name
