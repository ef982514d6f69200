"""The delineations of one visit in a folder of files, found by subject and date or label."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from pathlib import Path

from imaging.contours import (
    read_rtstruct,
)
from imaging.errors import GeometryError, InputError
from imaging.volume import Grid
from recist.patient.delineation import candidates_from_label_map, of_object
from recist.patient.result_folder import folder_name
from segmentation.instances import (
    Candidate,
)

#: Where a run keeps the delineations of a patient, to be corrected and read again.
RUN_FOLDER = "delineations"
_SUFFIXES = (".nii.gz", ".nii", ".dcm")


def from_folder(
    folder: Path, subject: str, visit: str | dt.date, grid: Grid, pattern: str | None = None
) -> tuple[Candidate, ...]:
    """The lesions that a folder of delineations holds for one visit.

    Looks in ``folder/subject`` where that exists (an earlier run's results too), else in ``folder``
    for names that begin with the subject, else (one patient's folder) for any. The rest of the name
    begins with the date (2020-01-06 or 20200106) or the label of the visit: ``baseline``,
    ``follow-up 1`` (also fu1).
    NIfTI label maps, SEG and RTSTRUCT; several files of one visit are taken together. A label map
    on another grid than the CT (one drawn on the PET) is passed over when another one fits.

    Args:
        visit: label or date.

    Raises:
        InputError: no file of this visit, or one that cannot be used.
    """
    chosen = files_of_visit(folder, subject, visit)
    if not chosen:
        raise InputError(
            f"no delineation of {subject} at {visit}",
            where=folder,
            remedy="name files SUBJECT_DATE.nii.gz or put them in a folder named SUBJECT",
        )
    found: list[Candidate] = []
    misfit: GeometryError | None = None
    for path in chosen:
        if path.name.lower().endswith(".dcm"):
            found.extend(of_object(path, _modality(path), grid, pattern).candidates)
            continue
        try:
            found.extend(candidates_from_label_map(path, grid))
        except GeometryError as error:  # drawn on the PET, say: another file may fit the CT
            misfit = error
    if misfit is not None and not found:
        raise misfit
    return tuple(found)


def label_maps_of(folder: Path, subject: str, names: Sequence[str | dt.date]) -> list[Path]:
    """The NIfTI files of a visit, by date or label; names as for :func:`from_folder`."""
    found = [path for name in names for path in files_of_visit(folder, subject, name)]
    return [path for path in found if not path.name.lower().endswith(".dcm")]


def files_of_visit(folder: Path, subject: str, visit: str | dt.date) -> list[Path]:
    """The delineations of a visit in a folder, by the names of its files.

    Raises:
        InputError: there is no such folder.
    """
    if not folder.is_dir():
        raise InputError("not a folder", where=folder, remedy="give a folder of delineations")
    own = _own_folder(folder, subject)
    files = [path for path in sorted(own.iterdir()) if path.name.lower().endswith(_SUFFIXES)]
    prefix = _plain(subject)
    named = [path for path in files if _plain(path.name).startswith(prefix)]
    # In a folder of several patients only the names tell whose a file is.
    return [
        path
        for path in (named if named and own == folder else files)
        if _is_of_visit(_plain(path.name).removeprefix(prefix), visit)
    ]


def _own_folder(folder: Path, subject: str) -> Path:
    """The subject's folder, or the delineations of an earlier run in it; else the folder itself."""
    if not subject:
        return folder
    plain = Path(subject).name == subject  # an identifier is not a path
    for name in dict.fromkeys((*([subject] if plain else []), folder_name(subject))):
        for own in (folder / name / RUN_FOLDER, folder / name):
            if own.is_dir():
                return own
    return folder


def _modality(path: Path) -> str:
    try:
        read_rtstruct(path)
    except InputError:
        return "SEG"
    return "RTSTRUCT"


def _plain(text: str) -> str:
    """Letters and digits only, so that "follow-up 1", "Follow_up1" and "followup1" are one."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _is_of_visit(plain_name: str, visit: str | dt.date) -> bool:
    if isinstance(visit, dt.date):
        return plain_name.startswith(f"{visit:%Y%m%d}")
    label = _plain(visit)
    names = {label}
    if label.startswith("followup"):
        names.add("fu" + label.removeprefix("followup"))
    return any(re.match(rf"{re.escape(name)}(?!\d)", plain_name) for name in names)
