"""Regions of one body that were reconstructed as series of their own, joined to one scan.

A chest and an abdomen of one examination are often two series. Where the one goes on where the
other ends, on the same grid, they are one image: else all lesions of the second would be missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from imaging.choice import SeriesCandidate
from imaging.header import Header, Tag
from imaging.purpose import phase_of
from imaging.slices import is_complete, plane
from imaging.volume import FloatArray

#: In-plane positions of two series on the same grid differ by less (as within a series).
SAME_PLACE_MM = 0.5
#: Two series may share this much of the shorter one; more is another scan of the same place.
MOST_SHARED = 0.5
#: What must be the same in both.
_SAME = (
    Tag.ROWS,
    Tag.COLUMNS,
    Tag.PIXEL_SPACING,
    Tag.ORIENTATION,
    Tag.SLICE_THICKNESS,
    Tag.KERNEL,
    Tag.FRAME_OF_REFERENCE_UID,
    Tag.STUDY_UID,
    Tag.SOP_CLASS_UID,
)


def joined(
    chosen: SeriesCandidate, others: Sequence[SeriesCandidate]
) -> tuple[SeriesCandidate, tuple[SeriesCandidate, ...]]:
    """The chosen scan with the regions that go on above or below it, and those regions.

    Where both show a place, the chosen scan counts.
    """
    whole = chosen
    added: list[SeriesCandidate] = []
    waiting = list(others)
    while True:
        following = next((each for each in waiting if goes_on(whole, each)), None)
        if following is None:
            return whole, tuple(added)
        waiting.remove(following)
        added.append(following)
        whole = _together(whole, following)


def goes_on(one: SeriesCandidate, other: SeriesCandidate) -> bool:
    """Whether the other shows what lies above or below the one, slice after slice."""
    if not one.first.text(Tag.FRAME_OF_REFERENCE_UID) or len(one.heights_mm) < 2:
        return False
    if any(one.first.elements.get(tag) != other.first.elements.get(tag) for tag in _SAME):
        return False
    if phase_of(one.first) is not phase_of(other.first):
        return False
    if np.abs(_in_plane_mm(one.first) - _in_plane_mm(other.first)).max() > SAME_PLACE_MM:
        return False
    beyond = _beyond(one, other)
    shared = np.count_nonzero(~beyond) / min(len(one.heights_mm), len(other.heights_mm))
    heights = np.concatenate([one.heights_mm, other.heights_mm[beyond]])
    return bool(shared <= MOST_SHARED) and is_complete(np.sort(heights))


def _beyond(one: SeriesCandidate, other: SeriesCandidate) -> np.ndarray:
    """Which slices of the other lie outside of the one."""
    half = float(np.median(np.diff(one.heights_mm))) / 2
    low, high = one.heights_mm[0] - half, one.heights_mm[-1] + half
    return np.asarray((other.heights_mm < low) | (other.heights_mm > high))


def _in_plane_mm(header: Header) -> FloatArray:
    along_i, along_j, _ = plane(np.array(header.numbers(Tag.ORIENTATION)))
    position = np.array(header.numbers(Tag.POSITION))
    return np.array([position @ along_i, position @ along_j])


def _together(one: SeriesCandidate, other: SeriesCandidate) -> SeriesCandidate:
    beyond = _beyond(one, other)
    files = [
        *one.series.files,
        *(file for file, out in zip(other.series.files, beyond, strict=True) if out),
    ]
    heights = np.concatenate([one.heights_mm, other.heights_mm[beyond]])
    order = np.argsort(heights, kind="stable")
    series = replace(
        one.series,
        files=tuple(files[n] for n in order),
        slices=len(files),
        joined_uids=one.series.joined_uids | {other.series.uid},
    )
    return replace(one, series=series, heights_mm=heights[order])
