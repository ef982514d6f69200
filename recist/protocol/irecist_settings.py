"""What a trial chooses about unconfirmed progression and how it is confirmed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from imaging.setting import setting
from recist.papers import FAQ, IRECIST


@dataclass(frozen=True, kw_only=True)
class IrecistSettings:
    """Choices that iRECIST leaves open."""

    icpd_reference: Literal["sum_at_first_iUPD_of_block", "previous_scan", "nadir"] = setting(
        "sum_at_first_iUPD_of_block",
        "AMB-21",
        "The sum that must be exceeded by 5 mm to confirm progression.",
        FAQ("how do new lesions define progression (increases add up)"),
    )
    icpd_both_categories: Literal["at_least_5_mm", "more_than_5_mm"] = setting(
        "at_least_5_mm",
        "AMB-22",
        "The threshold where targets and non-targets were both iUPD: Table 2 prints > in that row "
        "and >= in all others.",
        IRECIST("Table 2"),
    )
    early_scan: Literal["disregard", "use"] = setting(
        "disregard",
        "AMB-23",
        "A scan too early after iUPD is left out, unless it was made for a new symptom and shows "
        "a further new lesion.",
        FAQ("imaging less than four weeks after iUPD"),
    )
    confirm_min_days: int = setting(28, "AMB-23", "Earliest confirmation after iUPD.", IRECIST())
    window_tolerance_days: int = setting(
        2, "AMB-23", "Variance at both ends of the window.", FAQ("less than four weeks")
    )
    confirm_max_days: int = setting(
        56, "AMB-24", "Latest confirmation after the last iUPD without a deviation.", IRECIST()
    )
    late_scan: Literal["confirms", "does_not_confirm"] = setting(
        "confirms", "AMB-24", "A later scan confirms with a flag, or does not.", IRECIST()
    )
    persisting_new_lesion: Literal["iupd", "response"] = setting(
        "iupd",
        "AMB-25",
        "A new lesion is there, unchanged, and targets keep their category: still iUPD, or what "
        "the targets say.",
        FAQ("assigning response after new lesions, scenario F"),
    )
    smaller_new_lesion: Literal["iupd", "response"] = setting(
        "iupd",
        "AMB-26",
        "As persisting_new_lesion, for new lesions that became smaller.",
        FAQ("how do new lesions define progression"),
    )
    cr_with_new_lesion: Literal["ipr_after_reset", "ipr", "iupd"] = setting(
        "ipr_after_reset",
        "AMB-27",
        "All targets gone and a new lesion still there: iPR once the bar is reset (by shrinkage "
        "to CR after the iUPD too) and iUPD otherwise; always iPR; always iUPD.",
        FAQ("assigning response after new lesions, scenarios B and F"),
    )
    new_lesion_after_reset: Literal["recist", "plus_5_mm"] = setting(
        "recist",
        "AMB-28",
        "Growth of the new-lesion targets that is a new iUPD after a reset: 20 % and 5 mm from "
        "their nadir, or 5 mm.",
        FAQ("how do new lesions define progression"),
    )
    after_icpd: Literal["keep", "stop", "evaluate"] = setting(
        "keep",
        "AMB-29",
        "Time points after iCPD, which no end point uses: still measured and iCPD, NA, or judged "
        "again.",
        IRECIST(),
    )
    non_target_reference: Literal["last_assessment", "nadir"] = setting(
        "last_assessment",
        "",
        "What a non-target's status compares with after iUPD. last_assessment: present is no "
        "change, increased or progression a further increase. nadir: progression is no change, "
        "increased a further increase, present no longer progression.",
        FAQ("iUPD driven by non-target disease (codes NC, NCLA, INCLA, UNE)"),
    )
    unconfirmed_iupd: Literal["event", "censor"] = setting(
        "event", "AMB-30", "iPFS when nothing confirms or resolves an iUPD.", IRECIST()
    )
