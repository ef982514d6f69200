"""Modules stay short enough to be read at once, and a class name means one thing."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("imaging", "pet", "segmentation", "recist")
#: A module that grows beyond this holds two things: give the second a module of its own.
MOST_LINES = 400


def sources(room: str) -> dict[str, str]:
    """The text of each module below a folder, by its path."""
    found = {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
        for path in sorted((ROOT / room).rglob("*.py"))
    }
    assert found, room
    return found


@pytest.mark.parametrize("room", [*PACKAGES, "scripts"])
def test_no_module_is_longer_than_can_be_read_at_once(room: str) -> None:
    lengths = {name: len(text.splitlines()) for name, text in sources(room).items()}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_a_class_name_stands_for_one_thing() -> None:
    """Private ones too: whoever reads an error or a profile sees the name alone."""
    places: dict[str, list[str]] = defaultdict(list)
    for package in PACKAGES:
        for name, text in sources(package).items():
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.ClassDef):
                    places[node.name].append(f"{name}:{node.lineno}")
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
