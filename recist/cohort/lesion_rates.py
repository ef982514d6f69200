"""How many lesions shrank by 30 %, by field class; lesions of one patient are no replicates.

The interval comes from drawing patients, not lesions (cluster bootstrap); Wilson's interval, which
takes every lesion for a patient of its own, is given beside it to show the difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recist.abscopal.lesion_changes import SizesOfLesion
from recist.cohort.patients import Patient
from recist.cohort.proportion import CONFIDENCE, Proportion, Range
from recist.cohort.rates import groups
from recist.course import Field

Counts = npt.NDArray[np.int64]

#: Draws of patients: percentiles are known to about half a percentage point.
DRAWS = 4000
SEED = 20190101

#: Field classes that are compared: the low-dose bath, or the field, with no dose (Menon 2019).
COMPARED = ((Field.LOW_DOSE, Field.OUT), (Field.IN, Field.OUT))


@dataclass(frozen=True, slots=True)
class LesionRate:
    """Lesions that responded by 30 % among those measured again.

    Attributes:
        patients: with at least one such lesion.
        bootstrap: by drawing patients; None with fewer than two of them.
    """

    reader: str
    arm: str
    field: Field
    confirmed: bool
    proportion: Proportion
    patients: int
    bootstrap: Range | None


@dataclass(frozen=True, slots=True)
class LesionContrast:
    """The difference of two field classes, the first less the second."""

    reader: str
    arm: str
    fields: tuple[Field, Field]
    confirmed: bool
    difference: float
    bootstrap: Range | None


def lesion_rates(
    patients: Sequence[Patient], *, draws: int = DRAWS, seed: int = SEED
) -> tuple[tuple[LesionRate, ...], tuple[LesionContrast, ...]]:
    """Rates by field class, and the classes against each other."""
    found: list[LesionRate] = []
    compared: list[LesionContrast] = []
    for reader, arm, members in groups(patients):
        weights = draw_patients(len(members), draws, seed)
        for confirmed in (False, True):
            tables = {field: _counts(members, field, confirmed=confirmed) for field in Field}
            for field, table in tables.items():
                x, n = (int(value) for value in table.sum(axis=0))
                if n:
                    with_lesions = int((table[:, 1] > 0).sum())
                    interval = cluster_bootstrap(table, weights) if with_lesions > 1 else None
                    found.append(
                        LesionRate(
                            reader, arm, field, confirmed, Proportion(x, n), with_lesions, interval
                        )
                    )
            for first, second in COMPARED:
                result = _compare(tables[first], tables[second], weights)
                if result is not None:
                    compared.append(
                        LesionContrast(reader, arm, (first, second), confirmed, *result)
                    )
    return tuple(found), tuple(compared)


def draw_patients(count: int, draws: int, seed: int) -> Counts:
    """How often each patient is drawn: (draws, patients)."""
    if not count:
        return np.zeros((draws, 0), dtype=np.int64)
    return np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws)


def cluster_bootstrap(table: Counts, weights: Counts) -> Range | None:
    """The percentile interval of a rate of lesions, by drawing patients.

    Args:
        table: (patients, 2), the lesions of each that responded and all of them.
        weights: of :func:`draw_patients`.
    """
    return _interval(_rates(weights, table))


def _counts(members: Sequence[Patient], field: Field, *, confirmed: bool) -> Counts:
    """How many lesions of a field class responded, and how many there are, by patient."""
    return np.array(
        [
            (sum(_responded(each, confirmed=confirmed) for each in own), len(own))
            for own in (_followed(patient, field) for patient in members)
        ],
        dtype=np.int64,
    ).reshape(-1, 2)


def _followed(patient: Patient, field: Field) -> list[SizesOfLesion]:
    lesions = () if patient.finding is None else patient.finding.lesions
    return [each for each in lesions if each.field is field and each.sizes_mm]


def _responded(change: SizesOfLesion, *, confirmed: bool) -> bool:
    return (change.confirmed_day if confirmed else change.response_day) is not None


def _rates(weights: Counts, table: Counts) -> npt.NDArray[np.float64]:
    """The rate of each draw; NaN where no lesion was drawn."""
    responding, lesions = (weights @ table).T.astype(np.float64)
    rates = np.full(len(weights), np.nan)
    np.divide(responding, lesions, out=rates, where=lesions > 0)
    return rates


def _interval(rates: npt.NDArray[np.float64]) -> Range | None:
    known = rates[np.isfinite(rates)]
    if not known.size:
        return None
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)


def _compare(first: Counts, second: Counts, weights: Counts) -> tuple[float, Range | None] | None:
    (x_1, n_1), (x_2, n_2) = first.sum(axis=0), second.sum(axis=0)
    if not n_1 or not n_2:
        return None
    drawn = _rates(weights, first) - _rates(weights, second)
    return float(x_1 / n_1 - x_2 / n_2), _interval(drawn)
