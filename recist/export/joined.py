"""The same table of many patients as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


def write_joined(out: Path, name: str, folders: Sequence[str]) -> None:
    """Write the rows of all tables of a name in order, one in memory; their columns are joined.

    A file that is missing adds nothing; no file at all gives an empty one.

    Args:
        out: where the folders of the patients lie, and the joined table.
        folders: their names: of a hundred thousand patients, paths alone would fill the memory.
    """

    def tables() -> Iterator[Path]:
        return (out / folder / name for folder in folders)

    columns = list(dict.fromkeys(each for table in tables() for each in written_columns(table)))
    header = csv_text((), columns)
    with written_whole(out / name) as file:
        file.write(header.encode("utf-8"))
        for table in tables():
            rows = written_rows(table).rows
            if rows:
                file.write(csv_text(rows, columns)[len(header) :].encode("utf-8"))
