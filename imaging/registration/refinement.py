"""A registration looked at once more around the places that matter, at full detail.

What a lesion's neighbourhood says is what counts at the lesion, and the lesion itself, which is
expected to change, says nothing. How far the result can be trusted is read from the neighbourhood
as well: from its contrast, from how well it matches in the end and from how far the close look
corrected the coarse one.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from imaging.beside import Beside
from imaging.registration.flow import LESION_MARGIN_MM, Pass, followed, node_grid
from imaging.registration.mapping import Registration
from imaging.registration.places import LesionSpheres, Places
from imaging.registration.reduction import (
    Reduced,
    correlation,
    indices_of,
    reduced,
)
from imaging.registration.warping import UNKNOWN, warped
from imaging.volume import FloatArray, Volume

#: Working resolution of the close look.
CLOSE_SPACING_MM = 2.0
CLOSE = Pass(half=False, steps=4, window=2.5, smoothing=5 / 3)
#: How far beyond a lesion its neighbourhood reaches.
AROUND_MM = 24.0
#: The largest lesion that is looked at in full; of a larger one the neighbourhood begins inside.
LARGEST_RADIUS_MM = 20.0
#: Room for the turn and the correction, in the moving image.
ROOM_MM = 10.0
#: A correction beyond this contradicts the coarse registration: it is not made, and doubted.
LARGEST_CORRECTION_MM = 8.0
#: A piece with fewer voxels along an axis says nothing.
LEAST_VOXELS = 4
#: Places closer than this are looked at together, and no more than so many, the largest first.
TOGETHER_MM = 10.0
MOST_PLACES = 60
#: Lesions are looked at by so many threads; none knows of the others.
LOOKED_AT_ONCE = 2
#: Places that are handed on to another process together, and seconds that one of them takes.
HANDED_ON, LOOK_S = 10, 0.025
#: What covers nine errors of ten at a lesion: a constant, a multiple of the correction, and mm per
#: unit of mismatch (1 - correlation) of the neighbourhood. Quantile regression (0.9) on 261 places
#: in known warps of eleven CT (``scripts/benchmark_registration.py``); fitted on ten of these it
#: covered 89 % of the errors in the eleventh (76 to 100 % by patient).
ERROR_BASE_MM, ERROR_PER_CORRECTION, ERROR_PER_MISMATCH_MM = 0.45, 1.6, 9.0
#: Inside of a large lesion nothing tells of its motion: per mm of radius beyond those fitted on.
#: The centre of the simulated sarcoma (radius 30 mm), which pulls its surroundings along, is off by
#: 4 to 6 mm.
FITTED_RADIUS_MM, ERROR_PER_RADIUS = 14.0, 0.3


@dataclass(frozen=True, slots=True)
class CloseLook:
    """What a close look at one place found.

    Attributes:
        centre_mm: (3,), of the lesion.
        correction_mm: (3,), to be added to the displacement.
        mismatch: 1 - correlation of the neighbourhood, 0 (the same) to 1 (nothing in common).
        radius_mm: of the lesion.
    """

    centre_mm: FloatArray
    correction_mm: FloatArray
    mismatch: float
    radius_mm: float

    @property
    def error_mm(self) -> float:
        size_mm = float(np.linalg.norm(self.correction_mm))
        beyond_mm = max(self.radius_mm - FITTED_RADIUS_MM, 0.0)
        return (
            ERROR_BASE_MM
            + ERROR_PER_CORRECTION * size_mm
            + ERROR_PER_MISMATCH_MM * self.mismatch
            + ERROR_PER_RADIUS * beyond_mm
        )


@dataclass(frozen=True, slots=True, eq=False)
class CoarseRegistration:
    """A registration to be refined around lesions of its fixed image.

    Attributes:
        lesions: in the fixed image. Those that lie together are looked at together; places outside
            of the moving image are left as they are.
    """

    registration: Registration
    fixed: Volume
    moving: Volume
    lesions: LesionSpheres

    def sought(self) -> list[tuple[FloatArray, float]]:
        """Middle and radius of what is looked at."""
        if not self.registration.quality.good:
            return []
        return [
            (centre, radius)
            for centre, radius in _together(self.lesions)
            if self.registration.covers_moving(centre[None])[0]
        ]

    def places_at(self, sought: Sequence[tuple[FloatArray, float]]) -> list[PlaceLookedAt]:
        """What a close look at each of these sees."""
        return [
            PlaceLookedAt.of(self.registration, self.fixed, self.moving, *place) for place in sought
        ]

    def refined(self) -> Registration:
        """The registration looked at again around its lesions."""

        def looked_at(place: tuple[FloatArray, float]) -> CloseLook | None:
            return self.places_at([place])[0].look()

        with ThreadPoolExecutor(LOOKED_AT_ONCE) as threads:
            return self.refined_by(list(threads.map(looked_at, self.sought())))

    def refined_by(self, looks: Sequence[CloseLook | None]) -> Registration:
        """The registration corrected by close looks."""
        found = [look for look in looks if look is not None]
        if not found:
            return self.registration
        places = Places(
            np.array([look.centre_mm for look in found]),
            np.array([look.correction_mm for look in found]),
            np.array([look.radius_mm + LESION_MARGIN_MM for look in found]),
            np.array([look.error_mm for look in found]),
        )
        return replace(self.registration, places=places)


def refined_at(
    registration: Registration,
    fixed: Volume,
    moving: Volume,
    lesions: LesionSpheres,
) -> Registration:
    """A registration corrected around lesions of the fixed image, with its error there.

    Args:
        lesions: see :class:`CoarseRegistration`.
    """
    return CoarseRegistration(registration, fixed, moving, lesions).refined()


def refined_beside(coarse: Sequence[CoarseRegistration], beside: Beside) -> list[Registration]:
    """Registrations refined, the close looks of all of them shared with other processes."""
    sought = [each.sought() for each in coarse]
    parts = [
        (n, own[first : first + HANDED_ON])
        for n, own in enumerate(sought)
        for first in range(0, len(own), HANDED_ON)
    ]
    looks: list[list[CloseLook | None]] = [[] for _ in coarse]
    found = beside.shared(looked_at, [partial(coarse[n].places_at, own) for n, own in parts])
    for (n, _), own in zip(parts, found, strict=True):
        looks[n] += own
    return [each.refined_by(own) for each, own in zip(coarse, looks, strict=True)]


def looked_at(places: Sequence[PlaceLookedAt]) -> list[CloseLook | None]:
    """A close look at each place."""
    return [place.look() for place in places]


def looked_around_mm(radius_mm: float) -> float:
    """How far from the middle of a lesion the fixed image is looked at."""
    return min(radius_mm, LARGEST_RADIUS_MM) + AROUND_MM


@dataclass(frozen=True, slots=True, eq=False)
class PlaceLookedAt:
    """The neighbourhood of one lesion in both images.

    Attributes:
        here, there: parts of the fixed and of the moving image; None outside of it.
        centre_mm, radius_mm: of the lesion in the fixed image.
    """

    registration: Registration
    here: Volume | None
    there: Volume | None
    centre_mm: FloatArray
    radius_mm: float

    @classmethod
    def of(
        cls, registration: Registration, fixed: Volume, moving: Volume, centre: FloatArray,
        radius: float,
    ) -> PlaceLookedAt:  # fmt: skip
        within = min(radius, LARGEST_RADIUS_MM)
        here = _part(fixed, centre, looked_around_mm(radius))
        place = registration.to_moving_mm(centre[None])[0]
        there = _part(moving, place, within + AROUND_MM + ROOM_MM)
        return cls(registration, here, there, centre, radius)

    def look(self) -> CloseLook | None:
        """A close look around the lesion; None where too little of it is in either image."""
        registration, centre, radius = self.registration, self.centre_mm, self.radius_mm
        here, there = _piece(self.here), _piece(self.there)
        if here is None or there is None:
            return None
        i, j, k = (
            (first + step * np.arange(n) - middle) ** 2
            for first, step, n, middle in zip(
                here.grid.origin_mm, here.grid.spacing_mm, here.grid.shape, centre, strict=True
            )
        )
        left_out_mm = min(radius, LARGEST_RADIUS_MM) + LESION_MARGIN_MM
        use = i[:, None, None] + j[:, None] + k > left_out_mm**2
        nodes = node_grid(here.grid)
        points = nodes.to_world_mm(indices_of(nodes.shape)).reshape(-1, 3)
        before = registration.displacement_at(points).reshape(*nodes.shape, 3)
        start = np.ascontiguousarray(before.T, dtype=np.float32)
        shift = followed((here, there), registration.rigid, start, nodes, CLOSE, use=use)
        at = np.clip(np.rint(nodes.to_voxel(centre)).astype(int), 0, np.array(nodes.shape) - 1)
        correction = np.asarray((shift - start)[:, *at[::-1]], dtype=np.float64)
        if np.linalg.norm(correction) > LARGEST_CORRECTION_MM:
            return CloseLook(centre, np.zeros(3), 1.0, radius)
        # What the piece does not know spoils every mixture that it takes part in.
        known = np.where(there.known, there.values, np.float32(np.nan))
        seen = warped(known.T.copy(), (here.grid, there.grid), registration.rigid, shift).T
        both = use & (seen > UNKNOWN)
        matched = correlation(here.values[both], seen[both])
        return CloseLook(centre, correction, 1.0 - max(matched, 0.0), radius)


def _part(volume: Volume, centre: FloatArray, reach_mm: float) -> Volume | None:
    """The neighbourhood of a place; None where hardly any of it is in the image."""
    corners = centre + reach_mm * np.array(list(itertools.product((-1, 1), repeat=3)))
    index = volume.grid.to_voxel(corners)
    shape = np.array(volume.grid.shape)
    first = np.clip(np.floor(index.min(axis=0)), 0, shape).astype(int)
    last = np.clip(np.ceil(index.max(axis=0)) + 1, 0, shape).astype(int)
    if (last - first < 2).any():
        return None
    a, b, c = (int(n) for n in first)
    i, j, k = (int(n) for n in last - first)
    # A copy as it lies in memory: alone it is sent to another process.
    values = np.array(volume.region(first, last), order="K")
    return Volume(values, volume.grid.crop((a, b, c), (i, j, k)), volume.unit)


def _piece(part: Volume | None) -> Reduced | None:
    """A neighbourhood at the close resolution."""
    piece = None if part is None else reduced(part, CLOSE_SPACING_MM, whole=True)
    return piece if piece is not None and min(piece.grid.shape) >= LEAST_VOXELS else None


def _together(lesions: LesionSpheres) -> list[tuple[FloatArray, float]]:
    """Places to look at, the largest lesions first."""
    order = np.argsort(-lesions.radii_mm, kind="stable")
    centres, radii = lesions.centres_mm[order], lesions.radii_mm[order]
    left = np.ones(len(order), dtype=np.bool_)
    kept: list[tuple[FloatArray, float]] = []
    while left.any() and len(kept) < MOST_PLACES:
        n = int(left.argmax())
        kept.append((centres[n], float(radii[n])))
        left &= np.linalg.norm(centres - centres[n], axis=1) >= TOGETHER_MM
        left[n] = False
    return kept
