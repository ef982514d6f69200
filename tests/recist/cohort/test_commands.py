"""``recist cohort``, ``recist design`` and ``recist forecast`` as a user runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from recist.cli import main
from recist.cohort import plots
from recist.cohort.simulated import write_trial


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["recist", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    return int(stop.value.code or 0)


def test_design_prints_events_patients_and_power(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    options = ["--hazard-ratio", "0.6", "--control-median-months", "6", "--trials", "20"]
    options += ["--patients", "12", "--example", str(tmp_path)]
    assert run(monkeypatch, "design", *options) == 0
    said = capsys.readouterr().out
    assert "135.36 events" in said and "12 patients" in said and "simulated power" in said
    assert (tmp_path / "patients.csv").is_file()
    assert run(monkeypatch, "design", "--hazard-ratio", "1", "--control-median-months", "6") == 2
    assert "no effect to plan for" in capsys.readouterr().err


def test_cohort_names_the_bad_patient_and_answers_for_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    # The drawings are those of every trial: one of them is enough here.
    draw = plots.plots
    monkeypatch.setattr(plots, "plots", lambda *given: draw(*given)[:1])
    tables = write_trial(tmp_path, patients=9, seed=4)
    text = tables.patients.read_text()
    tables.patients.write_text(text.replace("S2,SBRT + immunotherapy", "S2,SBRT plus drug"))
    options = ["--patients", str(tables.patients), "--arms", "SBRT + immunotherapy,SBRT"]
    out = tmp_path / "out"
    assert run(monkeypatch, "cohort", str(tables.measurements), *options, "-o", str(out)) == 1
    shown = capsys.readouterr()
    assert "Free of progression at 6 months" in shown.out
    assert "error: S2, row 3: arm 'SBRT plus drug' is unknown" in shown.err
    assert "8 of 9 subjects assessed" in shown.err
    assert (out / "report.html").is_file() and (out / "report.pdf").is_file()


def test_forecast_prints_what_it_assumes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    tables = write_trial(tmp_path, patients=6, seed=4)
    out = tmp_path / "out"
    assert run(monkeypatch, "forecast", str(tables.measurements), "-o", str(out)) == 0
    assert "Assumed, not estimated" in capsys.readouterr().err
    assert (out / "new_lesions.csv").is_file()
