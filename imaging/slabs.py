"""The slabs that contours stand for, and what of them falls on the slices of an image.

A contour says nothing of the space to its neighbours. The convention here is that of planning
systems and of their dose-volume histograms (planimetry): each contour stands for a slab half-way
to its neighbours, the first and the last reach as far on their outer side, and the volume is the
sum of area times thickness. A lesion drawn on three planes 3 mm apart is 9 mm thick, whatever the
slices of the image that it is laid on.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy

from imaging.volume import BoolArray, FloatArray

#: A distance between planes beyond this multiple of the usual one means slices without contour.
GAP_FACTOR = 1.75
#: The usual distance is the one that this share of the distances does not exceed. An ROI whose
#: planes lie 2 and 4 mm apart in turn (a 3 mm PET drawn on a 2 mm CT) is usually 4 mm apart; a
#: few gaps do not make a gap usual.
USUAL_SHARE = 0.75
#: A contour whose slab holds this share of a slice fills it alone, and a slice of which this share
#: is filled is full: positions are rounded.
ALONE_SHARE = 0.9
#: A volume may be off by this share so that slices which are nearly full or nearly empty stay so.
UNBALANCED_SHARE = 0.03
#: Decimals of a share: beyond them lies arithmetic.
SHARE_DECIMALS = 6
#: A slice is as wide as the widest from this share of its pixels on.
WIDE_SHARE = 0.98
#: All neighbours of a voxel, those at its corners too.
TOUCHING = np.ones((3, 3, 3), dtype=np.bool_)


def slabs(positions: FloatArray, *, default: float) -> tuple[FloatArray, FloatArray]:
    """Lower and upper end of the slab that each plane stands for.

    Half-way to the neighbours, at the ends as far as on the other side, beside gaps half the usual
    distance.

    Args:
        positions: (m,) rising.
        default: thickness when there is one plane only.
    """
    steps = np.diff(positions)
    usual = usual_step(positions, default=default)
    half = np.where(steps > GAP_FACTOR * usual, usual, steps) / 2.0
    first, last = (half[:1], half[-1:]) if len(half) else (np.array([default / 2.0]),) * 2
    return positions - np.concatenate([first, half]), positions + np.concatenate([half, last])


def usual_step(positions: FloatArray, *, default: float) -> float:
    """The distance that is usual between neighbouring planes; ``default`` of a single one."""
    steps = np.sort(np.diff(positions))
    return float(steps[int(USUAL_SHARE * (len(steps) - 1))]) if len(steps) else default


def one_to_a_slice(positions: FloatArray) -> bool:
    """Whether each plane (positions in slices) stands for a slice of its own and no more."""
    nearest = np.rint(positions)
    lower, upper = slabs(positions, default=1.0)
    off = max(np.abs(upper - nearest - 0.5).max(), np.abs(nearest - 0.5 - lower).max())
    return bool(off < 1.0 - ALONE_SHARE and (np.diff(nearest) > 0).all())


def on_slices(
    drawn: BoolArray, positions: FloatArray, slices: int
) -> Iterator[tuple[int, BoolArray]]:
    """What planes with their slabs fill of the slices of an image, connected pieces apart.

    The volume of each piece is that of its slabs, and its widest slice is whole, so that neither
    volumes nor diameters hang on where the slices happen to lie. A slice that slabs of several
    planes share takes what these have in common, and of the rest what lies deepest inside; one that
    is filled in part, at the ends, takes what lies deepest.

    Args:
        drawn: (planes, rows, columns).
        positions: (planes,) rising, in slices.
        slices: how many there are; what lies beyond is left out.

    Yields:
        A slice, (rows, columns) of a piece on it; slices may come several times.
    """
    lower, upper = slabs(positions, default=1.0)
    for run in np.split(np.arange(len(positions)), np.flatnonzero(lower[1:] > upper[:-1]) + 1):
        pieces, _ = scipy.ndimage.label(drawn[run], structure=TOUCHING)
        for number, box in enumerate(scipy.ndimage.find_objects(pieces), start=1):
            planes = run[box[0]]
            first = max(int(np.floor(lower[planes[0]] + 0.5)), 0)
            past = min(int(np.ceil(upper[planes[-1]] + 0.5)), slices)
            if past <= first:
                continue
            k = np.arange(first, past)
            low, high = lower[planes, None], upper[planes, None]
            parts = np.clip(np.minimum(high, k + 0.5) - np.maximum(low, k - 0.5), 0.0, None)
            for n, pixels in _piece(pieces[box] == number, parts):
                whole = np.zeros(drawn.shape[1:], dtype=np.bool_)
                whole[box[1:]] = pixels
                yield first + n, whole


def _piece(drawn: BoolArray, parts: FloatArray) -> Iterator[tuple[int, BoolArray]]:
    """One piece (planes, rows, columns) on slices of which its planes fill ``parts`` (n, k)."""
    filled = np.round(parts.sum(axis=0), SHARE_DECIMALS)
    inner = np.flatnonzero(filled)
    share = filled[inner]
    weights = parts[:, inner] / share
    alone = weights.max(axis=0) >= ALONE_SHARE
    weights[:, alone] = weights[:, alone] == weights[:, alone].max(axis=0)
    full = drawn.sum(axis=(1, 2)) @ weights
    for k, count, total, weight in zip(inner, _balanced(full, share), full, weights.T, strict=True):
        used = np.flatnonzero(weight)
        if round(count) == round(total) and len(used) == 1:
            yield int(k), drawn[used[0]]
        elif round(count) > 0:
            yield int(k), _deepest(drawn[used], weight[used], round(count), round(count) < total)


def _balanced(full: FloatArray, share: FloatArray) -> FloatArray:
    """How many pixels each slice of a piece takes, so that their sum is that of the slabs.

    Args:
        full: pixels of each slice if it were filled from end to end.
        share: how much of each slice is filled, 0..1.
    """
    wanted = full * share
    count = np.where(share >= ALONE_SHARE, full, np.where(share <= 1 - ALONE_SHARE, 0.0, wanted))
    wide = (share >= min(0.5, share.max())) & (full > 0.0)
    wide &= full >= WIDE_SHARE * full[wide].max()
    widest = int(np.argmax(np.where(wide, share, 0.0)))
    count[widest] = full[widest]
    missing = float(wanted.sum() - count.sum())
    partial = (count > 0.0) & (count < full)
    rounded = (share < 1.0) & ~partial
    for open_to_change in (partial, rounded):
        order = np.flatnonzero(open_to_change)
        for k in order[np.argsort(-np.sign(missing) * share[order], kind="stable")]:
            if k != widest and abs(missing) > UNBALANCED_SHARE * wanted.sum():
                changed = float(np.clip(count[k] + missing, 0.0, full[k]))
                missing -= changed - count[k]
                count[k] = changed
    others = count.sum() - count[widest]
    if missing < -UNBALANCED_SHARE * wanted.sum() and others > 0.0:  # the widest slice is an end
        count *= max(1.0 + missing / others, 0.0)
        count[widest] = full[widest]
    return count


def _deepest(drawn: BoolArray, weights: FloatArray, wanted: int, is_partial: bool) -> BoolArray:
    """One slice from the contours (n, rows, columns) of several planes with their weights."""
    either = np.asarray(drawn.any(axis=0))
    taken = np.zeros_like(either) if is_partial else np.asarray(drawn.all(axis=0))
    rest = either & ~taken
    depth = np.zeros(int(rest.sum()))
    for weight, pixels in zip(weights, drawn, strict=True):
        if pixels.any():
            inside = scipy.ndimage.distance_transform_edt(np.pad(pixels, 1))[1:-1, 1:-1]
            depth += weight * (inside - scipy.ndimage.distance_transform_edt(~pixels))[rest]
    more = np.zeros(len(depth), dtype=np.bool_)
    more[np.argsort(-depth, kind="stable")[: max(wanted - int(taken.sum()), 0)]] = True
    taken[rest] = more
    return taken
