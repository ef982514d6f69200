"""A lesion that was outlined at one date, at another: the outline follows what it did.

``recist segment --from LABELS --from-images CT`` and ``recist run`` follow by one rule: the outline
goes where the CT shows the lesion, with the growth that CT and network give it together
(:mod:`segmentation.growth`); a lesion that is not recognised is left to the network.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from imaging.errors import InputError
from imaging.registration import (
    LesionSpheres,
    LesionTransform,
    expected_place,
    lesion_change,
    register,
)
from imaging.volume import Mask, Volume
from segmentation.evaluation import Diameter
from segmentation.growth import NetworkGrowth, OutlinedDate, by_both
from segmentation.infer import Delineation, delineate
from segmentation.inference_quality import InferenceQuality
from segmentation.instances import Candidate
from segmentation.prompted import Models, delineate_prompted
from segmentation.prompts import Carried

CARRIED_OVER = "outline of the earlier date carried over"


def follow(
    before: OutlinedDate,
    now: tuple[Volume, Volume | None],
    models: Models,
    diameter: Diameter | None,
    *,
    device: str = "auto",
    quality: InferenceQuality | str = InferenceQuality.FAST,
) -> Delineation:
    """The lesion of an earlier date in the images of now.

    Args:
        before: the earlier images and the outline that a reader trusts.
        now: CT and SUV.
        diameter: longest diameter of a mask, mm; None lets the CT alone say how much it grew.

    Returns:
        One candidate or none; ``model`` says who drew it, its flags what to look at.

    Raises:
        GeometryError, InputError: images that do not fit each other, a lesion outside of them.
    """
    ct, suv = now
    mask = before.lesion
    nothing = LesionSpheres(np.zeros((0, 3)), np.zeros(0))
    around = LesionSpheres(np.array([mask.centre_mm]), np.array([mask.radius_mm]))
    registration = register(before.ct, ct, lesions=(around, nothing))
    expected = expected_place(mask.centre_mm, None, registration)
    change = lesion_change(before.ct, ct, mask, expected)
    if change is None or not change.is_recognised:
        still = LesionTransform(mask.centre_mm, expected.place_mm, expected.turn, 0.0, 0.0)
        place = still.carried(mask, ct.grid)
        if not place.voxels:
            raise InputError("the lesion lies outside the image at this date")
        told = "" if change is None else f" (correlation {change.correlation:.2f})"
        found = delineate_prompted(ct, suv, Carried(place), models, device=device, quality=quality)
        flag = f"its earlier image is not recognised here{told}: the network drew what is there"
        return _flagged(found, (flag,))
    flags = change.doubts()
    if models.coarse is not None and diameter is not None:
        bundle = models.coarse

        def draw(image: Volume, uptake: Volume, outline: Mask) -> Delineation:
            return delineate(
                image, uptake, bundle, prompt=Carried(outline), device=device, quality=quality
            )

        change, told_apart = by_both(change, before, now, NetworkGrowth(draw, diameter))
        flags = (*flags, *told_apart)
    outline = change.carried(mask, ct.grid)
    if not outline.voxels:
        raise InputError("too little is left of the lesion to have an outline")
    lesion = Candidate("1", outline, source=CARRIED_OVER, flags=flags)
    return Delineation(ct.grid, (lesion,), f"{CARRIED_OVER}, {change.scale:.2f} times its size")


def _flagged(found: Delineation, flags: tuple[str, ...]) -> Delineation:
    told = (replace(each, flags=(*each.flags, *flags)) for each in found.candidates)
    return replace(found, candidates=tuple(told))
