"""Tables and JSON of many subjects, written piece by piece and whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from imaging.writing import SCHEMA_VERSION, named_failure, written_whole


@contextmanager
def all_written(folder: Path, names: tuple[str, ...]) -> Iterator[dict[str, BinaryIO]]:
    """Several files of one folder, all of which take their places, or none does."""
    with ExitStack() as stack:
        files = {name: stack.enter_context(written_whole(folder / name)) for name in names}
        yield files
        for name, file in files.items():  # all have room before the first takes its place
            with named_failure(folder / name):
                file.flush()
                os.fsync(file.fileno())


def write_line(file: BinaryIO, text: str) -> None:
    """A line of UTF-8 text."""
    file.write(f"{text}\n".encode())


class JsonArray:
    """Writes ``{"schema_version": ..., "protocol": ..., "NAME": [...]}`` one element at a time.

    Args:
        head: the protocol as JSON.
        more: further members by name, as JSON, before the array.
    """

    def __init__(
        self, file: BinaryIO, name: str, head: str, more: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._file = file
        self._first = True
        members = "".join(f'"{key}":{value},\n' for key, value in more.items())
        version = f'"schema_version":{SCHEMA_VERSION}'
        file.write(f'{{{version},\n"protocol":{head},\n{members}"{name}":['.encode())

    def add(self, elements: bytes) -> None:
        """Add elements that are already joined by commas; nothing where there are none."""
        if elements:
            self._file.write(b"\n" if self._first else b",\n")
            self._file.write(elements)
            self._first = False

    def close(self) -> None:
        """End the array and the object."""
        self._file.write(b"\n]}\n")
