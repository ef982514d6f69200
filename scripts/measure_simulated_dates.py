"""Response categories between dates of known change, and how far their probability can be believed.

    python scripts/measure_simulated_dates.py DATA/sts -o FOLDER

Every patient of the folder is enlarged and shrunk to five dates and delineated by the network that
left it out, by a click at each date and by the outline of the date before. Between every two dates,
either way, the category by the diameters found is held against the true one: Cohen's kappa, with a
95 % interval by patient, and beside it that of a reader who measures the true diameters with the
published repeatability. The probability that the toolkit gives a category is held against how often
the category was right (``reliability.png``): with errors that are drawn anew at every date, and
with the share of them that lasts, chosen for each fifth of the patients on the others.
Patients that are done are kept in ``dates.csv``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import pairwise, permutations
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from imaging.tables.rows import csv_text, written_rows
from imaging.volume import Array, FloatArray, Mask
from imaging.writing import write_text
from recist.criteria.robustness import ONE_READER
from recist.criteria.thresholds import PD_FACTOR, PD_GROWTH_MM, PR_FACTOR
from recist.measure import caliper
from segmentation.bundle import load_bundle
from segmentation.evaluation import bootstrap, kappa
from segmentation.intervals import NORMAL_90, DiameterError, measured_error
from segmentation.packing import case_names
from segmentation.training import read_folds
from segmentation.validation import (
    SimulatedDate,
    categories_between,
    fold_bundle,
    simulated_dates,
)

READINGS = 4000
#: Shares of the variance that last from date to date, to choose from.
SHARES = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
FOLDS = 5
#: Bins of the reliability plot.
EDGES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0001)

Dates = dict[str, tuple[SimulatedDate, ...]]


def category(before: float, after: float) -> str:
    """RECIST 1.1 of one target between two dates (Eisenhauer 2009, section 4.3)."""
    if after <= before * float(PR_FACTOR):
        return "PR"
    grown = after >= before * float(PD_FACTOR) and after - before >= float(PD_GROWTH_MM)
    return "PD" if grown else "SD"


def categories(before: FloatArray, after: FloatArray) -> Array:
    """The same of many readings."""
    grown = (after >= before * float(PD_FACTOR)) & (after - before >= float(PD_GROWTH_MM))
    shrunk = after <= before * float(PR_FACTOR)
    return np.select([shrunk, grown], ["PR", "PD"], "SD")


def longest_mm(mask: Mask) -> float:
    return float(caliper(mask).long_axis_mm)


def measured(folder: Path, out: Path, model: Path | None) -> Dates:
    bundle = load_bundle(model)
    folds = read_folds(bundle.root / "configs" / "folds.json")
    table = out / "dates.csv"
    rows = list(written_rows(table).rows)
    done = {row["case"] for row in rows}
    for name in case_names(folder):
        if name in done or name not in folds:
            continue
        found = simulated_dates(folder, name, fold_bundle(bundle, folds[name]), longest_mm)
        rows += [{"case": name} | {k: str(v) for k, v in asdict(one).items()} for one in found]
        write_text(table, csv_text(rows, list(rows[0])))
        print(name, flush=True)
    dates: dict[str, list[SimulatedDate]] = {}
    for row in rows:
        values = {key: float(value) for key, value in row.items() if key != "case"}
        dates.setdefault(row["case"], []).append(SimulatedDate(**values))
    return {name: tuple(found) for name, found in dates.items()}


def by_patient(pairs: Sequence[Sequence[tuple[str, str]]]) -> str:
    """Kappa of all pairs with an interval by bootstrap over patients."""

    def of(chosen: Sequence[float]) -> float:
        every = [pair for n in chosen for pair in pairs[int(n)]]
        return kappa([true for true, _ in every], [found for _, found in every])

    told = bootstrap([float(n) for n in range(len(pairs))], statistic=of, samples=500)
    return f"{told.value:.2f} ({told.low:.2f} to {told.high:.2f})"


def reader(dates: Dates) -> str:
    """The same of a reader who measures true diameters with the error of one observer."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(200):
        every = []
        for one in dates.values():
            read = {d: d.true_mm * float(np.exp(rng.normal(0, ONE_READER.lesion_sd))) for d in one}
            every += categories_between(one, category, lambda d, read=read: read[d])  # type: ignore[misc]
        found.append(kappa([true for true, _ in every], [told for _, told in every]))
    low, high = np.percentile(found, [2.5, 97.5])
    return f"{np.mean(found):.2f} ({low:.2f} to {high:.2f})"


Believed = list[tuple[float, bool]]


def believed(
    one: Sequence[SimulatedDate],
    error: DiameterError,
    length: Callable[[SimulatedDate], float],
    lasting: float,
) -> Believed:
    """The probability of each category found of a patient, and whether it was the true one."""
    rng = np.random.default_rng(0)
    told = []
    for before, after in permutations(one, 2):
        if min(length(before), length(after)) <= 0:
            continue
        read = []
        kept = np.sqrt(lasting) * rng.normal(size=READINGS)
        for date in (before, after):
            low, high = error.interval_mm(length(date))
            spread = (high - low) / 2.0 / NORMAL_90 / length(date)
            drawn = kept + np.sqrt(1.0 - lasting) * rng.normal(size=READINGS)
            read.append(length(date) * np.exp(spread * drawn))
        found = category(length(before), length(after))
        same = categories(*read) == found
        right = found == category(before.true_mm, after.true_mm)
        told.append((float(np.mean(same)), right))
    return told


def left_out(by_share: dict[float, list[Believed]]) -> tuple[Believed, list[float]]:
    """Every patient by the share that suits the patients of the other fifths; these shares."""
    patients = len(next(iter(by_share.values())))

    def score(share: float, without: int) -> float:
        kept = [p for n, pairs in enumerate(by_share[share]) if n % FOLDS != without for p in pairs]
        given = np.clip([p if right else 1.0 - p for p, right in kept], 0.01, 0.99)
        return float(np.log(given).mean())

    chosen = [max(by_share, key=lambda s, n=n: score(s, n)) for n in range(FOLDS)]  # type: ignore[misc]
    told = [pair for n in range(patients) for pair in by_share[chosen[n % FOLDS]][n]]
    return told, chosen


def plotted(told: dict[str, list[tuple[float, bool]]], path: Path) -> None:
    figure = Figure(figsize=(4.4, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for name, pairs in told.items():
        points = binned(pairs)
        axes.plot([p for p, _, _ in points], [share for _, share, _ in points], "o-", label=name)
    axes.set(
        xlabel="probability given to the category",
        ylabel="share that was right",
        xlim=(0.3, 1.02),
        ylim=(0.3, 1.02),
    )
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=110)


def binned(pairs: Sequence[tuple[float, bool]]) -> list[tuple[float, float, int]]:
    """(mean probability, share right, pairs) of each bin."""
    probability = np.array([p for p, _ in pairs])
    right = np.array([r for _, r in pairs])
    found = []
    for low, high in pairwise(EDGES):
        own = (probability >= low) & (probability < high)
        if own.any():
            found.append((float(probability[own].mean()), float(right[own].mean()), int(own.sum())))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--model", type=Path)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    dates = measured(given.data, given.out, given.model)
    ways: dict[str, Callable[[SimulatedDate], float]] = {
        "click": lambda date: date.click_mm,
        "carried": lambda date: date.carried_mm,
    }
    told = {}
    for name, length in ways.items():
        pairs = [categories_between(one, category, length) for one in dates.values()]
        every = [(length(d), d.true_mm, case) for case, one in dates.items() for d in one]
        found, true, cases = zip(*(row for row in every if row[0] > 0), strict=True)
        error = measured_error(found, true, cases)
        by_share = {
            share: [believed(one, error, length, share) for one in dates.values()]
            for share in SHARES
        }
        told[f"{name}, errors anew"] = [pair for pairs in by_share[0.0] for pair in pairs]
        told[name], chosen = left_out(by_share)
        print(f"{name}: kappa {by_patient(pairs)} of {len(dates)} patients, {sum(map(len, pairs))}")
        print(f"  error of a diameter {error}")
        print(f"  shares that last, each chosen on the other fifths: {chosen}")
        for kind in (f"{name}, errors anew", name):
            print(f"  {kind}: probability, share right, pairs")
            for probability, share, count in binned(told[kind]):
                print(f"    {probability:.2f} {share:.2f} {count}")
    print(f"a reader: kappa {reader(dates)}")
    plotted(told, given.out / "reliability.png")


if __name__ == "__main__":
    main()
