"""EORTC 1999: change of SUV of the tumour (Young, Eur J Cancer 1999;35:1773, section 4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from imaging.setting import setting
from pet import pet_papers
from pet.response.pet_assessment import PetAssessment, PetReason, PetResponse, change_percent
from pet.response.scan import PetScan

SOURCE = pet_papers.EORTC_PET()


@dataclass(frozen=True, slots=True)
class Eortc:
    """What the paper fixes and what it leaves open."""

    measure: Literal["suv_max", "peak"] = setting(
        "suv_max",
        "",
        "The uptake of a lesion: its maximum, or its peak. The paper allows mean and maximum.",
        SOURCE,
    )
    rise_percent: float = setting(25.0, "", "A rise beyond this is progression.", SOURCE)
    fall_first_percent: float = setting(
        15.0, "", "A fall of at least this after one cycle is a partial response.", SOURCE
    )
    fall_percent: float = setting(
        25.0, "", "A fall beyond this after more cycles is a partial response.", SOURCE
    )
    inclusive: bool = setting(
        False,
        "",
        "A change of exactly the limit counts as beyond it, as several trials have it.",
        f"{SOURCE}; true: protocols of single trials",
    )
    gap: Literal["SMD", "PMR"] = setting(
        "SMD",
        "",
        "What a fall of 15 to 25 % after several cycles is, which the paper does not say.",
        f"{SOURCE}; design decision",
    )


EORTC = Eortc()


def eortc(baseline: PetScan, followup: PetScan, settings: Eortc = EORTC) -> PetAssessment:
    """The response of a follow-up by the hottest lesions' SUV.

    Scans with an unknown number of cycles count as after more than one (the stricter limit).
    """
    before, after = (_highest(scan, settings.measure) for scan in (baseline, followup))
    change = change_percent(before, after) if before and after is not None else None
    response, reason = _decide(baseline, followup, change, settings)
    return PetAssessment("EORTC1999", followup.day, response, (reason,), after, before, change)


def _highest(scan: PetScan, measure: str) -> float | None:
    values = [getattr(lesion, measure) for lesion in scan.lesions]
    return max((value for value in values if value is not None), default=None)


def _decide(
    baseline: PetScan, followup: PetScan, change: float | None, settings: Eortc
) -> tuple[PetResponse, PetReason]:
    if followup.new_since(baseline) or followup.progression:
        return PetResponse.PMD, PetReason("new-uptake", SOURCE, "new uptake or visible extension")
    if baseline.lesions and followup.all_resolved and not followup.missing_since(baseline):
        return PetResponse.CMR, PetReason("cmr", SOURCE, "indistinguishable from normal tissue")
    if change is None:
        return PetResponse.NOT_EVALUABLE, PetReason("no-uptake", SOURCE, "SUV is not known")
    response, reason = _by_change(change, 1 if followup.cycles == 1 else 2, settings)
    if followup.cycles is None:
        note = f"{reason.sentence} (cycles not stated: taken as more than one)"
        reason = replace(reason, sentence=note)
    return response, reason


def _by_change(change: float, cycles: int, settings: Eortc) -> tuple[PetResponse, PetReason]:
    def reached(value: float, limit: float) -> bool:
        return value >= limit if settings.inclusive else value > limit

    numbers = (("change %", change), ("cycles", float(cycles)))
    rise, fall = settings.rise_percent, settings.fall_percent
    if reached(change, rise):
        text = f"rise of {change:.1f} % (limit {rise:g} %)"
        return PetResponse.PMD, PetReason("suv-pmd", SOURCE, text, numbers, change - rise, "%")
    if cycles == 1 and -change >= settings.fall_first_percent:
        margin = -change - settings.fall_first_percent
        text = f"fall of {-change:.1f} % after one cycle"
        return PetResponse.PMR, PetReason("suv-pmr", SOURCE, text, numbers, margin, "%")
    if cycles > 1 and reached(-change, fall):
        text = f"fall of {-change:.1f} % after more than one cycle"
        return PetResponse.PMR, PetReason("suv-pmr", SOURCE, text, numbers, -change - fall, "%")
    if cycles > 1 and -change >= settings.fall_first_percent:
        text = f"fall of {-change:.1f} %: between the limits, which the paper leaves open"
        return PetResponse(settings.gap), PetReason(
            "gap", SOURCE, text, numbers, fall + change, "%"
        )
    limit = settings.fall_first_percent
    text = f"change of {change:+.1f} %: neither response nor progression"
    margin = min(rise - change, limit + change)
    return PetResponse.SMD, PetReason("suv-smd", SOURCE, text, numbers, margin, "%")
