"""Other forms of measurements, turned into the measurement table that is then assessed.

The table is written beside the results, so that the rows that findings name can be looked up.
"""

from __future__ import annotations

from pathlib import Path

from imaging.errors import InputError
from imaging.spelling import did_you_mean
from imaging.writing import write_text
from recist.export.growing_table import csv_text
from recist.patient.result_folder import MEASUREMENTS

TABLE, WORKSHEET, SDTM = "table", "worksheet", "sdtm"
FORMS = (TABLE, WORKSHEET, SDTM)
#: The columns that a measurement table has in any case.
COLUMNS = ("subject", "lesion", "role", "organ", "nodal", "status", "diameter_mm")


def as_measurement_table(source: Path, form: str, out: Path) -> tuple[Path, tuple[str, ...]]:
    """The measurement table of a source, and what was left out of it.

    Args:
        source: a table or worksheet, or the folder of SDTM datasets.
        form: one of ``FORMS``.
        out: folder that receives the table where one had to be made.

    Raises:
        InputError: no such form, or a source that is not of it.
    """
    if form == TABLE:
        return source, ()
    left_out: list[str] = []
    if form == WORKSHEET:
        from recist.table.worksheet import worksheet_rows  # noqa: PLC0415 - a table needs neither

        rows = worksheet_rows(source)
    elif form == SDTM:
        from recist.export.cdisc.reading import measurement_rows  # noqa: PLC0415 - as above

        rows, left_out = measurement_rows(source)
    else:
        raise InputError(
            f"--from {form}", remedy=f"{did_you_mean(form, FORMS)}one of {', '.join(FORMS)}"
        )
    if not rows:
        raise InputError("no measurement", where=source)
    table = write_text(out / MEASUREMENTS, csv_text(rows, COLUMNS))
    return table, (*left_out, f"read as {table}; rows below are of that table")
