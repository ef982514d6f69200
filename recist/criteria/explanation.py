"""How each rule is put into words: one form per rule, with its paper, numbers and margin.

The margin is the distance of the sum from the nearest category it could change to. Percentages are
cut off, never rounded up to a threshold that was not reached.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache

from recist.criteria.diameter import (
    in_mm,
    partial_response_mm,
    percent,
    progression_mm,
)
from recist.criteria.new_lesions import COUNTS, NewLesionSight, Sight
from recist.criteria.response_tables import IMMUNE, NO_DISEASE, TABLE_1, TABLE_2, Evidence
from recist.criteria.thresholds import PATHOLOGICAL_NODE_MM
from recist.papers import FAQ, IRECIST, RECIST11
from recist.response import Numbers, Response, RuleWording, Words

SizesByLesion = tuple[tuple[str, Decimal], ...]
Names = tuple[str, ...]
Causes = tuple[tuple[str, str, Decimal | None, Decimal | None], ...]

TARGET_RULE = RECIST11("4.3.1")
NON_TARGET_RULE = RECIST11("4.3.3")
NEW_LESION_RULE = RECIST11("4.3.5")
MISSING_RULE = RECIST11("4.4.2")
REAPPEARANCE_RULE = FAQ("does a new lesion always result in PD")
STICKY_RULE = FAQ("managing PR")
IRECIST_TABLE = IRECIST("Table 2")


# The facts of a target response: sum, baseline, nadir, size of each target, and the targets that
# were not evaluable.


def _numbers_of_bound(
    total: Decimal, baseline: Decimal | None, nadir: Decimal | None, sizes: SizesByLesion
) -> Numbers:
    """Where a target was not evaluable: a lower bound, and no change, which only sums have."""
    known = (
        ("lower_bound_mm", total if sizes else None),
        ("baseline_mm", baseline),
        ("nadir_mm", nadir),
    )
    return (
        *[(name, in_mm(value)) for name, value in known if value is not None],
        *[(lesion, f"{in_mm(size)} mm") for lesion, size in sizes],
    )


def _numbers(
    total: Decimal,
    baseline: Decimal | None,
    nadir: Decimal | None,
    sizes: SizesByLesion,
    _: Names = (),
) -> Numbers:
    numbers = [("sum_mm", in_mm(total))]
    changes = []
    if baseline is not None:
        numbers.append(("baseline_mm", in_mm(baseline)))
        changes.append(("change_from_baseline", percent(total, baseline)))
    if nadir is not None and nadir is baseline:
        numbers.append(("nadir_mm", numbers[-1][1]))
        changes.append(("change_from_nadir", changes[-1][1]))
    elif nadir is not None:
        numbers.append(("nadir_mm", in_mm(nadir)))
        changes.append(("change_from_nadir", percent(total, nadir)))
    return (*numbers, *changes, *[(lesion, f"{in_mm(size)} mm") for lesion, size in sizes])


def _numbers_of_growth(
    total: Decimal,
    baseline: Decimal | None,
    nadir: Decimal,
    sizes: SizesByLesion,
    missing: Names = (),
) -> Numbers:
    return (_numbers_of_bound if missing else _numbers)(total, baseline, nadir, sizes)


def _numbers_of_ne(
    total: Decimal,
    baseline: Decimal | None,
    nadir: Decimal | None,
    sizes: SizesByLesion,
    missing: Names = (),
) -> Numbers:
    is_whole = sizes and not missing
    return (_numbers if is_whole else _numbers_of_bound)(total, baseline, nadir, sizes)


def _cr(total: Decimal, _: object, __: object, sizes: SizesByLesion, ___: Names = ()) -> Words:
    if not total:
        return "CR: all targets are gone.", None
    largest = max(size for _, size in sizes)
    margin = PATHOLOGICAL_NODE_MM - largest
    sentence = (
        f"CR: only normal nodes are left, sum {in_mm(total)} mm, the largest {in_mm(largest)} mm; "
        f"{in_mm(margin)} mm from a node that counts."
    )
    return sentence, margin


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


def _shrinkage(category: str, remark: str = "") -> Callable[..., Words]:
    short = category[:2]

    def words(
        total: Decimal, baseline: Decimal, nadir: Decimal, _: SizesByLesion, __: Names = ()
    ) -> Words:
        margin, other = _neighbours(category, total, baseline, nadir)
        sentence = (
            f"{short}: {in_mm(total)} of {in_mm(baseline)} mm, {percent(total, baseline)}{remark}; "
            f"{in_mm(margin)} mm from {other}."
        )
        return sentence, margin

    return words


def _partial_burden(
    total: Decimal, baseline: Decimal | None, nadir: Decimal, sizes: SizesByLesion, _: Names = ()
) -> Words:
    """Gone while other disease is left: a partial response by whatever baseline, or by none."""
    if baseline is None:
        sentence = (
            f"PR: {in_mm(total)} mm, no target counts any longer, and other disease is left; no "
            "complete sum at baseline to compare with."
        )
        return sentence, None
    return _SHRUNK(total, baseline, nadir, sizes)


_SHRUNK = _shrinkage("PR")


def _growth(
    total: Decimal, _: object, nadir: Decimal, __: SizesByLesion, missing: Names = ()
) -> Words:
    margin = total - progression_mm(nadir)
    beyond = f"more than the nadir of {in_mm(nadir)} mm; {in_mm(margin)} mm above the threshold."
    if missing:
        sentence = (
            f"PD: at least {in_mm(total)} mm without {', '.join(missing)} (not evaluable), a lower "
            f"bound, at least {in_mm(total - nadir)} mm {beyond}"
        )
        return sentence, margin
    grown = f"{percent(total, nadir)} and {in_mm(total - nadir)} mm"
    return f"PD: {in_mm(total)} mm, {grown} {beyond}", margin


def _ne(total: Decimal, _: object, __: object, sizes: SizesByLesion, missing: Names = ()) -> Words:
    what = f"{', '.join(missing)} not evaluable" if missing else "not all targets were evaluable"
    bound = "a lower bound of " if missing else ""
    seen = f"; {bound}{in_mm(total)} mm in the others" if sizes else ""
    return f"NE: {what}{seen}.", None


def _without_baseline(total: Decimal, *_: object) -> Words:
    return f"NE: {in_mm(total)} mm, and no complete sum at baseline to compare with.", None


TARGET_CR = RuleWording("target-cr", TARGET_RULE, _cr, _numbers)
TARGET_PR = RuleWording("target-pr", TARGET_RULE, _shrinkage("PR"), _numbers)
TARGET_PR_HELD = RuleWording(
    "target-pr-held",
    STICKY_RULE,
    _shrinkage("PR held", " (SD by this scan alone), PR before"),
    _numbers,
)
TARGET_SD = RuleWording("target-sd", TARGET_RULE, _shrinkage("SD"), _numbers)
TARGET_PD = RuleWording("target-pd", TARGET_RULE, _growth, _numbers_of_growth)
TARGET_PD_LOWER_BOUND = RuleWording(
    "target-pd-lower-bound", MISSING_RULE, _growth, _numbers_of_growth
)
TARGET_NE = RuleWording("target-ne", MISSING_RULE, _ne, _numbers_of_ne)
TARGET_WITHOUT_BASELINE = RuleWording(
    "target-no-baseline", TARGET_RULE, _without_baseline, _numbers
)


@cache
def burden_forms(source: str) -> Mapping[Response, RuleWording]:
    """The forms of criteria that add measured new lesions to the sum of the targets."""
    return {
        Response.CR: RuleWording(
            "burden-cr", source, _plain("CR: all lesions are gone, no new ones.")
        ),
        Response.PR: RuleWording("burden-pr", source, _partial_burden, _numbers),
        Response.SD: RuleWording("burden-sd", source, _shrinkage("SD"), _numbers),
        Response.PD: RuleWording("burden-pd", source, _growth, _numbers_of_growth),
        Response.NE: RuleWording("burden-ne", source, _ne, _numbers_of_ne),
        Response.NON_CR_NON_PD: RuleWording(
            "burden-non-cr-non-pd", source, _plain("NON-CR/NON-PD: disease without a sum persists.")
        ),
        Response.NED: RuleWording("burden-no-disease", source, _plain("NED: no disease.")),
    }


def _plain(text: str) -> Callable[[], Words]:
    words: Words = (text, None)
    return lambda: words


def _named_in(text: str) -> Callable[[Names], Words]:
    """A sentence that names the lesions that decide."""
    return lambda names: (text.format(", ".join(names)), None)


NON_TARGET = {
    response: RuleWording(f"non-target-{code}", NON_TARGET_RULE, _named_in(text))
    for response, code, text in (
        (Response.CR, "cr", "Non-targets CR: all are gone, nodes are normal, markers not raised."),
        (Response.NON_CR_NON_PD, "non-cr-non-pd", "Non-targets NON-CR/NON-PD: {} still there."),
        (Response.PD, "pd", "Non-targets PD: unequivocal progression of {}."),
        (Response.NE, "ne", "Non-targets NE: {} not examined."),
    )
}


def _described(lesion: NewLesionSight) -> str:
    size = "" if lesion.diameter_mm is None else f" {in_mm(lesion.diameter_mm)} mm"
    remark = "" if lesion.sight is Sight.SEEN else f" ({lesion.sight})"
    return f"{lesion.lesion.id} ({lesion.lesion.organ or 'site unknown'}){size}{remark}"


def _new(lesions: tuple[NewLesionSight, ...]) -> Words:
    counted = [_described(lesion) for lesion in lesions if lesion.sight in COUNTS]
    return f"New lesion: {', '.join(counted)}.", None


def _numbers_of_new(lesions: tuple[NewLesionSight, ...]) -> Numbers:
    return tuple(
        (lesion.lesion.id, f"{in_mm(lesion.diameter_mm)} mm")
        for lesion in lesions
        if lesion.sight in COUNTS and lesion.diameter_mm is not None
    )


def _reappeared(lesions: tuple[str, ...], day: int) -> Words:
    return f"PD: {', '.join(lesions)} back after the complete response of day {day}.", None


def _numbers_of_return(_: tuple[str, ...], day: int) -> Numbers:
    return (("cr_on_day", str(day)),)


def _row(overall: Response, target: Response, non_target: Response, new: bool) -> Words:
    return _in_a_row(overall, target, non_target, "a new lesion" if new else "no new lesion")


def _in_a_row(overall: Response, target: Response, non_target: Response, new: str) -> Words:
    parts = (
        "" if target is Response.NA else f"targets {target}",
        "" if non_target is Response.NA else f"non-targets {non_target}",
        new,
    )
    return f"{overall}: {', '.join([part for part in parts if part])}.", None


NEW_LESION = RuleWording("new-lesion", NEW_LESION_RULE, _new, _numbers_of_new)
REAPPEARED = RuleWording("reappeared", REAPPEARANCE_RULE, _reappeared, _numbers_of_return)
ROW_FORMS = {
    TABLE_1: RuleWording("overall", TABLE_1, _row),
    TABLE_2: RuleWording("overall", TABLE_2, _row),
    NO_DISEASE: RuleWording("overall-no-disease", NO_DISEASE, _row),
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


def _unconfirmed(causes: Causes) -> Words:
    return f"iUPD: progression of {_named(causes)}, to be confirmed.", None


def _after(text: str) -> Callable[..., Words]:
    def words(causes: Causes, first_day: int, day: int) -> Words:
        named = _named(causes)
        return text.format(named=named, first_day=first_day, days=day - first_day), None

    return words


def _numbers_after(causes: Causes, first_day: int, day: int) -> Numbers:
    days = (("first_iupd_day", str(first_day)), ("days_since", str(day - first_day)))
    return (*days, *_growths(causes))


def _reset(overall: Response, first_day: int) -> Words:
    sentence = (
        f"{overall}: the iUPD of day {first_day} is not confirmed and the bar is reset; the next "
        "needs progression of its own from the same nadir."
    )
    return sentence, None


def _after_icpd(first_day: int) -> Words:
    sentence = f"After iCPD: the progression of day {first_day} is confirmed, no end point changes."
    return sentence, None


def _immune_row(overall: Response, target: Response, non_target: Response, new: bool) -> Words:
    words = "a new lesion left from before" if new else "no new lesion"
    return _in_a_row(overall, IMMUNE[target], IMMUNE[non_target], words)


UNCONFIRMED = RuleWording("irecist-iupd", IRECIST_TABLE, _unconfirmed, _growths)
RESET = RuleWording("irecist-reset", IRECIST(), _reset)
AFTER_ICPD = RuleWording("irecist-after-icpd", IRECIST_TABLE, _after_icpd)
IMMUNE_ROW = RuleWording("irecist-overall", IRECIST_TABLE, _immune_row)
AFTER_IUPD = {
    evidence: RuleWording(rule, source, _after(text), _numbers_after)
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
            IRECIST(),
            "iUPD: {named}, {days} days after the iUPD of day {first_day}, too late to confirm it.",
        ),
        (
            Evidence.TOO_EARLY,
            "irecist-early",
            FAQ("imaging less than four weeks after iUPD"),
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
