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


def as_text(page: str) -> bytes:
    """A page in the place of the PDF that takes seconds: a document that holds its words."""
    return b"%PDF-1.4\n" + page.encode() + b"\n%%EOF\n"
