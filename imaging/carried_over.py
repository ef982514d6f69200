"""What an object derived from images takes over from their headers, as the standard allows it.

Scanners, anonymisers and archives leave values that no object may carry: a Study Date of zeros, a
thickness in words, a character set that does not exist. The value is left empty, or found from the
geometry; the identifiers of study and patient stay as they are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
from pydicom.charset import python_encoding
from pydicom.dataset import Dataset

#: Elements that must be present, if only empty, and that anonymised files often lack.
MAY_BE_EMPTY = (
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyID",
    "PositionReferenceIndicator",
)

#: Characters that a carried-over element may have (PS3.5, table 6.2-1: SH); sources break this.
LONGEST = {"StudyID": 16, "AccessionNumber": 16}
#: Dates and times as DICOM writes them (PS3.5, table 6.2-1: DA, TM).
_DATE = re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
_TIME = re.compile(r"([01]\d|2[0-3])[0-5]\d[0-5]\d(\.\d{1,6})?")
_FORMS = {"StudyDate": _DATE, "PatientBirthDate": _DATE, "StudyTime": _TIME,
          "PatientSex": re.compile("[MFO]")}  # fmt: skip
#: Thickness and spacing, which the geometry gives too.
_LENGTHS = ("SliceThickness", "SpacingBetweenSlices")
#: The character set of text whose own is not known; its bytes are kept as they are read.
UNICODE = "ISO_IR 192"


def date_of(header: Dataset) -> str:
    """The Study Date, "" where it is none."""
    return _sound(header, "StudyDate")


def time_of(header: Dataset) -> str:
    """The Study Time, "" where it is none."""
    return _sound(header, "StudyTime")


def completed(header: Dataset, slice_mm: float | None = None) -> Dataset:
    """A header that an object derived from it can be made of; the same one where it is sound.

    Args:
        slice_mm: between slices, from their positions: a thickness that is no length; unless given
            such a thickness stays.
    """
    changed: dict[str, object] = {name: "" for name in MAY_BE_EMPTY if name not in header}
    changed |= {
        name: _sound(header, name)
        for name in _FORMS
        if name in header and _sound(header, name) != _text(header, name)
    }
    changed |= {
        name: _text(header, name)[:length]
        for name, length in LONGEST.items()
        if len(_text(header, name)) > length
    }
    if slice_mm is not None:
        changed |= {
            name: round(slice_mm, 6)
            for name in _LENGTHS
            if name in header and not _is_length(_text(header, name))
        }
    if not _is_known(header):
        changed |= {name: _text(header, name) for name in MAY_BE_EMPTY if name not in changed}
        changed["SpecificCharacterSet"] = UNICODE
    return with_values(header, changed) if changed else header


def with_values(header: Dataset, values: Mapping[str, object]) -> Dataset:
    """A header with other values of some elements, by keyword."""
    # A shallow copy of a Dataset shares its elements with the original.
    changed = Dataset()
    changed.update({tag: header.get_item(tag) for tag in header.keys()})  # noqa: SIM118 - tags
    for name, value in values.items():
        if name in changed:  # a value that is set would be set in the element of the original too
            delattr(changed, name)
        setattr(changed, name, value)
    return changed


def _text(header: Dataset, name: str) -> str:
    """The value as text; "" where pydicom cannot read it at all."""
    try:
        value = header.get(name)
    except (ValueError, TypeError, LookupError, OverflowError):
        return ""
    return "" if value is None else str(value)


def _sound(header: Dataset, name: str) -> str:
    text = _text(header, name)
    return text if _FORMS[name].fullmatch(text) else ""


def _is_length(text: str) -> bool:
    try:
        value = float(text)
    except ValueError:
        return False
    return math.isfinite(value) and value > 0


def _is_known(header: Dataset) -> bool:
    try:
        value = header.get("SpecificCharacterSet") or ""
    except (ValueError, TypeError, LookupError):
        return False
    names = [value] if isinstance(value, str) else list(value)
    return all(not name or name in python_encoding for name in names)


def slice_spacing_mm(headers: Sequence[Dataset]) -> float:
    """The distance of the first two slices, 1 mm of a single one."""
    if len(headers) < 2:
        return 1.0
    first, second = (np.array(h.ImagePositionPatient, dtype=np.float64) for h in headers[:2])
    return float(np.linalg.norm(second - first)) or 1.0
