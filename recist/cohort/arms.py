"""The arms of a trial: which is the control, who belongs to which population."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from imaging.errors import InputError
from imaging.tables.columns import nearest
from recist.cohort.times import FollowedPatient

ALL_ARMS = "all"


class Population(StrEnum):
    """Whom an analysis counts."""

    INTENTION = "intention to treat"  # as randomised
    PER_PROTOCOL = "per protocol"  # treated as randomised, by the protocol


@dataclass(frozen=True, slots=True)
class Arms:
    """Names of the arms, control last; the first is compared with it, and so is every other."""

    names: tuple[str, ...]

    @property
    def control(self) -> str:
        return self.names[-1]

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Each experimental arm with the control."""
        return tuple((name, self.control) for name in self.names[:-1])


def arms_of(patients: Sequence[FollowedPatient], control: str = "") -> Arms:
    """The arms by name.

    Args:
        control: its name; the smallest arm unless given (of equal ones the first by name).

    Raises:
        InputError: no patient is in that arm.
    """
    counts = Counter(each.patient.arm for each in patients)
    if control and control not in counts:
        raise InputError(f"no patient in arm {control!r}", remedy=nearest(control, list(counts)))
    last = control or min(sorted(counts), key=lambda name: counts[name])
    return Arms((*sorted(name for name in counts if name != last), last))


def population(patients: Sequence[FollowedPatient], kind: Population) -> list[FollowedPatient]:
    if kind is Population.INTENTION:
        return list(patients)
    return [each for each in patients if each.patient.per_protocol]


def by_arm(
    patients: Sequence[FollowedPatient], arms: Arms
) -> Iterator[tuple[str, list[FollowedPatient]]]:
    """All together, then each arm where there are several."""
    yield ALL_ARMS, list(patients)
    if len(arms.names) > 1:
        for name in arms.names:
            yield name, [each for each in patients if each.patient.arm == name]


def strata_of(patients: Sequence[FollowedPatient], columns: Sequence[str]) -> list[str] | None:
    """The stratum of each patient; None where no column makes strata."""
    if not columns:
        return None
    return [" / ".join(each.patient.columns[name] for name in columns) for each in patients]


def with_strata(
    patients: Sequence[FollowedPatient], columns: Sequence[str]
) -> list[FollowedPatient]:
    """The patients of whom every stratum is known."""
    return [each for each in patients if all(each.patient.columns[name] for name in columns)]
