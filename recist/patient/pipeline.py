"""The straight line, from the studies of one patient to an assessed case.

First what takes images, a network and a registration (:mod:`recist.patient.observation`), then what
follows from it by rules and the word of a reader (:mod:`recist.patient.reassessment`). Files are
read at the start and written by :mod:`recist.run.batch` at the end.
"""

from __future__ import annotations

from collections.abc import Callable

from imaging.series import Subject
from recist.patient.corrections.said import Corrections
from recist.patient.delineated_date import DelineatedDate
from recist.patient.observation import observe
from recist.patient.options import Options
from recist.patient.reassessment import conclude
from recist.patient.result import PatientResult
from recist.patient.work.observed import Work

#: What a patient goes through, in this order; progress bars and timings name these.
STAGES = (
    "read",
    "delineate",
    "register",
    "follow",
    "measure",
    "track",
    "field",
    "assess",
    "show",
    "write",
)


def assess_subject(
    subject: Subject, options: Options, *, on_stage: Callable[[str], None] = lambda _: None
) -> tuple[PatientResult, tuple[DelineatedDate, ...]]:
    """Read, delineate, measure, track, place, assess.

    Raises:
        InputError: nothing of the patient can be assessed, a date cannot be read, or a choice or
            link of the reader fits nothing.
    """
    work = observe(subject, options, on_stage=on_stage)
    return conclude(work, given_corrections(work, options), on_stage=on_stage)


def given_corrections(work: Work, options: Options) -> Corrections:
    """What the tables of the options say of a patient."""
    choices, links = options.choices(work.subject.id), options.links(work.subject.id)
    return Corrections(overrides=tuple(choices.values()), links=links)
