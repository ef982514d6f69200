"""The folder of one patient: results, the corrections that they follow, and the work behind them.

What is written by a run and what is written again after a correction is the same; a correction
made and taken back leaves the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from imaging.errors import InputError
from imaging.read_json import read_json
from imaging.seg import Algorithm
from imaging.series import Problem
from imaging.writing import write_text
from recist.export.dicom.dated import network_of
from recist.export.patient_files import DELINEATIONS, delineation_name, write_case
from recist.patient.corrections import Corrections, write_corrections
from recist.patient.corrections.correction_tables import FOLDER as CORRECTIONS
from recist.patient.corrections.correction_tables import corrections_in
from recist.patient.corrections.laid_out import ProposedPart, ProposedRow
from recist.patient.delineated_date import DelineatedDate
from recist.patient.options import LIMIT_MB
from recist.patient.parting import proposed_parts
from recist.patient.pipeline import PatientAnswer
from recist.patient.result import PatientResult
from recist.patient.signatures import write_standing
from recist.patient.work import Work, keeping
from recist.patient.work.memory import mask_key
from recist.report import wording

#: What the delineations show: to tell what changed.
DELINEATED = "delineated.kept"


def write_patient(
    answer: PatientAnswer,
    part: Path,
    *,
    dicom: bool = False,
    earlier: Path | None = None,
    cache_mb: float | None = LIMIT_MB,
    afresh: bool = True,
    shared: bool = False,
) -> tuple[Problem, ...]:
    """Write everything of one patient; the caller makes sure that it appears whole.

    Args:
        dicom: write the results as DICOM objects too.
        earlier: the folder whose place this one takes.
        cache_mb: what the work may take; None keeps none.
        afresh: the work is new; otherwise it is that of ``earlier`` and is carried over.
        shared: delineations that show what those of ``earlier`` show are taken over: this version
            wrote them. They are where the work is not new.

    Returns:
        What could not be written as it should be.
    """
    terms, said = answer.work.terms, answer.said
    algorithm = network_of(terms)
    marks = {delineation_name(each): _mark(each, algorithm) for each in answer.delineations}
    linked: frozenset[int] = frozenset()
    place = part / keeping.FOLDER
    if not afresh and earlier is not None:
        keeping.carry_over(earlier / keeping.FOLDER, place)
    if (shared or not afresh) and earlier is not None:
        linked = _linked(answer.delineations, marks, earlier, part)
    # The images are packed beside the work on the page and the tables.
    with ThreadPoolExecutor(1) as thread:
        kept = (
            thread.submit(keeping.keep, answer.work, place, limit_mb=cache_mb)
            if afresh and cache_mb is not None
            else None
        )
        lost = write_case(
            answer.result,
            answer.delineations,
            part,
            protocol=terms.protocol,
            bundle=algorithm,
            dicom=dicom,
            earlier=earlier,
            linked=linked,
            patterns=None if afresh or earlier is None else earlier / DELINEATIONS,
        )
        write_standing(answer.result, part)
        _write_tables(answer, part / CORRECTIONS)
    if cache_mb is None or (kept is not None and not kept.result()):
        return lost
    subject = answer.work.subject.id
    # Shared with the folder before: written anew, not over.
    for name in (keeping.APPLIED, DELINEATED):
        _remove(place / name)
    write_corrections(place / keeping.APPLIED, subject, said)
    write_text(place / DELINEATED, json.dumps(marks, indent=1, sort_keys=True) + "\n")
    return lost


def said_in(folder: Path, subject: str) -> Corrections:
    """The corrections that lie with the results of a patient, as the reader left them."""
    return corrections_in(folder / CORRECTIONS, subject)


def work_in(folder: Path) -> Work | None:
    """The work that lies with the results of a patient; None where none can be taken up."""
    try:
        return keeping.take_up(folder / keeping.FOLDER)
    except InputError:
        return None


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _write_tables(answer: PatientAnswer, folder: Path) -> None:
    """The tables of corrections: what was said, and a row to fill in for everything else."""
    result = answer.result
    names = [lesion.id for lesion in result.course.lesions]
    dates = [date for at in result.course.timepoints if (date := result.course.date_of(at.day))]
    write_corrections(
        folder,
        result.course.subject,
        answer.said,
        lesions=names,
        proposals=tuple(_proposals(result, answer.said)),
        dates=dates,
        parts=_parts(answer),
    )


def _parts(answer: PatientAnswer) -> list[ProposedPart]:
    """The parts that a reader may take: every date tells of all lesions."""
    if not answer.delineations:
        return []
    date_of = {each.examination.day: each.examination.visit.date for each in answer.delineations}
    return [
        ProposedPart(date_of[day], part, size_mm)
        for day, part, size_mm in proposed_parts(answer.delineations[0].tracked)
    ]


def _proposals(result: PatientResult, said: Corrections) -> list[ProposedRow]:
    found = []
    corrected = {(each.lesion, each.date) for each in said.measurements}
    for at in result.course.timepoints:
        date = result.course.date_of(at.day)
        for measurement in at.measurements:
            if date is None:
                continue
            words = wording.status_words(measurement)
            if measurement.diameter_mm is not None:
                words = f"{measurement.diameter_mm} mm"
            # What was proposed before a correction stands in the remarks of the page.
            shown = "" if (measurement.lesion_id, date) in corrected else words
            found.append(ProposedRow(measurement.lesion_id, date, shown))
    return found


def _mark(dated: DelineatedDate, algorithm: Algorithm | None) -> str:
    """Tells apart what the delineation of a date shows."""
    shown = [
        [lesion.id, lesion.organ, lesion.is_node, lesion.tracking_uid] for lesion in dated.places
    ]
    masks = {name: mask_key(mask) for name, mask in dated.masks().items()}
    images = dated.examination.ct.sop_instance_uids
    text = json.dumps([shown, masks, images, dated.reviewed, repr(algorithm)])
    return hashlib.sha256(text.encode()).hexdigest()


def _linked(
    delineations: Sequence[DelineatedDate], marks: Mapping[str, str], earlier: Path, part: Path
) -> frozenset[int]:
    """The days whose segmentation shows what it showed before: its file is taken over."""
    try:
        before = read_json(earlier / keeping.FOLDER / DELINEATED)
    except (OSError, ValueError):
        return frozenset()
    if not isinstance(before, dict):
        return frozenset()
    same = set()
    for dated in delineations:
        name = delineation_name(dated)
        path = earlier / DELINEATIONS / f"{name}.dcm"
        if path.is_file() and before.get(name) == marks[name]:
            (part / DELINEATIONS).mkdir(exist_ok=True)
            keeping.share(path, part / DELINEATIONS / path.name)
            same.add(dated.examination.day)
    return frozenset(same)
