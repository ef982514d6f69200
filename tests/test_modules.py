"""Modules stay short enough to be read at once."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("imaging", "pet", "segmentation", "recist", "scripts")
#: A module that grows beyond this holds two things: give the second a module of its own.
MOST_LINES = 400


@pytest.mark.parametrize("room", ROOMS)
def test_no_module_is_longer_than_can_be_read_at_once(room: str) -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / room).rglob("*.py")
    }
    assert lengths
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}
