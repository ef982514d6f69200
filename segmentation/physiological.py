"""Uptake that a body has by nature, told by density, place, symmetry and SUV, without organ labels.

A whole-body answer of the network holds urine, kidneys, brain, heart and testes from time to time.
What looks like one of these is *proposed* as such: it keeps its outline and is shown, and is no
target unless a reader says so. Nothing is taken away, and nothing is proposed on a CT without PET.

The place is told from landmarks that a CT has by itself: the midline of the body, the lungs, where
the legs part, and bone. Where the lungs are not in the image only what needs no height is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from imaging.body import without_holes
from imaging.resampling import resample
from imaging.volume import Array, BoolArray, Grid, Mask, Unit, Volume
from segmentation.infer import Delineation
from segmentation.instances import Candidate
from segmentation.preparation import network_grid, on_grid

#: Landmarks are looked for on a grid of this spacing.
LANDMARK_MM = 6.0
AIR_HU, BODY_HU, LUNG_HU = -1000.0, -350.0, -700.0
#: A slice holds lung where so much of the body in it is aerated.
LUNG_OF_SLICE = 0.08
#: Urine and bowel fluid: the middle of a lesion within these HU, and even but for the CT's noise,
#: which is averaged out over so many mm (in the CT of a PET it reaches 35 HU).
FLUID_HU, FLUID_SD_HU, NOISE_MM = (-10.0, 25.0), 25.0, 6.0
BONE_HU = 250.0
#: Physiological uptake is well above blood pool (mean SUV about 1.5 to 2).
LEAST_SUV = 2.5
#: Urine is hotter than most lesions, and hot in its middle: fluid itself takes up nothing, and the
#: rim of a necrotic lesion is no fluid.
URINE_SUV = 6.0
#: A body that touches a side of the image in more than this share of its slices goes on there.
CUT = 0.5
#: Distances from the midline and from the lower end of the lungs, mm: anatomy of adults with room.
MIDLINE_MM = 45.0
KIDNEY_SIDE_MM = (30.0, 110.0)
KIDNEY_BELOW_MM = (-40.0, 190.0)
PELVIS_BELOW_MM = 220.0
BRAIN_ABOVE_MM = 60.0
HEART_SIDE_MM = 90.0
#: A ureter is a string of fluid on either side of the spine, no wider than this (the network draws
#: a voxel of 3 mm around it) and longer down the body than wide by the second factor. A node beside
#: the vessels there is solid, and as wide as long.
URETER_SIDE_MM, URETER_BELOW_MM = (12.0, 60.0), (20.0, 340.0)
URETER_WIDTH_MM, URETER_LENGTH = 16.0, 1.5
#: Testes and penis lie in front between the thighs, about where the legs part.
GENITAL_SIDE_MM, GENITAL_ABOVE_MM, GENITAL_BELOW_MM = 45.0, 40.0, 130.0
#: Legs are apart in a slice whose middle column, this wide, is open behind: filled by less than
#: this share. Each side holds this much of what the slice holds, and the slice no fewer than this
#: many voxels of the landmarks' grid: two legs, not a hand's fingers.
BETWEEN_LEGS_MM, OPEN, SIDE_SHARE, LEAST_LEGS = 12.0, 0.3, 0.3, 150
#: Share of directions in which a brain is enclosed by bone within this distance; a pelvis and a
#: chest leave more of them open.
ENCLOSED, ENCLOSED_MM = 0.85, 100.0
#: Two kidneys: centres mirrored at the midline within this distance.
MIRRORED_MM = 45.0
#: Gas this near to a hot piece of fluid is bowel's.
GAS_MM, GAS_HU, LEAST_GAS_ML = 12.0, -300.0, 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """Where a body is, LPS mm.

    Attributes:
        midline_mm: x of the middle of the body.
        front_mm, back_mm: y of its front and back at the lungs, or of all of it.
        lung_mm: z of the lower and upper end of the lungs, None where they are not in the image.
        crotch_mm: z of where the legs part, None where two legs are not in the image.
        is_cut: the body goes on beyond the sides of the image, so that its midline is not known.
        body: 1 inside of the body, its cavities filled and its skin left out.
    """

    midline_mm: float
    front_mm: float
    back_mm: float
    lung_mm: tuple[float, float] | None
    crotch_mm: float | None
    body: Volume
    is_cut: bool = False


def landmarks(ct: Volume) -> Landmarks | None:
    """Landmarks of a CT; None where there is no body in it."""
    grid = network_grid(ct.grid, LANDMARK_MM)
    hu = on_grid(ct, grid, fill=AIR_HU)
    labelled, count = ndimage.label(hu > BODY_HU)
    if not count:
        return None
    body = labelled == 1 + int(np.bincount(labelled.ravel())[1:].argmax())
    filled = without_holes(body)
    world = grid.to_world_mm(np.argwhere(filled))
    z = grid.to_world_mm(np.column_stack([np.zeros((hu.shape[2], 2)), np.arange(hu.shape[2])]))
    aerated = (filled & (hu < LUNG_HU)).sum(axis=(0, 1)) / np.maximum(filled.sum(axis=(0, 1)), 1)
    heights = z[aerated > LUNG_OF_SLICE, 2]
    lung = (float(heights.min()), float(heights.max())) if len(heights) > 4 else None
    return Landmarks(
        float(np.quantile(world[:, 0], [0.02, 0.98]).mean()),
        float(np.quantile(world[:, 1], 0.02)),
        float(np.quantile(world[:, 1], 0.98)),
        lung,
        _crotch_mm(body, grid),
        Volume(ndimage.binary_erosion(filled).astype(np.uint8), grid, Unit.LABEL),
        _is_cut(body),
    )


def _is_cut(body: BoolArray) -> bool:
    """Whether the body touches a side of the image in most of its slices: a part of it alone."""
    held = body.any(axis=(0, 1))
    sides = (body[0] | body[-1]).any(axis=0)
    return bool(np.count_nonzero(sides) > CUT * np.count_nonzero(held))


def _crotch_mm(body: BoolArray, grid: Grid) -> float | None:
    """The height of the uppermost slice of those in which two legs lie apart, the lowest included.

    The middle is that of the slice: legs are not always laid straight.
    """
    parted = [_parted(body[:, :, k], grid) for k in range(body.shape[2])]
    heights = [float(z) for z in grid.to_world_mm([[0, 0, k] for k in range(len(parted))])[:, 2]]
    found = None
    for height, open_here in sorted(zip(heights, parted, strict=True)):
        if not open_here:
            break
        found = height
    return found


def _parted(section: BoolArray, grid: Grid) -> bool:
    """Whether a slice shows two legs with air between them at their back."""
    if np.count_nonzero(section) < LEAST_LEGS:
        return False
    x, y = np.nonzero(section)
    middle = (x.min() + x.max()) / 2.0
    wide = BETWEEN_LEGS_MM / 2.0 / grid.spacing_mm[0]
    column = section[int(np.floor(middle - wide)) + 1 : int(np.ceil(middle + wide))]
    # Which way is back depends on how the image is stored.
    depth = grid.to_world_mm(np.array([[0, y.min(), 0], [0, y.max(), 0]]))[:, 1]
    half = int((y.min() + y.max()) // 2)
    behind = column[:, half:] if depth[1] > depth[0] else column[:, : half + 1]
    reach = behind.shape[1] - (section.shape[1] - 1 - y.max() if depth[1] > depth[0] else y.min())
    left = np.count_nonzero(x < middle) / len(x)
    is_open = np.count_nonzero(behind) < OPEN * behind.shape[0] * max(int(reach), 1)
    return bool(is_open and SIDE_SHARE <= left <= 1.0 - SIDE_SHARE)


def proposed(
    candidates: Sequence[Candidate], ct: Volume, suv: Volume | None
) -> tuple[Candidate, ...]:
    """The candidates, those that look like physiological uptake with what they look like."""
    where = None if suv is None or not candidates else landmarks(ct)
    if where is None or suv is None:
        return tuple(candidates)
    seen = [_CandidateFacts.of(each.mask, ct, suv) for each in candidates]
    found = []
    for number, candidate in enumerate(candidates):
        others = [each for n, each in enumerate(seen) if n != number]
        told = _organ(seen[number], others, where, ct)
        if told is None:
            found.append(candidate)
            continue
        organ, why = told
        flag = f"looks like the {organ}, not a lesion: {why}"
        found.append(replace(candidate, physiological=organ, flags=(*candidate.flags, flag)))
    return tuple(found)


def lesions_of(found: Delineation, ct: Volume, suv: Volume | None) -> Delineation:
    """An unprompted answer without what is proposed as an organ: what stands as lesions."""
    told = proposed(found.candidates, ct, suv)
    return replace(found, candidates=tuple(each for each in told if each.physiological is None))


@dataclass(frozen=True, slots=True, eq=False)
class _CandidateFacts:
    """A candidate: centre LPS mm, mean and highest SUV; of its middle median HU, spread and SUV."""

    mask: Mask
    centre_mm: Array
    hu: float
    hu_sd: float
    suv: float
    suv_max: float
    suv_middle: float

    @property
    def is_hot_fluid(self) -> bool:
        return self.is_fluid and min(self.suv, self.suv_middle) >= URINE_SUV

    @property
    def is_fluid(self) -> bool:
        return FLUID_HU[0] <= self.hu <= FLUID_HU[1] and self.hu_sd <= FLUID_SD_HU

    @classmethod
    def of(cls, mask: Mask, ct: Volume, suv: Volume) -> _CandidateFacts:
        depth = ndimage.distance_transform_edt(np.pad(mask.array, 1), sampling=mask.grid.spacing_mm)
        inner = depth[1:-1, 1:-1, 1:-1]
        middle = inner >= 0.4 * inner.max()
        values = np.where(mask.array, ct.array[mask.box], 0.0)
        sides = [max(1, round(NOISE_MM / mm)) for mm in mask.grid.spacing_mm]
        inside = ndimage.uniform_filter(mask.array.astype(float), sides, mode="constant")
        averaged = ndimage.uniform_filter(values, sides, mode="constant")[middle] / inside[middle]
        every = resample(suv, mask.box_grid).array
        uptake = every[mask.array]
        return cls(
            mask,
            np.asarray(mask.centre_mm),
            float(np.median(values[middle])),
            float(averaged.std()),
            float(uptake.mean()),
            float(uptake.max()),
            float(every[middle].mean()),
        )


def _organ(
    seen: _CandidateFacts, others: Sequence[_CandidateFacts], where: Landmarks, ct: Volume
) -> tuple[str, str] | None:
    """What a candidate looks like and why; None for a lesion as far as can be told."""
    if seen.suv < LEAST_SUV:
        return None
    x, y, z = (float(value) for value in seen.centre_mm)
    side = abs(x - where.midline_mm)
    below = None if where.lung_mm is None else where.lung_mm[0] - z
    behind = y >= (where.front_mm + where.back_mm) / 2.0
    fluid = f"fluid ({seen.hu:.0f} HU), SUV {seen.suv:.1f}"
    told: list[tuple[str, str]] = []
    in_pelvis = below is None or below >= PELVIS_BELOW_MM
    if seen.is_hot_fluid and where.is_cut and in_pelvis:
        told.append(("urinary tract", f"{fluid}: fluid takes up no tracer, urine holds it"))
    elif seen.is_hot_fluid and side <= MIDLINE_MM and in_pelvis:
        told.append(("urinary bladder or urethra", f"{fluid}, {side:.0f} mm from the midline"))
    twin = _has_mirror(seen, others, where)
    if twin if below is None else KIDNEY_BELOW_MM[0] <= below <= KIDNEY_BELOW_MM[1]:
        beside = KIDNEY_SIDE_MM[0] <= side <= KIDNEY_SIDE_MM[1]
        if beside and behind and (twin or seen.is_fluid):
            why = " and one like it opposite" if twin else ""
            told.append(("kidney", f"{side:.0f} mm beside the midline behind the middle{why}"))
    high = where.lung_mm is None or z - where.lung_mm[1] >= BRAIN_ABOVE_MM
    if high and _enclosed(seen.centre_mm, ct) >= ENCLOSED:
        told.append(("brain", "enclosed by bone"))
    if not behind and _in_heart(seen, where):
        told.append(("heart", f"between the lungs, {seen.mask.volume_ml:.0f} ml of tissue"))
    if below is not None and below > 0 and seen.is_fluid and _near_gas(seen.mask, ct, where.body):
        told.append(("bowel", f"{fluid}, gas beside it"))
    if seen.is_hot_fluid and below is not None and _is_ureter(seen, side, below):
        told.append(("ureter", f"a string of fluid, {side:.0f} mm beside the midline"))
    if where.crotch_mm is not None and not behind and side <= GENITAL_SIDE_MM:
        above = z - where.crotch_mm
        if -GENITAL_BELOW_MM <= above <= GENITAL_ABOVE_MM:
            told.append(("genitals or urine on the skin", "in front, where the legs part"))
    return told[0] if told else None


def _is_ureter(seen: _CandidateFacts, side_mm: float, below_mm: float) -> bool:
    """Whether a piece of hot fluid is a string beside the spine."""
    beside = URETER_SIDE_MM[0] <= side_mm <= URETER_SIDE_MM[1]
    height = URETER_BELOW_MM[0] <= below_mm <= URETER_BELOW_MM[1]
    spacing = np.array(seen.mask.grid.spacing_mm)
    wide, deep, tall = (
        np.ptp(np.argwhere(seen.mask.array), axis=0) * spacing + spacing
        if seen.mask.voxels
        else np.zeros(3)
    )
    across = max(float(wide), float(deep)) - _lean_mm(seen.mask)
    return bool(beside and height and across <= min(URETER_WIDTH_MM, float(tall) / URETER_LENGTH))


def _lean_mm(mask: Mask) -> float:
    """How far the middle of a mask moves sideways from its first slice to its last."""
    slices = np.flatnonzero(mask.array.any(axis=(0, 1)))
    first, last = (np.argwhere(mask.array[:, :, k]).mean(axis=0) for k in slices[[0, -1]])
    return float((np.abs(last - first) * np.array(mask.grid.spacing_mm[:2])).max())


def _in_heart(seen: _CandidateFacts, where: Landmarks) -> bool:
    if where.lung_mm is None:
        return False
    low, high = where.lung_mm
    # LPS: the patient's left is towards larger x.
    left = -20.0 <= float(seen.centre_mm[0]) - where.midline_mm <= HEART_SIDE_MM
    inside = low - 40.0 <= float(seen.centre_mm[2]) <= low + 0.55 * (high - low)
    return left and inside and 10.0 <= seen.hu <= 250.0 and seen.mask.volume_ml >= 30.0


def _has_mirror(seen: _CandidateFacts, others: Sequence[_CandidateFacts], where: Landmarks) -> bool:
    mirrored = seen.centre_mm * np.array([-1.0, 1.0, 1.0]) + np.array(
        [2.0 * where.midline_mm, 0.0, 0.0]
    )
    return any(
        float(np.linalg.norm(each.centre_mm - mirrored)) <= MIRRORED_MM
        and each.suv >= LEAST_SUV
        and 0.4 <= each.mask.volume_ml / seen.mask.volume_ml <= 2.5
        for each in others
    )


def _enclosed(centre_mm: Array, ct: Volume) -> float:
    """The share of directions in which bone lies within reach of a point."""
    rng = np.random.default_rng(0)
    ways = rng.normal(size=(64, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    steps = np.arange(0.0, ENCLOSED_MM, 2.0)
    points = centre_mm + ways[:, None] * steps[:, None]
    voxels = np.rint(ct.grid.to_voxel(points.reshape(-1, 3))).astype(int)
    inside = ((voxels >= 0) & (voxels < np.array(ct.grid.shape))).all(axis=1)
    hu = np.full(len(voxels), AIR_HU)
    hu[inside] = ct.array[tuple(voxels[inside].T)]
    return float((hu.reshape(64, -1) > BONE_HU).any(axis=1).mean())


def _near_gas(mask: Mask, ct: Volume, body: Volume) -> bool:
    """Whether gas lies near: inside of the body, not the air around it."""
    steps = np.ceil(GAS_MM / np.array(mask.grid.spacing_mm)).astype(int)
    low = np.maximum(np.array(mask.start) - steps, 0)
    high = np.minimum(np.add(mask.start, mask.array.shape) + steps, mask.grid.shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    gas = np.argwhere(np.asarray(ct.array[box]) < GAS_HU) + low
    at = np.rint(body.grid.to_voxel(ct.grid.to_world_mm(gas))).astype(int)
    at = at[((at >= 0) & (at < np.array(body.grid.shape))).all(axis=1)]
    volume_ml = np.count_nonzero(body.array[tuple(at.T)]) * ct.grid.voxel_volume_mm3 / 1000.0
    return bool(volume_ml >= LEAST_GAS_ML)
