"""The columns of the tables of results, in the documented order."""

from __future__ import annotations

#: Policies with a column of their own, in the order of the columns.
POLICY_COLUMNS = ("fda_a", "fda_b", "fda_c", "ema_itt")


def timepoint_columns(*, has_dates: bool) -> list[str]:
    """Columns of ``timepoints.csv``: those that never change first, new ones at the end."""
    return [
        "subject",
        "date" if has_dates else "day",
        "criteria",
        "lesions",
        "sum_mm",
        "baseline_mm",
        "nadir_mm",
        "target",
        "non_target",
        "new_lesion",
        "overall",
        "reason",
        "reader",
        "warnings",
        "certainty",
        "lower_bound",
        "change_from_baseline_percent",
        "change_from_nadir_percent",
        "method_changed",
    ]


def outcome_columns(*, has_dates: bool) -> list[str]:
    """Columns of ``outcomes.csv``: those that never change first, new ones at the end."""
    time = "date" if has_dates else "day"
    return [
        "subject",
        "criteria",
        "lesions",
        "best_overall",
        f"best_overall_{time}",
        "confirmed_best_overall",
        f"progression_{time}",
        "pfs_days",
        "pfs_event",
        "reader",
        "objective_response",
        f"response_{time}",
        "disease_control",
        "clinical_benefit",
        "time_to_response_days",
        "response_days",
        "response_ended",
        *(f"pfs_{name}_{what}" for name in POLICY_COLUMNS for what in ("days", "event")),
        "os_days",
        "os_event",
        "reason",
        "warnings",
    ]
