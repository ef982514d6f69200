"""A patient with PET and no CT at any date: assessed by the PET criteria alone, by RECIST never."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest

from imaging.outlines import write_rtstruct
from imaging.seg import SegSegment, write_seg
from imaging.volume import Array, Grid, Mask, Unit, Volume
from recist.patient.corrections.said import Corrections
from recist.patient.options import Options
from recist.patient.overrides import Override
from recist.patient.reassessment import conclude
from recist.patient.work.keeping import FOLDER, take_up
from recist.phantom.dicom import Session, write_ct, write_pet
from recist.phantom.small import DATES
from recist.run import batch

SHAPE, SPACING_MM = (32, 32, 32), 5.0
#: Lesion -> centre (x, y, z) and radius in mm, SUV at each date (None: not there).
LESIONS = {
    "GTV-1": ((60, 70, 120), 12, (10.0, 4.0, 12.0)),
    "GTV-2": ((105, 90, 110), 14, (6.0, 5.5, 6.5)),
    "GTV-3": ((80, 60, 88), 12, (None, None, 8.0)),
}
LIVER_SUV = 2.2


def _axes() -> tuple[Array, Array, Array]:
    x, y, z = np.indices(SHAPE) * SPACING_MM
    return x, y, z


def _within(centre: tuple[float, float, float], radii: tuple[float, float, float]) -> Array:
    parts = [((a - c) / r) ** 2 for a, c, r in zip(_axes(), centre, radii, strict=True)]
    return np.asarray(sum(parts) <= 1)


LIVER = ((60, 80, 35), (28, 32, 28))


def _uptake(n: int) -> Array:
    """A trunk with lungs, liver, blood and the lesions of a date, in SUV."""
    x, y, _ = _axes()
    suv = np.full(SHAPE, 0.02, dtype=np.float32)
    suv[((x - 80) / 65) ** 2 + ((y - 80) / 50) ** 2 <= 1] = 0.6
    for side in (55, 105):
        suv[_within((side, 80, 120), (20, 30, 45))] = 0.35
    suv[_within(*LIVER)] = LIVER_SUV
    suv[(x - 80) ** 2 + (y - 104) ** 2 <= 64] = 1.5
    for centre, radius, values in LESIONS.values():
        if values[n] is not None:
            suv[_within(centre, (radius, radius, radius))] = values[n]
    noise = np.random.default_rng(n).normal(0, 0.02, SHAPE)
    return np.clip(suv + noise, 0, None).astype(np.float32)


def _drawn(n: int, grid: Grid) -> dict[str, Mask]:
    return {
        name: Mask.of(_within(centre, (radius, radius, radius)), grid)
        for name, (centre, radius, values) in LESIONS.items()
        if values[n] is not None
    }


def write_patient(
    folder: Path, drawn: Mapping[int, str], *, ct_at: tuple[int, ...] = (), dates: int = len(DATES)
) -> None:
    """PET at the first dates.

    Args:
        drawn: by number of the date, in what the lesions are drawn: rtstruct, with the liver, or
            seg.
        ct_at: dates that have a CT too.
    """
    for n, date in enumerate(DATES[:dates]):
        session = Session(3, n, date, "PET1")
        frame = str(session.frame_of_reference_uid)
        grid = Grid(SHAPE, np.diag([SPACING_MM, SPACING_MM, SPACING_MM, 1.0]), frame)
        place = folder / date.isoformat()
        suv = _uptake(n)
        write_pet(Volume(suv, grid, Unit.SUV_BW, ""), session, place / "PET")
        if n in ct_at:
            hu = np.where(suv > 0.2, 40, -1000).astype(np.int16)
            write_ct(Volume(hu, grid, Unit.HU, ""), session, place / "CT")
        headers = [pydicom.dcmread(path) for path in sorted((place / "PET").glob("*.dcm"))]
        masks = _drawn(n, grid)
        if drawn.get(n) == "rtstruct":
            masks["Liver"] = Mask.of(_within(*LIVER), grid)
        regions = [
            SegSegment(name, mask, str(session.uid("drawn", name)), name)
            for name, mask in masks.items()
        ]
        if drawn.get(n) == "rtstruct":
            write_rtstruct(place / "RS.dcm", regions, headers)
        elif drawn.get(n) == "seg":
            write_seg(place / "SEG.dcm", regions, headers)


def assessed(studies: Path, out: Path, **settings: object) -> batch.Batch:
    return batch.run(studies, out, Options.create(**({"lesions": "dicom"} | settings)))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def responses(folder: Path) -> dict[tuple[str, str], str]:
    """(criteria, date) -> response."""
    found = rows(folder / "pet_timepoints.csv")
    return {(row["criteria"], row["date"]): row["response"] for row in found}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> batch.Batch:
    """RTSTRUCT, SEG, RTSTRUCT over three dates, with DICOM out."""
    root = tmp_path_factory.mktemp("pet")
    write_patient(root / "studies", {0: "rtstruct", 1: "seg", 2: "rtstruct"})
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
        for number, mask in enumerate(_drawn(n, grid).values(), start=1):
            labels[mask.box] = np.maximum(labels[mask.box], number * mask.array)
        nib.save(nib.Nifti1Image(_uptake(n), affine), tmp_path / f"pet{n}.nii.gz")
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
