"""What a browser may send, field by field; anything else is refused before it is looked at."""

from __future__ import annotations

import datetime as dt
import unicodedata
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from recist.course import Field as FieldClass
from recist.course import Role, Status

#: No coordinate lies further from the origin: within a body or around it.
MOST_MM = 100_000.0
LONGEST_TEXT = 4000
LARGEST_NUMBER = 2**31 - 1


def _plain(text: str) -> str:
    """Refuses control characters but tab and line ends, and halves of characters."""
    for each in text:
        kind = unicodedata.category(each)
        if kind in ("Cs", "Cn") or (kind == "Cc" and each not in "\t\n\r"):
            raise ValueError("control characters are not taken")
    return text


def _one_line(text: str) -> str:
    if any(each in text for each in "\t\n\r\u2028\u2029"):
        raise ValueError("one line only")
    return text


Text = Annotated[
    str, StringConstraints(max_length=LONGEST_TEXT, strip_whitespace=True), AfterValidator(_plain)
]
Line = Annotated[
    str,
    StringConstraints(max_length=128, strip_whitespace=True),
    AfterValidator(_plain),
    AfterValidator(_one_line),
]
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64, strip_whitespace=True),
    AfterValidator(_plain),
    AfterValidator(_one_line),
]
Word = Annotated[str, StringConstraints(min_length=1, max_length=1024), AfterValidator(_plain)]
Reason = Annotated[Text, Field(min_length=1)]
Coordinate = Annotated[float, Field(ge=-MOST_MM, le=MOST_MM, allow_inf_nan=False)]
Point = tuple[Coordinate, Coordinate, Coordinate]
Ends = tuple[Point, Point]
Count = Annotated[int, Field(ge=0, le=LARGEST_NUMBER)]
Millimetres = Annotated[Decimal, Field(ge=0, le=2000, max_digits=7, decimal_places=3)]


class Form(BaseModel):
    """A body whose every field is known."""

    model_config = ConfigDict(extra="forbid")


class Login(Form):
    """Name and password; a code of the authenticator where the room asks for it."""

    user: Name
    password: Word
    code: Annotated[str, StringConstraints(max_length=16, strip_whitespace=True)] = ""


class NewPassword(Form):
    old: Word
    new: Annotated[str, StringConstraints(min_length=12, max_length=1024), AfterValidator(_plain)]


class Drawn(Form):
    """Both ends of the longest diameter and, where drawn, of the one across it; LPS mm."""

    long: Ends
    short: Ends | None = None


class OutlineBox(Form):
    """Voxels of the CT: a box from ``start``, its bits in base64, the last axis fastest."""

    start: tuple[Count, Count, Count]
    shape: tuple[Count, Count, Count]
    bits: Annotated[str, StringConstraints(max_length=12_000_000)]
    how: Literal["brush", "network"] = "brush"


class NewLesion(Form):
    """A lesion that nothing delineated, with its caliper or its outline."""

    kind: Literal["new"]
    date: dt.date
    organ: Name
    is_node: bool = False
    role: Role
    field: FieldClass | None = None
    lesion: Name | None = None
    caliper: Drawn | None = None
    outline: OutlineBox | None = None
    reason: Text = ""


class CaliperChange(Drawn):
    kind: Literal["caliper"]
    date: dt.date
    lesion: Name


class OutlineChange(OutlineBox):
    kind: Literal["outline"]
    date: dt.date
    lesion: Name


class StatusChange(Form):
    kind: Literal["status"]
    date: dt.date
    lesion: Name
    status: Status
    diameter_mm: Millimetres | None = None
    merged_into: Name | None = None
    reason: Text = ""


class LesionChange(Form):
    """What a lesion is, at all dates; what is left out stays."""

    kind: Literal["lesion"]
    lesion: Name
    organ: Name | None = None
    is_node: bool | None = None
    role: Role | None = None
    field: FieldClass | None = None
    confirmed: bool | None = None
    rejected: bool | None = None


class LinkChange(Form):
    """What is seen of ``lesion`` at the date is another lesion, ``to``."""

    kind: Literal["link"]
    date: dt.date
    lesion: Name
    to: Name


class Confirmation(Form):
    kind: Literal["confirm"]
    date: dt.date
    value: bool = True


class Comment(Form):
    kind: Literal["comment"]
    text: Reason
    date: dt.date | None = None
    lesion: Name | None = None


Change = Annotated[
    NewLesion
    | CaliperChange
    | OutlineChange
    | StatusChange
    | LesionChange
    | LinkChange
    | Confirmation
    | Comment,
    Field(discriminator="kind"),
]


class Changes(Form):
    """What a reader says, and which version of the page it was said on."""

    version: Count
    changes: Annotated[list[Change], Field(min_length=1, max_length=50)]
    reason: Text = ""


class ReadingFile(Form):
    """A table of corrections, an outline, or a zip of them; its content in base64."""

    name: Annotated[Line, Field(min_length=1)]
    content: Annotated[str, StringConstraints(max_length=15_000_000)]


class Import(Form):
    """The files of a reading, as ``recist correct`` takes them and the export gives them."""

    version: Count
    files: Annotated[list[ReadingFile], Field(min_length=1, max_length=200)]


class Undo(Form):
    version: Count


class Prompt(Form):
    """A click inside a lesion, or a line over it; LPS mm."""

    date: dt.date
    click: Point | None = None
    line: Ends | None = None


class Signing(Form):
    """A signature: of a date where one is given, else of the whole reading."""

    version: Count
    name: Annotated[Line, Field(min_length=1)]
    meaning: Annotated[Line, Field(min_length=1)]
    password: Word | None = None
    date: dt.date | None = None


class Reopening(Form):
    version: Count
    reason: Reason


class SiteQuery(Form):
    text: Reason
    date: dt.date | None = None


class Answer(Form):
    answer: Reason


class Adjudicating(Form):
    choice: Literal[1, 2]
    reason: Reason
    name: Annotated[Line, Field(min_length=1)]
    password: Word


class NewAccount(Form):
    name: Name
    role: Literal["administrator", "reader", "adjudicator", "monitor"]
    password: Annotated[
        str, StringConstraints(min_length=12, max_length=1024), AfterValidator(_plain)
    ]


class AccountChange(Form):
    role: Literal["administrator", "reader", "adjudicator", "monitor"] | None = None
    disabled: bool | None = None


class Assigning(Form):
    slot: Literal["reader-1", "reader-2", "adjudicator"]
    account: Name


def plain(form: BaseModel) -> dict[str, Any]:
    """A form as plain data for JSON, without what was not said."""
    return form.model_dump(mode="json", exclude_none=True)
