"""The same table of many patients as one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imaging.tables.rows import csv_text, written_rows
from recist.patient.result_folder import EVENTS, FIELDS, MEASUREMENTS, PET_TOTALS
from recist.table.output import OUTCOMES, TIMEPOINTS

#: Tables of a patient's folder that are also written for all patients together.
JOINED = (
    MEASUREMENTS,
    EVENTS,
    TIMEPOINTS,
    OUTCOMES,
    FIELDS,
    PET_TOTALS,
)


def joined(paths: Sequence[Path]) -> str:
    """CSV text with the rows of all files in order; columns are the union of theirs.

    A file that is missing adds nothing; no file at all gives an empty text.
    """
    columns: dict[str, None] = {}
    rows: list[dict[str, str]] = []
    for path in paths:
        table = written_rows(path)
        columns.update(dict.fromkeys(table.columns))
        rows.extend(table.rows)
    return csv_text(rows, columns)
