"""What is asked of an export, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be exported.

    Attributes:
        source: the folder of results of ``recist run``, or a table where the target takes one.
        out: where the files go; None for the target's own place.
        subjects: only these; all where there are none.
        labelmap: DICOM: write SEG objects of the LABELMAP class.
        events, criteria, protocol: of a table; the run's own where there are none.
        study: identifier of the trial, in the datasets of CDISC.
        accepted: the reader whose read counts.
        terminology: a release of the controlled terminology in place of the one that ships.
    """

    source: Path
    out: Path | None = None
    subjects: tuple[str, ...] = ()
    labelmap: bool = False
    events: Path | None = None
    criteria: tuple[str, ...] = ()
    protocol: str = ""
    study: str = "STUDY"
    accepted: str = ""
    terminology: Path | None = None


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
