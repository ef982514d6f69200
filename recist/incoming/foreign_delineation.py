"""Lesions that others delineated, as SEG or RTSTRUCT: dcmqi, 3D Slicer, planning systems, or we."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset

from imaging.contours import Roi, rasterise, structure_set
from imaging.dataset import read_object, understood
from imaging.derived import MANUFACTURER
from imaging.errors import HeaderError
from imaging.masks import segments, to_grid
from imaging.volume import Grid, Mask
from recist.incoming.authors import first_named, written_at
from recist.patient.lesion_names import (
    HELPER_NAME,
    LESION_TYPE,
    OPEN_TYPES,
    types_tell,
    why_not,
    why_not_segment,
)

MODALITIES = ("SEG", "RTSTRUCT")
#: How our structure sets carry the identity of a lesion: an ROI has no attribute for it.
_TRACKED = re.compile(r"Tracking UID ([0-9.]+)")


@dataclass(frozen=True, slots=True, eq=False)
class OutlinedLesion:
    """One segment or ROI.

    Attributes:
        names: what it is called; the first for a reader.
        frame_uid: frame of reference, "" where none is named.
        shape: on a grid of its own, or contours.
        no_lesion: why its name or type is not that of a lesion; "" where it is.
        is_planned: a target volume, an organ or a helper of a treatment plan by name or type.
    """

    names: tuple[str, ...]
    tracking_uid: str
    frame_uid: str
    shape: Mask | Roi
    no_lesion: str = ""
    is_planned: bool = False

    def on(self, grid: Grid) -> tuple[Mask, str]:
        """Its voxels on the grid of an image, and what was done to them for that.

        Raises:
            InputError: it cannot be laid on the grid.
        """
        if isinstance(self.shape, Roi):
            return rasterise(self.shape, grid), ""
        return to_grid(self.shape, grid)


@dataclass(frozen=True, slots=True, eq=False)
class ForeignDelineation:
    """A SEG or RTSTRUCT file.

    Attributes:
        images: SOP Instance UIDs that it refers to.
        author: the person or the program; "" where neither is named.
        is_ours: written by this program.
        predecessors: SOP Instance UIDs of what it takes the place of.
    """

    source: str
    modality: str
    sop_instance_uid: str
    patient_id: str
    study_uid: str
    images: frozenset[str]
    author: str
    written: dt.datetime | None
    is_ours: bool
    lesions: tuple[OutlinedLesion, ...]
    predecessors: frozenset[str] = frozenset()


def read_delineation(path: Path) -> ForeignDelineation:
    """Read the lesions of a file.

    Raises:
        HeaderError: neither SEG nor RTSTRUCT, or a damaged one.
        InputError: it cannot be opened or decoded.
    """
    with understood(path, "SEG or RTSTRUCT"):
        held = read_object(path)
        modality = str(held.get("Modality", ""))
        if modality not in MODALITIES:
            raise HeaderError(
                f"Modality (0008,0060) is {modality!r}, not SEG or RTSTRUCT", where=path.name
            )
        outlined = _segments if modality == "SEG" else _rois
        return ForeignDelineation(
            path.name,
            modality,
            str(held.get("SOPInstanceUID", "")),
            str(held.get("PatientID", "")).strip(),
            str(held.get("StudyInstanceUID", "")),
            frozenset(_references(held)),
            first_named(_authors(held)),
            written_at(held, "Content", "StructureSet", "InstanceCreation", "Series"),
            held.get("Manufacturer") == MANUFACTURER,
            tuple(outlined(held, path.name)),
            frozenset(
                str(item.get("ReferencedSOPInstanceUID", ""))
                for item in held.get("PredecessorStructureSetSequence", ())
            ),
        )


def _segments(held: Dataset, source: str) -> Iterator[OutlinedLesion]:
    frame = str(held.get("FrameOfReferenceUID", ""))
    for each in segments(held, source=source):
        names = (each.label, each.tracking_id)
        yield OutlinedLesion(
            tuple(dict.fromkeys(name for name in names if name)),
            each.tracking_uid,
            frame,
            each.mask,
            why_not_segment(each, None),
            bool(HELPER_NAME.search(each.label)),
        )


def _rois(held: Dataset, source: str) -> Iterator[OutlinedLesion]:
    structures = structure_set(held, source=source)
    told = types_tell(structures)
    described = {
        str(item.get("ROINumber", "")): str(item.get("ROIDescription") or "")
        for item in held.get("StructureSetROISequence", ())
    }
    for roi in structures.rois:
        tracked = _TRACKED.search(described.get(str(roi.number), ""))
        other_type = told and roi.interpreted_type not in (*OPEN_TYPES, LESION_TYPE)
        yield OutlinedLesion(
            (roi.name,),
            tracked[1] if tracked else "",
            roi.frame_of_reference_uid or "",
            roi,
            why_not(roi, types_tell=told),
            bool(HELPER_NAME.search(roi.name)) or other_type,
        )


def _authors(held: Dataset) -> Iterator[object]:
    """Who approved, drew or entered it, else the program."""
    for name in ("ReviewerName", "ContentCreatorName", "OperatorsName"):
        yield held.get(name)
    for item in held.get("RTROIObservationsSequence", ()):
        yield item.get("ROIInterpreter")
    for item in held.get("SegmentSequence", ()):
        yield item.get("SegmentAlgorithmName")
    for name in ("ManufacturerModelName", "Manufacturer"):
        yield held.get(name)


def _references(held: Dataset) -> Iterator[str]:
    """Every image that is named below the object."""
    for element in held:
        if element.tag == 0x52009230 or element.VR != "SQ":  # one item a frame: the same images
            continue
        for item in element.value:
            yield from _references(item)
            if "ReferencedSOPInstanceUID" in item:
                yield str(item.ReferencedSOPInstanceUID)
