"""One object without the person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from pydicom import Dataset
from pydicom.dataelem import DataElement

from imaging.deidentification.key import Alias, Key
from imaging.deidentification.person import PersonTraces
from imaging.deidentification.profile import (
    OPTIONS,
    OWN_DATES,
    Action,
    action_of,
    is_safe_private,
)
from imaging.derived import code_item

#: Ages above are given as this one (45 CFR 164.514 (b)(2)(i)(C): all ages over 89).
OLDEST_YEARS = 90
REPLACED = "REMOVED"

#: Objects whose pixels or document may show the person (PS3.3 A.8, A.45): secondary captures,
#: encapsulated documents, ultrasound and photographs.
SHOWING = (
    "1.2.840.10008.5.1.4.1.1.7",
    "1.2.840.10008.5.1.4.1.1.104",
    "1.2.840.10008.5.1.4.1.1.6",
    "1.2.840.10008.5.1.4.1.1.3",
    "1.2.840.10008.5.1.4.1.1.77",
)
_STRINGS = ("AE", "CS", "LO", "LT", "SH", "ST", "UC", "UT")


def shows_the_person(dataset: Dataset) -> str:
    """Why an object is not passed on: text may be burnt into it; empty where nothing says so."""
    burnt = str(dataset.get("BurnedInAnnotation", "")).upper()
    if burnt == "YES":
        return "Burned In Annotation is YES"
    kind = str(dataset.get("SOPClassUID", ""))
    showing = any(kind == each or kind.startswith(f"{each}.") for each in SHOWING)
    if showing and burnt != "NO":
        return f"{dataset.SOPClassUID.name} may show names"
    return ""


def clean(dataset: Dataset, alias: Alias, key: Key, person: PersonTraces) -> Dataset:
    """The object without the person, in place.

    Args:
        alias: of its subject.
        person: what names the subject in all of its files.
    """
    _clean_items(dataset, alias, key, person)
    dataset.PatientName = dataset.PatientID = alias.pseudonym
    age = str(dataset.get("PatientAge", ""))
    if age.endswith("Y") and age[:-1].isdigit() and int(age[:-1]) >= OLDEST_YEARS:
        dataset.PatientAge = f"{OLDEST_YEARS:03d}Y"
    dataset.PatientIdentityRemoved = "YES"
    dataset.LongitudinalTemporalInformationModified = "MODIFIED"
    dataset.DeidentificationMethod = "PS3.15 annex E, see the codes"
    dataset.DeidentificationMethodCodeSequence = [
        code_item(code, "DCM", meaning) for code, meaning in OPTIONS
    ]
    dataset.preamble = b"\x00" * 128
    return dataset


def _clean_items(dataset: Dataset, alias: Alias, key: Key, person: PersonTraces) -> None:
    for tag in list(dataset.keys()):
        element = dataset[tag]
        if element.tag.is_private:
            if not _is_safe(dataset, element):
                del dataset[tag]
        elif element.VR == "UI":
            element.value = _each(element, key.uid)
        elif element.VR in ("DA", "DT") and element.keyword not in OWN_DATES:
            element.value = _each(element, lambda text: shifted(text, alias.shift_days))
        elif element.VR == "SQ":
            if action_of(element) is Action.REMOVE:
                del dataset[tag]
                continue
            for item in element.value:
                _clean_items(item, alias, key, person)
        else:
            _clean_value(dataset, element, person)


def _is_safe(dataset: Dataset, element: DataElement) -> bool:
    """A safe private attribute, or the name of a creator that has one."""
    if element.tag.is_private_creator:
        block = (element.tag.element & 0xFF) << 8
        return any(
            is_safe_private(str(element.value), tag.element)
            for tag in list(dataset.keys())
            if tag.group == element.tag.group and tag.element & 0xFF00 == block
        )
    creator = element.private_creator or ""
    return is_safe_private(creator, element.tag.element)


def _clean_value(dataset: Dataset, element: DataElement, person: PersonTraces) -> None:
    action = action_of(element)
    if element.VR == "PN":
        action = Action.EMPTY if action is Action.KEEP else action
    if action is Action.CLEAN:
        values = element.value if element.VM > 1 else [element.value]
        if any(person.is_named_in(str(value)) for value in values if value is not None):
            element.value = ""
    elif action is Action.REMOVE:
        del dataset[element.tag]
    elif action is Action.EMPTY:
        element.value = None if element.VR not in _STRINGS else ""
    elif action is Action.REPLACE:
        _replace(dataset, element)


def _replace(dataset: Dataset, element: DataElement) -> None:
    if element.VR == "PN" or element.VR in _STRINGS:
        element.value = REPLACED
    else:
        del dataset[element.tag]


def _each(element: DataElement, change: Callable[[str], str]) -> object:
    if element.value is None or element.value == "":
        return element.value
    if element.VM > 1:
        return [change(str(value)) for value in element.value]
    return change(str(element.value))


def shifted(text: str, days: int) -> str:
    """A DICOM date, or date and time, moved by whole days; one that is none is emptied."""
    stripped = text.strip()
    try:
        date = dt.datetime.strptime(stripped[:8], "%Y%m%d").date() + dt.timedelta(days=days)
    except (ValueError, OverflowError):
        return ""
    return f"{date:%Y%m%d}{stripped[8:]}"
