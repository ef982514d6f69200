"""What others try: another's case, a later date, a raised role, tokens, floods, injection."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher, extract_parameters
from fastapi.testclient import TestClient
from sqlalchemy import text

from recist.review.database import audit_trail
from recist.review.web import sessions
from recist.review.web.guard import LARGEST_BODY_BYTES
from recist.review.web.sessions import COOKIE
from tests.recist.review.conftest import HOST, Browser
from tests.recist.review.phantom_trial import (
    DATES,
    PASSWORD,
    PhantomTrial,
    begin_trial,
    write_studies,
)

HOSTILE = (
    "'; DROP TABLE entries; --",
    '"><script>alert(1)</script>',
    '=HYPERLINK("http://evil")',
    "{{7*7}}${7*7}",
    "../../etc/passwd",
    "\u202egnitset",
)


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhantomTrial]:
    folder = tmp_path_factory.mktemp("security")
    found = begin_trial(folder, write_studies(folder / "studies"))
    yield found
    found.app.state.room.database.close()


@pytest.fixture
def ann(trial: PhantomTrial) -> Browser:
    return trial.enter("ann")


@pytest.fixture
def eve(trial: PhantomTrial) -> Browser:
    """A reader of this trial to whom nothing is assigned."""
    return trial.enter("eve")


def fresh(trial: PhantomTrial, **more: Any) -> TestClient:
    return TestClient(trial.app, base_url=f"http://{HOST}", **more)


def test_another_readers_case_is_not_found_in_any_way(eve: Browser) -> None:
    assert eve.get("patients").json() == {"patients": []}
    for path in (
        "patients/S1",
        f"patients/S1/images/{DATES[0]}/ct/axial/3",
        f"patients/S1/volumes/{DATES[0]}/ct",
        f"patients/S1/masks/{DATES[0]}",
        f"patients/S1/links/{DATES[0]}",
        f"patients/S1/field/{DATES[0]}/3",
        "trial/subjects/S1/adjudication",
        f"trial/subjects/S1/reads/1/masks/{DATES[0]}",
    ):
        found, unknown = eve.get(path), eve.get(path.replace("S1", "S99"))
        assert found.status_code == 404, path
        assert found.json() == unknown.json()  # nothing tells that S1 exists
    change = {"kind": "comment", "text": "mine now"}
    for path, body in (
        ("patients/S1/changes", {"version": 0, "changes": [change]}),
        ("patients/S1/undo", {"version": 0}),
        ("patients/S1/sign", {"version": 0, "name": "E", "meaning": "m", "password": PASSWORD}),
        ("patients/S1/reopen", {"version": 0, "reason": "r"}),
        ("patients/S1/queries", {"text": "t"}),
        ("patients/S1/prompt", {"date": DATES[0], "click": [0, 0, 0]}),
    ):
        assert eve.post(path, body).status_code == 404, path


def test_a_later_date_is_neither_listed_nor_served(ann: Browser) -> None:
    for path in ("images/{}/ct/axial/3", "volumes/{}/ct", "masks/{}", "links/{}", "field/{}/3"):
        assert ann.get(f"patients/S1/{path.format(DATES[1])}").status_code == 404, path
    said = ann.get("patients/S1").text
    assert DATES[1] not in said and DATES[2] not in said
    change = {"kind": "confirm", "date": DATES[1]}
    answer = ann.post("patients/S1/changes", {"version": 0, "changes": [change]})
    assert answer.status_code == 422
    asked = {"version": 0, "name": "A", "meaning": "m", "password": PASSWORD, "date": DATES[1]}
    assert ann.post("patients/S1/sign", asked).status_code == 422


def test_a_role_in_the_request_is_refused_and_others_stay_what_they_are(
    trial: PhantomTrial, ann: Browser
) -> None:
    asked = {"user": "ann", "password": PASSWORD, "role": "administrator"}
    assert fresh(trial).post("/api/login", json=asked).status_code == 422
    assert ann.post("trial/accounts/ann", {"role": "administrator"}).status_code == 403
    made = {"name": "mallory", "role": "administrator", "password": "long enough!"}
    assert ann.post("trial/accounts", made).status_code == 403
    assert ann.get("session", headers={"X-Role": "administrator"}).json()["role"] == "reader"
    max_, root = trial.enter("max"), trial.enter("root")
    change = {"version": 0, "changes": [{"kind": "comment", "text": "t"}]}
    for who in (max_, root):  # who only looks, and who only administers, never reads
        assert who.post("patients/S1/changes", change).status_code == 404
    assert max_.post("trial/accounts", made).status_code == 403
    assert root.get(f"patients/S1/images/{DATES[0]}/ct/axial/3").status_code == 404
    assert root.post("trial/accounts/root", {"role": "reader"}).status_code == 403


def test_a_changed_role_or_an_ended_account_ends_its_sessions(trial: PhantomTrial) -> None:
    root = trial.enter("root")
    made = {"name": "temp", "role": "monitor", "password": PASSWORD}
    assert root.post("trial/accounts", made).status_code == 201
    temp = trial.enter("temp")
    assert temp.get("trial/accounts").status_code == 200
    assert root.post("trial/accounts/temp", {"disabled": True}).status_code == 200
    assert temp.get("trial/accounts").status_code == 401
    answer = fresh(trial).post("/api/login", json={"user": "temp", "password": PASSWORD})
    assert answer.status_code == 401


def test_stale_and_forged_sessions_are_nobody(
    trial: PhantomTrial, ann: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("", "x", "0" * 43, "../..", ann.client.cookies[COOKIE][:-1] + "!"):
        client = fresh(trial, cookies={COOKIE: key})
        assert client.get("/api/patients").status_code == 401
    with monkeypatch.context() as later:
        later.setattr(sessions, "IDLE", -sessions.NOTED_EVERY)
        assert ann.get("patients").status_code == 401
    assert ann.get("patients").status_code == 200
    old = ann.client.cookies[COOKIE]
    assert ann.post("logout", {}).status_code == 204
    client = fresh(trial, cookies={COOKIE: old})
    assert client.get("/api/patients").status_code == 401


def test_a_change_needs_the_token_of_its_own_session(trial: PhantomTrial, ann: Browser) -> None:
    body = {"version": 0, "changes": [{"kind": "comment", "text": "t"}]}
    other = trial.enter("bob").csrf
    for token in ("", "x" * 43, other):
        headers = {"X-CSRF-Token": token}
        answer = ann.client.post("/api/patients/S1/changes", json=body, headers=headers)
        assert answer.status_code == 403
    plain = ann.client.post("/api/patients/S1/changes", data={"version": "0"})
    assert plain.status_code == 403  # as a form of another site would send it
    assert ann.page("S1")["version"] == 0


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
     {"Origin": f"http://{HOST}.evil.example"}, {"Sec-Fetch-Site": "same-site"}],
)  # fmt: skip
def test_calls_from_other_sites_are_refused(ann: Browser, headers: dict[str, str]) -> None:
    answer = ann.post("patients/S1/undo", {"version": 0}, **headers)
    assert answer.status_code == 403 and "another site" in answer.json()["error"]
    seen = ann.get("session", headers={"Origin": "https://evil.example"})
    assert not any(name.startswith("access-control") for name in seen.headers)


def test_another_host_name_is_refused(trial: PhantomTrial) -> None:
    for host in ("evil.example", f"{HOST}.evil.example", "127.0.0.1", "", "localhost:1"):
        answer = fresh(trial).get("/api/session", headers={"Host": host})
        assert answer.status_code == 421, host


def test_a_planted_session_is_worth_nothing_after_login(trial: PhantomTrial) -> None:
    planted = "A" * 43
    client = fresh(trial, cookies={COOKIE: planted})
    answer = client.post("/api/login", json={"user": "ann", "password": PASSWORD})
    fresh_key = answer.cookies[COOKIE]
    assert fresh_key != planted
    assert fresh(trial, cookies={COOKIE: planted}).get("/api/session").status_code == 401
    told = answer.headers["set-cookie"].lower()
    assert "httponly" in told and "samesite=strict" in told and "path=/" in told


def test_another_password_makes_another_session_and_ends_the_rest(trial: PhantomTrial) -> None:
    root = trial.enter("root")
    root.post("trial/accounts", {"name": "carl", "role": "reader", "password": PASSWORD})
    one, other = trial.enter("carl"), trial.enter("carl")
    key = one.client.cookies[COOKIE]
    wrong = one.post("password", {"old": "not it", "new": "another long one"})
    assert wrong.status_code == 403
    changed = one.post("password", {"old": PASSWORD, "new": "another long one"})
    one.csrf = changed.json()["csrf"]
    assert one.client.cookies[COOKIE] != key and one.get("session").status_code == 200
    assert other.get("session").status_code == 401
    assert trial.enter("carl", "another long one").get("session").status_code == 200


def test_guessing_is_slowed_and_recorded(
    trial: PhantomTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = fresh(trial)
    database = trial.app.state.room.database
    codes = []
    for n in range(sessions.FREE_FAILURES + 3):
        answer = client.post("/api/login", json={"user": "bob", "password": f"guess {n}"})
        codes.append(answer.status_code)
    assert codes[: sessions.FREE_FAILURES] == [401] * sessions.FREE_FAILURES
    assert set(codes[sessions.FREE_FAILURES :]) == {429}
    assert int(answer.headers["Retry-After"]) >= 1
    right = client.post("/api/login", json={"user": "bob", "password": PASSWORD})
    assert right.status_code == 429  # not even the right one, until the wait is over
    with database.looking() as session:
        failed = session.execute(text("SELECT count(*) FROM audit WHERE action = 'login failed'"))
        assert failed.scalar_one() >= sessions.FREE_FAILURES
    monkeypatch.setattr(sessions, "FAILURES_FOR", -sessions.NOTED_EVERY)  # the time is over
    assert trial.enter("bob")


def test_an_unknown_name_takes_as_long_as_a_wrong_password() -> None:
    found = extract_parameters(PasswordHasher().hash("x"))
    assert found.type.name == "ID" and found.memory_cost >= 19 * 1024  # OWASP's least
    assert extract_parameters(sessions._NOBODY) == found


@pytest.mark.parametrize("words", HOSTILE)
def test_text_stays_text_in_page_and_database(
    ann: Browser, trial: PhantomTrial, words: str
) -> None:
    asked = ann.post("patients/S2/queries", {"text": words})
    assert asked.status_code == 201
    page = ann.say({"kind": "comment", "text": words}, subject="S2", reason=words)
    assert page["comments"][-1]["text"] == words
    new = {"kind": "new", "date": DATES[0], "organ": words[:60], "role": "non-target",
           "reason": words, "caliper": {"long": [[0, 0, 0], [0, 9, 0]]}}  # fmt: skip
    page = ann.say(new, subject="S2")
    assert page["lesions"][-1]["organ"] == words[:60]
    answer = ann.get("patients/S2")
    assert answer.headers["content-type"] == "application/json"
    database = trial.app.state.room.database
    with database.looking() as session:
        assert audit_trail.prove(session, database.key).broken is None


@pytest.mark.parametrize("words", ["a\x00b", "a\x1b[31mb", "\ud800", "x" * 5000])
def test_control_characters_halves_and_floods_are_refused(ann: Browser, words: str) -> None:
    body = '{"version": 0, "changes": [{"kind": "comment", "text": "%s"}]}'
    written = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in words)
    headers = {"X-CSRF-Token": ann.csrf, "Content-Type": "application/json"}
    answer = ann.client.post("/api/patients/S3/changes", content=body % written, headers=headers)
    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize(
    "path",
    ["/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/script/..%2f..%2f..%2fapp.py",
     "/api/patients/..%2f..%2fetc/images", "/api/patients/S1/images/../../../x",
     "/style/%00", "/api/patients/%00", "//etc/passwd"],
)  # fmt: skip
def test_no_path_leads_out_of_the_pages(ann: Browser, path: str) -> None:
    answer = ann.client.get(path)
    assert answer.status_code in (400, 404, 405), path
    assert "root:" not in answer.text and "import" not in answer.text


def test_a_gigabyte_is_refused_before_it_is_read(ann: Browser) -> None:
    headers = {"X-CSRF-Token": ann.csrf, "Content-Length": str(1 << 30)}
    begun = time.perf_counter()
    answer = ann.client.post("/api/patients/S1/changes", content=b"{", headers=headers)
    assert answer.status_code == 413 and time.perf_counter() - begun < 5

    def endless() -> Iterator[bytes]:
        for _ in range(2 * LARGEST_BODY_BYTES >> 20):
            yield b" " * (1 << 20)

    answer = ann.client.post(
        "/api/patients/S1/changes", content=endless(), headers={"X-CSRF-Token": ann.csrf}
    )
    assert answer.status_code == 413


def test_every_answer_tells_the_browser_what_to_refuse(trial: PhantomTrial) -> None:
    client = fresh(trial)
    for path in ("/", "/api/session", "/api/openapi.json", "/nothing"):
        headers = client.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "script-src 'self'" in policy and "default-src 'none'" in policy
        assert "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert client.get("/api/session").headers["Cache-Control"] == "no-store"


def test_a_signature_needs_the_password_of_who_signs(ann: Browser) -> None:
    page = ann.say(
        {"kind": "new", "date": DATES[0], "organ": "lung", "role": "target",
         "caliper": {"long": [[0, 0, 0], [0, 30, 0]]}},
        subject="S5",
    )  # fmt: skip
    asked = {"version": page["version"], "name": "A", "meaning": "m", "date": DATES[0]}
    for password in ({}, {"password": "not it"}):
        assert ann.post("patients/S5/sign", asked | password).status_code == 403
    assert ann.post("patients/S5/sign", asked | {"password": PASSWORD}).status_code == 200


def test_passwords_are_kept_as_argon2_hashes_only(trial: PhantomTrial) -> None:
    file = Path(trial.settings.url.removeprefix("sqlite:///"))
    with sqlite3.connect(file) as connection:
        hashes = [row[0] for row in connection.execute("SELECT password_hash FROM accounts")]
        assert hashes and all(each.startswith("$argon2id$") for each in hashes)
        trail = str(connection.execute("SELECT * FROM audit").fetchall())
    assert PASSWORD not in trail and "$argon2id$" not in trail


def test_the_token_of_the_address_opens_a_session_and_no_other_does(one_reader: Any) -> None:
    client = TestClient(one_reader.app, base_url=f"http://{HOST}", follow_redirects=False)
    assert client.get("/api/patients").status_code == 401
    assert client.get("/?token=not-the-token").status_code == 401
    assert client.get("/api/patients").status_code == 401
    answer = client.get("/?token=the-token")
    assert answer.status_code == 303 and answer.headers["location"] == "/"  # gone from the bar
    assert client.get("/api/patients").status_code == 200
