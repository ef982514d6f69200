"""A reading as the pages show it: lesions at every date, the answer with its reasons, the history.

No page computes a number: all that it shows stands here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from recist.course import Course, Lesion, Measurement, Status
from recist.patient.result import ReviewState
from recist.report.palette import SCOPE_NAMES, tone
from recist.response import Assessment, Outcome, Scope
from recist.review.database.tables import EntryKind, ReadingState
from recist.review.reading.assessed import AssessedReading, date_on, to_look_at
from recist.review.reading.entries import (
    Said,
    caliper_of,
    in_force,
    switched_on,
)
from recist.review.reading.packed_outlines import points
from recist.review.reading.readings import OpenReading
from recist.review.room import Room
from recist.table.results import length, when

#: The criteria as they are written.
CRITERIA_NAMES = {
    "recist11": "RECIST 1.1",
    "irecist": "iRECIST",
    "irrecist": "irRECIST",
    "imrecist": "imRECIST",
}


def shown(
    room: Room, reading: OpenReading, answer: AssessedReading, images: Mapping[str, Any]
) -> dict[str, Any]:
    """A patient's page.

    Args:
        images: date -> the grids of its images.
    """
    course = reading.whole_course
    confirmed = reading.confirmed
    signature = next((each for each in reversed(reading.signatures) if not each.date), None)
    is_signed = reading.row.state != ReadingState.OPEN
    labels = _labels(course)
    return {
        "subject": reading.subject,
        "version": reading.row.revision,
        "reading": reading.row.version,
        "state": "signed" if is_signed else "reading" if reading.entries else "proposed",
        "signed": None
        if signature is None or not is_signed
        else {
            "name": signature.signed_name,
            "meaning": signature.meaning,
            "time": signature.signed_at,
            "sha256": signature.content_sha256,
        },
        "can_undo": not is_signed
        and any(not each.content.get("of_results") for each in in_force(reading.entries)),
        "one_by_one": room.one_by_one,
        "dates_to_come": reading.has_more_dates,
        "dates": [
            {
                "date": date,
                "label": labels.get(date, ""),
                "confirmed": date in confirmed or date in reading.signed_dates,
                "signed": date in reading.signed_dates,
                "images": images.get(date, {"ct": None, "pet": None}),
            }
            for date in reading.dates
        ],
        "lesions": list(_lesions(reading, course)),
        "assessment": _assessment(answer),
        "look": [
            {"date": each.date, "lesion": each.lesion, "what": each.what, "weight": each.weight}
            for each in to_look_at(answer.course, room.protocol)
        ],
        "warnings": [
            *_remarks(room, reading),
            *dict.fromkeys(text for each in answer.timepoints for text in each.warnings),
        ],
        "comments": [
            {
                "time": each.made_at,
                "who": reading.reader,
                "text": each.content["text"],
                "date": each.content.get("date") or "",
                "lesion": each.content.get("lesion") or "",
            }
            for each in in_force(reading.entries)
            if each.kind is EntryKind.COMMENT
        ],
        "history": [
            {
                "time": each.made_at,
                "who": reading.reader,
                "what": in_words(each),
                "reason": each.content.get("reason") or "",
            }
            for each in reading.entries
        ],
        "changed": [],
    }


def _remarks(room: Room, reading: OpenReading) -> list[str]:
    """What the run told of the patient, and what became of the reading itself."""
    if reading.concluded is None:
        return [*_as_a_table(room, reading.subject), *reading.proposals.remarks]
    found = reading.concluded()
    trouble = found.trouble
    said = [] if trouble is None else [f"what was said does not fit the results: {trouble.what}"]
    return [*said, *found.result.warnings]


def _as_a_table(room: Room, subject: str) -> list[str]:
    """That a reading is a table alone, though the run measured the patient."""
    if not room.shows_proposals or subject not in room.folders:
        return []
    why = room.works.why_none(subject)
    return [
        f"the work of the run cannot be used ({why}): what is said goes into its table of "
        "measurements, targets are not chosen anew, and a signature leaves its results as they are"
    ]


def _labels(course: Course) -> dict[str, str]:
    found = {}
    for number, timepoint in enumerate(course.timepoints):
        date = course.date_of(timepoint.day)
        plain = "baseline" if number == 0 else f"follow-up {number}"
        if date is not None:
            found[date.isoformat()] = timepoint.label or plain
    return found


def _why(reading: OpenReading, lesion: str) -> list[str]:
    """Why a lesion has its role: in the words of the reader, and of the rules."""
    said = [
        str(each.content["reason"])
        for each in in_force(reading.entries)
        if each.content.get("lesion") == lesion and each.content.get("reason")
    ]
    if reading.concluded is None:
        return said
    start = f"{lesion}: "
    rules = reading.concluded().result.settings.get("roles", [])
    assert isinstance(rules, list)  # as conclude puts them there
    return [
        *said,
        *(str(each).removeprefix(start) for each in rules if str(each).startswith(start)),
    ]


def _lesions(reading: OpenReading, course: Course) -> Iterable[dict[str, Any]]:
    rejected = reading.rejected
    confirmed = switched_on(reading.entries, "confirmed")
    drawn = _sources(reading)
    own = {
        each.content["lesion"] for each in in_force(reading.entries) if each.kind is EntryKind.NEW
    }
    for lesion in course.lesions:
        state = "confirmed" if lesion.id in confirmed else "proposed"
        if state == "proposed" and lesion.id in own:
            state = "drawn"  # by this reader: nobody proposed it
        yield {
            "id": lesion.id,
            "organ": lesion.organ,
            "is_node": lesion.is_node,
            "role": lesion.role.value,
            "field": lesion.field.value,
            "state": "rejected" if lesion.id in rejected else state,
            "reasons": _why(reading, lesion.id),
            "seen": dict(_seen(reading, course, lesion, drawn)),
        }


def _sources(reading: OpenReading) -> dict[tuple[str, str], str]:
    """Who stands for a lesion at a date, where that is not the machine alone."""
    if reading.concluded is not None:
        course = reading.course
        return {
            (date_on(course, each.day), each.lesion_id): _STANDING[each.state].format(
                each.reader or reading.reader
            )
            for each in reading.concluded().result.reviews
            if each.state is not ReviewState.PROPOSED
        }
    kinds = (EntryKind.NEW, EntryKind.CALIPER, EntryKind.OUTLINE, EntryKind.STATUS)
    return {
        (str(each.content["date"]), str(each.content["lesion"])): each.content.get("how")
        or reading.reader
        for each in in_force(reading.entries)
        if each.kind in kinds
    }


#: Who stands for a measurement, by how far it was reviewed.
_STANDING = {
    ReviewState.DRAWN: "a person, with the images",
    ReviewState.CHECKED: "machine, checked by {}",
    ReviewState.CORRECTED: "{}",
}


def _seen(
    reading: OpenReading, course: Course, lesion: Lesion, drawn: Mapping[tuple[str, str], str]
) -> Iterable[tuple[str, dict[str, Any]]]:
    first = None
    masks = reading.proposals.masks if reading.concluded is None else reading.concluded().masks
    for timepoint in course.timepoints:
        found = next((m for m in timepoint.measurements if m.lesion_id == lesion.id), None)
        date = course.date_of(timepoint.day)
        if found is None or date is None:
            continue
        size = found.diameter_mm
        first = size if first is None else first
        change = ""
        if size is not None and first and size != first:
            change = f"{100 * (size - first) / first:+.0f} %"
        source = drawn.get((date.isoformat(), lesion.id), "machine")
        mask = masks.get((date.isoformat(), lesion.id))
        centre = None if mask is None or not mask.voxels else mask.centre_mm.tolist()
        found = _with_line(reading, date.isoformat(), found)
        yield date.isoformat(), {**_measured(lesion, found), "change": change, "source": source,
            "centre_mm": centre}  # fmt: skip


def _with_line(reading: OpenReading, date: str, found: Measurement) -> Measurement:
    """With the line that was drawn, where it alone is no size: the long axis of a node."""
    if found.status is not Status.NOT_EVALUABLE or found.caliper is not None:
        return found
    place = (date, found.lesion_id)
    drawn = [
        each
        for each in in_force(reading.entries)
        if (each.content.get("date"), each.content.get("lesion")) == place
        and each.kind in (EntryKind.CALIPER, EntryKind.STATUS, EntryKind.OUTLINE)
    ]
    if not drawn or drawn[-1].kind is not EntryKind.CALIPER:
        return found
    return replace(found, caliper=caliper_of(drawn[-1].content))


def _measured(lesion: Lesion, found: Measurement) -> dict[str, Any]:
    caliper = found.caliper
    has_short = caliper is not None and caliper.short_axis_mm > 0
    remarks = []
    if found.status is Status.NOT_EVALUABLE and caliper is not None and lesion.is_node:
        remarks.append("A node is measured by its short axis: draw it.")
    return {
        "status": found.status.value,
        "diameter_mm": length(found.diameter_mm),
        "merged_into": found.merged_into,
        "volume_ml": found.volume_ml,
        "suv_max": found.suv_max,
        "long_mm": "" if caliper is None else length(caliper.long_axis_mm),
        "short_mm": length(caliper.short_axis_mm) if caliper is not None and has_short else "",
        "caliper": None
        if caliper is None
        else {
            "long": points(caliper.long_axis),
            "short": points(caliper.short_axis) if has_short else None,
        },
        "remarks": remarks,
    }


def _assessment(answer: AssessedReading) -> dict[str, Any]:
    parts: dict[tuple[str, Scope], list[Assessment]] = {}
    for each in answer.timepoints:
        parts.setdefault((each.criteria, each.scope), []).append(each)
    best = {(each.criteria, each.scope): each for each in answer.outcomes}
    criteria = []
    for (name, scope), seen in parts.items():
        outcome = best.get((name, scope))
        criteria.append(
            {
                "criteria": CRITERIA_NAMES.get(name, name),
                "name": name,
                "scope": SCOPE_NAMES[scope],
                "best": "" if outcome is None else best_of(outcome),
                "progression": ""
                if outcome is None
                else when(answer.course, outcome.progression_day),
                "dates": [_at(answer.course, each) for each in seen],
            }
        )
    return {"criteria": criteria, "margin": _margin(answer)}


def best_of(outcome: Outcome) -> str:
    """The best response, and the confirmed one where that is another."""
    best, confirmed = outcome.best_overall, outcome.confirmed_best_overall
    return str(best) if confirmed is best else f"{best}, confirmed {confirmed}"


def _at(course: Course, each: Assessment) -> dict[str, Any]:
    date = course.date_of(each.day)
    return {
        "date": str(each.day) if date is None else date.isoformat(),
        "response": str(each.overall),
        "tone": tone(each.overall),
        "sum_mm": length(each.sum_mm),
        "baseline_mm": length(each.baseline_mm),
        "nadir_mm": length(each.nadir_mm),
        "target": str(each.target),
        "non_target": str(each.non_target),
        "new_lesion": each.new_lesion,
        "reasons": [
            {"rule": reason.source, "text": reason.sentence, "margin": length(reason.margin_mm)}
            for reason in each.reasons
        ],
    }


def _margin(answer: AssessedReading) -> str:
    """How far the newest answer is from another one."""
    first = next((each for each in reversed(answer.timepoints) if each.scope is Scope.ALL), None)
    margins = [r.margin_mm for r in first.reasons if r.margin_mm is not None] if first else []
    if not margins:
        return ""
    return f"{length(min(margins, key=abs))} mm of the sum from another category."


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, str]]:
    """What differs between two states of a page: sizes, roles, sums, responses."""
    old, new = dict(_facts(before)), dict(_facts(after))
    return [
        {"what": what, "before": old.get(what, "–"), "after": new.get(what, "–")}
        for what in dict.fromkeys((*old, *new))
        if old.get(what, "–") != new.get(what, "–")
    ]


def _facts(page: dict[str, Any]) -> Iterable[tuple[str, str]]:
    for lesion in page["lesions"]:
        name = lesion["id"]
        yield name, "not a lesion" if lesion["state"] == "rejected" else lesion["role"]
        for date, seen in lesion["seen"].items():
            size = seen["diameter_mm"]
            yield f"{name} {date}", f"{size} mm" if size else seen["status"]
    for part in page["assessment"]["criteria"]:
        for at in part["dates"]:
            where = f"{part['criteria']}, {part['scope'].lower()}, {at['date']}"
            yield where, at["response"]
            if at["sum_mm"]:
                yield f"Sum, {where}", f"{at['sum_mm']} mm"


_WORDS = {
    EntryKind.IMPORT: "corrections taken over",
    EntryKind.NEW: "{lesion} added on {date}",
    EntryKind.CALIPER: "caliper of {lesion} on {date}",
    EntryKind.OUTLINE: "outline of {lesion} on {date}",
    EntryKind.STATUS: "{lesion} on {date}: {status}",
    EntryKind.LINK: "{lesion} on {date} is {to}",
    EntryKind.COMMENT: "comment",
    EntryKind.UNDO: "entry {number} taken back",
}


def in_words(said: Said) -> str:
    """An entry as a line of the history."""
    content = said.content
    if said.kind is EntryKind.CONFIRM:
        return f"{content['date']} {'confirmed' if content.get('value', True) else 'open again'}"
    if said.kind is EntryKind.LESION:
        told = ", ".join(
            f"{name.replace('_', ' ')} {_word(value)}"
            for name, value in content.items()
            if name not in ("lesion", "reason") and value is not None
        )
        return f"{content['lesion']}: {told}"
    return _WORDS[said.kind].format_map(dict(content))


def _word(value: object) -> str:
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)
