"""Inside or outside the irradiated field: a class for every lesion, with its grounds.

The class is computed once, on the lesion of the baseline before radiotherapy and in the frame of
reference of the treatment plan; later dates inherit it through the identity of the lesion, since a
shrunken or fibrotic lesion says nothing of where the dose went. There is no consensus on what is
"out of field": every threshold belongs to a named, versioned profile, which is written beside the
result.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from imaging.dvh import Samples, samples_of_mask
from imaging.errors import InputError
from imaging.exposure import DoseFacts, Exposure, ToPlanning, expose
from imaging.treatment import Treatment
from imaging.volume import FloatArray, Mask
from recist.course import Field
from recist.field.field_finding import FieldFinding
from recist.protocol.field import DEFAULT_PROFILE, FieldProfile

#: Why no class is known where there are no radiotherapy objects at all.
NOTHING_GIVEN = "no radiotherapy plan or dose was given"


@dataclass(frozen=True, slots=True)
class FieldOverride:
    """A class set by a reader, who says why."""

    field: Field
    reason: str
    reader: str = ""

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise InputError("an override of the field class needs a reason")


@dataclass(frozen=True, slots=True)
class _Class:
    """A class with its grounds, before dose facts are attached."""

    field: Field
    reason: str
    band: str = ""
    evidence: str = "dose"
    flags: tuple[str, ...] = ()


def classify_lesions(
    masks: Mapping[str, Mask],
    treatment: Treatment | None,
    profile: FieldProfile = DEFAULT_PROFILE,
    *,
    to_planning_mm: ToPlanning | None = None,
    linked: Mapping[str, str] | None = None,
    overrides: Mapping[str, FieldOverride] | None = None,
    provisional: bool = False,
) -> tuple[FieldFinding, ...]:
    """The field class of each lesion, in the order given.

    Args:
        masks: lesions of the baseline (or mapped back to it) by identifier.
        treatment: None when there are no radiotherapy objects at all.
        to_planning_mm: points of the masks' frame of reference to that of the treatment; needed
            when they differ and no registration object came with the treatment.
        linked: lesion -> target volume, where the user says which was treated.
        overrides: classes set by a reader.
        provisional: the masks were mapped back from a later date.
    """
    findings = []
    for lesion_id, mask in masks.items():
        finding = _finding(
            lesion_id,
            mask,
            treatment,
            profile,
            to_planning_mm=to_planning_mm,
            link=(linked or {}).get(lesion_id),
        )
        if provisional:
            finding = replace(
                finding,
                provisional=True,
                flags=(*finding.flags, "mapped back from a later date: provisional"),
            )
        override = (overrides or {}).get(lesion_id)
        findings.append(finding if override is None else overridden(finding, override))
    return tuple(findings)


def overridden(finding: FieldFinding, override: FieldOverride) -> FieldFinding:
    """A finding with the class that a reader set; what was computed stays in its reason."""
    by = f" by {override.reader}" if override.reader else ""
    return replace(
        finding,
        field=override.field,
        evidence="reader",
        reason=f"set to {override.field}{by}: {override.reason} (computed: {finding.field}, "
        f"{finding.reason})",
    )


def _finding(
    lesion_id: str,
    mask: Mask,
    treatment: Treatment | None,
    profile: FieldProfile,
    *,
    to_planning_mm: ToPlanning | None,
    link: str | None,
) -> FieldFinding:
    if treatment is None:
        return _unknown(lesion_id, NOTHING_GIVEN, profile)
    try:
        samples = planned_samples(mask, treatment, to_planning_mm)
    except InputError as error:
        return _unknown(lesion_id, error.what, profile)
    target = _target_of(samples, treatment, profile, link)
    if not treatment.with_dose:
        found = _geometric(samples, treatment, profile)
        return FieldFinding(
            lesion_id,
            found.field,
            found.reason,
            prescription=treatment.prescription,
            target=target,
            evidence=found.evidence,
            profile=profile.label,
            flags=found.flags,
        )
    exposure = expose(
        samples,
        treatment,
        tail=profile.tail,
        alpha_betas_gy=profile.alpha_betas_gy,
        shifts_mm=_shifts_mm(lesion_id, profile),
    )
    found = _classified(exposure, treatment, profile, target)
    return _with_dose(lesion_id, found, exposure, treatment, profile=profile, target=target)


def _unknown(lesion_id: str, why: str, profile: FieldProfile) -> FieldFinding:
    return FieldFinding(lesion_id, Field.UNKNOWN, why, evidence="none", profile=profile.label)


def planned_samples(
    mask: Mask, treatment: Treatment, to_planning_mm: ToPlanning | None = None
) -> Samples:
    """Points that stand for a lesion, in the frame of reference of the treatment.

    Args:
        to_planning_mm: see :func:`classify_lesions`.

    Raises:
        InputError: no way there is known, or nothing was irradiated or delineated.
    """
    to_planning_mm = to_planning_mm or _registered(mask, treatment)
    if hindrance := _hindrance(mask, treatment, to_planning_mm):
        raise InputError(hindrance)
    samples = samples_of_mask(mask)
    if to_planning_mm is None:
        return samples
    return Samples(to_planning_mm(samples.points_mm), samples.weights_mm3)


def _registered(mask: Mask, treatment: Treatment) -> ToPlanning | None:
    """The map by a registration object that came with the treatment, where the frames differ."""
    own = mask.grid.frame_of_reference_uid
    if own == treatment.frame_of_reference_uid:
        return None
    found = treatment.from_frame(own)
    return None if found is None else found.points_mm


def _hindrance(mask: Mask, treatment: Treatment, to_planning_mm: ToPlanning | None) -> str:
    """Why no class can be given, "" when nothing is in the way."""
    if not treatment.irradiations:
        return "; ".join(treatment.problems) or NOTHING_GIVEN
    if not mask.voxels:
        return "the lesion has no voxels on the baseline"
    own, planned = mask.grid.frame_of_reference_uid, treatment.frame_of_reference_uid
    if to_planning_mm is None and (own is None or planned is None):
        return "no frame of reference is known for the image or the dose"
    if to_planning_mm is None and own != planned:
        return "image and dose lie in different frames of reference, and no registration was given"
    return ""


def _target_of(
    samples: Samples, treatment: Treatment, profile: FieldProfile, link: str | None
) -> str:
    """The target volume that holds most of the lesion, "" when none holds enough."""
    if link is not None:
        return link
    best, name = profile.target_overlap, ""
    for target in treatment.targets:
        share = float(np.average(target.holds(samples.points_mm), weights=samples.weights_mm3))
        if share >= best:
            best, name = share, target.name
    return name


def _shifts_mm(lesion_id: str, profile: FieldProfile) -> FloatArray:
    """Seeded by the lesion, so that the order of lesions changes nothing."""
    generator = np.random.default_rng([profile.seed, zlib.crc32(lesion_id.encode())])
    return generator.normal(0.0, profile.registration_error_mm, size=(profile.shifts, 3))


def band_of(dose_gy: float, profile: FieldProfile = DEFAULT_PROFILE) -> str:
    """The low-dose band of a near-maximum: "1-5", "5-20", ">20"."""
    limits = (profile.low_dose_gy, *profile.bands_gy)
    for low, high in pairwise(limits):
        if dose_gy < high:
            return f"{low:g}-{high:g}"
    return f">{limits[-1]:g}"


def class_of(facts: DoseFacts, profile: FieldProfile = DEFAULT_PROFILE) -> Field:
    """The class by dose alone."""
    if not facts.known:
        return Field.UNKNOWN
    if facts.volume_at_half >= profile.in_coverage:
        return Field.IN
    if facts.volume_at_half > 0:
        return Field.PARTIAL
    low = max(facts.near_max_gy, facts.upper_bound_gy) >= profile.low_dose_gy
    return Field.LOW_DOSE if low else Field.OUT


def _classified(
    exposure: Exposure, treatment: Treatment, profile: FieldProfile, target: str
) -> _Class:
    facts = exposure.facts
    if not facts.known:
        return _Class(
            Field.UNKNOWN,
            f"{100 * exposure.outside:.0f} % of the lesion lies outside of the dose grid, where "
            "the dose is not known",
        )
    found = class_of(facts, profile)
    best = treatment.with_dose[facts.covered_by]
    covered = "what was prescribed is not known"
    if best.given_gy:
        half = f"50 % of {best.given_gy:g} Gy"
        covered = f"{100 * facts.volume_at_half:.0f} % of it received {half}"
    if found is Field.IN:
        covered += f", target volume {target}" if target else ""
        return _Class(found, covered, flags=_coverage_flags(facts, profile, target))
    if found is Field.PARTIAL:
        flags = (f"only in part in the field although in {target}",) if target else ()
        return _Class(found, covered, flags=flags)
    if treatment.problems:
        return _Class(
            Field.UNKNOWN, f"not all dose is known: {'; '.join(treatment.problems)}; {covered}"
        )
    return _outside(facts, profile)


def _outside(facts: DoseFacts, profile: FieldProfile) -> _Class:
    """Low dose or out of the field, by the nominal dose and by its upper bound."""
    found = class_of(facts, profile)
    maximum = f"near-maximum {facts.near_max_gy:.2f} Gy"
    if found is Field.OUT:
        return _Class(found, f"{maximum}, at most {facts.upper_bound_gy:.2f} Gy by upper bound")
    if facts.near_max_gy >= profile.low_dose_gy:
        return _Class(found, maximum, band=band_of(facts.near_max_gy, profile))
    return _Class(
        found,
        f"{maximum}, but up to {facts.upper_bound_gy:.2f} Gy since planning systems underestimate "
        "dose far from the field",
        band=band_of(facts.upper_bound_gy, profile),
        flags=("out of the field by its nominal dose",),
    )


def _coverage_flags(facts: DoseFacts, profile: FieldProfile, target: str) -> tuple[str, ...]:
    if not target:
        return ("irradiated without being linked to a target volume",)
    if facts.volume_at_95 < profile.undercovered:
        return (f"undercovered: {100 * facts.volume_at_95:.0f} % of it received 95 %",)
    return ()


def _geometric(samples: Samples, treatment: Treatment, profile: FieldProfile) -> _Class:
    """The class by distance from the target volumes alone: of lower evidence."""
    targets = [target for target in treatment.targets if target.bounds_field]
    if not targets:
        return _Class(
            Field.UNKNOWN,
            "no dose and no target volume: " + "; ".join(treatment.problems),
            evidence="none",
        )
    flags = ("by geometry only: " + "; ".join(treatment.problems),)
    held = np.max([target.holds(samples.points_mm) for target in targets], axis=0)
    share = float(np.average(held, weights=samples.weights_mm3))
    if share >= profile.in_coverage:
        return _Class(
            Field.IN, f"{100 * share:.0f} % of it in a target volume", "", "geometry", flags
        )
    if share > 0:
        reason = f"{100 * share:.0f} % of it in a target volume"
        return _Class(Field.PARTIAL, reason, "", "geometry", flags)
    distances = [target.distance_mm(samples.points_mm) for target in targets]
    reason = f"{min(apart for apart, _ in distances):.0f} mm from the nearest target volume"
    out = all(
        apart > (profile.clear_distance_mm if level else profile.clear_distance_off_level_mm)
        for apart, level in distances
    )
    if out:
        return _Class(Field.OUT, reason, "", "geometry", flags)
    reason += ": too near to tell without a dose"
    return _Class(Field.UNKNOWN, reason, "", "geometry", flags)


def _with_dose(
    lesion_id: str,
    found: _Class,
    exposure: Exposure,
    treatment: Treatment,
    *,
    profile: FieldProfile,
    target: str,
) -> FieldFinding:
    facts, total = exposure.facts, exposure.total
    known = total is not None
    best = treatment.with_dose[facts.covered_by]
    share = facts.volume_at_half > 0 if known else False
    # A class that is not known has no probability, no bound and no share of a prescription.
    told = known and found.field is not Field.UNKNOWN
    return FieldFinding(
        lesion_id=lesion_id,
        field=found.field,
        reason=found.reason,
        dose_mean_gy=total.mean_gy if total else None,
        dose_min_gy=total.min_gy if total else None,
        dose_max_gy=total.max_gy if total else None,
        probability=_probability(exposure, profile) if told else (),
        prescription=best.prescription if share else treatment.prescription,
        dose_near_max_gy=facts.near_max_gy if known else None,
        dose_d95_gy=total.d_gy(95.0) if total else None,
        volume_at_half=facts.volume_at_half if told else None,
        volume_at_95=facts.volume_at_95 if told else None,
        upper_bound_gy=facts.upper_bound_gy if told else None,
        eqd2_mean_gy=exposure.eqd2_mean_gy,
        envelope=exposure.envelope,
        band=found.band,
        target=target,
        evidence=found.evidence if known else "none",
        profile=profile.label,
        flags=(*found.flags, *_missing(found, treatment)),
    )


def _missing(found: _Class, treatment: Treatment) -> tuple[str, ...]:
    """The dose that is missing could only be added: what was irradiated stays so, with a flag."""
    return treatment.problems if found.field in (Field.IN, Field.PARTIAL) else ()


def _probability(exposure: Exposure, profile: FieldProfile) -> tuple[tuple[str, float], ...]:
    """The share of the sampled shifts in each class, in the order of the classes."""
    if not exposure.shifted:
        return ()
    classes = [class_of(facts, profile) for facts in exposure.shifted]
    shares = [(str(member), classes.count(member) / len(classes)) for member in Field]
    return tuple((name, share) for name, share in shares if share > 0)
