"""Files that are written whole or not at all: beside their place first, then renamed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def written_whole(path: Path) -> Iterator[TextIO]:
    """A text file that takes its place only when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent, text=True)
    beside = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            yield file
        beside.chmod(0o644)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


@contextmanager
def all_written(folder: Path, names: tuple[str, ...]) -> Iterator[dict[str, TextIO]]:
    """Several files of one folder, all of which take their places, or none does."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(written_whole(folder / name)) for name in names}


class JsonArray:
    """Writes ``{"protocol": ..., "NAME": [...]}`` one element at a time."""

    def __init__(self, file: TextIO, name: str, head: str) -> None:
        self._file = file
        self._first = True
        file.write(f'{{"protocol":{head},\n"{name}":[')

    def add(self, elements: str) -> None:
        """Add elements that are already joined by commas; nothing for an empty string."""
        if elements:
            self._file.write("\n" if self._first else ",\n")
            self._file.write(elements)
            self._first = False

    def close(self) -> None:
        """End the array and the object."""
        self._file.write("\n]}\n")
