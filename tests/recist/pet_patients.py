"""A patient with PET and no CT: a trunk with liver, blood and lesions, drawn or not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pydicom

from imaging.outlines import write_rtstruct
from imaging.seg import SegSegment, write_seg
from imaging.volume import Array, Grid, Mask, Unit, Volume
from recist.phantom.dicom import Session, write_ct, write_pet
from recist.phantom.small import DATES

SHAPE, SPACING_MM = (32, 32, 32), 5.0
#: Lesion -> centre (x, y, z) and radius in mm, SUV at each date (None: not there).
LESIONS = {
    "GTV-1": ((60, 70, 120), 12, (10.0, 4.0, 12.0)),
    "GTV-2": ((105, 90, 110), 14, (6.0, 5.5, 6.5)),
    "GTV-3": ((80, 60, 88), 12, (None, None, 8.0)),
}
LIVER_SUV = 2.2


def _axes() -> tuple[Array, Array, Array]:
    x, y, z = np.indices(SHAPE) * SPACING_MM
    return x, y, z


def _within(centre: tuple[float, float, float], radii: tuple[float, float, float]) -> Array:
    parts = [((a - c) / r) ** 2 for a, c, r in zip(_axes(), centre, radii, strict=True)]
    return np.asarray(sum(parts) <= 1)


LIVER = ((60, 80, 35), (28, 32, 28))


def uptake(n: int) -> Array:
    """A trunk with lungs, liver, blood and the lesions of a date, in SUV."""
    x, y, _ = _axes()
    suv = np.full(SHAPE, 0.02, dtype=np.float32)
    suv[((x - 80) / 65) ** 2 + ((y - 80) / 50) ** 2 <= 1] = 0.6
    for side in (55, 105):
        suv[_within((side, 80, 120), (20, 30, 45))] = 0.35
    suv[_within(*LIVER)] = LIVER_SUV
    suv[(x - 80) ** 2 + (y - 104) ** 2 <= 64] = 1.5
    for centre, radius, values in LESIONS.values():
        if values[n] is not None:
            suv[_within(centre, (radius, radius, radius))] = values[n]
    noise = np.random.default_rng(n).normal(0, 0.02, SHAPE)
    return np.clip(suv + noise, 0, None).astype(np.float32)


def lesion_masks(n: int, grid: Grid) -> dict[str, Mask]:
    return {
        name: Mask.of(_within(centre, (radius, radius, radius)), grid)
        for name, (centre, radius, values) in LESIONS.items()
        if values[n] is not None
    }


def write_patient(
    folder: Path, drawn: Mapping[int, str], *, ct_at: tuple[int, ...] = (), dates: int = len(DATES)
) -> None:
    """PET at the first dates.

    Args:
        drawn: by number of the date, in what the lesions are drawn: rtstruct, with the liver, or
            seg.
        ct_at: dates that have a CT too.
    """
    for n, date in enumerate(DATES[:dates]):
        session = Session(3, n, date, "PET1")
        frame = str(session.frame_of_reference_uid)
        grid = Grid(SHAPE, np.diag([SPACING_MM, SPACING_MM, SPACING_MM, 1.0]), frame)
        place = folder / date.isoformat()
        suv = uptake(n)
        write_pet(Volume(suv, grid, Unit.SUV_BW, ""), session, place / "PET")
        if n in ct_at:
            hu = np.where(suv > 0.2, 40, -1000).astype(np.int16)
            write_ct(Volume(hu, grid, Unit.HU, ""), session, place / "CT")
        headers = [pydicom.dcmread(path) for path in sorted((place / "PET").glob("*.dcm"))]
        masks = lesion_masks(n, grid)
        if drawn.get(n) == "rtstruct":
            masks["Liver"] = Mask.of(_within(*LIVER), grid)
        regions = [
            SegSegment(name, mask, str(session.uid("drawn", name)), name)
            for name, mask in masks.items()
        ]
        if drawn.get(n) == "rtstruct":
            write_rtstruct(place / "RS.dcm", regions, headers)
        elif drawn.get(n) == "seg":
            write_seg(place / "SEG.dcm", regions, headers)
