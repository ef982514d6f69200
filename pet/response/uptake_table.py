"""``recist assess-pet TABLE``: metabolic response from a table of measured uptake.

The table's columns: :mod:`pet.response.measurements`. Written are ``pet_timepoints.csv``
(``subject, date|day, criteria, value, baseline, change_percent, response, score, reason,
warnings``) and the same as JSON with every reason, number, margin and gate.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from imaging.collector import without_collector
from imaging.errors import InputError
from imaging.tables import cells
from imaging.tables.rows import csv_text
from imaging.writing import SCHEMA_VERSION, written_whole
from pet.response.eortc import eortc
from pet.response.immune import ipercist, pecrit, percimt
from pet.response.lymphoma import LymphomaCourse, deauville, lugano
from pet.response.measurements import DatedScan, PetCourse, number, pet_courses, remarks_on
from pet.response.percist import percist
from pet.response.pet_assessment import PetAssessment, PetReason, change_percent
from pet.response.protocol import PetProtocol
from pet.response.scan import PetScan

COLUMNS = (
    "criteria",
    "value",
    "baseline",
    "change_percent",
    "response",
    "score",
    "reason",
    "warnings",
)


def assess_pet_table(
    table: Path,
    out: Path,
    *,
    criteria: Sequence[str] | None = None,
    settings: PetProtocol | None = None,
    failures: dict[str, InputError] | None = None,
    date_order: str = "iso",
    on_remark: Callable[[str], None] = lambda _: None,
) -> tuple[Path, Path]:
    """Assess every subject of a table and write ``pet_timepoints.csv`` and ``.json`` into ``out``.

    Args:
        criteria: names out of :data:`CRITERIA`; None takes all. Deauville, Lugano and PECRIT
            appear only at dates that hold their facts.
        settings: what the papers leave open; the defaults unless given.
        failures: receives the subjects that could not be assessed, and why; the others are
            complete. Without it the first of them is raised.
        date_order: in which dates are written.
        on_remark: told what may be wrong with a subject although it is assessed.

    Returns:
        The two files; each is written whole or not at all.

    Raises:
        InputError: table or criteria cannot be used; row and column are named.
    """
    chosen = chosen_criteria(criteria)
    protocol = settings or PetProtocol()
    failures_here = {} if failures is None else failures
    known: dict[str, str] = {}
    written = 0
    places = out / "pet_timepoints.csv", out / "pet_timepoints.json"
    courses = pet_courses(table, failures=failures, date_order=date_order)
    first = next(courses, None)  # a table that cannot be read leaves no folder behind
    if first is None:
        raise next(iter(failures_here.values()))
    with (
        without_collector(),
        written_whole(places[0]) as as_csv,
        written_whole(places[1]) as as_json,
    ):
        as_json.write(f'{{"schema_version": {SCHEMA_VERSION}, "assessments": ['.encode())
        between = "\n"
        for course in itertools.chain((first,), courses):
            for remark in remarks_on(course, known):
                on_remark(remark)
            try:
                found = assess_course(course, chosen, protocol)
            except InputError as error:
                if failures is None:
                    raise
                failures[course.subject] = error
                continue
            header = csv_text((), columns := ("subject", course.time, *COLUMNS))
            as_csv.write(b"" if written else header.encode())
            written += 1
            rows = [_flat(course, when, assessment) for when, assessment in found]
            as_csv.write(csv_text(rows, columns)[len(header) :].encode())
            for when, assessment in found:
                record = {"subject": course.subject, course.time: when, **assessment.as_dict()}
                as_json.write(f"{between}{json.dumps(record)}".encode())
                between = ",\n"
        if not written:
            raise next(iter(failures_here.values()))
        as_json.write(b"\n]}\n")
    return places


def _flat(course: PetCourse, when: str, found: PetAssessment) -> dict[str, Any]:
    return {
        "subject": cells.inert(course.subject),
        course.time: when,
        "criteria": found.criteria,
        "value": _short(found.value),
        "baseline": _short(found.baseline),
        "change_percent": _short(found.change_percent),
        "response": found.response.value,
        "score": "" if found.score is None else found.score,
        "reason": found.reasons[0].sentence,
        "warnings": "; ".join(found.warnings),
    }


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}".rstrip("0").rstrip(".")


# --- Criteria by name -----------------------------------------------------------------------

AssessScans = Callable[[Sequence[DatedScan], PetProtocol], Iterable[tuple[str, PetAssessment]]]


def _pairwise(
    one: Callable[[PetScan, PetScan, PetProtocol], PetAssessment],
) -> AssessScans:
    def assess(
        scans: Sequence[DatedScan], protocol: PetProtocol
    ) -> Iterable[tuple[str, PetAssessment]]:
        return [(dated.when, one(scans[0].scan, dated.scan, protocol)) for dated in scans[1:]]

    return assess


def _ipercist(
    scans: Sequence[DatedScan], protocol: PetProtocol
) -> Iterable[tuple[str, PetAssessment]]:
    found = ipercist([dated.scan for dated in scans], protocol.ipercist)
    return zip([dated.when for dated in scans[1:]], found, strict=True)


def _pecrit(
    scans: Sequence[DatedScan], protocol: PetProtocol
) -> Iterable[tuple[str, PetAssessment]]:
    first = scans[0].scan.hottest
    for dated in scans[1:]:
        now = dated.scan.hottest
        change = None
        if first is not None and first.peak and now is not None and now.peak is not None:
            change = change_percent(first.peak, now.peak)
        recist11 = dated.facts.get("recist11", "")
        if recist11:
            settings = protocol.pecrit
            yield dated.when, pecrit(recist11, change, day=dated.scan.day, settings=settings)


def _lugano(
    scans: Sequence[DatedScan], protocol: PetProtocol
) -> Iterable[tuple[str, PetAssessment]]:
    for dated in scans[1:]:
        facts, scan = dated.facts, dated.scan
        blood, liver = (number(facts, name) for name in ("blood_max", "liver_max"))
        if blood is None or liver is None:
            continue
        left = [one for one in scan.lesions if not one.resolved]
        hottest = max((one.suv_max or 0.0 for one in left), default=0.0)
        new = bool(scan.new_since(scans[0].scan))
        score, reason = deauville(
            hottest,
            blood,
            liver,
            above_background=bool(left),
            new_lesion=new,
            settings=protocol.deauville,
        )
        course = _course(facts.get("uptake_vs_baseline", ""), dated.when)
        found = lugano(score, course, new_lesion=new, day=scan.day)
        yield dated.when, _with_score_reason(found, reason)


def _with_score_reason(found: PetAssessment, reason: PetReason) -> PetAssessment:
    return PetAssessment(
        found.criteria, found.day, found.response, (*found.reasons, reason), score=found.score
    )


def _course(text: str, when: str) -> LymphomaCourse:
    try:
        return LymphomaCourse(text or LymphomaCourse.NO_CHANGE)
    except ValueError as error:
        raise InputError(f"uptake_vs_baseline: {error}", where=f"PET of {when}") from error


#: Criteria by the name that the command takes.
CRITERIA: dict[str, AssessScans] = {
    "percist": _pairwise(lambda a, b, settings: percist(a, b, settings.percist)),
    "percist5": _pairwise(lambda a, b, settings: percist(a, b, settings.percist5)),
    "impercist5": _pairwise(lambda a, b, settings: percist(a, b, settings.impercist5)),
    "ipercist": _ipercist,
    "eortc": _pairwise(lambda a, b, settings: eortc(a, b, settings.eortc)),
    "percimt": _pairwise(lambda a, b, settings: percimt(a, b, settings.percimt)),
    "pecrit": _pecrit,
    "lugano": _lugano,
}


def chosen_criteria(criteria: Sequence[str] | None) -> tuple[str, ...]:
    """The names in lower case, all of them for None.

    Raises:
        InputError: a name is not known.
    """
    names = tuple(CRITERIA) if criteria is None else tuple(name.lower() for name in criteria)
    unknown = [name for name in names if name not in CRITERIA]
    if unknown:
        raise InputError(
            f"unknown criteria: {', '.join(unknown)}", remedy=f"known: {', '.join(CRITERIA)}"
        )
    return names


def assess_course(
    course: PetCourse, criteria: Sequence[str], protocol: PetProtocol
) -> list[tuple[str, PetAssessment]]:
    """The date as written and the assessment, for each follow-up and each set of criteria."""
    return [found for name in criteria for found in CRITERIA[name](course.scans, protocol)]
