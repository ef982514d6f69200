"""Many patients: what is kept, done again or refused; assessing itself is stood in for."""

from __future__ import annotations

import csv
import datetime as dt
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

import recist
from imaging import sorting
from imaging.errors import InputError
from imaging.series import Catalogue, Problem, ProblemLevel, Series, Subject, Visit
from recist.patient import pipeline
from recist.patient.options import Options
from recist.patient.result_folder import (
    FINGERPRINT,
    check_place,
    folder_names,
    locked,
    written_whole,
)
from recist.protocol import DEFAULT, load
from recist.protocol.field import DEFAULT_PROFILE
from recist.run import batch, fingerprint, patient_folder

OPTIONS = Options(lesions="dicom", criteria=("recist11",), protocol=load("recist11-eortc"))
Assess = Callable[..., Any]


@pytest.fixture
def studies(tmp_path: Path) -> Path:
    """Two patients of one file each."""
    for name in ("P1", "P2"):
        (tmp_path / "studies" / name).mkdir(parents=True)
        (tmp_path / "studies" / name / "1.dcm").write_text(name)
    return tmp_path / "studies"


@pytest.fixture
def assessed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The patients that were assessed, in order; with stand-ins for reading and writing."""
    done: list[str] = []

    def scan(root: Path, **_: object) -> Catalogue:
        date = dt.date(2024, 1, 1)
        subjects = tuple(
            Subject(
                folder.name,
                (Visit(date, "", ct=Series("1.2", "CT", tuple(sorted(folder.iterdir())))),),
            )
            for folder in sorted(root.iterdir())
            if any(folder.iterdir())
        )
        other = Problem("P2/2.dcm", "truncated", "", "P2")
        return Catalogue(
            subjects, (other, Problem("notes.txt", "not DICOM", level=ProblemLevel.NOTE))
        )

    def assess(
        subject: Subject,
        options: Options,
        *,
        said: object,
        kept: object,
        beside: object,
        on_stage: Callable[[str], None],
    ) -> Any:
        done.append(subject.id)
        content = "".join(path.read_text() for path in subject.visits[0].ct.files)  # type: ignore[union-attr]
        if "broken" in content:
            raise InputError("a slice is missing", where="CT")
        if "bug" in content:
            raise ZeroDivisionError("division by zero")
        course = SimpleNamespace(subject=subject.id)
        work = SimpleNamespace(
            subject=subject, dates=(), treatment_remarks=(), treatment_unreadable=()
        )
        return SimpleNamespace(result=SimpleNamespace(problems=(), course=course), work=work)

    def write_patient(answer: Any, folder: Path, **_: Any) -> tuple[Problem, ...]:
        name = answer.result.course.subject
        if name == "P2" and (folder.parent / "full").exists():
            (folder / "half.csv").write_text("half")
            raise OSError("No space left on device")
        (folder / "report.html").write_text(name)
        return ()

    monkeypatch.setattr(sorting, "scan", scan)
    monkeypatch.setattr(pipeline, "assess_subject", assess)
    monkeypatch.setattr(patient_folder, "write_patient", write_patient)
    monkeypatch.setattr(
        fingerprint,
        "summarise",
        lambda result: {"subject": result.course.subject, "status": "done"},
    )
    return done


def states(result: batch.Batch) -> list[str]:
    return [subject.state for subject in result.subjects]


def test_resume_does_again_only_what_changed(studies: Path, assessed: list[str]) -> None:
    out = studies.parent / "out"
    batch.run(studies, out, OPTIONS)
    assert states(batch.run(studies, out, OPTIONS, resume=True)) == ["skipped", "skipped"]
    (studies / "P2" / "2.dcm").write_text("one more")
    assert states(batch.run(studies, out, OPTIONS, resume=True)) == ["skipped", "done"]
    (studies / "P2" / "2.dcm").unlink()
    assert states(batch.run(studies, out, OPTIONS, resume=True)) == ["skipped", "done"]
    assert assessed == ["P1", "P2", "P2", "P2"]


@pytest.mark.parametrize(
    "changed",
    [
        {"criteria": ("irecist",)},
        {"lesions": "auto"},
        {"roi_pattern": "gtv"},
        {"protocol": load("fda")},
        {"protocol": replace(DEFAULT, field=replace(DEFAULT_PROFILE, low_dose_gy=2.0))},
    ],
)
def test_resume_does_all_again_under_other_settings(
    studies: Path, assessed: list[str], changed: dict[str, Any]
) -> None:
    out = studies.parent / "out"
    batch.run(studies, out, OPTIONS)
    again = batch.run(studies, out, replace(OPTIONS, **changed), resume=True)
    assert states(again) == ["done", "done"]


def test_resume_sees_a_table_or_label_map_change(studies: Path, assessed: list[str]) -> None:
    out, table = studies.parent / "out", studies.parent / "choices.csv"
    table.write_text("subject,lesion\n")
    labels = studies.parent / "labels"
    labels.mkdir()
    given = replace(OPTIONS, choices_file=table, lesions=str(labels))
    batch.run(studies, out, given)
    assert states(batch.run(studies, out, given, resume=True)) == ["skipped", "skipped"]
    table.write_text("subject,lesion\nP1,L1\n")
    assert states(batch.run(studies, out, given, resume=True)) == ["done", "done"]
    (labels / "P1.nii.gz").write_text("label")
    assert states(batch.run(studies, out, given, resume=True)) == ["done", "done"]


@pytest.mark.parametrize(
    "record",
    ["", "[]", "{}", '{"fingerprint": 1}', '{"fingerprint": "x"', "[" * 100_000],
    ids=["empty", "list", "nothing", "number", "cut", "deep"],
)
def test_resume_does_again_what_has_a_broken_record(
    studies: Path, assessed: list[str], record: str
) -> None:
    out = studies.parent / "out"
    batch.run(studies, out, OPTIONS)
    (out / "P1" / FINGERPRINT).write_text(record)
    assert states(batch.run(studies, out, OPTIONS, resume=True)) == ["done", "skipped"]


@pytest.mark.parametrize("trouble", ["broken", "bug"])
def test_a_patient_that_fails_stops_no_other(
    studies: Path, assessed: list[str], trouble: str
) -> None:
    (studies / "P1" / "1.dcm").write_text(trouble)
    out = studies.parent / "out"
    result = batch.run(studies, out, OPTIONS)
    assert (states(result), result.exit_code) == (["failed", "done"], 1)
    assert str(result.failures[-1]).startswith("P1: ")
    assert not (out / "P1").exists()
    with (out / "summary.csv").open() as stream:
        assert [row["status"] for row in csv.DictReader(stream)] == ["failed", "done"]
    record = json.loads((out / "run.json").read_text())
    assert record["exit_code"] == 1
    schemas = Path(recist.__file__).parent / "schemas"
    jsonschema.validate(record, json.loads((schemas / "run.schema.json").read_text()))


def test_nothing_half_written_stays(studies: Path, assessed: list[str]) -> None:
    out = studies.parent / "out"
    batch.run(studies, out, OPTIONS)
    (out / "full").touch()
    result = batch.run(studies, out, OPTIONS)
    assert states(result) == ["done", "failed"]
    assert "still holds the result of an earlier run" in str(result.failures[-1])
    assert (out / "P2" / "report.html").read_text() == "P2"
    assert not [path for path in out.rglob("*") if path.name.startswith(".") or "half" in path.name]


def test_all_failed_is_exit_code_2(studies: Path, assessed: list[str]) -> None:
    for name in ("P1", "P2"):
        (studies / name / "1.dcm").write_text("broken")
    assert batch.run(studies, studies.parent / "out", OPTIONS).exit_code == 2


def test_problems_of_patients_that_are_not_wanted_do_not_count(
    studies: Path, assessed: list[str]
) -> None:
    out = studies.parent / "out"
    one = batch.run(studies, out, OPTIONS, only=["P1"])
    assert (states(one), one.exit_code) == (["done"], 0)
    both = batch.run(studies, out, OPTIONS)
    assert both.exit_code == 1
    assert [str(failure) for failure in both.failures] == ["P2: P2/2.dcm: truncated"]


def test_a_subject_that_is_not_there_is_named_with_those_that_are(
    studies: Path, assessed: list[str]
) -> None:
    with pytest.raises(InputError, match=r"no subject P3 \(found: P1, P2\)"):
        batch.run(studies, studies.parent / "out", OPTIONS, only=["P1", "P3"])
    assert assessed == []


def test_a_file_that_vanished_since_the_scan_fails_its_patient_alone(
    studies: Path, assessed: list[str]
) -> None:
    result = batch.run(
        studies,
        studies.parent / "out",
        OPTIONS,
        on_catalogue=lambda _: (studies / "P1" / "1.dcm").unlink(),
    )
    assert states(result) == ["failed", "done"]


def test_the_images_of_a_patient_are_never_replaced_by_the_results(
    studies: Path, assessed: list[str]
) -> None:
    """Patients' folders often bear the Patient ID, as the results do."""
    result = batch.run(studies, studies, OPTIONS)
    assert (states(result), assessed) == (["failed", "failed"], [])
    assert "is not replaced" in str(result.failures[-1])
    assert (studies / "P1" / "1.dcm").read_text() == "P1"


def test_a_place_that_cannot_be_written_is_refused_at_once(
    studies: Path, assessed: list[str]
) -> None:
    for out in (studies / "P1" / "1.dcm", Path("/proc/nowhere")):
        with pytest.raises(InputError, match="cannot be written"):
            batch.run(studies, out, OPTIONS)
    assert assessed == []


def test_corrected_delineations_among_the_results_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "out" / "P1" / "delineations").mkdir(parents=True)
    (tmp_path / "out" / "P1" / FINGERPRINT).touch()
    (tmp_path / "out" / "labels").mkdir()
    for given in (tmp_path / "out", tmp_path / "out" / "P1" / "delineations"):
        with pytest.raises(InputError, match="will be replaced"):
            check_place(tmp_path / "out", given)
    check_place(tmp_path / "out", tmp_path / "out" / "labels")
    check_place(tmp_path / "other", tmp_path / "out")


@pytest.mark.parametrize("subject", ["A" * 5000, "measurements.csv", "Lock.LOCK", "con", "LPT1.x"])
def test_an_identifier_never_makes_a_path_that_fails_or_hides_a_table(subject: str) -> None:
    (name,) = folder_names([subject]).values()
    assert name != subject
    assert len(name) < 100
    assert folder_names([subject + "x"])[subject + "x"] != name


def test_folder_names_are_plain_and_distinct() -> None:
    ids = ["A-1", "a-1", "A 1", "A/1", "../x", "", "Ä", "ß", "run.json", ".part", "P" * 64]
    names = folder_names(ids)
    assert names["A-1"] == "A-1"
    assert len({name.lower() for name in names.values()}) == len(ids)
    for name in names.values():
        assert name.isascii() and not name.startswith(".") and not set("/\\: ") & set(name)
        assert name not in ("run.json", "summary.csv", "..")
    assert folder_names(["A 1"])["A 1"] == names["A 1"]  # the same whoever comes with it


def test_what_was_being_written_is_gone_after_an_interruption(tmp_path: Path) -> None:
    place = tmp_path / "P1"
    with pytest.raises(KeyboardInterrupt), written_whole(place) as part:
        (part / "half").touch()
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())
    (tmp_path / ".P1.part").mkdir()  # of a process that was killed
    (tmp_path / ".P1.part" / "half").touch()
    with written_whole(place) as part:
        (part / "whole").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["P1", "whole"]


def test_a_result_with_a_file_gone_emptied_or_added_is_done_again(
    studies: Path, assessed: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    batch.run(studies, out, OPTIONS)
    report = out / "P1" / "report.html"
    for damage in (
        report.unlink,
        lambda: report.write_text(""),
        lambda: (out / "P1" / "stray.csv").write_text("x"),
    ):
        damage()
        assessed.clear()
        result = batch.run(studies, out, OPTIONS, resume=True)
        assert (states(result), assessed) == (["done", "skipped"], ["P1"])
        assert report.read_text() == "P1"


def test_two_runs_do_not_write_into_one_folder(
    studies: Path, assessed: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with locked(out), pytest.raises(InputError, match="another run writes its results there"):
        batch.run(studies, out, OPTIONS)
    assert assessed == []
    assert states(batch.run(studies, out, OPTIONS)) == ["done", "done"]
    assert not list(out.glob(".*"))


def test_results_that_are_removed_during_the_run_are_told(
    studies: Path, assessed: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"

    def remove(subject: str, stage: str) -> None:
        if (subject, stage) == ("P2", "write"):
            shutil.rmtree(out)

    result = batch.run(studies, out, OPTIONS, on_stage=remove)
    assert (result.exit_code, states(result)) == (1, ["failed", "done"])
    assert [failure.what for failure in result.failures][-1].startswith("its results were removed")
    with (out / "summary.csv").open(newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["failed", "done"]


def test_input_that_changes_while_it_is_read_is_told(
    studies: Path, assessed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = pipeline.assess_subject

    def assess(subject: Subject, options: Options, **kwargs: Any) -> Any:
        found = read(subject, options, **kwargs)
        if subject.id == "P1":
            (studies / "P1" / "1.dcm").write_text("longer than it was")
        return found

    monkeypatch.setattr(pipeline, "assess_subject", assess)
    result = batch.run(studies, tmp_path / "out", OPTIONS)
    assert states(result) == ["failed", "done"]
    assert "its files changed while they were read" in str(result.failures[-1])


def test_a_hundred_thousand_identifiers_have_folders_of_their_own() -> None:
    """Each is compared with those before it at once: one by one would take hours."""
    ids = [f"{letter}{number}" for number in range(50_000) for letter in "Pp"]
    names = folder_names(ids)
    assert len({name.lower() for name in names.values()}) == len(ids)


@pytest.mark.parametrize(
    "subject", ["measurements.csv", "Summary.CSV", "run.json", "x" * 5000, "é" * 300, "..", "a/b"]
)
def test_any_identifier_has_a_folder_of_its_own(subject: str, tmp_path: Path) -> None:
    (name,) = folder_names([subject]).values()
    assert not name.lower().endswith((".csv", ".json"))
    with written_whole(tmp_path / name) as part:
        (part / "report.html").write_text("x")
    assert (tmp_path / name).parent == tmp_path
    assert folder_names([subject, f"{subject}y"])[f"{subject}y"] != name


def test_errors_name_no_folder_of_the_input(
    studies: Path, assessed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(subject: Subject, *_: object, **__: object) -> Any:
        path = subject.visits[0].ct.files[0]  # type: ignore[union-attr]
        if subject.id == "P1":
            raise InputError("truncated", where=path)
        raise FileNotFoundError(2, "No such file or directory", str(path))

    monkeypatch.setattr(pipeline, "assess_subject", fail)
    result = batch.run(studies, tmp_path / "out", OPTIONS)
    said = " ".join(str(failure) for failure in result.failures)
    assert "1.dcm: truncated" in said
    assert str(studies) not in said


def test_resume_writes_the_objects_that_were_not_asked_for_before(
    studies: Path, assessed: list[str]
) -> None:
    out = studies.parent / "out"
    batch.run(studies, out, OPTIONS)
    wanted = replace(OPTIONS, dicom=True)
    assert states(batch.run(studies, out, wanted, resume=True)) == ["done", "done"]
