"""Writing CT and PET series as valid DICOM, with all that an uptake value needs."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    ExplicitVRLittleEndian,
    PositronEmissionTomographyImageStorage,
    generate_uid,
)

from imaging.volume import Array, Grid, Volume
from recist.phantom.lesions import SUBJECT

WEIGHT_KG = (74.0, 72.5, 71.0)
HEIGHT_M = 1.71
INJECTED_BQ = (296.0e6, 288.0e6, 301.0e6)
#: NIST half-life of fluorine-18 and its positron share.
F18_HALF_LIFE_S = 6586.2
F18_POSITRON_FRACTION = 0.9673
UPTAKE_MINUTES = (62, 58, 65)
SCAN_START = dt.time(10, 30, 0)


@dataclass(frozen=True, slots=True)
class Session:
    """What every file of one date shares.

    UIDs follow from the seed, so two runs write the same bytes.
    """

    seed: int
    index: int
    date: dt.date
    subject: str = SUBJECT

    def uid(self, *what: object) -> UID:
        return generate_uid(entropy_srcs=["recist phantom", str(self.seed), *map(str, what)])

    @property
    def frame_of_reference_uid(self) -> UID:
        return self.uid("frame", self.index)

    @property
    def study_uid(self) -> UID:
        return self.uid("study", self.index)

    def instance_uid(self, modality: str, k: int = 0) -> UID:
        return self.uid(modality, self.index, "instance", k)

    def series_uid(self, modality: str) -> UID:
        return self.uid(modality, self.index, "series")


def begin(session: Session, sop_class: UID, modality: str, number: int, k: int = 0) -> Dataset:
    """A data set with patient, study, series and equipment; the image parts are added to it."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = sop_class
    ds.file_meta.MediaStorageSOPInstanceUID = session.instance_uid(modality, k)
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = sop_class
    ds.SOPInstanceUID = session.instance_uid(modality, k)
    ds.PatientName = "Phantom^Chest"
    ds.PatientID = session.subject
    ds.PatientBirthDate = "19620514"
    ds.PatientSex = "F"
    ds.StudyInstanceUID = session.study_uid
    ds.StudyDate = session.date.strftime("%Y%m%d")
    ds.StudyTime = "100000"
    ds.StudyID = str(session.index + 1)
    ds.StudyDescription = "PET/CT chest (phantom)"
    ds.AccessionNumber = ""
    ds.ReferringPhysicianName = ""
    ds.OperatorsName = ""
    ds.Modality = modality
    ds.SeriesInstanceUID = session.series_uid(modality)
    ds.SeriesNumber = number
    ds.SeriesDate = ds.StudyDate
    ds.SeriesTime = SCAN_START.strftime("%H%M%S")
    ds.Manufacturer = "recist phantom"
    ds.ManufacturerModelName = "Phantom"
    ds.DeviceSerialNumber = "1"
    ds.SoftwareVersions = "1"
    return ds


def save(ds: Dataset, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)


def code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def decimal(number: float) -> float:
    """A number that fits a decimal string of 16 characters."""
    return float(f"{number:.9g}")


def _place(ds: Dataset, session: Session, grid: Grid, k: int) -> None:
    """Image Plane, Frame of Reference and General Image of an axial slice."""
    ds.FrameOfReferenceUID = session.frame_of_reference_uid
    ds.PositionReferenceIndicator = ""
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    position = grid.to_world_mm((0, 0, k))
    ds.ImagePositionPatient = [decimal(value) for value in position]
    ds.SliceLocation = decimal(position[2])
    ds.PixelSpacing = [grid.spacing_mm[1], grid.spacing_mm[0]]
    ds.SliceThickness = grid.spacing_mm[2]
    ds.InstanceNumber = k + 1
    ds.AcquisitionNumber = 1
    ds.AcquisitionDate = ds.ContentDate = ds.StudyDate
    ds.ContentTime = ds.SeriesTime
    ds.InstanceCreationDate, ds.InstanceCreationTime = ds.StudyDate, ds.SeriesTime


def _pixels(ds: Dataset, stored: Array, *, signed: bool, bits: int) -> None:
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = stored.shape
    ds.BitsAllocated = 16
    ds.BitsStored = bits
    ds.HighBit = bits - 1
    ds.PixelRepresentation = int(signed)
    ds.PixelData = np.ascontiguousarray(stored).tobytes()


def write_ct(volume: Volume, session: Session, folder: Path) -> tuple[Dataset, ...]:
    """One file per slice; what was written, in slice order."""
    written = []
    for k in range(volume.grid.shape[2]):
        ds = begin(session, CTImageStorage, "CT", 2, k)
        ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        ds.SeriesDescription = "CT low dose 3 mm"
        ds.BodyPartExamined = "CHEST"
        ds.KVP = 120
        ds.XRayTubeCurrent = 60
        ds.ConvolutionKernel = "SOFT"
        ds.AcquisitionTime = "102500"
        _place(ds, session, volume.grid, k)
        ds.PatientPosition = "HFS"  # in PET, a code sequence says it
        ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = -1024, 1, "HU"
        ds.WindowCenter, ds.WindowWidth = 40, 400
        _pixels(ds, (volume.array[:, :, k].T + 1024).astype("<u2"), signed=False, bits=12)
        save(ds, folder / f"ct_{k + 1:03d}.dcm")
        written.append(ds)
    return tuple(written)


def write_pet(suv: Volume, session: Session, folder: Path) -> None:
    """Activity in Bq/ml, decay-corrected to the start of the scan, with a slope per slice."""
    start = dt.datetime.combine(session.date, SCAN_START)
    injected = start - dt.timedelta(minutes=UPTAKE_MINUTES[session.index])
    decayed_bq = INJECTED_BQ[session.index] * 2 ** (
        -(start - injected).total_seconds() / F18_HALF_LIFE_S
    )
    bqml_per_suv = decayed_bq / (WEIGHT_KG[session.index] * 1000)
    slices = suv.grid.shape[2]
    for k in range(slices):
        activity = suv.array[:, :, k].T.astype(np.float64) * bqml_per_suv
        slope = decimal(max(float(activity.max()), 1.0) / 32767)
        ds = begin(session, PositronEmissionTomographyImageStorage, "PT", 3, k)
        ds.ImageType = ["ORIGINAL", "PRIMARY"]
        ds.SeriesDescription = "PET FDG attenuation corrected"
        ds.BodyPartExamined = "CHEST"
        ds.PatientWeight, ds.PatientSize = WEIGHT_KG[session.index], HEIGHT_M
        ds.AcquisitionTime = ds.SeriesTime
        _place(ds, session, suv.grid, k)
        _pet_header(ds, injected, slices, k)
        ds.RescaleIntercept, ds.RescaleSlope = 0, slope
        ds.WindowCenter, ds.WindowWidth = decimal(4 * bqml_per_suv), decimal(8 * bqml_per_suv)
        _pixels(ds, np.rint(activity / slope).astype("<i2"), signed=True, bits=16)
        save(ds, folder / f"pet_{k + 1:03d}.dcm")


def _pet_header(ds: Dataset, injected: dt.datetime, slices: int, k: int) -> None:
    ds.Units = "BQML"
    ds.CountsSource = "EMISSION"
    ds.SeriesType = ["WHOLE BODY", "IMAGE"]
    ds.CorrectedImage = ["NORM", "DTIM", "ATTN", "SCAT", "DECY", "RAN"]
    ds.DecayCorrection = "START"
    ds.AttenuationCorrectionMethod = "measured, CT"
    ds.ScatterCorrectionMethod = "model-based"
    ds.RandomsCorrectionMethod = "DLYD"
    ds.ReconstructionMethod = "OSEM"
    ds.CollimatorType = "NONE"
    ds.NumberOfSlices = slices
    ds.ImageIndex = k + 1
    ds.FrameReferenceTime = 0
    ds.ActualFrameDuration = 120000
    ds.DecayFactor = 1.0
    tracer: Any = Dataset()
    tracer.Radiopharmaceutical = "Fluorodeoxyglucose"
    tracer.RadiopharmaceuticalStartTime = injected.strftime("%H%M%S")
    tracer.RadiopharmaceuticalStartDateTime = injected.strftime("%Y%m%d%H%M%S")
    tracer.RadionuclideTotalDose = INJECTED_BQ[int(ds.StudyID) - 1]
    tracer.RadionuclideHalfLife = F18_HALF_LIFE_S
    tracer.RadionuclidePositronFraction = F18_POSITRON_FRACTION
    tracer.RadionuclideCodeSequence = [code("77004003", "SCT", "^18^Fluorine")]
    tracer.RadiopharmaceuticalCodeSequence = [code("35321007", "SCT", "Fluorodeoxyglucose F^18^")]
    ds.RadiopharmaceuticalInformationSequence = [tracer]
    ds.PatientOrientationCodeSequence = [code("102538003", "SCT", "recumbent")]
    ds.PatientOrientationCodeSequence[0].PatientOrientationModifierCodeSequence = [
        code("40199007", "SCT", "supine")
    ]
    ds.PatientGantryRelationshipCodeSequence = [code("102540008", "SCT", "headfirst")]
