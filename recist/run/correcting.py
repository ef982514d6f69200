"""A reader's corrections over the results of a run: assessed again and written again, at once.

Nothing is delineated or registered: what the run found out lies beside its results.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from imaging.errors import InputError
from imaging.read_json import read_json
from imaging.tables.rows import csv_text, written_rows
from imaging.writing import write_text
from recist.export.folders import PatientFolder, patient_folders
from recist.export.growing_table import LINE_END
from recist.export.joined import JOINED, write_joined
from recist.patient.changes import AnswerDifference, changes_between
from recist.patient.corrections import NOTHING_SAID, Corrections, read_corrections
from recist.patient.pipeline import PatientAnswer
from recist.patient.reassessment import A_READER, conclude
from recist.patient.result import SignedBy
from recist.patient.result_folder import (
    DICOM_FOLDER,
    FINGERPRINT,
    SUMMARY,
    locked,
    written_whole,
)
from recist.patient.signatures import new_version, set_aside, signature_in
from recist.patient.work import keeping
from recist.patient.work.observed import Work
from recist.run.fingerprint import write_fingerprint
from recist.run.patient_folder import said_in, write_patient

#: Kinds of corrections, each a table of its own.
KINDS = ("overrides", "links", "measurements", "dates", "drawn")


@dataclass(frozen=True, slots=True)
class CorrectedPatient:
    """How it went with one patient.

    Attributes:
        changes: None where it failed.
        failure: why; its earlier results are as they were.
        superseded: the signature that the earlier results carried: nobody signed the new ones.
    """

    subject: str
    changes: AnswerDifference | None
    failure: str = ""
    superseded: SignedBy | None = None


def correct(
    out: Path,
    tables: Mapping[str, Path | None],
    *,
    only: Collection[str] = (),
    reason: str = "",
    by: str = "",
) -> tuple[CorrectedPatient, ...]:
    """Assess patients of a run again with corrections, and write their results again.

    A table takes the place of what was said before of its kind, of the patients it names; without
    any, the tables under ``corrections`` beside the results are taken as they are.

    Of a patient whose results a reader signed this makes a new version, which nobody has signed;
    without a reason it is refused.

    Args:
        out: the folder that the run wrote.
        tables: kind of correction (:data:`KINDS`) to its table.
        only: these patients; else those that the tables name, or all without a table.
        reason, by: why what was signed is changed, and by whom; for signed patients alone.

    Raises:
        InputError: no results, a table that cannot be read, or one that names an unknown patient.
    """
    given = {kind: path for kind, path in tables.items() if path is not None}
    said = read_corrections(**given)
    folders, missing = patient_folders(out, only or tuple(said))
    if missing and not folders:
        raise InputError("; ".join(missing), where=out)
    done = []
    with locked(out):
        for folder in folders:
            new = said.get(folder.subject, NOTHING_SAID)
            done.append(_corrected(folder, new, tuple(given), reason.strip(), by or A_READER))
        _join(out)
    return tuple(done)


def sign(out: Path, work: Work, said: Corrections, signed: SignedBy) -> AnswerDifference:
    """Write the results of a patient again as a reader signed them, and the tables over all.

    Nothing else than the signature tells them from those of the same corrections made by
    :func:`correct`.

    Args:
        out: the folder that the run wrote.
        work: that lies with his results.
        said: all that is said of him; it takes the place of what was said before.

    Raises:
        InputError: no results, the corrections do not fit them, or they cannot be written.
    """
    subject = work.subject.id
    (folder,), _ = patient_folders(out, (subject,))
    with locked(out):
        before, _ = conclude(work, keeping.applied(folder.path, subject), pictures=False)
        result, delineations = conclude(work, said)
        answer = PatientAnswer(work, said, replace(result, signed=signed), delineations)
        write_again(folder.path, answer)
        _join(out)
    return changes_between(before, result)


def _corrected(
    folder: PatientFolder, new: Corrections, kinds: Collection[str], reason: str, by: str
) -> CorrectedPatient:
    """One patient; what fails leaves his earlier results as they were."""
    try:
        signed = signature_in(folder.path)
        _check_reason(signed, reason, folder.subject)
        work = keeping.take_up(folder.path / keeping.FOLDER)
        said = said_in(folder.path, folder.subject)
        said = replace(said, **{kind: getattr(new, kind) for kind in kinds})
        before, _ = conclude(work, keeping.applied(folder.path, folder.subject), pictures=False)
        result, delineations = conclude(work, said)
        result = new_version(result, folder.path, reason=reason, by=by)
        write_again(folder.path, PatientAnswer(work, said, result, delineations))
        set_aside(folder.path.parent, folder.path.name)
    except InputError as error:
        return CorrectedPatient(folder.subject, None, str(error))
    return CorrectedPatient(folder.subject, changes_between(before, result), superseded=signed)


def _check_reason(signed: SignedBy | None, reason: str, subject: str) -> None:
    if signed is not None and not reason:
        raise InputError(
            f"signed by {signed.who} on {signed.time[:19]}: nothing was changed",
            where=subject,
            remedy="a reason (--reason) makes a new version, which nobody has signed",
        )


def write_again(folder: Path, answer: PatientAnswer) -> None:
    """Put the results of a patient in the place of those before, whole or not at all.

    Raises:
        InputError: they cannot be written.
    """
    fingerprint = _fingerprint(folder)
    with written_whole(folder) as part:
        lost = write_patient(
            answer,
            part,
            dicom=(folder / DICOM_FOLDER).is_dir(),
            earlier=folder,
            afresh=False,
        )
        write_fingerprint(part, fingerprint, answer, lost)


def _fingerprint(folder: Path) -> str:
    """The fingerprint of the images and settings, which a correction does not change."""
    try:
        record = read_json(folder / FINGERPRINT)
        return str(record["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError("no complete result", where=folder.name, remedy="run it again") from error


def _join(out: Path) -> None:
    """The tables over all patients, with what was written again."""
    folders, _ = patient_folders(out)
    for name in JOINED:
        write_joined(out, name, [folder.path.name for folder in folders])
    path = out / SUMMARY
    table = written_rows(path)
    if not table.columns:
        return
    summaries = {folder.subject: _summary(folder.path) for folder in folders}
    rows = [row | summaries.get(row.get("subject", ""), {}) for row in table.rows]
    write_text(path, csv_text(rows, table.columns, line_end=LINE_END))


def _summary(folder: Path) -> dict[str, str]:
    record = read_json(folder / FINGERPRINT)
    return {str(name): str(cell) for name, cell in record["summary"].items()}
