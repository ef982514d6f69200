"""No threshold of the field classes is without effect: each changes some finding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from imaging.contours import Contour, ContourKind, Roi, axial_grid, rasterise
from imaging.dose import Dose, DoseKind, Summation
from imaging.plan import Plan
from imaging.setting import leaves
from imaging.target_volumes import TargetVolume
from imaging.treatment import Irradiation, Treatment
from imaging.volume import FloatArray, Grid, Mask, Unit, Volume
from recist.field.classes import classify_lesions
from recist.field.field_finding import FieldFinding
from recist.protocol.field import DEFAULT_PROFILE, from_table

FRAME = "1.2.3"
GRID = Grid((60, 60, 30), np.diag([2.0, 2.0, 2.0, 1.0]), FRAME)
LESION = Mask.placed(np.ones((4, 4, 4), dtype=bool), (20, 20, 10), GRID)  # x, y 38 to 47 mm


def columns(*steps: tuple[int, float]) -> FloatArray:
    """A dose that changes with the column only: from column ``i`` on, so many Gy."""
    gray = np.full(GRID.shape, 0.1)
    for i, value in steps:
        gray[i:] = value
    return gray


def ptv(low_mm: float, high_mm: float, from_z_mm: float = 16.0) -> TargetVolume:
    """Between two x; 20-70 mm in y and 16 mm high."""
    corners = np.array([[low_mm, 20.0], [high_mm, 20.0], [high_mm, 70.0], [low_mm, 70.0]])
    contours = tuple(
        Contour(ContourKind.CLOSED_PLANAR, np.column_stack([corners, np.full(4, level)]))
        for level in np.arange(from_z_mm, from_z_mm + 16.0, 2.0)
    )
    roi = Roi(1, "PTV", "PTV", contours, FRAME)
    return TargetVolume("PTV", "PTV", roi, rasterise(roi, axial_grid([roi])), prescribed=True)


def treated(*steps: tuple[int, float], target: TargetVolume | None = None) -> Treatment:
    """50 Gy in 5 fractions, with a dose by column, or with a target volume alone."""
    plan = Plan("1.9.1", "SBRT", 50.0, 5)
    dose = None
    if steps:
        gray = Volume(columns(*steps).astype(np.float32), GRID, Unit.GY, "RD.dcm")
        dose = Dose(gray, DoseKind.PHYSICAL, Summation.PLAN)
    given = Irradiation("SBRT", plan, dose, 50.0, 5)
    targets = () if target is None else (target,)
    return Treatment((given,), targets=targets, frame_of_reference_uid=FRAME)


FULL, HALF = ((10, 48.0),), ((10, 48.0), (22, 10.0))

#: Of each threshold: a treatment whose finding depends on it, and two values.
CASES: Mapping[str, tuple[Treatment, tuple[Any, Any]]] = {
    "name": (treated(*FULL), ("sbrt-default", "ours")),
    "version": (treated(*FULL), ("1.0", "2.0")),
    "target_overlap": (treated(*FULL, target=ptv(42.0, 80.0)), (0.5, 0.9)),
    "in_coverage": (treated(*HALF), (0.95, 0.3)),
    "undercovered": (treated((10, 48.0), (23, 30.0), target=ptv(30.0, 80.0)), (0.95, 0.5)),
    "low_dose_gy": (treated((10, 2.0)), (1.0, 5.0)),
    "bands_gy": (treated((10, 10.0)), ([5.0, 20.0], [8.0, 12.0])),
    "tail.isodose": (treated((10, 0.5)), (0.05, 0.0)),
    "tail.factor": (treated((10, 0.5)), (2.2, 1.0)),
    "registration_error_mm": (treated(*HALF), (3.0, 0.0)),
    "shifts": (treated(*HALF), (200, 20)),
    "seed": (treated(*HALF), (20190101, 1)),
    "clear_distance_mm": (treated(target=ptv(120.0, 160.0)), (100.0, 50.0)),
    "clear_distance_off_level_mm": (treated(target=ptv(30.0, 60.0, from_z_mm=90.0)), (50.0, 100.0)),
    "alpha_betas_gy": (treated(*FULL), ([4.0, 3.0, 10.0], [10.0])),
}
SETTINGS = {name: one for name, one, _ in leaves(DEFAULT_PROFILE)}


def finding(treatment: Treatment, name: str, value: object) -> FieldFinding:
    """With one threshold of a trial's own file."""
    section, _, leaf = name.rpartition(".")
    table: dict[str, Any] = {section: {leaf: value}} if section else {leaf: value}
    (found,) = classify_lesions({"L": LESION}, treatment, from_table(table, name="sbrt-default"))
    return found


@pytest.mark.parametrize("name", SETTINGS)
def test_each_threshold_changes_a_finding(name: str) -> None:
    treatment, values = CASES[name]
    one, other = (finding(treatment, name, value) for value in values)
    assert one != other


@pytest.mark.parametrize("name", SETTINGS)
def test_each_threshold_says_what_it_decides_and_where_it_comes_from(name: str) -> None:
    assert SETTINGS[name].about.endswith(".")
    assert SETTINGS[name].source
