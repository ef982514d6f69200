"""The files of a reading as they leave the browser and come back: what ``recist correct`` takes."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from imaging.errors import InputError
from recist.patient.corrections import FILE_NAMES, Corrections, write_corrections
from recist.patient.corrections.correction_tables import OUTLINES

#: All files of an import together; a zip that grows beyond is not unpacked.
LARGEST_BYTES = 64 * 1024 * 1024
#: The time of a file inside a zip, the same in every export.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def packed_files(subject: str, said: Corrections) -> bytes:
    """The tables and outlines of a reading as one zip; the same reading gives the same bytes."""
    content = io.BytesIO()
    with tempfile.TemporaryDirectory() as name, zipfile.ZipFile(content, "w") as archive:
        folder = Path(name)
        write_corrections(folder, subject, said)
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _ZIP_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, path.read_bytes())
    return content.getvalue()


@contextmanager
def unpacked(files: Mapping[str, bytes]) -> Iterator[Path]:
    """A folder with the tables and outlines among some files, those inside zips too.

    Only names that a reading has are written, so that nothing lands elsewhere; other files are
    passed over.

    Args:
        files: their names, and what they hold.

    Raises:
        InputError: a zip that cannot be read, or more than :data:`LARGEST_BYTES`.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / OUTLINES).mkdir()
        left = LARGEST_BYTES
        for path, content in _each(files):
            place = _place(path)
            if place is None:
                continue
            left -= len(content)
            if left < 0:
                raise InputError(f"more than {LARGEST_BYTES} bytes", remedy="import fewer files")
            for each in (place, PurePosixPath(place).name):  # a table may name it either way
                (folder / each).write_bytes(content)
        yield folder


def _each(files: Mapping[str, bytes]) -> Iterable[tuple[str, bytes]]:
    for name, content in files.items():
        if not name.lower().endswith(".zip"):
            yield name, content
            continue
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for info in archive.infolist():
                    if _place(info.filename) is not None:
                        with archive.open(info) as file:
                            yield info.filename, file.read(LARGEST_BYTES + 1)
        except (
            zipfile.BadZipFile,
            OSError,
            ValueError,
            RuntimeError,
            NotImplementedError,
        ) as error:
            raise InputError("a zip that cannot be read", where=name[:80]) from error


def _place(name: str) -> str | None:
    """Where a file belongs in the folder of a reading; None where it is none of its files."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.name in FILE_NAMES.values():
        return path.name
    if path.name.endswith((".nii", ".nii.gz")) and path.name not in ("", ".", ".."):
        return f"{OUTLINES}/{path.name}"
    return None
