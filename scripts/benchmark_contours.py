"""RTSTRUCT to mask, side by side: accuracy on shapes of known volume, seconds on a real patient.

    python scripts/benchmark_contours.py [STUDY]

STUDY is a folder with CT/, RTSTRUCT/ and optionally a label map (the lung study). Peers that are
not installed are left out: pip install rt-utils scikit-image.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

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


@dataclass(frozen=True)
class Row:
    what: str
    tool: str
    value: float
    unit: str


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
    from skimage.draw import polygon2mask

    return polygon2mask(shape, line)


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
    from rt_utils.image_helper import create_series_mask_from_contour_sequence

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
    mask = create_series_mask_from_contour_sequence(headers, sequence)
    return np.transpose(mask, (1, 0, 2))


def circle(radius: float, z: float) -> np.ndarray:
    turn = np.linspace(0.0, 2.0 * np.pi, 240, endpoint=False)
    x, y = 0.3 + radius * np.cos(turn), -0.2 + radius * np.sin(turn)
    return np.column_stack([x, y, np.full_like(turn, z)])


def drawn(*lines: np.ndarray) -> Roi:
    return Roi(1, "shape", "", tuple(Contour(ContourKind.CLOSED_PLANAR, line) for line in lines))


def shapes() -> Iterator[tuple[str, Roi, float]]:
    """Name, ROI and the volume in ml that its slabs have exactly, at 1 x 1 x 2 mm."""
    for radius in (3, 4, 8, 15):
        z = np.arange(-8, 9) * 2.0
        levels = [float(np.sqrt(radius**2 - v * v)) for v in z if abs(v) < radius - 1e-6]
        lines = [
            circle(r, float(v)) for r, v in zip(levels, z[abs(z) < radius - 1e-6], strict=True)
        ]
        yield f"sphere of {radius} mm", drawn(*lines), sum(np.pi * r * r for r in levels) * 2 / 1000
    yield "annulus of 10 and 5 mm", drawn(circle(10, 0), circle(5, 0)), np.pi * 75 * 2 / 1000


def accuracy() -> list[Row]:
    affine = np.diag([1.0, 1.0, 2.0, 1.0])
    affine[:3, 3] = (-25.0, -25.0, -18.0)
    grid = Grid((50, 50, 19), affine)
    rows = []
    for name, roi, true in shapes():
        for tool, masker in maskers().items():
            found = float(masker(roi, grid).sum()) * grid.voxel_volume_mm3 / 1000.0
            rows.append(Row(f"volume error, {name}", tool, 100 * (found / true - 1), "%"))
        share = 100 * (volume_ml(roi, grid) / true - 1)
        rows.append(Row(f"volume error, {name}", "recist occupancy", share, "%"))
    return rows


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


def seconds(action: Callable[[], Any]) -> float:
    taken = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        action()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def patient(study: Path) -> list[Row]:
    """All ROIs of a structure set: seconds, and voxels that differ from its label map."""
    grid = series_grid(study / "CT")
    path = next((study / "RTSTRUCT").iterdir())
    rois = [roi for roi in read_rtstruct(path).rois if roi.closed]
    what = f"{len(rois)} ROIs on {grid.shape[0]} x {grid.shape[1]} x {grid.shape[2]} voxels"
    rows = [
        Row(
            f"read the file of {what}", "recist", 1000 * seconds(lambda: read_rtstruct(path)), "ms"
        ),
        Row(
            what,
            "recist occupancy",
            1000 * seconds(lambda: [occupancy(roi, grid) for roi in rois]),
            "ms",
        ),
        Row(what, "recist boxes", 1000 * seconds(lambda: [rasterise(r, grid) for r in rois]), "ms"),
    ]
    for tool, masker in maskers().items():
        took = seconds(lambda masker=masker: [masker(roi, grid) for roi in rois])
        rows.append(Row(f"{what}, full arrays", tool, 1000 * took, "ms"))
    labels = study.parent / "truth" / "baseline_labels.nii.gz"
    if labels.exists():
        truth = np.asarray(nibabel.load(labels).dataobj)
        for name, numbers in (("Tumor_c40", [1]), ("LN_c40", [2, 3, 4]), ("Nodule_sim", [5])):
            true = np.isin(truth, numbers)
            roi = next(roi for roi in rois if roi.name == name)
            for tool, masker in maskers().items():
                excess = 100 * (float(masker(roi, grid).sum()) / float(true.sum()) - 1)
                rows.append(Row(f"volume against its label, {name}", tool, excess, "%"))
    return rows


def measure(study: Path | None = None) -> list[Row]:
    """Every row: shapes always, a patient where a study is given."""
    return accuracy() + ([] if study is None else patient(study))


def main() -> None:
    rows = measure(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    tools = list(dict.fromkeys(row.tool for row in rows))
    print(f"{'':58}" + "".join(f"{tool:>17}" for tool in tools))
    for what in dict.fromkeys(row.what for row in rows):
        cells = {row.tool: f"{row.value:+.2f} {row.unit}" for row in rows if row.what == what}
        print(f"{what:58}" + "".join(f"{cells.get(tool, ''):>17}" for tool in tools))


if __name__ == "__main__":
    main()
