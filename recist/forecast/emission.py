"""Metastases as a Poisson process: emitted by a growing tumour, visible when they are large enough.

What is visible within a year was seeded long before: ablating what is seen now cannot change it,
therapy that slows growth can. The laws of emission and growth are assumed, never estimated from a
patient: total burden cannot tell them apart (Hanin 2016, Benzekry 2016).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imaging.errors import InputError

#: Cells in a cubic centimetre of tumour.
CELLS_PER_CM3 = 1e9
#: A lesion is called when it is as large as two slices are thick, and never below this.
SLICES_TO_SEE, SMALLEST_VISIBLE_MM = 2.0, 5.0


def cells_of(diameter_mm: float) -> float:
    """Cells of a sphere."""
    return math.pi / 6 * (diameter_mm / 10) ** 3 * CELLS_PER_CM3


def visible_from_mm(slice_thickness_mm: float) -> float:
    """The diameter from which a lesion is seen on slices of a thickness."""
    return max(SMALLEST_VISIBLE_MM, SLICES_TO_SEE * slice_thickness_mm)


def chance_of_none(per_year: float, years: float) -> float:
    """No new visible lesion in a time, at a constant rate."""
    return math.exp(-per_year * years)


@dataclass(frozen=True, slots=True)
class Emission:
    """The assumptions of a simulated patient.

    Attributes:
        doubling_days: of the source tumour and, at the middle, of its metastases.
        doubling_spread: of the logarithm, between metastases.
        rate_per_cell_day: of emission; ``power``: of the number of cells.
        source_cells: at time zero, when all that is visible is ablated, the source too.
        slice_thickness_mm: of the scans.
        therapy_factor: by which growth is multiplied from time zero on; 1: no effect.
    """

    doubling_days: float = 90.0
    doubling_spread: float = 0.4
    rate_per_cell_day: float = 4e-7
    power: float = 0.663
    source_cells: float = 2e10
    slice_thickness_mm: float = 2.5
    therapy_factor: float = 1.0

    def __post_init__(self) -> None:
        if min(self.doubling_days, self.rate_per_cell_day, self.source_cells) <= 0:
            raise InputError("doubling time, emission and size must be above zero")
        if self.doubling_spread < 0 or self.therapy_factor <= 0:
            raise InputError("a spread below zero, or a factor of zero")

    @property
    def assumptions(self) -> tuple[str, ...]:
        return (
            f"source doubles every {self.doubling_days:g} days up to {self.source_cells:g} cells",
            f"emits {self.rate_per_cell_day:g} x cells^{self.power:g} per day until ablated",
            f"metastases double alike, spread of the logarithm {self.doubling_spread:g}",
            f"visible from {visible_from_mm(self.slice_thickness_mm):g} mm "
            f"({self.slice_thickness_mm:g} mm slices)",
            f"growth after time zero multiplied by {self.therapy_factor:g}",
        )


def new_visible_days(
    emission: Emission, until_days: float, random: np.random.Generator
) -> npt.NDArray[np.float64]:
    """The days after ablation on which further lesions become visible, in order.

    Seeds fall as an inhomogeneous Poisson process while the source grows; each grows at a rate of
    its own. Those visible at time zero are ablated with the source; the others appear later.
    """
    growth = math.log(2) / emission.doubling_days
    exponent = emission.power * growth
    total = emission.rate_per_cell_day * emission.source_cells**emission.power / exponent
    age = math.log(emission.source_cells) / growth
    seeds = random.exponential(1 / exponent, random.poisson(total))  # days before time zero
    seeds = seeds[seeds < age]
    rates = growth * np.exp(random.normal(0, emission.doubling_spread, len(seeds)))
    target = math.log(cells_of(visible_from_mm(emission.slice_thickness_mm)))
    left = target - rates * seeds
    waiting = left[left > 0] / (rates[left > 0] * emission.therapy_factor)
    return np.sort(waiting[waiting <= until_days])
