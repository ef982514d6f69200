"""What a reader drew: a lesion that nothing delineated, or a better outline of one."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from pathlib import Path

from imaging.errors import InputError
from imaging.volume import Mask
from recist.course import Axis, Point3

#: Begins the name of what a reader drew among the candidates of its date.
DRAWN_LABEL = "reader: "


_PART = re.compile(r"(.+) part ([12])( \(.*\))?")


@dataclass(frozen=True, slots=True)
class WaistPart:
    """A part of an outline that narrows between two lesions that may touch, as it was proposed.

    Attributes:
        lesion: whose outline it is.
        number: 1 for the larger part, 2 for the smaller.
    """

    lesion: str
    number: int

    def __str__(self) -> str:
        return f"{self.lesion} part {self.number}"

    @classmethod
    def named(cls, text: str) -> WaistPart | None:
        """The part that a text names, such as ``L3 part 1``; None where it names none."""
        found = _PART.fullmatch(text.strip())
        return None if found is None else cls(found[1], int(found[2]))


@dataclass(frozen=True, slots=True, eq=False)
class DrawnLesion:
    """One lesion at one date as a reader drew it; it takes the place of other outlines of it there.

    Attributes:
        lesion: an identifier of the patient's, or a new one.
        points_mm: LPS mm: one for a click, two for the ends of its longest diameter.
        outline: its voxels on the grid of the CT, or a NIfTI file that holds them (not 0), or a
            part of an outline that was proposed.
        organ: where it lies; None leaves it to the rules.
        is_node: a lymph node; None leaves it to the rules.
    """

    lesion: str
    date: dt.date
    points_mm: tuple[Point3, ...] = ()
    outline: Mask | Path | WaistPart | None = None
    organ: str | None = None
    is_node: bool | None = None
    reason: str = ""
    reader: str = ""
    recorded_at: str = ""

    def __post_init__(self) -> None:
        if not self.points_mm and self.outline is None:
            raise InputError(
                f"nothing is drawn of lesion {self.lesion} on {self.date}",
                remedy="give a point, the two ends of its longest diameter, or an outline",
            )
        if len(self.points_mm) > 2:
            raise InputError(
                f"{len(self.points_mm)} points of lesion {self.lesion} on {self.date}",
                remedy="one for a click, two for the ends of its longest diameter",
            )

    @property
    def line(self) -> Axis | None:
        """The longest diameter, where both its ends are given."""
        return Axis(self.points_mm[0], self.points_mm[1]) if len(self.points_mm) == 2 else None
