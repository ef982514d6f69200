"""The files of a date, and what tells whether they changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from imaging.series import Series, Visit

if TYPE_CHECKING:
    from hashlib import _Hash


def files_of(visit: Visit) -> Iterator[Path]:
    """Every file of a date."""
    images = (series for series in (visit.ct, visit.pet) if series is not None)
    for series in (*images, *visit.segs, *visit.registrations, *planned_by(visit)):
        yield from series.files
    if visit.labels is not None:
        yield visit.labels


def planned_by(visit: Visit) -> tuple[Series, ...]:
    """The objects of radiotherapy of a date."""
    return (*visit.rtstructs, *visit.rtdoses, *visit.rtplans, *visit.rtrecords)


def told_apart_by(visit: Visit) -> list[object]:
    """What else than its files makes a date what it is: a table of series changes it."""
    images = (visit.ct, visit.pet)
    used = ((image.uid, image.uneven_slices) if image else () for image in images)
    return [str(visit.date), visit.label, *used]


def stamp(digest: _Hash, files: Iterable[Path]) -> None:
    """Add files to a digest: their places, sizes and times."""
    for path in sorted(set(files)):
        status = path.stat()
        digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
