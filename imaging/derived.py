"""What objects derived from images have in common: their identity, their dates, their maker.

The identity of an object follows from what it says, so that a repeated run gives the same bytes
under the same UIDs and an archive gets no second copy; whatever differs gets new UIDs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from imaging.carried_over import completed, date_of, time_of
from imaging.dataset import read_object
from imaging.errors import InputError

MANUFACTURER = "RECIST toolkit"
MODEL_NAME = "recist"

#: Stands where the study has no date that could be carried over.
UNDATED = "19000101"

#: Characters that a label, a meaning and a plain code may have (PS3.5, table 6.2-1: LO, SH).
LONGEST_LABEL, LONGEST_CODE = 64, 16

#: Purpose of a reference from an image to the one that it takes the place of: the standard has a
#: place for such a reference (PS3.3, C.12.4) and no code for its purpose.
REPLACED = ("REPLACED", "99RECIST", "Earlier object that this one takes the place of")

#: Patient and study of the source series, kept as they are.
OF_PATIENT_AND_STUDY = (
    "SpecificCharacterSet",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "StudyDescription",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    "StudyInstanceUID",
    "StudyID",
)


class Predecessor(NamedTuple):
    """An earlier object that a derived one takes the place of.

    Attributes:
        study_instance_uid, series_instance_uid: "" where it is referred to without them.
    """

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str = ""
    series_instance_uid: str = ""


def software_version() -> str:
    """The installed version of this toolkit."""
    try:
        return version("recist")
    except PackageNotFoundError:
        return "unknown"


def identity_of(parts: Iterable[object]) -> str:
    """A hash of everything that makes an object this object; bytes count as they are."""
    digest = hashlib.sha256()
    for part in (software_version(), *parts):
        held = part if isinstance(part, bytes) else str(part).encode("utf-8", "replace")
        digest.update(len(held).to_bytes(8, "big"))
        digest.update(held)
    return digest.hexdigest()


def derived_uid(what: str, identity: str) -> str:
    """The UID of the series, the instance, ... of an object with this identity."""
    return str(generate_uid(entropy_srcs=[what, identity]))


def made_here(identity: str, series_number: int) -> dict[str, Any]:
    """What an object of ours says of its series and of who made it, as highdicom takes it."""
    return {
        "series_instance_uid": derived_uid("series", identity),
        "series_number": series_number,
        "sop_instance_uid": derived_uid("instance", identity),
        "instance_number": 1,
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": MODEL_NAME,
        "software_versions": software_version(),
        "device_serial_number": "1",
    }


def succession(
    identity: str, earlier: Path | None, *, what: str = "instance"
) -> tuple[str, Predecessor | None]:
    """The identity of an object that takes the place of an earlier one, and which one that is.

    The object that lies there may say the same: then it is the same again, with the predecessor
    that it had. An object with a predecessor is another one than that without, since it says more.

    Args:
        identity: of what the object says, but for its predecessor.
        earlier: the file of the object that was written at its place; may be missing or damaged.
        what: ``instance``, or ``series`` where the identity is that of a series of several, of
            which ``earlier`` is the first.
    """
    found = read_earlier(earlier) if earlier is not None and earlier.is_file() else None
    if found is None:
        return identity, None
    own, its_predecessor = found
    same = _after(identity, its_predecessor)
    known = own.series_instance_uid if what == "series" else own.sop_instance_uid
    if derived_uid(what, same) == known:
        return same, its_predecessor
    return _after(identity, own), own


def _after(identity: str, predecessor: Predecessor | None) -> str:
    if predecessor is None:
        return identity
    return identity_of([identity, "after", predecessor.sop_instance_uid])


def read_earlier(path: Path) -> tuple[Predecessor, Predecessor | None] | None:
    """An object that was written before and its predecessor; None where it cannot be read."""
    try:
        held = read_object(path)
        own = Predecessor(
            str(held.SOPClassUID),
            str(held.SOPInstanceUID),
            str(held.StudyInstanceUID),
            str(held.SeriesInstanceUID),
        )
        return own, _predecessor_of(held)
    except (InputError, AttributeError):
        return None


def _predecessor_of(held: Dataset) -> Predecessor | None:
    for item in held.get("PredecessorStructureSetSequence", ()):
        return Predecessor(str(item.ReferencedSOPClassUID), str(item.ReferencedSOPInstanceUID))
    for item in held.get("ReferencedImageSequence", ()):
        if is_predecessor(item):
            return Predecessor(str(item.ReferencedSOPClassUID), str(item.ReferencedSOPInstanceUID))
    for study in held.get("PredecessorDocumentsSequence", ()):
        for series in study.ReferencedSeriesSequence:
            for item in series.ReferencedSOPSequence:
                return Predecessor(
                    str(item.ReferencedSOPClassUID),
                    str(item.ReferencedSOPInstanceUID),
                    str(study.StudyInstanceUID),
                    str(series.SeriesInstanceUID),
                )
    return None


def is_predecessor(item: Dataset) -> bool:
    """Whether a reference to an image is the one to an object that was replaced."""
    purpose = item.get("PurposeOfReferenceCodeSequence") or (Dataset(),)
    return (purpose[0].get("CodeValue"), purpose[0].get("CodingSchemeDesignator")) == REPLACED[:2]


def refer_to_document(derived: Dataset, predecessor: Predecessor | None) -> None:
    """Say in a document which one it takes the place of (PS3.3, C.17.2 and C.24.2)."""
    if predecessor is None:
        return
    item = Dataset()
    item.ReferencedSOPClassUID = predecessor.sop_class_uid
    item.ReferencedSOPInstanceUID = predecessor.sop_instance_uid
    series = Dataset()
    series.SeriesInstanceUID = predecessor.series_instance_uid
    series.ReferencedSOPSequence = DicomSequence([item])
    study = Dataset()
    study.StudyInstanceUID = predecessor.study_instance_uid
    study.ReferencedSeriesSequence = DicomSequence([series])
    derived.PredecessorDocumentsSequence = DicomSequence([study])


def code_item(value: str, scheme: str, meaning: str) -> Dataset:
    """A code as an item of a sequence (PS3.3, table 8.8-1)."""
    item = Dataset()
    setattr(item, "CodeValue" if len(value) <= LONGEST_CODE else "LongCodeValue", value)
    item.CodingSchemeDesignator = scheme
    item.CodeMeaning = meaning[:LONGEST_LABEL]
    return item


def refer_to_image(derived: Dataset, predecessor: Predecessor | None) -> None:
    """Say in an image, or a segmentation, which one it takes the place of (PS3.3, C.12.4)."""
    if predecessor is None:
        return
    item = Dataset()
    item.ReferencedSOPClassUID = predecessor.sop_class_uid
    item.ReferencedSOPInstanceUID = predecessor.sop_instance_uid
    item.PurposeOfReferenceCodeSequence = DicomSequence([code_item(*REPLACED)])
    others = derived.get("ReferencedImageSequence") or ()
    derived.ReferencedImageSequence = DicomSequence([*others, item])


def dated_by(source: Dataset) -> tuple[str, str]:
    """The date and time of the study that an object belongs to, as DICOM writes them.

    DICOM wants content dated; the moment of writing would make every rerun another object.
    """
    return date_of(source) or UNDATED, time_of(source) or "000000"


def make_repeatable(derived: Dataset, source: Dataset) -> None:
    """Dates and times of the study in place of those of this moment, wherever they stand."""
    date, time = dated_by(source)
    for name in ("SeriesDate", "ContentDate", "InstanceCreationDate"):
        if name in derived:
            setattr(derived, name, date)
    for name in ("SeriesTime", "ContentTime", "InstanceCreationTime"):
        if name in derived:
            setattr(derived, name, time)
    for equipment in derived.get("ContributingEquipmentSequence", []):
        equipment.ContributionDateTime = date + time


@dataclass(frozen=True, slots=True)
class SeriesOfOne:
    """What an object that is built by hand says of its series and of itself.

    Attributes:
        identity: of the object; of the series too, unless it is given.
        number: of the series.
    """

    sop_class_uid: str
    modality: str
    description: str
    number: int
    identity: str
    series_identity: str = ""
    instance_number: int = 1


def new_object(source: Dataset, says: SeriesOfOne) -> FileDataset:
    """An object in the study of its source, with what every object of ours says."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(says.sop_class_uid)
    meta.MediaStorageSOPInstanceUID = UID(derived_uid("instance", says.identity))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    derived = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    complete = completed(source)
    for name in OF_PATIENT_AND_STUDY:
        if name in complete:
            setattr(derived, name, complete.get(name))
    derived.SOPClassUID = says.sop_class_uid
    derived.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    derived.Modality = says.modality
    derived.SeriesInstanceUID = derived_uid("series", says.series_identity or says.identity)
    derived.SeriesNumber = says.number
    derived.SeriesDescription = says.description
    derived.SeriesDate, derived.SeriesTime = dated_by(source)
    derived.InstanceNumber = says.instance_number
    derived.Manufacturer = MANUFACTURER
    derived.ManufacturerModelName = MODEL_NAME
    derived.SoftwareVersions = software_version()
    return derived


def reference_to(image: Dataset) -> Dataset:
    """An item that refers to an instance."""
    item = Dataset()
    item.ReferencedSOPClassUID = image.SOPClassUID
    item.ReferencedSOPInstanceUID = image.SOPInstanceUID
    return item
