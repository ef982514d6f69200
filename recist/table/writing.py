"""Files that are written whole or not at all: beside their place first, then renamed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from imaging.errors import InputError


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file of bytes that takes its place only when the block ends without an error."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise InputError(
            f"cannot be written into: {error.strerror}",
            where=path.parent,
            remedy="name a folder of your own for the results",
        ) from error
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        beside.chmod(0o644)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


@contextmanager
def all_written(folder: Path, names: tuple[str, ...]) -> Iterator[dict[str, BinaryIO]]:
    """Several files of one folder, all of which take their places, or none does."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(written_whole(folder / name)) for name in names}


def write_line(file: BinaryIO, text: str) -> None:
    """A line of UTF-8 text."""
    file.write(f"{text}\n".encode())


class JsonArray:
    """Writes ``{"protocol": ..., "NAME": [...]}`` one element at a time."""

    def __init__(self, file: BinaryIO, name: str, head: str) -> None:
        self._file = file
        self._first = True
        file.write(f'{{"protocol":{head},\n"{name}":['.encode())

    def add(self, elements: bytes) -> None:
        """Add elements that are already joined by commas; nothing where there are none."""
        if elements:
            self._file.write(b"\n" if self._first else b",\n")
            self._file.write(elements)
            self._first = False

    def close(self) -> None:
        """End the array and the object."""
        self._file.write(b"\n]}\n")
