"""Log-rank tests and Cox models against what R's ``survival`` prints."""

from __future__ import annotations

import math

import numpy as np
import pytest

from imaging.errors import InputError
from recist.cohort.hazards import concordance, cox, log_rank, proportionality

from .conftest import Table
from .test_survival import PLACEBO, SIX_MP


def test_lung_by_sex(lung: Table) -> None:
    days, died, sex = lung.numbers("days"), lung.numbers("status") == 2, lung.numbers("sex")
    test = log_rank(days, died, sex)
    assert test is not None
    assert test.chi_squared == pytest.approx(10.326742, abs=5e-7)
    assert test.p == pytest.approx(0.00131116, abs=5e-9)
    effects = cox(days, died, {"sex": sex})
    assert effects is not None
    assert effects[0].log_hazard_ratio == pytest.approx(-0.531024, abs=5e-7)
    assert effects[0].standard_error == pytest.approx(0.167179, abs=5e-7)
    assert effects[0].hazard_ratio == pytest.approx(0.58800, abs=5e-6)
    assert effects[0].interval == pytest.approx((0.4237, 0.8160), abs=5e-5)


def test_lung_in_strata_of_performance(lung: Table) -> None:
    ecog = lung.numbers("ecog")
    known = ~np.isnan(ecog)
    days, died = lung.numbers("days")[known], (lung.numbers("status") == 2)[known]
    age, sex = lung.numbers("age")[known], lung.numbers("sex")[known]
    assert known.sum() == 227
    stratified = log_rank(days, died, sex, strata=ecog[known])
    assert stratified is not None
    assert stratified.chi_squared == pytest.approx(10.795060, abs=5e-7)
    covariates = {"age": age, "sex": sex, "ecog": ecog[known]}
    effects = cox(days, died, covariates)
    assert effects is not None
    found = [each.log_hazard_ratio for each in effects]
    assert found == pytest.approx([0.01107, -0.55261, 0.46373], abs=5e-6)
    score = sum(b * values for b, values in zip(found, covariates.values(), strict=True))
    assert concordance(days, died, score) == pytest.approx(0.6371, abs=5e-5)
    layered = cox(days, died, {"age": age, "sex": sex}, strata=ecog[known])
    assert layered is not None
    assert [each.log_hazard_ratio for each in layered] == pytest.approx(
        [0.01077, -0.55352], abs=5e-6
    )


def test_aml(aml: Table) -> None:
    weeks, relapsed = aml.numbers("weeks"), aml.numbers("status") == 1
    group = aml.words("group")
    test = log_rank(weeks, relapsed, group)
    assert test is not None
    assert test.chi_squared == pytest.approx(3.396389, abs=5e-7)
    assert test.p == pytest.approx(0.065339, abs=5e-7)
    effects = cox(
        weeks, relapsed, {"not maintained": [name != "Maintained" for name in group]},
        ties="breslow",
    )  # fmt: skip
    assert effects is not None
    assert effects[0].log_hazard_ratio == pytest.approx(0.9042, abs=5e-5)
    assert effects[0].standard_error == pytest.approx(0.5122, abs=5e-5)


def test_veteran(veteran: Table) -> None:
    days, died = veteran.numbers("days"), veteran.numbers("status") == 1
    treatment, cell = veteran.numbers("treatment"), veteran.words("cell")
    plain, stratified = log_rank(days, died, treatment), log_rank(days, died, treatment, cell)
    assert plain is not None and stratified is not None
    assert plain.chi_squared == pytest.approx(0.008227, abs=5e-7)
    assert plain.p == pytest.approx(0.92773, abs=5e-6)
    assert stratified.chi_squared == pytest.approx(0.701743, abs=5e-7)
    assert stratified.p == pytest.approx(0.402199, abs=5e-7)
    both = cox(days, died, {"treatment": treatment, "karnofsky": veteran.numbers("karnofsky")})
    assert both is not None
    efron = cox(days, died, {"treatment": treatment}, strata=cell)
    breslow = cox(days, died, {"treatment": treatment}, strata=cell, ties="breslow")
    assert efron is not None and breslow is not None
    assert efron[0].log_hazard_ratio == pytest.approx(0.169064, abs=5e-7)
    assert efron[0].standard_error == pytest.approx(0.198236, abs=5e-7)
    assert breslow[0].log_hazard_ratio == pytest.approx(0.165194, abs=5e-7)
    found = [each.log_hazard_ratio for each in both]
    assert found == pytest.approx([0.17732, -0.03395], abs=5e-6)


def test_six_mercaptopurine() -> None:
    weeks = [time for time, _ in SIX_MP] + PLACEBO
    relapsed = [event for _, event in SIX_MP] + [1] * len(PLACEBO)
    placebo = [0] * len(SIX_MP) + [1] * len(PLACEBO)
    test = log_rank(weeks, relapsed, placebo)
    effects = cox(weeks, relapsed, {"placebo": placebo})
    assert test is not None and effects is not None
    assert test.chi_squared == pytest.approx(16.792941, abs=5e-7)
    assert test.p == pytest.approx(4.1688e-5, abs=5e-10)
    assert effects[0].log_hazard_ratio == pytest.approx(1.572125, abs=5e-7)
    assert effects[0].standard_error == pytest.approx(0.41240, abs=5e-6)


def test_ovarian(ovarian: Table) -> None:
    days, died, treatment = (ovarian.numbers(name) for name in ("days", "status", "treatment"))
    test = log_rank(days, died, treatment)
    effects = cox(days, died, {"treatment": treatment})
    assert test is not None and effects is not None
    assert test.chi_squared == pytest.approx(1.062740, abs=5e-7)
    assert test.p == pytest.approx(0.302591, abs=5e-7)
    assert effects[0].log_hazard_ratio == pytest.approx(-0.59638, abs=5e-6)


def test_a_cox_model_that_can_be_solved_by_hand() -> None:
    """Therneau's first example: Breslow's estimate is log((3 + sqrt 33) / 2)."""
    effects = cox([9, 1, 1, 6, 6, 8], [1, 1, 0, 1, 1, 0], {"x": [0, 1, 1, 1, 0, 0]}, ties="breslow")
    assert effects is not None
    assert effects[0].log_hazard_ratio == pytest.approx(math.log(1.5 + math.sqrt(33) / 2))


def test_proportionality_as_cox_zph_of_r(lung: Table) -> None:
    """``cox.zph(coxph(Surv(time, status) ~ sex + age, lung))`` and with strata of performance."""
    days, died, sex = lung.numbers("days"), lung.numbers("status") == 2, lung.numbers("sex")
    both = proportionality(days, died, {"sex": sex, "age": lung.numbers("age")})
    assert both is not None
    assert [each.chi_squared for each in both] == pytest.approx(
        [2.6076717035, 0.2092028264], rel=1e-7
    )
    assert [each.p for each in both] == pytest.approx([0.10635, 0.64739], abs=5e-6)
    known = ~np.isnan(lung.numbers("ecog"))
    layered = proportionality(
        days[known], died[known], {"sex": sex[known]}, strata=lung.numbers("ecog")[known]
    )
    assert layered is not None
    assert layered[0].chi_squared == pytest.approx(2.3681077108, rel=1e-7)


def test_where_nothing_can_be_told_nothing_is() -> None:
    assert log_rank([1, 2, 3], [1, 1, 0], ["a", "a", "a"]) is None
    assert log_rank([1, 2, 3], [0, 0, 0], ["a", "b", "a"]) is None
    assert cox([1, 2, 3, 4], [1, 1, 0, 0], {"arm": [1, 1, 0, 0]}) is None  # one arm without event
    assert cox([1, 2, 3, 4], [1, 1, 1, 0], {"arm": [1, 1, 1, 1]}) is None
    assert concordance([1, 2], [0, 0], [1, 2]) is None


def test_a_stratum_of_one_arm_changes_nothing() -> None:
    days, died, arm = [3, 5, 7, 9, 11, 14], [1, 1, 0, 1, 1, 0], [0, 1, 0, 1, 0, 1]
    alone = log_rank(days, died, arm, strata=["s"] * 6)
    more = log_rank([*days, 4, 6], [*died, 1, 1], [*arm, 1, 1], strata=["s"] * 6 + ["t", "t"])
    assert alone is not None and more is not None
    assert more.chi_squared == pytest.approx(alone.chi_squared)
    assert alone.chi_squared == pytest.approx(
        getattr(log_rank(days, died, arm), "chi_squared", math.nan)
    )


def test_covariates_with_gaps_are_refused() -> None:
    with pytest.raises(InputError, match="'age'"):
        cox([1, 2], [1, 1], {"age": [50, math.nan]})
