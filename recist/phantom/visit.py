"""The phantom patient in the scanner: CT, uptake and true masks at each date, without DICOM."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from imaging.volume import Array, Grid, Mask, Unit, Volume
from recist.phantom.chest import TABLE_TOP_Y_MM, Pose, coordinates, paint_chest
from recist.phantom.lesions import (
    IRRADIATED,
    LESIONS,
    PRESCRIPTION_GY,
    PTV_MARGIN_MM,
    LesionDesign,
)
from recist.phantom.solids import Canvas, Solid, Tissue, ellipsoid

SEED = 20240304

CT_SHAPE, CT_SPACING_MM = (192, 192, 72), (2.0, 2.0, 3.0)
PET_SHAPE, PET_SPACING_MM = (96, 96, 54), (4.0, 4.0, 4.0)
DOSE_SHAPE, DOSE_SPACING_MM = (96, 96, 54), (4.0, 4.0, 4.0)

#: Scanner noise: of soft tissue on a low-dose CT, and relative to uptake on PET.
CT_NOISE_HU = 11.0
PET_NOISE = 0.10
PET_RESOLUTION_FWHM_MM = 5.5
FWHM_PER_SIGMA = 2.3548

#: Dose: the prescription at the edge of the target volume, more within, and a steep fall outside.
DOSE_MAXIMUM = 1.25
DOSE_FALL_MM = 13.0

#: Table position, turn and breathing differ between the dates, so registration has work.
POSES = (
    Pose(),
    Pose(shift_mm=(7.0, -5.0, 9.0), turn_deg=1.6, breath_mm=6.0),
    Pose(shift_mm=(-6.0, 4.0, -8.0), turn_deg=-2.2, breath_mm=-5.0),
)
HEART_UPTAKE = (3.4, 4.6, 2.6)


@dataclass(frozen=True, slots=True, eq=False)
class PhantomVisit:
    """What one date gives: images in HU and SUVbw, and the truth.

    Attributes:
        masks: by the lesion's identity, on the CT grid.
        roi_solids: the same lesions as solids, for contours finer than the voxels.
        dose: in Gy, at the first date only; on its own grid in the same frame of reference.
    """

    index: int
    ct: Volume
    suv: Volume
    masks: dict[str, Mask]
    canvas: Canvas
    solids: dict[str, Solid]
    dose: Volume | None


def simulate(index: int, *, seed: int = SEED, frame_of_reference_uid: str = "") -> PhantomVisit:
    """The patient at one of the three dates (0, 1, 2).

    The noise follows from the seed and the date; the patient is the same at every date.
    """
    pose = POSES[index]
    frame = frame_of_reference_uid or f"2.25.{seed}{index}"
    random = np.random.default_rng([seed, 2, index])
    solids = {
        lesion.id: solid for lesion in LESIONS if (solid := _solid(lesion, index, pose)) is not None
    }
    ct_grid = _grid(CT_SHAPE, CT_SPACING_MM, frame)
    pet_grid = _grid(PET_SHAPE, PET_SPACING_MM, frame)
    ct_canvas = _painted(ct_grid, index, seed, solids)
    pet_canvas = _painted(pet_grid, index, seed, solids)
    masks = {name: Mask.of(ct_canvas.inside(solid), ct_grid) for name, solid in solids.items()}
    return PhantomVisit(
        index=index,
        ct=Volume(_scanned_ct(ct_canvas, random).T, ct_grid, Unit.HU, f"CT {index}"),
        suv=Volume(_scanned_pet(pet_canvas, random).T, pet_grid, Unit.SUV_BW, f"PET {index}"),
        masks=masks,
        canvas=ct_canvas,
        solids=solids,
        dose=_dose(frame, pose) if index == 0 else None,
    )


def _grid(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], frame: str) -> Grid:
    affine = np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = -(np.array(shape) - 1) / 2 * np.array(spacing_mm)
    return Grid(shape, affine, frame)


def _solid(lesion: LesionDesign, index: int, pose: Pose, margin_mm: float = 0.0) -> Solid | None:
    """A lesion where breathing has carried it; its shape does not change with breathing."""
    size = lesion.sizes[index]
    if size is None:
        return None
    centre = pose.settled(lesion.centre_mm) if lesion.moves else lesion.centre_mm
    semi = (
        size.long_mm / 2 + margin_mm,
        size.short_mm / 2 + margin_mm,
        size.height_mm / 2 + margin_mm,
    )
    return ellipsoid(centre, semi, turn_deg=lesion.turn_deg)


def target_volume() -> Solid:
    """The planning target volume at the first date."""
    solid = _solid(IRRADIATED, 0, POSES[0], PTV_MARGIN_MM)
    assert solid is not None
    return solid


def _painted(grid: Grid, index: int, seed: int, solids: dict[str, Solid]) -> Canvas:
    fixed, moving = coordinates(grid, POSES[index])
    canvas = Canvas(grid, fixed, moving, edge_mm=float(np.mean(grid.spacing_mm)))
    paint_chest(canvas, seed=seed, heart_uptake=HEART_UPTAKE[index])
    for lesion in LESIONS:
        if lesion.id in solids:
            canvas.paint(Tissue(solids[lesion.id], lesion.hu, lesion.suv[index]))
    return canvas


def _scanned_ct(canvas: Canvas, random: np.random.Generator) -> Array:
    """HU (k, j, i) with a table under the patient and grainy noise, rounded as stored."""
    hu = canvas.hu.copy()
    # The table belongs to the scanner: it does not turn with the patient.
    y = canvas.grid.origin_mm[1] + np.arange(hu.shape[1]) * canvas.grid.spacing_mm[1]
    shift = POSES[0].shift_mm[1]
    table = np.flatnonzero(np.abs(y - (TABLE_TOP_Y_MM + 8 + shift)) < 7)
    hu[:, table, 14:-14] = np.maximum(hu[:, table, 14:-14], -180)
    grain = ndimage.gaussian_filter(
        random.standard_normal(hu.shape, dtype=np.float32), (0, 0.7, 0.7)
    )
    hu += grain * np.float32(CT_NOISE_HU / grain.std())
    return np.clip(np.rint(hu), -1024, 3071).astype(np.int16)


def _scanned_pet(canvas: Canvas, random: np.random.Generator) -> Array:
    """SUVbw (k, j, i) at the resolution of a scanner, with noise that grows with uptake."""
    sigma = PET_RESOLUTION_FWHM_MM / FWHM_PER_SIGMA / np.array(canvas.grid.spacing_mm)[::-1]
    suv = ndimage.gaussian_filter(canvas.suv, sigma)
    grain = ndimage.gaussian_filter(random.standard_normal(suv.shape, dtype=np.float32), 0.7)
    suv += grain / grain.std() * PET_NOISE * np.sqrt(np.maximum(suv, 0.02))
    return np.asarray(np.clip(suv, 0, None), dtype=np.float32)


def _dose(frame: str, pose: Pose) -> Volume:
    """Total planned dose in Gy on its own grid, which covers the whole CT."""
    grid = _grid(DOSE_SHAPE, DOSE_SPACING_MM, frame)
    fixed, _ = coordinates(grid, pose)
    away_mm = target_volume().distance(*fixed)
    depth_mm = float(-away_mm.min())
    within = 1 + (DOSE_MAXIMUM - 1) * np.clip(-away_mm / depth_mm, 0, 1)
    outside = np.exp(-np.clip(away_mm, 0, None) / DOSE_FALL_MM)
    dose_gy = PRESCRIPTION_GY * np.where(away_mm < 0, within, outside)
    return Volume(dose_gy.astype(np.float32).T, grid, Unit.GY, "phantom dose")
