"""A patient with PET and no CT at any date: assessed by the PET criteria alone, by RECIST never."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest

from imaging.volume import Grid
from recist.export import patient_files
from recist.patient.corrections.said import Corrections
from recist.patient.options import Options
from recist.patient.overrides import Override
from recist.patient.reassessment import conclude
from recist.patient.work.keeping import FOLDER, take_up
from recist.phantom.dicom import Session
from recist.phantom.small import DATES
from recist.run import batch
from tests.recist.pet_patients import SHAPE, SPACING_MM, lesion_masks, uptake, write_patient
from tests.recist.written import as_text, rows


def assessed(studies: Path, out: Path, **settings: object) -> batch.Batch:
    return batch.run(studies, out, Options.create(**({"lesions": "dicom"} | settings)))


def responses(folder: Path) -> dict[tuple[str, str], str]:
    """(criteria, date) -> response."""
    found = rows(folder / "pet_timepoints.csv")
    return {(row["criteria"], row["date"]): row["response"] for row in found}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> batch.Batch:
    """RTSTRUCT, SEG, RTSTRUCT over three dates, with DICOM out, its page as text."""
    root = tmp_path_factory.mktemp("pet")
    write_patient(root / "studies", {0: "rtstruct", 1: "seg", 2: "rtstruct"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patient_files, "as_pdf", as_text)
        return assessed(root / "studies", root / "out", dicom=True)


def test_pet_criteria_are_assessed_from_rtstruct_and_seg(done: batch.Batch) -> None:
    assert (done.exit_code, done.failures) == (0, ())
    found = responses(done.out / "PET1")
    # 10 to 4 is -60 %; at the third date something new stands there.
    assert found["PERCIST5", "2024-03-04"] == "PMR"
    assert found["EORTC1999", "2024-03-04"] == "PMR"
    assert found["iPERCIST", "2024-04-29"] == "UPMD"
    assert found["EORTC1999", "2024-04-29"] == "PMD"


def test_a_drawn_liver_is_the_reference_of_percist(tmp_path: Path) -> None:
    write_patient(tmp_path / "studies", {0: "rtstruct", 1: "rtstruct"}, dates=2)
    assessed(tmp_path / "studies", tmp_path / "out")
    assert responses(tmp_path / "out/PET1")["PERCIST", "2024-03-04"] == "PMR"


def test_without_a_drawn_liver_percist_says_what_it_lacks(done: batch.Batch) -> None:
    """The liver was drawn at the first date, not at the second."""
    row = next(
        row
        for row in rows(done.out / "PET1/pet_timepoints.csv")
        if (row["criteria"], row["date"]) == ("PERCIST", "2024-03-04")
    )
    assert row["response"] == "NOT_EVALUABLE"
    assert "neither liver nor blood pool" in row["reason"]


def test_no_diameter_is_made_up_and_recist_is_not_evaluable(done: batch.Batch) -> None:
    measured = rows(done.out / "PET1/measurements.csv")
    assert {row["status"] for row in measured} == {"not-evaluable"}
    assert not any(row["diameter_mm"] for row in measured)
    assert all(float(row["suv_max"]) > 0 for row in measured)
    answers = rows(done.out / "PET1/timepoints.csv")
    assert {r["overall"] for r in answers if r["date"] != "2024-01-08"} <= {"NE", "NA"}


def test_the_page_says_that_it_stands_on_pet_alone(done: batch.Batch) -> None:
    page = (done.out / "PET1/report.html").read_text(encoding="utf-8")
    assert "PET alone, 2024-04-29" in page
    assert "RECIST 1.1 is not evaluable" in page
    assert "metabolic progression by" in page
    assert page.count("drawn as GTV-") == 3


def test_what_was_drawn_is_written_on_the_pet_and_read_again(
    done: batch.Batch, tmp_path: Path
) -> None:
    seg = pydicom.dcmread(done.out / "PET1/delineations/2024-01-08-lesions.dcm")
    referenced = seg.ReferencedSeriesSequence[0].SeriesInstanceUID
    assert referenced == str(Session(3, 0, DATES[0]).series_uid("PT"))
    assert any(path.name.endswith("measurements.dcm") for path in done.out.rglob("dicom/*.dcm"))
    again = assessed(done.out.parent / "studies", tmp_path / "again", lesions=str(done.out))
    assert again.exit_code == 0
    assert responses(tmp_path / "again/PET1")["EORTC1999", "2024-03-04"] == "PMR"


def test_a_date_that_nobody_drew_is_named_and_not_evaluable(tmp_path: Path) -> None:
    write_patient(tmp_path / "studies", {0: "rtstruct", 2: "rtstruct"})
    ended = assessed(tmp_path / "studies", tmp_path / "out")
    assert ended.exit_code == 1
    assert [ended.failures[0].where, "SEG or RTSTRUCT" in str(ended.failures[0])] == [
        "2024-03-04",
        True,
    ]
    found = responses(tmp_path / "out/PET1")
    assert {r for (_, date), r in found.items() if date == "2024-03-04"} == {"NOT_EVALUABLE"}
    assert found["EORTC1999", "2024-04-29"] == "PMD"
    totals = rows(tmp_path / "out/PET1/pet_totals.csv")
    assert "2024-03-04" not in {row["date"] for row in totals}  # nothing known, rather than none


def test_nothing_drawn_at_the_first_date_is_refused(tmp_path: Path) -> None:
    write_patient(tmp_path / "studies", {1: "seg"}, dates=2)
    ended = assessed(tmp_path / "studies", tmp_path / "out")
    assert ended.exit_code == 2
    assert "the first PET has no CT, and no SEG" in str(ended.failures[0])


def test_the_network_is_refused_without_a_ct(tmp_path: Path) -> None:
    write_patient(tmp_path / "studies", {}, dates=1)
    ended = assessed(tmp_path / "studies", tmp_path / "out", lesions="auto")
    assert "PET without CT: the network needs a CT" in str(ended.failures[0])


def test_a_pet_beside_dates_with_ct_is_named(tmp_path: Path) -> None:
    write_patient(tmp_path / "studies", {0: "seg", 1: "seg"}, ct_at=(0,), dates=2)
    ended = assessed(tmp_path / "studies", tmp_path / "out")
    told = " ".join(map(str, ended.failures))
    assert "no CT that can be measured on 2024-03-04" in told
    assert "assess every PET by itself" in told


def test_a_manifest_may_name_pet_alone(tmp_path: Path) -> None:
    grid = Grid(SHAPE, np.diag([SPACING_MM, SPACING_MM, SPACING_MM, 1.0]))
    affine = np.diag([-SPACING_MM, -SPACING_MM, SPACING_MM, 1.0])  # NIfTI counts RAS
    lines = ["subject,date,pet,pet_unit,labels"]
    for n, date in enumerate(DATES[:2]):
        labels = np.zeros(SHAPE, dtype=np.uint8)
        for number, mask in enumerate(lesion_masks(n, grid).values(), start=1):
            labels[mask.box] = np.maximum(labels[mask.box], number * mask.array)
        nib.save(nib.Nifti1Image(uptake(n), affine), tmp_path / f"pet{n}.nii.gz")
        nib.save(nib.Nifti1Image(labels, affine), tmp_path / f"labels{n}.nii.gz")
        lines.append(f"P,{date},pet{n}.nii.gz,SUVbw,labels{n}.nii.gz")
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    ended = assessed(tmp_path, tmp_path / "out")
    assert (ended.exit_code, ended.failures) == (0, ())
    assert responses(tmp_path / "out/P")["EORTC1999", "2024-03-04"] == "PMR"


def test_corrections_need_no_ct(done: batch.Batch) -> None:
    """The work is kept and taken up: a lesion refused by the reader leaves the answer."""
    work = take_up(done.out / "PET1" / FOLDER)
    said = Corrections(overrides=(Override("L3", dropped=True),))
    result, _ = conclude(work, said, pictures=False)
    found = {(each.criteria, each.day): str(each.response) for each in result.metabolic}
    last = max(day for _, day in found)
    assert found["EORTC1999", last] == "SMD"
    assert json.loads((done.out / "run.json").read_text())["exit_code"] == 0
