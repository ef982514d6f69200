"""Candidates for lesions in the lung of a CT that nobody has pointed at: what is round there.

A list to look through, not a delineation: every entry is unreviewed, and no lesion of a response
unless a reader takes it up. What is round and denser than its surroundings within the lungs is
gathered (vessels are long, not round). Boosted trees judge it by the tissue on spheres around it
(:mod:`segmentation.fine.blob_columns`); of those that look most like nodules the network of small
lesions draws the outline, as if a reader had clicked them, and other trees judge by that too. The
network alone cannot: it draws something wherever it is asked, and no less surely on a vessel.
Elsewhere than in the lung no such list is made: nothing there was right often enough to be shown.
How many nodules are among the first so many is in the card of ``lesion_ct``, whose bundle holds the
trees (``scripts/train_candidates.py`` fits them); with another bundle the list is ordered by how
round and dense each is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cc3d
import numpy as np
from scipy import ndimage

from imaging.resampling import AIR_HU
from imaging.volume import Array, BoolArray, FloatArray, Unit, Volume
from segmentation.bundle import Bundle
from segmentation.fine.answering import FineNetworks, LesionLogits
from segmentation.fine.blob_columns import answer_columns, image_columns
from segmentation.infer import Delineation, check_images
from segmentation.instances import Candidate
from segmentation.packing import body_mask
from segmentation.placement import meant, place
from segmentation.preparation import network_grid, on_grid
from segmentation.processor import choose_device
from segmentation.prompts import Click
from segmentation.trees import read_trees

#: Blobs are looked for on a grid of this spacing.
SEARCH_MM = 1.5
#: Lung is aerated (as emphysema and consolidation are not told apart here, with much room), is
#: inside the body and is no smaller than this; vessels, and nodules at the chest wall, are closed
#: in over this distance.
AERATED_HU, LEAST_LUNG_ML, CLOSED_MM = -600.0, 100.0, 12.0
#: Diameters of the blobs looked for, mm: each finds what is up to a third larger or smaller.
DIAMETERS_MM = (4.0, 5.5, 7.5, 10.0, 14.0, 19.0, 26.0)
#: HU are clipped here: bone and contrast medium are no rounder than soft tissue.
CLIPPED_HU = (-950.0, 150.0)
#: A blob stands out by this much (HU of a ball on even ground that answers alike), and its weakest
#: curvature is this share of its strongest: a vessel has none along its course.
LEAST_CONTRAST_HU, LEAST_ROUNDNESS = 150.0, 0.25
#: What a ball of contrast 1 answers in its middle at the width that fits it best.
BALL_RESPONSE = 0.62
#: The most blobs of a scan that are judged, the roundest and densest first.
MOST_BLOBS = 400
#: So many of them the network is asked about.
MOST_ASKED = 48
#: So many are listed: two thirds of the nodules pasted into three chests are among them.
MOST_LISTED = 16
#: The image that the spheres are laid into is smoothed by so many voxels of the search.
SMOOTHED = 0.5


@dataclass(frozen=True, slots=True)
class Blob:
    """Something round in the lung.

    Attributes:
        point_mm: its middle, LPS.
        diameter_mm: about how large.
        contrast_hu: how much it stands out.
        roundness: weakest over strongest curvature, 0 for a vessel and 1 for a ball.
    """

    point_mm: tuple[float, float, float]
    diameter_mm: float
    contrast_hu: float
    roundness: float

    @property
    def score(self) -> float:
        """How conspicuous it is: its contrast, the less the longer it is."""
        return self.contrast_hu * self.roundness


def _lung(hu: Array) -> BoolArray:
    coarse = hu[::2, ::2, ::2]
    inside = body_mask(coarse)
    aerated = inside & (coarse < AERATED_HU)
    labelled = cc3d.connected_components(aerated.astype(np.uint8), connectivity=6)
    voxel_ml = (2.0 * SEARCH_MM) ** 3 / 1000.0
    sizes = np.bincount(labelled.ravel()) * voxel_ml
    sizes[0] = 0.0
    lung = sizes[labelled] >= LEAST_LUNG_ML
    if not lung.any():
        return np.zeros(hu.shape, np.bool_)
    reach = CLOSED_MM / (2.0 * SEARCH_MM)
    pad = int(np.ceil(reach)) + 1
    wide = ndimage.distance_transform_edt(~np.pad(lung, pad)) <= reach
    closed = ndimage.distance_transform_edt(wide) > reach
    closed = closed[pad:-pad, pad:-pad, pad:-pad] & inside
    full = closed.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    return np.asarray(full[: hu.shape[0], : hu.shape[1], : hu.shape[2]])


def blobs_of(ct: Volume) -> tuple[Blob, ...]:
    """What is round and dense in the lungs of a CT, the most conspicuous first."""
    grid = network_grid(ct.grid, SEARCH_MM)
    hu = on_grid(ct, grid, fill=AIR_HU)
    lung = _lung(hu)
    if not lung.any():
        return ()
    box = ndimage.find_objects(lung.astype(np.uint8))[0]
    low = np.array([max(0, side.start - 16) for side in box])
    part = tuple(slice(a, side.stop + 16) for a, side in zip(low, box, strict=True))
    lung, image = lung[part], np.clip(hu[part], *CLIPPED_HU).astype(np.float32)
    rows = []
    for diameter in DIAMETERS_MM:
        # A ball of this diameter answers most to this width (Lindeberg 1998, section 5).
        sigma = diameter / 2.0 / np.sqrt(3.0) / SEARCH_MM
        smooth = ndimage.gaussian_filter(image, sigma)
        response = -(sigma**2) * ndimage.laplace(smooth)
        strong = lung & (response > BALL_RESPONSE * LEAST_CONTRAST_HU)
        strong &= response == ndimage.maximum_filter(response, 3)
        for index in np.argwhere(strong):
            roundness = _roundness(smooth, index)
            if roundness >= LEAST_ROUNDNESS:
                contrast = float(response[tuple(index)]) / BALL_RESPONSE
                rows.append((contrast, roundness, diameter, index))
    rows.sort(key=lambda row: -row[0] * row[1])
    found: list[Blob] = []
    taken: list[tuple[Array, float]] = []
    for contrast, roundness, diameter, index in rows:
        if any(_is_one(index - other, max(diameter, wide)) for other, wide in taken):
            continue
        taken.append((index, diameter))
        x, y, z = (float(v) for v in grid.to_world_mm(index + low))
        found.append(Blob((x, y, z), diameter, contrast, roundness))
        if len(found) == MOST_BLOBS:
            break
    return tuple(found)


def _is_one(apart: Array, diameter_mm: float) -> bool:
    """Whether peaks so many voxels apart are of one blob."""
    return bool(np.linalg.norm(apart) * SEARCH_MM < diameter_mm / 2.0)


def _roundness(smooth: Array, index: Array) -> float:
    """Weakest over strongest curvature at a peak of a smoothed image; 0 where one is no peak."""
    i, j, k = (int(n) for n in index)
    if min(i, j, k) < 1 or any(
        n > size - 2 for n, size in zip((i, j, k), smooth.shape, strict=True)
    ):
        return 0.0
    near = smooth[i - 1 : i + 2, j - 1 : j + 2, k - 1 : k + 2].astype(np.float64)
    second = np.empty((3, 3))
    for a in range(3):
        ahead, behind = [1, 1, 1], [1, 1, 1]
        ahead[a], behind[a] = 2, 0
        second[a, a] = near[tuple(ahead)] - 2 * near[1, 1, 1] + near[tuple(behind)]
        for b in range(a):
            total = 0.0
            for da, db in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
                at = [1, 1, 1]
                at[a] += da
                at[b] += db
                total += da * db * near[tuple(at)]
            second[a, b] = second[b, a] = total / 4.0
    curvature = -np.linalg.eigvalsh(second)
    return max(0.0, float(curvature.min() / curvature.max())) if curvature.max() > 0 else 0.0


def lung_candidates(
    ct: Volume, bundle: Bundle, *, device: str = "auto", most: int = MOST_LISTED
) -> Delineation:
    """What is round and dense in the lungs of a CT, the most conspicuous first; none reviewed.

    Args:
        ct: HU.
        bundle: of small lesions, which draws the outlines.
        most: so many are listed.

    Raises:
        GeometryError: the CT is not in HU.
    """
    check_images(ct, None)
    blobs = blobs_of(ct)
    warnings = ["candidates in the lung only: elsewhere no such list is made; none is reviewed"]
    if not blobs:
        warnings.append("no lung was found in the image, or nothing round in it")
    chosen = choose_device(device)
    networks = FineNetworks(bundle, chosen)
    taken = np.zeros(ct.grid.shape, np.bool_, order="F")
    kept: list[Candidate] = []
    for blob, answer in _judged(ct, blobs, bundle, networks):
        if len(kept) == most:
            break
        placed = place(
            answer.logit, ct.grid, level=answer.level, smallest_ml=0.0, source=bundle.source
        )
        for one in meant(placed, Click(blob.point_mm), []):
            # Blobs in one lesion are one entry.
            if not taken[one.mask.box][one.mask.array].any():
                taken[one.mask.box] |= one.mask.array
                flag = f"candidate in the lung, not reviewed: {blob.contrast_hu:.0f} HU, round by"
                told = f"{flag} {blob.roundness:.2f}"
                kept.append(replace(one, label=str(len(kept) + 1), flags=(told,)))
    return Delineation(
        ct.grid, tuple(kept), bundle.source, device=str(chosen), warnings=tuple(warnings)
    )


def _judged(
    ct: Volume, blobs: Sequence[Blob], bundle: Bundle, networks: FineNetworks
) -> Iterator[tuple[Blob, LesionLogits]]:
    """Blobs with what the network draws there, the likeliest nodule first."""

    def answer(blob: Blob) -> LesionLogits:
        return networks.answer(ct, Click(blob.point_mm))

    file = bundle.candidate_trees
    if file is None or not blobs:
        yield from ((blob, answer(blob)) for blob in blobs)
        return
    by_image, by_answer = (read_trees(file, name) for name in ("image", "answer"))
    columns = columns_of(ct, blobs)
    first = np.argsort(-by_image.logit(columns), kind="stable")[:MOST_ASKED]
    asked = [blobs[n] for n in first]
    answers = [answer(blob) for blob in asked]
    drawn = [
        answer_columns(one, Click(blob.point_mm)) for blob, one in zip(asked, answers, strict=True)
    ]
    likely = by_answer.logit(np.concatenate([columns[:, first], np.stack(drawn, axis=1)]))
    for n in np.argsort(-likely, kind="stable"):
        yield asked[n], answers[n]


def columns_of(ct: Volume, blobs: Sequence[Blob]) -> FloatArray:
    """(columns, blobs): how each stands out, and what the spheres around it show."""
    grid = network_grid(ct.grid, SEARCH_MM)
    hu = np.clip(on_grid(ct, grid, fill=AIR_HU), *CLIPPED_HU).astype(np.float32)
    image = Volume(ndimage.gaussian_filter(hu, SMOOTHED), grid, Unit.HU)
    rows = []
    for blob in blobs:
        own = [np.log(blob.contrast_hu), blob.roundness, np.log(blob.diameter_mm)]
        around = image_columns(image, np.array(blob.point_mm), blob.diameter_mm)
        rows.append(np.concatenate([own, around]))
    return np.stack(rows, axis=1)
