"""Our time beside a peer's, in one run: indexing 10,000 DICOM files, reading a CT series.

The files are written in code to a temporary folder; runs are interleaved, so that other load on
the machine meets both; medians of processor seconds, of seconds by the clock, and their ratios are
printed. Absolute times do not travel. Beside the readers stands the limit: the bytes alone, read
into one array that is there already.

    python scripts/benchmark_imaging.py
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk  # noqa: N813
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from imaging.catalogue import scan
from imaging.read import read_ct
from imaging.spare_memory import spare

CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"
RUNS = 5
#: What a catalogue needs at least: the fair request to pydicom.
TAGS = [
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyDate",
    "Modality",
    "SeriesDescription",
    "PatientID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "ImageType",
    "Rows",
    "Columns",
    "PixelSpacing",
]


def index_10000(files: int = 10_000, runs: int = 3) -> dict[str, float]:
    """Catalogue 10,000 files (100 CT series) beside pydicom reading 15 tags of each."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for series in range(files // 100):
            _write_series(root / f"{series:03d}", subject=f"P{series // 4}", slices=100, size=16)
        paths = sorted(root.rglob("*.dcm"))

        def by_pydicom() -> None:
            for path in paths:
                pydicom.dcmread(path, stop_before_pixels=True, specific_tags=TAGS)

        kept = root.with_suffix(".sqlite")
        settled = time.time() - 3600
        for path in paths:  # as in an archive: what changed just now is not trusted
            os.utime(path, (settled, settled))
        scan(root, index_file=kept)
        peers: dict[str, Callable[[], object]] = {"recist": lambda: scan(root)}
        if kept.is_file():  # smaller trees are read anew
            peers["recist, nothing changed"] = lambda: scan(root, index_file=kept)
        peers["pydicom"] = by_pydicom
        found = _compare(f"index {files:,} DICOM files", peers, runs)
        kept.unlink(missing_ok=True)
        return found


def read_series(slices: int = 200, runs: int = RUNS) -> dict[str, float]:
    """Read an uncompressed CT series in HU beside SimpleITK and pydicom."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_series(folder, subject="P0", slices=slices, size=512)
        series = scan(folder).subjects[0].visits[0].ct
        assert series is not None
        names = [str(path) for path in series.files]

        def by_pydicom() -> None:
            datasets = sorted(map(pydicom.dcmread, names), key=lambda d: d.ImagePositionPatient[2])
            np.stack([d.pixel_array * d.RescaleSlope + d.RescaleIntercept for d in datasets])

        def into_new_memory() -> None:
            spare.clear()  # as the first series of a process, or one while the last is looked at
            read_ct(series)

        peers: dict[str, Callable[[], object]] = {
            "recist": lambda: read_ct(series),
            "recist, into new memory": into_new_memory,
            "SimpleITK": lambda: sitk.ReadImage(names),
            "pydicom": by_pydicom,
        }
        bytes_alone = np.empty((slices, 512, 512), dtype=np.uint16)

        def limit() -> None:
            for image, path in zip(bytes_alone, names, strict=True):
                handle = os.open(path, os.O_RDONLY)
                os.preadv(handle, [image.reshape(-1).view(np.uint8).data], 0)
                os.close(handle)

        peers["limit"] = limit
        if (by_dicomsdl := _dicomsdl(names)) is not None:
            peers["dicomsdl"] = by_dicomsdl
        return _compare(f"read a CT series of {slices} x 512 x 512", peers, runs)


def _dicomsdl(names: list[str]) -> Callable[[], object] | None:
    """The fastest other reader, to HU in one array; None where it is not installed."""
    try:
        import dicomsdl  # noqa: PLC0415 - optional
    except ImportError:
        print("dicomsdl is not installed: left out")
        return None

    def read() -> object:
        opened = sorted(map(dicomsdl.open, names), key=lambda d: d.ImagePositionPatient[2])
        return np.stack([each.pixelData(storedvalue=False) for each in opened])

    return read


def _compare(title: str, peers: dict[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """Median seconds of each, run in turn; printed with the ratio to ours (the first)."""
    clocks = {"processor time": time.process_time, "the clock": time.perf_counter}
    seconds: dict[str, dict[str, list[float]]] = {by: {name: [] for name in peers} for by in clocks}
    for _ in range(runs):
        for name, work in peers.items():
            began = {by: clock() for by, clock in clocks.items()}
            work()
            for by, clock in clocks.items():
                seconds[by][name].append(clock() - began[by])
    medians: dict[str, float] = {}
    for by, found in seconds.items():
        each = {name: statistics.median(times) for name, times in found.items()}
        ours = next(iter(each.values()))
        cells = [f"{name} {value:.3f} s ({value / ours:.1f} x)" for name, value in each.items()]
        print(f"{title}, by {by}: {', '.join(cells)}")
        medians = medians or each
    return medians


def _write_series(folder: Path, *, subject: str, slices: int, size: int) -> None:
    """A CT series whose headers are about as long as a scanner's."""
    folder.mkdir(parents=True, exist_ok=True)
    dataset = _header(subject, size)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = CT_CLASS
    noise = np.random.default_rng(0).integers(0, 2000, (size, size + slices), dtype=np.uint16)
    for k in range(slices):
        dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset.InstanceNumber = k + 1
        dataset.ImagePositionPatient = [-200.0, -200.0, 2.5 * k]
        dataset.PixelData = np.ascontiguousarray(noise[:, k : k + size]).tobytes()
        file = FileDataset(folder, dataset, file_meta=meta, preamble=b"\0" * 128)
        pydicom.dcmwrite(folder / f"{k:04d}.dcm", file, enforce_file_format=True)


def _header(subject: str, size: int) -> Dataset:
    dataset = Dataset()
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.SOPClassUID, dataset.Modality = CT_CLASS, "CT"
    dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = "20200106"
    dataset.StudyTime = dataset.SeriesTime = dataset.AcquisitionTime = "101112.000"
    dataset.Manufacturer, dataset.ManufacturerModelName = "VENDOR", "Model"
    dataset.InstitutionName, dataset.StationName = "Hospital", "CT1"
    dataset.StudyDescription, dataset.SeriesDescription = "Thorax", "Thorax 2.5 B30f"
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = CT_CLASS, generate_uid()
    dataset.ReferencedImageSequence = DicomSequence([reference] * 3)
    dataset["ReferencedImageSequence"].is_undefined_length = True
    dataset.PatientID, dataset.PatientName = subject, f"Name^{subject}"
    dataset.PatientBirthDate, dataset.PatientSex, dataset.PatientAge = "19500101", "F", "070Y"
    dataset.KVP, dataset.SliceThickness, dataset.DataCollectionDiameter = "120", "2.5", "500"
    dataset.ConvolutionKernel, dataset.PatientPosition = "B30f", "HFS"
    dataset.ExposureTime, dataset.XRayTubeCurrent, dataset.Exposure = 500, 200, 100
    block = dataset.private_block(0x0019, "VENDOR CT HEADER", create=True)
    for element in range(0x10, 0x40):
        block.add_new(element, "LO", f"private value {element}")
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.FrameOfReferenceUID = generate_uid()
    dataset.SeriesNumber, dataset.AcquisitionNumber = 2, 1
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing = [0.8, 0.8]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows = dataset.Columns = size
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.RescaleIntercept, dataset.RescaleSlope = "-1024", "1"
    dataset.WindowCenter, dataset.WindowWidth = "40", "400"
    return dataset


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    arguments.add_argument("--files", type=int, default=10_000)
    arguments.add_argument("--slices", type=int, default=200)
    arguments.add_argument("--runs", type=int, default=RUNS)
    chosen = arguments.parse_args()
    index_10000(chosen.files, min(chosen.runs, 3))
    read_series(chosen.slices, chosen.runs)
