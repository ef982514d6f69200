"""The files of a folder tree, each parsed once, by the Patient ID that stands in them."""

from __future__ import annotations

import os
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pydicom import Dataset

from imaging.dataset import (
    DEEPEST_SEQUENCE,
    READ_ERRORS,
    SEND_AGAIN,
    NotDicomError,
    quiet_pydicom,
    read_dataset,
    reason,
)
from imaging.errors import HeaderError
from imaging.header import Header, Tag
from imaging.header_index import HeaderIndex
from imaging.header_pattern import HeaderReader
from imaging.series import Problem, ProblemLevel
from imaging.shelf import Shelf

#: Headers that are held in memory, two kilobytes each; those of a larger tree lie on disk.
HELD_HEADERS = 10_000
#: Patients whose identifiers are remembered as they are written: their files come in a row.
KNOWN_AT_ONCE = 1_000
#: What says whose a file is, and whether it is an object.
_BELONGING = (Tag.CHARACTER_SET, Tag.PATIENT_ID, Tag.SOP_CLASS_UID)

#: SOP classes of the objects that go with images, by modality (PS3.4, B.5).
OBJECT_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.481.2": "RTDOSE",
    "1.2.840.10008.5.1.4.1.1.481.3": "RTSTRUCT",
    "1.2.840.10008.5.1.4.1.1.481.4": "RTRECORD",
    "1.2.840.10008.5.1.4.1.1.481.5": "RTPLAN",
    "1.2.840.10008.5.1.4.1.1.481.6": "RTRECORD",
    "1.2.840.10008.5.1.4.1.1.481.7": "RTRECORD",
    "1.2.840.10008.5.1.4.1.1.481.8": "RTPLAN",
    "1.2.840.10008.5.1.4.1.1.481.9": "RTRECORD",
    "1.2.840.10008.5.1.4.1.1.66.1": "REG",
    "1.2.840.10008.5.1.4.1.1.66.3": "REG",
    "1.2.840.10008.5.1.4.1.1.66.4": "SEG",
    "1.2.840.10008.5.1.4.1.1.66.7": "SEG",
}
#: Left behind by file browsers; passed over without a word.
IGNORED_NAMES = frozenset((".ds_store", "thumbs.db", "desktop.ini", "dicomdir"))
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
#: Files that tell the results of a patient, and of a whole run.
RESULT_MARKS = (frozenset({"fingerprint.json"}), frozenset({"run.json", "summary.csv"}))
#: The ends of hidden folders that a run writes before it renames them.
UNFINISHED_SUFFIXES = (".part", ".old")
#: More files of one kind in one folder than this share a line.
NAMED_ONE_BY_ONE = 3

#: Where objects say what they refer to: their own frame of reference, and the sequences of
#: referenced series, source images, frames of reference, plans, structure sets, registrations.
_REFERENCES = (
    0x00200052,
    0x00081115,
    0x00082112,
    0x30060010,
    0x300C0002,
    0x300C0060,
    0x00700308,
    0x00640002,
)
_REFERENCE_KEYWORDS = {
    "SeriesInstanceUID",
    "ReferencedSOPInstanceUID",
    "FrameOfReferenceUID",
    "SourceFrameOfReferenceUID",
}


class FoundFile(NamedTuple):
    """One DICOM file of the tree.

    Attributes:
        number: of the file in the order of the walk.
        references: of an object; None of an image.
        refused: why the references of an object cannot be read.
    """

    number: int
    header: Header
    references: frozenset[str] | None = None
    refused: Problem | None = None


#: A problem with the number of the file at which it was met: told in the order of the walk.
Placed = tuple[int, Problem]


@dataclass(slots=True)
class Found:
    """What a walk found; filled while walking.

    Attributes:
        by_id: which entries carry a Patient ID, in order; "" stands for none.
        remarks: on files of other kinds, and on the index of headers.
    """

    entries: Shelf[FoundFile] = field(default_factory=lambda: Shelf(HELD_HEADERS))
    by_id: dict[str, array[int]] = field(default_factory=dict)
    problems: list[Placed] = field(default_factory=list)
    remarks: list[Problem] = field(default_factory=list)
    files: int = 0


def gather(
    root: Path, on_file: Callable[[int], None] | None = None, index_file: Path | None = None
) -> Found:
    """Look at every file below a folder, in the order of their paths.

    Args:
        root: a folder.
        on_file: called with the number of files looked at so far.
        index_file: where headers are kept between runs, see :mod:`imaging.header_index`.
    """
    found = Found()
    read = HeaderReader().read
    if index_file is None:
        _gather(root, on_file, found, read, references_of)
        return found
    index = HeaderIndex(index_file, read, references_of)
    try:
        _gather(root, on_file, found, index.header, index.references)
    finally:
        index.close()
    if index.remark:
        found.remarks.append(Problem(index_file.name, index.remark, level=ProblemLevel.NOTE))
    return found


def _gather(
    root: Path,
    on_file: Callable[[int], None] | None,
    found: Found,
    header_of: Callable[[str], Header],
    references: Callable[[str], frozenset[str]],
) -> None:
    not_dicom: dict[str, list[str]] = defaultdict(list)
    told: list[Problem] = []
    known: dict[tuple[bytes | None, ...], tuple[str, bool]] = {}
    for path in walk(root, told):
        if told:
            _place(told, found, found.files + 1)
        found.files += 1
        if on_file:
            on_file(found.files)
        subject = ""
        try:
            header = header_of(path)
            raw = tuple(map(header.elements.get, _BELONGING))
            if raw not in known:
                if len(known) >= KNOWN_AT_ONCE:
                    known.clear()
                is_object = header.text(Tag.SOP_CLASS_UID) in OBJECT_CLASSES
                known[raw] = header.text(Tag.PATIENT_ID), is_object
            subject, is_object = known[raw]
            entry = FoundFile(found.files, header)
            if is_object:
                try:
                    entry = entry._replace(references=references(path))
                except (HeaderError, *READ_ERRORS) as error:
                    entry = entry._replace(refused=refusal(error, path, root, subject))
            found.by_id.setdefault(subject, array("q")).append(len(found.entries))
            found.entries.append(entry)
        except NotDicomError:
            _not_dicom(path, root, not_dicom, told)
        except (HeaderError, *READ_ERRORS) as error:  # one file never costs more than itself
            told.append(refusal(error, path, root, subject))
        if told:
            _place(told, found, found.files)
    _place(told, found, found.files + 1)
    found.remarks.extend(_lines(not_dicom, root))


def _place(told: list[Problem], found: Found, number: int) -> None:
    """Let problems stand with the file at which they were met, or before which a folder was."""
    found.problems.extend((number, problem) for problem in told)
    told.clear()


def refusal(error: Exception, path: str, root: Path, subject: str) -> Problem:
    """Why one file cannot be used."""
    if isinstance(error, HeaderError):
        return Problem(relative(path, root), error.what, error.remedy, subject or None)
    if isinstance(error, OSError):
        what = f"cannot be opened: {error.strerror}"
        return Problem(relative(path, root), what, "check its permissions")
    what = f"the DICOM header cannot be read: {reason(error)}"
    return Problem(relative(path, root), what, SEND_AGAIN, subject or None)


def walk(root: Path, problems: list[Problem], *, results: bool = False) -> Iterator[str]:
    """Paths of all files below a folder, sorted; links are followed, each folder once.

    Args:
        results: those of this program are looked into too.
    """
    seen: set[tuple[int, int]] = set()
    folders = [os.fspath(root)]
    while folders:
        folder = folders.pop()
        try:
            status = os.stat(folder)  # noqa: PTH116 - plain strings: 3 times faster over 10,000
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            what = f"cannot be opened: {error.strerror}"
            problems.append(Problem(relative(folder, root), what, "check its permissions"))
            continue
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        names = {entry.name for entry in entries}
        if folder != os.fspath(root) and not results and holds_results(folder, names):
            what = "results of this program, not read as images"
            problems.append(Problem(relative(folder, root), what, level=ProblemLevel.NOTE))
            continue
        if not entries:
            problems.append(
                Problem(relative(folder, root), "an empty folder", level=ProblemLevel.NOTE)
            )
        inner: list[str] = []
        for entry in entries:
            name = entry.name.lower()
            if _is_folder(entry):
                inner.append(entry.path)
            elif name not in IGNORED_NAMES and not name.startswith("._"):
                yield entry.path
        folders.extend(reversed(inner))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder; a link that leads to itself is none, and fails as a file."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def holds_results(folder: str, names: set[str]) -> bool:
    """Whether a folder was written by a run: its SEG are answers, not images to be read again."""
    name = Path(folder).name
    unfinished = name.startswith(".") and name.endswith(UNFINISHED_SUFFIXES)
    return unfinished or any(marks <= names for marks in RESULT_MARKS)


def relative(path: str | Path, root: Path) -> str:
    """A path as the user sees it: from the scanned folder on."""
    shown = os.path.relpath(path, root)
    return root.name or os.fspath(root) if shown == "." else shown


def references_of(path: str) -> frozenset[str]:
    """UIDs of the series, instances and frames of reference that an object refers to.

    Raises:
        HeaderError: its sequences are broken.
    """
    uids: set[str] = set()
    try:
        with quiet_pydicom():
            _collect(read_dataset(path, _REFERENCES), uids, 1)
    except READ_ERRORS as error:
        raise HeaderError(f"broken sequences: {reason(error)}", remedy=SEND_AGAIN) from error
    return frozenset(uids)


def _collect(item: Dataset, uids: set[str], depth: int) -> None:
    if depth > DEEPEST_SEQUENCE:
        raise HeaderError(f"sequences nested more than {DEEPEST_SEQUENCE} deep")
    for element in item:
        if element.VR == "SQ":
            for inner in element.value:
                _collect(inner, uids, depth + 1)
        elif element.keyword in _REFERENCE_KEYWORDS and element.value:
            uids.add(str(element.value))


def _not_dicom(path: str, root: Path, lines: dict[str, list[str]], problems: list[Problem]) -> None:
    """Sort a file of another kind: broken if its name promises DICOM, else a remark."""
    name = os.path.basename(path).lower()  # noqa: PTH119
    if name.endswith((".dcm", ".ima", ".dicom")):
        empty = not os.path.getsize(path)  # noqa: PTH202
        what = "an empty file" if empty else "named like DICOM, but cannot be read as DICOM"
        problems.append(Problem(relative(path, root), what, SEND_AGAIN))
    else:
        lines[os.path.dirname(path)].append(path)  # noqa: PTH120


def _lines(not_dicom: dict[str, list[str]], root: Path) -> Iterator[Problem]:
    """A line for each file of another kind, or one per folder where there are many."""
    for folder, paths in not_dicom.items():
        if len(paths) > NAMED_ONE_BY_ONE:
            names = ", ".join(os.path.basename(path) for path in paths[:2])  # noqa: PTH119
            what = f"{len(paths)} files are not DICOM ({names}, ...)"
            yield Problem(relative(folder, root), what, level=ProblemLevel.NOTE)
            continue
        for path in paths:
            packed = path.lower().endswith(ARCHIVES) and not path.lower().endswith(".nii.gz")
            remedy = "unpack it if it holds images" if packed else ""
            yield Problem(relative(path, root), "not DICOM", remedy, level=ProblemLevel.NOTE)
