"""What a reader should know of a case: adapted, left out, unusable or doubtful."""

from __future__ import annotations

from collections.abc import Sequence

from imaging.series import Problem, Subject
from recist.patient.delineation import Delineated
from recist.patient.examination import Examination
from recist.patient.pieces import PIECE
from recist.patient.roles import Placed
from recist.tracking import DatedCandidates

#: Remarks on the lesion rather than on one delineation of it.
SAID_ONCE = ("organ by its surroundings", "organ by its name", "lymph node by its name")
#: Of a patient who has a CT at no date.
PET_ALONE = (
    "no CT at any date: no diameter is measured, so that RECIST 1.1 is not evaluable; the PET "
    "criteria stand alone"
)
#: What can be done about a date that has a PET alone, beside others with a CT.
WITHOUT_CTS = (
    "to assess every PET by itself, leave out the CTs with a table of series (--series, use: no)"
)


def warnings_of(
    examinations: Sequence[Examination],
    found: Sequence[Delineated],
    dates: Sequence[DatedCandidates],
    treatment: Sequence[str],
    placed: Placed,
) -> tuple[str, ...]:
    """Everything that was adapted, left out or doubtful, by date where it has one.

    Args:
        treatment: problems and warnings of the radiotherapy.
    """
    dated = [
        f"{examination.visit.date}: {warning}"
        for examination, own, place in zip(examinations, found, dates, strict=True)
        for warning in (
            *examination.warnings,
            *own.warnings,
            *(place.registration.quality.flags if place.registration else ()),
        )
    ]
    alone = (PET_ALONE,) if examinations[0].is_pet_alone else ()
    return tuple(dict.fromkeys((*alone, *placed.warnings, *treatment, *dated)))


def problems_of(
    subject: Subject,
    examinations: Sequence[Examination],
    found: Sequence[Delineated],
    unreadable: Sequence[str] = (),
) -> tuple[Problem, ...]:
    """Parts of the data that could not be used, and dates without any delineation.

    Args:
        unreadable: files of the radiotherapy that could not be read, each with the reason.
    """
    problems = [problem for examination in examinations for problem in examination.problems]
    problems += [
        Problem(str(examination.visit.date), what, "correct or remove it", subject.id)
        for examination, own in zip(examinations, found, strict=True)
        for what in own.unusable
    ]
    problems += [
        Problem("radiotherapy", what, "correct or remove it", subject.id) for what in unreadable
    ]
    used = {examination.visit.date for examination in examinations}
    for visit in subject.visits:
        if visit.date not in used:
            lacking = "CT or PET" if examinations[0].is_pet_alone else "CT"
            what = f"no {lacking} that can be measured on {visit.date}: the date is left out"
            remedy = WITHOUT_CTS if visit.pet is not None else "--dry-run shows why"
            problems.append(Problem(visit.label, what, remedy, subject.id))
    if not any(each.candidates or each.reviewed for each in found):
        what = "no lesion was delineated at any date"
        problems.append(Problem(subject.id, what, "draw them, or see --lesions", subject.id))
    return tuple(problems)


def quality_flags(placed: Placed) -> tuple[tuple[str, int, str], ...]:
    """What is doubtful about a delineation: (lesion, day, remark).

    What a lesion is taken for is said once, at the first date; how it was drawn, at every date.
    """
    found: dict[tuple[str, int, str], None] = {}
    for lesion in placed.tracked:
        said: set[str] = set()
        for day in sorted(lesion.sized):
            for remark in (r for piece in lesion.sized[day] for r in piece.candidate.flags):
                kind = remark.partition(":")[0]
                if kind not in said:
                    found[lesion.id, day, remark] = None
                if kind in SAID_ONCE:
                    said.add(kind)
    return tuple(found)


def names_drawn(placed: Placed) -> tuple[tuple[str, str], ...]:
    """The names under which each lesion was drawn, where they are not its own: (lesion, names).

    The names of regions and segments, as the reader knows them; numbers of labels say nothing.
    """
    found = []
    for lesion in placed.tracked:
        drawn = (piece for day in sorted(lesion.sized) for piece in lesion.sized[day])
        names = dict.fromkeys(each.candidate.label.partition(PIECE)[0] for each in drawn)
        labels = [name for name in names if not name.isdigit() and name != lesion.id]
        if labels:
            found.append((lesion.id, ", ".join(labels)))
    return tuple(found)
