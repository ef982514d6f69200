"""How each rule is put into words: one form per rule, with its paper, numbers and margin.

The margin is the distance of the sum from the nearest category it could change to. Percentages are
cut off, never rounded up to a threshold that was not reached.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from recist.criteria.diameter import (
    NORMAL_NODE_MM,
    in_mm,
    partial_response_mm,
    percent,
    progression_mm,
)
from recist.criteria.new_lesion import COUNTS, NewLesion, Sight
from recist.criteria.tables import IMMUNE, NO_DISEASE, TABLE_1, TABLE_2, Evidence, Row
from recist.response import Form, Numbers, Response

Sizes = tuple[tuple[str, Decimal], ...]
Causes = tuple[tuple[str, str, Decimal | None, Decimal | None], ...]

TARGET_RULE = "Eisenhauer 2009, section 4.3.1"
NON_TARGET_RULE = "Eisenhauer 2009, section 4.3.2"
NEW_LESION_RULE = "Eisenhauer 2009, section 4.3.5"
MISSING_RULE = "Eisenhauer 2009, section 4.4.2"
REAPPEARANCE_RULE = "EORTC RECIST FAQ, does a new lesion always result in PD"
STICKY_RULE = "EORTC RECIST FAQ, managing PR"
IRECIST_TABLE = "Seymour 2017, Table 2"


# The facts of a target response: sum, baseline, nadir, size of each target.


def _numbers(
    total: Decimal, baseline: Decimal | None, nadir: Decimal | None, sizes: Sizes
) -> Numbers:
    named = (("sum_mm", total), ("baseline_mm", baseline), ("nadir_mm", nadir))
    sums = tuple((name, in_mm(value)) for name, value in named if value is not None)
    changes: Numbers = ()
    if baseline is not None:
        changes += (("change_from_baseline", percent(total, baseline)),)
    if nadir is not None:
        changes += (("change_from_nadir", percent(total, nadir)),)
    return (*sums, *changes, *((lesion, f"{in_mm(size)} mm") for lesion, size in sizes))


def _cr(total: Decimal, _: Decimal | None, __: Decimal | None, sizes: Sizes) -> str:
    if not total:
        return "CR: all targets are gone."
    largest = max(size for _, size in sizes)
    return (
        f"CR: only normal nodes are left, sum {in_mm(total)} mm, the largest {in_mm(largest)} mm; "
        f"{in_mm(NORMAL_NODE_MM - largest)} mm from a node that counts."
    )


def _cr_margin(
    total: Decimal, _: Decimal | None, __: Decimal | None, sizes: Sizes
) -> Decimal | None:
    return NORMAL_NODE_MM - max(size for _, size in sizes) if total else None


def _neighbours(
    category: str, total: Decimal, baseline: Decimal, nadir: Decimal
) -> tuple[Decimal, str]:
    """The margin to the nearest other category, and which one that is."""
    to_pd = progression_mm(nadir) - total
    bar = partial_response_mm(baseline)
    if category == "PR":
        other, name = bar - total, "SD"
    elif category == "SD":
        other, name = total - bar, "PR"
    else:
        return to_pd, "PD"
    return (other, name) if other < to_pd else (to_pd, "PD")


def _shrinkage(category: str, remark: str = "") -> Callable[..., str]:
    def sentence(total: Decimal, baseline: Decimal, nadir: Decimal, _: Sizes) -> str:
        margin, other = _neighbours(category, total, baseline, nadir)
        return (
            f"{category[:2]}: {in_mm(total)} of {in_mm(baseline)} mm, {percent(total, baseline)}"
            f"{remark}; {in_mm(margin)} mm from {other}."
        )

    return sentence


def _shrinkage_margin(category: str) -> Callable[..., Decimal]:
    def margin(total: Decimal, baseline: Decimal, nadir: Decimal, _: Sizes) -> Decimal:
        return _neighbours(category, total, baseline, nadir)[0]

    return margin


def _growth(remark: str = "") -> Callable[..., str]:
    def sentence(total: Decimal, _: Decimal | None, nadir: Decimal, __: Sizes) -> str:
        return (
            f"PD: {in_mm(total)} mm{remark}, {percent(total, nadir)} and {in_mm(total - nadir)} mm "
            f"more than the nadir of {in_mm(nadir)} mm; "
            f"{in_mm(total - progression_mm(nadir))} mm above the threshold."
        )

    return sentence


def _growth_margin(total: Decimal, _: Decimal | None, nadir: Decimal, __: Sizes) -> Decimal:
    return total - progression_mm(nadir)


def _ne(total: Decimal, _: Decimal | None, __: Decimal | None, sizes: Sizes) -> str:
    seen = f"; {in_mm(total)} mm in those that were" if sizes else ""
    return f"NE: not all targets were evaluable{seen}."


def _without_baseline(total: Decimal, *_: object) -> str:
    return f"NE: {in_mm(total)} mm, and no complete sum at baseline to compare with."


TARGET_CR = Form("target-cr", TARGET_RULE, _cr, _numbers, _cr_margin)
TARGET_PR = Form("target-pr", TARGET_RULE, _shrinkage("PR"), _numbers, _shrinkage_margin("PR"))
TARGET_PR_HELD = Form(
    "target-pr-held",
    STICKY_RULE,
    _shrinkage("PR held", " (SD by this scan alone), PR before"),
    _numbers,
    _shrinkage_margin("PR held"),
)
TARGET_SD = Form("target-sd", TARGET_RULE, _shrinkage("SD"), _numbers, _shrinkage_margin("SD"))
TARGET_PD = Form("target-pd", TARGET_RULE, _growth(), _numbers, _growth_margin)
TARGET_PD_LOWER_BOUND = Form(
    "target-pd-lower-bound",
    MISSING_RULE,
    _growth(" in the targets that were evaluable"),
    _numbers,
    _growth_margin,
)
TARGET_NE = Form("target-ne", MISSING_RULE, _ne, _numbers)
TARGET_WITHOUT_BASELINE = Form("target-no-baseline", TARGET_RULE, _without_baseline, _numbers)


def burden_forms(source: str) -> dict[Response, Form]:
    """The forms of criteria that add measured new lesions to the sum of the targets."""
    shrinkage = {
        response: Form(
            f"burden-{code.lower()}", source, _shrinkage(code), _numbers, _shrinkage_margin(code)
        )
        for response, code in ((Response.PR, "PR"), (Response.SD, "SD"))
    }
    return shrinkage | {
        Response.CR: Form("burden-cr", source, _plain("CR: all lesions are gone, no new ones.")),
        Response.PD: Form("burden-pd", source, _growth(), _numbers, _growth_margin),
        Response.NE: Form("burden-ne", source, _ne, _numbers),
        Response.NON_CR_NON_PD: Form(
            "burden-non-cr-non-pd", source, _plain("NON-CR/NON-PD: disease without a sum persists.")
        ),
        Response.NED: Form("burden-no-disease", source, _plain("NED: no disease.")),
    }


def _plain(text: str) -> Callable[..., str]:
    return lambda: text


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


def _new(lesions: tuple[NewLesion, ...]) -> str:
    counted = (lesion for lesion in lesions if lesion.sight in COUNTS)
    return f"New lesion: {', '.join(map(_described, counted))}."


def _new_sizes(lesions: tuple[NewLesion, ...]) -> Numbers:
    return tuple(
        (lesion.lesion.id, f"{in_mm(lesion.diameter_mm)} mm")
        for lesion in lesions
        if lesion.sight in COUNTS and lesion.diameter_mm is not None
    )


def _reappeared(lesions: tuple[str, ...], day: int) -> str:
    return f"PD: {', '.join(lesions)} back after the complete response of day {day}."


def _cr_day(_: tuple[str, ...], day: int) -> Numbers:
    return (("cr_on_day", str(day)),)


def _row(row: Row, target: Response, non_target: Response, new: bool) -> str:
    parts = (
        "" if target is Response.NA else f"targets {target}",
        "" if non_target is Response.NA else f"non-targets {non_target}",
        "a new lesion" if new else "no new lesion",
    )
    return f"{row.overall}: {', '.join(part for part in parts if part)}."


NEW_LESION = Form("new-lesion", NEW_LESION_RULE, _new, _new_sizes)
REAPPEARED = Form("reappeared", REAPPEARANCE_RULE, _reappeared, _cr_day)
ROW_FORMS = {
    TABLE_1: Form("overall", TABLE_1, _row),
    TABLE_2: Form("overall", TABLE_2, _row),
    NO_DISEASE: Form("overall-no-disease", NO_DISEASE, _row),
}


# --- iRECIST ----------------------------------------------------------------------------------


def _cause(cause: tuple[str, str, Decimal | None, Decimal | None]) -> str:
    category, what, growth, reference = cause
    if growth is None or reference is None:
        return f"{category} ({what})"
    return f"{category} ({what}: {in_mm(reference)} mm then, +{in_mm(growth)} mm)"


def _named(causes: Causes) -> str:
    return " and ".join(map(_cause, causes))


def _growths(causes: Causes) -> Numbers:
    return tuple(
        (f"{cause[0]}_growth_mm", in_mm(cause[2])) for cause in causes if cause[2] is not None
    )


def _unconfirmed(causes: Causes) -> str:
    return f"iUPD: progression of {_named(causes)}, to be confirmed."


def _after(text: str) -> Callable[..., str]:
    def sentence(causes: Causes, first_day: int, day: int) -> str:
        return text.format(named=_named(causes), first_day=first_day, days=day - first_day)

    return sentence


def _days(causes: Causes, first_day: int, day: int) -> Numbers:
    days = (("first_iupd_day", str(first_day)), ("days_since", str(day - first_day)))
    return (*days, *_growths(causes))


def _reset(overall: Response, first_day: int) -> str:
    return (
        f"{overall}: the iUPD of day {first_day} is not confirmed and the bar is reset; the next "
        "needs progression of its own from the same nadir."
    )


def _after_icpd(first_day: int) -> str:
    return f"After iCPD: the progression of day {first_day} is confirmed, no end point changes."


def _immune_row(overall: Response, target: Response, non_target: Response, new: bool) -> str:
    parts = (
        "" if target is Response.NA else f"targets {IMMUNE[target]}",
        "" if non_target is Response.NA else f"non-targets {IMMUNE[non_target]}",
        "a new lesion left from before" if new else "no new lesion",
    )
    return f"{overall}: {', '.join(part for part in parts if part)}."


UNCONFIRMED = Form("irecist-iupd", IRECIST_TABLE, _unconfirmed, _growths)
RESET = Form("irecist-reset", "Seymour 2017, resetting the bar", _reset)
AFTER_ICPD = Form("irecist-after-icpd", IRECIST_TABLE, _after_icpd)
IMMUNE_ROW = Form("irecist-overall", IRECIST_TABLE, _immune_row)
AFTER_IUPD = {
    evidence: Form(rule, source, _after(text), _days)
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
