"""The reading room as its reader meets it: Chromium without a window, pages and server."""

from __future__ import annotations

import csv
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from recist.response import RESEARCH_USE
from recist.review.reading.delineator import Delineator
from recist.review.web.app import create_app

pytestmark = pytest.mark.browser

PHANTOM = "PHANTOM-1"
BASELINE, SECOND, THIRD = "2024-03-04", "2024-05-06", "2024-07-08"
DESKTOP = {"width": 1440, "height": 900}


@dataclass(slots=True)
class Reader:
    """A page of the reading room, and what its browser complained about."""

    page: Any
    address: str
    results: Path
    complaints: list[str] = field(default_factory=list)

    def open_patient(self) -> None:
        self.page.goto(f"{self.address}/patient.html?subject={PHANTOM}")
        self.page.wait_for_selector("body[data-ready=yes]")
        self.page.wait_for_selector(f"canvas[data-date='{THIRD}'][data-plane=axial][data-ready]")

    def api(self, path: str) -> Any:
        return self.page.request.get(f"{self.address}/api/{path}").json()

    def patient(self) -> Any:
        return self.api(f"patients/{PHANTOM}")

    def size(self, lesion: str, date: str) -> str:
        (found,) = (each for each in self.patient()["lesions"] if each["id"] == lesion)
        return str(found["seen"][date]["diameter_mm"])

    def responses(self) -> list[str]:
        """As the top of the page shows them."""
        return list(self.page.locator("#answer .chip").all_inner_texts())

    def changed(self) -> str:
        """What the page says a change did; waits until it is there, and clears nothing."""
        self.page.wait_for_selector("body:not(.saving)")
        return str(self.page.inner_text("#changed"))

    def middle(self, date: str) -> tuple[float, float, float]:
        """The middle of a date's axial slices, and pixels of the screen for a millimetre."""
        canvas = self.page.locator(f"canvas[data-date='{date}'][data-plane=axial]")
        box = canvas.bounding_box()
        scale = float(canvas.get_attribute("data-px-per-mm"))
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, scale

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def settled(self) -> None:
        """Two frames: what was asked for is drawn."""
        self.page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )


@pytest.fixture(scope="module")
def delineator() -> Delineator:
    return Delineator.shipped()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where images are prepared once for all tests."""
    return tmp_path_factory.mktemp("images")


@pytest.fixture
def served(
    phantom_run: Any, tmp_path: Path, delineator: Delineator, prepared: Path
) -> Iterator[tuple[str, Path]]:
    """The room on a free port of this computer: its address, and the results it is over."""
    results = tmp_path / "results"
    shutil.copytree(phantom_run.results, results)
    (results / "review").mkdir()
    (results / "review" / "images").symlink_to(prepared)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # a page that is asked for before the server runs waits for it
        host = f"127.0.0.1:{listening.getsockname()[1]}"
        app = create_app(
            results, studies=phantom_run.studies, reader="Dr Able", hosts=[host], token="the-token",
            delineator=delineator,
        )  # fmt: skip
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://{host}", results
        server.should_exit = True
        thread.join()


@pytest.fixture
def reader(chromium: Any, served: tuple[str, Path]) -> Iterator[Reader]:
    address, results = served
    with_page = entered(chromium, address, results)
    yield with_page
    assert with_page.complaints == []
    with_page.page.context.close()


def entered(chromium: Any, address: str, results: Path) -> Reader:
    page = chromium.new_context(viewport=DESKTOP).new_page()
    found = Reader(page, address, results)
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.on(
        "console",
        lambda said: found.complaints.append(said.text) if said.type == "error" else None,
    )
    page.set_default_timeout(90_000)  # how busy a machine is says nothing of the code
    page.goto(f"{address}/?token=the-token")
    page.wait_for_selector("body[data-ready=yes]")
    return found


def test_a_reader_corrects_delineates_rejects_confirms_and_signs(reader: Reader) -> None:
    page = reader.page
    row = page.locator("a.patient")
    assert PHANTOM in row.inner_text() and "PD" in row.inner_text()
    assert RESEARCH_USE in page.inner_text("footer")
    row.click()
    page.wait_for_selector("body[data-ready=yes]")
    page.wait_for_selector(f"canvas[data-date='{THIRD}'][data-plane=axial][data-ready]")
    assert reader.responses() == ["PR", "PD"]

    # One drag of an end of the caliper: the lesion is in the middle, closer than at first.
    reader.press("+", "+", "+", "+", "+", "+")
    reader.settled()
    before = reader.size("L1", THIRD)
    (lesion,) = (each for each in reader.patient()["lesions"] if each["id"] == "L1")
    start, end = lesion["seen"][THIRD]["caliper"]["long"]
    x, y, scale = reader.middle(THIRD)
    end_x, end_y = x + (end[0] - start[0]) / 2 * scale, y + (end[1] - start[1]) / 2 * scale
    page.mouse.move(end_x, end_y)
    page.mouse.down()
    page.mouse.move(end_x + 10 * scale, end_y, steps=4)
    page.mouse.up()
    page.wait_for_selector("#changed:not([hidden])")
    after = reader.size("L1", THIRD)
    assert float(after) > float(before) + 5
    assert f"{after} mm" in reader.changed() and f"{before} mm" in reader.changed()

    # One click inside delineates it again; the reader takes what the network drew.
    reader.press("g")
    page.mouse.click(x, y)
    page.wait_for_selector("#say.offer")
    reader.press("Enter")
    page.wait_for_selector("#say", state="hidden")
    assert float(reader.size("L1", THIRD)) < float(after)
    assert page.locator(".lesion.chosen").get_attribute("data-lesion") == "L1"

    # The new lesion is none: progression is gone from the page.
    page.click("[data-lesion=L6]")
    reader.press("x")
    page.fill("dialog [name=reason]", "a vessel")
    page.keyboard.press("Enter")
    page.wait_for_selector(".lesion.rejected[data-lesion=L6]")
    assert reader.responses() == ["PR", "PR"]
    assert "PD" in reader.changed()

    reader.press("d", "ArrowLeft")
    page.wait_for_selector(f"[data-confirm='{THIRD}'][aria-pressed=true]")
    for date in (SECOND, BASELINE):
        page.click(f"[data-confirm='{date}']")
        page.wait_for_selector(f"[data-confirm='{date}'][aria-pressed=true]")

    page.click("#sign")
    page.fill("dialog [name=name]", "Anna Able")
    page.click("dialog button[type=submit]")
    page.wait_for_selector(".state.signed")
    assert "Anna Able" in page.inner_text("#state")
    assert page.locator("[data-tool=caliper]").count() == 0  # locked
    signed = reader.patient()["assessment"]["criteria"][0]["dates"][-1]
    assert signed["response"] == "PR"
    folder = reader.results / "review" / "signed" / PHANTOM
    with (folder / "timepoints.csv").open(newline="") as file:
        (row,) = (
            row
            for row in csv.DictReader(file)
            if (row["date"], row["criteria"], row["lesions"]) == (THIRD, "recist11", "all")
        )
    assert (row["overall"], row["sum_mm"]) == ("PR", signed["sum_mm"])


def test_brush_and_eraser_change_the_outline_and_undo_brings_it_back(reader: Reader) -> None:
    reader.open_patient()
    reader.press("+", "+", "+", "+", "+", "+")
    reader.settled()
    before = reader.patient()["lesions"][0]["seen"][THIRD]["volume_ml"]
    x, y, scale = reader.middle(THIRD)

    def stroke(tool: str) -> float:
        version = reader.patient()["version"]
        reader.press(tool)
        reader.page.mouse.move(x + 8 * scale, y)
        reader.page.mouse.down()
        reader.page.mouse.move(x + 14 * scale, y, steps=3)
        reader.page.mouse.up()
        for _ in range(100):
            if reader.patient()["version"] > version:
                break
            time.sleep(0.05)
        return float(reader.patient()["lesions"][0]["seen"][THIRD]["volume_ml"])

    painted = stroke("b")
    assert painted > before
    assert stroke("r") < painted
    for _ in range(2):
        reader.page.wait_for_selector("#undo:enabled")
        reader.page.wait_for_selector("body:not(.saving)")
        reader.press("u")
        reader.page.wait_for_selector("body:not(.saving)")
    reader.page.wait_for_selector("#undo:disabled")
    assert reader.patient()["lesions"][0]["seen"][THIRD]["volume_ml"] == before


def test_scrolling_one_date_brings_the_others_along(reader: Reader) -> None:
    reader.open_patient()
    reader.page.wait_for_selector("body[data-linked=yes]")
    axial = {
        date: reader.page.locator(f"canvas[data-date='{date}'][data-plane=axial]")
        for date in (BASELINE, SECOND, THIRD)
    }

    def slices() -> dict[str, int]:
        reader.page.wait_for_timeout(300)
        return {date: int(canvas.get_attribute("data-slice")) for date, canvas in axial.items()}

    before = slices()
    x, y, _ = reader.middle(SECOND)
    reader.page.mouse.move(x, y)
    for _ in range(4):
        reader.page.mouse.wheel(0, 120)
    after = slices()
    assert after[SECOND] == before[SECOND] - 4
    assert all(-7 < after[date] - before[date] < -1 for date in axial)  # they breathe
    reader.press("l", "PageUp")
    alone = slices()
    assert alone[SECOND] == after[SECOND] + 5
    assert (alone[BASELINE], alone[THIRD]) == (after[BASELINE], after[THIRD])


def test_of_two_browsers_the_second_is_told_and_overwrites_nothing(
    reader: Reader, chromium: Any
) -> None:
    other = entered(chromium, reader.address, reader.results)
    reader.open_patient()
    other.open_patient()
    reader.press("a")
    reader.page.wait_for_selector("#undo:enabled")
    other.press("d")
    other.page.wait_for_selector("#say.error")
    assert "Someone else" in other.page.inner_text("#say")
    state = other.patient()
    assert state["lesions"][0]["seen"][THIRD]["status"] == "absent"
    assert not any(date["confirmed"] for date in state["dates"])
    other.page.context.close()


def test_a_reading_leaves_as_files_and_comes_back_by_the_keyboard_alone(
    reader: Reader, tmp_path: Path
) -> None:
    reader.open_patient()
    page = reader.page

    def status() -> str:
        page.wait_for_selector("body:not(.saving)")
        return str(reader.patient()["lesions"][0]["seen"][THIRD]["status"])

    reader.press("a")
    page.wait_for_selector("#undo:enabled")
    assert status() == "absent"
    with page.expect_download() as download:
        reader.press("y")
    download.value.save_as(tmp_path / "reading.zip")
    reader.press("u")
    page.wait_for_selector("#undo:disabled")
    assert status() == "measured"
    reader.press("m")
    assert page.evaluate("document.activeElement.dataset.action") == "import"
    page.set_input_files("#files", tmp_path / "reading.zip")
    page.wait_for_selector("#undo:enabled")
    assert status() == "absent"
    reader.press("f")  # to the fields of the lesion
    assert page.evaluate("document.activeElement.getAttribute('list')") == "organs"
    reader.press("Escape", "9")  # as it was measured after all
    page.wait_for_selector("[data-status=measured][aria-pressed=true]")
    assert status() == "measured"
    reader.press("End")
    page.wait_for_selector("dialog [name=meaning]")


def test_what_a_reader_writes_is_shown_as_text(reader: Reader) -> None:
    reader.open_patient()
    wicked = "<img src=x onerror=\"document.title='taken'\"><script>1</script>"
    reader.press("/")
    reader.page.fill("dialog [name=text]", wicked)
    reader.page.click("dialog button[type=submit]")
    reader.page.wait_for_selector(".comment")
    assert wicked in reader.page.inner_text(".comment")
    assert reader.page.title().startswith(PHANTOM)
    assert reader.page.locator(".comment img, .comment script").count() == 0
