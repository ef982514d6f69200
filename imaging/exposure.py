"""The dose that a lesion received: per irradiation, cumulated, and under registration errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from imaging.dose_tail import Tail
from imaging.dvh import NEAR_MAXIMUM_ML, Dvh, Samples, dvh
from imaging.treatment import Irradiation, Treatment
from imaging.volume import FloatArray

#: Points (n, 3) LPS mm of the image to the frame of reference of the treatment.
ToPlanning = Callable[[FloatArray], FloatArray]

#: Points per lesion in each sampled shift: enough for a percentile to a few parts in a thousand.
SHIFT_POINTS = 1000


@dataclass(frozen=True, slots=True)
class DoseFacts:
    """What a field class is decided on; of one lesion at one place.

    Attributes:
        known: every part of the lesion lies on every dose grid.
        volume_at_half, volume_at_95: greatest share, over the irradiations, of the lesion with at
            least 50 % and 95 % of the prescription.
        covered_by: the irradiation (number) with the greatest share at 50 %.
        near_max_gy: D0.03cc or D2 % of the cumulated dose.
        upper_bound_gy: maximum with low doses raised to what they may have been.
    """

    known: bool
    volume_at_half: float
    volume_at_95: float
    covered_by: int
    mean_gy: float
    min_gy: float
    max_gy: float
    near_max_gy: float
    upper_bound_gy: float


UNKNOWN_DOSE = DoseFacts(False, *(float("nan"),) * 2, 0, *(float("nan"),) * 5)


@dataclass(frozen=True, slots=True, eq=False)
class Exposure:
    """The dose of a lesion.

    Attributes:
        total: cumulated physical dose; None when a part of the lesion is off a dose grid.
        eqd2_mean_gy: (alpha/beta, mean of the voxel-wise sum), empty when it cannot be computed.
        shifted: the same facts at sampled shifts.
        outside: share of the lesion, 0..1, that lies off a dose grid.
    """

    facts: DoseFacts
    total: Dvh | None
    eqd2_mean_gy: tuple[tuple[float, float], ...]
    shifted: tuple[DoseFacts, ...]
    outside: float

    @property
    def envelope(self) -> tuple[tuple[str, float, float], ...]:
        """5th and 95th percentile of mean, minimum and maximum in Gy, the unshifted one within.

        Over the shifts that stay on the dose grids; empty when there are none. In a valley or on a
        peak of the dose every shift leads to one side: what was planned bounds the interval.
        """
        known = [facts for facts in self.shifted if facts.known]
        if not known or self.total is None:
            return ()
        found = []
        for name in ("mean_gy", "min_gy", "max_gy"):
            low, high = np.percentile([getattr(facts, name) for facts in known], (5.0, 95.0))
            nominal: float = getattr(self.total, name)
            found.append((name, min(float(low), nominal), max(float(high), nominal)))
        return tuple(found)


def expose(
    samples: Samples,
    treatment: Treatment,
    *,
    tail: Tail,
    alpha_betas_gy: tuple[float, ...],
    shifts_mm: FloatArray,
) -> Exposure:
    """The dose of a lesion, given as samples in the frame of reference of the treatment.

    Args:
        shifts_mm: (m, 3) rigid shifts at which the facts are taken again.
    """
    irradiations = treatment.with_dose
    per_plan = np.array([item.at_gy(samples.points_mm) for item in irradiations])
    total = per_plan.sum(axis=0)
    fraction = _near_maximum_share(samples.volume_ml)
    facts = dose_facts(per_plan, samples.weights_mm3, irradiations, tail, fraction)
    return Exposure(
        facts=facts,
        total=dvh(total, samples),
        eqd2_mean_gy=_eqd2(per_plan, samples, irradiations, alpha_betas_gy),
        shifted=_shifted(samples, irradiations, tail, fraction, shifts_mm),
        outside=float(np.average(np.isnan(total), weights=samples.weights_mm3)),
    )


def _near_maximum_share(volume_ml: float) -> float:
    """The hottest share of the lesion that is its near-maximum: 0.03 cc, or 2 % when small."""
    return NEAR_MAXIMUM_ML / volume_ml if volume_ml >= 10 * NEAR_MAXIMUM_ML else 0.02


def dose_facts(
    per_plan_gy: FloatArray,
    weights: FloatArray,
    irradiations: tuple[Irradiation, ...],
    tail: Tail,
    near_maximum_share: float,
) -> DoseFacts:
    """Facts from the doses of each irradiation (plans, n) at weighted samples (n,)."""
    total = per_plan_gy.sum(axis=0)
    if np.isnan(total).any():
        return UNKNOWN_DOSE
    weights = weights / weights.sum()
    half, most, best = 0.0, 0.0, 0
    bound = np.zeros(len(total))
    for number, (item, dose_gy) in enumerate(zip(irradiations, per_plan_gy, strict=True)):
        given = item.given_gy
        # Without a prescription there is no isodose; the whole dose may be underestimated.
        low = dose_gy < tail.isodose * given if given else np.ones(len(total), dtype=np.bool_)
        bound += np.where(low, dose_gy * tail.factor, dose_gy)
        if not given:
            continue
        share = float(weights[dose_gy >= 0.5 * given].sum())
        if share > half:
            half, best = share, number
            most = float(weights[dose_gy >= 0.95 * given].sum())
    order = np.argsort(-total)
    near = np.searchsorted(np.cumsum(weights[order]), near_maximum_share)
    return DoseFacts(
        known=True,
        volume_at_half=min(half, 1.0),
        volume_at_95=min(most, 1.0),
        covered_by=best,
        mean_gy=float(total @ weights),
        min_gy=float(total.min()),
        max_gy=float(total.max()),
        near_max_gy=float(total[order[min(int(near), len(order) - 1)]]),
        upper_bound_gy=float(bound.max()),
    )


def _eqd2(
    per_plan_gy: FloatArray,
    samples: Samples,
    irradiations: tuple[Irradiation, ...],
    alpha_betas_gy: tuple[float, ...],
) -> tuple[tuple[float, float], ...]:
    """Mean over the lesion of the EQD2 that is converted per plan and point, then added."""
    if np.isnan(per_plan_gy).any():
        return ()
    found = []
    for alpha_beta in alpha_betas_gy:
        total = np.zeros(per_plan_gy.shape[1])
        for item, dose_gy in zip(irradiations, per_plan_gy, strict=True):
            converted = item.eqd2_gy(dose_gy, alpha_beta)
            if converted is None:
                return ()
            total += converted
        found.append((alpha_beta, float(np.average(total, weights=samples.weights_mm3))))
    return tuple(found)


def _shifted(
    samples: Samples,
    irradiations: tuple[Irradiation, ...],
    tail: Tail,
    near_maximum_share: float,
    shifts_mm: FloatArray,
) -> tuple[DoseFacts, ...]:
    """Facts at each shift, on a seeded random choice of the samples."""
    if not len(shifts_mm):
        return ()
    count = len(samples.points_mm)
    chosen = np.random.default_rng(count).permutation(count)[:SHIFT_POINTS]
    points, weights = samples.points_mm[chosen], samples.weights_mm3[chosen]
    moved = (points[None] + shifts_mm[:, None]).reshape(-1, 3)
    doses = np.array([item.at_gy(moved) for item in irradiations])
    doses = doses.reshape(len(irradiations), len(shifts_mm), len(points))
    return tuple(
        dose_facts(doses[:, n], weights, irradiations, tail, near_maximum_share)
        for n in range(len(shifts_mm))
    )
