"""The files of a tree sorted into patients: images, the objects beside them, second copies apart.

Headers are looked at patient by patient: those of a large tree lie on disk, and what is held of
each file is its number.
"""

from __future__ import annotations

import os
import sys
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from imaging.dataset import LARGEST_PIXELS_BYTES, READ_ERRORS, SEND_AGAIN
from imaging.errors import HeaderError
from imaging.header import DIRECTORY_CLASS, NATIVE, Header, Tag, binary_of, read_header
from imaging.series import Problem, ProblemLevel
from imaging.tree import OBJECT_CLASSES, Found, FoundFile, Placed, refusal, relative

#: What every file must have to find its place (type 1 in every SOP class used here).
_IDENTITY = {
    Tag.SOP_CLASS_UID: "SOP Class UID",
    Tag.SOP_INSTANCE_UID: "SOP Instance UID",
    Tag.MODALITY: "Modality",
    Tag.SERIES_UID: "Series Instance UID",
}
#: What tells apart persons who share an ID.
_PERSON = (Tag.PATIENT_NAME, Tag.BIRTH_DATE, Tag.SEX)


@dataclass(frozen=True, slots=True, eq=False)
class DicomObject:
    """An RTSTRUCT, RTDOSE, RTPLAN, RTRECORD, SEG or REG with the UIDs that it refers to."""

    header: Header
    modality: str
    references: frozenset[str]


@dataclass(slots=True)
class Patients:
    """Whose file is which.

    Attributes:
        entries: of each patient, by place in what was found, in the order of the walk.
        problems: of files in the order of the walk, then of patients as they are met.
        images: how many CT and PET images there are.
    """

    entries: dict[str, array[int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    images: int = 0


class _Copy(NamedTuple):
    """A second copy of an image.

    Attributes:
        place: the number of the first copy of that image, and of this one.
        of: the path of the image that is used.
    """

    place: tuple[int, int]
    path: str
    of: str
    subject: str
    is_same: bool


#: Where a patient is met first: among the images, else among the objects.
_Met = tuple[bool, int]


class _Files:
    """The files of one name: their places by whether they are objects and by what tells persons
    apart. Their headers need not be read again for it.
    """

    __slots__ = ("_by_kind",)

    def __init__(self) -> None:
        self._by_kind: dict[tuple[bool, tuple[bytes | None, ...]], array[int]] = {}

    def add(self, place: int, entry: FoundFile) -> None:
        kind = _is_object(entry), tuple(map(entry.header.elements.get, _PERSON))
        places = self._by_kind.get(kind)
        if places is None:
            places = self._by_kind[kind] = array("q")
        places.append(place)

    def met(self) -> _Met:
        """The first image, or the first object where there is none."""
        return min((is_object, min(places)) for (is_object, _), places in self._by_kind.items())

    def in_order(self) -> tuple[list[int], list[list[int]]]:
        """All places, images first, and those of each person, in the order of the first of each."""
        kinds = sorted(self._by_kind.items(), key=lambda each: (each[0][0], min(each[1])))
        persons: dict[tuple[bytes | None, ...], list[int]] = {}
        for (_, person), places in kinds:
            persons.setdefault(person, []).extend(sorted(places))
        ordered = sorted((is_object, place) for (is_object, _), places in kinds for place in places)
        return [place for _, place in ordered], list(persons.values())


def by_patient(found: Found, root: Path) -> Patients:
    """Sort what was found below a folder.

    What is known of a patient leaves ``found.by_id`` as it is sorted: an archive has many.
    """
    patients = Patients()
    placed: list[Placed] = list(found.problems)
    copies: list[_Copy] = []
    named: dict[str, _Files] = {}
    unnamed: dict[str, int] = {}
    for patient_id in list(found.by_id):
        places = found.by_id.pop(patient_id)
        for place, entry in _used(
            found.entries, patient_id, places, root=root, placed=placed, copies=copies
        ):
            patients.images += not _is_object(entry)
            name = patient_id
            if not name:
                name = _folder_name(entry.header.path, root)
                unnamed[name] = unnamed.get(name, 0) + 1
            if (files := named.get(name)) is None:
                files = named[name] = _Files()
            files.add(place, entry)
    notes: list[tuple[_Met, Problem]] = []
    shared: list[tuple[_Met, Problem]] = []
    for name in list(named):
        files = named.pop(name)
        met = files.met()
        if name in unnamed:
            what = f"{unnamed[name]} files without Patient ID (0010,0020); named after their folder"
            notes.append((met, Problem(name, what, "", name, ProblemLevel.NOTE)))
        people, problem = _apart(name, files, found.entries)
        if problem is not None:
            shared.append((met, problem))
        for person, members in people.items():
            patients.entries.setdefault(person, array("q")).extend(members)
    placed.sort(key=lambda each: each[0])
    patients.problems = [
        *(problem for _, problem in placed),
        *_copies(copies, root),
        *found.remarks,
        *(problem for told in (notes, shared) for _, problem in sorted(told, key=lambda t: t[0])),
    ]
    return patients


def members_of(found: Found, places: Sequence[int]) -> tuple[list[Header], list[DicomObject]]:
    """The images and the objects of a patient, in the order of the walk."""
    entries = [found.entries[place] for place in sorted(places)]
    return (
        [entry.header for entry in entries if not _is_object(entry)],
        [
            DicomObject(entry.header, OBJECT_CLASSES[_class_of(entry)], entry.references)
            for entry in entries
            if entry.references is not None
        ],
    )


def _class_of(entry: FoundFile) -> str:
    return entry.header.text(Tag.SOP_CLASS_UID)


def _is_object(entry: FoundFile) -> bool:
    return entry.references is not None


def _used(
    entries: Sequence[FoundFile],
    patient: str,
    places: Iterable[int],
    *,
    root: Path,
    placed: list[Placed],
    copies: list[_Copy],
) -> Iterator[tuple[int, FoundFile]]:
    """The images and objects of one Patient ID with their places, each image once.

    A study that was given a second Patient ID (a pseudonym, a test) keeps its UIDs in many tools;
    the two patients must not take images from each other.

    Args:
        placed: receives what is wrong with files.
        copies: receives second copies.
    """
    first: dict[str, Header] = {}
    met: dict[str, int] = {}
    passed: dict[tuple[object, ...], int] = {}
    for place in places:
        entry = entries[place]
        header = entry.header
        try:
            uid = header.text(Tag.SOP_INSTANCE_UID)
            if (one := first.get(uid)) is not None:
                at = met.setdefault(uid, entry.number), entry.number
                same = _same_content(one, header)
                copies.append(_Copy(at, header.path, one.path, patient, same))
                continue
            looks = (header.transfer_syntax, *map(header.elements.get, _LOOKED_AT))
            if uid and passed.get(looks, sys.maxsize) <= header.size:  # as one that was checked
                first[uid] = header
                yield place, entry
                continue
            if _class_of(entry) == DIRECTORY_CLASS:
                continue
            _check_identity(header)
            if entry.refused is not None:
                placed.append((entry.number, entry.refused))
                continue
            is_image = not _is_object(entry) and header.text(Tag.MODALITY) in ("CT", "PT")
            if is_image:
                passed[looks] = _checked_size(header)
        except (HeaderError, *READ_ERRORS) as error:  # one file never costs more than itself
            placed.append((entry.number, refusal(error, header.path, root, patient)))
            continue
        first[uid] = header
        if is_image or _is_object(entry):
            yield place, entry


def _check_identity(header: Header) -> None:
    """Refuse a file that lacks what it needs to find its place."""
    elements = header.elements
    for tag, name in _IDENTITY.items():
        if not elements.get(tag, b"").strip(b" \0"):
            number = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
            raise HeaderError(
                f"a DICOM file without {name} {number}, probably truncated", remedy=SEND_AGAIN
            )


def _checked_size(header: Header) -> int:
    """The bytes that a file with such pixels has at least, 0 where they are compressed.

    Raises:
        HeaderError: it claims more pixels than are read, or than it can hold uncompressed.
    """
    rows, columns, bits, samples = _sizes(*map(header.elements.get, _SIZES))
    if not rows or not columns or not bits:
        raise HeaderError("an image without Rows, Columns or Bits Allocated (0028,0010/0011/0100)")
    needed = rows * columns * bits * (samples or 1) * header.frames // 8
    if needed > LARGEST_PIXELS_BYTES:
        raise HeaderError(
            f"the header claims {needed / 1024**3:.0f} GB of pixels", remedy=SEND_AGAIN
        )
    if header.transfer_syntax not in NATIVE:
        return 0
    if header.size < needed:
        raise HeaderError(
            f"the file is truncated: {header.size} bytes, its pixels alone take {needed}",
            remedy=SEND_AGAIN,
        )
    return needed


_SIZES = (Tag.ROWS, Tag.COLUMNS, Tag.BITS_ALLOCATED, Tag.SAMPLES_PER_PIXEL)
#: What is checked of an image, but for its own UID and its size.
_LOOKED_AT = (Tag.SOP_CLASS_UID, Tag.MODALITY, Tag.SERIES_UID, Tag.FRAMES, *_SIZES)


@lru_cache(maxsize=1024)
def _sizes(*raw: bytes | None) -> tuple[int | None, ...]:
    """Binary 16-bit elements; the images of a tree have few sizes."""
    return tuple(map(binary_of, raw))


def _copies(copies: list[_Copy], root: Path) -> Iterator[Problem]:
    """A line per folder of second copies; an error where a copy has other content."""
    same: dict[str, list[_Copy]] = defaultdict(list)
    for copy in sorted(copies):
        if copy.is_same:
            same[os.path.dirname(copy.path)].append(copy)  # noqa: PTH120 - plain strings, as found
            continue
        yield Problem(
            relative(copy.path, root),
            f"same SOP Instance UID (0008,0018) as {relative(copy.of, root)}, but other content; "
            "the first is used",
            "remove the wrong one",
            copy.subject or None,
        )
    for folder, group in same.items():
        first = relative(group[0].of, root)
        what = (
            f"second copies of {len(group)} images (of {first} ...)"
            if len(group) > 1
            else f"{relative(group[0].path, root)} is a second copy of {first}"
        )
        subject = group[0].subject or None
        yield Problem(
            relative(folder, root), f"{what}; one is used", "", subject, ProblemLevel.NOTE
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


def _folder_name(path: str, root: Path) -> str:
    parts = Path(os.path.relpath(path, root)).parts
    return parts[0] if len(parts) > 1 else root.name or "unnamed"


def _apart(
    name: str, files: _Files, entries: Sequence[FoundFile]
) -> tuple[dict[str, list[int]], Problem | None]:
    """Persons who share an ID, another name and another birth date or sex, with their files.

    Args:
        entries: the files by place.
    """
    all_of_them, alike = files.in_order()
    if len(alike) == 1:
        return {name: all_of_them}, None
    people: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for members in alike:
        people[_identity(entries[members[0]].header)].extend(members)
    if len(people) < 2:
        return {name: all_of_them}, None
    distinct: list[tuple[tuple[str, str, str], list[int]]] = []
    for identity, places in people.items():
        same = next((p for p in distinct if not _differ(p[0], identity)), None)
        if same:
            same[1].extend(places)
        else:
            distinct.append((identity, list(places)))
    if len(distinct) == 1 and len({identity[0] for identity in people}) < 2:
        return {name: all_of_them}, None
    if len(distinct) == 1:
        what = "several spellings of the patient's name under one Patient ID; taken as one patient"
        return {name: all_of_them}, Problem(name, what, "check the ID", name, ProblemLevel.NOTE)
    what = f"{len(distinct)} different patients share this Patient ID; kept apart as {name}~1 ..."
    apart = {f"{name}~{n}": places for n, (_, places) in enumerate(distinct, start=1)}
    return apart, Problem(name, what, "correct the Patient ID", name)


def _identity(header: Header) -> tuple[str, str, str]:
    """Name without case, spaces and empty parts; birth date; sex. Never shown."""
    letters = "".join(c for c in header.text(Tag.PATIENT_NAME).casefold() if c.isalnum())
    return letters, header.text(Tag.BIRTH_DATE), header.text(Tag.SEX).upper()


def _differ(one: tuple[str, str, str], other: tuple[str, str, str]) -> bool:
    """Whether two identities are of two persons: birth dates, or sexes, that contradict.

    Names alone do not tell: they are spelt in many ways. Sex ``O`` is no contradiction.
    """
    sexes = {one[2], other[2]}
    return bool(one[1] and other[1] and one[1] != other[1]) or sexes == {"F", "M"}
