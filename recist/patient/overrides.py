"""The reader's choices: a small table that overrides what the rules chose for a lesion.

Columns ``subject, lesion`` and any of ``role`` (target, non-target, not-a-lesion), ``organ``,
``nodal`` (yes, no), ``field`` (in, partial, low-dose, out), ``new`` (confirmed, refused),
``reason``, ``reader``. An empty cell leaves the rule's choice.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from imaging.errors import InputError
from imaging.spelling import did_you_mean
from recist.course import Field, Role

COLUMNS = ("subject", "lesion", "role", "organ", "nodal", "field", "new", "reason", "reader")
NOT_A_LESION = "not-a-lesion"
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "role": (Role.TARGET, Role.NON_TARGET, NOT_A_LESION),
    "nodal": ("yes", "no"),
    "field": (Field.IN, Field.PARTIAL, Field.LOW_DOSE, Field.OUT),
    "new": ("confirmed", "refused"),
}


@dataclass(frozen=True, slots=True)
class Override:
    """What the reader says of one lesion; None leaves the rule's choice.

    Attributes:
        dropped: it is not a lesion.
        confirmed: of a new lesion: True confirmed, False refused.
    """

    lesion: str
    role: Role | None = None
    dropped: bool = False
    organ: str | None = None
    is_node: bool | None = None
    field: Field | None = None
    confirmed: bool | None = None
    reason: str = ""
    reader: str = ""


def read_overrides(path: Path) -> dict[str, dict[str, Override]]:
    """Subject -> lesion -> choice.

    Raises:
        InputError: a column or value that is not known, a lesion named twice, or not a table.
    """
    found: dict[str, dict[str, Override]] = {}
    for number, row in enumerate(_rows(path), start=2):
        cells = {name: (row.get(name) or "").strip() for name in COLUMNS}
        choice = _choice(f"{path.name} row {number}", cells)
        own = found.setdefault(cells["subject"], {})
        if choice.lesion in own:
            raise InputError(
                f"lesion {choice.lesion} is named twice", where=f"{path.name} row {number}"
            )
        own[choice.lesion] = choice
    return found


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            _check_columns(path, tuple(reader.fieldnames or ()))
            return list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError("not a CSV file in UTF-8", where=path, remedy="save it as such") from error


def _check_columns(path: Path, names: tuple[str, ...]) -> None:
    for name in ("subject", "lesion"):
        if name not in names:
            raise InputError(
                f"no column {name!r}", where=path, remedy=f"columns: {', '.join(COLUMNS)}"
            )
    for name in names:
        if name not in COLUMNS:
            raise InputError(
                f"unknown column {name!r}",
                where=path,
                remedy=did_you_mean(name, COLUMNS).strip() or f"columns: {', '.join(COLUMNS)}",
            )


def _choice(where: str, cells: Mapping[str, str]) -> Override:
    if not cells["subject"] or not cells["lesion"]:
        raise InputError("a row without subject or lesion", where=where)
    for name, options in _OPTIONS.items():
        if cells[name] and cells[name] not in options:
            raise InputError(
                f"{name} = {cells[name]!r}", where=where, remedy=f"one of {', '.join(options)}"
            )
    role = cells["role"]
    dropped = role == NOT_A_LESION or cells["new"] == "refused"
    return Override(
        cells["lesion"],
        role=Role(role) if role and role != NOT_A_LESION else None,
        dropped=dropped,
        organ=cells["organ"] or None,
        is_node={"yes": True, "no": False}.get(cells["nodal"]),
        field=Field(cells["field"]) if cells["field"] else None,
        confirmed={"confirmed": True, "refused": False}.get(cells["new"]),
        reason=cells["reason"],
        reader=cells["reader"],
    )
