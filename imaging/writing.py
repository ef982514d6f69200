"""Files that are written whole or not at all: beside their place first, then renamed.

What is renamed has reached the disk before: after a power cut a file is the old one or the new one.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from imaging.errors import InputError

#: Stands in every JSON that is written as ``schema_version``; raised when a member changes its
#: meaning or goes. The schemas lie in ``recist/schemas``.
SCHEMA_VERSION = 1

#: The name of a file that is being written, beside the one whose place it takes.
_UNFINISHED = re.compile(r"\..{1,40}\.[0-9a-f]{12}")
_BINARY = getattr(os, "O_BINARY", 0)  # Windows changes line ends without it


class WriteError(InputError):
    """Results that could not be written: no room, no right, or a place that is gone."""


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file of bytes that takes its place only when the block ends without an error.

    Raises:
        WriteError: the file cannot be written.
    """
    beside = path.with_name(f".{path.name[:40]}.{secrets.token_hex(6)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A new file by the system's own rules, so that the user's umask decides who may read it.
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)
    except OSError as error:
        raise WriteError(
            f"cannot be written into: {error.strerror}",
            where=path.parent,
            remedy="name a folder of your own for the results",
        ) from error
    try:
        with named_failure(path), os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        with named_failure(path):
            beside.replace(path)
    except BaseException:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
    sync(path.parent)


def remove_unfinished(folder: Path) -> None:
    """Remove what a process that was killed left beside the files it was writing in a folder.

    Nobody else may write there meanwhile.
    """
    for path in folder.glob(".*"):
        if _UNFINISHED.fullmatch(path.name):
            with suppress(OSError):
                path.unlink()


@contextmanager
def named_failure(path: Path) -> Iterator[None]:
    """Turn a failure of the file system into a refusal that names the file."""
    try:
        yield
    except OSError as error:
        if error.filename is not None and Path(error.filename) != path:
            raise  # of a file that was being read meanwhile
        raise WriteError(
            f"cannot be written: {error.strerror or type(error).__name__}",
            where=path,
            remedy="make room, or give another folder with -o",
        ) from error


def write_text(path: Path, text: str) -> Path:
    """A UTF-8 text file, its line ends as they are, whole or not at all."""
    with written_whole(path) as file:
        file.write(text.encode("utf-8"))
    return path


def sync(path: Path) -> None:
    """Let a file, or the names in a folder, reach the disk where the system can."""
    with suppress(OSError):  # Windows opens no folders; some file systems sync none
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
