"""Boxes where they are and pasted, by a rule in place of the network; a run goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imaging.errors import InputError
from imaging.volume import Grid, Mask, Unit, Volume
from segmentation import figures, release
from segmentation.bundle import Bundle
from segmentation.classical import HU_STATISTICS, METHODS
from segmentation.fine import fine_validation
from segmentation.fine.fine_validation import BoxTruth, kinds, paste

FOLDS = {"LIDC0001": 0, "LIDC0002": 1}


def along_i(mask: Mask) -> float:
    return mask.array.shape[0] * mask.grid.spacing_mm[0]


def test_every_box_is_scored_in_place_and_pasted_and_a_run_goes_on(
    tmp_path: Path,
    boxes: Path,
    chests: Path,
    dense_bundle: Bundle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fine_validation, "METHODS", {HU_STATISTICS: METHODS[HU_STATISTICS]})
    seen: list[str] = []

    def evaluate(out: str, stop: int = 99) -> str:
        def on_case(done: int, total: int, name: str) -> None:
            seen.append(name)
            assert total == 3
            if done == stop:
                raise KeyboardInterrupt

        return release.validate(
            [boxes, chests],
            dense_bundle.root,
            FOLDS,
            tmp_path / out,
            diameter=along_i,
            device="cpu",
            on_case=on_case,
        )

    with pytest.raises(KeyboardInterrupt):
        evaluate("cut", stop=2)
    cut = figures.read_rows(tmp_path / "cut" / "validation.csv")
    assert {row.case for row in cut} == {"LIDC0001_01", "LIDC0001_02"}
    table = evaluate("cut")
    rows = figures.read_rows(tmp_path / "cut" / "validation.csv")
    assert rows[: len(cut)] == cut
    by_method = figures.by_method(rows)
    for method in ("click", "line", "click, pasted", "line, pasted"):
        assert len(by_method[method]) == 3
        assert min(score.dice for score in by_method[method].values()) > 0.8
    assert "By size: 12 to 20 mm" in table
    assert "By texture: solid" in table
    with pytest.raises(InputError, match="another evaluation"):
        release.validate([boxes], dense_bundle.root, None, tmp_path / "cut", diameter=along_i)


def test_what_is_pasted_is_known_inside_and_far_away_only() -> None:
    grid = Grid((20, 20, 8), np.diag([1.0, 1.0, 2.0, 1.0]))
    lesion = np.zeros(grid.shape, np.bool_)
    lesion[8:12, 8:12, 2:6] = True
    box = BoxTruth(
        Volume(np.where(lesion, 40, -500).astype(np.int16), grid, Unit.HU),
        lesion,
        np.ones(grid.shape, np.bool_),
    )
    host_grid = Grid((50, 50, 50), np.diag([2.0, 2.0, 2.0, 1.0]))
    host = Volume(np.full(host_grid.shape, -900, np.int16), host_grid, Unit.HU)
    pasted = paste(box, host, np.array([50.0, 50.0, 50.0]), 4.0)
    inner = tuple(slice(m, m + n) for m, n in zip((30, 30, 15), grid.shape, strict=True))
    np.testing.assert_array_equal(pasted.ct.array[inner], box.ct.array)
    np.testing.assert_array_equal(pasted.lesion[inner], lesion)
    assert pasted.known[inner].all()
    assert pasted.ct.array[0, 0, 0] == -900
    assert not pasted.known[29, 40, 18]
    assert pasted.known[20, 40, 18]
    assert pasted.lesion.sum() == lesion.sum()


def test_boxes_are_told_apart_by_size_and_texture(boxes: Path, tmp_path: Path) -> None:
    assert kinds(boxes)["LIDC0001_02"] == ("below 8 mm", "solid")
    assert kinds(boxes)["LIDC0002_01"] == ("12 to 20 mm", "solid")
    assert kinds(tmp_path) == {}
