"""What a cohort keeps of each patient: all that its rates, its comparisons and its charts need.

A finding with its reasons is a hundred times as large; it is written and let go of.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from sys import intern
from typing import NamedTuple

from recist import abscopal
from recist.abscopal import AbscopalFinding, OutOfFieldAnswer
from recist.abscopal.chance import NO_CHANCE, Chance
from recist.abscopal.lesion_changes import SizesOfLesion
from recist.abscopal.timeline import Timeline
from recist.cohort.patients import Patient, by_dose
from recist.course import Course, Field
from recist.protocol import Protocol

#: Doses below which a lesion counts as out of the field: no dose (Menon 2019), conventions.
DOSES_GY = (1.0, 2.0, 5.0, 10.0, 20.0)

#: Near-maximum of each lesion in Gy, by subject and lesion.
Doses = Mapping[tuple[str, str], float]


class ToldOfPatient(NamedTuple):
    """What an answer comes to.

    Attributes:
        responding: the names of the definitions that call the patient a responder; ``confirmed``:
            of those that still do where only confirmed responses count.
        untold: of the definitions that cannot be told.
    """

    evaluable: bool
    responding: frozenset[str] = frozenset()
    confirmed: frozenset[str] = frozenset()
    untold: frozenset[str] = frozenset()


class FollowedLesion(NamedTuple):
    """A lesion that was measured again.

    Attributes:
        best_percent: its best change from baseline.
        course: days from the end of radiotherapy, the baseline first, then as many changes from
            baseline in percent.
    """

    id: str
    field: Field
    responded: bool
    confirmed: bool
    best_percent: float
    course: array[float]

    @property
    def days(self) -> Sequence[float]:
        return self.course[: len(self.course) // 2]

    @property
    def changes_percent(self) -> Sequence[float]:
        return self.course[len(self.course) // 2 :]


class Member(NamedTuple):
    """A patient of a cohort by one reader.

    Attributes:
        told: None of a patient without a finding.
        otherwise: what each of :func:`variants` tells, in their order.
        recorded: a date of radiotherapy is known.
    """

    subject: str
    arm: str
    reader: str
    told: ToldOfPatient | None = None
    otherwise: tuple[ToldOfPatient, ...] = ()
    scanned: bool = False
    recorded: bool = False
    chance: Chance = NO_CHANCE
    lesions: tuple[FollowedLesion, ...] = ()

    @property
    def evaluable(self) -> bool:
        return self.told is not None and self.told.evaluable


@dataclass(frozen=True, slots=True)
class Variant:
    """Another choice than that of the protocol.

    Attributes:
        choice: what is chosen otherwise, e.g. "out_of_field_set = pragmatic".
        below_gy: lesions below this dose are out of the field, and no others; None: as they are.
    """

    choice: str
    protocol: Protocol
    below_gy: float | None = None


def variants(protocol: Protocol, *, has_doses: bool) -> tuple[Variant, ...]:
    """The other choices that every patient is asked about, all of ``AbscopalSettings``."""
    other_set = "strict" if protocol.out_of_field_set == "pragmatic" else "pragmatic"
    position = "split" if protocol.new_lesion_position == "anywhere" else "anywhere"
    settings: tuple[dict[str, object], ...] = (
        {"out_of_field_set": other_set},
        {"new_lesion_position": position},
        {"abscopal_minimum_mm": Decimal(0), "abscopal_minimum_node_mm": Decimal(0)},
        {"abscopal_minimum_mm": Decimal(15)},
        {"abscopal_minimum_mm": Decimal(20)},
        {"abscopal_baseline_days": 28},
        {"abscopal_follow_up_days": 182},
        {"abscopal_landmark_window_days": 28},
    )
    found = [
        Variant(
            ", ".join(f"{key} = {value}" for key, value in changes.items()),
            replace(protocol, **changes),  # type: ignore[arg-type]
        )
        for changes in settings
    ]
    if has_doses:
        strict = replace(protocol, out_of_field_set="strict")
        found += [
            Variant(f"out of the field below {gy:g} Gy", strict, below_gy=gy) for gy in DOSES_GY
        ]
    return tuple(found)


def member_of(
    patient: Patient, others: Sequence[Variant] = (), doses: Doses | None = None
) -> Member:
    """What is kept of a patient.

    Args:
        others: choices that the patient is asked about besides.
        doses: where some of them are of doses.
    """
    subject, arm, reader = patient.subject, intern(patient.arm), intern(patient.reader)
    found, course = patient.finding, patient.course
    if found is None or course is None:
        nothing = (told_of(None),) * len(others)
        return Member(subject, arm, reader, otherwise=nothing)
    return Member(
        subject,
        arm,
        reader,
        told_of(found),
        _otherwise(course, patient.systemic, others, doses or {}),
        patient.scanned,
        found.timeline.recorded,
        _shared(found.chance),
        tuple([_followed(each, found.timeline) for each in found.lesions if each.sizes_mm]),
    )


def told_of(found: OutOfFieldAnswer | AbscopalFinding | None) -> ToldOfPatient:
    """What an answer comes to; one object for all patients of whom the same is told."""
    if found is None:
        return _one(False, (), (), ())
    met = [each for each in found.calls if each.met]
    return _one(
        found.evaluable,
        tuple([each.definition.name for each in met]),
        # Stable disease needs no confirmation: nothing is said of it.
        tuple([each.definition.name for each in met if each.confirmed is not False]),
        tuple([each.definition.name for each in found.calls if each.met is None]),
    )


@cache
def _one(evaluable: bool, *names: tuple[str, ...]) -> ToldOfPatient:
    return ToldOfPatient(evaluable, *map(frozenset, names))


@cache
def _shared(chance: Chance) -> Chance:
    return chance


def _otherwise(
    course: Course, systemic: bool | None, others: Sequence[Variant], doses: Doses
) -> tuple[ToldOfPatient, ...]:
    """What the other choices tell, courses with the same fields asked together."""
    told: list[ToldOfPatient] = []
    waiting: list[Protocol] = []
    asked = course
    for each in others:
        seen = course if each.below_gy is None else by_dose(course, doses, each.below_gy)
        if seen != asked:
            told += map(told_of, abscopal.answers(asked, waiting, systemic=systemic))
            asked, waiting = seen, []
        waiting.append(each.protocol)
    told += map(told_of, abscopal.answers(asked, waiting, systemic=systemic))
    return tuple(told)


def _followed(lesion: SizesOfLesion, timeline: Timeline) -> FollowedLesion:
    end = timeline.end_day
    start = (timeline.baseline_day or end) - end
    baseline = float(lesion.baseline_mm)
    changes = [100 * (float(size) / baseline - 1) for _, size in lesion.sizes_mm]
    days = [start, *(day - end for day, _ in lesion.sizes_mm)]
    best = lesion.best_change_percent
    assert best is not None  # it has sizes
    return FollowedLesion(
        intern(lesion.lesion.id),
        lesion.field,
        lesion.response_day is not None,
        lesion.confirmed_day is not None,
        best,
        array("d", [*days, 0.0, *changes]),
    )
