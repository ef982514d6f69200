"""A lesion outlined at one date, in the images of another: from volumes and from files."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from imaging.errors import InputError
from imaging.nifti import write_labels
from imaging.volume import Grid, Mask, Unit, Volume
from segmentation import followed
from segmentation.followed import CARRIED_OVER, follow
from segmentation.growth import OutlinedDate
from segmentation.infer import Delineation
from segmentation.instances import Candidate
from segmentation.prompted import Models
from segmentation.prompts import Carried
from segmentation.single import segment_files

GRID = Grid((70, 60, 50), np.diag([2.0, 2.0, 2.5, 1.0]))
NOBODY = Models(None, None)


def chest(radius_mm: float | None, *, centre_mm: tuple[float, float, float], seed: int) -> Volume:
    """A lung in a body with a bumpy wall and vessels, and a lesion in it."""
    points = GRID.to_world_mm(np.moveaxis(np.indices(GRID.shape), 0, -1))
    x, y, z = (points[..., n] for n in range(3))
    hu = np.full(GRID.shape, -1000.0)
    body = ((x - 69) / 62) ** 2 + ((y - 59) / 52) ** 2 < 1
    lung = ((x - 69) / (48 + 2 * np.sin(z / 9))) ** 2 + ((y - 59) / 40) ** 2 < 1
    hu[body] = 40.0
    hu[lung] = -820.0
    for vessel in (40.0, 95.0):
        hu[np.hypot(x - vessel - 4 * np.sin(z / 15), y - 80) < 3] = 40.0
    if radius_mm is not None:
        offset = points - np.array(centre_mm)
        bumps = 1 + 0.12 * np.sin(3 * np.arctan2(offset[..., 1], offset[..., 0]))
        hu[np.linalg.norm(offset, axis=-1) < radius_mm * bumps] = 45.0
    hu += np.random.default_rng(seed).normal(0, 12, GRID.shape)
    return Volume(hu.astype(np.float32), GRID, Unit.HU, "drawn")


def outlined(volume: Volume, centre_mm: tuple[float, float, float], radius_mm: float) -> Mask:
    points = GRID.to_world_mm(np.moveaxis(np.indices(GRID.shape), 0, -1))
    near = np.linalg.norm(points - np.array(centre_mm), axis=-1) < 1.3 * radius_mm
    return Mask.of(near & (volume.array > -400), GRID)


WAS, IS = (70.0, 50.0, 60.0), (73.0, 52.0, 60.0)


@pytest.fixture(scope="module")
def before() -> OutlinedDate:
    ct = chest(9.0, centre_mm=WAS, seed=1)
    return OutlinedDate(ct, None, outlined(ct, WAS, 9.0))


def test_the_outline_grows_and_moves_with_the_lesion(before: OutlinedDate) -> None:
    ct = chest(13.5, centre_mm=IS, seed=2)
    (found,) = follow(before, (ct, None), NOBODY, None).candidates
    assert found.mask.radius_mm / before.lesion.radius_mm == pytest.approx(1.5, abs=0.12)
    np.testing.assert_allclose(found.mask.centre_mm, IS, atol=1.5)
    assert found.source == CARRIED_OVER


def test_a_lesion_that_is_not_recognised_is_left_to_the_network(
    before: OutlinedDate, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Mask] = []

    def network(ct: Volume, suv: Volume | None, prompt: Carried, *_: object, **__: object):  # type: ignore[no-untyped-def]
        asked.append(prompt.mask)
        return Delineation(ct.grid, (Candidate("1", prompt.mask),), "net 1")

    monkeypatch.setattr(followed, "delineate_prompted", network)
    gone = chest(None, centre_mm=WAS, seed=3)
    found = follow(before, (gone, None), NOBODY, None)
    assert found.model == "net 1"
    assert "not recognised here" in found.candidates[0].flags[-1]
    assert asked[0].volume_ml == pytest.approx(before.lesion.volume_ml, rel=0.1)


def save(volume: Volume, path: Path) -> Path:
    to_ras = np.diag([-1.0, -1.0, 1.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(volume.array, to_ras @ volume.grid.affine), path)
    return path


def test_from_the_files_of_both_dates_to_a_file(tmp_path: Path, before: OutlinedDate) -> None:
    write_labels(tmp_path / "before.nii.gz", [before.lesion])
    earlier = save(before.ct, tmp_path / "before_ct.nii.gz")
    now = save(chest(7.0, centre_mm=IS, seed=4), tmp_path / "ct.nii.gz")
    found = segment_files(
        now,
        tmp_path / "now.nii.gz",
        previous=tmp_path / "before.nii.gz",
        previous_ct=earlier,
        diameter=lambda mask: 2.0 * mask.radius_mm,
        device="cpu",
    )
    assert found.model.startswith(CARRIED_OVER)
    assert (tmp_path / "now.nii.gz").is_file()
    assert found.candidates[0].mask.radius_mm == pytest.approx(7.0, abs=1.2)
    with pytest.raises(InputError, match="beside the CT of --from-images"):
        segment_files(
            now,
            tmp_path / "other.nii.gz",
            previous=tmp_path / "before.nii.gz",
            previous_pet=earlier,
        )
