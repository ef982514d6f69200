"""The pages as files: nothing that a strict content policy would stop, nothing from afar."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from recist.response import RESEARCH_USE
from recist.review.pages import FOLDER, rendered

PAGES = rendered()
SCRIPTS = sorted(FOLDER.glob("script/*.js"))
STYLES = sorted(FOLDER.glob("style/*.css"))


def named(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_the_pages_are_there() -> None:
    assert {"index.html", "patient.html", "login.html", "adjudication.html", "trial.html"} <= {
        *PAGES
    }
    assert SCRIPTS and STYLES


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_that_it_is_for_research_only(page: str) -> None:
    assert RESEARCH_USE in PAGES[page]


@pytest.mark.parametrize("page", PAGES)
def test_head_and_foot_stand_once(page: str) -> None:
    assert PAGES[page].startswith("<!DOCTYPE html>") and PAGES[page].rstrip().endswith("</html>")
    written = (FOLDER / page).read_text("utf-8")
    assert "<head>" not in written and RESEARCH_USE not in written


@pytest.mark.parametrize("page", PAGES)
def test_a_page_holds_no_script_style_or_handler_of_its_own(page: str) -> None:
    text = PAGES[page]
    for opening, content in re.findall(r"(<script[^>]*>)(.*?)</script>", text, re.DOTALL):
        assert " src=" in opening and not content.strip()
    assert "<style" not in text
    assert not re.findall(r"\s(?:style|on[a-z]+)\s*=", text)


@pytest.mark.parametrize("page", PAGES)
def test_all_that_a_page_asks_for_is_a_file_of_the_folder(page: str) -> None:
    asked = re.findall(r'(?:src|href)="(/[^"]*)"', PAGES[page])
    assert asked
    for path in asked:
        assert path == "/" or (FOLDER / path.lstrip("/")).is_file(), path


@pytest.mark.parametrize("script", SCRIPTS, ids=named(SCRIPTS))
def test_what_a_script_imports_is_there(script: Path) -> None:
    for path in re.findall(r'from "([^"]+)"', script.read_text("utf-8")):
        assert (script.parent / path).is_file(), path


@pytest.mark.parametrize("file", [*SCRIPTS, *STYLES], ids=named([*SCRIPTS, *STYLES]))
def test_nothing_comes_from_elsewhere_and_no_text_becomes_markup(file: Path) -> None:
    text = file.read_text("utf-8")
    assert not re.findall(r"(?:https?:)?//[a-z0-9-]+\.[a-z]{2,}", text)
    for way in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
    ):
        assert way not in text


def test_each_key_of_the_help_does_something() -> None:
    """Moving and deciding need no mouse: what the help names is bound to a command."""
    told = re.findall(
        r'\[\[((?:"[^"]+"(?:, )?)+)\]', (FOLDER / "script/keys.js").read_text("utf-8")
    )
    keys = {key for group in told for key in re.findall(r'"([^"]+)"', group)}
    names = {
        "↑": "ArrowUp",
        "↓": "ArrowDown",
        "←": "ArrowLeft",
        "→": "ArrowRight",
        "−": "-",
        "Esc": "Escape",
    }
    page = (FOLDER / "script/patient.js").read_text("utf-8")
    commands = page[page.index("const commands") : page.index("// ---- the beginning")]
    tools = {key.lower() for key in re.findall(r'\["\w+", "[\w ]+", "([A-Z])"\]', page)}
    windows = re.findall(r'key: "(\d)"', (FOLDER / "script/shades.js").read_text("utf-8"))
    bound = {*re.findall(r'^  "?([^\s":]+)"?:', commands, re.MULTILINE), "?", *tools, *windows}
    assert len(keys) > 25
    for key in keys - {"…"}:
        name = names.get(key, key.lower() if len(key) == 1 else key)
        assert name in bound, key
