"""``recist export OUT --to pdf``: the page of every patient of a run as PDF."""

from __future__ import annotations

from pathlib import Path

from imaging.errors import InputError
from imaging.writing import written_whole
from recist.export.folders import patient_folders
from recist.export.patient_files import REPORT
from recist.export.request import Exported, Request
from recist.patient.result_folder import folder_name
from recist.report.paper import as_pdf

FOLDER = "pdf"


def export(request: Request) -> Exported:
    """Write the report of each patient, of its page as it lies there.

    Raises:
        InputError: no results.
    """
    patients, failures = patient_folders(request.source, request.subjects)
    out = request.out or request.source / FOLDER
    files: list[Path] = []
    named = list(failures)
    for patient in patients:
        try:
            page = (patient.path / REPORT).read_text(encoding="utf-8")
            held = as_pdf(page)
        except (OSError, UnicodeDecodeError) as error:
            named.append(f"{patient.subject}: {REPORT} cannot be read: {type(error).__name__}")
            continue
        except InputError as error:
            named.append(f"{patient.subject}: {error}")
            continue
        path = out / f"{folder_name(patient.subject)}.pdf"
        with written_whole(path) as file:
            file.write(held)
        files.append(path)
    return Exported(tuple(files), tuple(named))
