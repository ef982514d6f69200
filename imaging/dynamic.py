"""Frames of a dynamic or gated PET: the same places again and again, one moment after another.

Series Type (0054,1000) should tell, and often is not there. One frame is no scan to be measured:
the first shows the minute after the injection.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from imaging.choice import SeriesCandidate
from imaging.header import Header, Tag
from imaging.slices import SAME_POSITION_MM
from imaging.volume import FloatArray

#: This share of the slices of a frame lies where the largest has its own: a frame may have lost
#: slices, and beds that lie side by side share few.
SAME_PLACES = 0.9
#: The next frame begins when the one before has ended, give or take this share of its duration.
NEXT_AFTER = (0.5, 1.5)


def same_places(heights_mm: Sequence[FloatArray]) -> bool:
    """Whether stacks, each given by its sorted slice positions, show the same part of the body."""
    largest = max(heights_mm, key=len)
    if not len(largest):
        return False
    for heights in heights_mm:
        nearest = np.abs(heights[:, None] - largest[None, :]).min(axis=1, initial=np.inf)
        if not len(heights) or (nearest < SAME_POSITION_MM).mean() < SAME_PLACES:
            return False
    return True


@dataclass(frozen=True, slots=True)
class _Frame:
    """When a stack was acquired, in seconds of its day."""

    number: int
    start_s: float
    duration_s: float

    @property
    def end_s(self) -> float:
        return self.start_s + self.duration_s

    def holds(self, other: _Frame) -> bool:
        return self.start_s <= other.start_s and other.end_s <= self.end_s

    def is_followed_by(self, other: _Frame) -> bool:
        low, high = (share * self.duration_s for share in NEXT_AFTER)
        return low <= other.start_s - self.start_s <= high


def with_frames_told(stacks: Sequence[SeriesCandidate]) -> list[SeriesCandidate]:
    """The stacks of a date; of PET series that are frames of one scan, with their number.

    They show the same places with the same matrix under one name, each beginning where another
    ends. The sum of several of them, which holds their times, is none.
    """
    groups: dict[Hashable, list[_Frame]] = defaultdict(list)
    for number, stack in enumerate(stacks):
        frame = _frame_of(number, stack)
        if frame is not None and stack.repeats == 1 and not stack.chosen:
            groups[_shown(stack)].append(frame)
    told = list(stacks)
    for frames in groups.values():
        single = [
            frame
            for frame in frames
            if sum(frame.holds(other) for other in frames if other != frame) < 2
        ]
        in_row = {
            member.number
            for one in single
            for other in single
            if one.is_followed_by(other)
            for member in (one, other)
        }
        if in_row and same_places([stacks[number].heights_mm for number in in_row]):
            for number in in_row:
                told[number] = replace(stacks[number], repeats=len(in_row))
    return told


def _shown(stack: SeriesCandidate) -> Hashable:
    elements = stack.first.elements
    names = (Tag.STUDY_UID, Tag.SERIES_DESCRIPTION, Tag.ROWS, Tag.COLUMNS, Tag.PIXEL_SPACING)
    return tuple(elements.get(tag) for tag in names)


def _frame_of(number: int, stack: SeriesCandidate) -> _Frame | None:
    """None of a CT, and of a PET that does not say when and how long it was acquired."""
    start_s = _seconds(stack.first)
    duration_ms = stack.first.number(Tag.FRAME_DURATION)
    if stack.series.modality != "PT" or start_s is None or not duration_ms or duration_ms < 0:
        return None
    return _Frame(number, start_s, duration_ms / 1000.0)


def _seconds(header: Header) -> float | None:
    """Acquisition Time (0008,0032), HHMMSS.FFFFFF, as seconds of the day."""
    digits = header.text(Tag.ACQUISITION_TIME).replace(":", "")
    try:
        clock = dt.time(int(digits[:2]), int(digits[2:4] or 0), int(digits[4:6] or 0))
        part = float(f"0{digits[6:]}") if digits[6:] else 0.0
    except ValueError:
        return None
    return clock.hour * 3600.0 + clock.minute * 60.0 + clock.second + part
