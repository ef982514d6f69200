"""Everything that is written for one patient: report, tables, JSON, delineations."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from imaging.errors import GeometryError, InputError
from imaging.seg import Algorithm, write_seg
from imaging.series import Problem, SeriesFormat
from imaging.tables.rows import csv_text
from imaging.volume import Grid, Mask
from imaging.writing import write_text
from pet.response.pet_assessment import PetAssessment
from recist.export.dicom.dated import algorithm_of, segments_of
from recist.export.dicom.documents import described
from recist.export.dicom.objects import SEG_DESCRIPTION, write_objects
from recist.export.field_table import write_fields
from recist.export.written_tables import (
    write_events,
    write_measurements,
    write_outcomes,
    write_outcomes_json,
    write_timepoints,
    write_timepoints_json,
)
from recist.patient.delineated_date import DelineatedDate
from recist.patient.result import PatientResult, PetTotals
from recist.patient.result_folder import (
    DICOM_FOLDER,
    EVENTS,
    FIELDS,
    LINKS,
    MEASUREMENTS,
    METABOLIC,
    PET_TOTALS,
    WARNINGS,
)
from recist.protocol import Protocol
from recist.report.page import write_report
from recist.report.paper import as_pdf
from recist.table.output import OUTCOMES, OUTCOMES_JSON, TIMEPOINTS, TIMEPOINTS_JSON

REPORT = "report.html"
DELINEATIONS = "delineations"


def write_case(
    case: PatientResult,
    delineations: Sequence[DelineatedDate],
    folder: Path,
    *,
    protocol: Protocol,
    bundle: Algorithm | None,
    dicom: bool = False,
    earlier: Path | None = None,
    linked: frozenset[int] = frozenset(),
    patterns: Path | None = None,
) -> tuple[Problem, ...]:
    """Write the folder of one patient; the caller makes sure that it appears whole.

    Args:
        bundle: the network that delineated what no person did.
        dicom: write the results as DICOM objects too.
        earlier: the folder whose place this one takes; its objects are referred to.
        linked: the days whose delineations are there already.
        patterns: delineations of the same work: what they say of the images is taken over.

    Returns:
        What could not be written as it should be.
    """
    lost = []
    for dated in delineations:
        if dated.examination.day in linked:
            continue
        if dated.masks() or dated.reviewed:
            _, what = write_delineation(dated, folder / DELINEATIONS, bundle, like=patterns)
            if what:
                date = str(dated.examination.visit.date)
                remedy = "its lesions lie in a NIfTI label map instead"
                lost.append(Problem(date, what, remedy, case.course.subject))
    page = write_report(case, folder / REPORT)
    write_measurements(folder / MEASUREMENTS, (case.course,))
    write_events(folder / EVENTS, (case.course,))
    _write_answers(case, folder, protocol)
    write_text(folder / LINKS, csv_text(case.link_table))
    write_fields(folder / FIELDS, case.course.subject, case.fields)
    if case.metabolic:
        rows = (_metabolic_row(case, each) for each in case.metabolic)
        write_text(folder / METABOLIC, csv_text(rows))
    if case.pet_totals:
        write_text(
            folder / PET_TOTALS, csv_text(_totals_row(case, each) for each in case.pet_totals)
        )
    remarks: tuple[str, ...] = ()
    if dicom:
        remarks = _write_dicom(case, delineations, folder, page, bundle=bundle, earlier=earlier)
    lines = [*(str(problem) for problem in (*case.problems, *lost)), *case.warnings, *remarks]
    write_text(folder / WARNINGS, "".join(f"{line}\n" for line in lines))
    return tuple(lost)


def _write_dicom(
    case: PatientResult,
    delineations: Sequence[DelineatedDate],
    folder: Path,
    page: str,
    *,
    bundle: Algorithm | None,
    earlier: Path | None,
) -> tuple[str, ...]:
    """The objects of a patient; what could not be written is said, and costs nothing else."""
    replaced = None if earlier is None else earlier / DICOM_FOLDER
    place = folder / DICOM_FOLDER
    place.mkdir()  # stays, if empty, to say that it was asked for
    pdf, unprinted = document_of(page)
    try:
        written = write_objects(case, delineations, place, bundle=bundle, earlier=replaced, pdf=pdf)
    except InputError as error:
        return (f"no DICOM objects: {error}",)
    return (*written.remarks, *unprinted)


def document_of(page: str) -> tuple[bytes | None, tuple[str, ...]]:
    """The page of a patient as PDF, or why there is none; the other objects need none."""
    try:
        return as_pdf(page), ()
    except InputError as error:
        return None, (str(error),)


def _write_answers(case: PatientResult, folder: Path, protocol: Protocol) -> None:
    assessed = [(case.course, case.assessments)]
    concluded = [(case.course, case.outcomes)]
    write_timepoints(folder / TIMEPOINTS, assessed, case.certainties)
    write_timepoints_json(
        folder / TIMEPOINTS_JSON,
        assessed,
        protocol,
        baselines=case.baselines,
        certainties=case.certainties,
    )
    write_outcomes(folder / OUTCOMES, concluded, protocol)
    write_outcomes_json(folder / OUTCOMES_JSON, concluded, protocol)


def _metabolic_row(case: PatientResult, assessment: PetAssessment) -> dict[str, object]:
    date = case.course.date_of(assessment.day)
    return {
        "subject": case.course.subject,
        "date": date.isoformat() if date else assessment.day,
        "criteria": assessment.criteria,
        "value": _shown(assessment.value),
        "baseline": _shown(assessment.baseline),
        "change_percent": _shown(assessment.change_percent),
        "response": str(assessment.response),
        "reason": " ".join(reason.sentence for reason in assessment.reasons),
        "warnings": " ".join(assessment.warnings),
    }


def _totals_row(case: PatientResult, totals: PetTotals) -> dict[str, object]:
    date, found = case.course.date_of(totals.day), totals.burden
    return {
        "subject": case.course.subject,
        "date": date.isoformat() if date else totals.day,
        "lesions": totals.lesions,
        "basis": totals.basis,
        "count": found.lesions,
        "mtv_ml": f"{found.mtv_ml:.3f}",
        "tlg": f"{found.tlg:.2f}",
        "suv_max": "" if found.suv_max is None else f"{found.suv_max:.2f}",
        "dmax_mm": "" if found.dmax_mm is None else f"{found.dmax_mm:.1f}",
    }


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def delineation_name(dated: DelineatedDate) -> str:
    """The name of the file of a date, without its ending."""
    return f"{dated.examination.visit.date.isoformat()}-lesions"


def write_delineation(
    dated: DelineatedDate, folder: Path, bundle: Algorithm | None, *, like: Path | None = None
) -> tuple[Path, str]:
    """The lesions of one date, as ``--lesions`` reads them, and why they are no SEG.

    DICOM SEG on the grid of the CT's slices (those of a PET alone), else a NIfTI label map with the
    names of its labels; an empty one says that a person found no lesion at this date.

    Args:
        like: a folder of delineations of the same images: what they say of them is taken over.
    """
    folder.mkdir(exist_ok=True)
    visit = dated.examination.visit
    name = delineation_name(dated)
    masks = dated.masks()
    image = visit.ct or visit.pet

    def as_label_map() -> Path:
        numbers = {lesion.id: n for n, lesion in enumerate(dated.places, start=1)}
        grid = dated.examination.ct.volume.grid
        return write_named_labels(folder / f"{name}.nii.gz", masks, numbers, grid)

    if not masks or image is None or image.kind is SeriesFormat.NIFTI:
        return as_label_map(), ""
    segments = segments_of(dated, algorithm_of(dated, bundle))
    try:
        path = write_seg(
            folder / f"{name}.dcm",
            segments,
            dated.examination.ct.headers,
            series_description=described(SEG_DESCRIPTION),
            like=None if like is None else like / f"{name}.dcm",
            sop_instance_uids=dated.examination.ct.sop_instance_uids,
        )
    except GeometryError:  # a tilted series was straightened: its slices are not the source's
        return as_label_map(), ""
    except InputError as error:
        return as_label_map(), f"no SEG could be written: {error.what}"
    return path, ""


def write_named_labels(
    path: Path, masks: Mapping[str, Mask], numbers: Mapping[str, int], grid: Grid
) -> Path:
    """Lesions as a label map, and their names beside it: what ``recist run --lesions`` takes.

    Args:
        path: ends in ``.nii.gz``.
        masks: by lesion.
        numbers: the label of each lesion, the same at every date.
    """
    from imaging.nifti import write_label_map  # noqa: PLC0415 - nibabel is long to load

    write_label_map(path, {numbers[lesion]: mask for lesion, mask in masks.items()}, grid)
    names = {str(numbers[lesion]): lesion for lesion in masks}
    beside = path.with_name(path.name.removesuffix(".nii.gz") + ".json")
    write_text(beside, json.dumps(names) + "\n")
    return path
