"""What a folder of images holds: subjects, their visits, and the series of each visit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from imaging.errors import InputError
from imaging.volume import Unit


class SeriesFormat(StrEnum):
    """How the files of a series are read."""

    DICOM = "dicom"
    NIFTI = "nifti"


class ProblemLevel(StrEnum):
    """How much a problem matters: an error makes a run end with exit code 1, a note does not."""

    ERROR = "error"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in the tree that was not used, or not used as it stands.

    Attributes:
        where: file or folder, relative to the scanned folder where it lies inside it.
        what: the fact that was found; never a patient's name.
        remedy: what the user can do.
        subject: whom it concerns, None when unknown.
        level: an error is lost data, a note is a remark.
    """

    where: str
    what: str
    remedy: str = ""
    subject: str | None = None
    level: ProblemLevel = ProblemLevel.ERROR

    def __str__(self) -> str:
        advice = f" ({self.remedy})" if self.remedy else ""
        return f"{self.where}: {self.what}{advice}"


@dataclass(frozen=True, slots=True)
class Series:
    """The files of one image series, or one RT or SEG object.

    A CT or PET series that holds several stacks (a scout in the same series, two acquisitions)
    is split: each stack is a ``Series`` of its own with the same ``uid``. RTSTRUCT, RTDOSE,
    RTPLAN, SEG, REG and RTRECORD are one ``Series`` per object, with one file.

    Attributes:
        uid: Series Instance UID; for NIfTI the path in the manifest.
        modality: CT, PT, RTSTRUCT, RTDOSE, RTPLAN, SEG, REG or RTRECORD.
        files: sorted along the slice normal where slice positions are known.
        date: date of the study, or of the series where the study has none.
        slices: images in it (frames of multi-frame files).
        slice_thickness_mm: as in the header, else the spacing, None when unknown.
        references: UIDs of the series, instances and frames of reference that it refers to.
        unit: of the voxels, where the manifest says it (NIfTI PET).
        joined_uids: of other series whose slices go on where those of this one end.
        uneven_slices: slices at uneven distances are interpolated; refused unless the user asks.
    """

    uid: str
    modality: str
    files: tuple[Path, ...]
    description: str = ""
    study_uid: str = ""
    frame_of_reference_uid: str | None = None
    date: dt.date | None = None
    kind: SeriesFormat = SeriesFormat.DICOM
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    slices: int = 1
    slice_thickness_mm: float | None = None
    references: frozenset[str] = frozenset()
    unit: Unit | None = None
    joined_uids: frozenset[str] = frozenset()
    uneven_slices: bool = False

    def __post_init__(self) -> None:
        if not self.files:
            raise InputError("a series without files", where=self.uid)

    @property
    def folder(self) -> Path:
        return self.files[0].parent

    @property
    def name(self) -> str:
        """For messages: modality, description, and the last two parts of the folder."""
        description = f" '{self.description}'" if self.description else ""
        return f"{self.modality}{description} in {'/'.join(self.folder.parts[-2:])}"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A series that is not used, and why."""

    series: Series
    reason: str

    def __str__(self) -> str:
        return f"{self.series.name}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Visit:
    """One date of a subject: the CT and PET that are used, and the objects that belong to them.

    Attributes:
        label: "baseline" for the first visit of a subject, then "follow-up 1", ...
        labels: label map of the lesions that a NIfTI manifest names.
        purpose: of a date that is no time point: what it is, and what tells.
    """

    date: dt.date
    label: str
    ct: Series | None = None
    pet: Series | None = None
    rtstructs: tuple[Series, ...] = ()
    rtdoses: tuple[Series, ...] = ()
    rtplans: tuple[Series, ...] = ()
    segs: tuple[Series, ...] = ()
    registrations: tuple[Series, ...] = ()
    rtrecords: tuple[Series, ...] = ()
    labels: Path | None = None
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """One patient: visits in the order of their dates, and what was left out.

    Attributes:
        visits: the time points of response.
        treatment: dates of planning CTs, in order: their contours, plans and doses make the field,
            but they are no time points.
    """

    id: str
    visits: tuple[Visit, ...]
    rejected: tuple[Rejection, ...] = ()
    treatment: tuple[Visit, ...] = ()

    def __post_init__(self) -> None:
        dates = [visit.date for visit in self.visits]
        if sorted(set(dates)) != dates:
            raise InputError(f"visits are not in the order of their dates: {dates}", where=self.id)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All subjects of a tree in the order of their identifiers, and its problems.

    Those of a large tree lie on disk: each is read when it is asked for.
    """

    subjects: Sequence[Subject]
    problems: tuple[Problem, ...] = ()
    files: int = 0


def with_uneven_slices(subject: Subject) -> Subject:
    """The same subject, whose images are interpolated where their slices lie unevenly."""

    def visit(each: Visit) -> Visit:
        images = {
            name: replace(series, uneven_slices=True)
            for name in ("ct", "pet")
            if (series := getattr(each, name)) is not None
        }
        return replace(each, **images)

    return replace(
        subject,
        visits=tuple(map(visit, subject.visits)),
        treatment=tuple(map(visit, subject.treatment)),
    )


def visit_label(index: int) -> str:
    """The name of the n-th visit of a subject."""
    return "baseline" if index == 0 else f"follow-up {index}"
