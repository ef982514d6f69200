"""Benchmark of the PET parts; ``scripts/benchmark.py`` calls the functions.

Run alone: ``python scripts/benchmark_pet.py``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from scipy import ndimage

from imaging.volume import FloatArray, Grid, Mask, Unit, Volume
from pet.peak import sphere, suv_peak
from pet.suv import suv_factors, to_suv

T = TypeVar("T")

#: A whole body as a current scanner gives it: 2 x 2 x 3 mm is finer, 4 mm is coarser.
WHOLE_BODY = ((256, 256, 400), (2.73, 2.73, 3.27))
LESIONS = 60
LONG_SERIES = 545


@dataclass(frozen=True)
class Timing:
    """A median of several runs, with what it was compared with."""

    name: str
    seconds: float
    baseline: str = ""
    baseline_seconds: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return None if self.baseline_seconds is None else self.baseline_seconds / self.seconds


def whole_body(seed: int = 7) -> tuple[Volume, list[Mask]]:
    """A noisy body and ellipsoidal lesions of 0.5 to 40 ml."""
    shape, spacing = WHOLE_BODY
    random = np.random.default_rng(seed)
    grid = Grid(shape, np.diag([*spacing, 1.0]))
    array = np.asfortranarray(random.gamma(4.0, 0.25, shape).astype(np.float32))
    lesions = []
    for _ in range(LESIONS):
        radius_mm = random.uniform(5.0, 21.0)
        reach = np.ceil(radius_mm / np.array(spacing)).astype(int)
        centre = random.integers(reach + 3, np.array(shape) - reach - 3)
        offsets = np.indices(2 * reach + 1).T - reach
        inside = (np.linalg.norm(offsets * spacing, axis=-1) <= radius_mm).T
        start = centre - reach
        mask = Mask(inside, (int(start[0]), int(start[1]), int(start[2])), grid)
        array[mask.box][inside] += random.uniform(2.0, 15.0)
        lesions.append(mask)
    return Volume(array, grid, Unit.SUV_BW, "benchmark"), lesions


def peaks(repeats: int = 5) -> Timing:
    """SUVpeak (global) of 60 lesions, against one convolution of the whole volume."""
    suv, lesions = whole_body()
    ours = _median(lambda: [suv_peak(suv, lesion).value for lesion in lesions], repeats)
    found = [suv_peak(suv, lesion).value for lesion in lesions]
    means, seconds = _timed(lambda: _convolved(suv))
    expected = [float(means[lesion.box][lesion.array].max()) for lesion in lesions]
    worst = float(np.max(np.abs(np.divide(found, expected) - 1.0)))
    note = f"largest relative difference {worst:.1e}"
    return Timing("SUVpeak of 60 lesions", ours, "full convolution", seconds, note)


def _convolved(suv: Volume) -> FloatArray:
    kernel = sphere(suv.grid.spacing_mm)
    sums = ndimage.convolve(suv.array.astype(np.float64), kernel, mode="constant")
    return np.asarray(sums / kernel.sum())


def peaks_mirp() -> Timing | None:
    """One lesion by MIRP, scaled to 60; None where MIRP is not installed.

    MIRP takes arrays as 1 mm voxels, so both measure the same arrays on a grid of 1 mm.
    """
    try:
        from mirp import extract_features  # noqa: PLC0415 - optional
    except ImportError:
        return None
    body, masks = whole_body()
    grid = Grid(body.grid.shape, np.eye(4))
    suv = Volume(body.array, grid, Unit.SUV_BW)
    lesions = [Mask(mask.array, mask.start, grid) for mask in masks]
    image = np.ascontiguousarray(suv.array.T)
    first = np.ascontiguousarray(lesions[0].full().T.astype(np.uint8))

    def run() -> list[pd.DataFrame]:
        return extract_features(
            image=image,
            mask=first,
            base_feature_families="local_intensity",
            image_modality="pet",
        )

    frames, seconds = _timed(run)
    theirs = float(frames[0]["loc_peak_glob"].iloc[0])
    ours = suv_peak(suv, lesions[0]).value
    ours_s = _median(lambda: [suv_peak(suv, lesion).value for lesion in lesions], 3)
    note = f"1 mm voxels; MIRP on one lesion, scaled; values {ours:.4f} and {theirs:.4f}"
    return Timing("SUVpeak of 60 lesions", ours_s, "MIRP", seconds * LESIONS, note)


def conversion(repeats: int = 5) -> tuple[Timing, Timing]:
    """A series of 545 slices: the factors from the headers, and the volume with them."""
    headers = [_header(number) for number in range(LONG_SERIES)]
    shape = (200, 200, LONG_SERIES)
    grid = Grid(shape, np.diag([4.07, 4.07, 2.0, 1.0]))
    activity = np.full(shape, 5000.0, dtype=np.float32, order="F")
    volume = Volume(activity, grid, Unit.BQML, "benchmark")
    factors = _median(lambda: suv_factors(headers), repeats)
    whole = _median(lambda: to_suv(volume, headers), repeats)
    return (
        Timing(f"factors of {LONG_SERIES} headers", factors),
        Timing(f"SUV of {LONG_SERIES} slices of 200 x 200", whole),
    )


def _header(number: int) -> Dataset:
    drug = Dataset()
    drug.RadionuclideTotalDose, drug.RadionuclideHalfLife = "368080000", "6586.2"
    drug.RadiopharmaceuticalStartDateTime = "20250101100000"
    header = Dataset()
    header.Modality, header.Units, header.DecayCorrection = "PT", "BQML", "START"
    header.Manufacturer, header.SeriesInstanceUID = "SIEMENS", "1.2.3"
    header.SeriesDate, header.SeriesTime = "20250101", "110000.000000"
    header.AcquisitionDate, header.AcquisitionTime = "20250101", "110000.000000"
    header.PatientWeight, header.CorrectedImage = "70", ["DECY", "ATTN", "SCAT"]
    header.FrameReferenceTime, header.ActualFrameDuration = "60000", "120000"
    header.RescaleSlope, header.RescaleIntercept = "1.5", "0"
    header.ImagePositionPatient = [0, 0, 2.0 * number]
    header.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    header.RadiopharmaceuticalInformationSequence = Sequence([drug])
    return header


def _timed(run: Callable[[], T]) -> tuple[T, float]:
    start = time.perf_counter()
    found = run()
    return found, time.perf_counter() - start


def _median(run: Callable[[], object], repeats: int) -> float:
    return float(np.median([_timed(run)[1] for _ in range(repeats)]))


def all_timings() -> list[Timing]:
    """Every benchmark of this file."""
    found = [peaks(), *conversion()]
    mirp = peaks_mirp()
    return found if mirp is None else [*found, mirp]


def main() -> None:
    for timing in all_timings():
        line = f"{timing.name}: {1000 * timing.seconds:.1f} ms"
        if timing.ratio is not None:
            line += f"; {timing.baseline} {timing.baseline_seconds:.2f} s = {timing.ratio:.0f} x"
        print(line, timing.note)


if __name__ == "__main__":
    main()
