"""Which lesions are measurable at baseline, and which of them become targets.

Eisenhauer 2009, sections 3.1.1 and 4.2: at least 10 mm (a node 15 mm in its short axis), twice the
slice where slices are thicker than 5 mm; at most five targets, two per organ, the largest, all
organs represented. Measurability is a matter of the baseline only: targets stay targets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from imaging.errors import InputError
from recist.course import Role
from recist.criteria.diameter import in_mm
from recist.criteria.target_limits import (
    MOST_PER_ORGAN,
    MOST_TARGETS,
    MeasurableLesion,
    choose,
    organ_of,
)
from recist.criteria.thresholds import (
    MEASURABLE_MM,
    MEASURABLE_NODE_MM,
    MEASURABLE_ON_RADIOGRAPH_MM,
    PATHOLOGICAL_NODE_MM,
    SLICES_ACROSS,
    THICK_SLICE_MM,
)
from recist.papers import RECIST11
from recist.protocol import Protocol

MEASURABILITY = RECIST11("3.1.1")
CHOICE = RECIST11("4.2")


class MeasuringMethod(StrEnum):
    CT = "CT"
    MRI = "MRI"
    RADIOGRAPH = "CXR"
    CALIPER = "caliper"
    ULTRASOUND = "ultrasound"


class LesionKind(StrEnum):
    """What a lesion consists of, where that matters for measuring it."""

    SOFT_TISSUE = "soft tissue"
    LYTIC_BONE = "bone, lytic with soft-tissue component"
    BLASTIC_BONE = "bone, blastic"
    CYSTIC_METASTASIS = "cystic metastasis"
    SIMPLE_CYST = "simple cyst"
    EFFUSION = "effusion"
    ASCITES = "ascites"
    LEPTOMENINGEAL = "leptomeningeal disease"
    LYMPHANGITIC = "lymphangitic spread"
    INFLAMMATORY_BREAST = "inflammatory breast disease"
    PALPABLE_MASS = "mass found by physical examination only"


#: Never measurable, however large (Eisenhauer 2009, section 3.1.2).
NEVER_MEASURABLE = frozenset(
    {
        LesionKind.BLASTIC_BONE,
        LesionKind.EFFUSION,
        LesionKind.ASCITES,
        LesionKind.LEPTOMENINGEAL,
        LesionKind.LYMPHANGITIC,
        LesionKind.INFLAMMATORY_BREAST,
        LesionKind.PALPABLE_MASS,
    }
)


class LocalTreatment(StrEnum):
    """Local treatment of the lesion itself: radiotherapy, ablation."""

    NONE = "none"
    BEFORE_BASELINE = "before baseline"
    PROGRESSED_SINCE = "before baseline, progressed since"
    ON_STUDY = "on study"


class Measurability(StrEnum):
    MEASURABLE = "measurable"
    SMALL = "non-measurable (small)"
    NEVER = "non-measurable (truly)"
    TREATED = "non-measurable (prior local treatment)"
    SMALL_NODE = "pathological, non-target"
    NORMAL_NODE = "normal (not recorded)"
    NO_DISEASE = "not disease"


#: Nothing that is recorded as disease.
NOT_RECORDED = (Measurability.NORMAL_NODE, Measurability.NO_DISEASE)


@dataclass(frozen=True, slots=True)
class BaselineLesion:
    """A lesion as it was found at baseline.

    Attributes:
        long_axis_mm: longest diameter in the plane of acquisition.
        short_axis_mm: longest diameter across it; needed for a node.
        slice_thickness_mm, slice_spacing_mm: of the images, and from slice to slice; None where
            there are no slices, or unknown.
    """

    name: str
    organ: str
    is_node: bool
    long_axis_mm: Decimal
    short_axis_mm: Decimal | None = None
    modality: MeasuringMethod = MeasuringMethod.CT
    kind: LesionKind = LesionKind.SOFT_TISSUE
    treatment: LocalTreatment = LocalTreatment.NONE
    slice_thickness_mm: Decimal | None = None
    slice_spacing_mm: Decimal | None = None

    def __post_init__(self) -> None:
        if self.is_node and self.short_axis_mm is None:
            raise InputError(
                f"node {self.name} without a short axis", remedy="measure it across its length"
            )

    @property
    def size_mm(self) -> Decimal:
        """What is measured: the short axis of a node, the longest diameter of all others."""
        short_mm = self.short_axis_mm if self.is_node else None
        return self.long_axis_mm if short_mm is None else short_mm


@dataclass(frozen=True, slots=True)
class Placement:
    """Whether a lesion is measurable, and why.

    Attributes:
        limit_mm: that applies to it; None where no size makes it measurable.
    """

    measurability: Measurability
    reason: str
    limit_mm: Decimal | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """The place of every lesion at baseline.

    Attributes:
        roles: target or non-target; lesions that are not recorded are absent.
        reasons: for every lesion, a sentence.
        ignored: normal nodes and what is no disease.
    """

    roles: Mapping[str, Role]
    reasons: Mapping[str, str]
    ignored: tuple[str, ...]
    verdicts: Mapping[str, Placement]
    warnings: tuple[str, ...] = field(default=())

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(name for name, role in self.roles.items() if role is Role.TARGET)


def measurability(lesion: BaselineLesion, protocol: Protocol) -> Placement:
    """Whether a lesion can be followed by size."""
    if lesion.kind is LesionKind.SIMPLE_CYST:
        return Placement(Measurability.NO_DISEASE, "a simple cyst is not malignant")
    if lesion.is_node and lesion.size_mm < PATHOLOGICAL_NODE_MM:
        reason = (
            f"node of {in_mm(lesion.size_mm)} mm in its short axis, "
            f"normal below {PATHOLOGICAL_NODE_MM} mm"
        )
        return Placement(Measurability.NORMAL_NODE, reason)
    if lesion.kind in NEVER_MEASURABLE or lesion.modality is MeasuringMethod.ULTRASOUND:
        what = lesion.kind if lesion.kind in NEVER_MEASURABLE else "a lesion seen on ultrasound"
        return Placement(Measurability.NEVER, f"{what} is never measurable")
    if _is_barred(lesion, protocol):
        return Placement(
            Measurability.TREATED,
            f"treated locally {lesion.treatment} (irradiated_targets = "
            f"{protocol.irradiated_targets})",
        )
    limit_mm, warnings = _limit(lesion, protocol)
    axis = "short axis" if lesion.is_node else "longest diameter"
    compared = f"{axis} {in_mm(lesion.size_mm)} mm, {in_mm(limit_mm)} mm needed"
    if lesion.size_mm >= limit_mm:
        return Placement(Measurability.MEASURABLE, compared, limit_mm, warnings)
    small = Measurability.SMALL_NODE if lesion.is_node else Measurability.SMALL
    return Placement(small, compared, limit_mm, warnings)


def _is_barred(lesion: BaselineLesion, protocol: Protocol) -> bool:
    """Treated lesions that the protocol keeps out of the targets (AMB-20)."""
    barred = {
        "allow": (),
        "separate_sum": (LocalTreatment.BEFORE_BASELINE,),
        "exclude": (LocalTreatment.BEFORE_BASELINE, LocalTreatment.ON_STUDY),
    }
    return lesion.treatment in barred[protocol.irradiated_targets]


def _limit(lesion: BaselineLesion, protocol: Protocol) -> tuple[Decimal, tuple[str, ...]]:
    """The smallest size that is measurable, with what the reader should know about it."""
    if lesion.modality is MeasuringMethod.RADIOGRAPH:
        return MEASURABLE_ON_RADIOGRAPH_MM, ()
    slice_mm = _slice_mm(lesion, protocol)
    limit_mm = least_measurable_mm(slice_mm, protocol, is_node=lesion.is_node)
    if slice_mm is None or not lesion.is_node or protocol.double_thickness != "soft_tissue":
        return limit_mm, ()
    across_mm = _across_mm(slice_mm, protocol)
    if across_mm and lesion.size_mm < max(limit_mm, across_mm):
        return limit_mm, (
            f"node {lesion.name} measures less than two slices of {in_mm(slice_mm)} mm "
            "(double_thickness, AMB-14)",
        )
    return limit_mm, ()


def least_measurable_mm(slice_mm: Decimal | None, protocol: Protocol, *, is_node: bool) -> Decimal:
    """The least size that is measurable on slices of this thickness; None: not known."""
    limit_mm = MEASURABLE_NODE_MM if is_node else MEASURABLE_MM
    if slice_mm is None or (is_node and protocol.double_thickness == "soft_tissue"):
        return limit_mm
    return max(limit_mm, _across_mm(slice_mm, protocol))


def _across_mm(slice_mm: Decimal, protocol: Protocol) -> Decimal:
    """Twice the thickness of a thick slice; 0 for others."""
    is_thick = slice_mm > THICK_SLICE_MM + protocol.slice_tolerance_mm
    return SLICES_ACROSS * slice_mm if is_thick else Decimal(0)


def _slice_mm(lesion: BaselineLesion, protocol: Protocol) -> Decimal | None:
    known = [lesion.slice_thickness_mm]
    if protocol.slice_basis == "thicker_of_both":
        known.append(lesion.slice_spacing_mm)
    return max((each for each in known if each is not None), default=None)


def choose_targets(
    lesions: Sequence[BaselineLesion],
    protocol: Protocol,
    *,
    reader: Mapping[str, Role] | None = None,
) -> Selection:
    """Place every lesion found at baseline: target, non-target, or not recorded.

    Args:
        reader: roles that a reader has given, which win over every rule; what breaks a rule is a
            warning.

    Raises:
        InputError: two lesions of one name, or a reader's role for a lesion that is not there.
    """
    by_name = {lesion.name: lesion for lesion in lesions}
    if len(by_name) != len(lesions):
        raise InputError("two lesions with the same name at baseline")
    said = dict(reader or {})
    unknown = sorted(set(said) - set(by_name))
    if unknown:
        raise InputError(
            f"a role for unknown lesions: {', '.join(unknown)}",
            remedy=f"lesions are {', '.join(by_name)}",
        )
    verdicts = {lesion.name: measurability(lesion, protocol) for lesion in lesions}
    picked = [by_name[name] for name, role in said.items() if role is Role.TARGET]
    eligible = [
        MeasurableLesion(
            lesion.name,
            organ_of(lesion.organ, is_node=lesion.is_node),
            lesion.size_mm,
            last=lesion.kind
            is LesionKind.CYSTIC_METASTASIS,  # allowed, but solid lesions come first
        )
        for lesion in lesions
        if verdicts[lesion.name].measurability is Measurability.MEASURABLE
        and lesion.name not in said
    ]
    chosen = choose(
        eligible,
        by_organ=protocol.target_choice == "organ_then_size",
        taken=[organ_of(lesion.organ, is_node=lesion.is_node) for lesion in picked],
    )
    roles: dict[str, Role] = {}
    reasons: dict[str, str] = {}
    for name, verdict in verdicts.items():
        role, reasons[name] = _placed(name, verdict, said, chosen, protocol)
        if role is not None:
            roles[name] = role
    return Selection(
        roles,
        reasons,
        tuple(name for name in verdicts if name not in roles),
        verdicts,
        (*(w for v in verdicts.values() for w in v.warnings), *_broken(picked, verdicts)),
    )


def _placed(
    name: str,
    verdict: Placement,
    said: Mapping[str, Role],
    chosen: Sequence[str],
    protocol: Protocol,
) -> tuple[Role | None, str]:
    """The role of one lesion and the sentence that explains it."""
    if name in said:
        return said[name], f"{said[name]}: the reader's choice; {verdict.reason}"
    if name in chosen:
        rank = chosen.index(name) + 1
        return Role.TARGET, f"target, choice {rank} ({protocol.target_choice}): {verdict.reason}"
    if verdict.measurability in NOT_RECORDED:
        return None, f"not recorded: {verdict.reason}"
    if verdict.measurability is Measurability.MEASURABLE:
        limits = f"{MOST_TARGETS} targets, {MOST_PER_ORGAN} per organ"
        return Role.NON_TARGET, f"non-target, measurable, but beyond {limits}: {verdict.reason}"
    return Role.NON_TARGET, f"non-target, {verdict.measurability}: {verdict.reason}"


def _broken(picked: Sequence[BaselineLesion], verdicts: Mapping[str, Placement]) -> tuple[str, ...]:
    """The rules that a reader's targets break."""
    found = [
        f"{lesion.name} is the reader's target though {verdicts[lesion.name].measurability}: "
        f"{verdicts[lesion.name].reason}"
        for lesion in picked
        if verdicts[lesion.name].measurability is not Measurability.MEASURABLE
    ]
    organs = [organ_of(lesion.organ, is_node=lesion.is_node) for lesion in picked]
    if len(picked) > MOST_TARGETS:
        found.append(f"{len(picked)} targets by the reader's choice, at most {MOST_TARGETS}")
    found += [
        f"{organs.count(organ)} targets in {organ} by the reader's choice, at most {MOST_PER_ORGAN}"
        for organ in sorted(set(organs))
        if organs.count(organ) > MOST_PER_ORGAN
    ]
    return tuple(found)
