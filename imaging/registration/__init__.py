"""One date onto another. ``registration.register`` is the way in.

Four steps on HU with the slope of the lung lessened: the best translation by masked normalised
cross-correlation over all shifts (which survives different crops and table positions), a rigid
motion by robust least squares, the shift of every neighbourhood of the body, both at 4 mm, and a
closer look around the lesions at 2 mm, which also says how far off they may be. Rigid rather than
affine, because a patient's bones keep their size between visits: on the simulated studies an affine
step absorbed the shrinking lesion and ended farther from the landmarks. As the start of the
deformation it gains nothing either, at ordinary breaths (0.92 mm at 54 lesions in known warps of
five CT, 0.91 without it) and at deep ones of up to 25 mm (0.59 and 0.60 mm at 36 lesions). Where a
step makes things worse it is dropped and the result says so: a registration is never silently
nonsense.
"""

from __future__ import annotations

from imaging.registration.change import LesionTransform, lesion_change
from imaging.registration.dates import expected_place, looked_around_mm, register, register_dates
from imaging.registration.lesion_fit import Expected
from imaging.registration.mapping import Registration, RegistrationMethod, RegistrationQuality
from imaging.registration.pet_as_anatomy import as_anatomy
from imaging.registration.places import LesionSpheres
from imaging.registration.refinement import refined_at

__all__ = [
    "Expected",
    "LesionSpheres",
    "LesionTransform",
    "Registration",
    "RegistrationMethod",
    "RegistrationQuality",
    "as_anatomy",
    "expected_place",
    "lesion_change",
    "looked_around_mm",
    "refined_at",
    "register",
    "register_dates",
]
