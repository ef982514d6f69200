"""DataFrames in and out: rows of any frame for the reader, and results as frames of pandas.

pandas loads only when a frame is made; frames that come in are known by what they can do, so that
neither pandas nor polars is needed to read a file.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

from imaging.errors import UnsupportedError
from recist.table.results import csv_line

if TYPE_CHECKING:
    import pandas as pd

#: Columns of the results that hold numbers; days are whole and may be missing.
_LENGTHS = ("sum_mm", "baseline_mm", "nadir_mm")
#: Columns that hold a truth, written as yes and no.
_TRUTHS = ("new_lesion", "objective_response", "disease_control", "clinical_benefit")


@runtime_checkable
class Frame(Protocol):
    """What a DataFrame of pandas and one of polars have in common."""

    @property
    def columns(self) -> Any: ...

    @property
    def shape(self) -> tuple[int, int]: ...


def rows_of(
    source: Frame | Iterable[Mapping[str, object]],
) -> tuple[list[str], Iterator[Sequence[object]]]:
    """The columns of a frame or of records, and their rows.

    Records may lack columns that others have; an index of pandas is no column.

    Raises:
        UnsupportedError: neither a frame nor mappings.
    """
    if isinstance(source, Frame):
        names = [str(name) for name in source.columns]
        frame = cast(Any, source)
        if hasattr(source, "itertuples"):
            return names, frame.itertuples(index=False, name=None)
        if hasattr(source, "iter_rows"):
            return names, frame.iter_rows()
    if isinstance(source, Iterable) and not isinstance(source, Mapping):
        records = list(source)
        if all(isinstance(record, Mapping) for record in records):
            names = list(dict.fromkeys(str(name) for record in records for name in record))
            return names, ([record.get(name) for name in names] for record in records)
    raise UnsupportedError(
        f"a table as {type(source).__name__}",
        remedy="give a path, a DataFrame of pandas or polars, or one mapping per row",
    )


def is_missing(value: object) -> bool:
    """Whether a cell of a frame is empty: NaN, NaT, or the NA of pandas."""
    if type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and value != value  # noqa: PLR0124 - NaN differs from itself


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
        if name in _LENGTHS:
            frame[name] = pd.to_numeric(column.where(column != "")).astype("float64")
        elif name == "date" or name.endswith("_date"):
            frame[name] = pd.to_datetime(column.where(column != ""), format="%Y-%m-%d")
        elif name in ("day", "row") or name.endswith(("_day", "_days")):
            frame[name] = pd.to_numeric(column.where(column != "")).astype("Int64")
        elif name in _TRUTHS or name.endswith(("_event", "_ended")):
            frame[name] = column.map({"yes": True, "no": False}).astype("boolean")
    return frame
