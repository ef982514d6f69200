"""``recist export``: which targets there are, which patients they are asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imaging.errors import InputError
from recist.export.export_targets import TARGETS, targets_named
from recist.export.folders import patient_folders
from recist.export.request import Exported
from recist.patient.result_folder import hashes_of, part_replaced

ROW = dict[str, str]


def results(folder: Path, *subjects: str, complete: tuple[str, ...]) -> Path:
    """A folder as a run leaves it: a record, and a folder for each complete patient."""
    listed = [{"subject": name, "folder": name} for name in subjects]
    (folder / "run.json").write_text(json.dumps({"subjects": listed}))
    for name in complete:
        (folder / name).mkdir()
        (folder / name / "outcomes.csv").write_text("subject\n")
        record = {"fingerprint": "1", "files": hashes_of(folder / name)}
        (folder / name / "fingerprint.json").write_text(json.dumps(record))
    return folder


def test_a_target_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(InputError, match=r"--to pacs2.*dicom"):
        targets_named(["dicom", "pacs2"])
    with pytest.raises(InputError, match="no target"):
        targets_named([])
    assert targets_named(["dicom"]) == (TARGETS["dicom"],)


def test_a_patient_without_a_complete_result_is_named_and_the_others_stay(tmp_path: Path) -> None:
    results(tmp_path, "A", "B", complete=("A",))
    found, missing = patient_folders(tmp_path)
    assert [(each.subject, each.path) for each in found] == [("A", tmp_path / "A")]
    assert missing == ("B: no complete result, run it again with --resume",)
    assert patient_folders(tmp_path, ["A"])[1] == ()


def test_a_record_that_leads_out_of_the_results_is_not_followed(tmp_path: Path) -> None:
    results(tmp_path, "../A", complete=())
    assert patient_folders(tmp_path)[0] == ()


@pytest.mark.parametrize("text", ["", "[]", '{"subjects": 1}', '{"subjects": [{}]}'])
def test_a_damaged_record_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(InputError, match=r"run\.json"):
        patient_folders(tmp_path)


def test_a_folder_that_no_run_wrote_and_an_unknown_subject_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no results of recist run"):
        patient_folders(tmp_path)
    results(tmp_path, "A", complete=("A",))
    with pytest.raises(InputError, match=r"no subject C.*it has A"):
        patient_folders(tmp_path, ["C"])


@pytest.mark.parametrize(
    ("files", "failures", "code"), [(1, 0, 0), (0, 0, 0), (1, 1, 1), (0, 1, 2)]
)
def test_partial_failure_is_told_from_failure(files: int, failures: int, code: int) -> None:
    assert Exported((Path("a"),) * files, ("x",) * failures).exit_code == code


def test_a_part_that_is_written_anew_leaves_the_patient_complete(tmp_path: Path) -> None:
    folder = results(tmp_path, "A", complete=("A",)) / "A"
    for text in ("one", "two"):
        with part_replaced(folder, "dicom") as part:
            (part / "seg.dcm").write_text(text)
        assert (folder / "dicom" / "seg.dcm").read_text() == text
        assert json.loads((folder / "fingerprint.json").read_text())["files"] == hashes_of(folder)


def test_a_part_that_fails_leaves_the_earlier_one(tmp_path: Path) -> None:
    folder = results(tmp_path, "A", complete=("A",)) / "A"
    with part_replaced(folder, "dicom") as part:
        (part / "seg.dcm").write_text("one")

    def fail() -> None:
        with part_replaced(folder, "dicom") as part:
            (part / "seg.dcm").write_text("two")
            raise InputError("no room")

    with pytest.raises(InputError, match="no room"):
        fail()
    assert (folder / "dicom" / "seg.dcm").read_text() == "one"
    assert json.loads((folder / "fingerprint.json").read_text())["files"] == hashes_of(folder)
