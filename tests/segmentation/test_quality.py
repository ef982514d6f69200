"""Doubts about a delineation are said, lesion by lesion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from imaging.volume import Grid, Mask, Unit, Volume
from segmentation.bundle import Bundle
from segmentation.infer import Delineation, delineate
from segmentation.instances import Candidate
from segmentation.intervals import DiameterError
from segmentation.placement import place
from segmentation.prompts import Click
from segmentation.quality import (
    Doubt,
    doubt,
    flagged,
    reaches_edge,
    uptake_contrast,
    uptake_shift_mm,
)

Patient = Callable[..., tuple[Volume, Volume]]
CENTRE = (60.0, 50.0, 60.0)


def across(mask: Mask) -> float:
    """Length along i, mm."""
    return mask.array.shape[0] * mask.grid.spacing_mm[0]


def ramp(grid: Grid, slope_per_mm: float) -> Delineation:
    """A ball of 20 mm radius whose logit falls by a slope at its surface."""
    points = grid.to_world_mm(np.moveaxis(np.indices(grid.shape), 0, -1))
    away = np.linalg.norm(points - np.array(CENTRE), axis=-1)
    logit = Volume(((20.0 - away) * slope_per_mm).astype(np.float32), grid, Unit.OTHER)
    return Delineation(grid, place(logit, grid), "ramp", logit=logit)


@pytest.mark.parametrize(("slope", "expected_mm"), [(0.1, 8.1), (4.0, 0.0)])
def test_a_soft_edge_makes_the_diameter_uncertain(
    grid: Callable[..., Grid], slope: float, expected_mm: float
) -> None:
    # A probability of 0.6 is a logit of 0.405: each side moves by 0.405 / slope.
    found = ramp(grid((120, 100, 120), (1.0, 1.0, 1.0)), slope)
    seen = doubt(found.candidates[0], found, diameter=across)
    assert seen.diameter_uncertainty_mm == pytest.approx(expected_mm, abs=1.1)
    assert bool(seen.flags()) == (expected_mm > 0)


def test_a_mask_at_the_border_is_flagged(grid: Callable[..., Grid]) -> None:
    place_ = grid((10, 10, 10))
    full = np.zeros(place_.shape, np.bool_)
    full[4:6, 4:6, 7:10] = True
    assert reaches_edge(Mask.of(full, place_))
    full[:, :, 9] = False
    assert not reaches_edge(Mask.of(full, place_))


def test_uptake_beside_the_mask_is_a_shift(patient: Patient) -> None:
    ct, suv = patient((CENTRE, 10.0), shape=(60, 50, 40))
    points = ct.grid.to_world_mm(np.moveaxis(np.indices(ct.grid.shape), 0, -1))

    def ball(x_mm: float) -> Mask:
        away = np.linalg.norm(points - np.array([x_mm, CENTRE[1], CENTRE[2]]), axis=-1)
        return Mask.of(away <= 10.0, ct.grid)

    assert uptake_shift_mm(ball(CENTRE[0]), suv) == pytest.approx(0.0, abs=1.5)
    assert uptake_shift_mm(ball(CENTRE[0] + 12.0), suv) == pytest.approx(12.0, abs=2.5)
    cold = Volume(np.full(suv.array.shape, 0.5, np.float32), suv.grid, suv.unit)
    assert uptake_shift_mm(ball(CENTRE[0]), cold) is None


def test_a_lesion_without_uptake_of_its_own_is_flagged(patient: Patient) -> None:
    ct, suv = patient((CENTRE, 10.0), shape=(60, 50, 40))
    full = np.zeros(ct.grid.shape, np.bool_)
    full[8:14, 8:14, 15:25] = True
    cold = Mask.of(full, ct.grid)
    assert uptake_contrast(cold, suv) == pytest.approx(1.0, abs=0.01)
    full[:] = False
    i, j, k = (round(float(x)) for x in ct.grid.to_voxel(CENTRE))
    full[i - 4 : i + 5, j - 4 : j + 5, k - 2 : k + 3] = True
    hot = uptake_contrast(Mask.of(full, ct.grid), suv)
    assert hot is not None
    assert hot > 3.0
    assert "surroundings" in Doubt(30.0, 31.0, None, None, False, 1.0).flags()[0]


def test_every_doubt_has_its_words() -> None:
    sure = Doubt(30.0, 31.0, 0.95, 2.0, False)
    assert sure.flags() == ()
    words = Doubt(20.0, 34.0, 0.4, 18.0, True).flags()
    assert [word.split()[0] for word in words] == ["reaches", "diameter", "the", "uptake"]
    assert "vanishes" in Doubt(None, 12.0, None, None, False).flags()[0]


def test_flags_are_added_and_nothing_else_changes(hot_bundle: Bundle, patient: Patient) -> None:
    ct, suv = patient(((60.0, 50.0, 4.0), 14.0))
    plain = delineate(ct, suv, hot_bundle, device="cpu")
    plain = replace(plain, candidates=tuple(replace(c, flags=("given",)) for c in plain.candidates))
    seen = flagged(plain, suv=suv, diameter=across)
    (candidate,) = seen.candidates
    assert candidate.flags[0] == "given"
    assert any("edge of the image" in flag for flag in candidate.flags)
    assert candidate.mask is plain.candidates[0].mask


def test_the_same_network_twice_agrees_with_itself(hot_bundle: Bundle, patient: Patient) -> None:
    ct, suv = patient((CENTRE, 12.0))
    found = delineate(ct, suv, hot_bundle, prompt=Click(CENTRE), device="cpu")
    seen = doubt(found.candidates[0], found, diameter=across)
    assert len(found.each) == 2
    assert seen.agreement == 1.0
    assert seen.others_mm == (across(found.candidates[0].mask),) * 2
    assert seen.blind == (0, 2)


def by_networks(
    radii_mm: Sequence[float], grid: Grid, beside_mm: float | None = None
) -> Delineation:
    """A ball of 20 mm radius which each network draws as large as it does."""
    points = grid.to_world_mm(np.moveaxis(np.indices(grid.shape), 0, -1))
    away = np.linalg.norm(points - np.array(CENTRE), axis=-1)

    def ball(radius_mm: float) -> Volume:
        return Volume(((radius_mm - away) * 4.0).astype(np.float32), grid, Unit.OTHER)

    return Delineation(
        grid,
        place(ball(20.0), grid),
        "balls",
        logit=ball(20.0),
        error=DiameterError(-0.1, 0.1, 40, 0.9),
        each=tuple(map(ball, radii_mm)),
        beside=None if beside_mm is None else place(ball(beside_mm), grid)[0].mask,
    )


def test_networks_that_disagree_widen_the_interval_and_are_flagged(
    grid: Callable[..., Grid],
) -> None:
    where = grid((120, 100, 120), (1.0, 1.0, 1.0))
    sure = flagged(by_networks((20.0, 20.0), where), diameter=across).candidates[0]
    torn = flagged(by_networks((12.0, 26.0, -5.0), where), diameter=across).candidates[0]
    assert sure.diameter_interval_mm is not None
    assert torn.diameter_interval_mm is not None
    assert sure.diameter_interval_mm == pytest.approx((40.0, 42.0), abs=1.5)
    assert torn.diameter_interval_mm == pytest.approx((24.0, 52.0), abs=1.5)
    assert any("the networks disagree" in flag for flag in torn.flags)
    assert "1 of 3 networks find nothing there" in torn.flags
    assert not sure.flags


def test_another_method_that_agrees_widens_the_interval(grid: Callable[..., Grid]) -> None:
    where = grid((120, 100, 120), (1.0, 1.0, 1.0))
    found = flagged(by_networks((), where, beside_mm=23.0), diameter=across).candidates[0]
    assert found.diameter_interval_mm is not None
    assert found.diameter_interval_mm[1] == pytest.approx(46.0, abs=1.5)


def test_a_model_whose_errors_are_known_gives_each_diameter_an_interval(
    hot_bundle: Bundle, patient: Callable[..., tuple[Volume, Volume]]
) -> None:
    ct, suv = patient(((60.0, 50.0, 60.0), 14.0))
    bundle = replace(hot_bundle, errors=(("automatic", DiameterError(-1.0, 3.0, 40, 0.9)),))
    (known,) = flagged(
        delineate(ct, suv, bundle, device="cpu"), suv=suv, diameter=lambda _: 28.0
    ).candidates
    assert known.diameter_interval_mm is not None
    low, high = known.diameter_interval_mm
    assert 28.0 - low == pytest.approx(2.84, abs=0.01)
    assert high - 28.0 == pytest.approx(8.53, abs=0.01)
    assert known.diameter_uncertainty_mm == pytest.approx((high - low) / 3.29)
    (unknown,) = flagged(
        delineate(ct, suv, hot_bundle, device="cpu"), suv=suv, diameter=lambda _: 28.0
    ).candidates
    assert unknown.diameter_interval_mm is None


def test_a_lesion_outlined_in_part_is_flagged_where_its_uptake_goes_on(patient: Patient) -> None:
    ct, suv = patient((CENTRE, 26.0))
    points = ct.grid.to_world_mm(np.moveaxis(np.indices(ct.grid.shape), 0, -1))
    away = np.linalg.norm(points - np.array(CENTRE), axis=-1)

    def seen(radius_mm: float) -> Doubt:
        found = Candidate("1", Mask.of(away <= radius_mm, ct.grid))
        return doubt(found, Delineation(ct.grid, (found,), "drawn"), suv=suv)

    whole, part = seen(26.0), seen(19.0)
    assert whole.beyond == pytest.approx(0.0, abs=0.5)
    assert part.beyond is not None and part.beyond > 1.0
    assert any("may be larger than outlined" in flag for flag in part.flags())
    assert not any("may be larger than outlined" in flag for flag in whole.flags())
    assert seen(10.0).beyond is None  # too small for what was measured
