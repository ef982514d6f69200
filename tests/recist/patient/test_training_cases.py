"""Delineated dates of DICOM become training cases, and nothing that would teach a wrong label."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from imaging.errors import InputError
from imaging.nifti import read_nifti
from imaging.volume import Unit
from recist.cli import app
from recist.patient.training_cases import write_training_cases
from recist.phantom.study import Truth
from segmentation.packing import read_images


def test_each_delineated_date_is_a_case_of_its_patient(phantom: Truth, tmp_path: Path) -> None:
    remarks: list[str] = []
    count = write_training_cases(phantom.studies, tmp_path, on_remark=remarks.append)
    with (tmp_path / "patients.csv").open(newline="") as stream:
        table = list(csv.DictReader(stream))
    assert [row["case"] for row in table] == [f"case{n:04d}" for n in range(1, count + 1)]
    assert {row["patient"] for row in table} == {"patient0001"}, "one patient, whatever the dates"
    assert count >= 2
    for row in table:
        ct, suv, label = read_images(tmp_path, row["case"])
        assert ct.grid.same_as(label.grid)
        lesions = label.array > 0
        assert lesions.any()
        # A lesion of the phantom is tissue, never the air around the patient.
        assert float(np.median(ct.array[lesions])) > -800
        if suv is not None:
            assert suv.unit is Unit.SUV_BW
            assert 1.0 < float(suv.array.max()) < 65.0
    names = {path.name for path in tmp_path.iterdir()}
    assert not any("PHANTOM" in name.upper() for name in names), "no name of a patient in a file"


def test_no_delineated_lesion_at_all_is_an_error(phantom: Truth, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no date has a CT and a delineated lesion"):
        write_training_cases(phantom.studies, tmp_path, roi_pattern="^nothing is called so$")


def test_the_command_names_what_it_lacks(phantom: Truth, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["train", str(phantom.studies), "-o", str(tmp_path / "ours"), "--steps", "1"]
    )
    assert isinstance(result.exception, InputError)
    assert "too few for 5 folds" in str(result.exception)
    ct, _ = read_nifti(tmp_path / "ours.cases" / "case0001_ct.nii.gz", Unit.HU)
    assert ct.array.min() < -900
