"""The work that a run kept of each subject, and what readings come to through it.

The answer of a reading is that of ``recist correct`` over the same corrections: both come from
:func:`recist.patient.reassessment.conclude`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from imaging.errors import InputError
from imaging.registration import Registration
from imaging.treatment import Treatment
from imaging.volume import Grid, Mask
from recist.course import Course, Role
from recist.patient.corrections import NOTHING_SAID, Corrections
from recist.patient.corrections.correction_tables import FOLDER as CORRECTIONS
from recist.patient.delineated_date import DelineatedDate
from recist.patient.irradiation import MapPoints, to_planning
from recist.patient.pipeline import PatientAnswer
from recist.patient.reassessment import conclude
from recist.patient.redrawn import redrawn
from recist.patient.result import PatientResult, SignedBy
from recist.patient.result_folder import (
    DICOM_FOLDER,
    written_whole,
)
from recist.patient.work import keeping
from recist.patient.work.observed import Work
from recist.review.reading.as_corrections import Candidates, Ground
from recist.review.reading.assessed import AssessedReading
from recist.run.correcting import sign
from recist.run.patient_folder import said_in, write_patient
from recist.tracking import Link

Kept = TypeVar("Kept")

#: Subjects whose work is kept in memory, and answers of readings.
MOST_WORKS, MOST_ANSWERS = 4, 32


@dataclass(frozen=True, slots=True, eq=False)
class Concluded:
    """What a reading comes to.

    Attributes:
        whole: the course with what is no lesion left in.
        masks: by date and lesion, those of lesions that were rejected too.
        trouble: why what was said is left out of it.
    """

    said: Corrections
    result: PatientResult
    delineations: tuple[DelineatedDate, ...]
    whole: Course
    masks: Mapping[tuple[str, str], Mask]
    trouble: InputError | None = None

    def answer(self, reader: str) -> AssessedReading:
        """The answer as the pages and tables take it."""
        course = replace(self.result.course, reader=reader)
        return AssessedReading(course, self.result.assessments, self.result.outcomes)


@dataclass(frozen=True, slots=True, eq=False)
class Works:
    """The kept work of the subjects of a run; taken up when first asked for.

    Attributes:
        folders: subject -> folder of the run's results.
        adapted: puts the room's own terms and images into the work of a subject.
    """

    folders: Mapping[str, Path]
    adapted: Callable[[Work], Work] = lambda work: work
    _works: OrderedDict[str, Work | str] = field(default_factory=OrderedDict)
    _grounds: OrderedDict[Hashable, Ground] = field(default_factory=OrderedDict)
    _answers: OrderedDict[Hashable, Concluded] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def of(self, subject: str) -> Work | None:
        """The work of a subject; None where the run kept none that this version can use."""
        found = self._found(subject)
        return None if isinstance(found, str) else found

    def has(self, subject: str) -> bool:
        """Whether there is work of a subject."""
        return self.of(subject) is not None

    def why_none(self, subject: str) -> str:
        """Why there is none; empty where there is."""
        found = self._found(subject)
        return found if isinstance(found, str) else ""

    def corrections(self, subject: str) -> Corrections:
        """Those that lie with the results."""
        folder = self.folders.get(subject)
        return NOTHING_SAID if folder is None else said_in(folder, subject)

    def grid(self, subject: str, date: str) -> Grid:
        """The grid of the CT of a date.

        Raises:
            InputError: there is no such date.
        """
        work = self.of(subject)
        for each in work.dates if work is not None else ():
            if each.date.isoformat() == date:
                return each.examination.ct.volume.grid
        raise InputError(f"no examination on {date}", where=subject)

    def registration(self, subject: str, date: str) -> Registration | None:
        """How a date lies on the first one, as the run found it; None where it did not."""
        work = self.of(subject)
        dates = () if work is None else work.dates
        return next((x.registration for x in dates if x.date.isoformat() == date), None)

    def to_planning(self, subject: str, date: str, treatment: Treatment) -> MapPoints | None:
        """From points of a date to the image of the plan; None where no map is needed or known."""
        work = self.of(subject)
        if work is None:
            return None
        day = next((x.day for x in work.dates if x.date.isoformat() == date), None)
        if day is None:
            return None
        return to_planning(day, treatment, (*(x.dated for x in work.dates), *work.planning))

    def stamp(self, subject: str) -> Hashable:
        """Changes with the corrections that lie with the results."""
        folder = self.folders[subject] / CORRECTIONS
        found = sorted(folder.glob("*.csv")) if folder.is_dir() else []
        return tuple((each.name, each.stat().st_mtime_ns) for each in found)

    def concluded(
        self,
        subject: str,
        dates: Sequence[str],
        key: Hashable,
        said: Callable[[Ground], Corrections],
    ) -> Concluded:
        """The answer to what is said of a subject at some dates; worked out once for each key.

        Args:
            dates: that may be seen.
            key: tells apart what is said.

        Raises:
            InputError: it contradicts itself, or names what is not there.
        """
        place = (subject, tuple(dates), key)
        with self._turn:
            found = self._answers.get(place)
            if found is not None:
                self._answers.move_to_end(place)
                return found
            work = self.of(subject)
            if work is None:
                raise InputError(self.why_none(subject), where=subject)
            work = _within(work, dates)
            ground = _once(self._grounds, place[:2], lambda: _ground(work), MOST_WORKS)
            made = _concluded(work, said(ground))
            return _once(self._answers, place, lambda: made, MOST_ANSWERS)

    def sign(self, subject: str, said: Corrections, signed: SignedBy) -> None:
        """Write the results of a subject again, as they were signed.

        Raises:
            InputError: they cannot be written.
        """
        folder = self.folders[subject]
        work = self.adapted(keeping.take_up(folder / keeping.FOLDER))
        sign(folder.parent, work, said, signed)

    def write(self, subject: str, said: Corrections, signed: SignedBy, folder: Path) -> None:
        """Write the whole results of a subject, as they were signed, into a folder of its own.

        The results of the run stay as they are.

        Raises:
            InputError: they cannot be written.
        """
        work = self.adapted(keeping.take_up(self.folders[subject] / keeping.FOLDER))
        result, delineations = conclude(work, said)
        answer = PatientAnswer(work, said, replace(result, signed=signed), delineations)
        dicom = (self.folders[subject] / DICOM_FOLDER).is_dir()
        folder.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(folder) as part:
            write_patient(answer, part, dicom=dicom, cache_mb=None)

    def _found(self, subject: str) -> Work | str:
        with self._lock:
            return _once(self._works, subject, lambda: self._taken_up(subject), MOST_WORKS)

    def _taken_up(self, subject: str) -> Work | str:
        folder = self.folders.get(subject)
        if folder is None:
            return "no run measured this subject"
        try:
            return self.adapted(keeping.take_up(folder / keeping.FOLDER))
        except InputError as error:
            return error.what


def _once(
    kept: OrderedDict[Hashable, Kept] | OrderedDict[str, Kept],
    key: Hashable,
    make: Callable[[], Kept],
    most: int,
) -> Kept:
    """What is kept under a key, made where it is missing; the oldest gives way."""
    if key not in kept:
        kept[key] = make()  # type: ignore[index]  # of the kind that is kept
        while len(kept) > most:
            kept.popitem(last=False)
    kept.move_to_end(key)  # type: ignore[arg-type]
    return kept[key]  # type: ignore[index]


def _within(work: Work, dates: Sequence[str]) -> Work:
    """The work of some of its dates, as if no later one had been imaged."""
    seen = tuple(each for each in work.dates if each.date.isoformat() in dates)
    return work if len(seen) == len(work.dates) else replace(work, dates=seen)


def _ground(work: Work) -> Ground:
    result, _ = conclude(work, pictures=False)
    course = result.course

    def candidates(links: tuple[Link, ...]) -> Candidates:
        tracks = redrawn(work, Corrections(links=links)).tracks
        return {
            (date.date.isoformat(), track.id): tuple(
                date.sized[c].candidate.label for c in seen.candidates
            )
            for date in work.dates
            for track in tracks.lesions
            if (seen := track.at(date.day)) is not None and seen.candidates
        }

    return Ground(
        {each.date.isoformat(): each.day for each in work.dates},
        frozenset(each.id for each in course.lesions if each.is_node),
        frozenset(each.id for each in course.lesions if each.role is Role.NEW),
        candidates,
    )


def _concluded(work: Work, said: Corrections) -> Concluded:
    result, delineations = conclude(work, said, pictures=False)
    whole, drawn = result.course, delineations
    if any(each.dropped for each in said.overrides):
        kept = tuple(replace(each, dropped=False) for each in said.overrides)
        other, drawn = conclude(work, replace(said, overrides=kept), pictures=False)
        whole = _with_rejected(result.course, other.course)
    masks = {
        (each.examination.visit.date.isoformat(), lesion): mask
        for each in drawn
        for lesion, mask in each.masks().items()
    }
    return Concluded(said, result, delineations, whole, masks)


def _with_rejected(course: Course, other: Course) -> Course:
    """A course with the lesions that only the other one has, as they are seen there."""
    known = {each.id for each in course.lesions}
    more = tuple(each for each in other.lesions if each.id not in known)
    seen = {at.day: at.measurements for at in other.timepoints}
    return replace(
        course,
        lesions=(*course.lesions, *more),
        timepoints=tuple(
            replace(
                at,
                measurements=(
                    *at.measurements,
                    *(each for each in seen.get(at.day, ()) if each.lesion_id not in known),
                ),
            )
            for at in course.timepoints
        ),
    )


def dates_of(work: Work) -> tuple[str, ...]:
    """Its dates, ISO."""
    return tuple(each.date.isoformat() for each in work.dates)
