"""How many lesions shrank by 30 %, by field class; lesions of one patient are no replicates.

The interval comes from drawing patients, not lesions (cluster bootstrap); Wilson's interval, which
takes every lesion for a patient of its own, is given beside it to show the difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recist.cohort.members import Member
from recist.cohort.proportion import CONFIDENCE, Proportion, Range
from recist.cohort.rates import groups
from recist.course import Field

Counts = npt.NDArray[np.int64]
Rates = npt.NDArray[np.float64]

#: Draws of patients: percentiles are known to about half a percentage point.
DRAWS = 4000
SEED = 20190101
#: How often a patient is drawn, held for so many patients and draws at once (some 30 MB).
DRAWN_AT_ONCE = 4_000_000
#: More patients than this are drawn by kind, not one by one.
MOST_DRAWN_SINGLY = 20_000

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
    everyone: Sequence[Member], *, draws: int = DRAWS, seed: int = SEED
) -> tuple[tuple[LesionRate, ...], tuple[LesionContrast, ...]]:
    """Rates by field class, and the classes against each other."""
    found: list[LesionRate] = []
    compared: list[LesionContrast] = []
    for reader, arm, members in groups(everyone):
        tables = {
            (confirmed, field): _counts(members, field, confirmed=confirmed)
            for confirmed in (False, True)
            for field in Field
        }
        drawn = dict(zip(tables, bootstrap_rates(list(tables.values()), draws, seed), strict=True))
        for confirmed in (False, True):
            for field in Field:
                table = tables[confirmed, field]
                x, n = (int(value) for value in table.sum(axis=0))
                if n:
                    with_lesions = int((table[:, 1] > 0).sum())
                    interval = interval_of(drawn[confirmed, field]) if with_lesions > 1 else None
                    found.append(
                        LesionRate(
                            reader, arm, field, confirmed, Proportion(x, n), with_lesions, interval
                        )
                    )
            for first, second in COMPARED:
                one, other = (confirmed, first), (confirmed, second)
                result = _compare(tables[one], tables[other], drawn[one], drawn[other])
                if result is not None:
                    compared.append(
                        LesionContrast(reader, arm, (first, second), confirmed, *result)
                    )
    return tuple(found), tuple(compared)


def bootstrap_rates(tables: Sequence[Counts], draws: int, seed: int) -> list[Rates]:
    """The rate of lesions in each table for each draw of patients; NaN where no lesion was drawn.

    How often each patient is drawn is the same in all tables, and is not held for all draws at
    once: of a hundred thousand patients that would be gigabytes. Of so many, patients with the
    same lesions are drawn together: there are few kinds of them, and how many of a kind are drawn
    has the same distribution.

    Args:
        tables: (patients, 2), the lesions of each that responded and all of them.
    """
    count = len(tables[0])
    if not count:
        return [np.full(draws, np.nan) for _ in tables]
    # Counts are whole numbers below 2**53: exact as floats, which are multiplied many at a time.
    every = np.hstack(tables).astype(np.float64)
    random = np.random.default_rng(seed)
    shares = np.full(count, 1 / count)
    if count > MOST_DRAWN_SINGLY:
        every, alike = np.unique(every, axis=0, return_counts=True)
        shares = alike / count
    found = np.empty((draws, every.shape[1]))
    step = max(1, DRAWN_AT_ONCE // len(every))
    for start in range(0, draws, step):
        size = min(step, draws - start)
        found[start : start + size] = random.multinomial(count, shares, size=size) @ every
    rates = np.full((draws, len(tables)), np.nan)
    np.divide(found[:, ::2], found[:, 1::2], out=rates, where=found[:, 1::2] > 0)
    return list(rates.T)


def _counts(members: Sequence[Member], field: Field, *, confirmed: bool) -> Counts:
    """How many lesions of a field class responded, and how many there are, by patient."""
    found = np.zeros((len(members), 2), dtype=np.int64)
    for row, member in enumerate(members):
        for lesion in member.lesions:
            if lesion.field is field:
                found[row, 1] += 1
                found[row, 0] += lesion.confirmed if confirmed else lesion.responded
    return found


def interval_of(rates: Rates) -> Range | None:
    """The percentile interval of rates by draw; None where no draw had a lesion."""
    known = rates[np.isfinite(rates)]
    if not known.size:
        return None
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)


def _compare(
    first: Counts, second: Counts, first_drawn: Rates, second_drawn: Rates
) -> tuple[float, Range | None] | None:
    (x_1, n_1), (x_2, n_2) = first.sum(axis=0), second.sum(axis=0)
    if not n_1 or not n_2:
        return None
    return float(x_1 / n_1 - x_2 / n_2), interval_of(first_drawn - second_drawn)
