"""Volumes to be treated: by their declared type or a plan's prescription, never by their name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from imaging.contours import Roi, StructureSet, axial_grid, rasterise
from imaging.errors import InputError
from imaging.plan import Plan
from imaging.volume import FloatArray, Mask

#: RT ROI Interpreted Types of a volume to be treated (ITV is written by some systems).
TARGET_TYPES = ("GTV", "CTV", "ITV", "PTV", "TREATED_VOLUME", "IRRAD_VOLUME")
#: The type whose surface bounds what is meant to be irradiated.
PLANNING_TARGET_TYPE = "PTV"


@dataclass(frozen=True, slots=True, eq=False)
class TargetVolume:
    """A volume to be treated, by its type or because a plan prescribes to it; never by its name.

    Attributes:
        mask: on an axial grid of its own.
        prescribed: a plan's dose reference names it.
    """

    name: str
    interpreted_type: str
    roi: Roi
    mask: Mask
    prescribed: bool

    @property
    def bounds_field(self) -> bool:
        """Whether it was certainly meant to be irradiated: prescribed to, or a PTV."""
        return self.prescribed or self.interpreted_type == PLANNING_TARGET_TYPE

    def holds(self, points_mm: FloatArray) -> FloatArray:
        """1.0 for each point (n, 3) LPS mm inside, else 0.0."""
        box = self.mask.box_grid
        index = np.floor(box.to_voxel(points_mm) + 0.5).astype(int)
        inside = ((index >= 0) & (index < np.array(box.shape))).all(axis=1)
        held = np.zeros(len(index))
        at = index[inside]
        held[inside] = self.mask.array[at[:, 0], at[:, 1], at[:, 2]]
        return held

    def distance_mm(self, points_mm: FloatArray) -> tuple[float, bool]:
        """Distance of the nearest of points (n, 3) to the outline, and whether they share a level.

        A shared axial level: beams mostly run in the axial plane.
        """
        outline = np.concatenate([contour.points_mm for contour in self.roi.closed])
        nearest, _ = scipy.spatial.cKDTree(outline).query(points_mm)
        low, high = points_mm[:, 2].min(), points_mm[:, 2].max()
        level = bool(low <= outline[:, 2].max() and high >= outline[:, 2].min())
        return float(nearest.min()), level


def target_volumes(
    sets: Sequence[StructureSet],
    plans: Sequence[Plan],
    frame: str | None,
    warnings: list[str],
) -> Iterator[TargetVolume]:
    """The volumes to be treated in one frame of reference; what is left out is a warning."""
    prescribed = {(plan.structure_set_uid, number) for plan in plans for number in plan.target_rois}
    for structure_set in sets:
        for roi in structure_set.rois:
            named = (structure_set.sop_instance_uid, roi.number) in prescribed
            if not roi.closed or not (named or roi.interpreted_type in TARGET_TYPES):
                continue
            if frame is not None and roi.frame_of_reference_uid not in (None, frame):
                warnings.append(f"{roi.source}: {roi.name} lies in another frame of reference")
                continue
            try:
                mask = rasterise(roi, axial_grid([roi]))
            except InputError as error:
                warnings.append(str(error))
                continue
            if mask.voxels:
                yield TargetVolume(roi.name, roi.interpreted_type, roi, mask, named)
