"""Effects and rates of groups below each other, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

from recist.cohort.arms import ALL_ARMS, Arms
from recist.cohort.end_points import (
    times_of,
)
from recist.cohort.hazards import cox
from recist.cohort.plots.plot import (
    ARM_COLOURS,
    FAINT,
    Plot,
    bare,
    blank,
)
from recist.cohort.response_sheets import groups, rate_of
from recist.cohort.sheet import SheetRow
from recist.cohort.times import FollowedPatient


def hazard_forest(
    patients: Sequence[FollowedPatient], arms: Arms, policy: str, strata: Sequence[str]
) -> Plot | None:
    """The hazard ratio of PFS in every subgroup."""
    if not arms.pairs:
        return None
    first, control = arms.pairs[0]
    lines = []
    for label, members in _subgroups(patients, strata):
        pair = [each for each in members if each.patient.arm in (first, control)]
        data = [(t, e.patient.arm == first) for e in pair for t in times_of([e], "PFS", policy)]
        effect = cox(
            [t.days for t, _ in data], [t.event for t, _ in data], {"arm": [a for _, a in data]}
        ) if data else None  # fmt: skip
        events = sum(t.event for t, _ in data)
        lines.append((f"{label}  ({len(data)}, {events} events)", effect[0] if effect else None))
    if all(found is None for _, found in lines):
        return None
    drawing = blank(8.6, 1.5 + 0.33 * len(lines))
    axes = drawing.add_subplot()
    rows: list[SheetRow] = []
    for place, (label, found) in enumerate(reversed(lines)):
        row = {"group": label, "hazard_ratio": "", "low": "", "high": ""}
        if found is not None:
            low, high = found.interval
            axes.plot(
                [max(low, 0.05), min(high, 20)], [place, place], color="#1f2937", linewidth=1.2
            )
            axes.plot(found.hazard_ratio, place, "s", color=ARM_COLOURS[0], markersize=6)
            axes.text(
                1.02, place, f"{found.hazard_ratio:.2f} ({low:.2f} to {high:.2f})", va="center",
                fontsize=8, transform=axes.get_yaxis_transform(),
            )  # fmt: skip
            row |= {"hazard_ratio": f"{found.hazard_ratio:.6f}", "low": f"{low:.6f}",
                    "high": f"{high:.6f}"}  # fmt: skip
        else:
            axes.text(1.02, place, "not estimable", va="center", fontsize=8, color=FAINT,
                      transform=axes.get_yaxis_transform())  # fmt: skip
        rows.insert(0, row)
    axes.set_yticks(range(len(lines)), [label for label, _ in reversed(lines)], fontsize=8)
    axes.set_xscale("log")
    axes.set_xlim(0.1, 10)
    axes.set_xticks([0.1, 0.25, 0.5, 1, 2, 4, 10], ["0.1", "0.25", "0.5", "1", "2", "4", "10"])
    axes.minorticks_off()
    axes.axvline(1, color=FAINT, linewidth=0.8)
    axes.set_xlabel(f"Hazard ratio of PFS: {first} better  |  {control} better")
    bare(axes)
    return Plot("forest_hazard", "Hazard ratio of PFS by subgroup", drawing, tuple(rows))


def _subgroups(
    patients: Sequence[FollowedPatient], strata: Sequence[str]
) -> list[tuple[str, list[FollowedPatient]]]:
    found = [("all", list(patients))]
    for column in strata:
        levels = sorted({each.patient.columns[column] for each in patients} - {""})
        found += [
            (f"{column}: {level}", [e for e in patients if e.patient.columns[column] == level])
            for level in levels
        ]
    return found


def rate_forest(
    patients: Sequence[FollowedPatient], arms: Arms, strata: Sequence[str]
) -> Plot | None:
    """Objective response by arm and stratum, with exact intervals."""
    lines = [
        (label, rate_of(members, "objective response"))
        for label, members in groups(patients, arms, strata)
        if members
    ]
    drawing = blank(8.6, 1.4 + 0.3 * len(lines))
    axes = drawing.add_subplot()
    rows: list[SheetRow] = []
    for place, (label, found) in enumerate(reversed(lines)):
        low, high = found.clopper_pearson or (0.0, 1.0)
        rate = found.rate or 0.0
        axes.plot([100 * low, 100 * high], [place, place], color="#1f2937", linewidth=1.2)
        axes.plot(100 * rate, place, "s", color=ARM_COLOURS[0], markersize=6)
        axes.text(
            1.02, place, f"{100 * rate:.0f} % ({100 * low:.0f} to {100 * high:.0f})", va="center",
            fontsize=8, transform=axes.get_yaxis_transform(),
        )  # fmt: skip
        rows.insert(
            0,
            {"group": label, "responders": str(found.x), "n": str(found.n), "rate": f"{rate:.6f}",
             "low": f"{low:.6f}", "high": f"{high:.6f}"},
        )  # fmt: skip
    names = [
        f"{'everyone' if label == ALL_ARMS else label}  ({found.x}/{found.n})"
        for label, found in reversed(lines)
    ]
    axes.set_yticks(range(len(lines)), names, fontsize=8)
    axes.set_xlim(0, 100)
    axes.set_xlabel("Objective response (%), exact 95 % interval")
    bare(axes)
    return Plot("forest_response", "Objective response by group", drawing, tuple(rows))
