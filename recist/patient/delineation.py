"""Delineations that came with the images, as candidates: RTSTRUCT, SEG and label maps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from imaging.contours import (
    Roi,
    rasterise,
    read_rtstruct,
    remarks,
)
from imaging.errors import InputError
from imaging.masks import read_label_map, read_seg
from imaging.seg import SegSegment
from imaging.series import Series, Visit
from imaging.volume import BoolArray, Grid, Mask
from recist.patient.lesion_names import (
    LYMPH_NODE_CODES,
    lesion_rois,
    named_lesion,
    node_by_name,
    organ_by_name,
    organ_of_region,
    types_tell,
    undrawn_lesions,
    why_not,
    why_not_segment,
)
from segmentation.evaluation import dice_of_masks
from segmentation.instances import (
    SMALLEST_CANDIDATE_ML,
    Candidate,
    components,
    labelled_candidates,
)

#: So many slices without contour may have been skipped by the reader; more are a gap.
SKIPPED_SLICES = 2
#: Two delineations that share this much (Dice) are the same lesion drawn twice.
SAME_LESION_DICE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Delineated:
    """The lesions delineated at one date, and what was left out.

    Attributes:
        reviewed: drawn or checked by a person, so that what is missing was not there.
        unusable: delineations that were given but cannot be used, each with the reason.
        incomplete: a lesion may have been drawn that is not among the candidates, so that what is
            missing may have been there.
        is_answer: says which lesions there are; else only its warnings tell anything.
        instead: why a network stands in for what a reader drew, or was not asked for; "" where
            there is nothing to say.
    """

    candidates: tuple[Candidate, ...]
    warnings: tuple[str, ...] = ()
    reviewed: bool = True
    unusable: tuple[str, ...] = ()
    incomplete: bool = False
    is_answer: bool = True
    instead: str = ""


def candidates_from_roi(roi: Roi, grid: Grid) -> list[Candidate]:
    """A candidate for each connected piece of an ROI: some hold several lesions."""
    mask = rasterise(roi, grid)
    if not mask.voxels:
        return []
    is_node, flags = node_by_name(roi.name)
    organ, organ_flags = (None, ()) if is_node else organ_by_name(roi.name)
    whole = Candidate(
        roi.name,
        mask,
        organ=organ,
        is_node=is_node,
        source=_source(roi.source),
        flags=(*flags, *organ_flags, *remarks(roi, grid)),
    )
    return _pieces(whole)


def _source(path: str) -> str:
    return Path(path).name


def _pieces(whole: Candidate) -> list[Candidate]:
    """The connected pieces, largest first; a crumb stays with the piece nearest to it.

    A slice or two without contour between contours that overlap do not part a lesion.
    """
    box = whole.mask.box_grid
    found = [
        replace(piece, mask=Mask.of(piece.mask.full() & whole.mask.array, box))
        for piece in components(_bridged(whole.mask.array), box, smallest_ml=0.0)
    ]
    large = [piece for piece in found if piece.mask.volume_ml >= SMALLEST_CANDIDATE_ML]
    if len(large) < 2:
        return [whole]
    parts = [piece.mask.full() for piece in large]
    centres = np.array([piece.centre_mm for piece in large])
    for crumb in found[len(large) :]:
        nearest = int(np.argmin(np.linalg.norm(centres - crumb.centre_mm, axis=1)))
        parts[nearest] |= crumb.mask.full()
    return [
        replace(
            whole,
            label=f"{whole.label} {number}",
            mask=_at(Mask.of(part, box), whole.mask),
            flags=(*whole.flags, f"piece {number} of {len(parts)} of {whole.label}"),
        )
        for number, part in enumerate(parts, start=1)
    ]


def _bridged(array: BoolArray) -> BoolArray:
    """The mask with up to ``SKIPPED_SLICES`` empty slices filled by what both neighbours share."""
    drawn = np.flatnonzero(array.any(axis=(0, 1)))
    bridged = array.copy()
    for low, high in pairwise(drawn):
        if 1 < high - low <= SKIPPED_SLICES + 1:
            bridged[:, :, low + 1 : high] = (array[:, :, low] & array[:, :, high])[:, :, None]
    return bridged


def _at(piece: Mask, whole: Mask) -> Mask:
    """A mask on the box of another, on that other's grid."""
    i, j, k = (a + b for a, b in zip(piece.start, whole.start, strict=True))
    return Mask(piece.array, (i, j, k), whole.grid)


def candidates_from_seg(
    segments: Sequence[SegSegment], pattern: str | None = None, *, source: str = ""
) -> tuple[Candidate, ...]:
    """Candidates from the segments that are lesions: one each, its pieces together."""
    found = []
    for segment in segments:
        if not segment.mask.voxels or why_not_segment(segment, pattern):
            continue
        is_node, organ, flags = _kind_of(segment)
        found.append(
            Candidate(
                segment.label,
                segment.mask,
                organ=organ,
                is_node=is_node,
                source=source,
                flags=(*flags, *segment.warnings),
            )
        )
    return tuple(found)


def _kind_of(segment: SegSegment) -> tuple[bool | None, str | None, tuple[str, ...]]:
    """Whether a segment is a node and its organ: by its codes, else by its label."""
    region = segment.region
    if {segment.kind.value, region.value if region else ""} & set(LYMPH_NODE_CODES):
        return True, None, ()
    if region is not None:  # a region that is not nodal says so
        return False, organ_of_region(region), ()
    is_node, node_flags = node_by_name(segment.label)
    organ, organ_flags = organ_by_name(segment.label)
    return is_node, None if is_node else organ, node_flags if is_node else organ_flags


def candidates_from_label_map(
    path: Path, grid: Grid, *, names: Mapping[int, str] | None = None
) -> tuple[Candidate, ...]:
    """Candidates from a NIfTI label map: one per label; the pieces of a single label apart."""
    labels = read_label_map(path, grid)
    held = labels[labels != 0]
    if names or (held.size and (held != held[0]).any()):
        return labelled_candidates(labels, grid, names=dict(names or {}), source=path.name)
    return components(labels != 0, grid, source=path.name)


def read_visit(visit: Visit, grid: Grid, pattern: str | None = None) -> Delineated:
    """The lesions of a visit's RTSTRUCT and SEG objects on the grid of its CT.

    Objects that refer to the CT series are preferred over those that only share its frame of
    reference (contours drawn on the PET, say). A lesion drawn in two objects is taken once, from
    the SEG before the RTSTRUCT. A file that cannot be used is named.
    """
    candidates: list[Candidate] = []
    warnings: list[str] = []
    unusable: list[str] = []
    incomplete = False
    if visit.labels is not None:
        try:
            candidates.extend(candidates_from_label_map(visit.labels, grid))
        except InputError as error:
            unusable.append(f"{visit.labels.name}: {error.what}")
    for series in (*_of_ct(visit.segs, visit), *_of_ct(visit.rtstructs, visit)):
        for path in series.files:
            try:
                found = of_object(path, series.modality, grid, pattern)
            except InputError as error:
                # By its name only: folders may be called after the patient.
                unusable.append(f"{path.name}: {error.what}")
                continue
            warnings.extend(found.warnings)
            unusable.extend(found.unusable)
            incomplete |= found.incomplete
            for candidate in found.candidates:
                twin = _twin(candidate, candidates)
                if twin is None:
                    candidates.append(candidate)
                else:
                    warnings.append(
                        f"{candidate.source}: {candidate.label} left out, {twin.label} of "
                        f"{twin.source} is the same lesion"
                    )
    return Delineated(
        tuple(candidates),
        tuple(warnings),
        unusable=tuple(unusable),
        incomplete=incomplete or bool(unusable),
    )


def _of_ct(objects: Sequence[Series], visit: Visit) -> Sequence[Series]:
    """The objects that refer to the visit's CT; all of them when none does."""
    if visit.ct is None:
        return objects
    uids = {visit.ct.uid, *visit.ct.joined_uids}
    return [series for series in objects if uids & series.references] or objects


def of_object(path: Path, modality: str, grid: Grid, pattern: str | None) -> Delineated:
    if modality == "SEG":
        segments = read_seg(path, grid)
        left = [(s.label, why_not_segment(s, pattern)) for s in segments]
        return Delineated(
            candidates_from_seg(segments, pattern, source=path.name),
            _not_taken(left, path),
            unusable=tuple(
                f"{path.name}: {segment.label} holds no voxel of the image"
                for segment in segments
                if not segment.mask.voxels and not why_not_segment(segment, pattern)
            ),
        )
    structure_set = read_rtstruct(path)
    told = types_tell(structure_set)
    rois = [roi for roi in structure_set.rois if roi.closed]
    left = [(roi.name, why_not(roi, pattern, types_tell=told)) for roi in rois]
    undrawn = undrawn_lesions(structure_set, pattern)
    left += [(roi.name, "no closed contour") for roi in undrawn if not roi.fault]
    found: list[Candidate] = []
    unusable = [f"{path.name}: ROI {roi.name}: {roi.fault}" for roi in undrawn if roi.fault]
    for roi in lesion_rois(structure_set, pattern):
        try:
            own = candidates_from_roi(roi, grid)
        except InputError as error:
            unusable.append(f"{path.name}: {error.what}")
            continue
        found += own
        if not own:
            unusable.append(f"{path.name}: ROI {roi.name} holds no voxel of the image")
    if not found and not unusable and (alike := [n for n, why in left if why and named_lesion(n)]):
        unusable.append(
            f"{path.name}: no ROI is taken for a lesion, but {', '.join(alike)} may be: choose "
            "with --roi-pattern"
        )
    return Delineated(
        tuple(found),
        _not_taken(left, path),
        unusable=tuple(unusable),
        incomplete=bool(undrawn or unusable),
    )


def _not_taken(left: Sequence[tuple[str, str]], path: Path) -> tuple[str, ...]:
    """A line for what is no lesion, with the reasons."""
    reasons: dict[str, list[str]] = {}
    for name, why in left:
        if why:
            reasons.setdefault(why, []).append(name)
    listed = "; ".join(f"{', '.join(names)} ({why})" for why, names in reasons.items())
    return (f"{path.name}: not taken for lesions: {listed}",) if listed else ()


def _twin(candidate: Candidate, others: Iterable[Candidate]) -> Candidate | None:
    """The candidate of another file that is the same lesion."""
    for other in others:
        if (
            other.source != candidate.source
            and dice_of_masks(candidate.mask, other.mask) > SAME_LESION_DICE
        ):
            return other
    return None
