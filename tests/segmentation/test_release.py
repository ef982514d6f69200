"""From folders of images to a bundle with its figures, in miniature."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from imaging.errors import InputError
from imaging.volume import Grid, Mask
from segmentation import figures, packing, release, synthesis, validation
from segmentation.bundle import load_bundle
from segmentation.cases import load as cases_of
from segmentation.evaluation import score
from segmentation.training import Settings, train
from segmentation.training_steps import ALL_CASES
from tests.segmentation.hot_cubes import write_hot_cubes

FOLDS = {"A": 0, "B": 1, "CT": 0}


def along_i(mask: Mask) -> float:
    return mask.array.shape[0] * mask.grid.spacing_mm[0]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two patients with a hot cube in PET and CT, and a CT alone."""
    return write_hot_cubes(tmp_path / "data", FOLDS, without_pet=("CT",))


def runs(data: Path, tmp_path: Path, steps: int) -> dict[int, Path]:
    packing.pack([data], tmp_path / "packed.npz")
    cases = cases_of(tmp_path / "packed.npz")
    folders = {fold: tmp_path / f"run{fold}" for fold in (ALL_CASES, 0, 1)}
    for fold, folder in folders.items():
        settings = Settings(
            fold=fold, steps=steps, batch=1, side=16, small_side=16, filters=8, bf16=False
        )
        train(cases, FOLDS, settings, folder)
    return folders


def test_from_images_to_figures(
    data: Path, tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inference = tiny_bundle / "configs" / "inference.json"
    inference.write_text(
        inference.read_text()
        .replace('"blocks_down": [1, 1]', '"blocks_down": [1, 2, 4]')
        .replace('"blocks_up": [1]', '"blocks_up": [1, 1]')
    )
    monkeypatch.setattr(release, "DRAWN_PER_CT", 2)
    monkeypatch.setattr(validation, "ORACLE_SUV", np.array([1.0, 4.0]))
    monkeypatch.setattr(synthesis, "DIAMETER_MM", (8.0, 12.0))
    bundle = release.write_weights(tiny_bundle, runs(data, tmp_path, 1))
    assert [w.file for w in bundle.weights] == [
        "models/model.pt",
        "models/fold0.pt",
        "models/fold1.pt",
    ]
    table = release.validate(
        [data], tiny_bundle, FOLDS, tmp_path / "out", diameter=along_i, device="cpu"
    )
    assert "oracle threshold" in table
    with (tmp_path / "out" / "validation.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["case"] for row in rows} == {"A", "B"}
    oracle = [float(row["dice"]) for row in rows if row["method"] == "oracle threshold"]
    assert min(oracle) > 0.6
    with (tmp_path / "out" / "drawn.csv").open(newline="") as stream:
        assert {row["case"] for row in csv.DictReader(stream)} <= {"CT"}
    assert (tmp_path / "out" / "validation.png").stat().st_size > 1000
    figures.plot_logs(tmp_path / "log.png", {"all": tmp_path / "run-1" / "log.csv"})
    assert (tmp_path / "log.png").stat().st_size > 1000


def test_an_unfinished_run_gives_no_weights(data: Path, tmp_path: Path, tiny_bundle: Path) -> None:
    with pytest.raises(InputError, match="no checkpoint"):
        release.write_weights(tiny_bundle, {0: tmp_path / "nowhere"})


def test_a_fold_is_asked_alone(tiny_bundle: Path) -> None:
    bundle = load_bundle(tiny_bundle)
    assert validation.fold_bundle(bundle, 0).weights == (bundle.weights[1],)
    with pytest.raises(InputError, match="no network of fold 3"):
        validation.fold_bundle(bundle, 3)


def test_simulated_dates_have_the_categories_of_their_factors(
    data: Path, hot_bundle: object
) -> None:
    def category(before_mm: float, after_mm: float) -> str:
        return "more" if after_mm > before_mm else "less"

    dates = validation.simulated_dates(data, "A", hot_bundle, along_i, device="cpu")  # type: ignore[arg-type]
    pairs = validation.categories_between(dates, category, lambda date: date.click_mm)
    assert sorted(true for true, _ in pairs) == ["less"] * 10 + ["more"] * 10
    assert [date.click_mm for date in dates] == pytest.approx([date.carried_mm for date in dates])
    assert validation.category_kappa(pairs) == 1.0


def test_an_evaluation_that_was_interrupted_goes_on_where_it_stopped(
    data: Path, tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def rows(_: Path, name: str, *__: object, **___: object) -> Iterator[validation.ScoreRow]:
        asked.append(name)
        label = np.zeros((4, 4, 4), np.bool_)
        label[1:3, 1:3, 1:3] = True
        grid = Grid(label.shape, np.eye(4))
        for method in ("click", "line"):
            yield validation.ScoreRow(name, method, score(label, label, grid), 0.1)

    monkeypatch.setattr(release, "validate_case", rows)
    monkeypatch.setattr(release, "drawn_lesions", lambda *_, **__: iter(()))
    seen: list[tuple[int, int, str]] = []

    def until_the_second(done: int, total: int, name: str) -> None:
        seen.append((done, total, name))
        if done == 1:
            raise KeyboardInterrupt

    out = tmp_path / "out"
    asking = {"diameter": along_i, "device": "cpu"}
    with pytest.raises(KeyboardInterrupt):
        release.validate([data], tiny_bundle, None, out, on_case=until_the_second, **asking)  # type: ignore[arg-type]
    assert asked == ["A"]
    assert seen == [(0, 3, "A"), (1, 3, "B")]
    table = release.validate([data], tiny_bundle, None, out, **asking)  # type: ignore[arg-type]
    assert asked == ["A", "B"]
    whole = release.validate([data], tiny_bundle, None, tmp_path / "whole", **asking)  # type: ignore[arg-type]
    assert table == whole
    kept = (out / "validation.csv").read_bytes()
    assert kept == (tmp_path / "whole" / "validation.csv").read_bytes()
