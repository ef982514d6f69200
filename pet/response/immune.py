"""Criteria for immunotherapy: iPERCIST, PERCIMT and PECRIT.

Sources: Goldfarb, JNM 2019;60:1201 (iPERCIST); Anwar, EJNMMI 2018;45:376 (PERCIMT); Cho, JNM
2017;58:1421 (PECRIT).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from imaging.errors import InputError
from imaging.setting import setting
from pet import pet_papers
from pet.response.percist import Percist, percist
from pet.response.pet_assessment import PetAssessment, PetReason, PetResponse
from pet.response.scan import PetScan

DAYS_PER_WEEK = 7.0


class Confirms(StrEnum):
    """What confirms an unconfirmed progression."""

    PERSISTS = "persists"  # still progression against the reference
    FURTHER_RISE = "further-rise"  # and hotter than at the unconfirmed scan, or more lesions


class AfterReset(StrEnum):
    """What later scans are compared with, once a progression was not confirmed."""

    BASELINE = "baseline"
    RESET_SCAN = "reset-scan"


@dataclass(frozen=True, slots=True)
class IPercist:
    """What iPERCIST fixes and what it leaves open.

    Attributes:
        percist: the criteria of each single comparison.
    """

    earliest_weeks: float = setting(
        4.0, "", "Earliest scan that confirms an unconfirmed progression.", pet_papers.IPERCIST()
    )
    latest_weeks: float = setting(8.0, "", "Latest such scan.", pet_papers.IPERCIST())
    late_confirms: bool = setting(
        True, "", "A later scan still confirms, with a warning.", "design decision"
    )
    confirms: Confirms = setting(
        Confirms.PERSISTS,
        "",
        "persists: still progression against the reference; further-rise: hotter, or more new "
        "lesions, than at the unconfirmed scan.",
        pet_papers.IPERCIST(),
    )
    after_reset: AfterReset = setting(
        AfterReset.BASELINE,
        "",
        "What later scans are compared with once a progression was not confirmed.",
        "design decision",
    )
    percist: Percist = field(
        default_factory=lambda: Percist(
            name="iPERCIST", source=pet_papers.IPERCIST(), reference_required=False
        )
    )


IPERCIST = IPercist()


def ipercist(scans: Sequence[PetScan], settings: IPercist = IPERCIST) -> tuple[PetAssessment, ...]:
    """The response of each follow-up; the first scan is the baseline.

    Raises:
        InputError: no scan, or days that do not rise.
    """
    days = [scan.day for scan in scans]
    if not scans or sorted(set(days)) != days:
        raise InputError(f"PET scans need rising days, not {days}")
    reference, pending, confirmed = scans[0], None, False
    found: list[PetAssessment] = []
    for scan in scans[1:]:
        single = percist(reference, scan, settings.percist)
        if confirmed and single.response is PetResponse.PMD:
            reason = PetReason("cpmd", pet_papers.IPERCIST(), "progression was confirmed before")
            reasons = (reason, *single.reasons)
            assessment = replace(single, response=PetResponse.CPMD, reasons=reasons)
        elif single.response is PetResponse.PMD:
            assessment, confirmed = _progression(single, scan, pending, reference, settings)
            pending = pending or scan
        elif not single.response.is_known:
            assessment = single  # neither confirms a progression nor resets the bar
        else:
            assessment = _no_progression(single, pending)
            if pending is not None and settings.after_reset is AfterReset.RESET_SCAN:
                reference = scan
            pending, confirmed = None, False
        found.append(assessment)
    return tuple(found)


def _no_progression(single: PetAssessment, pending: PetScan | None) -> PetAssessment:
    if pending is None:
        return single
    text = f"the progression of day {pending.day} is not confirmed: the bar is reset"
    return replace(
        single, reasons=(PetReason("reset", pet_papers.IPERCIST(), text), *single.reasons)
    )


def _progression(
    single: PetAssessment,
    scan: PetScan,
    pending: PetScan | None,
    reference: PetScan,
    settings: IPercist,
) -> tuple[PetAssessment, bool]:
    """UPMD or CPMD, and whether it is confirmed."""
    warnings = list(single.warnings)
    if scan.deterioration:
        warnings.append("clinically worse: waiting for a confirmation is not advised")
    window = f"{settings.earliest_weeks:g}-{settings.latest_weeks:g} weeks"
    confirmed, sentence = False, f"progression, to be confirmed in {window}"
    if pending is not None:
        confirmed, sentence, late = _confirmation(scan, pending, reference, settings)
        warnings += [late] if late else []
    response = PetResponse.CPMD if confirmed else PetResponse.UPMD
    reason = PetReason("cpmd" if confirmed else "upmd", pet_papers.IPERCIST(), sentence)
    assessment = replace(
        single,
        response=response,
        reasons=(reason, *single.reasons),
        warnings=tuple(warnings),
    )
    return assessment, confirmed


def _confirmation(
    scan: PetScan, pending: PetScan, reference: PetScan, settings: IPercist
) -> tuple[bool, str, str]:
    """Whether a second progression confirms the first, the sentence, and a warning if late."""
    weeks = (scan.day - pending.day) / DAYS_PER_WEEK
    if weeks < settings.earliest_weeks:
        return False, f"{weeks:.1f} weeks after the first: too early to confirm", ""
    if settings.confirms is Confirms.FURTHER_RISE and not _rises(pending, scan, reference):
        return False, "progression persists but does not rise further", ""
    late = ""
    if weeks > settings.latest_weeks:
        late = f"confirmed {weeks:.1f} weeks later, beyond {settings.latest_weeks:g}"
        if not settings.late_confirms:
            return False, f"{weeks:.1f} weeks after the first: too late to confirm", late
    return True, f"confirmed {weeks:.1f} weeks after day {pending.day}", late


def _rises(pending: PetScan, scan: PetScan, reference: PetScan) -> bool:
    before, now = pending.hottest, scan.hottest
    hotter = before is not None and now is not None and (now.peak or 0) > (before.peak or 0)
    return hotter or len(scan.new_since(reference)) > len(pending.new_since(reference))


@dataclass(frozen=True, slots=True)
class Percimt:
    """What PERCIMT fixes."""

    new_lesions: tuple[tuple[int, float], ...] = setting(
        ((4, 0.0), (3, 1.0), (2, 1.5)),
        "",
        "New lesions that are progression: pairs of how many and larger than how many cm. The "
        "paper gives four below 1 cm, three above 1.0 and two above 1.5; four is read as four of "
        "any size, since larger ones weigh more.",
        pet_papers.PERCIMT(),
    )


PERCIMT = Percimt()


def percimt(baseline: PetScan, followup: PetScan, settings: Percimt = PERCIMT) -> PetAssessment:
    """The response by number and functional size of new lesions.

    A new lesion without a diameter counts as one of any size. Without any lesion at baseline
    nothing can resolve: only progression can be told. A follow-up without a word of any lesion is
    not evaluable.
    """
    new = followup.new_since(baseline)
    old = [lesion for lesion in followup.lesions if lesion not in new]
    gone = [lesion for lesion in old if lesion.resolved]
    response, reason = _by_new_lesions([lesion.diameter_cm or 0.0 for lesion in new], settings)
    missing = followup.missing_since(baseline)
    if response is None and not baseline.lesions:
        response = PetResponse.NOT_MEASURABLE
        reason = PetReason(
            "no-lesion", pet_papers.PERCIMT(), "no lesion at baseline, and too few new ones"
        )
    elif response is None and not followup.lesions:
        text = "no lesion is recorded, gone or not"
        response = PetResponse.NOT_EVALUABLE
        reason = PetReason("no-lesion-recorded", pet_papers.PERCIMT(), text)
    elif response is None and not new and not missing and len(gone) == len(old):
        response, reason = (
            PetResponse.CMR,
            PetReason("cmr", pet_papers.PERCIMT(), "all lesions resolved"),
        )
    elif response is None and not new and gone:
        text = f"{len(gone)} of {len(old)} lesions resolved, none new"
        response, reason = PetResponse.PMR, PetReason("pmr", pet_papers.PERCIMT(), text)
    elif response is None:
        response = PetResponse.SMD
    return PetAssessment("PERCIMT", followup.day, response, (reason,))


def _by_new_lesions(
    diameters_cm: list[float], settings: Percimt
) -> tuple[PetResponse | None, PetReason]:
    for least, larger_cm in settings.new_lesions:
        count = sum(diameter > larger_cm or larger_cm == 0.0 for diameter in diameters_cm)
        if count >= least:
            size = f" larger than {larger_cm:g} cm" if larger_cm else ""
            reason = PetReason(
                "new-lesions",
                pet_papers.PERCIMT(),
                f"{count} new lesions{size} (limit {least})",
                (("new lesions", float(count)),),
                float(count - least),
                "lesions",
            )
            return PetResponse.PMD, reason
    text = f"new lesions: {len(diameters_cm)}, fewer than any limit"
    return None, PetReason(
        "stable", pet_papers.PERCIMT(), text, (("new lesions", float(len(diameters_cm))),)
    )


@dataclass(frozen=True, slots=True)
class Pecrit:
    """What PECRIT fixes, for a scan at 3 to 4 weeks."""

    rise_percent: float = setting(
        15.5,
        "",
        "A rise of SULpeak beyond this makes stable disease a benefit.",
        pet_papers.PECRIT(),
    )


PECRIT = Pecrit()


def pecrit(
    recist11: str, change_percent: float | None, *, day: int = 0, settings: Pecrit = PECRIT
) -> PetAssessment:
    """Clinical benefit from RECIST 1.1 and the change of SULpeak of the hottest lesion.

    Args:
        recist11: CR, PR, SD or PD; anything else is not evaluable.
        change_percent: needed for SD only.
    """
    benefit, none = PetResponse.BENEFIT, PetResponse.NO_BENEFIT
    anatomical = {"CR": benefit, "PR": benefit, "PD": none}
    response = anatomical.get(recist11)
    reason = PetReason("recist", pet_papers.PECRIT(), f"RECIST 1.1 is {recist11}")
    if response is None and (recist11 != "SD" or change_percent is None):
        response = PetResponse.NOT_EVALUABLE
    elif response is None and change_percent is not None:
        limit = settings.rise_percent
        rises = change_percent > limit
        response = benefit if rises else none
        reason = PetReason(
            "sulpeak",
            pet_papers.PECRIT(),
            f"RECIST 1.1 SD, SULpeak {change_percent:+.1f} % (limit {limit:g} %)",
            (("change %", change_percent),),
            abs(change_percent - limit),
            "%",
        )
    assert response is not None  # every branch above sets it
    return PetAssessment("PECRIT", day, response, (reason,), change_percent=change_percent)
