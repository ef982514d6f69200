"""``recist export OUT --to dicom`` and ``recist correct``: the objects follow the results."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest

from recist.export.dicom.patient_objects import export
from recist.export.request import Request
from recist.patient.corrections import NOTHING_SAID
from recist.patient.options import Options
from recist.patient.result import SignedBy
from recist.patient.result_folder import hashes_of
from recist.patient.work import keeping
from recist.phantom.small import DATES
from recist.run import batch
from recist.run.correcting import correct, sign

#: The report as PDF has tests of its own.
pytestmark = pytest.mark.usefixtures("without_paper")

SUBJECT = "SMALL"
SECOND, LAST = (date.isoformat() for date in DATES[1:])


@pytest.fixture
def out(small_done: batch.Batch, tmp_path: Path) -> Path:
    """The results of a run without objects."""
    shutil.copytree(small_done.out, tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def exported(out: Path) -> Path:
    """The results of a run with its objects."""
    assert export(Request(out)).exit_code == 0
    return out


def objects(out: Path) -> dict[str, bytes]:
    """All but the report, whose PDF needs a library of the system."""
    folder = out / SUBJECT / "dicom"
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "report.dcm"}


def test_a_run_without_objects_gives_all_of_them_afterwards(
    small: Path, out: Path, tmp_path: Path
) -> None:
    at_once = tmp_path / "at_once"
    batch.run(small, at_once, Options.create(lesions="dicom", dicom=True))
    exported = export(Request(out))
    assert (exported.failures, exported.exit_code) == ((), 0)
    assert len(objects(out)) > 10
    assert objects(out) == objects(at_once)
    again = batch.run(small, out, Options.create(lesions="dicom"), resume=True)
    assert [each.state for each in again.subjects] == ["skipped"]  # still whole
    elsewhere = tmp_path / "elsewhere"
    assert export(Request(out, elsewhere, labelmap=True)).exit_code == 0
    kinds = {
        pydicom.dcmread(path).SegmentationType
        for path in (elsewhere / SUBJECT).glob("*-lesions.dcm")
    }
    assert kinds == {"LABELMAP"}


def test_a_correction_rewrites_every_object_that_it_changes(exported: Path, tmp_path: Path) -> None:
    out = exported
    before = objects(out)
    table = tmp_path / "measurements.csv"
    table.write_text(f"subject,date,lesion,long_axis_mm,reader\n{SUBJECT},{SECOND},L1,40.0,Dr. R\n")
    correct(out, {"measurements": table})
    after = objects(out)
    changed = {name for name in after if after[name] != before[name]}
    keys = {name for name in before if name.startswith(f"{SECOND}-key")}
    assert changed == keys | {
        f"{SECOND}-measurements.dcm",
        f"{SECOND}-diameters.dcm",
        f"{LAST}-measurements.dcm",  # the best response stands at the last date
    }
    (tmp_path / "old").mkdir()
    for name in changed:
        (tmp_path / "old" / name).write_bytes(before[name])
        old = pydicom.dcmread(tmp_path / "old" / name)
        new = pydicom.dcmread(out / SUBJECT / "dicom" / name)
        assert new.SOPInstanceUID != old.SOPInstanceUID, name
        assert new.SeriesInstanceUID != old.SeriesInstanceUID, name
        assert old.SOPInstanceUID in new.to_json(), name
    kept = hashes_of(out / SUBJECT / "dicom")
    assert export(Request(out)).exit_code == 0  # nothing new to say
    assert hashes_of(out / SUBJECT / "dicom") == kept


def test_a_lesion_drawn_anew_gives_a_segmentation_that_names_the_one_before(
    exported: Path, tmp_path: Path
) -> None:
    out = exported
    place = out / SUBJECT / "dicom"
    names = [f"{SECOND}-{kind}.dcm" for kind in ("lesions", "structures")]
    old = {name: pydicom.dcmread(place / name) for name in names}
    table = tmp_path / "drawn.csv"
    table.write_text(f"subject,date,lesion,points,reader\n{SUBJECT},{SECOND},L9,60 30 36,Dr. R\n")
    assert [each.failure for each in correct(out, {"drawn": table})] == [""]
    for name, before in old.items():
        new = pydicom.dcmread(place / name)
        assert new.SOPInstanceUID != before.SOPInstanceUID
        assert before.SOPInstanceUID in new.to_json(), name


def test_without_kept_work_only_what_lies_there_is_exported(out: Path) -> None:
    shutil.rmtree(out / SUBJECT / "work")
    exported = export(Request(out))
    assert [path.name[11:] for path in exported.files] == ["lesions.dcm"] * 3
    assert exported.remarks == (
        f"{SUBJECT}: delineations only: no work is kept that the other objects could come from",
    )
    refused = export(Request(out, labelmap=True))
    assert (refused.exit_code, len(refused.failures)) == (2, 1)


SIGNED = SignedBy(
    "Able^Ann = \\ x", "ann", "read and approved", "2026-01-02T03:04:05.5+01:00", "0" * 64, "Clinic"
)
REPORTS = ("measurements.dcm", "diameters.dcm")


def reports(out: Path) -> list[pydicom.Dataset]:
    folder = out / SUBJECT / "dicom"
    return [
        pydicom.dcmread(path) for path in sorted(folder.glob("*.dcm")) if path.name[11:] in REPORTS
    ]


def flags(report: pydicom.Dataset) -> tuple[str, str, str]:
    return report.CompletionFlag, report.VerificationFlag, report.PreliminaryFlag


def test_a_report_is_verified_by_who_signed_it_and_by_nobody_after_a_change(
    out: Path, tmp_path: Path, dicom_errors: Callable[[Path], list[str]]
) -> None:
    export(Request(out))
    proposed = reports(out)
    assert len(proposed) == 6
    assert {flags(each) for each in proposed} == {("PARTIAL", "UNVERIFIED", "PRELIMINARY")}
    work = keeping.take_up(out / SUBJECT / keeping.FOLDER)
    sign(out, work, NOTHING_SAID, SIGNED)
    signed = reports(out)
    for report, before in zip(signed, proposed, strict=True):
        assert flags(report) == ("COMPLETE", "VERIFIED", "FINAL")
        (observer,) = report.VerifyingObserverSequence
        assert str(observer.VerifyingObserverName) == "Able Ann x"
        assert observer.VerifyingOrganization == "Clinic"
        assert observer.VerificationDateTime == "20260102020405+0000"
        assert replaced_by(report) == before.SOPInstanceUID
    for path in (out / SUBJECT / "dicom").glob("*.dcm"):
        assert dicom_errors(path) == [], path.name
    kept = hashes_of(out / SUBJECT / "dicom")
    assert export(Request(out)).exit_code == 0  # the signature lies with the results
    assert hashes_of(out / SUBJECT / "dicom") == kept
    table = tmp_path / "measurements.csv"
    table.write_text(f"subject,date,lesion,long_axis_mm\n{SUBJECT},{SECOND},L1,40.0\n")
    (done,) = correct(out, {"measurements": table}, reason="a typing error", by="ann")
    assert done.superseded == SIGNED
    changed = reports(out)
    for report, before in zip(changed, signed, strict=True):
        assert flags(report) == ("PARTIAL", "UNVERIFIED", "PRELIMINARY")
        assert "VerifyingObserverSequence" not in report
        assert replaced_by(report) == before.SOPInstanceUID


def replaced_by(report: pydicom.Dataset) -> str:
    (study,) = report.PredecessorDocumentsSequence
    return str(study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
