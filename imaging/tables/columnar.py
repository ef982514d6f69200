"""Parquet files as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imaging.errors import InputError
from imaging.tables.columns import Columns, plain_names


def copy_parquet(path: Path, copy: Path, columns: Columns) -> Iterator[tuple[str, str]]:
    """Write a parquet file as CSV; columns that are not read stay empty where they are no text.

    Raises:
        InputError: no parquet file, or a column that is read holds lists, records or bytes.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - an optional dependency
        from pyarrow import csv as arrow_csv  # noqa: PLC0415
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise missing_package("pyarrow", path) from error
    try:
        file = parquet.ParquetFile(path)
        names = file.schema_arrow.names
        schema = pa.schema([(name, pa.string()) for name in names])
        options = arrow_csv.WriteOptions(quoting_style="needed")
        with arrow_csv.CSVWriter(copy, schema, write_options=options) as writer:
            for batch in file.iter_batches():
                texts = [
                    _as_text(column, name, columns, path)
                    for name, column in zip(plain_names(names), batch.columns, strict=True)
                ]
                writer.write_batch(pa.RecordBatch.from_arrays(texts, schema=schema))
    except (pa.ArrowException, OSError) as error:
        reason = next(iter(str(error).splitlines()), "")
        raise InputError(f"not a parquet file that can be read: {reason}", where=path) from error
    return iter(())


def _as_text(column: Any, name: str, columns: Columns, path: Path) -> Any:
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import compute  # noqa: PLC0415

    try:
        return compute.fill_null(compute.cast(column, pa.string()), "")
    except pa.ArrowException as error:
        if name in columns.known:
            what = f"column {name!r} holds {column.type}, no text and no numbers"
            raise InputError(what, where=path, remedy="save it as text") from error
        return pa.array([""] * len(column), pa.string())


def missing_package(package: str, path: Path) -> InputError:
    remedy = f"install it with: pip install 'recist[tables]', or save the table as CSV ({package})"
    return InputError(f"{package} is not installed", where=path, remedy=remedy)
