"""What limits an outline is told by rule, from what is measured in the images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from imaging.volume import BoolArray, Grid, Mask, Unit, Volume
from segmentation.bundle import load_bundle
from segmentation.infer import Delineation
from segmentation.instances import components
from segmentation.limitations import Facts, facts_of, limits, limits_table, measured_limits
from tests.segmentation.hot_cubes import write_hot_cubes

GRID = Grid((60, 60, 30), np.diag([3.0, 3.0, 3.0, 1.0]))
X, Y, Z = np.moveaxis(GRID.to_world_mm(np.moveaxis(np.indices(GRID.shape), 0, -1)), -1, 0)


def across(mask: Mask) -> float:
    """Length along i, mm."""
    return mask.array.shape[0] * mask.grid.spacing_mm[0] if mask.voxels else 0.0


def block(first_mm: float, last_mm: float) -> BoolArray:
    """From one place to another along i, 30 mm across."""
    inside = (first_mm <= X) & (last_mm > X)
    return np.asarray(inside & (abs(Y - 90) < 15) & (abs(Z - 45) < 15))


def drawn(mask: BoolArray) -> Delineation:
    return Delineation(GRID, components(mask, GRID), "network")


def measured(
    true: BoolArray,
    found: BoolArray,
    *,
    hot: BoolArray | None = None,
    fat: BoolArray | None = None,
    dense: BoolArray | None = None,
    automatic: BoolArray | None = None,
) -> Facts:
    """Muscle with a lesion of 60 HU; hot where said."""
    hu = np.where(true if dense is None else dense, 60, 20)
    if fat is not None:
        hu[fat] = -90
    suv = np.where(true if hot is None else hot, 6.0, 0.6).astype(np.float32)
    return facts_of(
        "P1",
        (Volume(hu.astype(np.int16), GRID, Unit.HU), Volume(suv, GRID, Unit.SUV_BW)),
        true,
        (drawn(found), drawn(found if automatic is None else automatic)),
        across,
    )


def test_a_good_outline_is_limited_by_its_border_alone() -> None:
    facts = measured(block(60, 120), block(60, 123))
    assert facts.longest_mm == 60
    assert facts.off_mm == 3
    assert facts.click == pytest.approx(40 / 41)
    assert facts.border == facts.border_ct == 1.0
    assert limits(facts) == ("its border only (missed 0 %, too much 5 %)",)


@pytest.mark.parametrize(
    ("true", "found", "images", "reason"),
    [
        (block(60, 120), block(60, 99), {"hot": block(60, 99)}, "cold (0.1 of the uptake found)"),
        (block(60, 120), block(60, 99), {"fat": block(99, 120)}, "100 % of it fat"),
        (block(60, 120), block(60, 99), {}, "takes up 1.0 of what was found: the network's own"),
        (block(30, 90) | block(99, 120), block(30, 90), {}, "in a second piece"),
        (block(60, 120), block(60, 150), {"hot": block(60, 150)}, "as hot as it (1.0"),
        (block(60, 120), block(60, 150), {"dense": block(60, 150)}, "alike on CT (+0 HU)"),
        (block(60, 120), block(60, 150), {}, "0.1 of its uptake, -40 HU: the network's own"),
    ],
)
def test_the_reason_is_what_the_images_show(
    true: BoolArray, found: BoolArray, images: dict[str, BoolArray], reason: str
) -> None:
    told = limits(measured(true, found, **images))
    assert reason in told[0]


def test_the_larger_error_comes_first_and_others_follow() -> None:
    facts = measured(block(60, 120), block(48, 99))
    missed, added = limits(facts)[:2]
    assert missed.startswith("35 % missed")
    assert added.startswith("20 % too much")
    more = replace(
        facts, uptake=1.2, border=0.6, longest_mm=162.0, at_edge=True, automatic_elsewhere_ml=30.0
    )
    assert limits(more)[2:] == (
        "faint: 1.2 times the uptake around it",
        "no border along 40 % of its surface",
        "162 mm long, trained on windows of 192 mm",
        "reaches the edge of the image",
        "automatic: 30 ml elsewhere",
    )


def test_pieces_off_the_lesion_are_of_the_automatic_mode() -> None:
    lesion, other = block(60, 120), block(150, 165)
    facts = measured(lesion, lesion, automatic=lesion | other)
    assert facts.automatic_elsewhere_ml == pytest.approx(Mask.of(other, GRID).volume_ml)
    assert facts.automatic < facts.click == 1.0


def test_nothing_found_is_all_missed() -> None:
    nothing = np.zeros(GRID.shape, np.bool_)
    facts = measured(block(60, 120), nothing)
    assert (facts.missed, facts.added, facts.off_mm) == (1.0, 0.0, -60.0)
    assert limits(facts)[0].startswith("100 % missed")


def test_every_patient_has_a_line_the_lowest_first() -> None:
    good = measured(block(60, 120), block(60, 123))
    bad = replace(measured(block(60, 120), block(60, 99)), case="P2", flags="look")
    lines = limits_table([good, bad]).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| P2", "| P1"]
    assert "look" in lines[2]


def test_what_is_measured_is_kept(
    tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_hot_cubes(tmp_path / "data", ["A", "B"], without_pet=["B"])
    cases = [(folder, name, load_bundle(tiny_bundle)) for name in ("A", "B")]
    seen: list[str] = []

    def on_case(_done: int, _total: int, name: str) -> None:
        seen.append(name)

    first = measured_limits(cases, tmp_path, across, device="cpu", on_case=on_case)
    assert [one.case for one in first] == ["A"]
    assert seen == ["A", "B"]

    def refused(*_: object, **__: object) -> Delineation:
        raise AssertionError("asked again")

    monkeypatch.setattr("segmentation.limitations.delineate", refused)
    (again,) = measured_limits(cases, tmp_path, across, device="cpu")
    assert again == first[0]
