"""RTPLAN: what was prescribed and planned, and what a treatment record says was delivered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pydicom.dataset import Dataset

from imaging.dataset import read_object, understood
from imaging.elements import decimal, name_of, whole
from imaging.errors import HeaderError

PLAN_MODALITY = "RTPLAN"
RECORD_MODALITY = "RTRECORD"
#: Dose Reference Type (300A,0020) of what is to be treated, as opposed to spared.
TARGET_TYPE = "TARGET"
#: Treatment Termination Status and Delivery Type that count as one delivered fraction.
DELIVERED_STATUS = ("NORMAL", "")
TREATMENT_TYPE = ("TREATMENT", "")
#: The highest prescriptions in use (seeds of the prostate 145-160 Gy, NCRP 155) lie below this;
#: what lies above is in another unit.
LARGEST_PRESCRIPTION_GY = 200.0
#: More fractions than any course has (hyperfractionated courses reach 70).
MOST_FRACTIONS = 100


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
    study_uid: str = ""
    beams: int = 0
    intent: str = ""
    approval: str = ""
    date: str = ""
    source: str = ""
    warnings: tuple[str, ...] = ()

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
    with understood(path, "RTPLAN"):
        return plan(read_object(path), source=path.name)


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
    groups, warnings = _treatment_groups(dataset)
    prescription, remarks = _prescription_gy(targets, groups)
    warnings += remarks
    planned = [_planned(group) for group in groups]
    if None in planned:
        warnings += (f"{name_of('NumberOfFractionsPlanned')} is no number of fractions: not used",)
    fractions = sum(count or 0 for count in planned) or None
    if len(groups) > 1:
        warnings += (f"{len(groups)} fraction groups: their fractions are added",)
    approval = str(dataset.get("ApprovalStatus", ""))
    structure_sets = dataset.get("ReferencedStructureSetSequence") or [Dataset()]
    frame_uid = dataset.get("FrameOfReferenceUID")
    return Plan(
        sop_instance_uid=str(dataset.get("SOPInstanceUID", "")),
        label=str(dataset.get("RTPlanLabel", "")),
        prescription_gy=prescription,
        fractions=None if None in planned else fractions,
        target_rois=tuple(
            number
            for item in targets
            if (number := whole(item, "ReferencedROINumber", where=source)) is not None
        ),
        structure_set_uid=str(structure_sets[0].get("ReferencedSOPInstanceUID", "")),
        frame_of_reference_uid=str(frame_uid) if frame_uid else None,
        study_uid=str(dataset.get("StudyInstanceUID", "")),
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
    prescribed: list[float] = []
    refused: list[str] = []
    for item in targets:
        dose_gy = _number(item, "TargetPrescriptionDose", refused)
        if dose_gy is not None and 0 < dose_gy <= LARGEST_PRESCRIPTION_GY:
            prescribed.append(dose_gy)
        elif dose_gy is not None:
            unit = ", probably cGy" if dose_gy > LARGEST_PRESCRIPTION_GY else ""
            refused.append(f"{name_of('TargetPrescriptionDose')} is {dose_gy:g} Gy{unit}: not used")
    if refused:  # one that is wrong puts the others in doubt
        return None, tuple(dict.fromkeys(refused))
    if prescribed:
        levels = sorted(set(prescribed), reverse=True)
        several = ", ".join(f"{level:g}" for level in levels)
        warnings = (f"several dose levels: {several} Gy",) if len(levels) > 1 else ()
        return levels[0], warnings
    total = 0.0
    for group in groups:
        beams = [_number(b, "BeamDose", refused) for b in group.get("ReferencedBeamSequence", ())]
        total += sum(dose_gy or 0.0 for dose_gy in beams) * (_planned(group) or 0)
    if 0 < total <= LARGEST_PRESCRIPTION_GY and not refused:
        return total, ("no prescription to a target: the sum of Beam Dose is taken",)
    if total or refused:
        return None, (f"{name_of('BeamDose')} adds up to {total:g} Gy: not used",)
    return None, ("no prescription: neither Target Prescription Dose nor Beam Dose is given",)


def _number(item: Dataset, keyword: str, refused: list[str]) -> float | None:
    """A number of an item; one that is none is named among the refused."""
    try:
        return decimal(item, keyword)
    except HeaderError as error:
        refused.append(f"{error.what}: not used")
        return None


def _planned(group: Dataset) -> int | None:
    """Fractions of a group, 0 when not given; None when what is given is no number of fractions."""
    try:
        count = whole(group, "NumberOfFractionsPlanned") or 0
    except HeaderError:
        return None
    return count if 0 <= count <= MOST_FRACTIONS else None


def _treatment_groups(dataset: Dataset) -> tuple[list[Dataset], tuple[str, ...]]:
    """The fraction groups that treat; those of portal images or of set-up beams are left out.

    A group treats when it has brachy application setups, or a beam that is not of another kind than
    treatment and carries dose; where no beam of any group carries dose, one with monitor units, and
    where none has those, one that is said to treat. Where no group tells, all are taken.
    """
    groups = list(dataset.get("FractionGroupSequence", ()))
    beams = [*dataset.get("BeamSequence", ()), *dataset.get("IonBeamSequence", ())]
    kinds = {
        number: str(beam.get("TreatmentDeliveryType", ""))
        for beam in beams
        if (number := whole(beam, "BeamNumber")) is not None
    }
    treating: list[Dataset] = []
    for told in (_has("BeamDose"), _has("BeamMeterset"), lambda kind, _: kind is not None):
        treating = [group for group in groups if _treats(group, kinds, told)]
        if any(group.get("ReferencedBeamSequence") for group in treating):
            break
    if not treating or len(treating) == len(groups):
        return groups, ()
    left = [group for group in groups if group not in treating]
    numbers = ", ".join(str(group.get("FractionGroupNumber", "?")) for group in left)
    what = f"fraction group {numbers} holds no treatment beam (portal images?): not added"
    return treating, (what,)


def _treats(
    group: Dataset, kinds: Mapping[int, str], told: Callable[[str | None, Dataset], bool]
) -> bool:
    """Whether a group has brachytherapy, or a beam for treatment of which something else is told.

    Args:
        kinds: Treatment Delivery Type of each beam of the plan.
        told: what must hold of the kind of a beam (None: the plan has no such beam) and of the
            reference to it.
    """
    if group.get("ReferencedBrachyApplicationSetupSequence"):
        return True
    for beam in group.get("ReferencedBeamSequence", ()):
        kind = kinds.get(whole(beam, "ReferencedBeamNumber") or 0)
        if kind in (None, *TREATMENT_TYPE) and told(kind, beam):
            return True
    return False


def _has(keyword: str) -> Callable[[str | None, Dataset], bool]:
    return lambda _, beam: (_number(beam, keyword, []) or 0.0) > 0


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
    with understood(path, "RT Treatment Record"):
        return _deliveries(read_object(path), path)


def _deliveries(dataset: Dataset, path: Path) -> tuple[Delivery, ...]:
    if dataset.get("Modality") != RECORD_MODALITY:
        raise HeaderError(
            f"Modality (0008,0060) is {dataset.get('Modality')!r}, not RTRECORD", where=path
        )
    plans = dataset.get("ReferencedRTPlanSequence")
    if not plans:
        raise HeaderError("the record names no plan (300C,0002)", where=path)
    uid = str(plans[0].get("ReferencedSOPInstanceUID", ""))
    beams = [
        *dataset.get("TreatmentSessionBeamSequence", ()),
        *dataset.get("TreatmentSessionIonBeamSequence", ()),
    ]
    fractions = {
        number
        for beam in beams
        if (number := whole(beam, "CurrentFractionNumber", where=str(path))) is not None
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
