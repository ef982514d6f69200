"""What a command has written, as a test compares it."""

from __future__ import annotations

import csv
from pathlib import Path


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of every file under a folder, by its path there."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a table, by column."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
