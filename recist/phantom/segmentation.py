"""Writing the lesions of the last date as DICOM SEG: how a radiologist's workstation gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydicom import Dataset

from imaging.seg import Coded, SegSegment, write_seg
from imaging.volume import Mask
from recist.phantom.dicom import Session
from recist.phantom.lesions import LESIONS

#: Anatomic regions (SNOMED CT) by the organ of a lesion.
REGIONS = {
    "lung": Coded("39607008", "SCT", "Lung"),
    "liver": Coded("10200004", "SCT", "Liver"),
    "lymph node": Coded("59441001", "SCT", "Lymph node"),
}


def write_segments(
    masks: Mapping[str, Mask],
    names: Mapping[str, str],
    headers: Sequence[Dataset],
    session: Session,
    path: Path,
) -> None:
    """One segment per lesion under its name of this date, with its organ.

    Tracking UIDs belong to this date alone: they do not tell a lesion's identity.
    """
    organs = {lesion.id: lesion.organ for lesion in LESIONS}
    segments = [
        SegSegment(
            label=name,
            mask=masks[lesion],
            tracking_uid=str(session.uid("SEG", session.index, "track", name)),
            tracking_id=name,
            region=REGIONS[organs[lesion]],
        )
        for lesion, name in names.items()
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_seg(path, segments, headers, series_number=4)
