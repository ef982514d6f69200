"""The straight line, from the studies of one patient to an assessed case.

First what takes images, a network and a registration
(:mod:`recist.patient.patient_observation`), then what follows from it by rules and the word of a
reader (:mod:`recist.patient.reassessment`). Files are read at the start and written by
:mod:`recist.run.batch` at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from imaging.beside import NOBODY, Beside
from imaging.series import Subject
from recist.patient.corrections.said import NOTHING_SAID, Corrections
from recist.patient.delineated_date import DelineatedDate
from recist.patient.options import Options
from recist.patient.patient_observation import observe
from recist.patient.reassessment import conclude
from recist.patient.result import PatientResult
from recist.patient.signatures import standing
from recist.patient.work import keeping
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


@dataclass(frozen=True, slots=True, eq=False)
class PatientAnswer:
    """A patient, assessed, with what it follows from."""

    work: Work
    said: Corrections
    result: PatientResult
    delineations: tuple[DelineatedDate, ...]


def assess_subject(
    subject: Subject,
    options: Options,
    *,
    said: Corrections = NOTHING_SAID,
    kept: Work | None = None,
    beside: Beside = NOBODY,
    on_stage: Callable[[str], None] = lambda _: None,
) -> PatientAnswer:
    """Read, delineate, measure, track, place, assess.

    Args:
        said: what a reader said of an earlier result; the tables of the options win.
        kept: the work of an earlier run, see :func:`observe`.
        beside: other processes that take their part of the work.

    Raises:
        InputError: nothing of the patient can be assessed, a date cannot be read, or a choice or
            link of the reader fits nothing.
    """
    work = observe(subject, options, kept=kept, said=said, beside=beside, on_stage=on_stage)
    told = with_tables(said, subject.id, options)
    return PatientAnswer(work, told, *conclude(work, told, on_stage=on_stage))


def answer_in(folder: Path, subject: str, *, pictures: bool = True) -> PatientAnswer:
    """The answer that the results in the folder of a patient give, from the work beside them.

    Args:
        pictures: cut the pictures of the page from the images, which must still be there.

    Raises:
        InputError: no work is kept, another version kept it, or the images are gone.
    """
    work = keeping.take_up(folder / keeping.FOLDER)
    said = keeping.applied(folder, subject)
    result, delineations = conclude(work, said, pictures=pictures)
    return PatientAnswer(work, said, standing(result, folder), delineations)


def with_tables(said: Corrections, subject: str, options: Options) -> Corrections:
    """Corrections with those of the tables of the options in the place of their kind."""
    if options.choices_file is not None:
        choices = options.choices(subject).values()
        said = replace(said, overrides=tuple(each for each in choices if not each.is_empty))
    if options.links_file is not None:
        said = replace(said, links=options.links(subject))
    return said
