"""A bundle of one's own: trained further, cross-validated by patient, and resumable."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from imaging.errors import InputError
from imaging.nifti import write_array, write_labels
from imaging.volume import Mask, Volume
from recist.measure import caliper
from segmentation import retraining
from segmentation.bundle import Bundle, load_bundle, record_weights
from segmentation.fine import encoding
from segmentation.network import LesionNet
from segmentation.retraining import Retraining, retrain

Patient = Callable[..., tuple[Volume, Volume]]
HOW = Retraining(steps=2, folds=2, device="cpu")


def longest(mask: Mask) -> float:
    return float(caliper(mask).long_axis_mm)


@pytest.fixture(autouse=True)
def few_voxels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patches of 16 voxels, so that a step takes no time."""
    whole = retraining.Settings
    sides = {"side": 16, "large_side": 16, "small_side": 16, "small_batch": 2}
    monkeypatch.setattr(retraining, "Settings", lambda **given: whole(**given, **sides))


@pytest.fixture
def data(tmp_path: Path, patient: Patient) -> Path:
    """Five cases of four patients, two dates of one of them; the last without PET."""
    folder = tmp_path / "cases"
    folder.mkdir()
    centres = [(26.0 + 2 * n, 30.0, 30.0) for n in range(5)]
    for number, centre in enumerate(centres):
        ct, suv = patient((centre, 10.0), shape=(30, 30, 20))
        write_array(folder / f"C{number}_ct.nii.gz", ct.array, ct.grid)
        points = ct.grid.to_world_mm(np.moveaxis(np.indices(ct.grid.shape), 0, -1))
        ball = Mask.of(np.linalg.norm(points - centre, axis=-1) <= 10.0, ct.grid)
        write_labels(folder / f"C{number}_lab.nii.gz", [ball])
        if number < 4:
            stored = (suv.array * 1000).astype(np.uint16)
            write_array(folder / f"C{number}_suv1000.nii.gz", stored, suv.grid)
    (folder / "patients.csv").write_text("case,patient\nC0,A\nC1,A\n")
    return folder


@pytest.fixture
def start(tiny_bundle: Path) -> Bundle:
    return load_bundle(tiny_bundle)


@pytest.fixture
def small_start(tiny_bundle: Path) -> Bundle:
    """A bundle of the network of small lesions."""
    path = tiny_bundle / "configs" / "inference.json"
    inference = json.loads(path.read_text())
    inference |= {"kind": "fine", "spacing_mm": 1.0}
    inference["network_def"]["channels"] = encoding.CHANNELS
    path.write_text(json.dumps(inference))
    network = LesionNet(8, (1, 1), (1,), channels=encoding.CHANNELS)
    record_weights(tiny_bundle, {"model.pt": (network.state_dict(), "nothing")})
    return load_bundle(tiny_bundle)


@pytest.mark.parametrize("kind", ["start", "small_start"])
def test_a_bundle_is_trained_validated_and_can_be_asked(
    tmp_path: Path, data: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    begun: Bundle = request.getfixturevalue(kind)
    out = tmp_path / "ours"
    table = retrain(data, out, begun, HOW, diameter=longest)
    made = load_bundle(out)
    assert (made.name, made.kind) == ("ours", begun.kind)
    assert [Path(one.file).stem for one in made.weights] == ["model", "fold0", "fold1"]
    assert made.sha256 != begun.sha256
    folds = json.loads((out / "configs" / "folds.json").read_text())
    assert folds["C0"] == folds["C1"], "two dates of one patient in different folds leak"
    assert set(folds.values()) == {0, 1}
    card = (out / "docs" / "README.md").read_text()
    assert "Research only" in card
    assert "5 cases of 4 patients" in card
    assert table in card
    assert "click, before" in table
    assert not (out / ".training").exists()


def test_a_training_cut_off_goes_on_and_gives_the_same_weights(
    tmp_path: Path, data: Path, start: Bundle
) -> None:
    whole = tmp_path / "a" / "ours"
    cut = tmp_path / "b" / "ours"
    retrain(data, whole, start, HOW, diameter=longest)

    def interrupt(what: str, done: int, _: int) -> None:
        if (what, done) == ("training, fold 2", 1):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        retrain(data, cut, start, HOW, diameter=longest, on_progress=interrupt)
    seen = []
    retrain(data, cut, start, HOW, diameter=longest, on_progress=lambda *told: seen.append(told))
    assert "training, fold 1" not in {what for what, _, _ in seen}
    assert [w.sha256 for w in load_bundle(whole).weights] == [
        w.sha256 for w in load_bundle(cut).weights
    ]


def test_another_bundle_is_never_written_over(tmp_path: Path, data: Path, start: Bundle) -> None:
    with pytest.raises(InputError, match="holds something else"):
        retrain(data, start.root, start, HOW, diameter=longest)


def test_what_cannot_be_trained_on_is_named(tmp_path: Path, data: Path, start: Bundle) -> None:
    with pytest.raises(InputError, match="4 patients are too few for 5 folds"):
        retrain(data, tmp_path / "o", start, Retraining(folds=5), diameter=longest)
    (data / "C3_lab.nii.gz").unlink()
    with pytest.raises(InputError, match="C3 has no label map"):
        retrain(data, tmp_path / "o", start, HOW, diameter=longest)
    (data / "patients.csv").write_text("name,who\nC0,A\n")
    with pytest.raises(InputError, match="needs the columns case and patient"):
        retrain(data, tmp_path / "o", start, HOW, diameter=longest)
