"""``recist export OUT --to dicom``: the objects of every patient of a run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imaging.errors import InputError
from recist.export.folders import PatientFolder, patient_folders
from recist.export.targets import Exported, Request
from recist.patient.result_folder import folder_name, part_replaced, written_whole

#: Of a patient's folder: the objects, and where the delineations lie.
DICOM_FOLDER = "dicom"
DELINEATIONS = "delineations"


def export(request: Request) -> Exported:
    """Write the objects of each patient that has any; the others are named."""
    patients, failures = patient_folders(request.source, request.subjects)
    files: list[Path] = []
    named = list(failures)
    for patient in patients:
        try:
            with _place(patient, request) as (part, place):
                names = _write(patient, part)
            files.extend(place / name for name in names)
        except InputError as error:
            named.append(f"{patient.subject}: {error}")
    return Exported(tuple(files), tuple(named))


@contextmanager
def _place(patient: PatientFolder, request: Request) -> Iterator[tuple[Path, Path]]:
    """The folder that is written, and where it will lie when it is whole."""
    if request.out is None:
        with part_replaced(patient.path, DICOM_FOLDER) as part:
            yield part, patient.path / DICOM_FOLDER
        return
    place = request.out / folder_name(patient.subject)
    place.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(place) as part:
        yield part, place


def _write(patient: PatientFolder, part: Path) -> list[str]:
    segs = sorted((patient.path / DELINEATIONS).glob("*.dcm"))
    if not segs:
        raise InputError("no delineation is DICOM: were the images NIfTI?")
    for seg in segs:
        shutil.copyfile(seg, part / seg.name)
    return [seg.name for seg in segs]
