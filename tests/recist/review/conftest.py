"""A run on the phantom patient, the reading room over it, and a browser without a window."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from recist.phantom.study import Truth
from recist.review.web.app import create_app
from recist.run.batch import Batch

HOST = "127.0.0.1:8765"
PHANTOM = "PHANTOM-1"
PHANTOM_DATES = ("2024-03-04", "2024-05-06", "2024-07-08")


@dataclass(frozen=True, slots=True)
class PhantomRun:
    """The images of the phantom, and what the main job made of them."""

    studies: Path
    results: Path


@pytest.fixture(scope="session")
def phantom_run(phantom: Truth, done: Batch) -> PhantomRun:
    return PhantomRun(phantom.studies, done.out)


class Browser:
    """Asks as our pages do: with the cookie of its session and the token of a change."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.csrf = ""

    def get(self, path: str, **more: Any) -> Response:
        return self.client.get(f"/api/{path}", **more)

    def post(self, path: str, body: object, **headers: str) -> Response:
        sent = {"X-CSRF-Token": self.csrf, **headers}
        return self.client.post(f"/api/{path}", json=body, headers=sent)

    def page(self, subject: str = PHANTOM) -> dict[str, Any]:
        found = self.get(f"patients/{subject}")
        assert found.status_code == 200, found.text
        return dict(found.json())

    def say(self, *changes: dict[str, Any], subject: str = PHANTOM, **more: Any) -> dict[str, Any]:
        """Changes on the newest version of the page; the page afterwards."""
        version = self.page(subject)["version"]
        body = {"version": version, "changes": list(changes), **more}
        answer = self.post(f"patients/{subject}/changes", body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


@dataclass(frozen=True, slots=True)
class OneReader:
    """The room of one reader: ``enter`` opens a browser with the token of the address."""

    app: Any
    results: Path
    enter: Callable[[], Browser]


def entering(app: Any) -> Callable[[], Browser]:
    """Opens browsers with the token of the address."""

    def enter() -> Browser:
        browser = Browser(TestClient(app, base_url=f"http://{HOST}"))
        browser.client.get("/?token=the-token")
        browser.csrf = browser.get("session").json()["csrf"]
        return browser

    return enter


@contextmanager
def room_of_one_reader(results: Path, studies: Path) -> Iterator[OneReader]:
    app = create_app(results, studies=studies, reader="Dr Able", hosts=[HOST], token="the-token")
    with TestClient(app, base_url=f"http://{HOST}"):
        yield OneReader(app, results, entering(app))


@pytest.fixture
def one_reader(phantom_run: PhantomRun, tmp_path: Path) -> Iterator[OneReader]:
    results = tmp_path / "results"
    shutil.copytree(phantom_run.results, results)
    with room_of_one_reader(results, phantom_run.studies) as room:
        yield room


def sign(browser: Browser) -> Response:
    """Confirm every date, and sign."""
    page = browser.say(*({"kind": "confirm", "date": date} for date in PHANTOM_DATES))
    body = {"version": page["version"], "name": "A. Able", "meaning": "read and approved"}
    return browser.post(f"patients/{PHANTOM}/sign", body)


@pytest.fixture(scope="session")
def signed_once(
    made_once: Callable[..., Any], phantom_run: PhantomRun
) -> tuple[Path, dict[str, Any]]:
    """Results that were read and signed, L6 being no lesion, and the page that told so."""

    def make(folder: Path) -> tuple[Path, dict[str, Any]]:
        results = folder / "results"
        shutil.copytree(phantom_run.results, results)
        with room_of_one_reader(results, phantom_run.studies) as room:
            browser = room.enter()
            browser.say({"kind": "lesion", "lesion": "L6", "rejected": True}, reason="a vessel")
            answer = sign(browser)
            assert answer.status_code == 200, answer.text
        return results, dict(answer.json())

    made: tuple[Path, dict[str, Any]] = made_once("signed", make)
    return made


@pytest.fixture
def signed(signed_once: tuple[Path, dict[str, Any]]) -> dict[str, Any]:
    """The page of the signed reading."""
    return signed_once[1]


@pytest.fixture
def signed_reader(
    signed_once: tuple[Path, dict[str, Any]], phantom_run: PhantomRun, tmp_path: Path
) -> Iterator[OneReader]:
    """The room over a copy of the signed results."""
    shutil.copytree(signed_once[0], tmp_path / "results")
    with room_of_one_reader(tmp_path / "results", phantom_run.studies) as room:
        yield room
