"""What an archive can be asked, by DIMSE and DICOMweb alike; and how it refuses."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from imaging.errors import InputError


class RefusedError(InputError):
    """The archive refuses, and would refuse again: to try again is of no use."""


class BrokenError(InputError):
    """The archive cannot be reached, or the connection broke: it may work in a moment."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for: a patient, with what narrows it down.

    Attributes:
        modalities: of the series; all where there are none.
    """

    patient_id: str
    study_uid: str = ""
    since: dt.date | None = None
    until: dt.date | None = None
    modalities: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.patient_id.strip():
            raise InputError("a patient without an identifier", remedy="give the Patient ID")
        if any(character in self.patient_id for character in "*?\\"):
            raise InputError(
                f"patient {self.patient_id[:64]!r}: *, ? and \\ stand for several patients",
                remedy="name each patient",
            )


@dataclass(frozen=True, slots=True)
class Instance:
    """One object of an archive."""

    patient_id: str
    study_uid: str
    series_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    study_date: str = ""
    modality: str = ""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A file to be sent."""

    path: Path
    study_uid: str
    series_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax: str
    sha256: str


#: Takes the bytes of an instance, a DICOM file, under its SOP Instance UID.
Sink = Callable[[str, bytes], None]


class ArchiveConnection(Protocol):
    """An archive to which a connection can be made."""

    def find(self, wanted: Wanted) -> list[Instance]:
        """The instances of a patient."""

    def fetch(self, instances: Sequence[Instance], sink: Sink) -> dict[str, str]:
        """Fetch instances of one series; those that the archive could not give, with the reason."""

    def send(self, files: Iterable[Outgoing]) -> Iterator[tuple[Outgoing, str]]:
        """Send files; each with the reason why it was not taken, "" when it was."""
