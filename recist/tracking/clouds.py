"""Candidates as clouds of points in the frame of the first date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

from imaging.errors import InputError
from imaging.volume import FloatArray
from recist.tracking.sightings import DatedCandidates

if TYPE_CHECKING:
    from segmentation.instances import Candidate

#: A candidate is represented by at most this many of its voxels.
MOST_POINTS = 3000
#: Error of a position where nothing was registered: half a slice of a common CT, mm.
LEAST_ERROR_MM = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Cloud:
    """A candidate in the frame of the first date.

    Attributes:
        points_mm: (n, 3), evenly taken from its voxels.
        error_mm: how far off the registration may have put it.
        resolution_mm: edge of the cube that each point stands for.
        extent_mm: of the farthest point from the centre.
    """

    points_mm: FloatArray
    tree: scipy.spatial.cKDTree
    centre_mm: FloatArray
    volume_ml: float
    error_mm: float
    resolution_mm: float
    extent_mm: float

    @property
    def radius_mm(self) -> float:
        """The radius of the sphere of the same volume."""
        return float((self.volume_ml * 1000 * 3 / (4 * np.pi)) ** (1 / 3))

    def share_within(self, other: Cloud, reach_mm: float) -> float:
        """The share of this cloud that lies within a distance of another."""
        reach = reach_mm + other.resolution_mm
        apart_mm = float(np.linalg.norm(self.centre_mm - other.centre_mm))
        if apart_mm > reach + self.extent_mm + other.extent_mm:
            return 0.0
        distance, _ = other.tree.query(self.points_mm, distance_upper_bound=reach)
        return float(np.isfinite(distance).mean())


def clouds_of(dated: DatedCandidates) -> list[Cloud]:
    """The candidates of a date, carried into the frame of the first."""
    if not dated.candidates:
        return []
    points = [_points_of(candidate, dated) for candidate in dated.candidates]
    if dated.registration is not None:
        ends = np.cumsum([len(own) for own in points])[:-1]
        points = np.split(dated.registration.to_fixed_mm(np.concatenate(points)), ends)
    errors = _errors_mm(dated, np.array([own.mean(axis=0) for own in points]))
    return [
        cloud_of_points(own, candidate.mask.volume_ml, error)
        for own, candidate, error in zip(points, dated.candidates, errors.tolist(), strict=True)
    ]


def _points_of(candidate: Candidate, dated: DatedCandidates) -> FloatArray:
    """Points of a candidate where it lies, evenly taken from its voxels."""
    mask = candidate.mask
    index = np.argwhere(mask.array)
    if not len(index):
        raise InputError(f"candidate {candidate.label} of day {dated.day} is empty")
    step = -(-len(index) // MOST_POINTS)
    return mask.grid.to_world_mm(index[::step] + np.array(mask.start))


def cloud_of_points(points: FloatArray, volume_ml: float, error_mm: float) -> Cloud:
    """Points (n, 3) that stand for a volume."""
    resolution = float((volume_ml * 1000 / len(points)) ** (1 / 3))
    centre = np.asarray(points.mean(axis=0))
    extent = float(np.linalg.norm(points - centre, axis=1).max())
    return Cloud(
        points, scipy.spatial.cKDTree(points), centre, volume_ml, error_mm, resolution, extent
    )


def together(clouds: Sequence[Cloud]) -> Cloud:
    """The pieces of a lesion as one cloud."""
    if len(clouds) == 1:
        return clouds[0]
    points = np.concatenate([cloud.points_mm for cloud in clouds])
    volume = sum(cloud.volume_ml for cloud in clouds)
    return cloud_of_points(points, volume, max(cloud.error_mm for cloud in clouds))


def _errors_mm(dated: DatedCandidates, places_mm: FloatArray) -> FloatArray:
    """How far off the registration may have put places (n, 3): what it says of itself there, where
    that is worse than what it says in general. A lesion that changes moves its own centre too."""
    if dated.registration is None:
        return np.full(len(places_mm), LEAST_ERROR_MM)
    there = dated.registration.error_mm(places_mm)
    return np.maximum(there, dated.registration.quality.expected_error_mm)


def imaged_shares(clouds: Sequence[Cloud], dated: DatedCandidates) -> list[float]:
    """The share of each cloud that the image of a date shows."""
    if not clouds:
        return []
    points = np.concatenate([cloud.points_mm for cloud in clouds])
    if dated.registration is not None:
        points = dated.registration.to_moving_mm(points)
    index = dated.grid.to_voxel(points)
    imaged = np.all((index > -0.5) & (index < np.array(dated.grid.shape) - 0.5), axis=1)
    ends = np.cumsum([len(cloud.points_mm) for cloud in clouds])[:-1]
    return [float(own.mean()) for own in np.split(imaged, ends)]


def reach_mm(a: Cloud, b: Cloud) -> float:
    """How far two clouds of the same tissue may lie apart."""
    return float(np.hypot(a.error_mm, b.error_mm))


def span_mm(cloud: Cloud) -> float:
    """No cloud farther from the centre than this and its own span shares tissue with this one."""
    return cloud.extent_mm + cloud.resolution_mm + cloud.error_mm
