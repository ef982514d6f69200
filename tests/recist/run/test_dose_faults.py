"""What is wrong with a patient's radiotherapy is a line on the console, not on his page alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from typer.testing import CliRunner, Result

from recist.cli import app
from recist.phantom.small import DATES, write_small_patient

PLAN, DOSE = "RTPLAN.dcm", "RTDOSE.dcm"


def _loses_its_plan(dose: Dataset) -> None:
    dose.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID = "1.2.3"


def _is_a_thousandfold(dose: Dataset) -> None:
    dose.DoseGridScaling = float(dose.DoseGridScaling) * 1000


def _lies_elsewhere(dose: Dataset) -> None:
    dose.ImagePositionPatient = [60, 0, 0]


def _has_a_negative_spacing(dose: Dataset) -> None:
    dose.PixelSpacing = [-2.5, 2.5]


def _prescribes_in_cgy(plan: Dataset) -> None:
    plan.DoseReferenceSequence[0].TargetPrescriptionDose = 4500


def _loses_its_structures(plan: Dataset) -> None:
    plan.ReferencedStructureSetSequence[0].ReferencedSOPInstanceUID = "1.2.4"


#: Patient -> the file, what is wrong with it, and what is said.
FAULTS: dict[str, tuple[str, Callable[[Dataset], None], str]] = {
    "LINK": (DOSE, _loses_its_plan, "refers to a plan that is not at hand"),
    "SCALE": (DOSE, _is_a_thousandfold, "does not go with the prescription of 45 Gy"),
    "PLACE": (DOSE, _lies_elsewhere, "0 % of target volume GTV-1 gets half"),
    "SPACING": (DOSE, _has_a_negative_spacing, "Pixel Spacing (0028,0030) is -2.5"),
    "CGY": (PLAN, _prescribes_in_cgy, "4500 Gy, probably cGy"),
    "STRUCTURES": (PLAN, _loses_its_structures, "refers to a structure set that is not at hand"),
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """A run over patients of one date, each with a fault of his own."""
    root = tmp_path_factory.mktemp("faults")
    for seed, (patient, (name, fault, _)) in enumerate(FAULTS.items(), start=1):
        folder = root / "studies" / patient
        write_small_patient(folder, patient, seed=seed)
        for date in DATES[1:]:
            shutil.rmtree(folder / date.isoformat())
        path = folder / DATES[0].isoformat() / name
        dataset = pydicom.dcmread(path)
        fault(dataset)
        dataset.save_as(path)
    args = ["run", str(root / "studies"), "-o", str(root / "out"), "--lesions", "dicom"]
    return CliRunner().invoke(app, args), root


@pytest.mark.parametrize("patient", FAULTS)
def test_it_is_a_line_of_the_console(told: tuple[Result, Path], patient: str) -> None:
    result, root = told
    lines = [line for line in result.output.splitlines() if FAULTS[patient][2] in line]
    assert len([line for line in lines if patient in line]) == 1
    assert "fault" not in lines[0].split(":")[0]  # no folder, which may be a name
    assert FAULTS[patient][2] in (root / "out" / patient / "warnings.txt").read_text()


def test_only_files_that_cannot_be_read_are_errors(told: tuple[Result, Path]) -> None:
    errors = [line for line in told[0].output.splitlines() if line.startswith("error")]
    assert [line.split(":")[1].strip() for line in errors] == ["SPACING"]
    assert told[0].exit_code == 1


def test_what_is_skipped_says_it_again(told: tuple[Result, Path]) -> None:
    _, root = told
    args = ["run", str(root / "studies"), "-o", str(root / "out"), "--lesions", "dicom", "--resume"]
    again = CliRunner().invoke(app, args)
    assert f"{len(FAULTS)} skipped" in again.output
    for _, _, said in FAULTS.values():
        assert said in again.output
    assert len(json.loads((root / "out/run.json").read_text())["notes"]) >= len(FAULTS) - 1
