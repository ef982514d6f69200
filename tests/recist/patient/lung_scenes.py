"""A chest of lung with lumpy round lesions, at as many dates as are asked for."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np

from imaging.read import Reading
from imaging.series import Series, Visit
from imaging.volume import Grid, Mask, Unit, Volume
from recist.patient.examination import Examination
from recist.patient.proposal import KnownLesion
from recist.phantom.evolution import drawn_lesion
from segmentation.instances import Candidate

#: 126 x 126 x 100 mm of lung, with a chest wall around it.
GRID = Grid((84, 84, 50), np.diag([1.5, 1.5, 2.0, 1.0]))
Spot = tuple[tuple[float, float, float], float]  # centre and radius, mm

FIRST: Spot = ((45.0, 60.0, 50.0), 9.0)
OTHER: Spot = ((85.0, 65.0, 45.0), 7.0)


def date(day: int, *spots: Spot, grid: Grid = GRID) -> tuple[Examination, tuple[Mask, ...]]:
    random = np.random.default_rng(day)
    hu = np.full(grid.shape, -850.0)
    edge = grid.to_world_mm(np.moveaxis(np.indices(grid.shape), 0, -1)) - 63.0
    hu[np.hypot(edge[..., 0], edge[..., 1]) > 55.0] = 40.0
    ct = Volume((hu + random.normal(0, 12, hu.shape)).astype(np.float32), grid, Unit.HU)
    masks = []
    for number, (centre, radius) in enumerate(spots):
        shape = np.random.default_rng(number)  # a lesion keeps its lumps
        radii = radius * np.array([1.0, 0.85, 0.95])
        ct, mask = drawn_lesion(ct, np.array(centre), radii, 30.0, shape)
        masks.append(mask)
    return scanned(day, ct), tuple(masks)


def scanned(day: int, ct: Volume) -> Examination:
    date = dt.date(2024, 1, 1) + dt.timedelta(days=day)
    visit = Visit(date, "", ct=Series(f"1.2.{day}", "CT", (Path("ct.dcm"),), date=date))
    return Examination(visit, day, Reading(ct, (), (), ct.grid.spacing_mm[2]))


def known(examination: Examination, masks: tuple[Mask, ...]) -> list[KnownLesion]:
    return [
        KnownLesion(examination, n, Candidate(f"T{n + 1}", mask, organ="lung"), None)
        for n, mask in enumerate(masks)
    ]
