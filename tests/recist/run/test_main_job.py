"""The main job: a phantom patient whose right answer is known, and a tree full of trouble."""

from __future__ import annotations

import csv
import datetime as dt
import fnmatch
import json
import shutil
import tomllib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pydicom
import pytest

from recist.cli import main
from recist.patient.options import Options
from recist.phantom.small import DATES
from recist.phantom.study import Truth
from recist.run import batch
from recist.run.cluster import Cluster
from recist.run.table import assess_file
from recist.table.output import TIMEPOINTS
from tests.recist.written import rows


def folder(done: batch.Batch) -> Path:
    return done.out / done.subjects[0].folder


def test_every_json_of_a_run_keeps_to_its_schema(
    done: batch.Batch, phantom: Truth, check_json: Callable[[Path], set[str]]
) -> None:
    wanted = {"run", "fingerprint", "timepoints", "outcomes"}
    assert check_json(done.out) == wanted
    assert check_json(phantom.studies.parent) == {"truth"}


def test_every_response_of_the_phantom_is_the_designed_one(
    phantom: Truth, done: batch.Batch
) -> None:
    assert done.exit_code == 0
    found = {
        (row["criteria"], row["lesions"], row["date"]): row
        for row in rows(folder(done) / "timepoints.csv")
    }
    dates = phantom.as_json()["dates"]
    days = phantom.as_json()["days"]
    assert isinstance(dates, list) and isinstance(days, list)
    for expected in phantom.expected:
        date = dates[days.index(expected.day)]
        row = found["recist11", expected.scope, date]
        assert (row["target"], row["overall"]) == (expected.target, expected.recist11), expected
        assert row["new_lesion"] == ("yes" if expected.new_lesion else "no")
        assert abs(Decimal(row["sum_mm"]) - expected.sum_mm) <= 3  # three targets, a pixel each
        assert found["irecist", expected.scope, date]["overall"] == expected.irecist


def test_the_totals_of_the_pet_are_those_of_the_field_classes_together(
    done: batch.Batch,
) -> None:
    found = rows(folder(done) / "pet_totals.csv")
    for date in {row["date"] for row in found}:
        drawn = [row for row in found if row["date"] == date and row["basis"] == "delineation"]
        parts = [row for row in drawn if row["lesions"] != "all"]
        (whole,) = (row for row in drawn if row["lesions"] == "all")
        assert {row["lesions"] for row in parts} >= {"in", "out"}
        assert sum(int(row["count"]) for row in parts) == int(whole["count"]) > 1
        assert sum(float(row["mtv_ml"]) for row in parts) == pytest.approx(
            float(whole["mtv_ml"]), abs=0.01
        )
        assert float(whole["dmax_mm"]) > 50
    assert {row["basis"] for row in found} == {"delineation", "SUV>=4"}
    assert "Metabolic burden (PET)" in (folder(done) / "report.html").read_text()


def test_run_and_assess_count_from_the_same_day(small: Path, tmp_path: Path) -> None:
    events = tmp_path / "events.csv"
    start = DATES[0] + dt.timedelta(days=14)
    events.write_text(f"subject,date,event\nSMALL,{start},radiotherapy-start\n")
    done = batch.run(small, tmp_path / "run", Options.create(lesions="dicom", events=events))
    assess_file(folder(done) / "measurements.csv", tmp_path / "again", events=events)
    by_run, again = rows(folder(done) / "outcomes.csv"), rows(tmp_path / "again" / "outcomes.csv")
    assert by_run
    assert [row["pfs_days"] for row in by_run] == [row["pfs_days"] for row in again]
    assert by_run[0]["pfs_days"] == str((DATES[-1] - start).days)


def test_every_lesion_of_the_phantom_keeps_its_identity(phantom: Truth, done: batch.Batch) -> None:
    measured = rows(folder(done) / "measurements.csv")
    by_lesion: dict[str, list[dict[str, str]]] = {}
    for row in measured:
        by_lesion.setdefault(row["lesion"], []).append(row)
    targets = [found for found in by_lesion.values() if found[0]["role"] == "target"]
    designed = [lesion for lesion in phantom.lesions if lesion.role == "target"]
    assert len(targets) == len(designed)
    for found in targets:
        sizes = [Decimal(row["diameter_mm"]) for row in found]
        close = [
            lesion
            for lesion in designed
            if all(
                abs(size - (lesion.diameter_mm(visit) or 0)) <= 2
                for visit, size in enumerate(sizes)
            )
        ]
        assert len(close) == 1, sizes
        assert {row["field"] for row in found} == {close[0].field}
        assert len({row["tracking_uid"] for row in found}) == 1


def test_the_folder_of_a_patient_holds_what_was_promised(done: batch.Batch) -> None:
    names = {path.name for path in folder(done).iterdir()}
    assert {
        "report.html",
        "measurements.csv",
        "timepoints.csv",
        "outcomes.csv",
        "timepoints.json",
        "outcomes.json",
        "links.csv",
        "field.csv",
        "warnings.txt",
    } <= names
    segs = sorted((folder(done) / "delineations").glob("*.dcm"))
    assert [len(pydicom.dcmread(seg).SegmentSequence) for seg in segs] == [5, 5, 6]
    record = json.loads((done.out / "run.json").read_text())
    assert record["exit_code"] == 0
    assert record["subjects"][0]["seconds"].keys() >= {"read", "register", "track", "write"}
    assert rows(done.out / "summary.csv")[0]["recist11_out_of_field_best"] == "PR"


def test_the_tables_of_all_patients_can_be_assessed_again(
    done: batch.Batch, tmp_path: Path
) -> None:
    """A reader may correct the joined table and assess it without the images."""
    assert rows(done.out / "measurements.csv") == rows(folder(done) / "measurements.csv")
    result = assess_file(done.out / "measurements.csv", tmp_path)
    assert result.exit_code == 0, result.findings
    again = [(row["lesions"], row["date"], row["overall"]) for row in rows(tmp_path / TIMEPOINTS)]
    first = [(row["lesions"], row["date"], row["overall"]) for row in rows(done.out / TIMEPOINTS)]
    assert sorted(again) == sorted(first)


def test_the_delineations_of_a_run_give_the_same_answer(
    small: Path, small_done: batch.Batch, tmp_path: Path
) -> None:
    given = Options.create(lesions=str(folder(small_done) / "delineations"))
    again = batch.run(small, tmp_path, given)
    for name in ("timepoints.csv", "outcomes.csv", "field.csv"):
        assert (folder(again) / name).read_text() == (folder(small_done) / name).read_text(), name
    assert measured(again) == measured(small_done)


def measured(done: batch.Batch) -> list[dict[str, str]]:
    """What was measured, whoever drew it and whatever is remarked on the names in the files."""
    left_out = {"drawn_by", "doubts"}
    table = rows(folder(done) / "measurements.csv")
    return [{name: row[name] for name in row if name not in left_out} for row in table]


def test_what_a_person_drew_is_not_said_to_be_of_the_network(done: batch.Batch) -> None:
    paths = list((folder(done) / "delineations").glob("*.dcm"))
    assert len(paths) == 3
    for path in paths:
        segments = pydicom.dcmread(path).SegmentSequence
        assert {segment.SegmentAlgorithmType for segment in segments} == {"MANUAL"}


def test_resume_skips_what_is_complete_and_unchanged(
    phantom: Truth, done: batch.Batch, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(done.out, out)
    again = batch.run(phantom.studies, out, Options.create(lesions="dicom"), resume=True)
    assert [subject.state for subject in again.subjects] == ["skipped"]
    assert rows(out / "summary.csv")[0]["recist11_all_last"] == "PD"


def copy_patient(
    source: Path, target: Path, patient_id: str, dates: int, *, weightless: bool = False
) -> None:
    """The first dates of a patient as those of another."""
    for date in sorted(source.iterdir())[:dates]:
        for path in date.rglob("*"):
            if path.is_file():
                ds = pydicom.dcmread(path)
                ds.PatientID = patient_id
                if weightless and ds.Modality == "PT":
                    del ds.PatientWeight
                place = target / path.relative_to(source)
                place.parent.mkdir(parents=True, exist_ok=True)
                ds.save_as(place)


def test_a_tree_full_of_trouble_names_each_and_completes_the_rest(
    phantom: Truth,
    small: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    studies = tmp_path / "studies"
    shutil.copytree(small, studies / "good")
    copy_patient(small, studies / "gap", "GAP", 2)
    ct = sorted(path for path in (studies / "gap").rglob("*.dcm") if "CT" in path.parts)
    ct[12].unlink()
    copy_patient(small, studies / "single", "SINGLE", 1)
    copy_patient(phantom.studies, studies / "weightless", "WEIGHTLESS", 2, weightless=True)
    (studies / "notes.txt").write_text("call the ward")
    (studies / "corrupt.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\x08\0\x05\0CS\xff\xff\xff")
    (studies / "empty").mkdir()
    out = tmp_path / "out"
    monkeypatch.setattr(
        "sys.argv", ["recist", "run", str(studies), "-o", str(out), "--lesions", "dicom"]
    )
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    lines = capsys.readouterr().err.splitlines()
    for told in ("notes.txt", "corrupt.dcm", "empty", "GAP", "SINGLE", "WEIGHTLESS"):
        assert sum(told in line for line in lines) >= 1, (told, lines)
    assert any("GAP" in line and "slice" in line for line in lines)
    assert any("WEIGHTLESS" in line and "PatientWeight" in line for line in lines)
    assert any("SINGLE" in line and "one date" in line for line in lines)
    summary = {row["subject"]: row for row in rows(out / "summary.csv")}
    assert summary["SMALL"]["status"] == "done"
    assert summary["SMALL"]["recist11_out_of_field_last"] == "PD"
    assert summary["GAP"]["status"] == "failed"
    assert summary["WEIGHTLESS"]["status"] == "incomplete"
    assert summary["WEIGHTLESS"]["recist11_all_last"] == "PR"
    assert summary["SINGLE"]["dates"] == "1"
    assert not list(out.glob(".*"))


def test_every_column_of_a_run_is_explained_in_the_documentation(done: batch.Batch) -> None:
    source = Path(__file__).parents[3] / "docs" / "reference" / "tables.toml"
    tables = tomllib.loads(source.read_text(encoding="utf-8"))
    explained = ("measurements", "timepoints", "outcomes", "field", "links", "pet_timepoints")
    missing = {}
    for path in (done.out / "summary.csv", *(folder(done) / f"{name}.csv" for name in explained)):
        with path.open(newline="") as stream:
            written = next(csv.reader(stream))
        known = [name for key in tables[path.stem]["columns"] for name in key.split("|")]
        missing[path.name] = [
            name for name in written if not any(fnmatch.fnmatch(name, one) for one in known)
        ]
    assert missing == {name: [] for name in missing}
    assert len(missing) == len(explained) + 1


@pytest.mark.slow
def test_a_cluster_gives_the_same_bytes(
    small: Path, small_done: batch.Batch, tmp_path: Path
) -> None:
    options = Options.create(lesions="dicom")
    spread = batch.run(small, tmp_path, options, cluster=Cluster(workers=1))
    assert spread.exit_code == 0, spread.failures
    own = ("run.json", "fingerprint.json")  # what a run says of itself: times and memory
    names = [
        path.relative_to(small_done.out)
        for path in small_done.out.rglob("*")
        if path.is_file() and path.name not in own
    ]
    assert len(names) > 10
    for name in names:
        assert (tmp_path / name).read_bytes() == (small_done.out / name).read_bytes(), name
