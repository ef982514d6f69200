"""How a date of a patient lies on the first one, for slices that are scrolled together.

The registration is the one that a run tracks lesions with. The browser gets its shifts on a coarse
lattice: they only lead the eye, and nothing is measured through them.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from imaging.registration import Registration, as_anatomy, register
from imaging.volume import Grid, Unit, Volume

#: Distance of the points of the lattice; breathing moves the body smoothly over several of them.
LATTICE_MM = 20.0


def link_of(first: Volume, other: Volume) -> dict[str, Any]:
    """The shifts of one date, found by registration; see :func:`lattice_of`."""
    if first.unit is Unit.HU:
        return lattice_of(register(first, other), first.grid)
    # PET alone, as a run registers it: uptake follows the tumour, so nothing is deformed.
    anatomy = as_anatomy(first), as_anatomy(other)
    return lattice_of(register(*anatomy, deformable=False), first.grid)


def lattice_of(registration: Registration, first: Grid) -> dict[str, Any]:
    """What a browser needs to follow a place from the first date to another.

    Returns:
        ``origin_mm``, ``spacing_mm`` and ``shape`` of a lattice over the first image, LPS;
        ``shift_mm``, what is added there, float32 (a, b, c, 3) in base64; ``good``, whether the
        registration is trusted, and ``remarks`` on it.
    """
    corners = first.corners_mm()
    origin, far = corners.min(axis=0), corners.max(axis=0)
    shape = np.ceil((far - origin) / LATTICE_MM).astype(int) + 1
    places = origin + LATTICE_MM * np.indices(tuple(shape)).reshape(3, -1).T
    shift = (registration.to_moving_mm(places) - places).astype("<f4")
    return {
        "origin_mm": origin.tolist(),
        "spacing_mm": [LATTICE_MM] * 3,
        "shape": shape.tolist(),
        "shift_mm": base64.b64encode(shift.tobytes()).decode("ascii"),
        "good": registration.quality.good,
        "remarks": list(registration.quality.flags),
    }
