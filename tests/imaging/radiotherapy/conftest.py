"""Contours, doses and plans made in code, as datasets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import ExplicitVRLittleEndian

from imaging.contours import Contour, ContourKind, Roi

FRAME = "1.2.3.4"


def items(*datasets: Dataset) -> DicomSequence:
    return DicomSequence(datasets)


def dataset(**elements: Any) -> Dataset:
    made = Dataset()
    for name, value in elements.items():
        if value is not None:
            setattr(made, name, value)
    return made


@pytest.fixture
def sphere() -> Callable[..., Roi]:
    """A sphere drawn on slices ``dz`` apart, 360 vertices each."""

    def build(radius: float, dz: float, centre: Sequence[float] = (0.0, 0.0, 0.0)) -> Roi:
        turn = np.linspace(0.0, 2.0 * np.pi, 360, endpoint=False)
        contours = []
        for z in np.arange(-40, 41) * dz:
            square = radius**2 - (z - centre[2]) ** 2
            if square > 1e-9:
                x = centre[0] + np.sqrt(square) * np.cos(turn)
                y = centre[1] + np.sqrt(square) * np.sin(turn)
                points = np.column_stack([x, y, np.full_like(x, z)])
                contours.append(Contour(ContourKind.CLOSED_PLANAR, points))
        return Roi(1, "sphere", "GTV", tuple(contours), FRAME)

    return build


@pytest.fixture
def rtstruct() -> Callable[..., Dataset]:
    """An RTSTRUCT; each ROI is (name, type, contours), each contour points or (kind, points)."""

    def build(*rois: tuple[str, str, Sequence[Any]], frame: str | None = FRAME) -> Dataset:
        drawn, listed, observed = [], [], []
        for number, (name, kind, contours) in enumerate(rois, start=1):
            listed.append(
                dataset(ROINumber=number, ROIName=name, ReferencedFrameOfReferenceUID=frame)
            )
            observed.append(
                dataset(
                    ObservationNumber=number, ReferencedROINumber=number, RTROIInterpretedType=kind
                )
            )
            lines = []
            for contour in contours:
                geometry, points = (
                    contour if isinstance(contour, tuple) else ("CLOSED_PLANAR", contour)
                )
                values = [f"{value:.6g}" for value in np.asarray(points, dtype=float).ravel()]
                lines.append(
                    dataset(
                        ContourGeometricType=geometry,
                        NumberOfContourPoints=len(values) // 3,
                        ContourData=values,
                    )
                )
            drawn.append(dataset(ReferencedROINumber=number, ContourSequence=items(*lines)))
        return dataset(
            Modality="RTSTRUCT",
            SOPInstanceUID="1.2.3.5",
            StructureSetLabel="TEST",
            StructureSetROISequence=items(*listed),
            ROIContourSequence=items(*drawn),
            RTROIObservationsSequence=items(*observed),
        )

    return build


@pytest.fixture
def rtdose() -> Callable[..., Dataset]:
    """An RTDOSE of stored values (frames, rows, columns)."""

    def build(
        stored: np.ndarray,
        *,
        scaling: float | None = 0.01,
        spacing: tuple[float, float] = (2.0, 2.0),
        origin: Sequence[float] = (0.0, 0.0, 0.0),
        orientation: Sequence[float] = (1, 0, 0, 0, 1, 0),
        offsets: Sequence[float] | None = None,
        frame: str | None = FRAME,
        plan: str | None = "1.9.1",
        units: str = "GY",
        kind: str = "PHYSICAL",
        summation: str = "PLAN",
        beam: int | None = None,
    ) -> Dataset:
        stored = np.asarray(stored, dtype=np.uint32)
        made = dataset(
            Modality="RTDOSE",
            SOPClassUID="1.2.840.10008.5.1.4.1.1.481.2",
            SOPInstanceUID="1.2.3.6",
            FrameOfReferenceUID=frame,
            NumberOfFrames=len(stored),
            Rows=stored.shape[1],
            Columns=stored.shape[2],
            SamplesPerPixel=1,
            PhotometricInterpretation="MONOCHROME2",
            BitsAllocated=32,
            BitsStored=32,
            HighBit=31,
            PixelRepresentation=0,
            PixelSpacing=list(spacing),
            ImagePositionPatient=list(origin),
            ImageOrientationPatient=list(orientation),
            GridFrameOffsetVector=list(
                np.arange(len(stored)) * 2.0 if offsets is None else offsets
            ),
            DoseGridScaling=scaling,
            DoseUnits=units,
            DoseType=kind,
            DoseSummationType=summation,
            PixelData=stored.tobytes(),
        )
        made.file_meta = FileMetaDataset()
        made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        if plan is not None:
            reference = dataset(ReferencedSOPInstanceUID=plan)
            if beam is not None:
                beams = items(dataset(ReferencedBeamNumber=beam))
                reference.ReferencedFractionGroupSequence = items(
                    dataset(ReferencedFractionGroupNumber=1, ReferencedBeamSequence=beams)
                )
            made.ReferencedRTPlanSequence = items(reference)
        return made

    return build


@pytest.fixture
def rtplan() -> Callable[..., Dataset]:
    """An RTPLAN that prescribes to ROI 1."""

    def build(
        prescription: float | None = 45.0,
        fractions: int | None = 3,
        *,
        uid: str = "1.9.1",
        beams: int = 0,
        beam_dose: float | None = None,
        target: int | None = 1,
        approval: str = "APPROVED",
        intent: str = "CURATIVE",
    ) -> Dataset:
        referenced = [
            dataset(ReferencedBeamNumber=n, BeamDose=beam_dose) for n in range(1, beams + 1)
        ]
        group = dataset(
            FractionGroupNumber=1,
            NumberOfFractionsPlanned=fractions,
            ReferencedBeamSequence=items(*referenced) if referenced else None,
        )
        reference = dataset(
            DoseReferenceNumber=1,
            DoseReferenceType="TARGET",
            DoseReferenceStructureType="VOLUME",
            ReferencedROINumber=target,
            TargetPrescriptionDose=prescription,
        )
        delivered = [
            dataset(BeamNumber=n, TreatmentDeliveryType="TREATMENT") for n in range(1, beams + 1)
        ]
        return dataset(
            Modality="RTPLAN",
            SOPInstanceUID=uid,
            RTPlanLabel="SBRT",
            ApprovalStatus=approval,
            PlanIntent=intent,
            FrameOfReferenceUID=FRAME,
            DoseReferenceSequence=items(reference),
            FractionGroupSequence=items(group),
            BeamSequence=items(*delivered) if delivered else None,
            ReferencedStructureSetSequence=items(dataset(ReferencedSOPInstanceUID="1.2.3.5")),
        )

    return build
