"""A reader corrects the results of a run: at once, everything that follows, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest

from recist.cli import main
from recist.patient.options import Options
from recist.phantom.small import write_small_patient
from recist.phantom.study import Truth
from recist.run import batch
from tests.recist.written import contents, rows

SUBJECT = "PHANTOM-1"


@pytest.fixture
def out(done: batch.Batch, tmp_path: Path) -> Path:
    """Results of a run that may be corrected."""
    shutil.copytree(done.out, tmp_path / "out")
    return tmp_path / "out"


def table(folder: Path, name: str, text: str) -> str:
    path = folder / f"{name}.csv"
    path.write_text(text)
    return str(path)


def corrected(
    *arguments: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, list[str]]:
    monkeypatch.setattr("sys.argv", ["recist", "correct", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    return int(stop.value.code or 0), capsys.readouterr().err.splitlines()


def test_a_corrected_diameter_changes_tables_page_and_summary_and_is_told(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(out)
    given = table(
        tmp_path,
        "measurements",
        f"subject,date,lesion,diameter_mm,reader,reason\n{SUBJECT},2024-05-06,L2,60.0,AB,rim\n",
    )
    code, lines = corrected(
        str(out), "--measurements", given, monkeypatch=monkeypatch, capsys=capsys
    )
    assert code == 0
    assert lines[0].startswith("L2 2024-05-06: 17.1 -> 60.0 mm; PR -> SD")
    folder = out / SUBJECT
    (row,) = [
        r
        for r in rows(folder / "measurements.csv")
        if (r["date"], r["lesion"]) == ("2024-05-06", "L2")
    ]
    assert row["diameter_mm"] == "60.0"
    page = (folder / "report.html").read_text()
    assert "by the reader (AB: rim); 17.1 mm was drawn" in page
    assert rows(out / "summary.csv")[0]["recist11_all_best"] == "SD"
    assert {r["overall"] for r in rows(out / "timepoints.csv")} >= {"SD", "PD"}
    after = contents(out)
    segs = [name for name in before if name.endswith(".dcm")]
    assert segs and all(after[name] == before[name] for name in segs)

    nothing = table(
        tmp_path, "nothing", f"subject,date,lesion,diameter_mm\n{SUBJECT},2024-05-06,L2,\n"
    )
    code, lines = corrected(
        str(out), "--measurements", nothing, monkeypatch=monkeypatch, capsys=capsys
    )
    assert code == 0 and "60.0 -> 17.1 mm" in lines[0]
    assert contents(out) == before


def test_a_corrected_role_loads_nothing_that_works_on_images(out: Path, tmp_path: Path) -> None:
    """The pictures stay, and what followed each lesion from date to date is kept with them."""
    given = table(tmp_path, "o", f"subject,lesion,role\n{SUBJECT},L1,non-target\n")
    late = ["scipy.ndimage", "highdicom", "SimpleITK", "torch", "pandas"]
    code = (
        "import sys\nfrom pathlib import Path\nfrom recist.run.correcting import correct\n"
        f"(done,) = correct(Path({str(out)!r}), {{'overrides': Path({given!r})}})\n"
        f"print(done.changes.lines()[0], sorted(set({late!r}) & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "L1: role target -> non-target []", ran.stderr


def test_what_is_no_lesion_leaves_the_segmentation_and_comes_back(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(out)
    tables = out / SUBJECT / "corrections" / "overrides.csv"
    laid_out = tables.read_text()
    tables.write_text(laid_out.replace(f"{SUBJECT},L1,,", f"{SUBJECT},L1,not-a-lesion,"))
    code, lines = corrected(str(out), monkeypatch=monkeypatch, capsys=capsys)
    assert code == 0 and lines[0] == "L1: lesion recorded -> not recorded"
    segs = sorted((out / SUBJECT / "delineations").glob("*.dcm"))
    names = [{str(s.SegmentLabel) for s in pydicom.dcmread(seg).SegmentSequence} for seg in segs]
    assert len(names) == 3 and all("L1" not in each for each in names)
    assert "not-a-lesion" in tables.read_text()
    tables.write_text(laid_out)
    code, _ = corrected(str(out), monkeypatch=monkeypatch, capsys=capsys)
    assert code == 0
    assert contents(out) == before


def test_a_run_that_is_resumed_keeps_what_was_corrected(
    phantom: Truth, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    given = table(
        tmp_path, "m", f"subject,date,lesion,status,reason\n{SUBJECT},2024-05-06,L2,absent,seen\n"
    )
    corrected(str(out), "--measurements", given, monkeypatch=monkeypatch, capsys=capsys)
    kept = contents(out / SUBJECT)
    again = batch.run(phantom.studies, out, Options.create(lesions="dicom"), resume=True)
    assert [each.state for each in again.subjects] == ["skipped"]
    assert contents(out / SUBJECT) == kept


UNFIT = {
    "no such lesion": f"subject,date,lesion,diameter_mm\n{SUBJECT},2024-05-06,L77,9\n",
    "no such date": f"subject,date,lesion,diameter_mm\n{SUBJECT},2021-05-06,L1,9\n",
    "no subject SOMEONE": "subject,date,lesion,diameter_mm\nSOMEONE,2024-05-06,L1,9\n",
}


@pytest.mark.parametrize("told", UNFIT)
def test_a_correction_that_fits_nothing_leaves_the_results_as_they_are(
    out: Path, tmp_path: Path, told: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    before = contents(out)
    given = table(tmp_path, "m", UNFIT[told])
    code, lines = corrected(
        str(out), "--measurements", given, monkeypatch=monkeypatch, capsys=capsys
    )
    assert code == 2 and any(told in line for line in lines)
    assert contents(out) == before


def test_without_kept_work_the_command_says_what_to_do(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(out / SUBJECT / "work")
    code, lines = corrected(str(out), monkeypatch=monkeypatch, capsys=capsys)
    assert code == 2 and any("without --no-cache" in line for line in lines)


def test_nothing_of_the_images_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A diameter, with or without its caliper, is corrected where the images are gone."""
    write_small_patient(tmp_path / "studies", "P1")
    batch.run(tmp_path / "studies", tmp_path / "out", Options.create(lesions="dicom"))
    shutil.rmtree(tmp_path / "studies")
    given = table(
        tmp_path, "m", "subject,date,lesion,diameter_mm,reader\nP1,2024-04-29,L2,6.5,AB\n"
    )
    code, lines = corrected(
        str(tmp_path / "out"), "--measurements", given, monkeypatch=monkeypatch, capsys=capsys
    )
    assert code == 0 and "2024-04-29: 28.3 -> 6.5 mm" in lines[0], lines
