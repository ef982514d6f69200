"""One date onto another. ``registration.register`` is the way in.

Three steps on clamped HU at 4 mm: the best translation by masked normalised cross-correlation over
all shifts (which survives different crops and table positions), a rigid transform by mutual
information, then symmetric-forces demons. Rigid rather than affine, because a patient's bones keep
their size between visits: on the simulated studies an affine step absorbed the shrinking lesion
and ended farther from the landmarks. Where a step makes things worse it is dropped and the result
says so: a registration is never silently nonsense.
"""

from __future__ import annotations

from imaging.registration.dates import register, register_dates
from imaging.registration.mapping import Method, Quality, Registration

__all__ = ["Method", "Quality", "Registration", "register", "register_dates"]
