"""Results as frames of pandas, which loads only when a frame is made."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from recist.table.results import csv_line

if TYPE_CHECKING:
    import pandas as pd

#: Columns of the results that hold lengths.
_LENGTHS = ("sum_mm", "baseline_mm", "nadir_mm")
#: Columns that hold a truth, written as yes and no.
_TRUTHS = (
    "new_lesion",
    "lower_bound",
    "method_changed",
    "objective_response",
    "disease_control",
    "clinical_benefit",
)


def results_frame(columns: Sequence[str], lines: Iterable[str]) -> pd.DataFrame:
    """Lines of a result table as a frame.

    Dates are datetime64, days and durations Int64, lengths float64 in mm, truths boolean, all else
    text, empty where there is nothing.
    """
    return csv_frame("\n".join([csv_line(columns), *lines]) + "\n")


def csv_frame(text: str) -> pd.DataFrame:
    """A result table, as it is written, as a frame; types as in :func:`results_frame`."""
    import pandas as pd  # noqa: PLC0415 - takes longer to load than all the rules

    frame = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    for name in frame.columns:
        column = frame[name]
        if name in _LENGTHS or name.endswith("_percent"):
            frame[name] = pd.to_numeric(column.where(column != "")).astype("float64")
        elif name == "date" or name.endswith("_date"):
            frame[name] = pd.to_datetime(column.where(column != ""), format="%Y-%m-%d")
        elif name in ("day", "row") or name.endswith(("_day", "_days")):
            frame[name] = pd.to_numeric(column.where(column != "")).astype("Int64")
        elif name in _TRUTHS or name.endswith(("_event", "_ended")):
            frame[name] = column.map({"yes": True, "no": False}).astype("boolean")
    return frame
