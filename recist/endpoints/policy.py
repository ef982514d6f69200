"""What ends or censors a time to progression: the policies of the agencies, as data.

FDA: *Clinical Trial Endpoints for the Approval of Cancer Drugs and Biologics* (2018), Appendix 3,
Tables A, B and C. EMA: *Guideline on the evaluation of anticancer medicinal products in man*,
Appendix 1, which follows the intention to treat whatever happens after randomisation.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from recist.papers import FDA

FDA_APPENDIX = FDA("Appendix 3")

#: "More than one missed visit" (FDA 2018, Appendix 3).
FDA_MISSED_VISITS = 2


class NewTherapy(StrEnum):
    """What a new anticancer therapy before progression does."""

    CENSOR = "censor"  # at the last adequate assessment before it
    IGNORE = "ignore"
    EVENT = "event"


class ProgressionDate(StrEnum):
    """The date of a progression found between two scheduled visits."""

    FIRST_SIGN = "first-sign"
    NEXT_SCHEDULED = "next-scheduled"


@dataclass(frozen=True, slots=True)
class Policy:
    """One way to date and censor progression-free survival.

    Attributes:
        missed_visits: as many missed visits in a row before the event censor it at the last
            adequate assessment; None: they do not.
        claimed_progression: progression claimed without images (stop of treatment for it) counts.
    """

    name: str
    missed_visits: int | None
    new_therapy: NewTherapy
    progression_date: ProgressionDate
    claimed_progression: bool
    source: str


FDA_A = Policy(
    "fda_a",
    FDA_MISSED_VISITS,
    NewTherapy.CENSOR,
    ProgressionDate.FIRST_SIGN,
    False,
    f"{FDA_APPENDIX}, Table A",
)
FDA_B = Policy(
    "fda_b",
    FDA_MISSED_VISITS,
    NewTherapy.CENSOR,
    ProgressionDate.NEXT_SCHEDULED,
    False,
    f"{FDA_APPENDIX}, Table B",
)
FDA_C = Policy(
    "fda_c",
    FDA_MISSED_VISITS,
    NewTherapy.EVENT,
    ProgressionDate.NEXT_SCHEDULED,
    True,
    f"{FDA_APPENDIX}, Table C",
)
EMA_ITT = Policy(
    "ema_itt",
    None,
    NewTherapy.IGNORE,
    ProgressionDate.FIRST_SIGN,
    False,
    "EMA/CHMP/27994/2008, Appendix 1 to the guideline on anticancer medicinal products",
)

POLICIES = {policy.name: policy for policy in (FDA_A, FDA_B, FDA_C, EMA_ITT)}
