"""The delineations of a date as files that ``--lesions`` reads again."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imaging.masks import read_label_map
from imaging.seg import LYMPH_NODE, Coded
from recist.course import Lesion, Role
from recist.export.patient_files import write_delineation
from recist.patient.delineated_date import DelineatedDate
from recist.patient.delineation_folder import files_of_visit, from_folder
from recist.patient.lesion_names import organ_of_region, region_of
from recist.patient.overrides import Override
from recist.patient.result_folder import folder_name
from recist.patient.tracked_lesion import TrackedLesion
from recist.tracking import State

Build = Callable[..., Any]
GONE = State.ABSENT


@pytest.fixture
def written(followed: Build, tmp_path: Path) -> tuple[Any, Path]:
    """A patient whose images are NIfTI: L1 goes, then L2; a person delineated every date."""
    patient = followed({"L1": {0: "9x9", 7: GONE, 14: GONE}, "L2": {0: "9x9", 7: "9x9", 14: GONE}})
    tracks = patient.tracks.lesions
    places = tuple(Lesion(track.id, "lung", False, Role.TARGET) for track in tracks)
    lesions = [
        TrackedLesion.of(track, patient.tracks.days, patient.sized, Override(track.id), {})
        for track in tracks
    ]
    for seen in patient.examinations:
        write_delineation(DelineatedDate(seen, lesions, places, True), tmp_path, None)
    return patient, tmp_path


def test_a_lesion_has_the_same_label_at_every_date(written: tuple[Any, Path]) -> None:
    patient, folder = written
    for day, date in enumerate(("2024-01-01", "2024-01-08", "2024-01-15")):
        grid = patient.examinations[day].ct.volume.grid
        labels = np.unique(read_label_map(folder / f"{date}-lesions.nii.gz", grid))
        expected = ([0, 1, 2], [0, 2], [0])[day]
        assert labels.tolist() == expected
        names = json.loads((folder / f"{date}-lesions.json").read_text())
        assert names == {str(n): f"L{n}" for n in expected if n}


def test_no_lesion_is_an_answer_that_is_read_again(written: tuple[Any, Path]) -> None:
    patient, folder = written
    last = dt.date(2024, 1, 15)
    grid = patient.examinations[2].ct.volume.grid
    assert files_of_visit(folder, "P", last)
    assert from_folder(folder, "P", last, grid) == ()
    assert len(from_folder(folder, "P", dt.date(2024, 1, 1), grid)) == 2


def test_the_results_of_a_run_are_found_by_the_folder_that_it_names(tmp_path: Path) -> None:
    for subject in ("P-1", "P 1/a"):
        place = tmp_path / folder_name(subject) / "delineations"
        place.mkdir(parents=True)
        (place / "2024-01-01-lesions.dcm").touch()
        assert files_of_visit(tmp_path, subject, dt.date(2024, 1, 1))
        assert not files_of_visit(tmp_path, subject, dt.date(2024, 1, 8))


def test_organ_and_node_survive_as_codes() -> None:
    for organ in ("lung", "liver", "adrenal", "bone"):
        region = region_of(organ, is_node=False)
        assert region is not None
        assert organ_of_region(region) == organ
    assert region_of("lung", is_node=True) == LYMPH_NODE
    assert region_of("unknown", is_node=False) is None
    assert organ_of_region(Coded("818983003", "SCT", "Abdomen")) == "abdomen"
