"""Masks as closed outlines, and writing them as RTSTRUCT.

Outlines run along the edges of pixels: they bound exactly the volume of the mask, and every reader
that asks for the pixel centres gets the same mask back. Holes are joined to their outer contour by
a keyhole along a pixel edge, which all readers understand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import UID

from imaging.derived import (
    Predecessor,
    SeriesOfOne,
    dated_by,
    identity_of,
    new_object,
    reference_to,
    succession,
)
from imaging.errors import GeometryError, InputError
from imaging.polygons import area
from imaging.seg import SegSegment
from imaging.volume import BoolArray, FloatArray, Grid, Mask
from imaging.writing import written_whole

Vertex = tuple[int, int]

RTSTRUCT_CLASS = UID("1.2.840.10008.5.1.4.1.1.481.3")
STUDY_CLASS = "1.2.840.10008.3.1.2.3.1"
#: Decimals of a coordinate in mm: far below a pixel, within the 16 characters of DS.
DECIMALS = 4
#: Display colours in turn (RGB), distinct on grey.
COLOURS = ((255, 87, 51), (51, 160, 255), (255, 195, 0), (60, 220, 120), (200, 90, 255))


def outlines(pixels: BoolArray) -> list[FloatArray]:
    """The outlines of one slice, holes joined to their outer contour by keyholes.

    Args:
        pixels: (columns, rows).

    Returns:
        Each (n, 2), column and row of vertices at pixel corners (half numbers), not closed.
    """
    loops = [np.array(loop) for loop in _loops(pixels)]
    outer = [loop for loop in loops if _turn(loop) > 0]
    holes = sorted((loop for loop in loops if _turn(loop) < 0), key=lambda loop: loop[:, 0].min())
    for hole in holes:
        outer = _joined(outer, hole)
    return [_simple(loop) - 0.5 for loop in outer]


def _turn(loop: FloatArray) -> float:
    return area(loop[:, 0].astype(float), loop[:, 1].astype(float))


def _loops(pixels: BoolArray) -> Iterator[list[Vertex]]:
    """Closed walks along pixel edges with the inside on one hand; corners in whole numbers.

    Pixels that touch at a corner only are walked apart.
    """
    padded = np.pad(pixels, 1)
    onward: dict[Vertex, list[Vertex]] = defaultdict(list)
    below, here = padded[1:-1, :-1], padded[1:-1, 1:]
    for i, j in np.argwhere(here & ~below).tolist():  # lower edge, walked with rising i
        onward[i, j].append((i + 1, j))
    for i, j in np.argwhere(below & ~here).tolist():  # upper edge, walked with falling i
        onward[i + 1, j].append((i, j))
    left, here = padded[:-1, 1:-1], padded[1:, 1:-1]
    for i, j in np.argwhere(here & ~left).tolist():  # left edge, walked with falling j
        onward[i, j + 1].append((i, j))
    for i, j in np.argwhere(left & ~here).tolist():  # right edge, walked with rising j
        onward[i, j].append((i, j + 1))
    while onward:
        start = next(iter(onward))
        loop = [start, _step(onward, start, None)]
        while loop[-1] != start:
            loop.append(_step(onward, loop[-1], loop[-2]))
        yield loop[:-1]


def _step(onward: dict[Vertex, list[Vertex]], at: Vertex, before: Vertex | None) -> Vertex:
    """The next corner; where two pixels touch, the turn that stays with the same pixel."""
    choices = onward[at]
    chosen = 0
    if len(choices) > 1 and before is not None:
        along = (at[0] - before[0], at[1] - before[1])
        turns = [along[0] * (n[1] - at[1]) - along[1] * (n[0] - at[0]) for n in choices]
        chosen = int(np.argmax(turns))
    following = choices.pop(chosen)
    if not choices:
        del onward[at]
    return following


def _joined(outer: list[FloatArray], hole: FloatArray) -> list[FloatArray]:
    """The outlines after a hole was joined to the one that lies to its left."""
    first = int(np.lexsort((hole[:, 1], hole[:, 0]))[0])
    x, y = hole[first]
    best: tuple[float, int, int] | None = None
    for number, loop in enumerate(outer):
        at = np.flatnonzero((loop[:, 1] == y) & (loop[:, 0] < x))
        if at.size:
            nearest = int(at[np.argmax(loop[at, 0])])
            if best is None or loop[nearest, 0] > best[0]:
                best = (float(loop[nearest, 0]), number, nearest)
    if best is None:
        raise GeometryError("a hole without an outer contour")
    _, number, vertex = best
    loop = outer[number]
    around = np.roll(hole, -first, axis=0)
    joined = np.concatenate([loop[: vertex + 1], around, around[:1], loop[vertex:]])
    return [*outer[:number], joined, *outer[number + 1 :]]


def _simple(loop: FloatArray) -> FloatArray:
    """The outline without the corners at which it runs straight on."""
    before, after = np.roll(loop, 1, axis=0), np.roll(loop, -1, axis=0)
    one, two = loop - before, after - loop
    straight = (one[:, 0] * two[:, 1] == one[:, 1] * two[:, 0]) & ((one * two).sum(axis=1) > 0)
    return np.asarray(loop[~straight], dtype=np.float64)


def contours_mm(mask: Mask) -> Iterator[tuple[int, FloatArray]]:
    """The outlines of a mask, slice by slice: k and (n, 3) LPS mm."""
    for k, pixels in mask.slices():
        for line in outlines(pixels):
            index = np.column_stack([line + np.array(mask.start[:2]), np.full(len(line), k)])
            yield k, mask.grid.to_world_mm(index)


def write_rtstruct(
    path: Path,
    segments: Sequence[SegSegment],
    headers: Sequence[Dataset],
    *,
    interpreted_type: str = "",
    label: str = "LESIONS",
    series_number: int = 901,
    series_description: str = "Lesions",
    earlier: Path | None = None,
) -> Path:
    """Write lesions as an RTSTRUCT; renamed into place when it is complete.

    The same lesions on the same images give the same bytes, UIDs included.

    Args:
        segments: all on the grid of the series.
        headers: of the source series, one per slice, in the order of ``k``; pixels not needed.
        interpreted_type: RT ROI Interpreted Type of all of them, "" to leave it open.
        earlier: the file of the structure set that this one takes the place of; it is referred to.

    Raises:
        InputError: nothing to write, or a series without frame of reference.
        GeometryError: masks that are not on the grid of the headers.
    """
    if not segments or not headers:
        raise InputError("an RTSTRUCT needs at least one lesion and the headers of its series")
    if not headers[0].get("FrameOfReferenceUID"):
        raise InputError("the series has no Frame of Reference UID (0020,0052)")
    shape = (int(headers[0].Columns), int(headers[0].Rows), len(headers))
    for segment in segments:
        _check_grid(segment.mask.grid, shape, segment.label)
    how = (interpreted_type, label, series_description)
    identity, predecessor = succession(_identity(segments, headers, how), earlier)
    says = SeriesOfOne(RTSTRUCT_CLASS, "RTSTRUCT", series_description, series_number, identity)
    dataset = new_object(headers[0], says)
    dataset.OperatorsName = ""
    dataset.FrameOfReferenceUID = headers[0].FrameOfReferenceUID
    dataset.PositionReferenceIndicator = headers[0].get("PositionReferenceIndicator") or ""
    dataset.StructureSetLabel = label[:16]
    dataset.StructureSetDate, dataset.StructureSetTime = dated_by(headers[0])
    dataset.ApprovalStatus = "UNAPPROVED"
    if predecessor is not None:
        dataset.PredecessorStructureSetSequence = DicomSequence([_replaced(predecessor)])
    dataset.ReferencedFrameOfReferenceSequence = DicomSequence([_reference(headers)])
    numbered = list(enumerate(segments, start=1))
    frame = headers[0].FrameOfReferenceUID
    dataset.StructureSetROISequence = DicomSequence(_roi(n, s, frame) for n, s in numbered)
    dataset.ROIContourSequence = DicomSequence(_drawn(n, s, headers) for n, s in numbered)
    dataset.RTROIObservationsSequence = DicomSequence(
        _observation(n, interpreted_type) for n, _ in numbered
    )
    with written_whole(path) as file:
        dataset.save_as(file, enforce_file_format=True)
    return path


def _check_grid(grid: Grid, shape: tuple[int, int, int], label: str) -> None:
    if grid.shape != shape:
        raise GeometryError(
            f"lesion {label} lies on a grid of {grid.shape}, the series has {shape}"
        )


def _identity(
    segments: Sequence[SegSegment], headers: Sequence[Dataset], how: tuple[str, ...]
) -> str:
    """What makes the object this object: the images, the lesions, their outlines, the software."""
    parts: list[object] = [*how, *(header.SOPInstanceUID for header in headers)]
    for each in segments:
        parts += [each.label, each.tracking_uid, each.algorithm, each.mask.start]
        parts += [each.mask.array.shape, np.packbits(each.mask.array).tobytes()]
    return identity_of(parts)


def _replaced(predecessor: Predecessor) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = predecessor.sop_class_uid
    item.ReferencedSOPInstanceUID = predecessor.sop_instance_uid
    return item


def _reference(headers: Sequence[Dataset]) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = headers[0].SeriesInstanceUID
    series.ContourImageSequence = DicomSequence(reference_to(header) for header in headers)
    study = Dataset()
    study.ReferencedSOPClassUID = STUDY_CLASS
    study.ReferencedSOPInstanceUID = headers[0].StudyInstanceUID
    study.RTReferencedSeriesSequence = DicomSequence([series])
    frame = Dataset()
    frame.FrameOfReferenceUID = headers[0].FrameOfReferenceUID
    frame.RTReferencedStudySequence = DicomSequence([study])
    return frame


def _roi(number: int, segment: SegSegment, frame_uid: str) -> Dataset:
    item = Dataset()
    item.ROINumber = number
    item.ReferencedFrameOfReferenceUID = frame_uid
    item.ROIName = segment.label[:64]
    if segment.tracking_uid:
        item.ROIDescription = f"Tracking UID {segment.tracking_uid}"
    item.ROIGenerationAlgorithm = "MANUAL" if segment.algorithm is None else "AUTOMATIC"
    return item


def _drawn(number: int, segment: SegSegment, headers: Sequence[Dataset]) -> Dataset:
    item = Dataset()
    item.ReferencedROINumber = number
    item.ROIDisplayColor = list(COLOURS[(number - 1) % len(COLOURS)])
    contours = []
    for k, points in contours_mm(segment.mask):
        contour = Dataset()
        contour.ContourImageSequence = DicomSequence([reference_to(headers[k])])
        contour.ContourGeometricType = "CLOSED_PLANAR"
        contour.NumberOfContourPoints = len(points)
        contour.ContourData = [f"{value:.{DECIMALS}f}" for value in points.ravel().tolist()]
        contours.append(contour)
    item.ContourSequence = DicomSequence(contours)
    return item


def _observation(number: int, interpreted_type: str) -> Dataset:
    item = Dataset()
    item.ObservationNumber = number
    item.ReferencedROINumber = number
    item.RTROIInterpretedType = interpreted_type
    item.ROIInterpreter = ""
    return item
