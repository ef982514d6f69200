"""Where a lesion lies, from a label map of organs that another program made.

An organ never deletes a lesion: overlap with one that takes up tracer by nature is a flag, which
the reader sees. Without a label map the organ stays unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import scipy

from imaging.errors import GeometryError, InputError
from imaging.masks import read_label_map
from imaging.read_json import read_json
from imaging.volume import Array, Grid, Mask
from segmentation.instances import Candidate

#: Organs whose uptake of FDG is physiological, by the names of TotalSegmentator.
PHYSIOLOGICAL = frozenset({"brain", "heart", "urinary_bladder", "kidney_left", "kidney_right"})
#: Words in a label's name that make it a nodal station.
NODAL_WORDS = ("lymph", "node", "nodal", "station")
#: An organ within this distance of a lesion that overlaps none is taken for its place.
NEAR_MM = 10.0
#: A lesion with this share inside a physiological organ is flagged.
OVERLAP = 0.5


def read_organs(path: Path, names: Path, grid: Grid) -> tuple[Array, dict[int, str]]:
    """A label map (TotalSegmentator, one file with all classes) and its names.

    Args:
        path: NIfTI on the grid of the CT.
        names: JSON ``{"1": "spleen", ...}``.

    Raises:
        InputError: the names cannot be read, or a label has none.
        GeometryError: the label map does not lie on the grid.
    """
    try:
        named = {int(k): str(v) for k, v in read_json(names).items()}
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"no names of organs: {error}", where=names) from error
    labels = read_label_map(path, grid)
    unnamed = sorted({int(n) for n in np.unique(labels)} - {0} - set(named))
    if unnamed:
        raise InputError(f"labels without a name: {unnamed[:8]}", where=path, remedy=f"see {names}")
    return labels, named


def placed(
    candidates: Sequence[Candidate], labels: Array, names: Mapping[int, str]
) -> tuple[Candidate, ...]:
    """The candidates with organ, node and flags from a label map (i, j, k) on their grid.

    What a candidate already knows of itself stays.

    Raises:
        GeometryError: the label map is of another shape than the candidates' grid.
    """
    return tuple(_placed(candidate, labels, names) for candidate in candidates)


def _placed(candidate: Candidate, labels: Array, names: Mapping[int, str]) -> Candidate:
    mask = candidate.mask
    if labels.shape != mask.grid.shape:
        raise GeometryError(f"organs of shape {labels.shape}, images of {mask.grid.shape}")
    counts = np.bincount(labels[mask.box][mask.array].astype(np.int64))
    shares = {n: c / mask.voxels for n, c in enumerate(counts.tolist()) if n and c}
    number = max(shares, key=lambda n: shares[n]) if shares else _nearest(mask, labels)
    if number is None:
        return candidate
    organ = names[number]
    flags = tuple(
        f"{100 * share:.0f} % lies in the {names[n].replace('_', ' ')}: may be physiological"
        for n, share in shares.items()
        if names[n] in PHYSIOLOGICAL and share >= OVERLAP
    )
    nodal = any(word in organ.lower() for word in NODAL_WORDS)
    return replace(
        candidate,
        organ=candidate.organ or organ,
        is_node=(True if nodal else None) if candidate.is_node is None else candidate.is_node,
        flags=(*candidate.flags, *flags),
    )


def _nearest(mask: Mask, labels: Array) -> int | None:
    """The label nearest to a mask, None if none is near."""
    spacing = np.array(mask.grid.spacing_mm)
    steps = np.ceil(NEAR_MM / spacing).astype(int)
    low = np.maximum(np.array(mask.start) - steps, 0)
    high = np.minimum(np.add(mask.start, mask.array.shape) + steps, mask.grid.shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    inside = np.zeros(tuple(high - low), np.bool_)
    at = tuple(
        slice(int(s - a), int(s - a + n))
        for s, a, n in zip(mask.start, low, mask.array.shape, strict=True)
    )
    inside[at] = mask.array
    away = scipy.ndimage.distance_transform_edt(~inside, sampling=spacing)
    away[labels[box] == 0] = np.inf
    nearest = np.unravel_index(int(away.argmin()), away.shape)
    return int(labels[box][nearest]) if away[nearest] <= NEAR_MM else None
