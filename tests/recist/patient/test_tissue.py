"""A lesion in lung is told from one in soft tissue; nothing else is claimed."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.volume import Grid, Mask, Unit, Volume
from recist.patient.tissue import organ_around

GRID = Grid((40, 40, 20), np.diag([1.5, 1.5, 3.0, 1.0]), "1.2.3")


def scene(background_hu: float, *, half_hu: float | None = None) -> tuple[Mask, Volume]:
    """A soft-tissue ball of 12 mm in a uniform background, or in two halves."""
    array = np.full(GRID.shape, background_hu, dtype=np.float32)
    if half_hu is not None:
        array[:18] = half_hu
    centre = np.array(GRID.shape) / 2
    apart = (np.indices(GRID.shape).T - centre) * GRID.spacing_mm
    ball = (np.linalg.norm(apart, axis=-1) <= 6.0).T
    array[ball] = 40.0
    return Mask.of(ball, GRID), Volume(array, GRID, Unit.HU)


@pytest.mark.parametrize(
    ("background_hu", "organ"), [(-800.0, "lung"), (50.0, None), (-1000.0, None), (-90.0, None)]
)
def test_only_aerated_lung_around_a_lesion_names_its_organ(
    background_hu: float, organ: str | None
) -> None:
    found, remark = organ_around(*scene(background_hu))
    assert found == organ
    assert bool(remark) == (organ is not None)


def test_a_lesion_mostly_against_the_chest_wall_is_not_called_pulmonary() -> None:
    assert organ_around(*scene(-800.0, half_hu=40.0))[0] == "lung"
    mask, ct = scene(40.0, half_hu=-800.0)
    assert organ_around(mask, ct)[0] is None


def test_a_lesion_at_the_edge_of_the_image_is_judged_by_what_is_imaged() -> None:
    array = np.full(GRID.shape, -800.0, dtype=np.float32)
    full = np.zeros(GRID.shape, dtype=bool)
    full[:4, :4, :3] = True
    array[full] = 30.0
    assert organ_around(Mask.of(full, GRID), Volume(array, GRID, Unit.HU))[0] == "lung"
