"""Where results lie: a folder per patient, whole or not there, never in the place of other data."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile

from imaging.errors import InputError
from imaging.read_json import read_json
from imaging.writing import sync, write_text

FINGERPRINT = "fingerprint.json"
#: Characters of an identifier that are kept; file systems take 255 bytes, temporary names too.
LONGEST_NAME = 64
#: What a run writes beside the folders of patients.
FILE_SUFFIXES = (".csv", ".json", ".html", ".xlsx", ".parquet", ".txt", ".svg", ".png", ".lock")
SUMMARY = "summary.csv"
RUN = "run.json"
#: Files in the folder of a patient; those that are joined stand beside the folders too.
MEASUREMENTS = "measurements.csv"
EVENTS = "events.csv"
FIELDS = "field.csv"
LINKS = "links.csv"
METABOLIC = "pet_timepoints.csv"
PET_TOTALS = "pet_totals.csv"
WARNINGS = "warnings.txt"
#: The folder of the results as DICOM objects.
DICOM_FOLDER = "dicom"
LOCK = ".lock"
#: The headers of a large tree of studies, kept for the next run.
HEADERS = ".headers.sqlite"


def places_of(studies: Path, out: Path) -> dict[str, str]:
    """Where the images lie, as the record of a run keeps it: absolute, and as seen from the results
    where both can be moved together.
    """
    absolute = studies.resolve()
    found = {"absolute": str(absolute)}
    with suppress(ValueError):  # another drive
        found["relative"] = Path(os.path.relpath(absolute, out.resolve())).as_posix()
    return found


def studies_of(out: Path) -> Path | None:
    """The folder of images that a run recorded, where it is still there; else None."""
    try:
        places = read_json(out / RUN)["studies"]
        found = [out / str(places["relative"])] if "relative" in places else []
        found.append(Path(str(places["absolute"])))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return next((each.resolve() for each in found if each.is_dir()), None)


def check_place(out: Path, delineations: Path | None = None) -> None:
    """Refuse a place that cannot be written before hours are spent on computing.

    Args:
        delineations: the folder that a reader gives.

    Raises:
        InputError: it cannot be written, or holds the reader's delineations.
    """
    if delineations is not None and _would_be_replaced(delineations, out):
        raise InputError(
            "the delineations lie among the results that will be replaced",
            where=out,
            remedy="give another folder with -o",
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}", where=out, remedy="give another folder with -o"
        ) from error


def _would_be_replaced(delineations: Path, out: Path) -> bool:
    place, out = delineations.resolve(), out.resolve()
    if not place.is_relative_to(out):
        return False
    earlier = [folder for folder in out.iterdir() if (folder / FINGERPRINT).is_file()]
    return any(place == out or place.is_relative_to(folder) for folder in earlier)


def check_replaceable(folder: Path) -> None:
    """Only results of an earlier run are ever replaced: the folder may hold a patient's images.

    Raises:
        InputError: it holds something else.
    """
    if folder.exists() and not (folder / FINGERPRINT).is_file() and not _is_empty(folder):
        raise InputError(
            "holds something else than results of an earlier run and is not replaced",
            where=f"folder {folder.name}",
            remedy="give another folder with -o",
        )


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


@contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """A folder that is written beside its place and renamed when whole."""
    part = folder.with_name(f".{folder.name}.part")
    old = folder.with_name(f".{folder.name}.old")
    for leftover in (part, old):
        shutil.rmtree(leftover, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    for path in sorted(part.rglob("*"), reverse=True):
        if path.is_dir() or path.stat().st_nlink == 1:  # what is shared came to the disk before
            sync(path)
    sync(part)
    if folder.exists():
        folder.rename(old)
    part.rename(folder)
    sync(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def hashes_of(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file of a folder, by its path in it."""
    return {
        path.relative_to(folder).as_posix(): _hash(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != FINGERPRINT
    }


@contextmanager
def part_replaced(folder: Path, name: str) -> Iterator[Path]:
    """A part of a patient's results, a folder in it, written anew without the rest.

    It takes its place when whole; the record of the hashes then holds it, so that the patient
    still counts as complete and unchanged.

    Raises:
        InputError: the folder holds no complete result.
    """
    record = folder / FINGERPRINT
    try:
        kept = read_json(record)
        files = {path: held for path, held in kept["files"].items() if not _inside(path, name)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            "no complete result", where=f"folder {folder.name}", remedy="run it again"
        ) from error
    with written_whole(folder / name) as part:
        yield part
    fresh = {f"{name}/{path}": held for path, held in hashes_of(folder / name).items()}
    kept["files"] = dict(sorted((files | fresh).items()))
    write_text(record, json.dumps(kept, indent=1, default=str) + "\n")


def _inside(path: str, name: str) -> bool:
    return path.startswith(f"{name}/")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Keep a second run out of the folder: the two would mix their results.

    The lock ends with its process, however that ends.

    Raises:
        InputError: another run writes there.
    """
    try:
        import fcntl  # noqa: PLC0415 - POSIX only
    except ImportError:
        yield
        return
    path = out / LOCK
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(
                "another run writes its results there", where=out, remedy="wait, or give another -o"
            ) from error
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def folder_names(subjects: Iterable[str]) -> dict[str, str]:
    """A folder name per subject that every file system takes, distinct for distinct subjects.

    Upper and lower case are one on some file systems.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for subject in subjects:
        name = folder_name(subject)
        if name.lower() in taken:
            name = _marked(name, subject)
        taken.add(name.lower())
        names[subject] = name
    return names


#: What Windows takes for a device, with any ending.
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


def folder_name(subject: str) -> str:
    """The folder of a subject: its identifier where that is plain and short, else marked by a hash.

    An identifier that looks like a file is marked too: tables over all patients lie beside it.
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", subject).strip("._")[:LONGEST_NAME] or "subject"
    plain = name == subject and Path(name).suffix.lower() not in FILE_SUFFIXES
    plain = plain and not _DEVICE.match(name)
    return name if plain else _marked(name, subject)


def _marked(name: str, subject: str) -> str:
    return f"{name}-{hashlib.sha256(subject.encode()).hexdigest()[:6]}"
