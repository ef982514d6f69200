"""A dataset of a submission: named, typed and labelled columns, and its rows.

Written as CSV, as a SAS transport file of version 5 (XPT) and as Dataset-JSON 1.1, and read back
from each of them.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from imaging.errors import InputError
from imaging.read_json import read_json
from imaging.tables.columns import Columns
from imaging.tables.source import small_rows
from imaging.writing import write_text, written_whole
from recist.export.growing_table import csv_text

#: Limits of a SAS transport file of version 5 (SAS technical note TS-140).
NAME_LENGTH, LABEL_LENGTH, TEXT_BYTES = 8, 40, 200

DATASET_JSON_VERSION = "1.1.0"

Cell = str | int | Decimal | None


class DatasetFormat(StrEnum):
    """A file format, by the suffix of its files."""

    CSV = "csv"
    XPT = "xpt"
    JSON = "json"


class Core(StrEnum):
    """How much a standard asks for a variable."""

    REQUIRED = "Req"  # never empty
    EXPECTED = "Exp"  # the column is there, cells may be empty
    PERMISSIBLE = "Perm"  # left out where it is empty throughout


@dataclass(frozen=True, slots=True)
class Variable:
    """A column.

    Attributes:
        codelist: of the terminology, where the cells come from one.
        number: the cells are numbers.
    """

    name: str
    label: str
    core: Core = Core.EXPECTED
    codelist: str = ""
    number: bool = False


@dataclass(frozen=True, slots=True)
class Dataset:
    """Rows under variables, in order.

    Attributes:
        name: e.g. ``TU``; the file is named after it.
        key: variables that tell the rows apart.
    """

    name: str
    label: str
    variables: tuple[Variable, ...]
    rows: tuple[Mapping[str, Cell], ...]
    key: tuple[str, ...]

    @property
    def columns(self) -> tuple[Variable, ...]:
        """The variables that are written: a permissible one only where a cell is filled."""
        return tuple(
            each
            for each in self.variables
            if each.core is not Core.PERMISSIBLE
            or any(row.get(each.name) not in (None, "") for row in self.rows)
        )


def write(dataset: Dataset, folder: Path, form: DatasetFormat, *, study: str, created: str) -> Path:
    """Write a dataset into a folder.

    Args:
        created: ISO date and time, for Dataset-JSON.

    Raises:
        InputError: a text that the format cannot hold, or a place that cannot be written.
    """
    path = folder / f"{dataset.name.lower()}.{form}"
    if form is DatasetFormat.CSV:
        write_text(path, csv_text(_texts(dataset), [each.name for each in dataset.columns]))
    elif form is DatasetFormat.XPT:
        _write_xpt(dataset, path)
    else:
        write_text(path, _dataset_json(dataset, study, created))
    return path


def read(path: Path, names: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a dataset file as text, empty where a cell is; the format follows the suffix.

    Args:
        names: of the variables that are wanted.

    Raises:
        InputError: a file that cannot be read, or of another format.
    """
    suffix = path.suffix.lower().lstrip(".")
    if suffix == DatasetFormat.XPT:
        return _read_xpt(path)
    if suffix == DatasetFormat.JSON:
        return _read_json(path)
    if suffix == DatasetFormat.CSV:
        table = Columns((), tuple(name.lower() for name in names), is_dated=False)
        rows = small_rows(path, table)
        return [{name.upper(): cell for name, cell in row.items()} for _, row in rows]
    raise InputError(
        f"no format of datasets is {path.suffix!r}", where=path, remedy="csv, xpt or json"
    )


def _texts(dataset: Dataset) -> list[dict[str, str]]:
    return [
        {each.name: text_of(row.get(each.name)) for each in dataset.columns} for row in dataset.rows
    ]


def text_of(cell: Cell) -> str:
    """A cell as it is written in text; decimals as they were recorded."""
    if cell is None:
        return ""
    return format(cell, "f") if isinstance(cell, Decimal) else str(cell)


def _write_xpt(dataset: Dataset, path: Path) -> None:
    import pandas as pd  # noqa: PLC0415 - only this format needs them
    import pyreadstat  # noqa: PLC0415

    columns = dataset.columns
    for row in dataset.rows:
        for each in columns:
            size = len(text_of(row.get(each.name)).encode("utf-8"))
            if not each.number and size > TEXT_BYTES:
                raise InputError(
                    f"{dataset.name}.{each.name} has {size} bytes, XPT holds {TEXT_BYTES}",
                    where=str(row.get("USUBJID", "")),
                    remedy="shorten the text, or write csv or json",
                )
    frame = pd.DataFrame(
        {
            each.name: [
                (None if row.get(each.name) is None else float(row[each.name] or 0))
                if each.number
                else text_of(row.get(each.name))
                for row in dataset.rows
            ]
            for each in columns
        }
    )
    for each in columns:
        if each.number:
            frame[each.name] = frame[each.name].astype("float64")
    with tempfile.TemporaryDirectory(prefix="recist-") as folder:
        made = Path(folder) / path.name
        pyreadstat.write_xport(
            frame,
            str(made),
            file_label=dataset.label[:LABEL_LENGTH],
            column_labels=[each.label for each in columns],
            table_name=dataset.name,
            file_format_version=5,
        )
        with written_whole(path) as file:
            file.write(made.read_bytes())


def _read_xpt(path: Path) -> list[dict[str, str]]:
    import pyreadstat  # noqa: PLC0415

    try:
        frame, _ = pyreadstat.read_xport(str(path))
    except (OSError, pyreadstat.ReadstatError, UnicodeDecodeError) as error:
        raise InputError(f"no transport file: {error}", where=path) from error
    return [
        {str(name): _plain(value) for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def _plain(value: Any) -> str:
    """A cell of a transport file: its numbers are binary floats of few digits."""
    if value is None or value != value:  # noqa: PLR0124 - a missing number
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else f"{value:.15g}"
    return str(value)


def _dataset_json(dataset: Dataset, study: str, created: str) -> str:
    columns = dataset.columns
    keys = {name: number for number, name in enumerate(dataset.key, start=1)}
    return json.dumps(
        {
            "datasetJSONCreationDateTime": created,
            "datasetJSONVersion": DATASET_JSON_VERSION,
            "studyOID": study,
            "metaDataVersionOID": "MDV.1",
            "itemGroupOID": f"IG.{dataset.name}",
            "records": len(dataset.rows),
            "name": dataset.name,
            "label": dataset.label,
            "columns": [
                {
                    "itemOID": f"IT.{dataset.name}.{each.name}",
                    "name": each.name,
                    "label": each.label,
                    "dataType": "decimal" if each.number else "string",
                }
                | ({"targetDataType": "decimal"} if each.number else {})
                | ({"keySequence": keys[each.name]} if each.name in keys else {})
                for each in columns
            ],
            "rows": [
                [_json_cell(row.get(each.name), is_number=each.number) for each in columns]
                for row in dataset.rows
            ],
        },
        ensure_ascii=False,
    )


def _json_cell(cell: Cell, *, is_number: bool) -> str | None:
    """A decimal is a string in Dataset-JSON, so that no digit is lost."""
    text = text_of(cell)
    return None if is_number and not text else text


def _read_json(path: Path) -> list[dict[str, str]]:
    try:
        table = read_json(path)
        names = [column["name"] for column in table["columns"]]
        rows: Sequence[Sequence[object]] = table["rows"]
        return [
            {name: "" if cell is None else str(cell) for name, cell in zip(names, row, strict=True)}
            for row in rows
        ]
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"no Dataset-JSON: {error}", where=path) from error


def numbered(rows: Iterable[dict[str, Cell]], name: str) -> tuple[dict[str, Cell], ...]:
    """Rows with ``--SEQ``: 1, 2, 3 ... within each subject."""
    counts: dict[object, int] = {}
    found = []
    for row in rows:
        subject = row["USUBJID"]
        counts[subject] = counts.get(subject, 0) + 1
        found.append({**row, name: counts[subject]})
    return tuple(found)
