"""Maximum-intensity projections with the silhouettes of lesions and reference regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from imaging.volume import Array, BoolArray, FloatArray, Grid, Mask, Volume
from pet.reference_regions import ReferenceRegion

LPS_X, LPS_Y, LPS_Z = 0, 1, 2


class ProjectionPlane(StrEnum):
    CORONAL = "coronal"  # seen from the front: columns from the patient's right to left
    SAGITTAL = "sagittal"  # columns from the patient's front to back


class SilhouetteKind(StrEnum):
    """What a silhouette shows."""

    LESION = "lesion"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True, eq=False)
class Silhouette:
    """Where a mask lies in a projection: bool (rows, columns), as the image."""

    name: str
    drawn: SilhouetteKind
    array: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """The highest value along one axis.

    Attributes:
        image: (rows, columns) in the unit of the volume; row 0 is cranial, column 0 the patient's
            right (coronal) or front (sagittal).
        spacing_mm: between rows and between columns.
    """

    plane: ProjectionPlane
    image: FloatArray
    spacing_mm: tuple[float, float]
    silhouettes: tuple[Silhouette, ...]


def bare_projections(suv: Volume) -> tuple[Projection, Projection]:
    """The coronal and the sagittal projection of a volume, with nothing drawn on them."""
    return _projection(suv, ProjectionPlane.CORONAL), _projection(suv, ProjectionPlane.SAGITTAL)


def drawn_on(
    bare: tuple[Projection, Projection],
    grid: Grid,
    *,
    lesions: Mapping[str, Mask] | None = None,
    regions: Sequence[ReferenceRegion] = (),
) -> tuple[Projection, Projection]:
    """Projections with the silhouettes of lesions and reference regions.

    Args:
        grid: of the volume that was projected, on which the masks lie.
    """
    masks = [(name, SilhouetteKind.LESION, mask) for name, mask in (lesions or {}).items()]
    masks += [(region.name.value, SilhouetteKind.REFERENCE, region.mask) for region in regions]
    first, second = (
        replace(
            view,
            silhouettes=tuple(
                Silhouette(name, kind, _silhouette(grid, mask, view.plane))
                for name, kind, mask in masks
            ),
        )
        for view in bare
    )
    return first, second


def _directions(plane: ProjectionPlane) -> tuple[int, int]:
    """The patient axis that is projected along, and the one across the picture."""
    return (LPS_Y, LPS_X) if plane is ProjectionPlane.CORONAL else (LPS_X, LPS_Y)


def _projection(suv: Volume, plane: ProjectionPlane) -> Projection:
    along, across = _directions(plane)
    axes = _grid_axes(suv.grid)
    image = np.asarray(_laid_out(suv.array.max(axis=axes[along]), suv.grid, axes, across, along))
    spacing = suv.grid.spacing_mm
    return Projection(plane, image, (spacing[axes[LPS_Z]], spacing[axes[across]]), ())


def _silhouette(grid: Grid, mask: Mask, plane: ProjectionPlane) -> BoolArray:
    along, across = _directions(plane)
    axes = _grid_axes(grid)
    shadow = np.zeros([n for axis, n in enumerate(grid.shape) if axis != axes[along]], bool)
    box = tuple(part for axis, part in enumerate(mask.box) if axis != axes[along])
    shadow[box] = mask.array.any(axis=axes[along])
    return np.asarray(_laid_out(shadow, grid, axes, across, along), dtype=np.bool_)


def _grid_axes(grid: Grid) -> tuple[int, int, int]:
    """The grid axis that runs closest along each of LPS x, y and z."""
    directions = np.abs(grid.directions)
    found = [0, 0, 0]
    for _ in range(3):
        patient, axis = divmod(int(np.argmax(directions)), 3)
        found[patient] = axis
        directions[patient, :], directions[:, axis] = -1.0, -1.0
    return found[0], found[1], found[2]


def _laid_out(
    flat: Array, grid: Grid, axes: tuple[int, int, int], across: int, along: int
) -> Array:
    """A projected (two-axis) array as rows from cranial to caudal and columns across."""
    left = [axis for axis in range(3) if axis != axes[along]]
    rows, columns = axes[LPS_Z], axes[across]
    image = flat if left == [rows, columns] else flat.T
    if grid.directions[LPS_Z, rows] > 0:
        image = image[::-1]
    return image if grid.directions[across, columns] > 0 else image[:, ::-1]
