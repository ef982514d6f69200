"""What a trial chooses about responses inside and outside the field."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from imaging.setting import setting
from recist.papers import MENON, RECIST11


@dataclass(frozen=True, kw_only=True)
class AbscopalSettings:
    """Choices about abscopal response."""

    abscopal_definition: Literal[
        "all", "golden", "luke", "pembro_rt", "theelen", "mcbride", "welsh", "formenti"
    ] = setting("all", "AMB-33", "Definitions reported, each by name.", "see recist.abscopal")
    abscopal_denominator: Literal["both", "evaluable", "enrolled"] = setting(
        "both", "AMB-34", "Patients that a rate is out of.", "see recist.abscopal"
    )
    abscopal_baseline_days: int = setting(
        42,
        "AMB-34",
        "The scan that abscopal changes start from is at most this long before radiotherapy.",
        "convention of trial protocols",
    )
    abscopal_follow_up_days: int = setting(
        365,
        "AMB-34",
        "Abscopal responses are looked for until so long after the start of radiotherapy.",
        "design decision; reviews give onsets of 1 to 12 months",
    )
    abscopal_landmark_days: int = setting(
        84, "AMB-33", "The fixed time of definitions at 12 weeks.", "Theelen 2019"
    )
    abscopal_landmark_window_days: int = setting(
        14, "AMB-33", "By which a scan may miss that fixed time.", "trial protocols"
    )
    abscopal_minimum_mm: Decimal = setting(
        Decimal(10),
        "AMB-33",
        "The least size at which a single lesion can show an abscopal response; 0: any.",
        RECIST11("3.1.1"),
    )
    abscopal_minimum_node_mm: Decimal = setting(
        Decimal(15),
        "AMB-33",
        "The same for the short axis of a node.",
        RECIST11("3.1.1"),
    )
    abscopal_systemic_days: int = setting(
        56,
        "AMB-33",
        "Systemic therapy that starts this near to radiotherapy explains a response as well as "
        "radiotherapy does; one that is this long under way is stable.",
        "design decision (8 weeks)",
    )
    out_of_field_set: Literal["strict", "pragmatic"] = setting(
        "strict",
        "AMB-35",
        "Lesions of the out-of-field set: only those outside, or those in the low-dose bath too.",
        f"{MENON()} (no dose: below 1 Gy); design decision",
    )
    new_lesion_position: Literal["split", "anywhere"] = setting(
        "split", "AMB-36", "New lesions by field as well, or only as such.", "see recist.abscopal"
    )
