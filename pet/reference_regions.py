"""Reference regions of PERCIST: a 3 cm sphere in the right liver lobe, and the blood pool.

Placed automatically where the CT shows lungs, liver and spine, or given by the reader. Each region
comes with what speaks against it; a region that is not plausible is returned as such, not dropped.

Source: Wahl, JNM 2009;50(S1):122S, table 7: "3-cm-diameter spherical ROI in normal right lobe of
liver"; "1-cm-diameter ROI in descending thoracic aorta extending over 2-cm z axis".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import scipy

from imaging.errors import GeometryError
from imaging.volume import FloatArray, Mask, Volume
from pet.anatomy import Anatomy, descending_aorta, on_search_grid, read_anatomy, right_lobe

LIVER_DIAMETER_MM = 30.0
AORTA_DIAMETER_MM = 10.0
AORTA_LENGTH_MM = 20.0
#: Lesions are kept this far away: about the resolution of PET at full width of tenth maximum.
LESION_MARGIN_MM = 10.0
#: Mean FDG uptake of the regions, of SUVbw and of SUL alike (SUL is about 3/4 of SUVbw).
PLAUSIBLE_MEAN = {"liver": (0.8, 4.0), "blood pool": (0.5, 3.0)}
#: Noise: a larger coefficient of variation means lesion, edge or motion.
LARGEST_VARIATION = 0.25
#: A voxel this far above the mean is a focus.
FOCUS_RATIO = 1.6
#: Share of the nominal volume that must lie in the image.
SMALLEST_SHARE = 0.9
#: Candidate centres are tried from the deepest; after these the deepest is returned with its flaws.
MOST_TRIES = 60


class RegionName(StrEnum):
    LIVER = "liver"
    BLOOD_POOL = "blood pool"


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceRegion:
    """A reference region on the PET grid and its uptake.

    Attributes:
        mean, sd, suv_max: in the unit of the volume (sd of the population).
        centre_mm: LPS.
        automatic: placed on the CT, not given by the reader.
        concerns: what speaks against using it; empty for a plausible region.
    """

    name: RegionName
    mask: Mask
    mean: float
    sd: float
    suv_max: float
    centre_mm: tuple[float, float, float]
    automatic: bool
    concerns: tuple[str, ...] = ()

    @property
    def plausible(self) -> bool:
        return not self.concerns


def liver_region(
    suv: Volume,
    *,
    ct: Volume | Anatomy | None = None,
    centre_mm: npt.ArrayLike | None = None,
    lesions: Sequence[Mask] = (),
) -> ReferenceRegion | None:
    """The liver sphere, at a given centre or placed on the CT.

    Args:
        suv: (i, j, k).
        ct: in HU, in the same patient position; or its landmarks, where they were read already.
        centre_mm: LPS, from the reader; then the CT is not asked.
        lesions: to keep away from, on any grid of the same frame of reference.

    Returns:
        The region; None if neither a centre is given nor the liver is found.
    """
    if centre_mm is not None:
        mask = sphere_mask(suv, np.asarray(centre_mm, dtype=np.float64), LIVER_DIAMETER_MM)
        return measure(RegionName.LIVER, suv, mask, lesions=lesions, nominal_ml=_sphere_ml())
    anatomy = read_anatomy(ct) if isinstance(ct, Volume) else ct
    if anatomy is None:
        return None
    clear_of = on_search_grid(anatomy, list(lesions)) if lesions else None
    centres = right_lobe(anatomy, clear_of)
    return _first_plausible(suv, _spread(centres), lesions)


def region_in(
    name: RegionName, suv: Volume, organ: Mask, lesions: Sequence[Mask] = ()
) -> ReferenceRegion:
    """The reference region in an organ that a person drew.

    In a liver the sphere, as deep as it can lie; of a vessel what is deeper than half the diameter
    of the cylinder, so that its wall stays out. What is no larger than twice the region was drawn
    as the region, and is measured as it is.

    Args:
        organ: on the grid of the PET.

    Raises:
        GeometryError: the organ holds no voxel.
    """
    is_liver = name is RegionName.LIVER
    if organ.volume_ml <= 2.0 * (_sphere_ml() if is_liver else _tube_ml()):
        return measure(name, suv, organ, lesions=lesions)
    depth = scipy.ndimage.distance_transform_edt(np.pad(organ.array, 1), organ.grid.spacing_mm)
    # From the surface, which lies half a voxel before the first voxel outside.
    depth = depth[1:-1, 1:-1, 1:-1] - min(organ.grid.spacing_mm) / 2.0
    start = np.array(organ.start)
    if not is_liver:
        core = depth > min(AORTA_DIAMETER_MM / 2.0, float(depth.max()) / 2.0)
        return measure(name, suv, Mask(core, organ.start, organ.grid), lesions=lesions)
    index = np.argwhere(organ.array)
    deepest = index[np.argsort(-depth[tuple(index.T)], kind="stable")]
    places = organ.grid.to_world_mm(deepest + start)
    clear = np.ones(len(places), dtype=np.bool_)
    for lesion in lesions:
        apart = scipy.spatial.cKDTree(_points(lesion)).query(places)[0] if lesion.voxels else np.inf
        clear &= apart > LIVER_DIAMETER_MM / 2.0 + LESION_MARGIN_MM
    centres = places[clear] if clear.any() else places
    found = _first_plausible(suv, _spread(centres), lesions, automatic=False)
    return found or measure(name, suv, organ, lesions=lesions)


def _first_plausible(
    suv: Volume,
    centres: Iterable[FloatArray],
    lesions: Sequence[Mask],
    *,
    automatic: bool = True,
) -> ReferenceRegion | None:
    """The deepest sphere without concerns; if all have some, the deepest."""
    first: ReferenceRegion | None = None
    for centre in centres:
        try:
            mask = sphere_mask(suv, centre, LIVER_DIAMETER_MM)
        except GeometryError:
            continue  # the PET does not reach there
        region = measure(
            RegionName.LIVER,
            suv,
            mask,
            lesions=lesions,
            nominal_ml=_sphere_ml(),
            automatic=automatic,
        )
        if region.plausible:
            return region
        first = first or region
    return first


def _spread(places: FloatArray) -> list[FloatArray]:
    """Centres (n, 3) at least a third of the sphere apart, in their order."""
    kept: list[FloatArray] = []
    while len(places) and len(kept) < MOST_TRIES:
        kept.append(places[0])
        apart = np.linalg.norm(places - places[0], axis=1)
        places = places[apart >= LIVER_DIAMETER_MM / 3.0]
    return kept


def blood_pool_region(
    suv: Volume,
    *,
    ct: Volume | Anatomy | None = None,
    centre_mm: npt.ArrayLike | None = None,
    lesions: Sequence[Mask] = (),
) -> ReferenceRegion | None:
    """The blood pool in the descending aorta: 1 cm across, 2 cm along; arguments as the liver's."""
    if centre_mm is not None:
        axis = np.asarray(centre_mm, dtype=np.float64)[None]
        return _tube(suv, axis, lesions, automatic=False)
    anatomy = read_anatomy(ct) if isinstance(ct, Volume) else ct
    track = None if anatomy is None else descending_aorta(anatomy)
    if track is None:
        return None
    middle = float(np.median(track[:, 2]))
    near = track[np.abs(track[:, 2] - middle) <= AORTA_LENGTH_MM / 2.0]
    return _tube(suv, near.mean(axis=0)[None], lesions, automatic=True)


def _tube(
    suv: Volume, axis: FloatArray, lesions: Sequence[Mask], *, automatic: bool
) -> ReferenceRegion:
    """A cylinder along z around a point."""
    half = np.array([AORTA_DIAMETER_MM, AORTA_DIAMETER_MM, AORTA_LENGTH_MM]) / 2.0
    points, index = _neighbourhood(suv, axis[0], half)
    away = np.abs(points - axis[0])
    across = np.hypot(away[:, 0], away[:, 1]) <= AORTA_DIAMETER_MM / 2.0
    mask = _mask_of(suv, index[across & (away[:, 2] <= AORTA_LENGTH_MM / 2.0)])
    return measure(
        RegionName.BLOOD_POOL,
        suv,
        mask,
        lesions=lesions,
        nominal_ml=_tube_ml() * 0.7,  # few voxels: the realised volume varies widely
        automatic=automatic,
    )


def sphere_mask(suv: Volume, centre_mm: FloatArray, diameter_mm: float) -> Mask:
    """The voxels whose centres lie in a sphere.

    Raises:
        GeometryError: no voxel of the image lies in it.
    """
    radius = diameter_mm / 2.0
    points, index = _neighbourhood(suv, centre_mm, np.full(3, radius))
    inside = ((points - centre_mm) ** 2).sum(axis=1) <= radius**2
    return _mask_of(suv, index[inside])


def _neighbourhood(
    suv: Volume, centre_mm: FloatArray, half_mm: FloatArray
) -> tuple[FloatArray, npt.NDArray[np.intp]]:
    """LPS positions (n, 3) and indices of the voxels of a box around a point."""
    reach = np.ceil(np.linalg.norm(half_mm) / np.array(suv.grid.spacing_mm)).astype(int)
    centre = np.rint(suv.grid.to_voxel(centre_mm)).astype(int)
    low = np.maximum(centre - reach, 0)
    high = np.minimum(centre + reach + 1, suv.grid.shape)
    axes = [np.arange(a, max(a, b)) for a, b in zip(low, high, strict=True)]
    index = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    return suv.grid.to_world_mm(index), index


def _mask_of(suv: Volume, index: npt.NDArray[np.intp]) -> Mask:
    if not len(index):
        raise GeometryError("the reference region lies outside of the PET", where=suv.source)
    low, high = index.min(axis=0), index.max(axis=0) + 1
    box = np.zeros(high - low, dtype=np.bool_)
    box[tuple((index - low).T)] = True
    return Mask(box, (int(low[0]), int(low[1]), int(low[2])), suv.grid)


def measure(
    name: RegionName,
    suv: Volume,
    mask: Mask,
    *,
    lesions: Sequence[Mask] = (),
    nominal_ml: float | None = None,
    automatic: bool = False,
) -> ReferenceRegion:
    """A region of any shape with its uptake and what speaks against it."""
    values = mask.values(suv).astype(np.float64)
    if not values.size:
        raise GeometryError("an empty reference region", where=suv.source)
    mean, sd, highest = float(values.mean()), float(values.std()), float(values.max())
    i, j, k = (float(part) for part in mask.centre_mm)
    concerns = [
        *_uptake_concerns(name, mean, sd, highest),
        *_lesion_concerns(mask, lesions),
    ]
    if nominal_ml is not None and mask.volume_ml < SMALLEST_SHARE * nominal_ml:
        concerns.append(f"only {mask.volume_ml:.1f} of {nominal_ml:.1f} ml lie in the image")
    return ReferenceRegion(name, mask, mean, sd, highest, (i, j, k), automatic, tuple(concerns))


def _uptake_concerns(name: RegionName, mean: float, sd: float, highest: float) -> list[str]:
    low, high = PLAUSIBLE_MEAN[name]
    found = []
    if not low <= mean <= high:
        found.append(f"mean uptake {mean:.2f} is outside {low:g}-{high:g}")
    if sd > LARGEST_VARIATION * mean:
        found.append(f"uptake varies by {100 * sd / max(mean, 1e-9):.0f} % of its mean")
    elif highest > FOCUS_RATIO * mean:
        found.append(f"a focus of {highest:.2f} in a mean of {mean:.2f}")
    return found


def _lesion_concerns(mask: Mask, lesions: Sequence[Mask]) -> list[str]:
    """Lesions whose voxels come within the margin of the region."""
    points = _points(mask)
    low, high = points.min(axis=0) - LESION_MARGIN_MM, points.max(axis=0) + LESION_MARGIN_MM
    tree = scipy.spatial.cKDTree(points)
    near = 0
    for lesion in lesions:
        theirs = _points(lesion)
        theirs = theirs[((theirs >= low) & (theirs <= high)).all(axis=1)]
        near += bool(len(theirs)) and bool(tree.query(theirs)[0].min() <= LESION_MARGIN_MM)
    return [f"{near} lesion(s) within {LESION_MARGIN_MM:g} mm"] if near else []


def _points(mask: Mask) -> FloatArray:
    return mask.grid.to_world_mm(np.argwhere(mask.array) + np.array(mask.start))


def _tube_ml() -> float:
    return float(np.pi * (AORTA_DIAMETER_MM / 2.0) ** 2 * AORTA_LENGTH_MM / 1000.0)


def _sphere_ml() -> float:
    return float(np.pi * LIVER_DIAMETER_MM**3 / 6.0 / 1000.0)
