"""What tells a nodule from a vessel: the tissue on spheres around a blob, and what is drawn there.

A nodule is surrounded by lung, or lung and a wall; a vessel goes on to both sides, a branching one
to three. The spheres are looked at in the directions of :data:`DIRECTIONS`, denser than half way
from the lung to the blob counts.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from imaging.volume import Array, BoolArray, FloatArray, Volume
from segmentation.fine.answering import LesionLogits, meant_by
from segmentation.prompts import Click

#: Radii of the spheres: a share of the blob's own, and so many mm more.
RADII = np.array([0.35, 0.7, 1.0, 1.35, 1.7, 2.2])
MORE_MM = np.array([0.0, 0.0, 0.75, 1.5, 1.5, 1.5])
COUNT = 200
#: Directions closer than this are neighbours; a piece smaller than this share is noise.
NEIGHBOURS_DEGREES, LEAST_PIECE = 22.0, 0.015


def _even_directions() -> FloatArray:
    """So many unit vectors, evenly on the sphere (a spiral by the golden angle)."""
    n = np.arange(COUNT) + 0.5
    polar, turn = np.arccos(1.0 - 2.0 * n / COUNT), np.pi * (1.0 + 5.0**0.5) * n
    ring = np.sin(polar)
    return np.stack([np.cos(turn) * ring, np.sin(turn) * ring, np.cos(polar)], axis=1)


DIRECTIONS = _even_directions()
_CLOSE = np.cos(np.radians(NEIGHBOURS_DEGREES)) < DIRECTIONS @ DIRECTIONS.T
_OPPOSITE = (DIRECTIONS @ -DIRECTIONS.T).argmax(axis=1)


def image_columns(image: Volume, point_mm: Array, diameter_mm: float) -> FloatArray:
    """What the spheres around a blob show; ``image`` in HU on even voxels."""
    at = image.grid.to_voxel(np.asarray(point_mm))
    radii = (RADII * diameter_mm / 2.0 + MORE_MM) / image.grid.spacing_mm[0]
    spheres = np.stack(
        [
            ndimage.map_coordinates(image.array, (at + DIRECTIONS * r).T, order=1, mode="nearest")
            for r in radii
        ]
    )
    inner, lung = spheres[0].mean(), np.percentile(spheres[3:], 20)
    dense = spheres > (inner + lung) / 2.0
    told = [inner - lung]
    for sphere in dense[2:]:
        told += [sphere.mean(), (sphere & sphere[_OPPOSITE]).mean()]
    for sphere in dense[3:]:
        told += _pieces(sphere)
    return np.array(
        [
            *told,
            dense[2:5].all(axis=0).mean(),
            spheres[3].mean() - lung,
            spheres[4].mean() - lung,
            spheres[1].std(),
            spheres[2].std(),
        ]
    )


def _pieces(dense: BoolArray) -> list[float]:
    """How many pieces of a sphere are dense, the share of the largest, how much along one line."""
    if not dense.any():
        return [0.0, 0.0, 1.0 / 3.0]
    _, piece = connected_components(csr_matrix(_CLOSE[np.ix_(dense, dense)]), directed=False)
    shares = np.bincount(piece) / COUNT
    along = DIRECTIONS[dense]
    line = np.linalg.eigvalsh(along.T @ along / len(along))[-1]
    return [float((shares > LEAST_PIECE).sum()), float(shares.max()), float(line)]


def answer_columns(answer: LesionLogits, click: Click) -> FloatArray:
    """What the network draws at a blob: its length, roundness, volume, certainty, highest logit."""
    window = answer.logit.grid
    lesion = meant_by(answer.logit.array > 0, window, click)
    points = np.argwhere(lesion)
    roundness, highest = 0.0, -20.0
    if len(points):
        highest = float(answer.logit.array[lesion].max())
    if len(points) > 8:
        spread = np.linalg.eigvalsh(np.cov(points.T) + np.eye(3) / 12.0)
        roundness = float(np.sqrt(spread[0] / spread[2]))
    ml = len(points) * window.spacing_mm[0] ** 3 / 1000.0
    return np.array(
        [
            np.log(max(answer.length_mm, 1e-3)),
            roundness,
            np.log(max(ml, 1e-3)),
            answer.certainty,
            highest,
        ]
    )
