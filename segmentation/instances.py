"""From a mask or a label map to candidates: one delineated component each, not yet a lesion."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cc3d
import numpy as np
import scipy

from imaging.volume import Array, FloatArray, Grid, Mask

#: Components below this volume are noise of the network, not lesions (about 4 mm across).
SMALLEST_CANDIDATE_ML = 0.03
#: Label maps with larger numbers are numbered anew, so that no list grows with the largest.
MOST_LABELS = 65_535


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One delineated component. Not yet a lesion: it has no identity over the dates.

    Attributes:
        label: its name or number in the delineation it came from; that alone makes no lesion of it.
        mask: its voxels on the CT grid.
        organ: where it lies, None when unknown.
        is_node: a lymph node, None when unknown.
        source: the delineation: reader, file, or model and version.
        flags: remarks on its quality, shown in the report.
        diameter_uncertainty_mm: one standard deviation of the longest diameter, where the
            delineation tells it.
        diameter_interval_mm: between which lengths the longest diameter lies with nine in ten,
            where the errors of the model are known.
        physiological: the organ that its uptake looks like, None for a lesion as far as is known.
        long_axis: both ends, LPS mm, of the longest diameter where a reader drew it, or where it
            was carried over with an outline.
        short_axis: the same of the one across it, where it was carried over.
        is_faint: it is there, but too small or too faint to have a diameter.
        lasting_share: the share of the variance of its diameter that the same source repeats at
            another date, 0..1.
    """

    label: str
    mask: Mask
    organ: str | None = None
    is_node: bool | None = None
    source: str = ""
    flags: tuple[str, ...] = ()
    diameter_uncertainty_mm: float | None = None
    long_axis: tuple[tuple[float, float, float], tuple[float, float, float]] | None = None
    short_axis: tuple[tuple[float, float, float], tuple[float, float, float]] | None = None
    diameter_interval_mm: tuple[float, float] | None = None
    physiological: str | None = None
    is_faint: bool = False
    lasting_share: float = 0.0

    @property
    def centre_mm(self) -> FloatArray:
        return self.mask.centre_mm

    def redrawn(self, mask: Mask, flags: tuple[str, ...]) -> Candidate:
        """The candidate with another outline, which has other diameters."""
        return replace(self, mask=mask, flags=flags, long_axis=None, short_axis=None)


def components(
    full: Array, grid: Grid, *, smallest_ml: float = SMALLEST_CANDIDATE_ML, source: str = ""
) -> tuple[Candidate, ...]:
    """The 26-connected components of a binary array, largest first.

    Args:
        full: (i, j, k) bool or 0/1 on the whole grid.
        smallest_ml: components of less volume are dropped.
    """
    labelled = cc3d.connected_components(
        np.ascontiguousarray(full.T, dtype=np.uint8), connectivity=26, binary_image=True
    ).T
    statistics = cc3d.statistics(labelled.T)
    counts = statistics["voxel_counts"]
    order = np.argsort(-counts[1:].astype(np.int64), kind="stable") + 1
    kept: list[Candidate] = []
    for number in order:
        if counts[number] * grid.voxel_volume_mm3 / 1000.0 < smallest_ml:
            break
        k, j, i = statistics["bounding_boxes"][int(number)]
        mask = Mask(labelled[i, j, k] == number, (i.start, j.start, k.start), grid)
        kept.append(Candidate(str(len(kept) + 1), mask, source=source))
    return tuple(kept)


def labelled_candidates(
    labels: Array, grid: Grid, *, names: dict[int, str] | None = None, source: str = ""
) -> tuple[Candidate, ...]:
    """One candidate per non-zero label of a label map; the pieces of a label stay together."""
    numbers, dense = _numbered(labels)
    found = []
    # Boxes of all labels in one pass: a pass for each would read the whole map 300 times.
    for number, box in enumerate(
        scipy.ndimage.find_objects(dense.T, max_label=len(numbers)), start=1
    ):
        if box is None:
            continue
        k, j, i = box
        mask = Mask(dense[i, j, k] == number, (i.start, j.start, k.start), grid)
        value = int(numbers[number - 1])
        found.append(Candidate((names or {}).get(value, str(value)), mask, source=source))
    return tuple(found)


def _numbered(labels: Array) -> tuple[Array, Array]:
    """The labels of a map, rising, and the map with 1, 2, ... in their place.

    A map of small whole numbers, as nearly all are, is given back as it is: its labels are then
    every number up to the largest, held or not.
    """
    whole = np.issubdtype(labels.dtype, np.integer)
    if whole and labels.size and labels.min() >= 0 and (most := int(labels.max())) <= MOST_LABELS:
        return np.arange(1, most + 1), labels
    dense = np.zeros(labels.shape, dtype=np.int32, order="F")
    hit = labels != 0
    numbers, which = np.unique(labels[hit], return_inverse=True)
    dense[hit] = which + 1
    return numbers, dense
