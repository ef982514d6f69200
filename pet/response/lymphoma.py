"""Deauville five-point score and the metabolic part of Lugano, for reference.

Sources: Barrington, JCO 2014;32:3048; Cheson, JCO 2014;32:3059.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from imaging.errors import InputError
from imaging.setting import setting
from pet import pet_papers
from pet.response.pet_assessment import PetAssessment, PetReason, PetResponse


@dataclass(frozen=True, slots=True)
class Deauville:
    """Boundaries of the score."""

    marked_factor: float = setting(
        2.0,
        "",
        "Score 5 beyond this many times the liver; 2 or 3 in the literature.",
        pet_papers.DEAUVILLE(),
    )
    equal_is_lower: bool = setting(
        True, "", "Uptake equal to the reference takes the lower score.", pet_papers.DEAUVILLE()
    )


DEAUVILLE = Deauville()


class LymphomaCourse(StrEnum):
    """Uptake compared with baseline."""

    DECREASE = "decrease"
    NO_CHANGE = "no_change"
    INCREASE = "increase"


def deauville(
    lesion_suv_max: float,
    mediastinum_suv_max: float,
    liver_suv_max: float,
    *,
    above_background: bool = True,
    new_lesion: bool = False,
    settings: Deauville = DEAUVILLE,
) -> tuple[int, PetReason]:
    """The score 1-5 of the hottest residual uptake.

    Raises:
        InputError: the references are not positive, or the liver is not above the mediastinum.
    """
    if not 0.0 < mediastinum_suv_max <= liver_suv_max:
        raise InputError(
            f"mediastinum {mediastinum_suv_max:g} and liver {liver_suv_max:g} are no references"
        )
    if new_lesion:
        return 5, PetReason(
            "new-lesion", pet_papers.DEAUVILLE(), "new uptake consistent with lymphoma"
        )
    if not above_background:
        return 1, PetReason("background", pet_papers.DEAUVILLE(), "no uptake above background")
    marked = settings.marked_factor * liver_suv_max
    limits = ((2, "mediastinum", mediastinum_suv_max), (3, "liver", liver_suv_max),
              (4, f"{settings.marked_factor:g} x liver", marked))  # fmt: skip
    for score, name, limit in limits:
        equal = lesion_suv_max == limit and settings.equal_is_lower
        if lesion_suv_max < limit or equal:
            text = f"SUVmax {lesion_suv_max:g} does not exceed {name} ({limit:g})"
            margin = limit - lesion_suv_max
            return score, PetReason(
                "uptake", pet_papers.DEAUVILLE(), text, ((name, limit),), margin, "SUV"
            )
    text = f"SUVmax {lesion_suv_max:g} exceeds {limits[-1][1]} ({marked:g})"
    margin = lesion_suv_max - marked
    return 5, PetReason("uptake", pet_papers.DEAUVILLE(), text, (("limit", marked),), margin, "SUV")


def lugano(
    score: int, course: LymphomaCourse, *, new_lesion: bool = False, day: int = 0
) -> PetAssessment:
    """The metabolic response of Lugano from the score and the course of uptake.

    Raises:
        InputError: the score is not 1 to 5.
    """
    if not 1 <= score <= 5:
        raise InputError(f"a Deauville score is 1 to 5, not {score}")
    if new_lesion:
        found = PetResponse.PMD, "new uptake consistent with lymphoma"
    elif score <= 3:
        found = PetResponse.CMR, f"score {score}, with or without a residual mass"
    else:
        found = LUGANO_COURSE[course], f"score {score}, uptake against baseline: {course}"
    response, sentence = found
    reason = PetReason("lugano", pet_papers.LUGANO(), sentence, (("score", float(score)),))
    return PetAssessment("LUGANO_PET", day, response, (reason,), score=score)


LUGANO_COURSE = {
    LymphomaCourse.DECREASE: PetResponse.PMR,
    LymphomaCourse.NO_CHANGE: PetResponse.NMR,
    LymphomaCourse.INCREASE: PetResponse.PMD,
}
