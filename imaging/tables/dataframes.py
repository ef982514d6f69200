"""DataFrames as rows, known by what they can do, so that neither pandas nor polars is needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, cast, runtime_checkable

from imaging.errors import UnsupportedError


@runtime_checkable
class DataFrameLike(Protocol):
    """What a DataFrame of pandas and one of polars have in common."""

    @property
    def columns(self) -> Any: ...

    @property
    def shape(self) -> tuple[int, int]: ...


def rows_of(
    source: DataFrameLike | Iterable[Mapping[str, object]],
) -> tuple[list[str], Iterator[Sequence[object]]]:
    """The columns of a frame or of records, and their rows.

    Records may lack columns that others have; an index of pandas is no column.

    Raises:
        UnsupportedError: neither a frame nor mappings.
    """
    if isinstance(source, DataFrameLike):
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
