"""RTPLAN: what was prescribed and planned, and what a treatment record says was delivered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from imaging.errors import HeaderError, InputError

PLAN_MODALITY = "RTPLAN"
RECORD_MODALITY = "RTRECORD"
#: Dose Reference Type (300A,0020) of what is to be treated, as opposed to spared.
TARGET_TYPE = "TARGET"
#: Treatment Termination Status and Delivery Type that count as one delivered fraction.
DELIVERED_STATUS = ("NORMAL", "")
TREATMENT_TYPE = ("TREATMENT", "")


@dataclass(frozen=True, slots=True)
class Plan:
    """A treatment plan.

    Attributes:
        prescription_gy: the highest dose prescribed to a target, None when the plan names none.
        fractions: planned; None when the plan names none.
        delivered: fractions that treatment records confirm, None without records.
        target_rois: numbers of the ROIs that a TARGET dose reference names.
        beams: number of treatment beams, to tell a complete set of BEAM doses.
        date: of the plan, as text YYYYMMDD.
    """

    sop_instance_uid: str
    label: str
    prescription_gy: float | None
    fractions: int | None
    delivered: int | None = None
    target_rois: tuple[int, ...] = ()
    structure_set_uid: str = ""
    frame_of_reference_uid: str | None = None
    beams: int = 0
    intent: str = ""
    approval: str = ""
    date: str = ""
    source: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def given_fractions(self) -> int | None:
        """Delivered where records say so, else planned."""
        return self.fractions if self.delivered is None else self.delivered

    @property
    def prescription(self) -> str:
        """For a reader: "50 Gy in 5 fractions (planned, not confirmed)"."""
        dose = "unknown dose" if self.prescription_gy is None else f"{self.prescription_gy:g} Gy"
        count = "unknown" if self.fractions is None else str(self.fractions)
        if self.delivered is None:
            state = "planned, not confirmed"
        else:
            state = f"{self.delivered} delivered by record"
        return f"{dose} in {count} fractions ({state})"


def read_plan(path: Path) -> Plan:
    """Read an RTPLAN file."""
    return plan(_dataset(path), source=path.name)


def _dataset(path: Path) -> Dataset:
    try:
        return pydicom.dcmread(path)
    except (InvalidDicomError, OSError) as error:
        raise InputError(f"not readable as DICOM: {error}", where=path) from error


def plan(dataset: Dataset, *, source: str = "") -> Plan:
    """The plan that a dataset holds."""
    if dataset.get("Modality") != PLAN_MODALITY:
        raise HeaderError(
            f"Modality (0008,0060) is {dataset.get('Modality')!r}, not RTPLAN", where=source
        )
    targets = [
        item
        for item in dataset.get("DoseReferenceSequence", ())
        if str(item.get("DoseReferenceType", "")) == TARGET_TYPE
    ]
    groups = list(dataset.get("FractionGroupSequence", ()))
    prescription, warnings = _prescription_gy(targets, groups)
    planned = [int(group.get("NumberOfFractionsPlanned") or 0) for group in groups]
    if len(groups) > 1:
        warnings += (f"{len(groups)} fraction groups: their fractions are added",)
    approval = str(dataset.get("ApprovalStatus", ""))
    structure_sets = dataset.get("ReferencedStructureSetSequence") or [Dataset()]
    frame_uid = dataset.get("FrameOfReferenceUID")
    return Plan(
        sop_instance_uid=str(dataset.get("SOPInstanceUID", "")),
        label=str(dataset.get("RTPlanLabel", "")),
        prescription_gy=prescription,
        fractions=sum(planned) or None,
        target_rois=tuple(
            int(item.ReferencedROINumber)
            for item in targets
            if item.get("ReferencedROINumber") is not None
        ),
        structure_set_uid=str(structure_sets[0].get("ReferencedSOPInstanceUID", "")),
        frame_of_reference_uid=str(frame_uid) if frame_uid else None,
        beams=_treatment_beams(dataset),
        intent=str(dataset.get("PlanIntent", "")),
        approval=approval,
        date=str(dataset.get("RTPlanDate", "")),
        source=source,
        warnings=warnings,
    )


def _prescription_gy(
    targets: Iterable[Dataset], groups: Iterable[Dataset]
) -> tuple[float | None, tuple[str, ...]]:
    """The highest prescription to a target; else the doses of the beams, with a remark."""
    prescribed = [
        float(item.TargetPrescriptionDose)
        for item in targets
        if item.get("TargetPrescriptionDose") is not None
    ]
    if prescribed:
        levels = sorted(set(prescribed), reverse=True)
        several = ", ".join(f"{level:g}" for level in levels)
        warnings = (f"several dose levels: {several} Gy",) if len(levels) > 1 else ()
        return levels[0], warnings
    by_group = [
        float(np.sum([float(beam.get("BeamDose") or 0) for beam in group.ReferencedBeamSequence]))
        * int(group.get("NumberOfFractionsPlanned") or 0)
        for group in groups
        if group.get("ReferencedBeamSequence")
    ]
    if sum(by_group) > 0:
        return sum(by_group), ("no prescription to a target: the sum of Beam Dose is taken",)
    return None, ("no prescription: neither Target Prescription Dose nor Beam Dose is given",)


def _treatment_beams(dataset: Dataset) -> int:
    beams = [*dataset.get("BeamSequence", ()), *dataset.get("IonBeamSequence", ())]
    return sum(str(beam.get("TreatmentDeliveryType", "")) in TREATMENT_TYPE for beam in beams)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one treatment record confirms: a fraction of a plan."""

    plan_uid: str
    fraction: int


def read_record(path: Path) -> tuple[Delivery, ...]:
    """The fractions that an RT Treatment Record says were delivered as planned."""
    dataset = _dataset(path)
    if dataset.get("Modality") != RECORD_MODALITY:
        raise HeaderError(
            f"Modality (0008,0060) is {dataset.get('Modality')!r}, not RTRECORD", where=path
        )
    plans = dataset.get("ReferencedRTPlanSequence")
    if not plans:
        raise HeaderError("the record names no plan (300C,0002)", where=path)
    uid = str(plans[0].ReferencedSOPInstanceUID)
    beams = [
        *dataset.get("TreatmentSessionBeamSequence", ()),
        *dataset.get("TreatmentSessionIonBeamSequence", ()),
    ]
    fractions = {
        int(beam.CurrentFractionNumber)
        for beam in beams
        if beam.get("CurrentFractionNumber") is not None
        and str(beam.get("TreatmentTerminationStatus", "")) in DELIVERED_STATUS
        and str(beam.get("TreatmentDeliveryType", "")) in TREATMENT_TYPE
    }
    return tuple(Delivery(uid, number) for number in sorted(fractions))


def confirmed(planned: Plan, deliveries: Iterable[Delivery]) -> Plan:
    """The plan with the number of different fractions that records confirm, if there are any."""
    fractions = {d.fraction for d in deliveries if d.plan_uid == planned.sop_instance_uid}
    if not fractions:
        return planned
    warnings = planned.warnings
    if planned.fractions is not None and len(fractions) != planned.fractions:
        warnings += (f"{len(fractions)} of {planned.fractions} fractions are recorded",)
    return replace(planned, delivered=len(fractions), warnings=warnings)
