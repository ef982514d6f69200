"""A radiotherapy treatment put together from its files: plans with their doses, and targets.

What is missing or cannot be used is a ``problem``: a field class must then stay unknown, and says
why. Nothing here raises for a single bad file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from imaging.contours import StructureSet, read_rtstruct
from imaging.dose import Dose, DoseKind, read_dose
from imaging.dvh import samples_of_mask
from imaging.errors import InputError
from imaging.fractionation import eqd2
from imaging.frames_of_reference import FrameMap, map_between, read_frame_maps
from imaging.plan import Delivery, Plan, confirmed, read_plan, read_record
from imaging.plan_doses import for_treatment, linked_doses, paired_doses, with_structures
from imaging.target_volumes import TargetVolume, target_volumes
from imaging.volume import FloatArray, Volume

T = TypeVar("T")

#: Points of a target volume at which its dose is looked up.
TARGET_SAMPLES = 2000

#: The maximum of a dose in prescriptions. Stereotactic doses reach 2 (a 50 % isodose); a field
#: that misses its target still gives most of the prescription somewhere.
LOWEST_MAXIMUM, HIGHEST_MAXIMUM = 0.5, 3.0
#: The share of a target that gets half the prescription at the least. A plan covers its target;
#: where most of it gets less, the dose does not lie where the target was drawn.
LOWEST_COVERED = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Irradiation:
    """One plan with its dose; or a dose whose plan is not known, or that sums several plans.

    Attributes:
        summed: the plans of a MULTI_PLAN dose.
        prescription_gy, fractions: as planned; None when not known.
        share: delivered over planned fractions where records tell, else 1.
    """

    label: str
    plan: Plan | None
    dose: Dose | None
    prescription_gy: float | None
    fractions: int | None
    share: float = 1.0
    summed: tuple[Plan, ...] = ()

    @property
    def given_gy(self) -> float | None:
        """The prescription for the fractions that were given."""
        return None if self.prescription_gy is None else self.prescription_gy * self.share

    @property
    def prescription(self) -> str:
        if self.plan is not None and self.plan.prescription_gy is not None:
            return self.plan.prescription
        if self.summed:
            return " + ".join(plan.prescription for plan in self.summed)
        if self.prescription_gy is None:
            return ""
        count = "" if self.fractions is None else f" in {self.fractions} fractions"
        return f"{self.prescription_gy:g} Gy{count} (as stated by the user)"

    def at_gy(self, points_mm: FloatArray) -> FloatArray:
        """Dose given at points (n, 3) LPS mm; NaN where it is unknown."""
        if self.dose is None:
            return np.full(len(points_mm), np.nan)
        return self.dose.at_gy(points_mm) * self.share

    def eqd2_gy(self, dose_gy: FloatArray, alpha_beta_gy: float) -> FloatArray | None:
        """EQD2 of doses of this irradiation; None when fractions are not known.

        An EFFECTIVE dose already carries its biological effect and is returned as it is.
        """
        if self.dose is not None and self.dose.kind is DoseKind.EFFECTIVE:
            return dose_gy
        given = None if self.fractions is None else round(self.fractions * self.share)
        return eqd2(dose_gy, given, alpha_beta_gy) if given else None


@dataclass(frozen=True, slots=True, eq=False)
class Treatment:
    """All that a patient's lesions received, as far as the files tell.

    Attributes:
        frame_of_reference_uid: of doses and targets; None when not known.
        problems: why a dose is missing or unusable; a class that needs it is unknown.
        warnings: what was left out or adapted.
        frame_maps: of the registration objects that came with it.
        unreadable: files that could not be read, each with the reason.
    """

    irradiations: tuple[Irradiation, ...]
    targets: tuple[TargetVolume, ...] = ()
    frame_of_reference_uid: str | None = None
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    frame_maps: tuple[FrameMap, ...] = ()
    unreadable: tuple[str, ...] = ()

    def from_frame(self, frame_uid: str | None) -> FrameMap | None:
        """The map from another frame of reference to the treatment's, if a registration tells."""
        if frame_uid is None or self.frame_of_reference_uid is None:
            return None
        return map_between(frame_uid, self.frame_of_reference_uid, self.frame_maps)

    @property
    def with_dose(self) -> tuple[Irradiation, ...]:
        return tuple(item for item in self.irradiations if item.dose is not None)

    @property
    def prescription(self) -> str:
        """All prescriptions, for a reader."""
        return "; ".join(item.prescription for item in self.irradiations if item.prescription)

    def at_gy(self, points_mm: FloatArray) -> FloatArray:
        """Cumulated physical dose at points (n, 3); NaN where any part is unknown."""
        return np.asarray(sum(item.at_gy(points_mm) for item in self.with_dose))


def read_treatment(
    rtdose_files: Sequence[Path],
    rtplan_files: Sequence[Path] = (),
    rtstruct_files: Sequence[Path] = (),
    *,
    record_files: Sequence[Path] = (),
    registration_files: Sequence[Path] = (),
    prescription_gy: float | None = None,
    fractions: int | None = None,
) -> Treatment:
    """Read and put together a treatment; unreadable files become problems that name them.

    Args:
        registration_files: Spatial Registration objects, for doses of other frames of reference.
        prescription_gy, fractions: stated by the user, for doses whose plan is not at hand.
    """
    problems: list[str] = []
    remarks: list[str] = []
    doses = _each(rtdose_files, read_dose, problems)
    plans = _each(rtplan_files, read_plan, problems)
    sets = _each(rtstruct_files, read_rtstruct, remarks)
    deliveries = [d for found in _each(record_files, read_record, remarks) for d in found]
    maps = [m for found in _each(registration_files, read_frame_maps, remarks) for m in found]
    unreadable = (*problems, *remarks)
    treatment = assemble(
        doses,
        plans,
        sets,
        deliveries=deliveries,
        frame_maps=maps,
        prescription_gy=prescription_gy,
        fractions=fractions,
        problems=problems,
        warnings=remarks,
    )
    return replace(treatment, unreadable=unreadable)


def _each(paths: Iterable[Path], read: Callable[[Path], T], errors: list[str]) -> list[T]:
    found = []
    for path in paths:
        try:
            found.append(read(path))
        except InputError as error:
            # By its name only: folders may be called after the patient, and this is printed.
            errors.append(str(InputError(error.what, where=path.name, remedy=error.remedy)))
    return found


def assemble(
    doses: Sequence[Dose],
    plans: Sequence[Plan] = (),
    structure_sets: Sequence[StructureSet] = (),
    *,
    deliveries: Sequence[Delivery] = (),
    frame_maps: Sequence[FrameMap] = (),
    prescription_gy: float | None = None,
    fractions: int | None = None,
    problems: Sequence[str] = (),
    warnings: Sequence[str] = (),
) -> Treatment:
    """A treatment from what was read; see :func:`read_treatment`."""
    troubles, warnings = list(problems), list(warnings)
    doses = linked_doses(doses, plans, warnings)
    plans, doses = for_treatment(plans, doses, warnings)
    plans = [confirmed(plan, deliveries) for plan in plans]
    irradiations: list[Irradiation] = []
    for plan, dose in paired_doses(doses, plans, troubles, warnings):
        if plan is not None:
            irradiations.append(_irradiation(plan, dose, prescription_gy, fractions, troubles))
        elif dose is not None:
            irradiations.append(_without_plan(dose, plans, prescription_gy, fractions, troubles))
    irradiations = [_believed(item, troubles) for item in irradiations]
    frame, usable = _one_frame(irradiations, frame_maps, troubles, warnings)
    plans = [with_structures(plan, structure_sets, warnings) for plan in plans]
    targets = tuple(target_volumes(structure_sets, plans, frame, warnings))
    if frame is None and targets:
        frame = targets[0].roi.frame_of_reference_uid
    usable = tuple(_at_its_target(item, targets, troubles) for item in usable)
    warnings += [w for plan in plans for w in (f"{plan.source}: {w}" for w in plan.warnings)]
    warnings += [w for dose in doses for w in (f"{dose.source}: {w}" for w in dose.warnings)]
    return Treatment(
        usable,
        targets,
        frame,
        tuple(dict.fromkeys(troubles)),
        tuple(dict.fromkeys(warnings)),
        tuple(frame_maps),
    )


def _believed(item: Irradiation, problems: list[str]) -> Irradiation:
    """The irradiation without its dose, where maximum and prescription contradict each other.

    A maximum far above the prescription is a dose in another unit or a wrong scaling; one far below
    is the dose of a fraction, of a boost, or a prescription in another unit.
    """
    dose, prescribed = item.dose, item.prescription_gy
    if dose is None or not prescribed or dose.kind is not DoseKind.PHYSICAL:
        return item
    highest = float(dose.volume.array.max())
    if LOWEST_MAXIMUM * prescribed <= highest <= HIGHEST_MAXIMUM * prescribed:
        return item
    problems.append(
        f"{dose.source}: its maximum of {highest:.4g} Gy does not go with the prescription of "
        f"{prescribed:g} Gy: dose not used, check units and scaling"
    )
    return replace(item, dose=None)


def _at_its_target(
    item: Irradiation, targets: Sequence[TargetVolume], problems: list[str]
) -> Irradiation:
    """The irradiation without its dose, where the volumes it was meant for do not get it.

    A grid at another place, of another spacing or turned over has the right maximum elsewhere. Of
    several target volumes the one that gets most tells: a plan need not treat all that were drawn.
    """
    dose, prescribed = item.dose, item.prescription_gy
    own = item.plan.target_rois if item.plan is not None else ()
    meant = [target for target in targets if target.prescribed and target.roi.number in own]
    meant = meant or [target for target in targets if target.bounds_field]
    if dose is None or not prescribed or not meant or dose.kind is not DoseKind.PHYSICAL:
        return item
    covered = {}
    for target in meant:
        samples = samples_of_mask(target.mask, samples=TARGET_SAMPLES)
        reached = dose.at_gy(samples.points_mm) >= LOWEST_MAXIMUM * prescribed
        covered[target.name] = float(np.average(reached, weights=samples.weights_mm3))
    best = max(covered, key=lambda name: covered[name])
    if covered[best] >= LOWEST_COVERED:
        return item
    problems.append(
        f"{dose.source}: {100 * covered[best]:.0f} % of target volume {best} gets half of the "
        f"prescription of {prescribed:g} Gy: dose not used, check place, spacing and orientation"
    )
    return replace(item, dose=None)


def _irradiation(
    plan: Plan,
    dose: Dose | None,
    prescription_gy: float | None,
    fractions: int | None,
    problems: list[str],
) -> Irradiation:
    prescribed = prescription_gy if plan.prescription_gy is None else plan.prescription_gy
    planned = fractions if plan.fractions is None else plan.fractions
    share = plan.delivered / planned if plan.delivered is not None and planned else 1.0
    if dose is None:
        problems.append(f"{plan.source}: a plan without dose")
    elif prescribed is None:
        problems.append(f"{plan.source}: the prescription is not known")
    return Irradiation(plan.label, plan, dose, prescribed, planned, share)


def _without_plan(
    dose: Dose,
    plans: Sequence[Plan],
    prescription_gy: float | None,
    fractions: int | None,
    problems: list[str],
) -> Irradiation:
    """A dose whose plan is not at hand, or the sum of several plans.

    Of a sum the highest prescription counts, and its fractions are unknown: EQD2 of a sum does not
    exist.
    """
    summed = tuple(plan for plan in plans if plan.sop_instance_uid in dose.plan_uids)
    levels = [plan.prescription_gy for plan in summed if plan.prescription_gy is not None]
    prescribed = max(levels, default=prescription_gy)
    if prescribed is None:
        problems.append(f"{dose.source}: a dose without plan, its prescription is not known")
    given = None if summed else fractions
    return Irradiation(str(dose.summation), None, dose, prescribed, given, summed=summed)


def _one_frame(
    irradiations: Sequence[Irradiation],
    maps: Sequence[FrameMap],
    problems: list[str],
    warnings: list[str],
) -> tuple[str | None, tuple[Irradiation, ...]]:
    """The frame of reference of the doses; others are brought there where a registration tells how.

    A dose in another frame, in none, or of another kind than the first cannot be used.
    """
    frame: str | None = None
    kind: DoseKind | None = None
    kept: list[Irradiation] = []
    for item in irradiations:
        dose = item.dose if frame is None else _brought(item.dose, frame, maps)
        trouble = "" if dose is None else _unusable(dose, frame, kind)
        if dose is None or trouble:
            problems += [f"{dose.source}: {trouble}"] if dose is not None else []
            kept.append(replace(item, dose=None))
            continue
        if dose is not item.dose:
            warnings.append(f"{dose.source}: brought to the first dose by a registration")
        frame, kind = dose.volume.grid.frame_of_reference_uid, dose.kind
        kept.append(replace(item, dose=dose))
    return frame, tuple(kept)


def _unusable(dose: Dose, frame: str | None, kind: DoseKind | None) -> str:
    """Why a dose cannot be added to those of this frame and kind, "" when it can."""
    own = dose.volume.grid.frame_of_reference_uid
    if own is None:
        return "the dose has no frame of reference"
    if frame is not None and own != frame:
        return "the dose lies in another frame of reference than the first"
    if kind is not None and dose.kind is not kind:
        return f"an {dose.kind} dose cannot be added to {kind}"
    return ""


def _brought(dose: Dose | None, frame: str, maps: Sequence[FrameMap]) -> Dose | None:
    """The dose in a frame, where a registration leads there: only its place changes."""
    own = None if dose is None else dose.volume.grid.frame_of_reference_uid
    if dose is None or own is None or own == frame:
        return dose
    to_frame = map_between(own, frame, maps)
    if to_frame is None:
        return dose
    volume = dose.volume
    moved = Volume(volume.array, to_frame.grid(volume.grid), volume.unit, volume.source)
    return replace(dose, volume=moved)
