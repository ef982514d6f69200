"""A PET in the numbers that registration works on, for patients who have no CT at any date."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from imaging.errors import UnsupportedError
from imaging.volume import Unit, Volume

#: SUV, and the HU that stands for it in registration; between them lines. Chosen so that the air
#: around the patient is air, the outline of the body lies where the body begins for a CT, and liver
#: and muscle part by what fat and muscle part by on CT; what takes up more (brain, bladder, heart,
#: tumours: it changes from date to date) saturates.
SUV_TO_HU = ((0.0, -1000.0), (0.1, -500.0), (0.3, -200.0), (1.0, 0.0), (4.0, 250.0))
_SUVS = frozenset((Unit.SUV_BW, Unit.SUV_LBM, Unit.SUV_IBW, Unit.SUV_BSA))


def as_anatomy(suv: Volume) -> Volume:
    """A PET as a CT of its anatomy, as far as uptake shows it: for registration alone.

    Raises:
        UnsupportedError: values that are no SUV.
    """
    if suv.unit not in _SUVS:
        raise UnsupportedError(f"values are {suv.unit}, not an SUV", where=suv.source or None)
    known, hu = np.array(SUV_TO_HU).T
    array = np.interp(suv.array, known, hu).astype(np.float32)
    return replace(suv, array=array, unit=Unit.HU)
