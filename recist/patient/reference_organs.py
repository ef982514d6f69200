"""Liver and blood pool as a person drew them: where PERCIST measures its reference without a CT.

Without a CT nothing shows where the liver lies. Structure sets and segmentations of the organs at
risk hold it, and readers draw the 3 cm region of PERCIST themselves; both are found by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from imaging.contours import rasterise, read_rtstruct
from imaging.errors import InputError
from imaging.masks import read_seg
from imaging.series import Visit
from imaging.volume import Grid, Mask
from pet.reference_regions import RegionName
from recist.patient.lesion_names import HELPER_NAME, named_lesion

#: Names of the organ, or of a region drawn in it (TG-263: Liver, A_Aorta).
ORGAN_NAME = {
    RegionName.LIVER: re.compile(r"(?<![a-z])liver(?![a-z])", re.IGNORECASE),
    RegionName.BLOOD_POOL: re.compile(r"(?<![a-z])(aorta|blood[ _-]?pool)(?![a-z])", re.IGNORECASE),
}


def drawn_organs(visit: Visit, grid: Grid) -> dict[RegionName, Mask]:
    """The liver and the blood pool of a date on the grid of its PET, as far as they were drawn.

    Of several of one name the smallest, which is the region rather than the organ. A file that
    cannot be used gives none; where it matters the delineation names it.
    """
    found: dict[RegionName, Mask] = {}
    for label, mask in _named(visit, grid):
        if not mask.voxels or named_lesion(label) or HELPER_NAME.search(label):
            continue
        for name, pattern in ORGAN_NAME.items():
            known = found.get(name)
            if pattern.search(label) and (known is None or mask.voxels < known.voxels):
                found[name] = mask
    return found


def _named(visit: Visit, grid: Grid) -> Iterator[tuple[str, Mask]]:
    for series in visit.segs:
        with suppress(InputError):
            yield from ((each.label, each.mask) for each in read_seg(series.files[0], grid))
    for series in visit.rtstructs:
        with suppress(InputError):
            for roi in read_rtstruct(series.files[0]).rois:
                if any(pattern.search(roi.name) for pattern in ORGAN_NAME.values()):
                    with suppress(InputError):
                        yield roi.name, rasterise(roi, grid)
