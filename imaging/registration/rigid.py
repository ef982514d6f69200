"""The rigid step: every translation first, then mutual information."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft
import scipy.ndimage
import SimpleITK

from imaging.registration.mapping import translation
from imaging.registration.reduction import WINDOW_HU, Reduced, similarity
from imaging.volume import Array, BoolArray, FloatArray

sitk: Any = SimpleITK  # its functions carry no types

#: The search over all translations runs on voxels this many times as large.
COARSE_FACTOR = 2
#: A translation must leave this share of the smaller body inside both images. Two crops that
#: share less have nothing to be registered by.
LEAST_OVERLAP = 0.3
#: Share of the voxels (on a regular pattern) that the mutual information is computed from.
SAMPLED_SHARE = 0.2


def rigid_transform(fixed: Reduced, moving: Reduced, body: BoolArray) -> FloatArray:
    """4 x 4: the best translation over all shifts, refined by mutual information."""
    starts = [_best_translation_mm(fixed, moving), np.zeros(3)]
    scored = [similarity(fixed, moving, body, translation(start)) for start in starts]
    best = max(range(len(starts)), key=lambda n: (scored[n].value * (scored[n].overlap > 0), -n))
    start = translation(starts[best])
    refined = _refined(fixed, moving, body, starts[best])
    if refined is None:
        return start
    gained = similarity(fixed, moving, body, refined).value >= scored[best].value - 0.01
    return refined if gained else start


def _best_translation_mm(fixed: Reduced, moving: Reduced) -> FloatArray:
    """Masked normalised cross-correlation over every shift, by FFT.

    After Padfield, IEEE Trans Image Process 2012;21:2706: sums over the overlap only, so that
    images of different extent can be compared.
    """
    step = fixed.grid.spacing_mm[0] * COARSE_FACTOR
    here, there = _coarse(fixed), _coarse(moving)
    shape = [a + b - 1 for a, b in zip(here[0].shape, there[0].shape, strict=True)]
    size = [scipy.fft.next_fast_len(n, real=True) for n in shape]

    def correlate(a: Array, b: Array) -> Array:
        product = scipy.fft.rfftn(a, size) * np.conj(scipy.fft.rfftn(b, size))
        return np.asarray(scipy.fft.irfftn(product, size))

    (f, f_known), (m, m_known) = here, there
    count = np.maximum(correlate(f_known, m_known), 1e-3)
    sum_f, sum_m = correlate(f, m_known), correlate(f_known, m)
    covariance = correlate(f, m) - sum_f * sum_m / count
    spread_f = correlate(f * f, m_known) - sum_f**2 / count
    spread_m = correlate(f_known, m * m) - sum_m**2 / count
    spread = np.sqrt(np.maximum(spread_f, 0) * np.maximum(spread_m, 0))
    least = 1e-4 * float(spread.max(initial=0.0)) + 1e-9
    score = np.where(spread > least, covariance / np.maximum(spread, least), -1.0)
    # A small overlap correlates by chance: both count of voxels and of tissue must suffice.
    tissue = correlate((f > 0) * f_known, (m > 0) * m_known)
    needed = LEAST_OVERLAP * min(float((f > 0).sum()), float((m > 0).sum()))
    score = np.where(tissue >= needed, score, -1.0)
    peak = np.array(np.unravel_index(int(score.argmax()), score.shape))
    shift = np.where(peak >= np.array(here[0].shape), peak - np.array(size), peak)
    # Voxel (x) of the moving image lies on voxel (x + shift) of the fixed one.
    return np.asarray(moving.grid.origin_mm - fixed.grid.origin_mm - shift * step, dtype=np.float64)


def _coarse(image: Reduced) -> tuple[Array, Array]:
    """Every second voxel of a smoothed image, above its floor, and where it has values."""
    smooth = scipy.ndimage.uniform_filter(image.values - WINDOW_HU[0], COARSE_FACTOR, origin=-1)
    step = (slice(None, None, COARSE_FACTOR),) * 3
    known = image.known[step].astype(np.float64)
    tissue = np.where(smooth[step] > 0.25 * (WINDOW_HU[1] - WINDOW_HU[0]), smooth[step], 0.0)
    return tissue * known, known


def _refined(
    fixed: Reduced, moving: Reduced, body: BoolArray, start_mm: FloatArray
) -> FloatArray | None:
    """Rigid by mutual information (Mattes), coarse to fine; None where it cannot be computed."""
    # The pyramid needs four voxels.
    if not body.any() or min(*fixed.grid.shape, *moving.grid.shape) < 4:
        return None
    transform = sitk.Euler3DTransform()
    transform.SetCenter(fixed.grid.to_world_mm(np.argwhere(body).mean(axis=0)).tolist())
    transform.SetTranslation(start_mm.tolist())
    method = sitk.ImageRegistrationMethod()
    # One: several add up their histograms in any order, and the last digits differ between runs.
    method.SetNumberOfWorkUnits(1)
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(SAMPLED_SHARE, 1)
    # A rim around the body: its outline aligns as much as its inside.
    rim = scipy.ndimage.binary_dilation(body, iterations=2)
    method.SetMetricFixedMask(fixed.image(rim.astype(np.uint8)))
    method.SetMetricMovingMask(moving.image(moving.known.astype(np.uint8)))
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(2.0, 0.01, 80, relaxationFactor=0.6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([2, 1])
    method.SetSmoothingSigmasPerLevel([fixed.grid.spacing_mm[0], 0.0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetInitialTransform(transform, inPlace=True)
    try:
        method.Execute(
            fixed.image(fixed.values.astype(np.float32)),
            moving.image(moving.values.astype(np.float32)),
        )
    except RuntimeError:  # ITK: too few samples overlap at this start
        return None
    rigid = np.eye(4)
    rigid[:3, :3] = np.reshape(transform.GetMatrix(), (3, 3))
    rigid[:3, 3] = transform.TransformPoint((0.0, 0.0, 0.0))
    return rigid
