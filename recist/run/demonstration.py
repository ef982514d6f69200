"""``recist demo``: a phantom patient, the main job on it, and five lines on what was found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from imaging.catalogue import Catalogue
from imaging.tables.rows import written_rows
from recist.patient.options import Options
from recist.patient.result_folder import SUMMARY
from recist.phantom.study import write_phantom
from recist.response import RESEARCH_USE
from recist.run import batch
from recist.run.subject_run import Stage


def run(
    out: Path,
    *,
    lesions: str = "dicom",
    device: str = "auto",
    on_catalogue: Callable[[Catalogue], None] = lambda _: None,
    on_stage: Stage = lambda _subject, _stage: None,
) -> tuple[list[str], int]:
    """Write the phantom, assess it, and say in a few lines what was found and where to look.

    Returns:
        the lines; the exit code of the main job.
    """
    truth = write_phantom(out / "phantom")
    result = batch.run(
        truth.studies,
        out / "results",
        Options.create(lesions=lesions, device=device),
        on_catalogue=on_catalogue,
        on_stage=on_stage,
    )
    if not result.subjects or result.subjects[0].state == "failed":
        return [f"error: {failure}" for failure in result.failures], result.exit_code
    (row,) = written_rows(result.out / SUMMARY).rows
    folder = out / "results" / result.subjects[0].folder
    return [
        f"Phantom patient {truth.subject}: {row['dates']} dates from {row['first']} to "
        f"{row['last']}, {row['targets']} targets, {row['non_targets']} non-targets, "
        f"{row['new_lesions']} new.",
        f"RECIST 1.1, all lesions: best {row['recist11_all_best']}, last "
        f"{row['recist11_all_last']}"
        + (
            f", progression on {row['recist11_all_progression']}"
            if row["recist11_all_progression"]
            else ""
        )
        + f"; iRECIST: last {row['irecist_all_last']}.",
        f"In the irradiated field: best {row['recist11_in_field_best'] or 'not assessed'}; "
        f"outside of it (abscopal): best {row['recist11_out_of_field_best'] or 'not assessed'}, "
        f"last {row['recist11_out_of_field_last'] or 'not assessed'}.",
        f"Look: {folder / 'report.html'}",
        f"Your own patients: recist run FOLDER -o OUT   ({RESEARCH_USE})",
    ], result.exit_code
