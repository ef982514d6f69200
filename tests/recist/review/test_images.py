"""Images and outlines as they are served: the numbers and places of the volumes they come from."""

from __future__ import annotations

import base64
import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from imaging.registration import Registration
from imaging.volume import Grid, Mask, Unit, Volume
from recist.review.images import packed
from recist.review.images.date_alignment import LATTICE_MM, lattice_of
from recist.review.images.image_archive import Archive, Modality, NoImageError
from recist.review.reading.entries import EntryError
from recist.review.reading.packed_outlines import on_grid
from tests.recist.review.conftest import PHANTOM, PhantomRun

AFFINE = np.array([[0.8, 0, 0, -12], [0, 0.8, 0, 7], [0, 0, 2.5, -90], [0, 0, 0, 1.0]])
CT = Grid((6, 5, 8), AFFINE, "1.2.3")


@pytest.mark.parametrize("kind", ["int16", "float32"])
def test_a_prepared_volume_keeps_its_numbers_and_its_place(kind: str, tmp_path: Path) -> None:
    array = np.random.default_rng(1).normal(0, 300, CT.shape).astype(kind)
    packed.pack(Volume(array, CT, Unit.HU, ""), tmp_path / "ct.nii.gz")
    found = packed.opened(tmp_path / "ct.nii.gz")
    assert found is not None
    assert found.grid.same_as(CT) and found.grid.frame_of_reference_uid == "1.2.3"
    assert found.numbers().shape == CT.shape
    assert np.abs(found.numbers() * found.step - array).max() <= found.step / 2


def test_a_slice_is_served_before_its_volume_is_read_and_is_the_same_after(
    phantom_run: PhantomRun, tmp_path: Path
) -> None:
    archive = Archive(phantom_run.studies, tmp_path)
    (date, *_) = sorted(archive.visits(PHANTOM))
    asked = (PHANTOM, date, Modality.CT)
    slices = archive.grid(*asked)[0].shape[2]
    first = [archive.slice_gzip(*asked, "axial", n) for n in range(slices)]
    assert not list(tmp_path.iterdir())  # nothing is prepared
    prepared = archive.packed(*asked)
    assert prepared.grid.same_as(archive.grid(*asked)[0])
    after = [archive.slice_gzip(*asked, "axial", n) for n in range(slices)]
    assert [(gzip.decompress(a), step) for a, step in first] == [
        (gzip.decompress(b), step) for b, step in after
    ]
    with pytest.raises(NoImageError):
        archive.slice_gzip(*asked, "axial", slices)
    archive.close()


def test_an_outline_on_part_of_the_slices_is_counted_on_those_of_the_ct() -> None:
    """A SEG holds only the slices that show the lesion, and may count them from the other end."""
    full = np.zeros(CT.shape, dtype=np.bool_)
    full[2:4, 1:3, 4:6] = full[3, 2, 6] = True
    part = CT.crop((0, 0, 4), (6, 5, 4))
    turned = Grid(
        part.shape, part.affine @ np.array(
            [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, 3], [0, 0, 0, 1.0]]
        ), "1.2.3",
    )  # fmt: skip
    for grid, array in ((part, full[:, :, 4:]), (turned, full[:, :, :3:-1])):
        there = on_grid(Mask.of(array, grid), CT)
        assert there.grid is CT
        assert (there.full() == full).all()


def test_an_outline_of_another_image_is_refused() -> None:
    shifted = Grid(CT.shape, AFFINE + np.array([[0, 0, 0, 0.4]] + [[0.0] * 4] * 3), "1.2.3")
    with pytest.raises(EntryError, match="not drawn on the CT"):
        on_grid(Mask.of(np.ones(CT.shape, dtype=np.bool_), shifted), CT)


def test_a_link_is_sent_as_shifts_over_the_first_image() -> None:
    moved = np.eye(4)
    moved[:3, 3] = (4.0, -2.5, 11.0)
    link = lattice_of(replace(Registration.identity(CT, CT, flag="not tried"), rigid=moved), CT)
    shift = np.frombuffer(base64.b64decode(link["shift_mm"]), "<f4").reshape(*link["shape"], 3)
    assert np.allclose(shift, (4.0, -2.5, 11.0))
    far = np.array(link["origin_mm"]) + LATTICE_MM * (np.array(link["shape"]) - 1)
    assert (far >= CT.corners_mm().max(axis=0)).all()
    assert (link["good"], link["remarks"]) == (False, ["not tried"])
