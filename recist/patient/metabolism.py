"""The metabolic side of a patient with PET at one date or more, beside RECIST and never over it.

FDG-positive new lesions enter RECIST 1.1 only by its own rule; here they count for the metabolic
criteria alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np

from imaging.errors import GeometryError, InputError
from imaging.volume import Grid, Mask, Volume
from pet.projection import bare_projections, drawn_on
from pet.response.measured import (
    LesionMasks,
    MeasuredScan,
    assess_scans,
    measured_scan,
    regions_of,
)
from pet.response.pet_assessment import PetAssessment
from pet.response.protocol import PetProtocol
from pet.uptake import Uptake, UptakeThreshold, burden, burden_by_field, on_pet_grid, uptake
from recist.course import Field, Role
from recist.field.overlays import Overlay
from recist.patient.examination import Examination, Sized
from recist.patient.picture import outline
from recist.patient.pieces import united
from recist.patient.reference_organs import drawn_organs
from recist.patient.result import PetTotals, Projected
from recist.patient.status import SEEN
from recist.patient.tracked_lesion import TrackedLesion
from recist.patient.work.memory import Memory, mask_key
from recist.patient.work.observed import ObservedDate, ObservedPet
from recist.tracking import State

#: What the totals are added over, and which voxels of a lesion count.
ALL_LESIONS, DELINEATED = "all", "delineation"


@dataclass(frozen=True, slots=True, eq=False)
class Metabolism:
    """What the PET of all dates says.

    Attributes:
        scans: measured dates, in order.
        assessments: every follow-up by each set of metabolic criteria.
        projected: maximum-intensity projections by day.
        totals: of all lesions and of each field class, by date.
        warnings: what was doubtful, by date.
    """

    scans: tuple[MeasuredScan, ...] = ()
    assessments: tuple[PetAssessment, ...] = ()
    projected: tuple[tuple[int, tuple[Projected, ...]], ...] = ()
    totals: tuple[PetTotals, ...] = ()
    warnings: tuple[str, ...] = ()


def observed_pet(examination: Examination, sized: Sequence[Sized]) -> ObservedPet | None:
    """What the PET of a date shows whatever becomes of its candidates; None without a PET.

    The reference regions keep away from everything that was delineated, lesion or not. They lie in
    organs that were drawn where no CT shows them.
    """
    suv = examination.suv
    if suv is None:
        return None
    drawn = []
    for each in sized:
        with suppress(GeometryError):  # smaller than a PET voxel, or outside of the PET
            drawn.append(on_pet_grid(each.candidate.mask, suv.grid))
    ct = None if examination.is_pet_alone else examination.ct.volume
    regions = regions_of(suv, ct, drawn, partial(drawn_organs, examination.visit, suv.grid))
    return ObservedPet(regions, bare_projections(suv))


def metabolism(
    lesions: Sequence[TrackedLesion],
    organs: Mapping[str, str],
    dates: Sequence[ObservedDate],
    protocol: PetProtocol | None = None,
    memory: Memory | None = None,
    *,
    fields: Mapping[str, str] = MappingProxyType({}),
) -> Metabolism:
    """Measure every PET and assess the follow-ups against the first one.

    Args:
        organs: lesion to organ, where known: two per organ count for the sums of five.
        protocol: what the papers leave open; the defaults unless given.
        memory: of uptakes that were measured before.
        fields: lesion to the class of the irradiated field that its totals are added under.
    """
    known = memory if memory is not None else Memory()
    scans: list[MeasuredScan] = []
    projected = []
    totals: list[PetTotals] = []
    warnings = []
    for observed in dates:
        examination = observed.examination
        if examination.suv is None or observed.pet is None:
            continue
        drawn = _drawn(lesions, examination, known)
        masks = {name: mask for name, (mask, _) in drawn.items()}
        seen = LesionMasks(
            masks,
            organs,
            new=[each.id for each in lesions if each.role is Role.NEW],
            absent=[each.id for each in lesions if _is_absent(each, examination.day)],
            uptakes={
                name: _uptake(examination, mask, pieces, known)
                for name, (mask, pieces) in drawn.items()
            },
        )
        try:
            scan = measured_scan(
                examination.day,
                examination.suv,
                seen,
                audit=examination.audit,
                regions=observed.pet.regions,
            )
        except InputError as error:
            warnings.append(f"{examination.visit.date}: PET not measured: {error}")
            continue
        scans.append(scan)
        shown = tuple((fields.get(name, ""), mask_key(mask)) for name, mask in masks.items())
        if masks or not observed.found.incomplete:  # else nothing is known, rather than none there
            totals += known.of(
                ("totals", examination.day, shown),
                partial(_totals, examination.day, examination.suv, masks, fields),
            )
        warnings.extend(f"{examination.visit.date}: {warning}" for warning in scan.warnings)
        grid = examination.suv.grid
        views = drawn_on(observed.pet.projections, grid, lesions=masks, regions=scan.regions)
        projected.append(
            (
                examination.day,
                tuple(
                    Projected(
                        str(view.plane),
                        np.asarray(view.image, dtype=np.float32),
                        view.spacing_mm,
                        tuple(
                            Overlay(str(s.drawn), s.name, outline(s.array.astype(float), 0.5))
                            for s in view.silhouettes
                        ),
                    )
                    for view in views
                ),
            )
        )
    measured = [scan.scan for scan in scans]
    assessments = assess_scans(measured, protocol=protocol) if len(scans) > 1 else ()
    return Metabolism(tuple(scans), assessments, tuple(projected), tuple(totals), tuple(warnings))


def _totals(
    day: int, suv: Volume, masks: Mapping[str, Mask], fields: Mapping[str, str]
) -> tuple[PetTotals, ...]:
    """Totals of all lesions of a date, then of each field class, as delineated and above SUV 4."""
    found = []
    for threshold in (None, UptakeThreshold.fixed()):
        basis = DELINEATED if threshold is None else threshold.name
        drawn = list(masks.values())
        found.append(PetTotals(day, ALL_LESIONS, basis, burden(suv, drawn, threshold=threshold)))
        named = [fields.get(name, Field.UNKNOWN.value) for name in masks]
        by_field = burden_by_field(suv, drawn, named, threshold=threshold)
        found += [PetTotals(day, field, basis, each) for field, each in by_field.items()]
    return tuple(found)


def _uptake(examination: Examination, mask: Mask, pieces: Sequence[Sized], known: Memory) -> Uptake:
    """The uptake of a lesion; that of its only piece was measured with its size."""
    first = pieces[0].uptake
    if len(pieces) == 1 and first is not None:
        return first
    suv = examination.suv
    assert suv is not None  # only dates with a PET come here
    question = ("uptake", examination.day, mask_key(mask))
    return known.of(question, lambda: uptake(suv, mask))


def _drawn(
    lesions: Sequence[TrackedLesion], examination: Examination, known: Memory
) -> dict[str, tuple[Mask, Sequence[Sized]]]:
    """The lesions of a date on the grid of its PET, with their pieces.

    Those too small for a voxel are left out.
    """
    found: dict[str, tuple[Mask, Sequence[Sized]]] = {}
    for lesion in lesions:
        sighting = lesion.track.at(examination.day)
        pieces = lesion.sized.get(examination.day, ())
        if sighting is None or sighting.state not in SEEN or not pieces or examination.suv is None:
            continue
        whole = united([piece.candidate.mask for piece in pieces])
        question = ("on PET", examination.day, mask_key(whole))
        mask = known.of(question, partial(_on_pet, whole, examination.suv.grid))
        if mask is not None:
            found[lesion.id] = mask, pieces
    return found


def _on_pet(mask: Mask, grid: Grid) -> Mask | None:
    try:
        return on_pet_grid(mask, grid)
    except GeometryError:
        return None


def _is_absent(lesion: TrackedLesion, day: int) -> bool:
    sighting = lesion.track.at(day)
    seen = day in lesion.reviewed and day not in lesion.incomplete
    return sighting is not None and sighting.state is State.ABSENT and seen
