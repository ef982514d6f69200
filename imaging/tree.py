"""The files of a folder tree, each parsed once: images, RT and SEG objects, and the rest."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydicom import Dataset

from imaging.dataset import (
    DEEPEST_SEQUENCE,
    LARGEST_PIXELS_BYTES,
    READ_ERRORS,
    SEND_AGAIN,
    NotDicomError,
    quiet_pydicom,
    read_dataset,
    reason,
)
from imaging.errors import HeaderError
from imaging.header import DIRECTORY_CLASS, NATIVE, Header, Tag, read_header
from imaging.header_index import HeaderIndex
from imaging.series import Problem, ProblemLevel

#: Patient ID and SOP Instance UID.
_Instance = tuple[str, str]

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
#: What every file must have to find its place (type 1 in every SOP class used here).
_IDENTITY = {
    Tag.SOP_CLASS_UID: "SOP Class UID",
    Tag.SOP_INSTANCE_UID: "SOP Instance UID",
    Tag.MODALITY: "Modality",
    Tag.SERIES_UID: "Series Instance UID",
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


@dataclass(frozen=True, slots=True, eq=False)
class DicomObject:
    """An RTSTRUCT, RTDOSE, RTPLAN, RTRECORD, SEG or REG with the UIDs that it refers to."""

    header: Header
    modality: str
    references: frozenset[str]


@dataclass(slots=True)
class Found:
    """What a walk found; filled while walking."""

    images: list[Header] = field(default_factory=list)
    objects: list[DicomObject] = field(default_factory=list)
    others: list[Header] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    files: int = 0


def _instance(header: Header) -> _Instance:
    """What makes two files the same image: Patient ID and SOP Instance UID.

    A study that was given a second Patient ID (a pseudonym, a test) keeps its UIDs in many tools;
    the two patients must not take images from each other.
    """
    return header.text(Tag.PATIENT_ID), header.text(Tag.SOP_INSTANCE_UID)


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
    if index_file is None:
        _gather(root, on_file, found, read_header, references_of)
        return found
    index = HeaderIndex(index_file, read_header, references_of)
    try:
        _gather(root, on_file, found, index.header, index.references)
    finally:
        index.close()
    if index.remark:
        found.problems.append(Problem(index_file.name, index.remark, level=ProblemLevel.NOTE))
    return found


def _gather(
    root: Path,
    on_file: Callable[[int], None] | None,
    found: Found,
    header_of: Callable[[str], Header],
    references: Callable[[str], frozenset[str]],
) -> None:
    not_dicom: dict[str, list[str]] = defaultdict(list)
    values: dict[bytes, bytes] = {}
    by_uid: dict[_Instance, Header] = {}
    copies: dict[_Instance, list[Header]] = defaultdict(list)
    for path in walk(root, found.problems):
        found.files += 1
        if on_file:
            on_file(found.files)
        subject = None
        try:
            header = header_of(path)
            _share(header.elements, values)
            subject = header.text(Tag.PATIENT_ID) or None
            instance = _instance(header)
            if instance in by_uid:
                copies[instance].append(header)
            elif _sort_in(header, found, references):
                by_uid[instance] = header
        except NotDicomError:
            _not_dicom(path, root, not_dicom, found.problems)
        except HeaderError as error:
            problem = Problem(relative(path, root), error.what, error.remedy, subject)
            found.problems.append(problem)
        except OSError as error:
            what = f"cannot be opened: {error.strerror}"
            found.problems.append(Problem(relative(path, root), what, "check its permissions"))
        except READ_ERRORS as error:  # one file never costs more than itself
            what = f"the DICOM header cannot be read: {reason(error)}"
            found.problems.append(Problem(relative(path, root), what, SEND_AGAIN, subject))
    found.problems.extend(_copies(by_uid, copies, root))
    found.problems.extend(_lines(not_dicom, root))


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


def _share(elements: dict[int, bytes], values: dict[bytes, bytes]) -> None:
    """Let equal values be one: the slices of a series differ in little, and all are held."""
    for tag, value in elements.items():
        elements[tag] = values.setdefault(value, value)


def _sort_in(header: Header, found: Found, references: Callable[[str], frozenset[str]]) -> bool:
    """Put a file where it belongs; False for a DICOMDIR, which is no object of its own.

    Raises:
        HeaderError: the file is broken.
    """
    sop_class = header.text(Tag.SOP_CLASS_UID)
    if sop_class == DIRECTORY_CLASS:
        return False
    for tag, name in _IDENTITY.items():
        if not header.text(tag):
            number = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
            raise HeaderError(
                f"a DICOM file without {name} {number}, probably truncated", remedy=SEND_AGAIN
            )
    if sop_class in OBJECT_CLASSES:
        found.objects.append(
            DicomObject(header, OBJECT_CLASSES[sop_class], references(header.path))
        )
    elif header.text(Tag.MODALITY) in ("CT", "PT"):
        _check_size(header)
        found.images.append(header)
    else:
        found.others.append(header)
    return True


def _check_size(header: Header) -> None:
    """Refuse a file that claims more pixels than are read, or than it can hold uncompressed."""
    rows, columns = header.integer(Tag.ROWS), header.integer(Tag.COLUMNS)
    bits, samples = header.integer(Tag.BITS_ALLOCATED), header.integer(Tag.SAMPLES_PER_PIXEL)
    if not rows or not columns or not bits:
        raise HeaderError("an image without Rows, Columns or Bits Allocated (0028,0010/0011/0100)")
    needed = rows * columns * bits * (samples or 1) * header.frames // 8
    if needed > LARGEST_PIXELS_BYTES:
        raise HeaderError(
            f"the header claims {needed / 1024**3:.0f} GB of pixels", remedy=SEND_AGAIN
        )
    if header.transfer_syntax in NATIVE and header.size < needed:
        raise HeaderError(
            f"the file is truncated: {header.size} bytes, its pixels alone take {needed}",
            remedy=SEND_AGAIN,
        )


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


def _copies(
    by_uid: dict[_Instance, Header], copies: dict[_Instance, list[Header]], root: Path
) -> Iterator[Problem]:
    """A line per folder of second copies; an error where a copy has other content."""
    same: dict[str, list[Header]] = defaultdict(list)
    for uid, others in copies.items():
        for other in others:
            if _same_content(by_uid[uid], other):
                same[os.path.dirname(other.path)].append(other)  # noqa: PTH120
            else:
                first = relative(by_uid[uid].path, root)
                yield Problem(
                    relative(other.path, root),
                    f"same SOP Instance UID (0008,0018) as {first}, but other content; "
                    "the first is used",
                    "remove the wrong one",
                    other.text(Tag.PATIENT_ID) or None,
                )
    for folder, headers in same.items():
        first = relative(by_uid[_instance(headers[0])].path, root)
        count = len(headers)
        what = (
            f"second copies of {count} images (of {first} ...)"
            if count > 1
            else (f"{relative(headers[0].path, root)} is a second copy of {first}")
        )
        yield Problem(
            relative(folder, root),
            f"{what}; one is used",
            "",
            headers[0].text(Tag.PATIENT_ID) or None,
            ProblemLevel.NOTE,
        )


def _same_content(one: Header, other: Header) -> bool:
    """Same bytes, or headers written anew around the same pixels."""
    if one.size == other.size and _bytes(one.path) == _bytes(other.path):
        return True
    try:
        first, second = (read_header(header.path, to_pixels=True) for header in (one, other))
    except HeaderError:
        return False
    if first.pixel_bytes <= 0 or first.pixel_bytes != second.pixel_bytes:
        return False
    pixels = [
        _bytes(header.path)[header.pixel_offset : header.pixel_offset + header.pixel_bytes]
        for header in (first, second)
    ]
    geometry = (Tag.POSITION, Tag.ORIENTATION, Tag.PIXEL_SPACING, Tag.SLOPE, Tag.INTERCEPT)
    return pixels[0] == pixels[1] and all(
        first.numbers(tag) == second.numbers(tag) for tag in geometry
    )


def _bytes(path: str) -> bytes:
    return Path(path).read_bytes()
