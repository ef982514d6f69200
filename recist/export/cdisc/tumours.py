"""TU and TR: which lesions there are, and what was measured of each at every visit.

A lesion is named once with ``TUMIDENT``. One that falls into parts has its parts named with
``TUSPLIT`` (``L1.1``, ``L1.2``), lesions that merge the whole with ``TUMERGE`` (``L1/L2``), at the
visit at which it happens, and their measurements carry these names from then on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from recist.course import Course, Lesion, Measurement, Role, Status, Timepoint
from recist.criteria.diameter import too_small
from recist.criteria.thresholds import PATHOLOGICAL_NODE_MM
from recist.export.cdisc.evaluators import Evaluator
from recist.export.cdisc.subjects import Visits, usubjid, visits_by_subject
from recist.export.cdisc.terminology import Terminology
from recist.export.cdisc.trial_dataset import Cell, Dataset, Variable, numbered
from recist.export.cdisc.variables import (
    EXPECTED,
    KEY,
    NOT_DONE,
    NOT_EVALUABLE,
    PERMISSIBLE,
    REQUIRED,
    by_whom,
    evaluation,
    identity,
)
from recist.protocol import Protocol

ROLES = {Role.TARGET: "TARGET", Role.NON_TARGET: "NON-TARGET", Role.NEW: "NEW"}
NODE = "LYMPH NODE"
TOO_SMALL = "TOO SMALL TO MEASURE"
PART, MERGED = ".", "/"

#: What a lesion that was not measured is said to be.
STATES = {
    Status.ABSENT: "ABSENT",
    Status.PRESENT: "PRESENT",
    Status.INCREASED: "INCREASED",
    Status.DECREASED: "DECREASED",
    Status.PROGRESSION: "UNEQUIVOCAL",
    Status.EQUIVOCAL: "EQUIVOCAL",
}
#: The state of a new lesion that is beyond doubt.
NEW_STATE = "UNEQUIVOCAL"
#: Further measurements: attribute, test, unit.
MEASURES = (
    ("volume_ml", "VOLUME", "mL"),
    ("suv_max", "SUVMAX", "g/mL"),
    ("suv_mean", "SUVMEAN", "g/mL"),
    ("suv_peak", "SUVPEAK", "g/mL"),
)


TU_VARIABLES = (
    *identity("TU"),
    Variable("TUGRPID", "Group ID", PERMISSIBLE),
    Variable("TULNKID", "Link ID", EXPECTED),
    Variable("TUTESTCD", "Tumor Identification Short Name", REQUIRED, "TUTESTCD"),
    Variable("TUTEST", "Tumor Identification Test Name", REQUIRED),
    Variable("TUORRES", "Tumor Identification Result", EXPECTED, "tumour_role"),
    Variable("TUSTRESC", "Tumor Identification Result Std. Format", EXPECTED, "tumour_role"),
    Variable("TULOC", "Location of the Tumor", EXPECTED),
    Variable("TUMETHOD", "Method of Identification", PERMISSIBLE),
    *evaluation("TU"),
)

TR_VARIABLES = (
    *identity("TR"),
    Variable("TRGRPID", "Group ID", PERMISSIBLE),
    Variable("TRLNKGRP", "Link Group", PERMISSIBLE),
    Variable("TRLNKID", "Link ID", EXPECTED),
    Variable("TRTESTCD", "Tumor Assessment Short Name", REQUIRED, "TRTESTCD"),
    Variable("TRTEST", "Tumor Assessment Test Name", REQUIRED),
    Variable("TRORRES", "Result or Finding in Original Units", EXPECTED),
    Variable("TRORRESU", "Original Units", EXPECTED),
    Variable("TRSTRESC", "Character Result/Finding in Std Format", EXPECTED),
    Variable("TRSTRESN", "Numeric Result/Finding in Standard Units", EXPECTED, number=True),
    Variable("TRSTRESU", "Standard Units", EXPECTED),
    Variable("TRSTAT", "Completion Status", PERMISSIBLE),
    Variable("TRREASND", "Reason Tumor Measurement Not Performed", PERMISSIBLE),
    Variable("TRMETHOD", "Method used to Identify the Tumor", PERMISSIBLE),
    *evaluation("TR"),
)


SUPP_VARIABLES = (
    Variable("STUDYID", "Study Identifier", REQUIRED),
    Variable("RDOMAIN", "Related Domain Abbreviation", REQUIRED),
    Variable("USUBJID", "Unique Subject Identifier", REQUIRED),
    Variable("IDVAR", "Identifying Variable", EXPECTED),
    Variable("IDVARVAL", "Identifying Variable Value", EXPECTED),
    Variable("QNAM", "Qualifier Variable Name", REQUIRED),
    Variable("QLABEL", "Qualifier Variable Label", REQUIRED),
    Variable("QVAL", "Data Value", REQUIRED),
    Variable("QORIG", "Origin", REQUIRED),
    Variable("QEVAL", "Evaluator", EXPECTED),
)


def identifications(
    courses: Sequence[Course],
    evaluators: Mapping[str, Evaluator],
    words: Terminology,
    *,
    study: str,
) -> Dataset:
    """TU: every lesion of every reader, its splits and merges.

    Args:
        courses: of all subjects and readers.
        evaluators: by reader.
        study: STUDYID.
    """
    rows: list[dict[str, Cell]] = []
    all_visits = visits_by_subject(courses)
    for subject, own in _by_subject(courses).items():
        visits = all_visits[subject]
        for course in own:
            for row in _identified(course, evaluators[course.reader], visits):
                code = str(row["TUTESTCD"])
                rows.append(
                    {
                        "STUDYID": study,
                        "DOMAIN": "TU",
                        "USUBJID": usubjid(study, subject),
                        "TUTEST": words.meaning("TUTESTCD", code),
                        **row,
                    }
                )
    key = (*KEY, "TUEVALID", "TULNKID", "TUTESTCD", "VISITNUM")
    return Dataset("TU", "Tumor/Lesion Identification", TU_VARIABLES, numbered(rows, "TUSEQ"), key)


def qualifiers(tumours: Dataset, courses: Sequence[Course], *, study: str) -> Dataset:
    """SUPPTU: what TU has no variable for - the field of radiotherapy and the DICOM Tracking UID.

    Args:
        tumours: TU of the same courses.
    """
    lesions = {
        (usubjid(study, course.subject), lesion.id): lesion
        for course in courses
        for lesion in course.lesions
    }
    rows: list[dict[str, Cell]] = []
    for row in tumours.rows:
        if row["TUTESTCD"] != "TUMIDENT":
            continue
        subject, link = str(row["USUBJID"]), str(row["TULNKID"])
        lesion = lesions.get((subject, link)) or lesions[subject, link.partition("-")[2]]
        for name, label, value in (
            ("IRRFIELD", "Place in the Irradiated Field", str(lesion.field)),
            ("TRKUID", "DICOM Tracking Unique Identifier", lesion.tracking_uid),
        ):
            if value:
                rows.append(
                    {
                        "STUDYID": study,
                        "RDOMAIN": "TU",
                        "USUBJID": subject,
                        "IDVAR": "TUSEQ",
                        "IDVARVAL": str(row["TUSEQ"]),
                        "QNAM": name,
                        "QLABEL": label,
                        "QVAL": value,
                        "QORIG": "DERIVED",
                        "QEVAL": row["TUEVAL"],
                    }
                )
    key = (*KEY, "IDVAR", "IDVARVAL", "QNAM")
    return Dataset("SUPPTU", "Supplemental Qualifiers for TU", SUPP_VARIABLES, tuple(rows), key)


def results(
    courses: Sequence[Course],
    evaluators: Mapping[str, Evaluator],
    words: Terminology,
    sums: Mapping[tuple[str, str], Mapping[int, Decimal]],
    *,
    study: str,
    protocol: Protocol,
) -> Dataset:
    """TR: every measurement and state of every lesion, and the sums.

    Args:
        sums: (subject, reader) -> day -> the sum of the target diameters where it is whole.
        protocol: what a lesion counts that is too small to measure.
    """
    rows: list[dict[str, Cell]] = []
    all_visits = visits_by_subject(courses)
    for subject, own in _by_subject(courses).items():
        visits = all_visits[subject]
        for course in own:
            who = evaluators[course.reader]
            for timepoint in course.timepoints:
                common: dict[str, Cell] = {
                    "STUDYID": study,
                    "DOMAIN": "TR",
                    "USUBJID": usubjid(study, subject),
                    "TRLNKGRP": f"{who.prefix}A{visits.number[timepoint.day]}",
                    **by_whom(who, "TR"),
                    **visits.cells(course, timepoint.day, "TR"),
                }
                for row in _measured(course, timepoint, who, too_small(protocol)):
                    code = str(row["TRTESTCD"])
                    rows.append(common | {"TRTEST": words.meaning("TRTESTCD", code)} | row)
                total = sums.get((subject, course.reader), {}).get(timepoint.day)
                if total is not None:
                    rows.append(
                        common
                        | {"TRGRPID": "TARGET", "TRTEST": words.meaning("TRTESTCD", "SUMDIAM")}
                        | _number("SUMDIAM", total, "mm")
                    )
    key = (*KEY, "TREVALID", "TRLNKID", "TRTESTCD", "VISITNUM")
    return Dataset("TR", "Tumor/Lesion Results", TR_VARIABLES, numbered(rows, "TRSEQ"), key)


def _by_subject(courses: Sequence[Course]) -> dict[str, list[Course]]:
    found: dict[str, list[Course]] = {}
    for course in courses:
        found.setdefault(course.subject, []).append(course)
    return found


def _identified(course: Course, who: Evaluator, visits: Visits) -> Iterator[dict[str, Cell]]:
    for lesion in course.lesions:
        first = next(
            (t for t in course.timepoints for m in t.measurements if m.lesion_id == lesion.id),
            course.timepoints[0] if course.timepoints else None,
        )
        day = 0 if first is None else first.day
        yield _place(lesion, "TUMIDENT", f"{who.prefix}{lesion.id}", who) | visits.cells(
            course, day, "TU"
        )
    lesions = {lesion.id: lesion for lesion in course.lesions}
    named: set[str] = set()
    for timepoint in course.timepoints:
        for link, parts in _links(timepoint).items():
            split = PART in link and len(parts) == 1
            if link in named or link in lesions:
                continue
            named.add(link)
            code = "TUSPLIT" if split else "TUMERGE"
            row = _place(lesions[parts[0]], code, f"{who.prefix}{link}", who)
            yield row | visits.cells(course, timepoint.day, "TU")


def _place(lesion: Lesion, code: str, link: str, who: Evaluator) -> dict[str, Cell]:
    role = ROLES[lesion.role]
    organ = lesion.organ.upper()
    return {
        "TUGRPID": role,
        "TULNKID": link,
        "TUTESTCD": code,
        "TUORRES": role,
        "TUSTRESC": role,
        # All nodes count as one organ; a node's own station goes after it.
        "TULOC": organ
        if not lesion.is_node or NODE in organ
        else f"{NODE}, {organ}"
        if organ
        else NODE,
        **by_whom(who, "TU"),
    }


def _links(timepoint: Timepoint) -> dict[str, tuple[str, ...]]:
    """Names that measurements of a visit carry besides those of whole lesions."""
    found: dict[str, tuple[str, ...]] = {}
    for each in timepoint.measurements:
        if len(each.parts_mm) > 1:
            for number in range(1, len(each.parts_mm) + 1):
                found[f"{each.lesion_id}{PART}{number}"] = (each.lesion_id,)
    for holder, others in _merged(timepoint).items():
        found[MERGED.join((holder, *others))] = (holder, *others)
    return found


def _merged(timepoint: Timepoint) -> dict[str, list[str]]:
    """Lesion -> those that merged into it."""
    found: dict[str, list[str]] = {}
    for each in timepoint.measurements:
        if each.merged_into is not None:
            found.setdefault(each.merged_into, []).append(each.lesion_id)
    return found


def _measured(
    course: Course, timepoint: Timepoint, who: Evaluator, small_mm: Decimal | None
) -> Iterator[dict[str, Cell]]:
    merged = _merged(timepoint)
    seen = {each.lesion_id: each for each in timepoint.measurements}
    for lesion in course.lesions:
        one = seen.get(lesion.id)
        if one is None and lesion.role is Role.TARGET:
            one = Measurement(lesion.id, Status.NOT_EVALUABLE)
        if one is None or one.status is Status.MERGED:
            continue
        name = MERGED.join((lesion.id, *merged.get(lesion.id, ())))
        parts = one.parts_mm or (None,)
        for number, part in enumerate(parts, start=1):
            link = name if len(parts) == 1 else f"{name}{PART}{number}"
            of_lesion: dict[str, Cell] = {
                "TRGRPID": ROLES[lesion.role],
                "TRLNKID": f"{who.prefix}{link}",
            }
            for row in _rows(lesion, one, part, small_mm, whole=number == 1):
                yield of_lesion | row


def _rows(
    lesion: Lesion,
    one: Measurement,
    part: Decimal | None,
    small_mm: Decimal | None,
    *,
    whole: bool,
) -> Iterator[dict[str, Cell]]:
    """The tests of a lesion or of one of its parts.

    Args:
        small_mm: what a lesion counts that is too small to measure, where it counts anything.
        whole: also those that are of the lesion and not of a part.
    """
    axis = "LPERP" if lesion.is_node else "LDIAM"
    is_target = lesion.role is Role.TARGET
    if one.status is Status.NOT_EVALUABLE:
        yield {
            "TRTESTCD": axis if is_target else "TUMSTATE",
            "TRSTAT": NOT_DONE,
            "TRREASND": NOT_EVALUABLE,
        }
        return
    if one.status is Status.TOO_SMALL:
        small: dict[str, Cell] = {"TRTESTCD": axis}
        if small_mm is not None:
            small = _number(axis, small_mm, "mm")
        yield small | {"TRORRES": TOO_SMALL, "TRORRESU": ""}
    if part is not None:
        yield _number(axis, part, "mm")
    if one.status is Status.ABSENT and is_target:
        yield _number(axis, Decimal(0), "mm")
    state = STATES.get(one.status)
    if lesion.role is Role.NEW and one.status in (Status.PRESENT, Status.MEASURED):
        state = NEW_STATE
    elif one.status is Status.MEASURED and not is_target:
        state = "PRESENT"
    if state is not None and whole:
        yield {"TRTESTCD": "TUMSTATE", "TRORRES": state, "TRSTRESC": state}
    if lesion.is_node and part is not None and is_target:
        grown = part >= PATHOLOGICAL_NODE_MM
        word = "PATHOLOGICAL" if grown else "NON-PATHOLOGICAL"
        yield {"TRTESTCD": "LNSTATE", "TRORRES": word, "TRSTRESC": word}
    if whole:
        for attribute, code, unit in MEASURES:
            value = getattr(one, attribute)
            if value is not None:
                yield _number(code, Decimal(repr(value)), unit)


def _number(code: str, value: Decimal, unit: str) -> dict[str, Cell]:
    text = format(value, "f")
    return {
        "TRTESTCD": code,
        "TRORRES": text,
        "TRORRESU": unit,
        "TRSTRESC": text,
        "TRSTRESN": value,
        "TRSTRESU": unit,
    }
