"""A structured report as an object: who made it, of which images, in place of which earlier one."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset

from imaging.derived import (
    MANUFACTURER,
    MODEL_NAME,
    derived_uid,
    identity_of,
    made_here,
    make_repeatable,
    refer_to_document,
    software_version,
    succession,
)
from imaging.seg import Algorithm, Coded
from imaging.writing import written_whole
from recist.patient.result import SignedBy

if TYPE_CHECKING:  # pandas comes with it: imported where a report is written
    import highdicom as hd

#: Names and organisations have at most so many characters (PS3.5, table 6.2-1: PN and LO), and none
#: that parts a name.
LONGEST_NAME = 64
_NO_TEXT = re.compile(r"[\\^=\x00-\x1f\x7f]+")
#: Of a document that a person attests to (PS3.3, C.17.2 and C.24.2), and of any other.
VERIFIED, UNVERIFIED = "VERIFIED", "UNVERIFIED"
#: Stands where a signature names no organisation: the standard wants one.
NO_ORGANISATION = "not stated"
#: Stands in the description of each series; LO holds 64 characters.
SHORT_NOTICE = "research use only"


def described(what: str) -> str:
    """The description of a series: what it is, by which software, and that it decides nothing."""
    return f"{what} (recist {software_version()}, {SHORT_NOTICE})"[:64]


def concept(code: Coded) -> hd.sr.CodedConcept:
    import highdicom as hd  # noqa: PLC0415 - see above

    return hd.sr.CodedConcept(code.value, code.scheme, code.meaning[:64])


def observer() -> hd.sr.ObservationContext:
    """This program as the observer; which person stands for a value is said where it stands."""
    import highdicom as hd  # noqa: PLC0415 - see above

    return hd.sr.ObservationContext(
        observer_device_context=hd.sr.ObserverContext(
            observer_type=concept(Coded("121007", "DCM", "Device")),
            observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
                uid=derived_uid("device", MODEL_NAME + software_version()),
                name=MODEL_NAME,
                manufacturer_name=MANUFACTURER,
                model_name=MODEL_NAME,
                serial_number=software_version(),
            ),
        )
    )


def algorithm_item(algorithm: Algorithm | None) -> hd.sr.AlgorithmIdentification | None:
    """The network that measured, as a part of a measurement group."""
    import highdicom as hd  # noqa: PLC0415 - see above

    if algorithm is None:
        return None
    return hd.sr.AlgorithmIdentification(algorithm.name, algorithm.version or "unknown")


def verified_parts(signed: SignedBy | None) -> tuple[str, ...]:
    """What a signature adds to what makes an object this object."""
    return () if signed is None else ("signed", signed.name, signed.organisation, signed.time)


def _verifying_observer(signed: SignedBy) -> Dataset:
    """Who attests to a report, for whom and since when (PS3.3, table C.17-2)."""
    observer = Dataset()
    observer.VerifyingObserverName = _plain(signed.name)
    observer.VerifyingOrganization = _plain(signed.organisation) or NO_ORGANISATION
    when = dt.datetime.fromisoformat(signed.time).astimezone(dt.UTC)
    observer.VerificationDateTime = f"{when:%Y%m%d%H%M%S}+0000"
    observer.VerifyingObserverIdentificationCodeSequence = []
    return observer


def _plain(name: str) -> str:
    return " ".join(_NO_TEXT.sub(" ", name).split())[:LONGEST_NAME]


def write_report(
    path: Path,
    kind: type[hd.sr.ComprehensiveSR] | type[hd.sr.Comprehensive3DSR],
    content: Dataset,
    evidence: Sequence[Dataset],
    *,
    description: str,
    series_number: int,
    earlier: Path | None,
    signed: SignedBy | None,
) -> Path:
    """Write a structured report; the same content on the same images gives the same bytes.

    It is complete, final and verified where a reader signed it, else partial and preliminary.

    Args:
        evidence: every image and object that it refers to; the first names patient and study.
        earlier: the file of the report that this one takes the place of; it is referred to.
    """
    images = (each.SOPInstanceUID for each in evidence)
    said = [path.name, description, content.to_json(), *images, *verified_parts(signed)]
    identity, predecessor = succession(identity_of(said), earlier)
    report = kind(
        evidence=list(evidence),
        content=content,
        **made_here(identity, series_number),
        is_complete=signed is not None,
        is_final=signed is not None,
        series_description=described(description),
        specific_character_set="ISO_IR 192",
    )
    if signed is not None:
        report.VerificationFlag = VERIFIED
        report.VerifyingObserverSequence = [_verifying_observer(signed)]
    refer_to_document(report, predecessor)
    make_repeatable(report, evidence[0])
    with written_whole(path) as file:
        report.save_as(file)
    return path
