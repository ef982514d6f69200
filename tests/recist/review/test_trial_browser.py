"""A subject of a trial in Chromium: read date by date, adjudicated, seen by the administrator."""

from __future__ import annotations

import io
import socket
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from tests.recist.review import phantom_trial
from tests.recist.review.phantom_trial import DATES, PASSWORD, PhantomTrial

pytestmark = pytest.mark.browser

SUBJECT = "S2"


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[PhantomTrial, str]]:
    """The trial on a free port of this computer, and its address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # a page that is asked for before the server runs waits for it
        host = f"127.0.0.1:{listening.getsockname()[1]}"
        monkeypatch.setattr(phantom_trial, "HOST", host)
        studies = phantom_trial.write_studies(tmp_path / "studies")
        trial = phantom_trial.begin_trial(tmp_path, studies)
        server = uvicorn.Server(uvicorn.Config(trial.app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield trial, f"http://{host}"
        server.should_exit = True
        thread.join()


def entered(chromium: Any, address: str, name: str) -> Any:
    page = chromium.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(90_000)
    page.goto(f"{address}/login.html")
    page.fill("[name=user]", name)
    page.fill("[name=password]", PASSWORD)
    page.click("#login button")
    page.wait_for_selector("body[data-ready=yes]")
    return page


def draw(page: Any, date: str, long_px: float) -> None:
    """A caliper over the middle of a date."""
    canvas = page.locator(f"canvas[data-date='{date}'][data-plane=axial][data-ready]")
    canvas.wait_for()
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.keyboard.press("c")
    page.mouse.move(x - long_px / 2, y + 40)
    page.mouse.down()
    page.mouse.move(x + long_px / 2, y + 40, steps=4)
    page.mouse.up()
    page.wait_for_selector("#undo:enabled")
    page.wait_for_selector("body:not(.saving)")


def sign(page: Any, *, date: str = "") -> None:
    page.click(f"[data-confirm='{date}']" if date else "#sign")
    page.fill("dialog [name=password]", PASSWORD)
    if not date:
        page.click("dialog button[type=submit]")
        return
    with page.expect_navigation():  # the page is loaded anew: the next date is served from now on
        page.click("dialog button[type=submit]")
    page.wait_for_selector("body[data-ready=yes]")


def test_a_subject_is_read_adjudicated_and_exported(
    chromium: Any, served: tuple[PhantomTrial, str]
) -> None:
    trial, address = served
    phantom_trial.read(trial.enter("bob"), SUBJECT)

    page = entered(chromium, address, "ann")
    page.click(f"[data-subject={SUBJECT}]")
    for number, date in enumerate(DATES):
        page.wait_for_selector("body[data-ready=yes]")
        page.wait_for_selector(f"[data-confirm='{date}']")
        shown = page.locator(".date .when").all_inner_texts()
        assert shown == list(DATES[: number + 1])  # a later date is not there yet
        if number == 0:
            page.keyboard.press("n")
            page.fill("dialog [name=organ]", "lung")
            page.click("dialog button[type=submit]")
        draw(page, date, 120.0)
        sign(page, date=date)
        if date != DATES[-1]:
            page.wait_for_selector(f"[data-confirm='{DATES[number + 1]}']")
    page.wait_for_selector("body[data-ready=yes]")
    page.wait_for_selector("#dates:not(:has([data-confirm]))")
    sign(page)
    page.wait_for_selector(".state.signed")
    assert [chip.inner_text() for chip in page.locator("#answer .chip").all()] == ["SD", "SD"]
    page.context.close()

    page = entered(chromium, address, "ada")
    page.click(f"[data-subject={SUBJECT}]")
    page.wait_for_selector(".reads")
    assert "progression date" in page.inner_text(".triggers")
    assert "ann" not in page.inner_text("#page") and "bob" not in page.inner_text("#page")
    page.click("[data-read='2'] button")
    page.fill("dialog [name=reason]", "both lesions grew")
    page.fill("dialog [name=password]", PASSWORD)
    page.click("dialog button[type=submit]")
    page.wait_for_selector("[data-read='2'].chosen")
    page.context.close()

    page = entered(chromium, address, "root")
    page.wait_for_selector(".blocks")
    assert "chose read 2" in page.inner_text("#page")
    exported = page.request.get(f"{address}/api/trial/export").body()
    with zipfile.ZipFile(io.BytesIO(exported)) as file:
        accepted = file.read("accepted/timepoints.csv").decode()
    assert f"{SUBJECT},{DATES[-1]},recist11,all" in accepted and "PD" in accepted
    page.context.close()
