"""Every translation of one image over another, compared at once."""

from __future__ import annotations

import numpy as np
import scipy

from imaging.registration.reduction import WINDOW_HU, Reduced
from imaging.volume import Array, FloatArray

#: The search over all translations runs on voxels this many times as large.
COARSE_FACTOR = 2
#: A translation must leave this share of the smaller body inside both images. Two crops that
#: share less have nothing to be registered by.
LEAST_OVERLAP = 0.3
#: What counts as tissue, as a share of the window.
TISSUE = 0.25
#: Overlaps of less contrast than this share of the largest are flat: their correlation is noise.
LEAST_SPREAD = 1e-3
#: Threads of the transforms; they give the same numbers whatever their count.
WORKERS = 2


def best_translation_mm(fixed: Reduced, moving: Reduced) -> FloatArray:
    """Masked normalised cross-correlation over every shift, by FFT.

    After Padfield, IEEE Trans Image Process 2012;21:2706: sums over the overlap only, so that
    images of different extent can be compared.
    """
    step = fixed.grid.spacing_mm[0] * COARSE_FACTOR
    (f, f_known), (m, m_known) = _coarse(fixed), _coarse(moving)
    shape = [a + b - 1 for a, b in zip(f.shape, m.shape, strict=True)]
    import scipy.fft  # noqa: PLC0415 - long to load

    size = [scipy.fft.next_fast_len(n, real=True) for n in shape]

    def transformed(values: Array) -> Array:
        return np.asarray(scipy.fft.rfftn(values, size, workers=WORKERS))

    def back(product: Array) -> Array:
        return np.asarray(scipy.fft.irfftn(product, size, workers=WORKERS))

    # Each image is transformed once, each sum over the overlap is transformed back once.
    here = [transformed(a) for a in (f, f_known, f * f, (f > 0).astype(f.dtype))]
    there = [np.conj(transformed(a)) for a in (m, m_known, m * m, (m > 0).astype(m.dtype))]
    count = np.maximum(back(here[1] * there[1]), 1e-3)
    sum_f, sum_m = back(here[0] * there[1]), back(here[1] * there[0])
    covariance = back(here[0] * there[0]) - sum_f * sum_m / count
    spread_f = back(here[2] * there[1]) - sum_f**2 / count
    spread_m = back(here[1] * there[2]) - sum_m**2 / count
    spread = np.sqrt(np.maximum(spread_f, 0) * np.maximum(spread_m, 0))
    least = LEAST_SPREAD * float(spread.max(initial=0.0)) + 1e-9
    score = np.where(spread > least, covariance / np.maximum(spread, least), -1.0)
    # A small overlap correlates by chance: both count of voxels and of tissue must suffice.
    tissue = back(here[3] * there[3])
    needed = LEAST_OVERLAP * min(float((f > 0).sum()), float((m > 0).sum()))
    score = np.where(tissue >= needed, score, -1.0)
    peak = np.array(np.unravel_index(int(score.argmax()), score.shape))
    shift = np.where(peak >= np.array(f.shape), peak - np.array(size), peak)
    # Voxel (x) of the moving image lies on voxel (x + shift) of the fixed one.
    return np.asarray(moving.grid.origin_mm - fixed.grid.origin_mm - shift * step, dtype=np.float64)


def _coarse(image: Reduced) -> tuple[Array, Array]:
    """Every second voxel of a smoothed image, 0 to 1 above its floor, and where it has values."""
    low, high = WINDOW_HU
    height = (image.values - np.float32(low)) / np.float32(high - low)
    smooth = scipy.ndimage.uniform_filter(height, COARSE_FACTOR, origin=-1)
    step = (slice(None, None, COARSE_FACTOR),) * 3
    known = image.known[step].astype(np.float32)
    return np.where(smooth[step] > TISSUE, smooth[step], np.float32(0)) * known, known
