"""Parquet files as CSV.

A value that is kept once and pointed at by every row unpacks to any size: the values of a column
are looked at before its rows are written out, and columns that are not read are never unpacked.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imaging.errors import InputError
from imaging.tables.columns import Columns, plain_names
from imaging.tables.limits import LONGEST_ROW_BYTES, MOST_UNPACKED_BYTES, MOST_UNPACKED_RATIO

#: Rows that are unpacked at a time.
BATCH_ROWS = 4096


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
        with parquet.ParquetFile(path) as plain:
            shape = plain.schema_arrow
            _check_size(plain, path)
        names = shape.names
        wanted = [name for name in names if plain_names([name])[0] in columns.known]
        kept_once = [
            name for name in wanted if str(shape.types[names.index(name)]) in ("string", "binary")
        ]
        file = parquet.ParquetFile(path, read_dictionary=kept_once)
        schema = pa.schema([(name, pa.string()) for name in names])
        options = arrow_csv.WriteOptions(quoting_style="needed")
        with file, arrow_csv.CSVWriter(copy, schema, write_options=options) as writer:
            for batch in file.iter_batches(BATCH_ROWS, columns=list(dict.fromkeys(wanted))):
                named = zip(batch.schema.names, batch.columns, strict=True)
                texts = {name: _as_text(column, name, path) for name, column in named}
                empty = pa.array([""] * len(batch), pa.string())
                rows = [texts.get(name, empty) for name in names]
                writer.write_batch(pa.RecordBatch.from_arrays(rows, schema=schema))
    except (pa.ArrowException, OSError) as error:
        reason = next(iter(str(error).splitlines()), "")
        raise InputError(f"not a parquet file that can be read: {reason}", where=path) from error
    return iter(())


def _check_size(file: Any, path: Path) -> None:
    """Refuse a file that is made to fill memory."""
    groups = range(file.metadata.num_row_groups)
    unpacked = sum(file.metadata.row_group(n).total_byte_size for n in groups)
    packed = path.stat().st_size
    if unpacked > max(MOST_UNPACKED_BYTES, MOST_UNPACKED_RATIO * packed):
        what = f"a table of {unpacked:,} bytes packed into {packed:,}"
        raise InputError(what, where=path, remedy="save it as CSV")


def _as_text(column: Any, name: str, path: Path) -> Any:
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import compute  # noqa: PLC0415

    try:
        if pa.types.is_dictionary(column.type):
            held = compute.cast(column.dictionary, pa.string())
            longest = compute.max(compute.binary_length(held)).as_py() or 0
            if longest > LONGEST_ROW_BYTES:
                what = f"column {name!r} holds a value of {longest:,} bytes"
                raise InputError(what, where=path, remedy="is it a table of measurements?")
        return compute.fill_null(compute.cast(column, pa.string()), "")
    except pa.ArrowException as error:
        what = f"column {name!r} holds {column.type}, no text and no numbers"
        raise InputError(what, where=path, remedy="save it as text") from error


def missing_package(package: str, path: Path) -> InputError:
    remedy = f"install it with: pip install 'recist[tables]', or save the table as CSV ({package})"
    return InputError(f"{package} is not installed", where=path, remedy=remedy)
