"""Organs place lesions and flag them; they never delete one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from imaging.errors import GeometryError, InputError
from imaging.volume import Grid, Mask
from segmentation.instances import Candidate
from segmentation.organs import placed, read_organs

NAMES = {1: "liver", 2: "urinary_bladder", 3: "lymph node station 7"}


@pytest.fixture
def candidate(grid: Callable[..., Grid]) -> Callable[[int], Candidate]:
    def at(i: int) -> Candidate:
        place = grid((40, 20, 20), (2.0, 2.0, 2.0))
        full = np.zeros(place.shape, np.bool_)
        full[i : i + 4, 8:12, 8:12] = True
        return Candidate(str(i), Mask.of(full, place))

    return at


@pytest.fixture
def labels() -> np.ndarray:
    array = np.zeros((40, 20, 20), np.int32)
    array[0:10] = 1
    array[14:22] = 2
    array[26:30] = 3
    return array


def test_a_lesion_gets_the_organ_it_lies_in(
    candidate: Callable[[int], Candidate], labels: np.ndarray
) -> None:
    liver, bladder, node = placed([candidate(2), candidate(16), candidate(26)], labels, NAMES)
    assert (liver.organ, liver.is_node, liver.flags) == ("liver", None, ())
    assert bladder.organ == "urinary_bladder"
    assert "may be physiological" in bladder.flags[0]
    assert node.is_node is True


def test_beside_an_organ_is_at_it_and_far_from_all_is_unknown(
    candidate: Callable[[int], Candidate], labels: np.ndarray
) -> None:
    beside, far = placed([candidate(31), candidate(36)], labels, NAMES)
    assert beside.organ == NAMES[3]
    assert (far.organ, far.flags) == (None, ())


def test_what_is_known_stays(candidate: Callable[[int], Candidate], labels: np.ndarray) -> None:
    known = Candidate("1", candidate(2).mask, organ="pleura", is_node=False, flags=("seen",))
    (after,) = placed([known], labels, NAMES)
    assert (after.organ, after.is_node, after.flags) == ("pleura", False, ("seen",))


def test_organs_on_another_grid_are_refused(candidate: Callable[[int], Candidate]) -> None:
    with pytest.raises(GeometryError, match="organs of shape"):
        placed([candidate(2)], np.zeros((5, 5, 5), np.int32), NAMES)


def test_every_label_needs_a_name(
    tmp_path: Path, grid: Callable[..., Grid], labels: np.ndarray
) -> None:
    place = grid((40, 20, 20), (2.0, 2.0, 2.0))
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ place.affine
    nibabel.save(nibabel.Nifti1Image(labels, affine), tmp_path / "organs.nii.gz")
    names = tmp_path / "names.json"
    names.write_text(json.dumps(NAMES))
    read, named = read_organs(tmp_path / "organs.nii.gz", names, place)
    assert named == NAMES
    assert np.array_equal(read, labels)
    names.write_text(json.dumps({"1": "liver"}))
    with pytest.raises(InputError, match=r"without a name: \[2, 3\]"):
        read_organs(tmp_path / "organs.nii.gz", names, place)
