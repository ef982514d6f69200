"""``recist review`` as it is typed: accounts and exports of a trial, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from recist.cli import main
from tests.recist.review.phantom_trial import write_studies


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["recist", "review", *arguments])
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_the_first_account_is_made_and_the_trial_is_exported_and_proved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_studies(tmp_path / "studies")
    trial = tmp_path / "trial.toml"
    trial.write_text('[trial]\nname = "A"\nstudies = "studies"\n')
    monkeypatch.setenv("RECIST_REVIEW_PASSWORD", "too short")
    assert run(monkeypatch, "account", str(trial), "root", "--role", "administrator") == 2
    assert "password" in capsys.readouterr().err
    monkeypatch.setenv("RECIST_REVIEW_PASSWORD", "a long enough password")
    assert run(monkeypatch, "account", str(trial), "root", "--role", "administrator") == 0
    assert run(monkeypatch, "account", str(trial), "x", "--role", "king") == 2
    assert run(monkeypatch, "export", str(trial), "-o", str(tmp_path / "export")) == 0
    assert (tmp_path / "export" / "accepted" / "outcomes.csv").is_file()
    assert run(monkeypatch, "audit", str(trial)) == 0
    assert "proved:" in capsys.readouterr().err
    assert run(monkeypatch, "audit", str(tmp_path / "studies")) == 2
    assert "no database is there" in capsys.readouterr().err


def test_results_and_trial_are_one_or_the_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(monkeypatch, "--no-browser") == 2
    assert "give the results of a run, or --trial" in capsys.readouterr().err
    assert run(monkeypatch, str(tmp_path), "--no-browser", "--no-network") == 2
    assert "no results of a run" in capsys.readouterr().err
