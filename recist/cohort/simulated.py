"""The tables of one simulated trial, as NCT03548428 is: 2:1, scans by schedule, irradiated and
other lesions. For trying the analysis, and for its tests; nothing in it is a patient.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imaging.errors import InputError
from imaging.writing import write_text
from recist.table.results import csv_line

EXPERIMENTAL, CONTROL = "SBRT + immunotherapy", "SBRT"

#: Assumed of the simulation, not estimated from anything: growth per day (log diameter), its
#: spread between lesions, new lesions per year, shrinkage of irradiated lesions, hazard of death.
GROWTH, GROWTH_SD, NEW_PER_YEAR, DEATHS_PER_YEAR = 0.0022, 0.6, 2.4, 0.28
#: Share of irradiated lesions that come back, and from which day.
REGROWING, REGROWTH_DAY = 0.14, 150
#: What immunotherapy multiplies growth and new lesions with.
EFFECT = 0.55
VISIT_DAYS, LAST_VISIT = 56, 13
MEASURING_ERROR = 0.06
SMALLEST_MM = 5.0
TERMS = ("fatigue", "pneumonitis", "rash", "diarrhoea", "hypothyroidism", "radiation dermatitis")
HISTOLOGIES = ("leiomyosarcoma", "liposarcoma", "undifferentiated")
ORGANS = ("lung", "liver", "bone", "soft tissue", "peritoneum")


@dataclass(frozen=True, slots=True)
class SimulatedTables:
    """Where the tables of a simulated trial lie."""

    measurements: Path
    patients: Path
    toxicity: Path
    quality_of_life: Path


def write_trial(folder: Path, *, patients: int = 96, seed: int = 1) -> SimulatedTables:
    """Write the tables of one trial, in days from the start of treatment.

    Raises:
        InputError: fewer than three patients.
    """
    if patients < 3:
        raise InputError(f"a trial of {patients} patients", remedy="three or more")
    random = np.random.default_rng(seed)
    tables: dict[str, list[list[str]]] = {
        "measurements": [["subject", "day", "lesion", "role", "organ", "nodal", "status",
                          "diameter_mm", "field"]],
        "patients": [["subject", "arm", "line", "histology", "randomisation", "treatment_start",
                      "radiotherapy_start", "radiotherapy_end", "new_therapy", "death",
                      "last_contact", "previous_line_start", "previous_line_progression",
                      "fractions", "dose_gy", "pet_ct_at_inclusion", "per_protocol", "cost",
                      "pd_l1", "ctdna"]],
        "toxicity": [["subject", "term", "grade"]],
        "quality_of_life": [["subject", "day", *(f"q{k}" for k in range(1, 31))]],
    }  # fmt: skip
    digits = len(str(patients))
    for number in range(patients):
        _patient(f"S{number + 1:0{digits}d}", number % 3 != 2, random, tables)
    for name, rows in tables.items():
        write_text(folder / f"{name}.csv", "".join(f"{csv_line(row)}\n" for row in rows))
    return SimulatedTables(*(folder / f"{name}.csv" for name in tables))


def _patient(
    subject: str,
    treated: bool,
    random: np.random.Generator,
    tables: dict[str, list[list[str]]],
) -> None:
    factor = EFFECT if treated else 1.0
    frailty = float(np.exp(random.normal(0, 0.5)))
    death = random.exponential(365 / (DEATHS_PER_YEAR * frailty * (0.7 if treated else 1.0)))
    end = min(float(random.uniform(300, 900)), VISIT_DAYS * LAST_VISIT + 20.0)
    progressed = _scans(subject, (factor, frailty), random, min(death, end), tables["measurements"])
    _row(subject, treated, random, (death, end, progressed), tables["patients"])
    for term in TERMS:
        if random.random() < (0.35 if treated else 0.2):
            grade = 1 + int(random.choice(4, p=(0.5, 0.32, 0.15, 0.03)))
            tables["toxicity"].append([subject, term, str(grade)])
    base = random.choice(4, 30, p=(0.5, 0.3, 0.15, 0.05)) + 1
    for day in range(0, int(min(death, end, 400)), 2 * VISIT_DAYS):
        answers = np.clip(base + random.integers(-1, 2, 30), 1, 4)
        answers[28:] = np.clip(7 - answers[28:] + random.integers(-1, 2, 2), 1, 7)
        tables["quality_of_life"].append([subject, str(day), *map(str, answers)])


def _scans(
    subject: str,
    growth: tuple[float, float],
    random: np.random.Generator,
    until: float,
    rows: list[list[str]],
) -> float | None:
    """The measurements of one patient; scans stop after progression. Returns its day."""
    factor, frailty = growth
    count = int(random.integers(1, 6))
    irradiated = max(1, int(random.binomial(count, 0.7)))
    sizes = random.uniform(10, 60 / max(2, count) + 6, count)
    rates = GROWTH * factor * np.exp(random.normal(0, GROWTH_SD, count)) * frailty
    if factor < 1:  # some patients respond outside of the field
        rates = np.where(random.random() < 0.3, -np.abs(rates) * 2.5, rates)
    organs = random.choice(ORGANS, count)
    back = random.random(count) < REGROWING
    appeared: list[tuple[float, str, str]] = []
    day, smallest = 0.0, np.inf
    baseline = -int(random.integers(3, 21))
    days = [baseline, *(max(1, VISIT_DAYS * k + int(random.integers(-5, 6)))
                        for k in range(1, LAST_VISIT + 1))]  # fmt: skip
    progression = None
    for day in days:
        if day > until or (day > 0 and random.random() < 0.03):
            continue
        since = max(0, day)
        total = 0.0
        for k in range(count):
            inside = k < irradiated
            if inside:
                log_change = -0.0035 * min(since, 200)
                if back[k]:
                    log_change += 0.006 * max(0, since - REGROWTH_DAY)
            else:
                log_change = float(rates[k]) * since
            true = sizes[k] * np.exp(log_change)
            seen = round(float(true * np.exp(random.normal(0, MEASURING_ERROR))), 1)
            gone = seen < SMALLEST_MM
            total += 0 if gone else seen
            status = "absent" if gone else "measured"
            rows.append(
                [subject, str(day), f"L{k + 1}", "target", str(organs[k]), "no", status,
                 "" if gone else f"{seen:.1f}", "in" if inside else "out"]
            )  # fmt: skip
        if day > 0:
            births = random.poisson(NEW_PER_YEAR * factor * frailty * VISIT_DAYS / 365 / 2)
            for _ in range(births):
                field = "in" if random.random() < 0.1 else "out"
                appeared.append((day, f"N{len(appeared) + 1}", field))
            for _, name, field in appeared:
                rows.append([subject, str(day), name, "new", "lung", "no", "present", "", field])
            grown = total >= 1.2 * smallest and total - smallest >= SMALLEST_MM
            if progression is None and (appeared or grown):
                progression = day
            elif progression is not None and day - progression > 60:
                break
        smallest = min(smallest, total)
    return progression


def _row(
    subject: str,
    treated: bool,
    random: np.random.Generator,
    course: tuple[float, float, float | None],
    rows: list[list[str]],
) -> None:
    death, end, progressed = course
    fractions = int(random.choice((3, 5)))
    start = int(random.integers(2, 15))
    died = death <= end
    previous = -int(random.integers(90, 700))
    known = random.random() < 0.85
    new_therapy = ""
    if progressed is not None and random.random() < 0.4 and progressed + 40 < min(death, end):
        new_therapy = str(int(progressed) + int(random.integers(10, 40)))
    rows.append(
        [subject, EXPERIMENTAL if treated else CONTROL, str(random.integers(1, 4)),
         str(random.choice(HISTOLOGIES)), "-3", "0", str(start),
         str(start + (fractions - 1) * 3), new_therapy,
         str(int(max(death, 30))) if died else "", str(int(max(30, min(death, end)))),
         str(previous), str(int(random.integers(previous + 30, -25))) if known else "",
         str(fractions), str(fractions * (15 if fractions == 3 else 8)),
         "yes" if random.random() < 0.62 else "no", "yes" if random.random() < 0.95 else "no",
         str(int(random.normal(42000 if treated else 12000, 6000))),
         str(round(float(random.beta(0.8, 3) * 100))), f"{float(np.exp(random.normal(1, 1))):.2f}"]
    )  # fmt: skip
