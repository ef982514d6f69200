"""Errors of type I and coverage over 10,000 simulated cohorts of 100 patients.

Figures are printed (``pytest -m slow -s``); each is held to four Monte Carlo standard errors of
what the method promises, or of what its publication says of it.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from recist.cohort.design import log_rank_z
from recist.cohort.growth_modulation import midrank_share
from recist.cohort.hazards import log_rank
from recist.cohort.proportion import Proportion, contrast

pytestmark = pytest.mark.slow

COHORTS, PATIENTS = 10_000, 100


def monte_carlo_error(share: float) -> float:
    return math.sqrt(share * (1 - share) / COHORTS)


def test_the_log_rank_test_rejects_five_percent_of_equal_arms() -> None:
    random = np.random.default_rng(20)
    rejected = 0
    arm = np.arange(PATIENTS) < 67
    for cohort in range(COHORTS):
        time, end = random.exponential(200, PATIENTS), random.uniform(100, 500, PATIENTS)
        event = time <= end
        z = log_rank_z(np.minimum(time, end), event, arm)
        assert z is not None
        if cohort < 100:  # the statistic of the reports is the same
            found = log_rank(np.minimum(time, end), event, arm)
            assert found is not None and found.chi_squared == pytest.approx(z**2)
        rejected += z**2 > 3.841458820694124
    print(f"\nlog-rank, type I error at 5 %: {rejected / COHORTS:.4f}")
    assert abs(rejected / COHORTS - 0.05) < 4 * monte_carlo_error(0.05)


@pytest.mark.parametrize(("p1", "p2"), [(0.3, 0.3), (0.35, 0.15), (0.6, 0.4)])
def test_intervals_of_a_difference_cover_it(p1: float, p2: float) -> None:
    random = np.random.default_rng(21)
    firsts, seconds = random.binomial(67, p1, COHORTS), random.binomial(33, p2, COHORTS)
    cache: dict[tuple[int, int], tuple[bool, bool]] = {}
    inside = np.zeros(2)
    for x, y in zip(firsts.tolist(), seconds.tolist(), strict=True):
        if (x, y) not in cache:
            found = contrast(Proportion(x, 67), Proportion(y, 33))
            assert found is not None
            cache[x, y] = (
                found.newcombe[0] <= p1 - p2 <= found.newcombe[1],
                found.miettinen_nurminen[0] <= p1 - p2 <= found.miettinen_nurminen[1],
            )
        inside += cache[x, y]
    shares = inside / COHORTS
    print(f"\n{p1} - {p2}: Newcombe covers {shares[0]:.4f}, Miettinen-Nurminen {shares[1]:.4f}")
    # Approximate for counts: Newcombe 1998 reports 0.93 to 0.97 at such sizes.
    assert ((shares > 0.935) & (shares < 0.97)).all()


@pytest.mark.parametrize("p", [0.02, 0.1, 0.3, 0.5])
def test_the_exact_interval_covers_at_least_what_it_says(p: float) -> None:
    random = np.random.default_rng(22)
    known = [Proportion(x, PATIENTS) for x in range(PATIENTS + 1)]
    exact = [each.clopper_pearson or (0, 1) for each in known]
    wilson = [each.wilson or (0, 1) for each in known]
    drawn = random.binomial(PATIENTS, p, COHORTS)
    share = float(np.mean([exact[x][0] <= p <= exact[x][1] for x in drawn]))
    of_wilson = float(np.mean([wilson[x][0] <= p <= wilson[x][1] for x in drawn]))
    print(f"\np = {p}: Clopper-Pearson covers {share:.4f}, Wilson {of_wilson:.4f}")
    assert share > 0.95 - 4 * monte_carlo_error(0.95)
    assert 0.90 < of_wilson < 0.985


def midrank_of(x: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Wald's and Wilson's interval of ``x`` of the patients, by the estimator itself."""
    now = np.where(np.arange(PATIENTS) < x, 200.0, 50.0)
    found = midrank_share(np.full(PATIENTS, 100.0), now, np.ones(PATIENTS, dtype=bool), 1.33)
    return found.interval, found.wilson


@pytest.mark.parametrize("censored", [0.0, 0.2])
def test_the_midrank_share_is_near_the_truth(censored: float) -> None:
    """Paired log-normal times, correlation 0.5: P(ratio > 1.33) is known.

    Texier 2018: a slight underestimate with censoring. Without censoring the estimate is a plain
    share, so that the intervals cover what Wald's and Wilson's cover by the binomial distribution:
    94.38 % and 95.55 % of this share in 100 patients, not 95.
    """
    random = np.random.default_rng(23)
    shift, sd = 0.2, 0.8
    spread = sd * math.sqrt(2 * (1 - 0.5))
    truth = 0.5 * math.erfc((math.log(1.33) - shift) / (spread * math.sqrt(2)))
    shares, inside = [], np.zeros(2)
    for _ in range(COHORTS):
        common = random.normal(0, sd * math.sqrt(0.5), PATIENTS)
        before = 100 * np.exp(common + random.normal(0, sd * math.sqrt(0.5), PATIENTS))
        now = 100 * np.exp(shift + common + random.normal(0, sd * math.sqrt(0.5), PATIENTS))
        end = np.full(PATIENTS, np.inf)
        if censored:
            end = random.exponential(now.mean() * (1 - censored) / censored, PATIENTS)
        found = midrank_share(before, np.minimum(now, end), now <= end, 1.33)
        shares.append(found.share)
        ends = (found.interval, found.wilson)
        inside += [low <= truth <= high for low, high in ends]
    mean, (wald, wilson) = float(np.mean(shares)), inside / COHORTS
    known = [midrank_of(x) for x in range(PATIENTS + 1)]
    chances = stats.binom.pmf(range(PATIENTS + 1), PATIENTS, truth)
    exact = [
        sum(p for p, each in zip(chances, known, strict=True) if each[k][0] <= truth <= each[k][1])
        for k in range(2)
    ]
    print(
        f"\ncensored {censored:.0%}: truth {truth:.4f}, mean {mean:.4f}, covers {wald:.4f} (Wald; "
        f"{exact[0]:.4f} by the binomial), {wilson:.4f} (Wilson; {exact[1]:.4f})"
    )
    assert abs(mean - truth) < (0.002 if not censored else 0.03)
    for found_share, share in zip((wald, wilson), exact, strict=True):
        assert abs(found_share - share) < 4 * monte_carlo_error(share)
