"""Writing the lesions as RTSTRUCT at each date, and the plan and dose of the treated lesion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import contourpy
import numpy as np
from pydicom import Dataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    RTDoseStorage,
    RTPlanStorage,
    RTStructureSetStorage,
)

from imaging.volume import FloatArray, Volume
from recist.phantom.dicom import Session, begin, decimal, save
from recist.phantom.lesions import FRACTIONS, PRESCRIPTION_GY
from recist.phantom.solids import Canvas, Solid

#: Gantry angles of the beams of the plan; beams say how it would be given, not what was computed.
GANTRY_DEG = (180.0, 240.0, 300.0)
_STUDY_COMPONENT = UID("1.2.840.10008.3.1.2.3.1")  # retired, and what every planning system writes


@dataclass(frozen=True, slots=True)
class Region:
    """A region of interest: its name, interpreted type and shape."""

    name: str
    type: str
    solid: Solid


def write_structures(
    canvas: Canvas,
    regions: tuple[Region, ...],
    session: Session,
    ct_uids: tuple[UID, ...],
    path: Path,
) -> UID:
    """An RTSTRUCT whose contours hold just the voxel centres that lie in each solid."""
    ds = begin(session, RTStructureSetStorage, "RTSTRUCT", 4)
    ds.SeriesDescription = "Structures"
    ds.StructureSetLabel = f"PHANTOM_{session.index + 1}"
    ds.StructureSetDate, ds.StructureSetTime = ds.StudyDate, "110000"
    ds.FrameOfReferenceUID = session.frame_of_reference_uid
    ds.PositionReferenceIndicator = ""
    ds.ApprovalStatus = "UNAPPROVED"
    ds.ReferencedFrameOfReferenceSequence = [_frame(session, ct_uids)]
    ds.StructureSetROISequence = [_roi(n, region, session) for n, region in _numbered(regions)]
    ds.ROIContourSequence = [
        _contours(n, region, canvas, ct_uids) for n, region in _numbered(regions)
    ]
    ds.RTROIObservationsSequence = [_observation(n, region) for n, region in _numbered(regions)]
    save(ds, path)
    return UID(ds.SOPInstanceUID)


def write_plan(session: Session, structures_uid: UID, path: Path) -> UID:
    """Three fractions of 15 Gy to the target volume."""
    ds = begin(session, RTPlanStorage, "RTPLAN", 5)
    ds.SeriesDescription = "Plan"
    ds.RTPlanLabel = "SBRT_LUNG"
    ds.RTPlanDate, ds.RTPlanTime = ds.StudyDate, "120000"
    ds.RTPlanGeometry = "PATIENT"
    ds.PlanIntent = "CURATIVE"
    ds.ApprovalStatus = "UNAPPROVED"
    ds.FrameOfReferenceUID = session.frame_of_reference_uid
    ds.PositionReferenceIndicator = ""
    ds.ReferencedStructureSetSequence = [_reference(RTStructureSetStorage, structures_uid)]
    dose = Dataset()
    dose.DoseReferenceNumber = 1
    dose.DoseReferenceUID = session.uid("dose reference")
    dose.DoseReferenceStructureType = "VOLUME"
    dose.ReferencedROINumber = 1
    dose.DoseReferenceType = "TARGET"
    dose.DoseReferenceDescription = "PTV"
    dose.TargetPrescriptionDose = PRESCRIPTION_GY
    ds.DoseReferenceSequence = [dose]
    setup = Dataset()
    setup.PatientSetupNumber = 1
    setup.PatientPosition = "HFS"
    ds.PatientSetupSequence = [setup]
    ds.FractionGroupSequence = [_fractions()]
    ds.BeamSequence = [_beam(n, angle) for n, angle in enumerate(GANTRY_DEG, start=1)]
    save(ds, path)
    return UID(ds.SOPInstanceUID)


def write_dose(dose: Volume, session: Session, plan_uid: UID, path: Path) -> None:
    """The total dose of the plan on its own grid."""
    grid = dose.grid
    ds = begin(session, RTDoseStorage, "RTDOSE", 6)
    ds.SeriesDescription = "Dose"
    ds.InstanceNumber = 1
    ds.FrameOfReferenceUID = session.frame_of_reference_uid
    ds.PositionReferenceIndicator = ""
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.ImagePositionPatient = [decimal(value) for value in grid.origin_mm]
    ds.PixelSpacing = [grid.spacing_mm[1], grid.spacing_mm[0]]
    ds.SliceThickness = grid.spacing_mm[2]
    ds.NumberOfFrames = grid.shape[2]
    ds.FrameIncrementPointer = 0x3004000C
    ds.GridFrameOffsetVector = [decimal(k * grid.spacing_mm[2]) for k in range(grid.shape[2])]
    ds.DoseUnits, ds.DoseType, ds.DoseSummationType = "GY", "PHYSICAL", "PLAN"
    ds.TissueHeterogeneityCorrection = "IMAGE"
    scaling = decimal(float(dose.array.max()) / 65535 * 1.0001)
    ds.DoseGridScaling = scaling
    ds.ReferencedRTPlanSequence = [_reference(RTPlanStorage, plan_uid)]
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Columns, ds.Rows = grid.shape[:2]
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit = 15
    ds.PixelRepresentation = 0
    stored = np.rint(dose.array.T.astype(np.float64) / scaling).astype("<u2")
    ds.PixelData = np.ascontiguousarray(stored).tobytes()
    save(ds, path)


def _numbered(regions: tuple[Region, ...]) -> Iterator[tuple[int, Region]]:
    return iter(enumerate(regions, start=1))


def _reference(sop_class: UID, instance: UID) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, instance
    return item


def _frame(session: Session, ct_uids: tuple[UID, ...]) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = session.series_uid("CT")
    series.ContourImageSequence = [_reference(CTImageStorage, uid) for uid in ct_uids]
    study = _reference(_STUDY_COMPONENT, session.study_uid)
    study.RTReferencedSeriesSequence = [series]
    frame = Dataset()
    frame.FrameOfReferenceUID = session.frame_of_reference_uid
    frame.RTReferencedStudySequence = [study]
    return frame


def _roi(number: int, region: Region, session: Session) -> Dataset:
    item = Dataset()
    item.ROINumber = number
    item.ReferencedFrameOfReferenceUID = session.frame_of_reference_uid
    item.ROIName = region.name
    item.ROIGenerationAlgorithm = "MANUAL"
    return item


def _observation(number: int, region: Region) -> Dataset:
    item = Dataset()
    item.ObservationNumber = item.ReferencedROINumber = number
    item.RTROIInterpretedType = region.type
    item.ROIInterpreter = ""
    return item


def _contours(number: int, region: Region, canvas: Canvas, ct_uids: tuple[UID, ...]) -> Dataset:
    item = Dataset()
    item.ReferencedROINumber = number
    item.ROIDisplayColor = [220, 60, 60] if region.type == "GTV" else [60, 120, 220]
    item.ContourSequence = []
    for k, outline in outlines(canvas, region.solid):
        contour = Dataset()
        contour.ContourImageSequence = [_reference(CTImageStorage, ct_uids[k])]
        contour.ContourGeometricType = "CLOSED_PLANAR"
        contour.NumberOfContourPoints = len(outline)
        contour.ContourData = [f"{value:.3f}" for value in outline.ravel()]
        item.ContourSequence.append(contour)
    return item


def outlines(canvas: Canvas, solid: Solid) -> Iterator[tuple[int, FloatArray]]:
    """Closed contours of a solid on each slice: (k, points (n, 3) in LPS mm).

    They are drawn where the distance crosses zero between voxel centres, so a voxel centre lies
    within a contour exactly when it lies within the solid.
    """
    box = canvas.box(solid)
    distance = canvas.distance(solid, box)
    k0, j0, i0 = (part.start or 0 for part in box)
    for k, plane in enumerate(distance):
        if not (plane < 0).any():
            continue
        for line in contourpy.contour_generator(z=plane).lines(0.0):
            points = np.asarray(line)[:-1] + np.array([i0, j0])
            at = np.column_stack([points, np.full(len(points), k0 + k)])
            yield k0 + k, canvas.grid.to_world_mm(at)


def _fractions() -> Dataset:
    group = Dataset()
    group.FractionGroupNumber = 1
    group.NumberOfFractionsPlanned = FRACTIONS
    group.NumberOfBeams = len(GANTRY_DEG)
    group.NumberOfBrachyApplicationSetups = 0
    group.ReferencedBeamSequence = []
    for number in range(1, len(GANTRY_DEG) + 1):
        beam = Dataset()
        beam.ReferencedBeamNumber = number
        beam.BeamDose = decimal(PRESCRIPTION_GY / FRACTIONS / len(GANTRY_DEG))
        beam.BeamMeterset = 600.0
        group.ReferencedBeamSequence.append(beam)
    target = Dataset()
    target.ReferencedDoseReferenceNumber = 1
    target.TargetPrescriptionDose = PRESCRIPTION_GY
    group.ReferencedDoseReferenceSequence = [target]
    return group


def _beam(number: int, gantry_deg: float) -> Dataset:
    beam = Dataset()
    beam.BeamNumber, beam.BeamName = number, f"Beam {number}"
    beam.BeamType, beam.RadiationType = "STATIC", "PHOTON"
    beam.TreatmentMachineName = "PHANTOM"
    beam.TreatmentDeliveryType = "TREATMENT"
    beam.PrimaryDosimeterUnit = "MU"
    beam.SourceAxisDistance = 1000.0
    beam.NumberOfWedges = beam.NumberOfCompensators = beam.NumberOfBoli = beam.NumberOfBlocks = 0
    jaws = []
    for axis in ("X", "Y"):
        jaw = Dataset()
        jaw.RTBeamLimitingDeviceType, jaw.NumberOfLeafJawPairs = axis, 1
        jaws.append(jaw)
    beam.BeamLimitingDeviceSequence = jaws
    beam.FinalCumulativeMetersetWeight = 1.0
    beam.ReferencedPatientSetupNumber = 1
    beam.NumberOfControlPoints = 2
    beam.ControlPointSequence = [_first_point(gantry_deg), _last_point()]
    return beam


def _first_point(gantry_deg: float) -> Dataset:
    point = Dataset()
    point.ControlPointIndex = 0
    point.CumulativeMetersetWeight = 0.0
    point.NominalBeamEnergy = 6
    positions = []
    for axis in ("X", "Y"):
        jaw = Dataset()
        jaw.RTBeamLimitingDeviceType, jaw.LeafJawPositions = axis, [-28.0, 28.0]
        positions.append(jaw)
    point.BeamLimitingDevicePositionSequence = positions
    point.GantryAngle, point.GantryRotationDirection = gantry_deg, "NONE"
    point.BeamLimitingDeviceAngle, point.BeamLimitingDeviceRotationDirection = 0.0, "NONE"
    point.PatientSupportAngle, point.PatientSupportRotationDirection = 0.0, "NONE"
    point.TableTopEccentricAngle, point.TableTopEccentricRotationDirection = 0.0, "NONE"
    point.TableTopVerticalPosition = point.TableTopLongitudinalPosition = None
    point.TableTopLateralPosition = None
    point.IsocenterPosition = [-76.0, 6.0, 40.0]
    return point


def _last_point() -> Dataset:
    point = Dataset()
    point.ControlPointIndex = 1
    point.CumulativeMetersetWeight = 1.0
    return point
