"""The irradiated field as lines over a slice: isodoses and outlines of target volumes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imaging.exposure import ToPlanning
from imaging.isolines import PixelWindow, isodoses, target_lines
from imaging.treatment import Treatment
from imaging.volume import FloatArray, Grid

#: Isodoses drawn on key images: shares of the prescription, and the dose of the pragmatic set.
SHOWN_ISODOSES = (0.95, 0.50)
LOW_ISODOSE_GY = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """A line drawn on a key image, in pixels (column, row) of that image."""

    kind: str  # lesion, target-volume, isodose
    label: str
    lines_px: tuple[npt.NDArray[np.float64], ...]


def field_overlays(
    treatment: Treatment,
    grid: Grid,
    k: int,
    *,
    levels_gy: tuple[float, ...] = (),
    window: PixelWindow | None = None,
    to_planning_mm: ToPlanning | None = None,
) -> tuple[Overlay, ...]:
    """Isodoses and target outlines on an axial slice, in pixels of that slice or of a window of it.

    Args:
        grid: of the CT; ``k`` counts its slices.
        levels_gy: isodoses; by default 95 % and 50 % of the highest prescription, and 5 Gy.
        window: first column, first row, columns and rows of the part that is shown.
        to_planning_mm: points of the grid's frame of reference to that of the treatment; without
            it nothing is drawn where the frames of reference differ.
    """
    own, planned = grid.frame_of_reference_uid, treatment.frame_of_reference_uid
    if to_planning_mm is None and (own is None or own != planned):
        return ()
    if to_planning_mm is not None:
        to_planning_mm = _once(to_planning_mm)
    view = window or (0, 0, grid.shape[0], grid.shape[1])
    levels = levels_gy or _levels_gy(treatment)
    overlays = [
        Overlay("isodose", f"{level:g} Gy", lines)
        for level, lines in isodoses(
            treatment, grid, k, levels, window=view, to_planning_mm=to_planning_mm
        )
    ]
    for target in treatment.targets:
        lines = target_lines(target, grid, k, view, to_planning_mm)
        if lines:
            overlays.append(Overlay("target-volume", target.name, lines))
    return tuple(overlays)


def _once(to_planning_mm: ToPlanning) -> ToPlanning:
    """The map of the points of one slice: dose and targets all ask for the same ones."""
    known: list[tuple[FloatArray, FloatArray]] = []

    def mapped(points_mm: FloatArray) -> FloatArray:
        if not known or not np.array_equal(known[0][0], points_mm):
            known[:] = [(points_mm, to_planning_mm(points_mm))]
        return known[0][1]

    return mapped


def _levels_gy(treatment: Treatment) -> tuple[float, ...]:
    given = [item.given_gy for item in treatment.with_dose if item.given_gy]
    top = max(given, default=0.0)
    levels = {LOW_ISODOSE_GY, *(share * top for share in SHOWN_ISODOSES if top)}
    return tuple(sorted(levels, reverse=True))
