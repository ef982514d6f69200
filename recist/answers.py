"""What the Python interface answers with: one course assessed, or the frames of many patients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from recist.course import Course
from recist.protocol import Protocol
from recist.response import RESEARCH_USE, Assessment, Outcome
from recist.table import results
from recist.table.result_columns import outcome_columns, timepoint_columns
from recist.table.result_frames import results_frame

if TYPE_CHECKING:
    import pandas as pd

Part = Literal["timepoints", "outcomes"]


@dataclass(frozen=True, slots=True)
class AssessedCourse:
    """A course with its responses.

    Attributes:
        course: what was seen.
        protocol: the settings in force.
        timepoints: the response at every follow-up, by each criterion, on all lesions and, where
            the field is known, on those inside and outside of it; each with its reasons.
        outcomes: what the course comes to, by each criterion on each of these sets.
    """

    course: Course
    protocol: Protocol
    timepoints: tuple[Assessment, ...]
    outcomes: tuple[Outcome, ...]

    def to_frame(self, part: Part = "timepoints") -> pd.DataFrame:
        """The rows of ``timepoints.csv`` or ``outcomes.csv`` as a frame.

        Dates are datetime64, days and durations Int64, lengths float64 in mm, truths boolean; the
        exact decimals are in :attr:`timepoints`.

        Raises:
            ValueError: another part than these two.
        """
        course, has_dates = self.course, self.course.day_zero is not None
        texts = results.CourseTexts(course)
        if part == "timepoints":
            columns = timepoint_columns(has_dates=has_dates)
            return results_frame(columns, [texts.timepoint(each)[0] for each in self.timepoints])
        if part == "outcomes":
            columns = outcome_columns(has_dates=has_dates)
            policy = self.protocol.pfs_policy
            return results_frame(
                columns, [texts.outcome(each, policy)[0] for each in self.outcomes]
            )
        raise ValueError(f"part {part!r}: give 'timepoints' or 'outcomes'")

    def explain(self) -> str:
        """Every response and outcome with its reasons and their sources, as text."""
        return "\n".join([*self._explained(), RESEARCH_USE])

    def _explained(self) -> Iterator[str]:
        yield f"{self.course.subject} (protocol {self.protocol.name})"
        for each in self.timepoints:
            when = results.when(self.course, each.day)
            when = f"day {when}" if self.course.day_zero is None else when
            yield f"{when}, {each.criteria}, {each.scope} lesions: {each.overall}"
            yield from (f"  {reason.sentence} [{reason.source}]" for reason in each.reasons)
            yield from (f"  note: {warning}" for warning in each.warnings)
        for outcome in self.outcomes:
            yield (
                f"{outcome.criteria}, {outcome.scope} lesions: best response "
                f"{outcome.best_overall}, confirmed {outcome.confirmed_best_overall}"
            )
            yield from (f"  {reason.sentence} [{reason.source}]" for reason in outcome.reasons)
            for time in outcome.times:
                event = "event" if time.event else "censored"
                named = f"{time.endpoint} ({time.policy})" if time.policy else time.endpoint
                yield f"  {named}: {time.days} days, {event}: {time.reason.sentence}"
            yield from (f"  note: {warning}" for warning in outcome.warnings)


@dataclass(frozen=True, slots=True, eq=False)
class AssessedTable:
    """Many patients, assessed: the frames hold what the files of ``recist assess`` hold.

    Attributes:
        timepoints: a row per subject, time point, criterion and set of lesions.
        outcomes: a row per subject, criterion and set of lesions.
        findings: what was wrong or odd: level, check, subject, row, what, remedy.
        failed: the subjects that could not be assessed; the findings say why.
    """

    timepoints: pd.DataFrame
    outcomes: pd.DataFrame
    findings: pd.DataFrame
    failed: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class AbscopalCohort:
    """The abscopal response of a cohort: the frames hold what ``recist abscopal`` writes.

    Attributes:
        patients: a row per patient and definition.
        rates: how many of how many, by definition, set of lesions and arm.
        contrasts: arm against arm.
        lesions: the rates of single lesions.
        sensitivity: what other definitions of the field and the time would give.
        findings: what was wrong or odd: level, check, subject, row, what, remedy.
        failed: the subjects that could not be assessed.
    """

    patients: pd.DataFrame
    rates: pd.DataFrame
    contrasts: pd.DataFrame
    lesions: pd.DataFrame
    sensitivity: pd.DataFrame
    findings: pd.DataFrame
    failed: tuple[str, ...]
