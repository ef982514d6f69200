"""Small whole files, one of each kind that is read; ``fuzz.py`` damages them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from imaging.seg import SegSegment
from imaging.volume import Grid, Mask

AFFINE = np.diag([2.0, 2.0, 3.0, 1.0])
SHAPE = (8, 8, 6)


def uid(name: str) -> str:
    return str(generate_uid(entropy_srcs=["fuzz", name]))


def _begun(sop_class: str, modality: str, name: str) -> Dataset:
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = sop_class, uid(name)
    made.Modality, made.PatientID, made.PatientName = modality, "P1", "Name^P1"
    made.StudyDate, made.StudyInstanceUID = "20200106", uid("study")
    made.SeriesInstanceUID, made.FrameOfReferenceUID = uid(modality), uid("frame")
    return made


def file_bytes(made: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = made.SOPClassUID
    meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    with tempfile.NamedTemporaryFile(suffix=".dcm") as file:
        whole = FileDataset(file.name, made, file_meta=meta, preamble=b"\0" * 128)
        pydicom.dcmwrite(file.name, whole, enforce_file_format=True)
        return Path(file.name).read_bytes()


def _image(made: Dataset, stored: np.ndarray) -> None:
    made.Rows, made.Columns = stored.shape[-2:]
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = 8 * stored.itemsize
    made.HighBit, made.PixelRepresentation = made.BitsStored - 1, 0
    made.ImageOrientationPatient, made.PixelSpacing = [1, 0, 0, 0, 1, 0], [2, 2]
    made.PixelData = stored.tobytes()


def ct_slices() -> list[Dataset]:
    """A CT of eight columns, eight rows and six slices."""
    slices = []
    for k in range(SHAPE[2]):
        made = _begun("1.2.840.10008.5.1.4.1.1.2", "CT", f"ct{k}")
        made.ImageType, made.ImagePositionPatient = ["ORIGINAL", "PRIMARY", "AXIAL"], [0, 0, 3 * k]
        made.SliceThickness, made.RescaleSlope, made.RescaleIntercept = 3, 1, -1024
        _image(made, np.arange(64, dtype="<u2").reshape(8, 8) * 20)
        slices.append(made)
    return slices


def dose() -> bytes:
    made = _begun("1.2.840.10008.5.1.4.1.1.481.2", "RTDOSE", "dose")
    made.NumberOfFrames, made.ImagePositionPatient = 4, [0, 0, 0]
    _image(made, np.ones((4, 8, 8), dtype="<u4"))
    made.GridFrameOffsetVector, made.DoseGridScaling = [0, 3, 6, 9], "0.01"
    made.DoseUnits, made.DoseType, made.DoseSummationType = "GY", "PHYSICAL", "PLAN"
    plan = Dataset()
    plan.ReferencedSOPInstanceUID = uid("plan")
    made.ReferencedRTPlanSequence = [plan]
    return file_bytes(made)


def plan() -> bytes:
    made = _begun("1.2.840.10008.5.1.4.1.1.481.5", "RTPLAN", "plan")
    target, group, beam = Dataset(), Dataset(), Dataset()
    target.DoseReferenceType, target.TargetPrescriptionDose = "TARGET", "40"
    target.ReferencedROINumber = 1
    beam.ReferencedBeamNumber, beam.BeamDose = 1, "2"
    group.FractionGroupNumber, group.NumberOfFractionsPlanned = 1, 20
    group.ReferencedBeamSequence = [beam]
    made.DoseReferenceSequence, made.FractionGroupSequence = [target], [group]
    return file_bytes(made)


def registration() -> bytes:
    made = _begun("1.2.840.10008.5.1.4.1.1.66.1", "REG", "registration")
    step, matrices, item = Dataset(), Dataset(), Dataset()
    step.FrameOfReferenceTransformationMatrix = np.eye(4).ravel().tolist()
    matrices.MatrixSequence, item.FrameOfReferenceUID = [step], uid("other")
    item.MatrixRegistrationSequence = [matrices]
    made.RegistrationSequence = [item]
    return file_bytes(made)


def drawn(write: Callable[..., Path]) -> bytes:
    """One lesion as SEG or RTSTRUCT, by our own writer."""
    slices = ct_slices()
    grid = Grid(SHAPE, AFFINE, str(slices[0].FrameOfReferenceUID))
    full = np.zeros(SHAPE, dtype=bool)
    full[2:6, 2:6, 1:4] = True
    with tempfile.TemporaryDirectory() as folder:
        lesion = SegSegment("L1", Mask.of(full, grid), "2.25.1")
        return write(Path(folder) / "x.dcm", [lesion], slices).read_bytes()


def nifti() -> bytes:
    image = nibabel.Nifti1Image(np.ones(SHAPE, dtype=np.int16), AFFINE)
    image.set_sform(AFFINE, code=1)
    return bytes(image.to_bytes())


MEASUREMENT_HEADER = "subject,date,lesion,role,organ,nodal,status,diameter_mm,remark\n"


def measurement_table() -> bytes:
    """Three subjects at two dates; remarks hold commas, quotation marks and accents."""
    return (MEASUREMENT_HEADER + "".join(
        f'P{n},2024-0{month}-01,T{k},target,lung,no,measured,{20 + n + k},"a, ""b"" ä"\n'
        for n in range(3) for month in (1, 3) for k in range(2)
    )).encode()  # fmt: skip


def small_table(*lines: str) -> bytes:
    return ("\n".join(lines) + "\n").encode()
