"""From the images of one series to stacks: a scout apart from the scan, acquisitions apart."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from imaging.choice import SeriesCandidate
from imaging.dynamic import same_places
from imaging.errors import GeometryError
from imaging.header import Header, Tag, numbers_of
from imaging.series import Series
from imaging.slices import SAME_POSITION_MM, is_complete, middle, plane
from imaging.volume import FloatArray

#: Elements by which acquisitions that share a series are told apart, tried in this order.
_SPLITTERS = (Tag.ACQUISITION_NUMBER, Tag.TEMPORAL_POSITION, Tag.IMAGE_TYPE, Tag.KERNEL)
#: What the images of one stack have in common: the first three in essence, the others exactly.
_SHAPE = (
    Tag.PIXEL_SPACING,
    Tag.ORIENTATION,
    Tag.IMAGE_TYPE,
    Tag.ROWS,
    Tag.COLUMNS,
    Tag.SAMPLES_PER_PIXEL,
    Tag.SOP_CLASS_UID,
)
#: Elements that tell when within a scan an image was acquired: they part frames alone.
_MOMENTS = (Tag.ACQUISITION_TIME, Tag.FRAME_REFERENCE_TIME, Tag.TRIGGER_TIME)


def split(series: Series, headers: Sequence[Header]) -> list[SeriesCandidate]:
    """The stacks of a series, largest first.

    Images of different matrix, pixel spacing or orientation, and localizers, are apart; images
    at the same positions are told apart by acquisition, temporal position, image type or kernel
    where one of these does so completely.
    """
    stacks: list[SeriesCandidate] = []
    for group in _grouped(headers, _shape_of):
        heights = heights_of(group)
        parts = _acquisitions(group, heights)
        repeats = _repeats(parts)
        for part in parts:
            own = heights if len(parts) == 1 else heights_of(part)
            stacks.append(replace(_stack(series, part, own), repeats=repeats))
    return sorted(stacks, key=lambda stack: (-stack.series.slices, stack.series.files))


def _grouped(headers: Sequence[Header], key: Callable[[Header], Hashable]) -> list[list[Header]]:
    groups: dict[Hashable, list[Header]] = defaultdict(list)
    for header in headers:
        groups[key(header)].append(header)
    return list(groups.values())


def _shape_of(header: Header) -> Hashable:
    return _shape(*map(header.elements.get, _SHAPE))


@lru_cache(maxsize=1024)
def _shape(
    spacing: bytes | None, orientation: bytes | None, image_type: bytes | None, *same: bytes | None
) -> Hashable:
    """What the slices of a stack have in common; the same bytes come thousands of times."""
    localizer = b"LOCALIZER" in (image_type or b"")
    return (*same, rounded(spacing, 4), rounded(orientation, 2), localizer)


@lru_cache(maxsize=1024)
def rounded(raw: bytes | None, digits: int) -> tuple[float, ...]:
    """The values of a decimal string, rounded; the same few strings come thousands of times."""
    return tuple(round(value, digits) + 0.0 for value in numbers_of(raw))


def _acquisitions(headers: list[Header], heights: FloatArray) -> list[list[Header]]:
    """Images that do not make one regular stack, told apart where that makes regular ones."""
    doubled = _has_doubles(heights)
    if not doubled and _is_regular(heights):
        return [headers]
    for tag in _SPLITTERS:
        groups = _grouped(headers, lambda header, tag=tag: header.elements.get(tag))  # type: ignore[misc]
        apart = len(groups) > 1 and not any(_has_doubles(heights_of(group)) for group in groups)
        if apart and (doubled or all(_is_regular(heights_of(group)) for group in groups)):
            return groups
    for tag in _MOMENTS if doubled else ():
        groups = _grouped(headers, lambda header, tag=tag: header.elements.get(tag))  # type: ignore[misc]
        if _repeats(groups) > 1:
            return groups
    return [headers]


def _repeats(parts: Sequence[Sequence[Header]]) -> int:
    """How many times the same places were imaged, one after another; 1 for once."""
    if len(parts) < 2:
        return 1
    in_time = (Tag.ACQUISITION_NUMBER, Tag.TEMPORAL_POSITION, *_MOMENTS)
    if not any(len({part[0].elements.get(tag) for part in parts}) > 1 for tag in in_time):
        return 1  # told apart by what they show, not by when
    return len(parts) if same_places([np.sort(heights_of(part)) for part in parts]) else 1


def _is_regular(heights: FloatArray) -> bool:
    return not heights.size or is_complete(heights)


def _has_doubles(heights: FloatArray) -> bool:
    return bool(heights.size and (np.diff(np.sort(heights)) < SAME_POSITION_MM).any())


def heights_of(headers: Sequence[Header]) -> FloatArray:
    """Positions along the normal of the first image; empty where any position is unknown."""
    try:
        normal = plane(np.array(headers[0].numbers(Tag.ORIENTATION)))[2]
    except GeometryError:
        return np.empty(0)
    positions = [header.numbers(Tag.POSITION) for header in headers]
    if any(len(position) != 3 for position in positions):
        return np.empty(0)
    return np.asarray(np.array(positions) @ normal, dtype=np.float64)


def _stack(series: Series, headers: list[Header], heights: FloatArray) -> SeriesCandidate:
    order = np.argsort(heights, kind="stable") if heights.size else range(len(headers))
    ordered = [headers[n] for n in order]
    first = ordered[0]
    thickness = first.number(Tag.SLICE_THICKNESS)
    if not thickness and heights.size > 1:
        thickness = middle(np.diff(np.sort(heights)))
    stack = replace(
        series,
        files=tuple(_paths(ordered)),
        slices=sum(header.frames for header in ordered),
        slice_thickness_mm=thickness,
        frame_of_reference_uid=first.text(Tag.FRAME_OF_REFERENCE_UID) or None,
        sop_class_uid=first.text(Tag.SOP_CLASS_UID),
        sop_instance_uid=first.text(Tag.SOP_INSTANCE_UID),
    )
    return SeriesCandidate(stack, first, np.sort(heights))


def _paths(headers: Iterable[Header]) -> Iterator[Path]:
    """The files of headers; in one folder another name is found sooner than a path is parsed."""
    folder, file = "", Path()
    for header in headers:
        path = header.path
        cut = path.rfind(os.sep) + 1
        if cut and path[:cut] == folder:
            yield file.with_name(path[cut:])
        else:
            folder, file = path[:cut], Path(path)
            yield file
