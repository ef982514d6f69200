"""The reader's choices: a small table that overrides what the rules chose for a lesion.

Columns ``subject, lesion`` and any of ``role`` (target, non-target, not-a-lesion), ``organ``,
``nodal`` (yes, no), ``field`` (in, partial, low-dose, out), ``new`` (confirmed, refused),
``reason``, ``reader``, ``recorded_at``. An empty cell leaves the rule's choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from imaging.errors import InputError
from imaging.tables.columns import Columns
from imaging.tables.source import small_rows
from recist.course import Field, Role

COLUMNS = (
    "subject",
    "lesion",
    "role",
    "organ",
    "nodal",
    "field",
    "new",
    "reason",
    "reader",
    "recorded_at",
)
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
        recorded_at: when it was said, ISO 8601; empty when not known.
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
    recorded_at: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing: a row of a template that was left as it was."""
        return self == Override(self.lesion)

    def cells(self) -> dict[str, str]:
        """Its row in the table, without the subject."""
        role = NOT_A_LESION if self.dropped and self.confirmed is not False else self.role or ""
        return {
            "lesion": self.lesion,
            "role": str(role),
            "organ": self.organ or "",
            "nodal": {True: "yes", False: "no", None: ""}[self.is_node],
            "field": str(self.field or ""),
            "new": {True: "confirmed", False: "refused", None: ""}[self.confirmed],
            "reason": self.reason,
            "reader": self.reader,
            "recorded_at": self.recorded_at,
        }


def read_overrides(path: Path) -> dict[str, dict[str, Override]]:
    """Subject -> lesion -> choice.

    Raises:
        InputError: a column or value that is not known, a lesion named twice, or not a table.
    """
    found: dict[str, dict[str, Override]] = {}
    table = Columns(COLUMNS[:2], COLUMNS[2:], is_dated=False)
    for number, row in small_rows(path, table, others=False):
        cells = {name: row.get(name, "") for name in COLUMNS}
        choice = _choice(f"{path.name} row {number}", cells)
        own = found.setdefault(cells["subject"], {})
        if choice.lesion in own:
            raise InputError(
                f"lesion {choice.lesion} is named twice", where=f"{path.name} row {number}"
            )
        own[choice.lesion] = choice
    return found


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
        recorded_at=cells["recorded_at"],
    )
