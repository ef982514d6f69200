"""The last file of a folder of results: what it came from, and the hash of every other file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from imaging.series import Problem
from imaging.writing import SCHEMA_VERSION, write_text
from recist.export.summary_row import summarise
from recist.patient.result import PatientResult
from recist.patient.result_folder import FINGERPRINT, hashes_of


def told_of(
    result: PatientResult, lost: Sequence[Problem] = ()
) -> tuple[dict[str, str], tuple[Problem, ...]]:
    """The row of a patient in the summary, and what could not be used or written.

    Args:
        lost: what could not be written as it should be.
    """
    incomplete = {"status": "incomplete"} if lost else {}
    return summarise(result) | incomplete, (*result.problems, *lost)


def write_fingerprint(
    part: Path, fingerprint: str, result: PatientResult, lost: Sequence[Problem] = ()
) -> None:
    """Write it into a folder that is complete otherwise.

    Args:
        fingerprint: of the images and settings that the results came from.
        lost: see :func:`told_of`.
    """
    subject = result.course.subject
    summary, problems = told_of(result, lost)
    form = {
        "schema_version": SCHEMA_VERSION,
        "fingerprint": fingerprint,
        "summary": summary,
        "failures": [(subject, each.where, each.what, each.remedy) for each in problems],
        "files": hashes_of(part),
    }
    write_text(part / FINGERPRINT, json.dumps(form, indent=1, default=str) + "\n")
