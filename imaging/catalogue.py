"""A folder tree as subjects, visits and series, from headers alone.

Files are recognised by content, whatever their names. What is left out, and why, is part of the
catalogue; nothing stops the scan but a root that is not a folder.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from imaging.dataset import READ_ERRORS, reason
from imaging.dates_table import DatesTable
from imaging.errors import InputError
from imaging.header import Header, Tag
from imaging.manifest import MANIFEST_NAME, read_manifest
from imaging.series import (
    Catalogue,
    Problem,
    ProblemLevel,
    Rejection,
    Series,
    SeriesFormat,
    Subject,
    Visit,
    with_uneven_slices,
)
from imaging.series_table import SeriesTable
from imaging.tables.letters import folded
from imaging.tree import DicomObject, Found, gather, relative
from imaging.visits import build

__all__ = [
    "Catalogue",
    "Problem",
    "ProblemLevel",
    "Rejection",
    "Series",
    "SeriesFormat",
    "Subject",
    "Visit",
    "scan",
]


#: What tells apart persons who share an ID.
_PERSON = (Tag.PATIENT_NAME, Tag.BIRTH_DATE, Tag.SEX)


def scan(
    root: Path,
    *,
    on_file: Callable[[int], None] | None = None,
    series_table: SeriesTable | None = None,
    dates_table: DatesTable | None = None,
    uneven_slices: bool = False,
    index_file: Path | None = None,
) -> Catalogue:
    """Catalogue a tree of DICOM files, or of NIfTI files named by a ``manifest.csv`` in its root.

    Subjects are told apart by Patient ID (0010,0020). Files without one belong to a subject
    named after their folder below the root. Where files with one ID carry different birth dates or
    sexes they are kept apart as ``ID~1``, ``ID~2`` and reported.

    Args:
        root: the folder.
        on_file: called with the number of files looked at so far.
        series_table: the user's word on which series serves what.
        dates_table: the user's dates of studies whose headers have none.
        uneven_slices: interpolate slices at uneven distances when they are read.
        index_file: where headers are kept, so that a later scan of a large tree reads only what
            changed; see :mod:`imaging.header_index`.

    Raises:
        InputError: the root is not a folder, or the manifest cannot be used.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError("not a folder", where=root, remedy="give a folder of DICOM files")
    if (root / MANIFEST_NAME).is_file():
        return read_manifest(root / MANIFEST_NAME)
    found = gather(root, on_file, index_file)
    problems = list(found.problems)
    subjects: list[Subject] = []
    grouped = _by_subject(found, root, problems)
    owner = _owner(grouped)
    for name, (images, objects) in sorted(grouped.items()):
        uses = (series_table or {}).get(name)
        try:
            given = (dates_table or {}).get(name)
            subject, own = build(name, images, objects, uses=uses, owner=owner, given_dates=given)
        except InputError as error:
            problems.append(Problem(name, error.what, error.remedy, name))
            continue
        except READ_ERRORS as error:  # one patient never costs another
            what = f"the images of this patient cannot be sorted: {reason(error)}"
            problems.append(Problem(name, what, "look for damaged headers", name))
            continue
        subjects.append(subject)
        problems.extend(
            p if p.where == name else replace(p, where=relative(p.where, root)) for p in own
        )
        problems.extend(_remarks(subject))
    problems.extend(_alike(subject.id for subject in subjects))
    if not found.images:
        problems.append(Problem(relative(root, root), "no CT or PET images in this folder"))
    patients = with_uneven_slices(subjects) if uneven_slices else tuple(subjects)
    return Catalogue(patients, tuple(problems), found.files)


def _owner(
    grouped: Mapping[str, tuple[list[Header], list[DicomObject]]],
) -> Callable[[frozenset[str]], str]:
    """Whose images UIDs belong to."""
    tags = (Tag.SERIES_UID, Tag.SOP_INSTANCE_UID, Tag.FRAME_OF_REFERENCE_UID)
    owners: dict[str, str] = {}

    def owner(uids: frozenset[str]) -> str:
        if not owners:
            owners.update(
                (header.text(tag), name)
                for name, (images, _) in grouped.items()
                for header in images
                for tag in tags
            )
        return next((owners[uid] for uid in sorted(uids) if uid in owners), "")

    return owner


def _alike(names: Iterable[str]) -> Iterable[Problem]:
    """Patients whose identifiers look alike: one, perhaps, whose dates would be parted."""
    first: dict[str, str] = {}
    for name in names:
        other = first.setdefault(folded(name), name)
        if other != name:
            what = f"its Patient ID looks like {other!a}: kept apart; one patient, or two?"
            yield Problem(name, what, "correct the Patient ID", name, ProblemLevel.NOTE)


def _remarks(subject: Subject) -> Iterable[Problem]:
    """What a comparison over dates lacks, although nothing is wrong."""
    if subject.treatment and not subject.visits:
        what = "no date that is a time point of response"
        yield Problem(subject.id, what, "see the table of series", subject.id)
    if len(subject.visits) == 1:
        what = f"one date only ({subject.visits[0].date.isoformat()}): nothing to compare with"
        yield Problem(subject.id, what, "", subject.id, ProblemLevel.NOTE)


def _by_subject(
    found: Found, root: Path, problems: list[Problem]
) -> dict[str, tuple[list[Header], list[DicomObject]]]:
    persons = _persons([*found.images, *(thing.header for thing in found.objects)], root, problems)
    grouped: dict[str, tuple[list[Header], list[DicomObject]]] = defaultdict(lambda: ([], []))
    for header in found.images:
        grouped[persons[header.path]][0].append(header)
    for thing in found.objects:
        grouped[persons[thing.header.path]][1].append(thing)
    return dict(grouped)


def _persons(headers: list[Header], root: Path, problems: list[Problem]) -> dict[str, str]:
    """The subject of each file."""
    by_id: dict[str, list[Header]] = defaultdict(list)
    unnamed: dict[str, int] = defaultdict(int)
    for header in headers:
        name = header.text(Tag.PATIENT_ID)
        if not name:
            name = _folder_name(header.path, root)
            unnamed[name] += 1
        by_id[name].append(header)
    for name, count in unnamed.items():
        what = f"{count} files without Patient ID (0010,0020); named after their folder"
        problems.append(Problem(name, what, "", name, ProblemLevel.NOTE))
    subjects: dict[str, str] = {}
    for name, group in by_id.items():
        for subject, members in _apart(name, group, problems).items():
            subjects.update((header.path, subject) for header in members)
    return subjects


def _folder_name(path: str, root: Path) -> str:
    parts = Path(os.path.relpath(path, root)).parts
    return parts[0] if len(parts) > 1 else root.name or "unnamed"


def _apart(name: str, headers: list[Header], problems: list[Problem]) -> dict[str, list[Header]]:
    """Persons who share an ID: another name and another birth date or sex."""
    alike: dict[tuple[bytes | None, ...], list[Header]] = defaultdict(list)
    for header in headers:
        alike[tuple(map(header.elements.get, _PERSON))].append(header)
    people: dict[tuple[str, str, str], list[Header]] = defaultdict(list)
    for members in alike.values():
        people[_identity(members[0])].extend(members)
    if len(people) < 2:
        return {name: headers}
    distinct: list[tuple[tuple[str, str, str], list[Header]]] = []
    for identity, members in people.items():
        same = next((p for p in distinct if not _differ(p[0], identity)), None)
        if same:
            same[1].extend(members)
        else:
            distinct.append((identity, list(members)))
    if len(distinct) == 1 and len({identity[0] for identity in people}) < 2:
        return {name: headers}
    if len(distinct) == 1:
        what = "several spellings of the patient's name under one Patient ID; taken as one patient"
        problems.append(Problem(name, what, "check the ID", name, ProblemLevel.NOTE))
        return {name: headers}
    what = f"{len(distinct)} different patients share this Patient ID; kept apart as {name}~1 ..."
    problems.append(Problem(name, what, "correct the Patient ID", name))
    return {f"{name}~{n}": members for n, (_, members) in enumerate(distinct, start=1)}


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
