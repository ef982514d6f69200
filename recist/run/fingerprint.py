"""The last file of a folder of results: what it came from, and the hash of every other file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from imaging.series import Problem
from imaging.writing import SCHEMA_VERSION, write_text
from recist.export.summary_row import summarise
from recist.patient.pipeline import PatientAnswer
from recist.patient.result import PatientResult
from recist.patient.result_folder import FINGERPRINT, hashes_of
from recist.patient.work.observed import Work


def told_of(
    result: PatientResult, lost: Sequence[Problem] = ()
) -> tuple[dict[str, str], tuple[Problem, ...]]:
    """The row of a patient in the summary, and what could not be used or written.

    Args:
        lost: what could not be written as it should be.
    """
    incomplete = {"status": "incomplete"} if lost else {}
    return summarise(result) | incomplete, (*result.problems, *lost)


def notes_of(work: Work) -> tuple[str, ...]:
    """What was read, but adapted, left out or done without a reader."""
    instead: dict[str, list[str]] = {}
    for each in work.dates:
        if each.found.instead:
            instead.setdefault(each.found.instead, []).append(str(each.date))
    found = [f"{', '.join(dates)}: {why}" for why, dates in instead.items()]
    remarks = (each for each in work.treatment_remarks if each not in work.treatment_unreadable)
    found += [f"radiotherapy: {remark}" for remark in remarks]
    return tuple(f"{work.subject.id}: {note}" for note in found)


def write_fingerprint(
    part: Path, fingerprint: str, answer: PatientAnswer, lost: Sequence[Problem] = ()
) -> None:
    """Write it into a folder that is complete otherwise.

    Args:
        fingerprint: of the images and settings that the results came from.
        lost: see :func:`told_of`.
    """
    subject = answer.work.subject.id
    summary, problems = told_of(answer.result, lost)
    form = {
        "schema_version": SCHEMA_VERSION,
        "fingerprint": fingerprint,
        "summary": summary,
        "failures": [(subject, each.where, each.what, each.remedy) for each in problems],
        "notes": notes_of(answer.work),
        "files": hashes_of(part),
    }
    write_text(part / FINGERPRINT, json.dumps(form, indent=1, default=str) + "\n")
