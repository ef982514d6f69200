"""What names a person in the files of a patient, and whether a text holds any of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pydicom import Dataset
from pydicom.dataelem import DataElement

from imaging.deidentification.key import is_standard

#: Attributes whose values name the person, the people around, or the place.
_NAMING = (
    *("PatientID", "OtherPatientIDs", "AccessionNumber", "StudyID", "AdmissionID"),
    *("PatientBirthDate", "InstitutionName", "InstitutionalDepartmentName", "StationName"),
    *("PatientAddress", "PatientTelephoneNumbers", "IssuerOfPatientID"),
    *("DeviceSerialNumber", "RequestedProcedureID", "ScheduledProcedureStepID"),
)
#: Tokens of fewer characters are not looked for: every text holds them.
_SHORTEST = 3
#: Fewer bytes are not looked for in a file: they occur by chance.
_SHORTEST_BYTES = 5
_UID = re.compile(rb"[0-9]+(?:\.[0-9]+){4,}")
_DATES = re.compile(r"\b\d{4}[-./]?\d{2}[-./]?\d{2}\b|\b\d{1,2}[-./]\d{1,2}[-./]\d{2,4}\b")


@dataclass(slots=True)
class PersonTraces:
    """All that was found of a person while the headers were read.

    Attributes:
        tokens: names, numbers and places, in small letters.
        terms: defined terms of DICOM that the files use; none of them is a token.
        uids: of all objects, studies, series and frames.
        dates: as DICOM writes them; ``ordinals`` the same as numbers of days.
    """

    tokens: set[str] = field(default_factory=set)
    terms: set[str] = field(default_factory=set)
    uids: set[str] = field(default_factory=set)
    dates: set[str] = field(default_factory=set)

    def learn(self, dataset: Dataset) -> None:
        """Take up what the elements of an object say, those of its sequences too."""
        for element in _all(dataset):
            for value in _values(element):
                if element.VR == "PN":
                    self.tokens.update(_tokens(re.split(r"[\^=, ]", value)))
                elif element.VR == "UI":
                    self.uids |= set() if is_standard(value) else {value}
                elif element.VR in ("DA", "DT") and len(value) >= len("20240101"):
                    self.dates.add(value[:8])
                elif element.keyword in _NAMING:
                    self.tokens.update(_tokens([value]))
                elif element.VR == "CS":
                    self.terms.update(_tokens([value]))
        # A study that is called CHEST names no one.
        self.tokens -= self.terms

    def is_named_in(self, text: str) -> bool:
        """Whether a text holds a name, a number, a place or a date."""
        small = text.casefold()
        if _DATES.search(text) or any(date in text for date in self.dates):
            return True
        words = set(re.findall(r"\w+", small))
        return any(token in words or (len(token) > _SHORTEST and token in small)
                   for token in self.tokens)  # fmt: skip

    def left_in(self, data: bytes) -> Iterator[str]:
        """What of the person is still in the bytes of a file."""
        found = {match.decode("ascii") for match in _UID.findall(data)}
        yield from sorted(found & self.uids)
        small = data.lower()
        for token in sorted(self.tokens):
            if len(token) >= _SHORTEST_BYTES and token.encode("utf-8") in small:
                yield token
        for date in sorted(self.dates):
            if date.encode("ascii", "ignore") in data:
                yield date


def _all(dataset: Dataset) -> Iterator[DataElement]:
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from _all(item)
        else:
            yield element


def _values(element: DataElement) -> Iterator[str]:
    if isinstance(element.value, bytes):
        return
    values = element.value if element.VM > 1 else [element.value]
    for value in values:
        text = str(value).strip() if value is not None else ""
        if text:
            yield text


def _tokens(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        token = text.strip().casefold()
        if len(token) >= _SHORTEST:
            yield token
