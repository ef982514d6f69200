"""RTSTRUCT to mask beside other rasterisers: accuracy on known shapes, seconds on a real patient.

Peers that are not installed are left out: pip install rt-utils scikit-image.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import nibabel
import numpy as np
import pydicom
from matplotlib.path import Path as MplPath
from PIL import Image, ImageDraw
from pydicom.dataset import Dataset

from imaging.contours import (
    Contour,
    ContourKind,
    Roi,
    occupancy,
    rasterise,
    read_rtstruct,
    volume_ml,
)
from imaging.volume import Grid

Masker = Callable[[Roi, Grid], np.ndarray]
REPEATS = 5


def ours(roi: Roi, grid: Grid) -> np.ndarray:
    return rasterise(roi, grid).full()


def per_contour(fill: Callable[[np.ndarray, tuple[int, int]], np.ndarray]) -> Masker:
    """A polygon filler as a masker: contours of a slice are combined by exclusive or."""

    def masker(roi: Roi, grid: Grid) -> np.ndarray:
        mask = np.zeros(grid.shape, dtype=bool)
        for contour in roi.closed:
            voxel = grid.to_voxel(contour.points_mm)
            k = round(float(voxel[0, 2]))
            if 0 <= k < grid.shape[2]:
                mask[:, :, k] ^= fill(voxel[:, :2], grid.shape[:2])
        return mask

    return masker


def pillow(line: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    image = Image.new("1", shape)
    ImageDraw.Draw(image).polygon([(x, y) for x, y in line], fill=1, outline=1)
    return np.asarray(image).T


def matplotlib_path(line: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    i, j = np.indices(shape)
    inside = MplPath(line).contains_points(np.column_stack([i.ravel(), j.ravel()]))
    return inside.reshape(shape)


def scikit_image(line: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return import_module("skimage.draw").polygon2mask(shape, line)


def maskers() -> dict[str, Masker]:
    found: dict[str, Masker] = {
        "recist": ours,
        "Pillow": per_contour(pillow),
        "matplotlib": per_contour(matplotlib_path),
    }
    if find_spec("skimage"):
        found["scikit-image"] = per_contour(scikit_image)
    if find_spec("rt_utils") and find_spec("cv2"):
        found["rt-utils"] = rt_utils
    return found


def rt_utils(roi: Roi, grid: Grid) -> np.ndarray:
    """Its own function, fed with headers of the grid and the contours as a sequence."""
    headers = []
    for k in range(grid.shape[2]):
        header = Dataset()
        header.SOPInstanceUID = f"1.2.{k + 1}"
        header.Columns, header.Rows = grid.shape[:2]
        header.PixelSpacing = [grid.spacing_mm[1], grid.spacing_mm[0]]
        header.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        header.ImagePositionPatient = grid.to_world_mm([0, 0, k]).round(6).tolist()
        header.SliceThickness = grid.spacing_mm[2]
        header.SpacingBetweenSlices = grid.spacing_mm[2]
        headers.append(header)
    sequence = []
    for contour in roi.closed:
        item = Dataset()
        k = round(float(grid.to_voxel(contour.points_mm[0])[2]))
        image = Dataset()
        image.ReferencedSOPInstanceUID = f"1.2.{k + 1}"
        item.ContourImageSequence = [image]
        item.ContourGeometricType = "CLOSED_PLANAR"
        item.NumberOfContourPoints = len(contour.points_mm)
        item.ContourData = contour.points_mm.round(4).ravel().tolist()
        sequence.append(item)
    helper = import_module("rt_utils.image_helper")
    mask = helper.create_series_mask_from_contour_sequence(headers, sequence)
    return np.transpose(mask, (1, 0, 2))


def circle(radius: float, z: float) -> np.ndarray:
    turn = np.linspace(0.0, 2.0 * np.pi, 240, endpoint=False)
    x, y = 0.3 + radius * np.cos(turn), -0.2 + radius * np.sin(turn)
    return np.column_stack([x, y, np.full_like(turn, z)])


def drawn(*lines: np.ndarray) -> Roi:
    return Roi(1, "shape", "", tuple(Contour(ContourKind.CLOSED_PLANAR, line) for line in lines))


def shapes() -> Iterator[tuple[str, Roi, float]]:
    """Name, ROI and the volume in ml that its slabs have exactly, on slices of 2 mm."""
    for radius in (3, 4, 8, 15):
        planes = [z for z in np.arange(-8, 9) * 2.0 if abs(z) < radius]
        radii = [float(np.sqrt(radius**2 - z**2)) for z in planes]
        lines = [circle(r, z) for r, z in zip(radii, planes, strict=True)]
        yield f"sphere of {radius} mm", drawn(*lines), sum(np.pi * r**2 for r in radii) * 2 / 1000
    yield "annulus of 10 and 5 mm", drawn(circle(10, 0), circle(5, 0)), np.pi * 75 * 2 / 1000


def compare_volumes_of_shapes() -> None:
    """Error of the volume at 1 x 1 x 2 mm, in per cent."""
    affine = np.diag([1.0, 1.0, 2.0, 1.0])
    affine[:3, 3] = (-25.0, -25.0, -18.0)
    grid = Grid((50, 50, 19), affine)
    for name, roi, true in shapes():
        cells = [
            f"{tool} {100 * (masker(roi, grid).sum() * 0.002 / true - 1):+.2f} %"
            for tool, masker in maskers().items()
        ]
        share = 100 * (volume_ml(roi, grid) / true - 1)
        print(f"{name:24} " + ", ".join([*cells, f"recist occupancy {share:+.2f} %"]))


def compare_a_patient(repeats: int) -> None:
    """All ROIs of the lung study: median milliseconds, and volumes against the label map."""
    root = os.environ.get("RECIST_DATA")
    if not root:
        print("no real images at hand: set RECIST_DATA")
        return
    study = Path(root) / "longitudinal" / "lung-abscopal"
    grid = series_grid(study / "baseline" / "CT")
    path = next((study / "baseline" / "RTSTRUCT").iterdir())
    rois = [roi for roi in read_rtstruct(path).rois if roi.closed]
    actions: dict[str, Callable[[], object]] = {
        "recist, reading the file": lambda: read_rtstruct(path),
        "recist, boxes": lambda: [rasterise(roi, grid) for roi in rois],
        "recist, occupancy": lambda: [occupancy(roi, grid) for roi in rois],
    }
    for tool, masker in maskers().items():
        actions[f"{tool}, full arrays"] = lambda masker=masker: [masker(roi, grid) for roi in rois]
    print(f"{len(rois)} ROIs on {' x '.join(map(str, grid.shape))} voxels")
    for tool, milliseconds in interleaved(actions, repeats).items():
        print(f"  {tool:28} {milliseconds:8.1f} ms")
    truth = np.asarray(nibabel.load(study / "truth" / "baseline_labels.nii.gz").dataobj)
    for name, numbers in (("Tumor_c40", [1]), ("LN_c40", [2, 3, 4]), ("Nodule_sim", [5])):
        true = np.isin(truth, numbers)
        roi = next(roi for roi in rois if roi.name == name)
        cells = []
        for tool, masker in maskers().items():
            found = masker(roi, grid)
            excess = 100 * (found.sum() / true.sum() - 1)
            cells.append(
                f"{tool} {excess:+.2f} % ({np.count_nonzero(found != true)} voxels differ)"
            )
        print(f"{name:12} " + ", ".join(cells))


def series_grid(folder: Path) -> Grid:
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in folder.iterdir()]
    headers.sort(key=lambda header: float(header.ImagePositionPatient[2]))
    first, last = (np.array(h.ImagePositionPatient, dtype=float) for h in (headers[0], headers[-1]))
    affine = np.eye(4)
    affine[0, 0], affine[1, 1] = headers[0].PixelSpacing[1], headers[0].PixelSpacing[0]
    affine[:3, 2] = (last - first) / (len(headers) - 1)
    affine[:3, 3] = first
    shape = (headers[0].Columns, headers[0].Rows, len(headers))
    return Grid(shape, affine, str(headers[0].FrameOfReferenceUID))


def interleaved(actions: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median milliseconds of each, one after the other in every round."""
    taken: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(repeats):
        for name, action in actions.items():
            begin = time.perf_counter()
            action()
            taken[name].append(time.perf_counter() - begin)
    return {name: 1000 * statistics.median(times) for name, times in taken.items()}


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    arguments.add_argument("--repeats", type=int, default=REPEATS)
    compare_volumes_of_shapes()
    compare_a_patient(arguments.parse_args().repeats)
