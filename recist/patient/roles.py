"""The place of every tracked lesion in the course: target, non-target or new, and in which organ.

Targets are chosen once, on the baseline. What the images do not say (organ, lymph node) stays
unknown and is asked of the reader; names in a structure set are taken as hints and flagged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from pydicom.uid import generate_uid

from imaging.contours import rasterise, read_rtstruct
from imaging.errors import InputError
from imaging.volume import Mask
from recist.course import Field, Lesion, Role
from recist.criteria.selection import BaselineLesion, LocalTreatment, choose_targets
from recist.criteria.thresholds import PATHOLOGICAL_NODE_MM
from recist.field.field_finding import FieldFinding
from recist.patient.corrections.corrected_measurements import CorrectedMeasurement
from recist.patient.examination import Examination, Sized
from recist.patient.lesion_names import NODE_NAME, lesion_rois
from recist.patient.overrides import Override
from recist.patient.tracked_lesion import UNKNOWN_ORGAN, TrackedLesion
from recist.protocol import Protocol
from recist.tracking import Sighting, State, Tracks


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """The lesions of a course with what was seen of each, and what the reader should know."""

    lesions: tuple[Lesion, ...]
    tracked: tuple[TrackedLesion, ...]
    reasons: tuple[str, ...] = ()  # why each lesion has its role
    warnings: tuple[str, ...] = ()


def place(
    tracks: Tracks,
    sized: Sequence[Sequence[Sized]],
    examinations: Sequence[Examination],
    fields: Sequence[FieldFinding],
    choices: Mapping[str, Override],
    *,
    protocol: Protocol,
    treatments: Mapping[Field, LocalTreatment],
    reviewed: frozenset[int],
    drawn: frozenset[int] | None = None,
    incomplete: frozenset[int] = frozenset(),
    hints: Mapping[int, Sequence[Mask]] | None = None,
    corrected: Mapping[str, Mapping[int, CorrectedMeasurement]] | None = None,
) -> Placed:
    """Give every lesion its role, organ and field.

    Args:
        sized: by date, in the order of that date's candidates.
        choices: the reader's; they win over every rule.
        treatments: what being irradiated means for a lesion of each field class.
        reviewed: the days that a person delineated, or went through.
        drawn: the days that a person delineated; those of ``reviewed`` unless given.
        incomplete: the days on which a delineation was given that cannot be used.
        hints: by day, regions that a structure set names as lymph nodes.
        corrected: what the reader says of the size or state of a lesion, by day.

    Raises:
        InputError: a choice names a lesion that does not exist.
    """
    unknown = sorted(set(choices) - {track.id for track in tracks.lesions})
    if unknown:
        raise InputError(
            f"the reader's choices name unknown lesions: {', '.join(unknown)}",
            remedy=f"lesions are {', '.join(track.id for track in tracks.lesions)}",
        )
    seen = [
        replace(
            TrackedLesion.of(
                track, tracks.days, sized, choices.get(track.id, Override(track.id)), hints or {}
            ),
            corrected=(corrected or {}).get(track.id, {}),
        )
        for track in tracks.lesions
    ]
    seen = [lesion for lesion in seen if not lesion.choice.dropped]
    natural = _physiological(seen, examinations[0].day, reviewed)
    selection = choose_targets(
        _baseline_lesions(
            [each for each in seen if each.id not in natural], examinations[0], fields, treatments
        ),
        protocol,
        reader={
            lesion.id: lesion.choice.role
            for lesion in seen
            if lesion.choice.role is not None and examinations[0].day in lesion.sized
        },
    )
    by_uptake = _without_diameter(seen, examinations[0])
    normal = [] if by_uptake else _normal_nodes(seen, selection.roles)
    recorded = [_since_pathological(each) if each in normal else each for each in seen]
    seen = [lesion for lesion in recorded if lesion is not None]
    seen = _merged_into_recorded(seen)
    field_of = {finding.lesion_id: finding.field for finding in fields}
    lesions, tracked = [], []
    for lesion in seen:
        role = selection.roles.get(lesion.id, Role.NEW)
        if lesion.id in natural or lesion.id in by_uptake:
            role = Role.NON_TARGET
        lesions.append(
            Lesion(
                lesion.id,
                lesion.organ,
                lesion.is_node,
                role,
                field_of.get(lesion.id, Field.UNKNOWN),
                tracking_uid=tracking_uid_of(examinations[0], lesion.id),
            )
        )
        checked = frozenset(tracks.days) if lesion.choice.confirmed else reviewed
        checked |= {d for d, said in lesion.corrected.items() if said.is_signed or lesion.said(d)}
        unsure = frozenset[int]() if lesion.choice.confirmed else incomplete
        tracked.append(
            replace(
                lesion,
                role=role,
                reviewed=checked,
                incomplete=unsure,
                drawn_by_reader=reviewed if drawn is None else drawn,
            )
        )
    ids = {lesion.id for lesion in seen}
    left_out = tuple(
        f"{each.id} is not recorded: "
        + selection.reasons.get(each.id, "a node that is normal at every date").removeprefix(
            "not recorded: "
        )
        + (", until it is pathological" if each.id in ids else "")
        for each in normal
    )
    reasons = (
        *(f"{name}: {reason}" for name, reason in selection.reasons.items()),
        *(
            f"{name}: no target: its uptake looks like the {organ}; a reader may say otherwise"
            for name, organ in natural.items()
        ),
        *(f"{name}: no target: without CT it has no diameter" for name in by_uptake),
    )
    warnings = (*selection.warnings, *left_out, *_without_effect(seen, tracked), *_to_ask(seen))
    return Placed(tuple(lesions), tuple(tracked), reasons, warnings)


def _physiological(
    lesions: Sequence[TrackedLesion], baseline: int, reviewed: frozenset[int]
) -> dict[str, str]:
    """What a network found at baseline that looks like an organ, unless a reader has said more."""
    if baseline in reviewed:
        return {}
    return {
        lesion.id: organ
        for lesion in lesions
        if lesion.choice.role is None and not lesion.choice.confirmed
        for piece in lesion.sized.get(baseline, ())
        if (organ := piece.candidate.physiological) is not None
    }


def _without_diameter(lesions: Sequence[TrackedLesion], baseline: Examination) -> tuple[str, ...]:
    """What was there on a first date that has a PET alone: disease, and no target."""
    if not baseline.is_pet_alone:
        return ()
    return tuple(lesion.id for lesion in lesions if baseline.day in lesion.sized)


def _baseline_lesions(
    lesions: Sequence[TrackedLesion],
    baseline: Examination,
    fields: Sequence[FieldFinding],
    treatments: Mapping[Field, LocalTreatment],
) -> list[BaselineLesion]:
    """What was seen on the first date, as the choice of targets needs it."""
    spacing_mm = baseline.ct.volume.grid.spacing_mm[2]
    treatment_of = {
        finding.lesion_id: treatments.get(finding.field, LocalTreatment.NONE) for finding in fields
    }
    found = []
    for lesion in lesions:
        axes_mm = lesion.axes_mm(baseline.day)
        if axes_mm is None:
            continue
        name = lesion.id
        # An unknown organ is not shared: the rule of two per organ cannot be applied to it.
        organ = f"{UNKNOWN_ORGAN} ({name})" if lesion.organ == UNKNOWN_ORGAN else lesion.organ
        found.append(
            BaselineLesion(
                name,
                organ,
                lesion.is_node,
                *axes_mm,
                treatment=treatment_of.get(name, LocalTreatment.NONE),
                slice_thickness_mm=_tenths(baseline.ct.slice_thickness_mm),
                slice_spacing_mm=_tenths(spacing_mm),
            )
        )
    return found


def _tenths(length_mm: float) -> Decimal:
    """A length of the header, which carries rounding, to 0.1 mm."""
    return Decimal(str(round(length_mm, 1)))


def _normal_nodes(
    lesions: Sequence[TrackedLesion], roles: Mapping[str, Role]
) -> list[TrackedLesion]:
    """Nodes that are no disease where they are first seen, at baseline or later.

    One that a reader confirmed as a new lesion is disease from its first date.
    """
    return [
        lesion
        for lesion in lesions
        if lesion.id not in roles
        and lesion.is_node
        and not lesion.choice.confirmed
        and _short_axis_mm(lesion, min(lesion.sized)) < PATHOLOGICAL_NODE_MM
    ]


def _short_axis_mm(lesion: TrackedLesion, day: int) -> Decimal:
    axes_mm = lesion.axes_mm(day)
    return Decimal(0) if axes_mm is None else axes_mm[1]


def _merged_into_recorded(lesions: Sequence[TrackedLesion]) -> list[TrackedLesion]:
    """What merged into something that is not recorded as a lesion has no clear link there."""
    known = {lesion.id for lesion in lesions}

    def linked(sighting: Sighting) -> Sighting:
        if sighting.merged_into is None or sighting.merged_into in known:
            return sighting
        return replace(sighting, state=State.AMBIGUOUS, merged_into=None)

    return [
        replace(
            lesion,
            track=replace(lesion.track, sightings=tuple(map(linked, lesion.track.sightings))),
        )
        for lesion in lesions
    ]


def _since_pathological(lesion: TrackedLesion) -> TrackedLesion | None:
    """A node that was normal at first, from the date on which it is not; None if it never is.

    A node of less than 10 mm is not disease (Eisenhauer 2009, section 3.1.1), so one that grows
    beyond is a new lesion from then on.
    """
    diseased = [d for d in lesion.sized if _short_axis_mm(lesion, d) >= PATHOLOGICAL_NODE_MM]
    first = min(diseased, default=None)
    if first is None:
        return None
    sightings = tuple(seen for seen in lesion.track.sightings if seen.day >= first)
    sized = {day: pieces for day, pieces in lesion.sized.items() if day >= first}
    return replace(lesion, track=replace(lesion.track, sightings=sightings), sized=sized)


def node_regions(examination: Examination) -> tuple[Mask, ...]:
    """The regions that the structure sets of a date name as lymph nodes: hints for other outlines.

    A structure set that cannot be used gives no hint; where it matters it is reported by the
    delineation or the field.
    """
    found: list[Mask] = []
    grid = examination.ct.volume.grid
    for series in examination.visit.rtstructs:
        try:
            rois = lesion_rois(read_rtstruct(series.files[0]))
            masks = [rasterise(roi, grid) for roi in rois if NODE_NAME.search(roi.name)]
        except InputError:
            continue
        found += [mask for mask in masks if mask.voxels]
    return tuple(found)


def _without_effect(
    lesions: Sequence[TrackedLesion], tracked: Sequence[TrackedLesion]
) -> tuple[str, ...]:
    """Roles given to lesions that cannot have them: targets are chosen at baseline."""
    new = {each.id for each in tracked if each.role is Role.NEW}
    return tuple(
        f"the reader's role {lesion.choice.role} for {lesion.id} is without effect: it was "
        "not seen at baseline, so it is a new lesion"
        for lesion in lesions
        if lesion.choice.role is not None and lesion.id in new
    )


def _to_ask(lesions: Sequence[TrackedLesion]) -> tuple[str, ...]:
    """What the images do not say."""
    organs = [lesion.id for lesion in lesions if lesion.organ == UNKNOWN_ORGAN]
    kinds = [lesion.id for lesion in lesions if not lesion.node_known]
    found = []
    if organs:
        found.append(
            f"organ unknown for {', '.join(organs)}: the rule of two targets per organ could not "
            "be applied to them; name the organ in the reader's choices"
        )
    if kinds:
        found.append(
            f"taken as not nodal for want of other word: {', '.join(kinds)}; a node is measured "
            "by its short axis, so say which are nodes in the reader's choices"
        )
    return tuple(found)


def tracking_uid_of(examination: Examination, lesion: str) -> str:
    """The same for the same lesion in every run: derived from the baseline CT and the lesion."""
    series = (
        examination.visit.ct.uid if examination.visit.ct else examination.visit.date.isoformat()
    )
    return str(generate_uid(entropy_srcs=[series, lesion]))
