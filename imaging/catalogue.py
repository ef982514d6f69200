"""A folder tree as subjects, visits and series, from headers alone.

Files are recognised by content, whatever their names. What is left out, and why, is part of the
catalogue; nothing stops the scan but a root that is not a folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from imaging.dataset import READ_ERRORS, reason
from imaging.dates_table import DatesTable
from imaging.errors import InputError
from imaging.header import Tag
from imaging.manifest import MANIFEST_NAME, read_manifest
from imaging.ownership import Patients, by_patient, members_of
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
from imaging.shelf import Shelf
from imaging.tables.letters import folded
from imaging.tree import Found, gather, relative
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


#: Patients of a small tree that are held in memory; those of a large one lie on disk.
HELD_SUBJECTS = 1_000


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
    patients = by_patient(found, root)
    problems = patients.problems
    subjects: Shelf[Subject] = Shelf(HELD_SUBJECTS if found.entries.is_in_memory else 0)
    names: list[str] = []
    owner = _owner(found, patients)
    for name, places in sorted(patients.entries.items()):
        uses = (series_table or {}).get(name)
        try:
            images, objects = members_of(found, places)
            given = (dates_table or {}).get(name)
            subject, own = build(name, images, objects, uses=uses, owner=owner, given_dates=given)
        except InputError as error:
            problems.append(Problem(name, error.what, error.remedy, name))
            continue
        except READ_ERRORS as error:  # one patient never costs another
            what = f"the images of this patient cannot be sorted: {reason(error)}"
            problems.append(Problem(name, what, "look for damaged headers", name))
            continue
        subjects.append(with_uneven_slices(subject) if uneven_slices else subject)
        names.append(name)
        problems.extend(
            p if p.where == name else replace(p, where=relative(p.where, root)) for p in own
        )
        problems.extend(_remarks(subject))
    problems.extend(_alike(names))
    if not patients.images:
        problems.append(Problem(relative(root, root), "no CT or PET images in this folder"))
    whole = tuple(subjects) if subjects.is_in_memory else subjects
    return Catalogue(whole, tuple(problems), found.files)


def _owner(found: Found, patients: Patients) -> Callable[[frozenset[str]], str]:
    """Whose images UIDs belong to."""
    tags = (Tag.SERIES_UID, Tag.SOP_INSTANCE_UID, Tag.FRAME_OF_REFERENCE_UID)
    owners: dict[str, str] = {}

    def owner(uids: frozenset[str]) -> str:
        if not owners:
            owners.update(
                (header.text(tag), name)
                for name, places in patients.entries.items()
                for header in members_of(found, places)[0]
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
