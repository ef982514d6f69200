"""The same table of many patients as one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imaging.tables.rows import csv_text, written_columns, written_rows
from imaging.writing import written_whole
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


def write_joined(path: Path, tables: Sequence[Path]) -> None:
    """Write the rows of all tables in order, one table in memory; columns are the union of theirs.

    A file that is missing adds nothing; no file at all gives an empty one.
    """
    columns = list(dict.fromkeys(name for table in tables for name in written_columns(table)))
    header = csv_text((), columns)
    with written_whole(path) as file:
        file.write(header.encode("utf-8"))
        for table in tables:
            rows = written_rows(table).rows
            if rows:
                file.write(csv_text(rows, columns)[len(header) :].encode("utf-8"))
