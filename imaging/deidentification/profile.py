"""What becomes of each attribute: the Basic Profile of PS3.15 with six of its options.

The table of attributes (PS3.15 E.1-1) comes from the library dicom-anonymizer; which of them an
option lets stay is here, because dates, sizes and names of regions decide a response.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache

from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import DataElement

from imaging.errors import InputError

#: The edition of the standard that the table is of.
EDITION = "2026c"

#: Codes of the profile and of its options (PS3.16, context group 7050), in the order of E.1-1.
OPTIONS = (
    ("113100", "Basic Application Confidentiality Profile"),
    ("113105", "Clean Descriptors Option"),
    ("113104", "Clean Structured Content Option"),
    ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    ("113108", "Retain Patient Characteristics Option"),
    ("113111", "Retain Safe Private Option"),
)


class Action(StrEnum):
    """What becomes of an attribute."""

    REMOVE = "X"
    EMPTY = "Z"
    REPLACE = "D"
    #: Text that stays where nothing in it names the person; see :class:`Cleaner`.
    CLEAN = "C"
    KEEP = "K"


#: Retain Patient Characteristics: SUV needs weight, size and sex.
CHARACTERISTICS = ("PatientWeight", "PatientSize", "PatientSex", "PatientAge")
#: Clean Descriptors: names of series, regions and plans, by which lesions and phases are known.
DESCRIPTORS = (
    *("SeriesDescription", "StudyDescription", "ProtocolName", "ContrastBolusAgent"),
    *("ROIName", "ROIObservationLabel", "ROIDescription", "ROIObservationDescription"),
    *("StructureSetLabel", "StructureSetName", "RTPlanLabel", "RTPlanName"),
    *("DoseReferenceDescription", "PrescriptionDescription", "FractionGroupDescription"),
    *("BeamDescription", "DerivationDescription", "TreatmentSite", "TextString"),
)
#: Clean Structured Content, and the references that link objects.
SEQUENCES = (
    *("ContentSequence", "ReferencedImageSequence", "SourceImageSequence"),
    *("ReferencedStudySequence", "AcquisitionContextSequence", "VerifyingObserverSequence"),
)
#: Dates that are the person's own and tell nothing of the course.
OWN_DATES = (
    *("PatientBirthDate", "PatientBirthTime", "PatientBirthDateInAlternativeCalendar"),
    *("PatientDeathDateInAlternativeCalendar", "LastMenstrualDate"),
)
#: Safe private attributes (PS3.15 table E.3.10-1): creator -> elements; factors of SUV.
SAFE_PRIVATE = {"Philips PET Private Group": (0x00, 0x09)}
#: Repeating groups that hold overlays and curves, in which text may be drawn.
_DRAWN_GROUPS = (range(0x5000, 0x5100), range(0x6000, 0x6100))

_DATES = ("DA", "DT")
_TEXTS = ("LO", "LT", "SH", "ST", "UC", "UT")


@cache
def table() -> dict[int, str]:
    """Tag -> the code of the Basic Profile.

    Raises:
        InputError: the library of the table is not installed.
    """
    try:
        from dicomanonymizer.dicomfields_selector import (  # noqa: PLC0415 - an extra
            dicom_anonymization_database_selector,
        )
    except ImportError as error:
        raise InputError(
            "dicom-anonymizer is not installed", remedy="pip install recist[deidentify]"
        ) from error
    lists = dicom_anonymization_database_selector(f"dicomfields_{EDITION}")
    strongest = {
        "X_TAGS": "X", "Z_TAGS": "Z", "D_TAGS": "D", "Z_D_TAGS": "D", "X_Z_TAGS": "Z",
        "X_D_TAGS": "D", "X_Z_D_TAGS": "D", "X_Z_U_STAR_TAGS": "Z",
    }  # fmt: skip
    return {
        (tag[0] << 16) + tag[1]: code
        for name, code in strongest.items()
        for tag in lists[name]
        if len(tag) == 2
    }


@cache
def _kept() -> dict[int, Action]:
    named = (
        (CHARACTERISTICS, Action.KEEP),
        (DESCRIPTORS, Action.CLEAN),
        (SEQUENCES, Action.KEEP),
        (OWN_DATES, Action.EMPTY),
    )
    return {
        int(tag): action
        for keywords, action in named
        for keyword in keywords
        if (tag := tag_for_keyword(keyword)) is not None
    }


def action_of(element: DataElement) -> Action:
    """What becomes of an attribute that is not private; UIDs and dates have rules of their own."""
    tag = int(element.tag)
    if any(element.tag.group in group for group in _DRAWN_GROUPS):
        return Action.REMOVE
    if tag in _kept():
        return _kept()[tag]
    if element.VR in _DATES or element.VR == "TM":
        return Action.KEEP
    code = table().get(tag)
    if code is not None:
        return Action(code)
    return Action.CLEAN if element.VR in _TEXTS else Action.KEEP


def is_safe_private(creator: str, element: int) -> bool:
    """Whether a private attribute is one that the standard calls safe."""
    return element & 0xFF in SAFE_PRIVATE.get(creator, ())
