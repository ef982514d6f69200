"""RTDOSE: dose in Gy on a grid, and sums that only add like to like.

Outside of the calculated grid the dose is unknown: samples there are NaN, never zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy
from pydicom.dataset import Dataset

from imaging.dataset import pixels, read_object, understood
from imaging.elements import decimal, decimals, whole
from imaging.errors import GeometryError, HeaderError, InputError, UnsupportedError
from imaging.slices import plane
from imaging.volume import FloatArray, Grid, Unit, Volume

#: Frame offsets that differ by less from an even spacing count as even (text is rounded).
EVEN_SPACING_MM = 0.01
#: A dose whose frames are uneven may be filled up to this many times its frames.
MOST_FRAMES_ADDED = 10
#: A point this little outside of the outermost voxel centres is still on the grid (rounding).
EDGE_TOLERANCE_VOXELS = 1e-3
#: Direction cosines off an axis by less than this are axial.
AXIAL_TOLERANCE = 1e-4


class DoseKind(StrEnum):
    """Dose Type (3004,0004)."""

    PHYSICAL = "PHYSICAL"
    EFFECTIVE = "EFFECTIVE"  # already corrected for biological effect


class Summation(StrEnum):
    """Dose Summation Type (3004,000A)."""

    PLAN = "PLAN"
    MULTI_PLAN = "MULTI_PLAN"
    PLAN_OVERVIEW = "PLAN_OVERVIEW"
    FRACTION = "FRACTION"
    BEAM = "BEAM"
    BRACHY = "BRACHY"
    FRACTION_SESSION = "FRACTION_SESSION"
    BEAM_SESSION = "BEAM_SESSION"
    BRACHY_SESSION = "BRACHY_SESSION"
    CONTROL_POINT = "CONTROL_POINT"
    RECORD = "RECORD"


@dataclass(frozen=True, slots=True, eq=False)
class Dose:
    """A dose distribution.

    Attributes:
        volume: Gy; the whole course of what ``summation`` names.
        plan_uids: the plans it was calculated for.
        beam_numbers, fraction_groups: what a BEAM or FRACTION dose stands for.
        calculated: creation date and time as text, to tell a superseded dose.
    """

    volume: Volume
    kind: DoseKind
    summation: Summation
    plan_uids: tuple[str, ...] = ()
    beam_numbers: tuple[int, ...] = ()
    fraction_groups: tuple[int, ...] = ()
    structure_set_uid: str = ""
    study_uid: str = ""
    sop_instance_uid: str = ""
    calculated: str = ""
    source: str = ""
    warnings: tuple[str, ...] = ()

    def at_gy(self, points_mm: FloatArray) -> FloatArray:
        """Dose at points (n, 3) LPS mm, trilinear; NaN outside of the grid."""
        return sample(self.volume, points_mm)


def sample(volume: Volume, points_mm: FloatArray) -> FloatArray:
    """Trilinear values of a volume at points (n, 3) LPS mm; NaN outside of the voxel centres."""
    index = volume.grid.to_voxel(points_mm)
    last = np.array(volume.grid.shape) - 1.0
    inside = ((index >= -EDGE_TOLERANCE_VOXELS) & (index <= last + EDGE_TOLERANCE_VOXELS)).all(-1)
    values = np.full(len(index), np.nan)
    if inside.any():
        at = np.clip(index[inside], 0.0, last)
        values[inside] = scipy.ndimage.map_coordinates(
            volume.array.T, at[:, ::-1].T, order=1, mode="nearest", output=np.float64
        )
    return values


def read_dose(path: Path) -> Dose:
    """Read an RTDOSE file.

    Raises:
        UnsupportedError: RELATIVE units, ERROR doses, single planes.
        HeaderError: units, scaling or frame offsets missing or contradictory.
    """
    with understood(path, "RTDOSE"):
        return dose(read_object(path), source=path.name)


def dose(dataset: Dataset, *, source: str = "") -> Dose:
    """The dose that a dataset holds; see :func:`read_dose`."""
    if dataset.get("Modality") != "RTDOSE":
        raise HeaderError(
            f"Modality (0008,0060) is {dataset.get('Modality')!r}, not RTDOSE", where=source
        )
    kind, summation = _kinds(dataset, source)
    scaling = decimal(dataset, "DoseGridScaling", where=source)
    if scaling is None or scaling <= 0:
        raise HeaderError(f"Dose Grid Scaling (3004,000E) is {scaling}", where=source)
    frames = pixels(dataset, source).astype(np.float32) * np.float32(scaling)
    if frames.ndim != 3 or len(frames) < 2:
        raise UnsupportedError(
            "a dose of a single plane", where=source, remedy="export the whole dose grid"
        )
    if frames.min() < 0:
        raise HeaderError(
            f"the dose is {float(frames.min()):.4g} Gy in places: no dose is negative",
            where=source,
            remedy="Pixel Representation (0028,0103) says whether the numbers have a sign",
        )
    array, grid, warnings = _placed(dataset, frames, source)
    plans, beams, groups = _referenced(dataset)
    return Dose(
        volume=Volume(array, grid, Unit.GY, source),
        kind=kind,
        summation=summation,
        plan_uids=plans,
        beam_numbers=beams,
        fraction_groups=groups,
        structure_set_uid=_structure_set_uid(dataset),
        study_uid=str(dataset.get("StudyInstanceUID", "")),
        sop_instance_uid=str(dataset.get("SOPInstanceUID", "")),
        calculated=_calculated(dataset),
        source=source,
        warnings=warnings,
    )


def _kinds(dataset: Dataset, source: str) -> tuple[DoseKind, Summation]:
    units = str(dataset.get("DoseUnits", "")).strip().upper()
    if units != "GY":
        raise UnsupportedError(
            f"Dose Units (3004,0002) are {units or 'missing'}, not GY",
            where=source,
            remedy="export the dose in absolute units",
        )
    kind = str(dataset.get("DoseType", "")).strip()
    if kind not in tuple(DoseKind):
        raise UnsupportedError(f"Dose Type (3004,0004) is {kind or 'missing'}", where=source)
    summation = str(dataset.get("DoseSummationType", "")).strip()
    if summation not in tuple(Summation):
        raise HeaderError(
            f"Dose Summation Type (3004,000A) is {summation or 'missing'}", where=source
        )
    return DoseKind(kind), Summation(summation)


def _placed(
    dataset: Dataset, frames: npt.NDArray[np.float32], source: str
) -> tuple[npt.NDArray[np.float32], Grid, tuple[str, ...]]:
    """Frames in the order of their position, as array (i, j, k) on its grid."""
    orientation = np.array(decimals(dataset, "ImageOrientationPatient", 6, where=source))
    row_mm, column_mm = decimals(dataset, "PixelSpacing", 2, where=source)
    if row_mm <= 0 or column_mm <= 0:
        raise HeaderError(f"Pixel Spacing (0028,0030) is {row_mm}\\{column_mm} mm", where=source)
    along_i, along_j, normal = plane(orientation, source)
    origin = np.array(decimals(dataset, "ImagePositionPatient", 3, where=source))
    height = _heights_mm(dataset, origin, normal, len(frames), source)
    order = np.argsort(height, kind="stable")
    height, frames = height[order], frames[order]
    steps = np.diff(height)
    if (steps < EVEN_SPACING_MM).any():
        raise HeaderError(
            "two frames at one position in Grid Frame Offset Vector (3004,000C)", where=source
        )
    warnings: tuple[str, ...] = ()
    if np.ptp(steps) > EVEN_SPACING_MM * 2:
        frames, height = _evened(frames, height, source)
        warnings = (
            f"frames are not evenly spaced: interpolated to every {height[1] - height[0]:.3f} mm",
        )
    step = (height[-1] - height[0]) / (len(height) - 1)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = along_i * column_mm, along_j * row_mm, normal
    affine[:3, 2] *= step
    affine[:3, 3] = origin + normal * height[0]
    frame_uid = dataset.get("FrameOfReferenceUID")
    if not frame_uid:
        warnings += ("no Frame of Reference UID (0020,0052): its place is not known",)
    array = frames.T
    return array, Grid(array.shape, affine, str(frame_uid) if frame_uid else None), warnings


def _heights_mm(
    dataset: Dataset, origin: FloatArray, normal: FloatArray, frames: int, source: str
) -> FloatArray:
    """Distance of each frame from the Image Position along the normal (PS3.3 C.8.8.3.2).

    Offsets that begin with zero are relative and run along the normal. Otherwise they are the
    patient z of each plane, which is only valid for axial frames and must begin with that of Image
    Position (Patient).
    """
    offsets = np.array(decimals(dataset, "GridFrameOffsetVector", where=source))
    if len(offsets) != frames:
        raise HeaderError(
            f"Grid Frame Offset Vector (3004,000C) has {len(offsets)} values for {frames} frames",
            where=source,
        )
    if offsets[0] == 0.0:
        return offsets
    if abs(offsets[0] - origin[2]) > EVEN_SPACING_MM or abs(abs(normal[2]) - 1) > AXIAL_TOLERANCE:
        raise HeaderError(
            "Grid Frame Offset Vector (3004,000C) neither begins with zero nor with the z of "
            "axial frames",
            where=source,
        )
    return np.asarray((offsets - origin[2]) * np.sign(normal[2]), dtype=np.float64)


def _evened(
    frames: npt.NDArray[np.float32], height: FloatArray, source: str
) -> tuple[npt.NDArray[np.float32], FloatArray]:
    """Frames interpolated linearly to the smallest distance that occurs."""
    step = float(np.diff(height).min())
    count = int(np.floor((height[-1] - height[0]) / step + 1e-6)) + 1
    if count > MOST_FRAMES_ADDED * len(height):
        raise HeaderError(
            f"Grid Frame Offset Vector (3004,000C) has distances from {step:.3g} to "
            f"{np.diff(height).max():.3g} mm",
            where=source,
            remedy="export the dose on an even grid",
        )
    even = height[0] + step * np.arange(count)
    after = np.clip(np.searchsorted(height, even), 1, len(height) - 1)
    share = (even - height[after - 1]) / (height[after] - height[after - 1])
    weight = np.clip(share, 0.0, 1.0).astype(np.float32)[:, None, None]
    return frames[after - 1] * (1 - weight) + frames[after] * weight, even


def _referenced(dataset: Dataset) -> tuple[tuple[str, ...], tuple[int, ...], tuple[int, ...]]:
    """Plans, beams and fraction groups that the dose was calculated for."""
    plans: list[str] = []
    beams: list[int] = []
    groups: list[int] = []
    for plan in dataset.get("ReferencedRTPlanSequence", ()):
        if plan.get("ReferencedSOPInstanceUID"):
            plans.append(str(plan.ReferencedSOPInstanceUID))
        for group in plan.get("ReferencedFractionGroupSequence", ()):
            groups.append(whole(group, "ReferencedFractionGroupNumber") or 0)
            beams.extend(
                whole(beam, "ReferencedBeamNumber") or 0
                for beam in group.get("ReferencedBeamSequence", ())
            )
    return tuple(plans), tuple(beams), tuple(groups)


def _structure_set_uid(dataset: Dataset) -> str:
    sequence = dataset.get("ReferencedStructureSetSequence")
    return str(sequence[0].get("ReferencedSOPInstanceUID", "")) if sequence else ""


def _calculated(dataset: Dataset) -> str:
    for day, time in (
        ("ContentDate", "ContentTime"),
        ("InstanceCreationDate", "InstanceCreationTime"),
    ):
        if dataset.get(day):
            return f"{dataset.get(day)}{dataset.get(time, '')}"
    return ""


def sum_doses(doses: Sequence[Dose], summation: Summation = Summation.MULTI_PLAN) -> Dose:
    """The sum of doses of one kind and summation type, on the grid of the first.

    Physical dose is resampled linearly. Where one of them is unknown the sum is unknown (NaN).

    Args:
        summation: what the sum stands for (PLAN for the beams of a plan, else MULTI_PLAN).

    Raises:
        GeometryError: different or missing frames of reference.
        InputError: different kinds or summation types: PLAN and MULTI_PLAN are never added.
    """
    if not doses:
        raise InputError("no dose to sum")
    head = doses[0]
    for other in doses[1:]:
        if (other.kind, other.summation) != (head.kind, head.summation):
            raise InputError(
                f"{other.kind} {other.summation} cannot be added to {head.kind} {head.summation}",
                where=other.source,
                remedy="sum doses of one kind only",
            )
        check_same_frame(head, other)
    grid = head.volume.grid
    total = np.array(head.volume.array, dtype=np.float64)
    for other in doses[1:]:
        total += resampled_gy(other, grid)
    return Dose(
        volume=Volume(total.astype(np.float32), grid, Unit.GY, head.source),
        kind=head.kind,
        summation=summation if len(doses) > 1 else head.summation,
        plan_uids=tuple(dict.fromkeys(uid for dose in doses for uid in dose.plan_uids)),
        beam_numbers=tuple(dict.fromkeys(n for dose in doses for n in dose.beam_numbers)),
        source=head.source,
        warnings=tuple(dict.fromkeys(w for dose in doses for w in dose.warnings)),
    )


def check_same_frame(one: Dose, other: Dose) -> None:
    """Two doses must lie in one known frame of reference."""
    frames = [d.volume.grid.frame_of_reference_uid for d in (one, other)]
    if None in frames or frames[0] != frames[1]:
        raise GeometryError(
            "doses of different or unknown frames of reference",
            where=other.source,
            remedy="register the plans first",
        )


def resampled_gy(dose: Dose, grid: Grid) -> FloatArray:
    """The dose at the voxel centres of a grid, (i, j, k); NaN where it is unknown."""
    if dose.volume.grid.same_as(grid):
        return np.asarray(dose.volume.array, dtype=np.float64)
    result = np.empty(grid.shape, dtype=np.float64)
    ij = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape[:2]), indexing="ij"), axis=-1)
    for k in range(grid.shape[2]):
        index = np.concatenate([ij.reshape(-1, 2), np.full((ij[..., 0].size, 1), k)], axis=1)
        result[:, :, k] = sample(dose.volume, grid.to_world_mm(index)).reshape(grid.shape[:2])
    return result
