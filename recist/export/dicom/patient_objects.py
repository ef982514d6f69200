"""``recist export OUT --to dicom``: the objects of every patient of a run."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from imaging.errors import InputError
from recist.export.dicom.dated import network_of
from recist.export.dicom.objects import write_objects
from recist.export.folders import PatientFolder, patient_folders
from recist.export.patient_files import DELINEATIONS, document_of
from recist.export.request import Exported, Request
from recist.patient.pipeline import answer_in
from recist.patient.result_folder import (
    DICOM_FOLDER,
    folder_name,
    part_replaced,
    written_whole,
)
from recist.patient.work import keeping
from recist.report.page import render


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
    """All objects from the work that is kept; without it those that lie there already."""
    if keeping.is_kept(patient.path / keeping.FOLDER):
        try:
            return _written_anew(patient, request)
        except InputError as error:
            if request.labelmap:  # those that lie there are of the other class
                raise
            objects, remarks = _at_hand(patient, request)
            return objects, [f"as they were: {error}", *remarks]
    return _at_hand(patient, request)


def _written_anew(patient: PatientFolder, request: Request) -> tuple[list[Path], list[str]]:
    """What a run with ``--dicom`` writes; the same results give the same bytes."""
    answer = answer_in(patient.path, patient.subject)
    pdf, unprinted = document_of(render(answer.result))
    before = patient.path / DICOM_FOLDER

    def write(part: Path) -> tuple[str, ...]:
        written = write_objects(
            answer.result,
            answer.delineations,
            part,
            bundle=network_of(answer.work.terms),
            earlier=before,
            labelmap=request.labelmap,
            pdf=pdf,
        )
        return (*written.remarks, *unprinted)

    if request.out is None:
        place = before
        with part_replaced(patient.path, DICOM_FOLDER) as part:
            remarks = write(part)
    else:
        place = _elsewhere(patient, request.out)
        with written_whole(place) as part:
            remarks = write(part)
    return sorted(place.glob("*.dcm")), list(remarks)


def _at_hand(patient: PatientFolder, request: Request) -> tuple[list[Path], list[str]]:
    place = patient.path / DICOM_FOLDER
    objects = sorted(place.glob("*.dcm"))
    remarks = []
    if not objects:
        objects = sorted((patient.path / DELINEATIONS).glob("*.dcm"))
        remarks.append("delineations only: no work is kept that the other objects could come from")
    if not objects:
        raise InputError("no delineation is DICOM: were the images NIfTI?")
    if request.labelmap:
        raise InputError(
            "no work is kept that a LABELMAP could be written from", remedy="run the patient again"
        )
    if request.out is not None:
        elsewhere = _elsewhere(patient, request.out)
        with written_whole(elsewhere) as part:
            _copy(objects, part)
        return [elsewhere / path.name for path in objects], remarks
    if objects[0].parent != place:
        with part_replaced(patient.path, DICOM_FOLDER) as part:
            _copy(objects, part)
    return [place / path.name for path in objects], remarks


def _elsewhere(patient: PatientFolder, out: Path) -> Path:
    place = out / folder_name(patient.subject)
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _copy(objects: Sequence[Path], part: Path) -> None:
    for path in objects:
        shutil.copyfile(path, part / path.name)
