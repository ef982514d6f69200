"""The reading room opens the images as the run did that it shows: dates, series, uneven slices."""

from __future__ import annotations

import json
from pathlib import Path

import pydicom
import pytest

from imaging.errors import InputError
from imaging.sorting import Sorting
from recist.patient.options import Options
from recist.phantom.small import DATES, write_small_patient
from recist.review.images.image_archive import Modality
from recist.review.trial.trial_settings import read_trial
from recist.review.web.app import create_app, trial_room
from recist.run import batch

UNDATED = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate", "InstanceCreationDate")


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A patient without dates and with a slice lost at the second one, run with what that asks."""
    root = tmp_path_factory.mktemp("given")
    write_small_patient(root / "studies", "P1")
    for path in (root / "studies").rglob("*.dcm"):
        dataset = pydicom.dcmread(path)
        for name in UNDATED:
            if name in dataset:
                del dataset[name]
        dataset.save_as(path)
    (root / f"studies/{DATES[1]}/CT/ct_004.dcm").unlink()
    rows = [f"P1,{date},{date}" for date in DATES]
    (root / "dates.csv").write_text("\n".join(["subject,study,date", *rows]) + "\n")
    (root / "series.csv").write_text("subject,series,use\nP1,no such series,no\n")
    sorting = Sorting.read(root / "series.csv", root / "dates.csv", uneven_slices=True)
    ended = batch.run(
        root / "studies", root / "out", Options.create(lesions="dicom"), sorting=sorting
    )
    assert ended.subjects[0].state == "done"
    return root


def test_a_run_keeps_how_it_sorted_its_images(given: Path) -> None:
    options = json.loads((given / "out/run.json").read_text())["options"]
    assert Sorting.of(options) == Sorting.read(
        given / "series.csv", given / "dates.csv", uneven_slices=True
    )
    assert Sorting.of({}) == Sorting()  # kept by an earlier version


def test_the_room_shows_what_the_run_measured(given: Path) -> None:
    app = create_app(given / "out", studies=given / "studies", reader="R")
    archive = app.state.room.archive
    assert tuple(archive.visits("P1")) == DATES
    # The lost slice is interpolated, as it was when the lesions were measured on it.
    assert archive.volume("P1", DATES[1], Modality.CT).grid.shape[2] == 24
    archive.close()


TRIAL = '[trial]\nname = "T"\nstudies = "studies"\n'


@pytest.mark.parametrize(
    "more",
    ['results = "out"\n', 'dates = "dates.csv"\nuneven_slices = true\n'],
    ids=["as the run did", "named in the file"],
)
def test_a_trial_opens_them_so_too(given: Path, more: str) -> None:
    (given / "TRIAL.toml").write_text(TRIAL + more)
    room = trial_room(read_trial(given / "TRIAL.toml"))
    assert tuple(room.archive.visits("P1")) == DATES
    room.archive.close()


def test_a_table_that_is_not_there_is_named(given: Path) -> None:
    (given / "BAD.toml").write_text(TRIAL + 'dates = "other.csv"\n')
    with pytest.raises(InputError, match=r"other\.csv: no such file"):
        read_trial(given / "BAD.toml")
