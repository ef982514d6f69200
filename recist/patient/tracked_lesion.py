"""One lesion over all dates: where it was seen, how large it was, and what is known of its kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np

from imaging.volume import Mask
from recist.course import Caliper, Role
from recist.measure import diameter_mm
from recist.patient.corrections.corrected_measurements import CorrectedMeasurement
from recist.patient.examination import Sized
from recist.patient.overrides import Override
from recist.patient.work.observed import FoundBefore
from recist.tracking import Track

UNKNOWN_ORGAN = "unknown"
NODE_ORGAN = "lymph node"
#: A candidate is the lymph node that an ROI names when this share of it lies inside.
NODE_HINT_SHARE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class TrackedLesion:
    """A track with its sizes, its kind and, once roles are given, its place in the course.

    Attributes:
        sized: by day, the candidates that the lesion consists of there.
        node_known: the images or the reader say whether it is a node; else it is taken as none.
        choice: what the reader says of it.
        role: None until the targets are chosen.
        reviewed: the days on which a person delineated, or all if a reader confirmed the lesion.
        drawn_by_reader: the days on which a person delineated.
        incomplete: the days on which a delineation was given that cannot be used.
        corrected: by day, what the reader says of its size or state; it wins over what was drawn.
        found_before: of a new lesion, by day, what earlier dates show of it already.
    """

    track: Track
    sized: Mapping[int, tuple[Sized, ...]]
    organ: str
    is_node: bool
    node_known: bool
    choice: Override
    role: Role | None = None
    reviewed: frozenset[int] = frozenset()
    drawn_by_reader: frozenset[int] = frozenset()
    incomplete: frozenset[int] = frozenset()
    corrected: Mapping[int, CorrectedMeasurement] = field(default_factory=dict)
    found_before: Mapping[int, FoundBefore] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        track: Track,
        days: Sequence[int],
        sized: Sequence[Sequence[Sized]],
        choice: Override,
        hints: Mapping[int, Sequence[Mask]],
    ) -> TrackedLesion:
        """A track with the candidates that it names.

        Args:
            days: of all dates, in order.
            sized: by date, in the order of that date's candidates.
            choice: the reader's; it wins over names and hints.
            hints: by day, regions that a structure set names as lymph nodes.
        """
        pieces = {
            seen.day: tuple(sized[days.index(seen.day)][number] for number in seen.candidates)
            for seen in track.sightings
            if seen.candidates
        }
        candidates = [piece.candidate for found in pieces.values() for piece in found]
        said = [each.is_node for each in candidates if each.is_node is not None]
        inside = any(
            _share_inside(piece.candidate.mask, roi) >= NODE_HINT_SHARE
            for day, found in pieces.items()
            for piece in found
            for roi in hints.get(day, ())
        )
        known = [choice.is_node] if choice.is_node is not None else said or [True] * inside
        is_node = bool(known and sum(map(bool, known)) * 2 >= len(known))
        organs = [each.organ for each in candidates if each.organ]
        organ = NODE_ORGAN if is_node else organs[0] if organs else UNKNOWN_ORGAN
        return cls(
            track,
            pieces,
            choice.organ or organ,
            is_node,
            bool(known or organs or choice.organ),
            choice,
        )

    @property
    def id(self) -> str:
        return self.track.id

    def calipers(self, day: int) -> tuple[Caliper, ...]:
        """The calipers of its pieces at a date; none where it was too small to measure."""
        drawn = (part.caliper for part in self.sized.get(day, ()))
        return tuple(each for each in drawn if each is not None)

    def said(self, day: int) -> CorrectedMeasurement | None:
        """What the reader says of its size or state at a date; None where nothing, or only yes."""
        found = self.corrected.get(day)
        if found is None or (found.status is None and not found.is_sized):
            return None
        return found

    def parts_mm(self, day: int) -> tuple[Decimal, ...]:
        """The diameters of its pieces at a date: longest, or short axis of a node."""
        said = self.said(day)
        return self.drawn_parts_mm(day) if said is None else said.sizes_mm(self.is_node)

    def drawn_parts_mm(self, day: int) -> tuple[Decimal, ...]:
        """The diameters on its outlines at a date, whatever the reader says."""
        return tuple(diameter_mm(each, self.is_node) for each in self.calipers(day))

    def axes_mm(self, day: int) -> tuple[Decimal, Decimal] | None:
        """Long and short axis at a date, of the largest piece; None where none was measured.

        Where the reader gave only the diameter that counts, the other is the one drawn, as far as
        the two agree.
        """
        drawn = self.drawn_caliper(day)
        said = self.said(day)
        if said is None:
            return None if drawn is None else (drawn.long_axis_mm, drawn.short_axis_mm)
        if not said.is_sized:
            return None
        long_mm, short_mm = said.axes_mm
        counting = max(said.sizes_mm(self.is_node))
        if self.is_node:
            other = long_mm or (drawn.long_axis_mm if drawn else counting)
            return max(other, counting), counting
        other = short_mm or (drawn.short_axis_mm if drawn else counting)
        return counting, min(other, counting)

    def size_mm(self, day: int) -> Decimal | None:
        """The sum of the diameters of its pieces; None where none was measured."""
        parts = self.parts_mm(day)
        return sum(parts, Decimal(0)) if parts else None

    def caliper(self, day: int) -> Caliper | None:
        """The caliper shown: the reader's where he says something, else the one drawn."""
        said = self.said(day)
        return self.drawn_caliper(day) if said is None else said.caliper

    def drawn_caliper(self, day: int) -> Caliper | None:
        """The caliper on the outline; of a lesion in pieces, that of the largest."""
        return max(
            self.calipers(day), key=lambda each: diameter_mm(each, self.is_node), default=None
        )


def _share_inside(mask: Mask, region: Mask) -> float:
    """The share of a mask that lies in a region on the same grid."""
    start = np.maximum(mask.start, region.start)
    stop = np.minimum(
        np.add(mask.start, mask.array.shape), np.add(region.start, region.array.shape)
    )
    if (stop <= start).any() or not mask.voxels:
        return 0.0
    own, other = (
        each.array[
            tuple(slice(a - c, b - c) for a, b, c in zip(start, stop, each.start, strict=True))
        ]
        for each in (mask, region)
    )
    return float(np.count_nonzero(own & other)) / mask.voxels
