"""How each rule is put into words: one form per rule, with its paper, numbers and margin.

The margin is the distance of the sum from the nearest category it could change to. Percentages are
cut off, never rounded up to a threshold that was not reached.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from recist.criteria.diameter import in_mm, partial_response_mm, percent, progression_mm
from recist.criteria.new_lesion import COUNTS, NewLesion, Sight
from recist.criteria.tables import IMMUNE, Evidence, Row
from recist.response import Form, Response

Words = tuple[str, tuple[tuple[str, str], ...], Decimal | None]
Sizes = tuple[tuple[str, Decimal], ...]
Causes = tuple[tuple[str, str, Decimal | None, Decimal | None], ...]

TARGET_RULE = "Eisenhauer 2009, section 4.3.1"
NON_TARGET_RULE = "Eisenhauer 2009, section 4.3.2"
NEW_LESION_RULE = "Eisenhauer 2009, section 4.3.5"
MISSING_RULE = "Eisenhauer 2009, section 4.4.2"
REAPPEARANCE_RULE = "EORTC RECIST FAQ, does a new lesion always result in PD"
STICKY_RULE = "EORTC RECIST FAQ, managing PR"
IRECIST_TABLE = "Seymour 2017, Table 2"


def _numbers(
    total: Decimal, baseline: Decimal | None, nadir: Decimal | None, sizes: Sizes
) -> tuple[tuple[str, str], ...]:
    named = (("sum_mm", total), ("baseline_mm", baseline), ("nadir_mm", nadir))
    sums = tuple((name, in_mm(value)) for name, value in named if value is not None)
    changes: tuple[tuple[str, str], ...] = ()
    if baseline is not None:
        changes += (("change_from_baseline", percent(total, baseline)),)
    if nadir is not None:
        changes += (("change_from_nadir", percent(total, nadir)),)
    return (*sums, *changes, *((lesion, f"{in_mm(size)} mm") for lesion, size in sizes))


def _nearest(*margins: tuple[Decimal, str]) -> tuple[Decimal, str]:
    margin, category = min(margins)
    return margin, f"{in_mm(margin)} mm from {category}"


def _cr(
    total: Decimal, baseline: Decimal | None, nadir: Decimal | None, sizes: Sizes, _: Decimal
) -> Words:
    what = "all targets are gone"
    if total:
        what = f"no target is left but normal nodes (below 10 mm), sum {in_mm(total)} mm"
    return f"CR: {what}.", _numbers(total, baseline, nadir, sizes), None


def _shrinkage(category: str, remark: str = "") -> Callable[..., Words]:
    def write(total: Decimal, baseline: Decimal, nadir: Decimal, sizes: Sizes, _: Decimal) -> Words:
        to_pd = (progression_mm(nadir) - total, "PD")
        bar = partial_response_mm(baseline)
        other = (bar - total, "SD") if category == "PR" else (total - bar, "PR")
        margin, distance = _nearest(other, to_pd) if not remark else _nearest(to_pd)
        sentence = (
            f"{category}: {in_mm(total)} of {in_mm(baseline)} mm, {percent(total, baseline)}"
            f"{remark}; {distance}."
        )
        return sentence, _numbers(total, baseline, nadir, sizes), margin

    return write


def _pd(remark: str = "") -> Callable[..., Words]:
    def write(
        total: Decimal, baseline: Decimal | None, nadir: Decimal, sizes: Sizes, _: Decimal
    ) -> Words:
        margin = total - progression_mm(nadir)
        sentence = (
            f"PD: {in_mm(total)} mm{remark}, {percent(total, nadir)} and {in_mm(total - nadir)} mm "
            f"more than the nadir of {in_mm(nadir)} mm; {in_mm(margin)} mm above the threshold."
        )
        return sentence, _numbers(total, baseline, nadir, sizes), margin

    return write


def _ne(
    total: Decimal, baseline: Decimal | None, nadir: Decimal | None, sizes: Sizes, _: Decimal
) -> Words:
    seen = f"; {in_mm(total)} mm in those that were" if sizes else ""
    sentence = f"NE: not all targets were evaluable{seen}."
    return sentence, _numbers(total, baseline, nadir, sizes), None


def _without_baseline(
    total: Decimal, baseline: Decimal | None, nadir: Decimal | None, sizes: Sizes, _: Decimal
) -> Words:
    sentence = f"NE: {in_mm(total)} mm, and no complete sum at baseline to compare with."
    return sentence, _numbers(total, baseline, nadir, sizes), None


TARGET_CR = Form("target-cr", TARGET_RULE, _cr)
TARGET_PR = Form("target-pr", TARGET_RULE, _shrinkage("PR"))
TARGET_PR_HELD = Form(
    "target-pr-held", STICKY_RULE, _shrinkage("PR", " (SD by this scan alone), PR before")
)
TARGET_SD = Form("target-sd", TARGET_RULE, _shrinkage("SD"))
TARGET_PD = Form("target-pd", TARGET_RULE, _pd())
TARGET_PD_LOWER_BOUND = Form(
    "target-pd-lower-bound", MISSING_RULE, _pd(" in the targets that were evaluable")
)
TARGET_NE = Form("target-ne", MISSING_RULE, _ne)
TARGET_WITHOUT_BASELINE = Form("target-no-baseline", TARGET_RULE, _without_baseline)


def _plain(text: str) -> Callable[..., Words]:
    def write() -> Words:
        return text, (), None

    return write


NON_TARGET = {
    response: Form(f"non-target-{code}", NON_TARGET_RULE, _plain(text))
    for response, code, text in (
        (Response.CR, "cr", "Non-targets CR: all are gone, nodes are normal, markers not raised."),
        (
            Response.NON_CR_NON_PD,
            "non-cr-non-pd",
            "Non-targets NON-CR/NON-PD: something persists, or a marker is still raised.",
        ),
        (Response.PD, "pd", "Non-targets PD: unequivocal progression of non-target disease."),
        (Response.NE, "ne", "Non-targets NE: not all were examined."),
    )
}


def _described(lesion: NewLesion) -> str:
    size = "" if lesion.diameter_mm is None else f" {in_mm(lesion.diameter_mm)} mm"
    remark = "" if lesion.sight is Sight.SEEN else f" ({lesion.sight})"
    return f"{lesion.lesion.id} ({lesion.lesion.organ or 'site unknown'}){size}{remark}"


def _new(lesions: tuple[NewLesion, ...]) -> Words:
    counted = [lesion for lesion in lesions if lesion.sight in COUNTS]
    sentence = f"New lesion: {', '.join(map(_described, counted))}."
    sizes = tuple(
        (lesion.lesion.id, f"{in_mm(lesion.diameter_mm)} mm")
        for lesion in counted
        if lesion.diameter_mm is not None
    )
    return sentence, sizes, None


def _reappeared(lesions: tuple[str, ...], day: int) -> Words:
    sentence = f"PD: {', '.join(lesions)} back after the complete response of day {day}."
    return sentence, (("cr_on_day", str(day)),), None


def _row(row: Row, target: Response, non_target: Response, new: bool) -> Words:
    parts = (
        "" if target is Response.NA else f"targets {target}",
        "" if non_target is Response.NA else f"non-targets {non_target}",
        "a new lesion" if new else "no new lesion",
    )
    return f"{row.overall}: {', '.join(part for part in parts if part)}.", (), None


NEW_LESION = Form("new-lesion", NEW_LESION_RULE, _new)
REAPPEARED = Form("reappeared", REAPPEARANCE_RULE, _reappeared)
ROW_FORMS = {
    source: Form("overall", source, _row)
    for source in ("Eisenhauer 2009, Table 1", "Eisenhauer 2009, Table 2")
} | {"CDISC supplement for RECIST 1.1": Form("overall-no-disease", "CDISC supplement", _row)}


# --- iRECIST ----------------------------------------------------------------------------------


def _cause(cause: tuple[str, str, Decimal | None, Decimal | None]) -> str:
    category, what, growth, reference = cause
    if growth is None or reference is None:
        return f"{category} ({what})"
    return f"{category} ({what}: {in_mm(reference)} mm then, +{in_mm(growth)} mm)"


def _named(causes: Causes) -> tuple[str, tuple[tuple[str, str], ...]]:
    numbers = tuple(
        (f"{cause[0]}_growth_mm", in_mm(cause[2])) for cause in causes if cause[2] is not None
    )
    return " and ".join(map(_cause, causes)), numbers


def _unconfirmed(causes: Causes) -> Words:
    named, numbers = _named(causes)
    return f"iUPD: progression of {named}, to be confirmed.", numbers, None


def _after(text: str) -> Callable[..., Words]:
    def write(causes: Causes, first_day: int, day: int) -> Words:
        named, numbers = _named(causes)
        days = (("first_iupd_day", str(first_day)), ("days_since", str(day - first_day)))
        sentence = text.format(named=named, first_day=first_day, days=day - first_day)
        return sentence, (*days, *numbers), None

    return write


def _reset(overall: Response, first_day: int) -> Words:
    sentence = (
        f"{overall}: the iUPD of day {first_day} is not confirmed and the bar is reset; the next "
        "needs progression of its own from the same nadir."
    )
    return sentence, (("first_iupd_day", str(first_day)),), None


def _after_icpd(first_day: int) -> Words:
    sentence = f"After iCPD: the progression of day {first_day} is confirmed, no end point changes."
    return sentence, (("first_iupd_day", str(first_day)),), None


def _immune_row(overall: Response, target: Response, non_target: Response, new: bool) -> Words:
    parts = (
        "" if target is Response.NA else f"targets {IMMUNE[target]}",
        "" if non_target is Response.NA else f"non-targets {IMMUNE[non_target]}",
        "a new lesion left from before" if new else "no new lesion",
    )
    return f"{overall}: {', '.join(part for part in parts if part)}.", (), None


UNCONFIRMED = Form("irecist-iupd", IRECIST_TABLE, _unconfirmed)
RESET = Form("irecist-reset", "Seymour 2017, resetting the bar", _reset)
AFTER_ICPD = Form("irecist-after-icpd", IRECIST_TABLE, _after_icpd)
IMMUNE_ROW = Form("irecist-overall", IRECIST_TABLE, _immune_row)
AFTER_IUPD = {
    evidence: Form(rule, source, _after(text))
    for evidence, rule, source, text in (
        (
            Evidence.CONFIRMS,
            "irecist-icpd",
            IRECIST_TABLE,
            "iCPD: {named}, {days} days after the iUPD of day {first_day}.",
        ),
        (
            Evidence.STANDS,
            "irecist-unchanged",
            IRECIST_TABLE,
            "iUPD: as on day {first_day}, not enough to confirm it.",
        ),
        (
            Evidence.TOO_LATE,
            "irecist-late",
            "Seymour 2017, confirmation at 4 to 8 weeks",
            "iUPD: {named}, {days} days after the iUPD of day {first_day}, too late to confirm it.",
        ),
        (
            Evidence.TOO_EARLY,
            "irecist-early",
            "EORTC RECIST FAQ, imaging less than four weeks after iUPD",
            "Disregarded: {days} days after the iUPD of day {first_day}; scan again at 4 to 8 "
            "weeks.",
        ),
        (
            Evidence.NOT_EVALUABLE,
            "irecist-waiting",
            IRECIST_TABLE,
            "NE: nothing confirms or resolves the iUPD of day {first_day}.",
        ),
    )
}
