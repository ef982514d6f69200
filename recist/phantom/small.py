"""A patient of a few thousand voxels, assessed in a second or two: for trying what goes wrong.

Three CTs, two lesions drawn in an RTSTRUCT at each, plan and dose of the first lesion. The answer
is known: the irradiated lesion responds (PR in the field), the other grows (PD outside), and the
sum of both stays where it was (SD).
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydicom.uid import UID

from imaging.outlines import write_rtstruct
from imaging.seg import SegSegment
from imaging.volume import FloatArray, Grid, Mask, Unit, Volume
from recist.phantom.dicom import Session, write_ct
from recist.phantom.lesions import PRESCRIPTION_GY
from recist.phantom.radiotherapy import write_dose, write_plan

SHAPE, SPACING_MM = (48, 48, 24), (2.5, 2.5, 3.0)
DATES = (dt.date(2024, 1, 8), dt.date(2024, 3, 4), dt.date(2024, 4, 29))


class Ball(NamedTuple):
    """A lesion: name, centre (x, y, z) and the radius at each date, in mm."""

    name: str
    centre_mm: tuple[float, float, float]
    radii_mm: tuple[float, ...]


IRRADIATED = Ball("GTV-1", (32.0, 62.0, 36.0), (12.0, 8.0, 7.5))
UNTREATED = Ball("GTV-2", (88.0, 58.0, 36.0), (9.0, 11.5, 14.0))
#: Half the prescription lies this far beyond the surface of the irradiated lesion; a steep fall.
MARGIN_MM, FALL_MM = 8.0, 2.0


def write_small_patient(folder: Path, subject: str = "SMALL", *, seed: int = 1) -> None:
    """Write all its files, each date in a folder of its own."""
    for index, date in enumerate(DATES):
        session = Session(seed, index, date, subject)
        frame = str(session.frame_of_reference_uid)
        grid = Grid(SHAPE, np.diag([*SPACING_MM, 1.0]), frame)
        place = folder / date.isoformat()
        slices = write_ct(Volume(_ct(grid, index), grid, Unit.HU, ""), session, place / "CT")
        drawn = [
            SegSegment(ball.name, Mask.of(_inside(grid, ball, index), grid),
                       str(session.uid("lesion", ball.name)), ball.name)
            for ball in (IRRADIATED, UNTREATED)
        ]  # fmt: skip
        write_rtstruct(place / "RTSTRUCT.dcm", drawn, slices)
        if index == 0:
            structures = UID(session.uid("structures"))
            plan = write_plan(session, structures, place / "RTPLAN.dcm")
            write_dose(_dose(grid), session, plan, place / "RTDOSE.dcm")


def _distance_mm(grid: Grid, centre_mm: tuple[float, float, float]) -> FloatArray:
    axes = [np.arange(n) * s for n, s in zip(grid.shape, grid.spacing_mm, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    a, b, c = centre_mm
    return np.asarray(np.sqrt((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2))


def _inside(grid: Grid, ball: Ball, index: int) -> np.ndarray:
    return _distance_mm(grid, ball.centre_mm) <= ball.radii_mm[index]


def _ct(grid: Grid, index: int) -> np.ndarray:
    """A trunk of soft tissue with a spine and two lungs, and the lesions in the lungs."""
    x, y, z = np.indices(grid.shape) * np.array(grid.spacing_mm)[:, None, None, None]
    hu = np.full(grid.shape, -980, dtype=np.int16)
    hu[((x - 60) / 57) ** 2 + ((y - 60) / 50) ** 2 <= 1] = 40
    for side in (31, 89):
        hu[((x - side) / 22) ** 2 + ((y - 60) / 34) ** 2 + ((z - 36) / 60) ** 2 <= 1] = -820
    hu[(x - 60) ** 2 + (y - 96) ** 2 <= 64] = 600
    hu[(x - 60) ** 2 + (y - 70 - z / 6) ** 2 <= 16] = 180
    for ball in (IRRADIATED, UNTREATED):
        hu[_inside(grid, ball, index)] = 50
    noise = np.random.default_rng(index).normal(0, 8, grid.shape)
    return np.asarray((hu + noise).round(), dtype=np.int16)


def _dose(grid: Grid) -> Volume:
    """The prescription around the irradiated lesion, next to nothing beyond a steep edge."""
    beyond = _distance_mm(grid, IRRADIATED.centre_mm) - IRRADIATED.radii_mm[0] - MARGIN_MM
    share = 1.1 / (1 + np.exp(np.clip(beyond / FALL_MM, -40, 40)))
    dose = (PRESCRIPTION_GY * share).astype(np.float32)
    return Volume(dose, grid, Unit.GY, "")
