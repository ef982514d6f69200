"""From a measurement table to growth and forecasts, with every assumption beside the numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from imaging.errors import InputError
from imaging.tables.source import Source
from imaging.writing import SCHEMA_VERSION
from recist.cohort.lesion_charts import STYLE, as_pictures
from recist.cohort.sheet import Sheet, SheetRow, figure, percent, sheets_json, write_rows
from recist.course import Course
from recist.forecast.calibration import AHEAD_YEARS, Calibration, World, calibrate
from recist.forecast.curve_models import fit_curves
from recist.forecast.emission import Emission, chance_of_none, new_visible_days
from recist.forecast.fitting import FEWEST_WITHOUT, OAK, fit
from recist.forecast.growth_rate import HYPERPROGRESSION_RATIO, growth_rate
from recist.forecast.immune_balance import Kuznetsov
from recist.forecast.iwata import Iwata
from recist.forecast.new_lesion_history import SHED_POWER, growth_of_own_lesions, history_of
from recist.forecast.new_lesion_rate import (
    HORIZONS_YEARS,
    MOST_OLIGOMETASTASES,
    WEAK,
    GammaPrior,
    expected,
    prior_of,
)
from recist.forecast.size_series import series_of
from recist.protocol import Protocol, effective, load
from recist.table.account import TableAccount, TableResult
from recist.table.course_tables import read_courses
from recist.table.finding import Finding, Severity
from recist.table.output import write_checks
from recist.table.streams import all_written, write_line

DAYS_PER_YEAR = 365.25
CURVES = "growth_curves"
CHECKS, ASSUMPTIONS, AS_JSON = "checks.csv", "assumptions.txt", "forecast.json"


@dataclass(frozen=True, slots=True)
class ForecastResult:
    """What came of a table, and what was assumed."""

    table: TableResult
    assumptions: tuple[str, ...]


def forecast_file(
    measurements: Source,
    out: Path,
    *,
    events: Source | None = None,
    protocol: Protocol | str | Path = "recist11-eortc",
    calibrated_on: int = 0,
    explore: bool = False,
    seed: int = 1,
) -> ForecastResult:
    """Growth of every lesion and sum, and what to expect of new lesions, into a folder.

    Args:
        calibrated_on: patients of the simulated cohorts that show how sure the forecasts are; 0:
            none.
        explore: add the exploratory simulations, which say nothing of a patient.

    Raises:
        InputError: the table cannot be read at all.
    """
    settings = protocol if isinstance(protocol, Protocol) else load(protocol)
    findings: list[Finding] = []
    courses = read_courses(measurements, events, findings=findings, protocol=settings)
    failed = sorted({f.subject for f in findings if f.level is Severity.ERROR and f.subject})
    if not courses and not failed:
        raise InputError("no subject in the table")
    sheets = [_rates(courses), _fits(courses)]
    sheets.append(_curves(courses))
    prior, new_lesions = _new_lesions(courses, settings)
    sheets.append(new_lesions)
    assumptions = [
        "Growth is read outside of the field only: fibrosis breaks it inside.",
        f"Fits: fewer than 3 scans none, 3 and 4 under the prior {OAK.name} ({OAK.source}), "
        "5 and more without.",
        f"Curves ({CURVES}.csv): every curve of five scans and more by its likelihood, the error "
        f"of a reading as in {OAK.name}; compared by Akaike's criterion, and not averaged.",
        f"New lesions: a rate that grows evenly; prior {prior.source} (shape {prior.shape:.3g}, "
        f"worth {prior.years:.3g} years; growth of its logarithm {prior.growth:.2g} per year, "
        f"spread {prior.growth_spread:.2g}). Assumed, not estimated: that it goes on so for the "
        "whole horizon.",
        "Growth of a patient's own lesions lets a growing rate be expected by the power "
        f"{SHED_POWER:g} of their size with which tumours shed (Iwata 2000).",
        "Scans are taken to go on whatever is found; where they stop at a new lesion, the rate is "
        "too high.",
        f"Poly-metastatic: more than {MOST_OLIGOMETASTASES} lesions in all since baseline.",
    ]
    drawings: dict[str, Figure] = {}
    if calibrated_on:
        found = [
            calibrate(world, patients=calibrated_on, seed=seed, learned=learned)
            for world in World
            for learned in (True, False)
        ]
        sheets.append(_calibration(found))
        drawings["calibration"] = calibration_plot(found)
    if explore:
        sheets += [_iwata(), _emission(seed), _immune_balance()]
        assumptions += [f"Exploratory: {line}." for line in Emission().assumptions]
    kept = [sheet for sheet in sheets if sheet.rows]
    names = [f"{sheet.name}.csv" for sheet in kept] + [CHECKS, ASSUMPTIONS, AS_JSON]
    names += [f"{name}.{kind}" for name in drawings for kind in ("svg", "png")]
    with all_written(Path(out), tuple(names)) as files:
        for sheet in kept:
            write_rows(files[f"{sheet.name}.csv"], sheet.columns, sheet.rows)
        for line in assumptions:
            write_line(files[ASSUMPTIONS], line)
        write_checks(files[CHECKS], findings)
        content = {
            "schema_version": SCHEMA_VERSION,
            "protocol": effective(settings),
            "assumptions": assumptions,
            "tables": sheets_json(kept),
        }
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1)
        write_line(files[AS_JSON], text)
        for name, drawing in drawings.items():
            svg, png = as_pictures(drawing)
            files[f"{name}.svg"].write(svg)
            files[f"{name}.png"].write(png)
    account = TableAccount.of({course.subject for course in courses}, findings)
    return ForecastResult(account.in_folder(Path(out)), tuple(assumptions))


def _rates(courses: Sequence[Course]) -> Sheet:
    """The growth rate between every two scans, with its error, and how it changed."""
    rows: list[SheetRow] = []
    for course in courses:
        for series in series_of(course):
            if series.left_out:
                rows.append(
                    {"subject": course.subject, "series": series.name, "field": series.field,
                     "why_not": series.left_out}
                )  # fmt: skip
                continue
            before: float | None = None
            for first, second in pairwise(series.sizes):
                found = growth_rate(
                    first.mm,
                    second.mm,
                    second.day - first.day,
                    log_sd=((first.log_sd**2 + second.log_sd**2) / 2) ** 0.5,
                )
                low, high = found.tgr_interval
                tgr = found.tgr_percent_per_month
                ratio = None if before is None or before <= 0 else tgr / before
                rows.append(
                    {
                        "subject": course.subject,
                        "series": series.name,
                        "field": series.field,
                        "from_day": str(first.day),
                        "to_day": str(second.day),
                        "from_mm": f"{first.mm:.1f}",
                        "to_mm": f"{second.mm:.1f}",
                        "tgr_percent_per_month": f"{tgr:.1f}",
                        "tgr_low": f"{low:.1f}",
                        "tgr_high": f"{high:.1f}",
                        "sgr_percent_per_day": f"{found.sgr_percent_per_day:.4f}",
                        "doubling_days": figure(found.doubling_days, 1),
                        "ratio_to_before": figure(ratio, 2),
                        "hyperprogression": "yes"
                        if ratio is not None and ratio >= HYPERPROGRESSION_RATIO
                        else "",
                        "why_not": "",
                    }
                )
                before = tgr
    columns = ("subject", "series", "field", "from_day", "to_day", "from_mm", "to_mm",
               "tgr_percent_per_month", "tgr_low", "tgr_high", "sgr_percent_per_day",
               "doubling_days", "ratio_to_before", "hyperprogression", "why_not")  # fmt: skip
    return Sheet("growth_rates", "Growth rates", _same_columns(rows, columns))


def _same_columns(rows: Sequence[SheetRow], columns: Sequence[str]) -> tuple[SheetRow, ...]:
    return tuple({column: row.get(column, "") for column in columns} for row in rows)


def _fits(courses: Sequence[Course]) -> Sheet:
    rows: list[SheetRow] = []
    for course in courses:
        for series in series_of(course):
            if series.left_out or not series.sizes:
                continue
            found = fit([size.day for size in series.sizes], [size.mm for size in series.sizes])
            model, interval = found.model, found.kg_interval
            rows.append(
                {
                    "subject": course.subject,
                    "series": series.name,
                    "scans": str(found.scans),
                    "method": str(found.method),
                    "prior": found.prior,
                    "kg_per_day": figure(found.kg, 6),
                    "kg_low": figure(interval[0] if interval else None, 6),
                    "kg_high": figure(interval[1] if interval else None, 6),
                    "ks_per_day": figure(found.ks, 6),
                    "shrinkage_to_prior": figure(found.kg_shrinkage, 2),
                    "time_to_growth_days": figure(model.time_to_growth if model else None, 1),
                    "nadir_percent": percent(model.nadir - 1 if model else None),
                    "flags": "; ".join(found.flags),
                }
            )
    return Sheet("growth_fits", "Growth and shrinkage (Stein)", tuple(rows))


def _curves(courses: Sequence[Course]) -> Sheet:
    """Every curve on every series of five scans and more, the most probable first."""
    rows: list[SheetRow] = []
    for course in courses:
        for series in series_of(course):
            if series.left_out or not series.sizes:
                continue
            days = [size.day for size in series.sizes]
            found = fit_curves(days, [size.mm for size in series.sizes])
            names = {"subject": course.subject, "series": series.name, "scans": str(len(days))}
            if not found:
                rows.append(names | {"why_not": f"fewer than {FEWEST_WITHOUT} scans"})
            rows += [
                names
                | {
                    "curve": each.model.name,
                    "source": each.model.source,
                    "aic": f"{each.aic:.2f}",
                    "aic_above_best": f"{each.aic - found[0].aic:.2f}",
                    "parameters": "; ".join(f"{k} {v:.5g}" for k, v in each.parameters.items()),
                    "nadir_day": f"{days[0] + each.nadir_day:.0f}",
                    "nadir_mm": f"{each.nadir_mm:.1f}",
                    "flags": "; ".join(each.flags),
                }
                for each in found
            ]
    columns = ("subject", "series", "scans", "curve", "source", "aic", "aic_above_best",
               "parameters", "nadir_day", "nadir_mm", "flags", "why_not")  # fmt: skip
    return Sheet(CURVES, "Curves of growth and shrinkage", _same_columns(rows, columns))


def _new_lesions(courses: Sequence[Course], protocol: Protocol) -> tuple[GammaPrior, Sheet]:
    """The rate of new visible lesions and what it foretells, patient by patient."""
    seen = [history_of(course, protocol) for course in courses]
    prior = prior_of([history for _, history in seen])
    rows: list[SheetRow] = []
    for course, (lesions, history) in zip(courses, seen, strict=True):
        own = growth_of_own_lesions(course)
        found = expected(lesions, history, prior, growth=own)
        low, high = found.per_year_interval
        row = {
            "subject": course.subject,
            "reader": course.reader,
            "lesions": str(lesions),
            "new": str(found.new),
            "years": f"{found.years:.3f}",
            "growth_of_own_lesions": "" if own is None else f"{own[0]:.2f} +- {own[1]:.2f}",
            "new_per_year": f"{found.per_year:.2f}",
            "new_per_year_90": f"{low:.2f} to {high:.2f}",
        }
        for words, ahead in HORIZONS_YEARS.items():
            name = words.replace(" ", "_")
            for confidence in (0.5, 0.9):
                a, b = found.count_interval(ahead, confidence)
                row[f"new_in_{name}_{100 * confidence:.0f}"] = f"{a} to {b}"
            row[f"none_in_{name}_percent"] = percent(found.chance_none(ahead))
            row[f"at_most_5_in_{name}_percent"] = percent(
                found.chance_at_most(MOST_OLIGOMETASTASES, ahead)
            )
            row[f"poly_in_{name}_percent"] = percent(found.chance_poly(ahead))
        rows.append(row)
    return prior, Sheet("new_lesions", "New lesions to expect", tuple(rows))


def _calibration(found: Sequence[Calibration]) -> Sheet:
    rows = [
        {
            "world": str(each.world),
            "prior": each.prior,
            "patients": str(each.patients),
            "within_50_percent": percent(each.coverage_50),
            "within_90_percent": percent(each.coverage_90),
            "randomised_50_percent": percent(each.exact_50),
            "randomised_90_percent": percent(each.exact_90),
            "brier": f"{each.brier:.4f}",
            "brier_of_the_rate_alone": f"{each.brier_of_rate:.4f}",
            "bins": "; ".join(f"{p:.3f} foretold, {o:.3f} seen of {n}" for p, o, n in each.bins),
        }
        for each in found
    ]
    return Sheet("calibration", "Calibration on simulated cohorts", tuple(rows))


def calibration_plot(found: Sequence[Calibration]) -> Figure:
    """The chance of poly-metastatic disease foretold, against the share that came."""
    with mpl.rc_context(STYLE):
        drawing = Figure(figsize=(5.2, 5.0), layout="constrained")
        FigureCanvasAgg(drawing)
    axes = drawing.add_subplot()
    axes.plot([0, 1], [0, 1], color="#6b7280", linewidth=0.8, linestyle="--")
    colours = dict(zip(World, ("#0072B2", "#D55E00"), strict=True))
    for each in found:
        weak = each.prior == WEAK.source
        x, y, n = (np.array(column) for column in zip(*each.bins, strict=True))
        error = np.sqrt(np.maximum(y * (1 - y), 1e-9) / n)
        axes.errorbar(
            x, y, error, fmt="s:" if weak else "o-", color=colours[each.world],
            label=f"{each.world}, {'weak' if weak else 'learned'} prior",
        )  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel(f"Poly-metastatic within {AHEAD_YEARS:g} year: foretold")
    axes.set_ylabel("Seen in simulated patients (one standard error)")
    axes.legend(frameon=False, loc="upper left")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return drawing


def _iwata() -> Sheet:
    """Iwata's patient, and the closed forms at constant rates."""
    model = Iwata()
    rows: list[SheetRow] = [
        {
            "what": f"Iwata, day {day}",
            "first_generation": f"{model.first_generation(day):.4f}",
            "all_generations": f"{model.colonies(day):.4f}",
            "visible_5_mm": f"{model.colonies(day, 5):.4f}",
            "visible_10_mm": f"{model.colonies(day, 10):.4f}",
        }
        for day in (500, 1000, 1110, 1500)
    ]
    rows += [
        {
            "what": f"constant rate, {rate} new a year",
            "none_in_6_months": f"{chance_of_none(rate, 0.5):.4f}",
            "none_in_12_months": f"{chance_of_none(rate, 1.0):.4f}",
        }
        for rate in (1, 2, 4)
    ]
    rows.append({"what": f"Iwata in the end grows by {model.malthus_per_day():.8f} per day"})
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    return Sheet("exploratory_iwata", "Iwata (exploratory)", _same_columns(rows, columns))


def _emission(seed: int, patients: int = 1000) -> Sheet:
    """Simulated patients by slice thickness and effect of therapy on growth."""
    rows = []
    for thickness in (1.25, 2.5, 5.0):
        for factor in (1.0, 0.5):
            random = np.random.default_rng(seed)
            emission = Emission(slice_thickness_mm=thickness, therapy_factor=factor)
            counts = np.array(
                [len(new_visible_days(emission, DAYS_PER_YEAR, random)) for _ in range(patients)]
            )
            rows.append(
                {
                    "slice_thickness_mm": f"{thickness:g}",
                    "growth_factor": f"{factor:g}",
                    "new_in_12_months_mean": f"{counts.mean():.2f}",
                    "none_percent": percent(float((counts == 0).mean())),
                    "more_than_5_percent": percent(float((counts > MOST_OLIGOMETASTASES).mean())),
                }
            )
    return Sheet("exploratory_emission", "Emission and growth (exploratory)", tuple(rows))


def _immune_balance() -> Sheet:
    rows = tuple(
        {
            "immune_cells": f"{each.immune_cells:.4g}",
            "tumour_cells": f"{each.tumour_cells:.4g}",
            "balance": "holds" if each.is_stable else "parts dormancy from escape",
        }
        for each in Kuznetsov().balances()
    )
    return Sheet("exploratory_immune_balance", "Kuznetsov (exploratory, of the mouse)", rows)
