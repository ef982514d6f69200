"""What is round in a lung is listed for a reader, what is long is not; elsewhere nothing is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from imaging.errors import InputError
from imaging.volume import Grid, Unit, Volume
from segmentation.bundle import Bundle, Weights
from segmentation.fine.lung_candidates import Blob, blobs_of, columns_of, lung_candidates
from segmentation.single import segment_files

#: A body of 24 x 18 x 12 cm at 2 mm with two lungs, LPS.
SHAPE, STEP = (120, 90, 60), 2.0
NODULES = {"left": (60.0, 90.0, 60.0), "right": (180.0, 80.0, 70.0)}


def chest(*, nodules: bool = True, lungs: bool = True) -> Volume:
    grid = Grid(SHAPE, np.diag([STEP, STEP, STEP, 1.0]))
    points = grid.to_world_mm(np.moveaxis(np.indices(SHAPE), 0, -1))
    x, y, z = np.moveaxis(points, -1, 0)
    hu = np.where(((x - 119) / 115) ** 2 + ((y - 89) / 85) ** 2 <= 1, 40.0, -1000.0)
    for middle in (65.0, 173.0):
        if lungs:
            hu[((x - middle) / 40) ** 2 + ((y - 89) / 60) ** 2 <= 1] = -850.0
        vessel = (np.hypot(y - 60, z - 40) <= 4) & (abs(x - middle) < 30)
        hu[vessel & (hu < -500)] = 30.0
    for centre in NODULES.values() if nodules else ():
        hu[np.linalg.norm(points - np.array(centre), axis=-1) <= 6.0] = 30.0
    hu += np.random.default_rng(0).normal(0, 12, SHAPE)
    return Volume(hu.astype(np.int16), grid, Unit.HU, "drawn chest")


def test_nodules_stand_above_vessels() -> None:
    first, second, *rest = blobs_of(chest())
    for centre in NODULES.values():
        nearest = min(np.linalg.norm(np.subtract(b.point_mm, centre)) for b in (first, second))
        assert nearest < 3.0
    assert first.diameter_mm == pytest.approx(12.0, rel=0.4)
    assert all(blob.score < 0.6 * second.score for blob in rest)


def test_a_list_for_a_reader(dense_bundle: Bundle) -> None:
    listed = lung_candidates(chest(), dense_bundle, device="cpu", most=2)
    assert [each.label for each in listed.candidates] == ["1", "2"]
    for each in listed.candidates:
        assert min(np.linalg.norm(each.centre_mm - np.array(c)) for c in NODULES.values()) < 3.0
        assert any("not reviewed" in flag for flag in each.flags)
    assert any("elsewhere no such list" in warning for warning in listed.warnings)


def test_a_vessel_goes_on_to_both_sides_and_a_nodule_to_none() -> None:
    ct = chest()
    vessel = Blob((65.0, 60.0, 40.0), 8.0, 800.0, 0.3)
    nodule = Blob(NODULES["left"], 12.0, 800.0, 1.0)
    # After contrast, roundness, width and drop: of four spheres the dense share, and opposite.
    (of_nodule, of_vessel) = columns_of(ct, [nodule, vessel])[4:12].T.reshape(2, 4, 2)
    assert of_nodule[3].tolist() == [0.0, 0.0]
    assert of_vessel[3, 0] > 0.02
    assert of_vessel[3, 1] == pytest.approx(of_vessel[3, 0], abs=0.02)


def test_the_trees_of_a_bundle_order_the_list(dense_bundle: Bundle, tmp_path: Path) -> None:
    # Both say: what is round by less than a half.
    table = {"column": [[1, -1, -1]], "limit": [[0.5, 0, 0]], "left": [[1, 0, 0]]}
    table |= {"right": [[2, 0, 0]], "value": [[0.0, 1.0, -1.0]]}
    held = {f"{n}/{f}": np.array(v) for n in ("image", "answer") for f, v in table.items()}
    path = tmp_path / "candidates.npz"
    np.savez(path, **held, **{f"{n}/baseline": np.array(0.0) for n in ("image", "answer")})
    (dense_bundle.root / "models" / path.name).write_bytes(path.read_bytes())
    judged = replace(dense_bundle, candidates=(Weights(f"models/{path.name}", "", "drawn"),))
    first, *_ = lung_candidates(chest(), judged, device="cpu", most=1).candidates
    assert min(np.linalg.norm(first.centre_mm - np.array(c)) for c in NODULES.values()) > 6.0


def test_no_lung_no_list(dense_bundle: Bundle) -> None:
    listed = lung_candidates(chest(lungs=False), dense_bundle, device="cpu")
    assert listed.candidates == ()
    assert any("no lung was found" in warning for warning in listed.warnings)


@pytest.mark.parametrize("also", [{"click": "1,2,3"}, {"method": "fixed"}], ids=["click", "method"])
def test_the_list_takes_no_prompt_and_no_method(also: dict[str, str], tmp_path: Path) -> None:
    import nibabel  # noqa: PLC0415

    path = tmp_path / "ct.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 4), np.int16), np.eye(4)), path)
    with pytest.raises(InputError):
        segment_files(path, tmp_path / "x.nii.gz", in_lungs=True, device="cpu", **also)  # type: ignore[arg-type]
