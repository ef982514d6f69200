"""Writing the lesions of the last date as DICOM SEG: how a radiologist's workstation gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pydicom
from pydicom import Dataset

from imaging.seg import Coded, SegSegment, write_seg
from imaging.volume import Mask
from recist.phantom.dicom import Session, save
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
    ds = pydicom.dcmread(path)
    _make_repeatable(ds, session)
    save(ds, path)


def _make_repeatable(ds: Dataset, session: Session) -> None:
    """UIDs from the seed and times of the visit in place of those of this moment."""
    ds.SeriesInstanceUID = session.series_uid("SEG")
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = session.instance_uid("SEG")
    ds.SeriesDate = ds.ContentDate = ds.InstanceCreationDate = ds.StudyDate
    ds.SeriesTime = ds.ContentTime = ds.InstanceCreationTime = "113000"
    for equipment in ds.get("ContributingEquipmentSequence", []):
        equipment.ContributionDateTime = f"{ds.StudyDate}113000"
    organisation = session.uid("SEG", session.index, "dimensions")
    for item in (*ds.DimensionOrganizationSequence, *ds.DimensionIndexSequence):
        item.DimensionOrganizationUID = organisation
