"""How many patients, how many events: a randomised comparison planned by formula and simulation.

Schoenfeld, Biometrics 1983;39:499: events for a log-rank test. The simulation checks what the
formula leaves out: accrual, follow-up, drop-out, and progression seen only at scans.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from imaging.errors import InputError
from recist.cohort.proportion import Proportion

DAYS_PER_MONTH = 30.4375


@dataclass(frozen=True, slots=True)
class Design:
    """A two-armed trial with a time to event as its end point.

    Attributes:
        hazard_ratio: of the experimental arm to the control, that is to be found.
        control_median_months: of the control arm, exponential.
        allocation: experimental to one control patient; 2 for a trial of 2:1.
        alpha: of the test; two-sided unless ``one_sided``.
        accrual_months, follow_up_months: of accrual, and after the last patient.
        dropout_per_year: share lost to follow-up in a year.
        scan_interval_days: progression is seen at scans only; 0: on its day.
    """

    hazard_ratio: float
    control_median_months: float
    allocation: float = 2.0
    alpha: float = 0.05
    power: float = 0.8
    one_sided: bool = False
    accrual_months: float = 24.0
    follow_up_months: float = 12.0
    dropout_per_year: float = 0.05
    scan_interval_days: float = 0.0

    def __post_init__(self) -> None:
        bad = [
            name
            for name, value in (
                ("hazard ratio", self.hazard_ratio),
                ("median", self.control_median_months),
                ("allocation", self.allocation),
                ("follow-up", self.follow_up_months),
            )
            if not value > 0
        ]
        if bad:
            raise InputError(f"{bad[0]} must be above zero")
        if self.hazard_ratio == 1:
            raise InputError("a hazard ratio of 1 is no effect to plan for")
        if not 0 < self.alpha < 0.5 or not self.alpha < self.power < 1:
            raise InputError(f"alpha {self.alpha:g} with power {self.power:g}")
        if not 0 <= self.dropout_per_year < 1 or self.accrual_months < 0:
            raise InputError("drop-out is a share per year, accrual a number of months")

    @property
    def experimental_share(self) -> float:
        return self.allocation / (1 + self.allocation)

    @property
    def critical_z(self) -> float:
        tail = self.alpha if self.one_sided else self.alpha / 2
        return float(stats.norm.isf(tail))


def schoenfeld_events(design: Design) -> float:
    """Events that the log-rank test needs (not rounded)."""
    p = design.experimental_share
    needed = (design.critical_z + float(stats.norm.ppf(design.power))) ** 2
    return needed / (p * (1 - p) * math.log(design.hazard_ratio) ** 2)


def schoenfeld_power(design: Design, events: float) -> float:
    """Power with a number of events."""
    p = design.experimental_share
    shift = math.sqrt(events * p * (1 - p)) * abs(math.log(design.hazard_ratio))
    return float(stats.norm.cdf(shift - design.critical_z))


def event_share(design: Design) -> float:
    """The share of patients with an event by the analysis: uniform accrual, exponential times."""
    control = math.log(2) / design.control_median_months
    lost = -math.log1p(-design.dropout_per_year) / 12
    p = design.experimental_share
    return p * _share(design, control * design.hazard_ratio, lost) + (1 - p) * _share(
        design, control, lost
    )


def patients_for(design: Design) -> int:
    """Patients to enrol so that the events needed are expected by the analysis."""
    return math.ceil(schoenfeld_events(design) / event_share(design))


def _share(design: Design, hazard: float, lost: float) -> float:
    """Probability of an event before loss and before the analysis."""
    both = hazard + lost
    end = design.accrual_months + design.follow_up_months
    if design.accrual_months == 0:
        followed = math.exp(-both * end)
    else:
        followed = (math.exp(-both * design.follow_up_months) - math.exp(-both * end)) / (
            both * design.accrual_months
        )
    return hazard / both * (1 - followed)


@dataclass(frozen=True, slots=True)
class Simulation:
    """What simulated trials gave.

    Attributes:
        rejected: of the trials, those whose test was positive in favour of the experimental arm
            (one-sided) or of either (two-sided).
        events: mean number of events.
        hazard_ratio: median of the crude estimates (events per time in each arm).
    """

    patients: int
    rejected: Proportion
    events: float
    hazard_ratio: float


def simulate(
    design: Design,
    patients: int,
    *,
    trials: int = 2000,
    seed: int = 1,
    hazard_ratio: float | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Simulation:
    """Simulated trials of the design.

    Args:
        patients: enrolled in both arms together.
        hazard_ratio: the truth; that of the design unless given; 1 gives the error of type I.
    """
    if patients < 4 or trials < 1:
        raise InputError(f"{trials} trials of {patients} patients")
    random = np.random.default_rng(seed)
    truth = design.hazard_ratio if hazard_ratio is None else hazard_ratio
    experimental = round(patients * design.experimental_share)
    arm = np.arange(patients) < experimental
    hazard = math.log(2) / design.control_median_months * np.where(arm, truth, 1.0)
    lost = -math.log1p(-design.dropout_per_year) / 12
    positive = 0
    events, ratios = [], []
    for trial in range(trials):
        time, event = _trial(design, random, hazard, lost)
        z = log_rank_z(time, event, arm)
        if z is not None:
            positive += z < -design.critical_z if design.one_sided else abs(z) > design.critical_z
        events.append(int(event.sum()))
        rates = [event[side].sum() / time[side].sum() for side in (arm, ~arm)]
        if min(rates) > 0:
            ratios.append(rates[0] / rates[1])
        if on_progress is not None:
            on_progress(trial + 1)
    return Simulation(
        patients,
        Proportion(positive, trials),
        float(np.mean(events)),
        float(np.median(ratios)) if ratios else 1.0,
    )


def _trial(
    design: Design, random: np.random.Generator, hazard: npt.NDArray[np.float64], lost: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Times in months and events of one trial."""
    n = len(hazard)
    entry = random.uniform(0, design.accrual_months, n) if design.accrual_months else np.zeros(n)
    end = design.accrual_months + design.follow_up_months - entry
    if lost > 0:
        end = np.minimum(end, random.exponential(1 / lost, n))
    time = random.exponential(1 / hazard)
    if design.scan_interval_days:
        interval = design.scan_interval_days / DAYS_PER_MONTH
        time = np.ceil(time / interval) * interval
        end = np.where(time <= end, end, np.floor(end / interval) * interval)
    event = time <= end
    return np.where(event, time, end), event


def log_rank_z(
    time: npt.NDArray[np.float64], event: npt.NDArray[np.bool_], arm: npt.NDArray[np.bool_]
) -> float | None:
    """The signed log-rank statistic of two arms; negative where the first has fewer events.

    For thousands of simulated trials; :func:`recist.cohort.hazards.log_rank` is the same test.
    """
    order = np.argsort(time, kind="stable")
    time, event, arm = time[order], event[order], arm[order]
    n = len(time)
    first = np.flatnonzero(np.concatenate([[True], time[1:] != time[:-1]]))
    at_risk = n - first
    exposed = (int(arm.sum()) - np.concatenate([[0], np.cumsum(arm)]))[first]
    died = np.add.reduceat(event.astype(np.int64), first)
    own = np.add.reduceat((event & arm).astype(np.int64), first)
    share = exposed / at_risk
    spread = np.where(at_risk > 1, (at_risk - died) / np.maximum(at_risk - 1, 1), 0.0)
    variance = float((died * share * (1 - share) * spread).sum())
    return float((own - died * share).sum()) / math.sqrt(variance) if variance > 0 else None


def summary(design: Design, patients: int | None = None) -> tuple[int, tuple[str, ...]]:
    """The number of patients to simulate, and what the formulas say of the design."""
    events = schoenfeld_events(design)
    needed = patients_for(design)
    number = needed if patients is None else patients
    expected = number * event_share(design)
    sides = "one-sided" if design.one_sided else "two-sided"
    lines = [
        f"Schoenfeld: {events:.2f} events for hazard ratio {design.hazard_ratio:g}, "
        f"{design.allocation:g}:1, alpha {design.alpha:g} {sides}, power {design.power:g}",
        f"{needed} patients, of whom {100 * event_share(design):.1f} % have an event by the "
        f"analysis (accrual {design.accrual_months:g} and follow-up {design.follow_up_months:g} "
        f"months, control median {design.control_median_months:g} months, "
        f"{100 * design.dropout_per_year:g} % lost per year; exponential times)",
    ]
    if patients is not None:
        lines.append(
            f"{number} patients: {expected:.1f} events expected, power "
            f"{100 * schoenfeld_power(design, expected):.1f} % by Schoenfeld"
        )
    return number, tuple(lines)
