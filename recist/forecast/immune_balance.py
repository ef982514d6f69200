"""Tumour cells and the immune cells that kill them, in balance. Exploratory simulation only.

Kuznetsov, Makalkin, Taylor and Perelson, Bull Math Biol 1994;56:295, with their values for a
lymphoma of the mouse: ``E' = s + p E T / (g + T) - m E T - d E`` of immune and
``T' = a T (1 - b T) - n E T`` of tumour cells.
Of its three balances with tumour the middle one parts dormancy from escape: below it immune cells
hold the tumour small, above it grows to its capacity. Nothing here is fitted to a patient.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class ImmuneBalance:
    """Balance of immune and tumour cells."""

    immune_cells: float
    tumour_cells: float
    is_stable: bool


@dataclass(frozen=True, slots=True)
class Kuznetsov:
    """The model; cells and days.

    Attributes:
        supply: of immune cells per day (s); ``death``: of them (d); ``loss``: of them per tumour
            cell (m); ``recruitment`` (p), half of it at ``half_at`` tumour cells (g).
        growth: of the tumour (a); ``crowding``: the inverse of its capacity (b); ``killing``: per
            immune cell (n).
    """

    supply: float = 1.3e4
    recruitment: float = 0.1245
    half_at: float = 2.019e7
    loss: float = 3.422e-10
    death: float = 0.0412
    growth: float = 0.18
    crowding: float = 2.0e-9
    killing: float = 1.101e-7

    def balances(self) -> tuple[ImmuneBalance, ...]:
        """All balances with tumour, by its size.

        With tumour, immune cells are ``a (1 - b T) / n``; their own balance then gives a polynomial
        of the third degree in the number of tumour cells, here in units of 10^8.
        """
        unit = 1e8
        half, capacity = self.half_at / unit, self.crowding * unit
        immune = np.poly1d([-capacity, 1.0]) * (self.growth / self.killing)
        there = np.poly1d([1.0, 0.0])
        saturation = np.poly1d([1.0, half])
        lost = np.poly1d([self.loss * unit, self.death])
        balance = self.supply * saturation + immune * (self.recruitment * there - lost * saturation)
        found = sorted(
            float(root.real) * unit
            for root in balance.roots
            if abs(root.imag) < 1e-9 * max(1.0, abs(root.real)) and root.real > 0
        )
        return tuple(
            ImmuneBalance(float(immune(cells / unit)), cells, self._is_stable(cells))
            for cells in found
            if immune(cells / unit) >= 0
        )

    def _is_stable(self, tumour: float) -> bool:
        """Both eigenvalues of the rates of change fall back."""
        immune = self.growth * (1 - self.crowding * tumour) / self.killing
        taken = self.half_at + tumour
        matrix = np.array(
            [
                [
                    self.recruitment * tumour / taken - self.loss * tumour - self.death,
                    self.recruitment * immune * self.half_at / taken**2 - self.loss * immune,
                ],
                [
                    -self.killing * tumour,
                    self.growth * (1 - 2 * self.crowding * tumour) - self.killing * immune,
                ],
            ]
        )
        return bool(np.linalg.eigvals(matrix).real.max() < 0)
