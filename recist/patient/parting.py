"""Parts of outlines that narrow between two lesions that may touch, put to the reader.

A part is never taken by itself: the reader names it as the outline of a lesion.
"""

from __future__ import annotations

from collections.abc import Sequence

from imaging.errors import InputError
from imaging.volume import Mask
from recist.measure import sizes_of_parts, waist_of
from recist.patient.corrections.drawn import DRAWN_LABEL, DrawnLesion, WaistPart
from recist.patient.examination import Sized
from recist.patient.tracked_lesion import TrackedLesion


def proposed_parts(lesions: Sequence[TrackedLesion]) -> tuple[tuple[int, WaistPart, str], ...]:
    """Day, part and its longest diameter in mm, of each outline that a machine drew with a waist.

    What a reader drew is drawn as he sees it.
    """
    return tuple(
        (day, WaistPart(lesion.id, number), size_mm)
        for lesion in lesions
        for day, pieces in sorted(lesion.sized.items())
        for sizes_mm in _first_sizes(pieces)
        for number, size_mm in enumerate(sizes_mm, start=1)
    )


def _first_sizes(pieces: Sequence[Sized]) -> list[tuple[str, str]]:
    """The sizes of the parts of the first piece that has a waist."""
    found = (
        sizes_of_parts(flag)
        for piece in pieces
        if not piece.candidate.label.startswith(DRAWN_LABEL)
        for flag in piece.candidate.flags
    )
    return [sizes for sizes in found if sizes is not None][:1]


def parting_remarks(lesions: Sequence[TrackedLesion]) -> tuple[tuple[str, int, str], ...]:
    """How the reader takes a part: (lesion, day, remark)."""
    words: dict[tuple[str, int], list[str]] = {}
    for day, part, size_mm in proposed_parts(lesions):
        words.setdefault((part.lesion, day), []).append(f"{part} ({size_mm} mm)")
    return tuple(
        (
            lesion,
            day,
            f"proposed apart: {' and '.join(parts)}; a part is taken where its name stands as the "
            "outline of a lesion in corrections/drawn.csv",
        )
        for (lesion, day), parts in words.items()
    )


def part_of(drawn: DrawnLesion, part: WaistPart, pieces: Sequence[Sized]) -> Mask:
    """The part that a reader took.

    Args:
        pieces: of the lesion that the part is of, at that date, as they were before he drew.

    Raises:
        InputError: no outline of it narrows there.
    """
    for piece in pieces:
        found = None if piece.caliper is None else waist_of(piece.candidate.mask, piece.caliper)
        if found is not None:
            return found.parts[part.number - 1]
    raise InputError(
        f"no outline of {part.lesion} narrows between two parts at this date",
        where=f"lesion {drawn.lesion}, {drawn.date}",
        remedy="corrections/drawn.csv names the parts that are proposed; draw others",
    )
