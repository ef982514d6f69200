"""What a trial chooses about the best response and times to an event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from imaging.setting import setting
from recist.papers import ADMIRALONCO, FAQ, FDA, RECIST11


@dataclass(frozen=True, kw_only=True)
class OutcomeSettings:
    """Choices about what the course of a patient comes to."""

    confirmation_required: bool = setting(
        True, "", "The trial's best response needs confirmation.", RECIST11("4.6.1")
    )
    confirmation_days: int = setting(
        28, "", "From a response to its confirmation.", RECIST11("4.6.1")
    )
    cut_at_first_progression: bool = setting(
        True, "", "Nothing after the first progression enters the best response.", RECIST11()
    )
    cr_then_disease: Literal["pd", "pr", "keep"] = setting(
        "pd",
        "AMB-06",
        "Disease after CR: PD at that point, the CR is read again as PR, or left with a warning.",
        f"{RECIST11('Table 3 note a')}; keep: {ADMIRALONCO}",
    )
    one_sd_between: bool = setting(
        False,
        "AMB-07",
        "One SD between a PR and its confirmation is accepted.",
        f"{RECIST11()}; {FAQ()}",
    )
    ne_between: int = setting(
        1, "AMB-08", "NE visits accepted between a response and its confirmation.", ADMIRALONCO
    )
    minimum_sd_days: int = setting(
        42, "AMB-09", "Minimum duration of SD, date minus date.", RECIST11("4.4.3")
    )
    sd_window_days: int = setting(
        0, "AMB-09", "Visit window taken off that minimum.", "trial protocols"
    )
    origin: Literal["randomisation", "treatment_start", "baseline"] = setting(
        "randomisation",
        "AMB-09",
        "Where durations start: randomisation, else the start of treatment (systemic or "
        "radiotherapy, the earlier), else the baseline scan; treatment_start: the start of "
        "treatment, else randomisation, else the baseline scan; baseline: the baseline scan.",
        RECIST11("4.7"),
    )
    early_pr_then_sd: Literal["ne", "sd"] = setting(
        "ne",
        "AMB-10",
        "PR then SD, both before the minimum duration, confirmation required: NE, or SD as the "
        "row is printed.",
        f"{RECIST11('Table 3')}; ne: {ADMIRALONCO}",
    )
    nothing_assessed: Literal["ne", "missing", "nd"] = setting(
        "ne", "AMB-11", "Best response without any assessment.", f"{RECIST11()}; {ADMIRALONCO}"
    )
    ned_then_pd: Literal["pd", "ned"] = setting(
        "ned", "AMB-38", "Best response of NED followed by PD.", "CDISC supplement"
    )
    pfs_policy: Literal["fda_a", "fda_b", "fda_c", "ema_itt"] = setting(
        "ema_itt", "AMB-31", "The policy of the main PFS; all are reported.", f"{FDA()}; EMA"
    )
    visit_interval_days: int = setting(
        0, "AMB-31", "Between scheduled visits, to count missed ones; 0: not known.", FDA()
    )
    visit_window_days: int = setting(
        7, "AMB-31", "By which a visit may miss its schedule.", "trial protocols"
    )
    clinical_benefit_days: int = setting(
        168,
        "",
        "Disease without progression that counts as clinical benefit (24 weeks).",
        "convention of trials",
    )
    benefit_words: Literal["all", "targets_only"] = setting(
        "all",
        "",
        "Whether NON-CR/NON-PD, the SD of patients without targets, counts as disease control and "
        "clinical benefit.",
        f"{RECIST11('Table 2')}; targets_only: {ADMIRALONCO}, clinben_vals",
    )
    new_therapy_ends_response: bool = setting(
        True, "", "Nothing after a new anticancer therapy enters the best response.", FDA()
    )
    visit_date: Literal["fda", "first", "last"] = setting(
        "fda",
        "AMB-32",
        "The date of a visit scanned on several days: earliest for a new lesion and last for the "
        "sum, first, last.",
        FDA("Appendix 3"),
    )
