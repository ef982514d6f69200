"""``recist export OUT --to dicom``: the objects of every patient of a run."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from imaging.errors import InputError
from recist.export.dicom.objects import DICOM_FOLDER
from recist.export.folders import PatientFolder, patient_folders
from recist.export.request import Exported, Request
from recist.patient.result_folder import folder_name, part_replaced, written_whole

DELINEATIONS = "delineations"


def export(request: Request) -> Exported:
    """Write the objects of each patient that has any; the others are named."""
    patients, failures = patient_folders(request.source, request.subjects)
    files: list[Path] = []
    named, remarks = list(failures), []
    for patient in patients:
        try:
            written, said = _of_patient(patient, request)
        except InputError as error:
            named.append(f"{patient.subject}: {error}")
            continue
        files += written
        remarks += [f"{patient.subject}: {line}" for line in said]
    return Exported(tuple(files), tuple(named), tuple(remarks))


def _of_patient(patient: PatientFolder, request: Request) -> tuple[list[Path], list[str]]:
    place = patient.path / DICOM_FOLDER
    objects = sorted(place.glob("*.dcm"))
    remarks = []
    if not objects:
        objects = sorted((patient.path / DELINEATIONS).glob("*.dcm"))
        remarks.append("delineations only: reports and key images need a run with --dicom")
    if not objects:
        raise InputError("no delineation is DICOM: were the images NIfTI?")
    if request.out is not None:
        elsewhere = request.out / folder_name(patient.subject)
        elsewhere.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(elsewhere) as part:
            _copy(objects, part)
        return [elsewhere / path.name for path in objects], remarks
    if objects[0].parent != place:
        with part_replaced(patient.path, DICOM_FOLDER) as part:
            _copy(objects, part)
    return [place / path.name for path in objects], remarks


def _copy(objects: Sequence[Path], part: Path) -> None:
    for path in objects:
        shutil.copyfile(path, part / path.name)
