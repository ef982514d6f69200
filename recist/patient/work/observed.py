"""The types of what was found out of the images."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from imaging.registration.mapping import Registration
from imaging.series import Subject
from imaging.treatment import Treatment
from imaging.volume import Mask
from pet.projection import Projection
from pet.reference_regions import ReferenceRegion
from recist.course import Event
from recist.patient.delineation import Delineated
from recist.patient.examination import Examination, Sized
from recist.patient.work.memory import Memory
from recist.protocol import Protocol
from recist.tracking import DatedCandidates, Followed

Value = TypeVar("Value")


class Later(Generic[Value]):
    """A value that is fetched when it is first asked for."""

    def __init__(self, fetch: Callable[[], Value]) -> None:
        self._fetch = fetch
        self._value: list[Value] = []

    def __call__(self) -> Value:
        if not self._value:
            self._value.append(self._fetch())
        return self._value[0]


@dataclass(frozen=True, slots=True, eq=False)
class ObservedPet:
    """What the PET of a date shows whatever the lesions are called.

    Attributes:
        regions: liver and blood pool, kept away from everything that was delineated.
        projections: coronal and sagittal, without outlines.
    """

    regions: tuple[ReferenceRegion, ...]
    projections: tuple[Projection, Projection]


@dataclass(frozen=True, slots=True, eq=False)
class FoundBefore:
    """What a date shows at the place of a lesion that was delineated only later.

    Attributes:
        later_day, later: the candidate that it is then, by its position there.
        sized: outlined and measured here; nobody has reviewed it, and it counts for nothing.
    """

    later_day: int
    later: int
    sized: Sized
    confidence: float
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class FollowedDrawing:
    """What became, at a date that was added, of a lesion that only a reader had drawn.

    Attributes:
        lesion, drawn_on, mark: which drawing was followed; it counts while that drawing stands.
        sized: the pieces of it that are proposed, the largest first; none where it was not found.
        is_unclear: it was not found, and whether it is gone cannot be told.
        instead_of: labels of what the network delineated at its place, which gives way.
    """

    lesion: str
    drawn_on: dt.date
    mark: str
    sized: tuple[Sized, ...]
    confidence: float
    reason: str
    is_unclear: bool = False
    instead_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ObservedDate:
    """One date: what was read, delineated and measured, and how it lies on the first date.

    Attributes:
        found: the delineations as they came; ``sized`` has them in the same order.
        registration: None at the first date, or where nothing is to be tracked.
        followed: what became of earlier candidates that were looked for here.
        node_regions: regions that a structure set of the date names as lymph nodes.
        pet: None without a PET that can be used.
        technique: of the CT, in words.
        found_before: what is there already of lesions that were delineated only later.
        origin: tells what the date was observed from (:mod:`recist.patient.work.provenance`).
        drawings: what became of lesions that only a reader had drawn at dates before.
    """

    examination: Examination
    found: Delineated
    sized: tuple[Sized, ...]
    registration: Registration | None = None
    followed: tuple[Followed, ...] = ()
    node_regions: tuple[Mask, ...] = ()
    pet: ObservedPet | None = None
    technique: str = ""
    found_before: tuple[FoundBefore, ...] = ()
    origin: str = ""
    drawings: tuple[FollowedDrawing, ...] = ()

    @property
    def day(self) -> int:
        return self.examination.day

    @property
    def date(self) -> dt.date:
        return self.examination.visit.date

    @property
    def dated(self) -> DatedCandidates:
        """The date as tracking takes it."""
        return DatedCandidates(
            self.day,
            tuple(each.candidate for each in self.sized),
            self.examination.ct.volume.grid,
            self.registration,
            self.date,
            self.followed,
        )

    def with_sized(self, sized: tuple[Sized, ...]) -> ObservedDate:
        """The same with other candidates."""
        candidates = tuple(each.candidate for each in sized)
        return replace(self, sized=sized, found=replace(self.found, candidates=candidates))


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """What a patient is assessed by, and who delineated.

    Attributes:
        source: who delineated, for the tables; ``network``: who did where no person had.
        model: name, version and hash of the network, None without one.
        settings: of the run, for the record.
    """

    criteria: tuple[str, ...]
    protocol: Protocol
    source: str
    network: str = ""
    model: Mapping[str, object] | None = None
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """One patient as the images, the network and the registration gave him.

    Attributes:
        zero: day 0.
        planning: the planning CT that the treatment lies on, where it is no time point.
        planning_remarks, treatment_remarks: what is doubtful about it, and about the treatment.
        treatment_unreadable: files of the treatment that could not be read.
        treatment: read when first asked for; None without radiotherapy.
        treatment_origin: tells what it was read from.
        memory: answers that were worked out before.
    """

    subject: Subject
    zero: dt.date
    events: tuple[Event, ...]
    dates: tuple[ObservedDate, ...]
    terms: Terms
    treatment: Later[Treatment | None]
    planning: tuple[DatedCandidates, ...] = ()
    planning_remarks: tuple[str, ...] = ()
    treatment_remarks: tuple[str, ...] = ()
    treatment_unreadable: tuple[str, ...] = ()
    treatment_origin: str = ""
    memory: Memory = field(default_factory=Memory)

    @property
    def examinations(self) -> tuple[Examination, ...]:
        return tuple(each.examination for each in self.dates)

    def on(self, date: dt.date) -> ObservedDate | None:
        """What was observed at a date; None where there is none."""
        return next((each for each in self.dates if each.date == date), None)
