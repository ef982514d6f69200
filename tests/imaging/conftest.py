"""A writer of small DICOM series and objects, with every defect a test may want."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from imaging.seg import SegSegment, write_seg
from imaging.volume import Grid, Mask

CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"
PET_CLASS = "1.2.840.10008.5.1.4.1.1.128"
OBJECT_CLASSES = {
    "RTSTRUCT": "1.2.840.10008.5.1.4.1.1.481.3",
    "RTDOSE": "1.2.840.10008.5.1.4.1.1.481.2",
    "RTPLAN": "1.2.840.10008.5.1.4.1.1.481.5",
    "RTRECORD": "1.2.840.10008.5.1.4.1.1.481.4",
    "SEG": "1.2.840.10008.5.1.4.1.1.66.4",
    "REG": "1.2.840.10008.5.1.4.1.1.66.1",
}
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)

Change = Callable[[int, Dataset], None]


def uid(*names: object) -> str:
    """A UID that is the same for the same names."""
    return str(generate_uid(entropy_srcs=[str(name) for name in names]))


class DicomWriter:
    """Writes series below a folder; names become UIDs, so that tests read like records."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def ct(self, folder: str = "CT", **options: Any) -> list[Path]:
        """An axial CT series: stored value = HU + 1024, with a column of air in the corner."""
        options.setdefault("intercept", -1024.0)
        if options.get("stored") is None:
            options["stored"] = default_stored(
                options.get("slices", 6), options.get("shape", (5, 7))
            )
            options["stored"][:, 0, 0] = 24
        return self._series(folder, "CT", CT_CLASS, **options)

    def pet(self, folder: str = "PET", **options: Any) -> list[Path]:
        """An axial PET series in BQML whose slope grows from slice to slice."""
        elements = {
            "Units": "BQML",
            "DecayCorrection": "START",
            "CorrectedImage": ["ATTN", "SCAT", "DECY"],
            "SeriesType": ["WHOLE BODY", "IMAGE"],
            "PatientWeight": "70",
            **options.pop("elements", {}),
        }
        options.setdefault("slope", lambda k: 0.5 + k / 8)
        return self._series(folder, "PT", PET_CLASS, elements=elements, **options)

    def _series(
        self,
        folder: str,
        modality: str,
        sop_class: str,
        *,
        subject: str = "P1",
        date: str = "20200106",
        study: str | None = None,
        series: str | None = None,
        frame: str | None = None,
        slices: int = 6,
        shape: tuple[int, int] = (5, 7),
        pixel_spacing: tuple[float, float] = (2.0, 1.5),
        step_mm: float = 3.0,
        orientation: tuple[float, ...] = AXIAL,
        origin: tuple[float, float, float] = (-10.0, 20.0, -30.0),
        slope: float | Callable[[int], float] = 1.0,
        intercept: float = 0.0,
        stored: np.ndarray | None = None,
        dtype: str = "uint16",
        elements: Mapping[str, Any] | None = None,
        without: tuple[str, ...] = (),
        change: Change | None = None,
        syntax: str = ExplicitVRLittleEndian,
        bare: bool = False,
        name: str = "{k:03d}.dcm",
        order: Callable[[int], int] = lambda k: k,
    ) -> list[Path]:
        """Write a series.

        ``elements`` are set on every slice, ``without`` are removed, ``change(k, dataset)`` is
        called last; ``stored`` is (k, j, i); ``bare`` leaves out preamble and meta information;
        ``order`` numbers the files.
        """
        if stored is None:
            stored = default_stored(slices, shape)
        values = stored.astype(dtype)
        normal = np.cross(orientation[:3], orientation[3:])
        study = study or f"{subject} {date}"
        paths = []
        for k in range(len(values)):
            dataset = Dataset()
            dataset.SOPClassUID = sop_class
            dataset.SOPInstanceUID = uid(subject, date, folder, series, k)
            dataset.StudyInstanceUID = uid(study)
            dataset.SeriesInstanceUID = uid(subject, date, series or folder)
            dataset.FrameOfReferenceUID = uid("frame", frame or study)
            dataset.PatientID, dataset.PatientName = subject, f"Name^{subject}"
            dataset.PatientBirthDate, dataset.PatientSex = "19500101", "F"
            dataset.StudyDate = dataset.SeriesDate = date
            dataset.Modality = modality
            dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
            dataset.SeriesDescription = folder
            dataset.InstanceNumber = k + 1
            dataset.ImagePositionPatient = [float(x) for x in origin + normal * step_mm * k]
            dataset.ImageOrientationPatient = list(orientation)
            dataset.PixelSpacing = list(pixel_spacing)
            dataset.SliceThickness = step_mm
            dataset.RescaleSlope = f"{slope(k) if callable(slope) else slope:.10g}"
            dataset.RescaleIntercept = intercept
            set_pixels(dataset, values[k])
            for keyword, value in (elements or {}).items():
                setattr(dataset, keyword, value)
            if change:
                change(k, dataset)
            for keyword in without:
                del dataset[keyword]
            path = self.root / folder / name.format(k=order(k))
            save(dataset, path, syntax, bare=bare)
            paths.append(path)
        return paths

    def object(
        self,
        modality: str,
        folder: str | None = None,
        *,
        subject: str = "P1",
        date: str = "20200106",
        study: str | None = None,
        series: str | None = None,
        frame: str | None = None,
        refers_to: Path | None = None,
    ) -> Path:
        """An RT, SEG or REG object with little but what it refers to.

        ``refers_to`` is a file of the series (RTSTRUCT, SEG, REG), structure set (RTPLAN) or
        plan (RTDOSE, RTRECORD).
        """
        dataset = Dataset()
        dataset.SOPClassUID = OBJECT_CLASSES[modality]
        dataset.SOPInstanceUID = uid(modality, subject, date, folder, "instance")
        dataset.StudyInstanceUID = uid(study or f"{subject} {date}")
        dataset.SeriesInstanceUID = uid(subject, date, series or folder, modality)
        dataset.PatientID, dataset.PatientName = subject, f"Name^{subject}"
        dataset.StudyDate = date
        dataset.Modality = modality
        if frame:
            dataset.FrameOfReferenceUID = uid("frame", frame)
        if refers_to is not None:
            _refer(dataset, modality, pydicom.dcmread(refers_to, stop_before_pixels=True))
        path = self.root / (folder or modality) / f"{modality}.dcm"
        save(dataset, path, ExplicitVRLittleEndian)
        return path


def default_stored(slices: int, shape: tuple[int, int]) -> np.ndarray:
    """Values that differ in every voxel: 1000 + 100 k + 10 j + i."""
    k, j, i = np.indices((slices, *shape))
    return 1000 + 100 * k + 10 * j + i


def set_pixels(dataset: Dataset, image: np.ndarray) -> None:
    """Put a monochrome image of an integer type into a dataset."""
    dataset.Rows, dataset.Columns = image.shape[-2:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8 * image.dtype.itemsize
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(image.dtype.kind == "i")
    data = image.tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OW" if image.dtype.itemsize > 1 else "OB"


def save(dataset: Dataset, path: Path, syntax: str, *, bare: bool = False) -> None:
    """Write a dataset as a file, compressed by pydicom where the syntax asks for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    file = FileDataset(path, dataset, file_meta=meta, preamble=b"\0" * 128)
    if meta.TransferSyntaxUID.is_compressed and meta.TransferSyntaxUID.is_encapsulated:
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        file.compress(syntax, generate_instance_uid=False)
    if bare:
        pydicom.dcmwrite(
            path,
            dataset,
            implicit_vr=meta.TransferSyntaxUID.is_implicit_VR,
            little_endian=True,
            enforce_file_format=False,
        )
        return
    if not meta.TransferSyntaxUID.is_little_endian and dataset.BitsAllocated == 16:
        file.PixelData = np.frombuffer(dataset.PixelData, "<u2").byteswap().tobytes()
    pydicom.dcmwrite(path, file, enforce_file_format=True)


def _refer(dataset: Dataset, modality: str, to: Dataset) -> None:
    reference = Dataset()
    reference.ReferencedSOPClassUID = to.SOPClassUID
    reference.ReferencedSOPInstanceUID = to.SOPInstanceUID
    if modality == "RTPLAN":
        dataset.ReferencedStructureSetSequence = DicomSequence([reference])
    elif modality in ("RTDOSE", "RTRECORD"):
        dataset.ReferencedRTPlanSequence = DicomSequence([reference])
    elif modality == "RTSTRUCT":
        series, study, frame = Dataset(), Dataset(), Dataset()
        series.SeriesInstanceUID = to.SeriesInstanceUID
        series.ContourImageSequence = DicomSequence([reference])
        study.RTReferencedSeriesSequence = DicomSequence([series])
        frame.FrameOfReferenceUID = to.FrameOfReferenceUID
        frame.RTReferencedStudySequence = DicomSequence([study])
        dataset.ReferencedFrameOfReferenceSequence = DicomSequence([frame])
    else:
        series = Dataset()
        series.SeriesInstanceUID = to.SeriesInstanceUID
        series.ReferencedInstanceSequence = DicomSequence([reference])
        dataset.ReferencedSeriesSequence = DicomSequence([series])


@pytest.fixture
def dicom(tmp_path: Path) -> DicomWriter:
    """Writes DICOM below ``tmp_path / "tree"``."""
    root = tmp_path / "tree"
    root.mkdir()
    return DicomWriter(root)


@pytest.fixture
def headers(dicom: DicomWriter) -> list[pydicom.Dataset]:
    """Of a CT of 20 columns, 24 rows and 6 slices, without pixels."""
    paths = dicom.ct(slices=6, shape=(24, 20))
    found = [pydicom.dcmread(path, stop_before_pixels=True) for path in paths]
    return sorted(found, key=lambda header: float(header.ImagePositionPatient[2]))


@pytest.fixture
def grid(headers: list[pydicom.Dataset]) -> Grid:
    """The grid of that CT."""
    first, second = (np.array(h.ImagePositionPatient, dtype=float) for h in headers[:2])
    affine = np.eye(4)
    affine[0, 0], affine[1, 1] = headers[0].PixelSpacing[1], headers[0].PixelSpacing[0]
    affine[:3, 2], affine[:3, 3] = second - first, first
    return Grid((20, 24, 6), affine, str(headers[0].FrameOfReferenceUID))


@pytest.fixture
def rtstruct_file(tmp_path: Path) -> Path:
    """An RTSTRUCT of two ROIs of three squares each."""
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = OBJECT_CLASSES["RTSTRUCT"], uid("rs")
    made.Modality, made.PatientID, made.FrameOfReferenceUID = "RTSTRUCT", "P1", "1.2.3.4"
    made.PatientName = "Name^P1"
    rois, contours = [], []
    for number in (1, 2):
        roi, drawn = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName = number, f"GTV {number}"
        roi.ReferencedFrameOfReferenceUID = "1.2.3.4"
        drawn.ReferencedROINumber = number
        drawn.ContourSequence = DicomSequence()
        for z in (0, 3, 6):
            square = Dataset()
            square.ContourGeometricType, square.NumberOfContourPoints = "CLOSED_PLANAR", 4
            square.ContourData = [2, 2, z, 8, 2, z, 8, 8, z, 2, 8, z]
            drawn.ContourSequence.append(square)
        rois.append(roi)
        contours.append(drawn)
    made.StructureSetROISequence = DicomSequence(rois)
    made.ROIContourSequence = DicomSequence(contours)
    path = tmp_path / "rs.dcm"
    save(made, path, ExplicitVRLittleEndian)
    return path


@pytest.fixture
def seg_file(dicom: DicomWriter, tmp_path: Path) -> Path:
    """A binary SEG of one lesion on three slices of a small CT."""
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in dicom.ct("for seg")]
    affine = np.diag([1.5, 2.0, 3.0, 1.0])
    affine[:3, 3] = headers[0].ImagePositionPatient
    grid = Grid((7, 5, 6), affine, str(headers[0].FrameOfReferenceUID))
    drawn = np.zeros(grid.shape, dtype=bool)
    drawn[2:5, 1:4, 1:4] = True
    return write_seg(
        tmp_path / "seg.dcm", [SegSegment("L1", Mask.of(drawn, grid), "2.25.1")], headers
    )
