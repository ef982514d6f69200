"""A second factor: a code of the authenticator, once, beside the password."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pyotp
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from recist.review.database import audit_trail
from recist.review.database.tables import Account, AccountRole, AuditRow
from recist.review.trial.trial_settings import read_trial
from recist.review.web import second_factor
from recist.review.web.app import create_trial_app, enter, trial_room
from tests.recist.review.conftest import HOST, Browser
from tests.recist.review.phantom_trial import PASSWORD, write_studies
from tests.recist.review.test_commands import run

NOW = 1_800_000_000


@pytest.fixture
def trial_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(second_factor.time, "time", lambda: NOW)
    studies = write_studies(tmp_path / "studies")
    file = tmp_path / "trial.toml"
    file.write_text(
        f'[trial]\nname = "P"\nstudies = "{studies}"\nsecond_factor = true\n'
        f'[server]\nhosts = ["{HOST}"]\n'
    )
    return file


def secret_for(file: Path, name: str, role: AccountRole) -> pyotp.TOTP:
    """An account with its authenticator."""
    room = trial_room(read_trial(file))
    number = enter(room.database, name, role, PASSWORD)
    with room.database.session() as session:
        audit_trail.act(session, audit_trail.SYSTEM, "give second factor")
        address = second_factor.given(session, session.get_one(Account, number))
    room.database.close()
    found = pyotp.parse_uri(address)
    assert isinstance(found, pyotp.TOTP) and found.name == name
    return found


def browser_of(file: Path) -> Browser:
    app = create_trial_app(read_trial(file))
    return Browser(TestClient(app, base_url=f"http://{HOST}"))


def login(browser: Browser, name: str, code: str) -> Any:
    return browser.post("login", {"user": name, "password": PASSWORD, "code": code})


def test_a_login_takes_a_code_and_takes_it_once(trial_file: Path) -> None:
    totp = secret_for(trial_file, "ann", AccountRole.READER)
    browser = browser_of(trial_file)
    assert browser.get("login").json() == {"second_factor": True}
    for wrong in ("", "000000", totp.at(NOW - 90), totp.at(NOW + 90)):
        assert login(browser, "ann", wrong).status_code == 401
    code = totp.at(NOW)
    wrong_password = {"user": "ann", "password": "another password", "code": code}
    assert login(browser, "ann", code).status_code == 200
    again = browser_of(trial_file)
    assert login(again, "ann", code).status_code == 401  # seen over a shoulder
    assert login(again, "ann", totp.at(NOW - 30)).status_code == 401  # older than the used one
    assert login(again, "ann", totp.at(NOW + 30)).status_code == 200
    assert again.post("login", wrong_password).status_code == 401


def test_who_has_no_authenticator_does_not_come_in(trial_file: Path) -> None:
    room = trial_room(read_trial(trial_file))
    enter(room.database, "bob", AccountRole.READER, PASSWORD)
    room.database.close()
    browser = browser_of(trial_file)
    refused = login(browser, "bob", "123456")
    assert refused.status_code == 401
    assert refused.json()["error"] == "name, password and code do not fit"  # not which


def test_codes_that_are_guessed_are_slowed(trial_file: Path) -> None:
    secret_for(trial_file, "ann", AccountRole.READER)
    browser = browser_of(trial_file)
    found = [login(browser, "ann", f"{n:06}").status_code for n in range(7)]
    assert 429 in found


def test_an_administrator_hands_out_and_renews_authenticators(trial_file: Path) -> None:
    totp = secret_for(trial_file, "root", AccountRole.ADMINISTRATOR)
    root = browser_of(trial_file)
    root.csrf = login(root, "root", totp.at(NOW)).json()["csrf"]
    made = root.post("trial/accounts", {"name": "eve", "role": "reader", "password": PASSWORD})
    first = pyotp.parse_uri(made.json()["second_factor"])
    assert isinstance(first, pyotp.TOTP)
    eve = browser_of(trial_file)
    assert login(eve, "eve", first.at(NOW)).status_code == 200
    renewed = root.post("trial/accounts/eve/second-factor", {}).json()["second_factor"]
    assert eve.get("session").status_code == 401  # her sessions ended
    assert login(eve, "eve", first.at(NOW + 30)).status_code == 401
    second = pyotp.parse_uri(renewed)
    assert isinstance(second, pyotp.TOTP)
    assert login(eve, "eve", second.at(NOW)).status_code == 200
    eve.csrf = eve.get("session").json()["csrf"]
    assert eve.post("trial/accounts/root/second-factor", {}).status_code == 403
    assert root.post("trial/accounts/nobody/second-factor", {}).status_code == 404


def test_the_secret_is_in_no_audit_row_and_the_proof_holds(
    trial_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    totp = secret_for(trial_file, "ann", AccountRole.READER)
    browser = browser_of(trial_file)
    login(browser, "ann", totp.at(NOW))
    with browser.client.app.state.room.database.looking() as session:
        rows = session.scalars(select(AuditRow)).all()
    assert any(row.action == "give second factor" for row in rows)
    assert not any(totp.secret in row.after + row.before for row in rows)
    assert run(monkeypatch, "audit", str(trial_file)) == 0
    assert "proved" in capsys.readouterr().err


def test_the_command_gives_an_authenticator_and_renews_it(
    trial_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RECIST_REVIEW_PASSWORD", PASSWORD)
    asked = ("account", str(trial_file), "ann", "--role", "reader")
    assert run(monkeypatch, *asked) == 0
    assert "otpauth://totp/" in capsys.readouterr().err.replace("\n", "")
    assert run(monkeypatch, *asked) == 0
    assert "otpauth://" not in capsys.readouterr().err  # she keeps the one she has
    assert run(monkeypatch, "second-factor", str(trial_file), "ann") == 0
    assert "otpauth://totp/" in capsys.readouterr().err.replace("\n", "")
    assert run(monkeypatch, "second-factor", str(trial_file), "nobody") == 2
    trial_file.write_text(trial_file.read_text().replace("second_factor = true", ""))
    assert run(monkeypatch, "second-factor", str(trial_file), "ann") == 2
    assert "no second factor is asked for" in capsys.readouterr().err


def test_clocks_may_differ_by_a_step(trial_file: Path) -> None:
    totp = secret_for(trial_file, "ann", AccountRole.READER)
    assert login(browser_of(trial_file), "ann", totp.at(NOW - 30)).status_code == 200
    assert time.time() == NOW
