"""The forms that results are exported in: a row each, found by its name.

``recist export SOURCE --to NAME`` asks the target of that name. A target reads the folder of a run
(or the table that it says) and writes files that other systems read; what could not be written is
named, and never stops the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from imaging.errors import InputError


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be exported.

    Attributes:
        source: the folder of results of ``recist run``, or a table where the target takes one.
        out: where the files go; None for the target's own place.
        subjects: only these; all where there are none.
        labelmap: DICOM: write SEG objects of the LABELMAP class.
    """

    source: Path
    out: Path | None = None
    subjects: tuple[str, ...] = ()
    labelmap: bool = False


@dataclass(frozen=True, slots=True)
class Exported:
    """What came of an export.

    Attributes:
        files: what lies there now, in order.
        failures: what could not be exported, a line each.
        remarks: what the user should know of what was exported.
    """

    files: tuple[Path, ...]
    failures: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0: all written; 1: some of it failed and is named; 2: nothing could be written."""
        if not self.failures:
            return 0
        return 1 if self.files else 2


@dataclass(frozen=True, slots=True)
class Target:
    """One form of export.

    Attributes:
        says: a line for the help: what is written, and for whom.
        write: does it; loads what it needs when it is called.
    """

    says: str
    write: Callable[[Request], Exported]


def _dicom(request: Request) -> Exported:
    from recist.export.dicom.results import export  # noqa: PLC0415 - loads when it is asked for

    return export(request)


#: Name -> target, in the order of the help.
TARGETS: dict[str, Target] = {
    "dicom": Target("SEG for a PACS, in SUBJECT/dicom", _dicom),
}


def targets_named(names: Collection[str]) -> tuple[Target, ...]:
    """The targets of these names.

    Raises:
        InputError: none is named, or one that does not exist.
    """
    unknown = [name for name in names if name not in TARGETS]
    if unknown or not names:
        what = f"--to {','.join(unknown)}" if unknown else "no target is named"
        raise InputError(what, remedy=f"one of {', '.join(TARGETS)}")
    return tuple(TARGETS[name] for name in names)
