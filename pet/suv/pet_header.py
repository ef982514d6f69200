"""The facts of a PET series that decide its SUV, read from its headers once and checked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from imaging.errors import UnsupportedError
from pet.suv.enhanced_pet import frames, is_enhanced
from pet.suv.notes import Notes
from pet.suv.pet_elements import (
    GE_DECAY_TIME,
    PHILIPS_ACTIVITY_SCALE,
    PHILIPS_SUV_SCALE,
    SIEMENS_DECAY_TIME,
    clock,
    date_time,
    moment,
    number,
    numbers,
    offset,
    on_clock,
    scale_factor,
    text,
    words,
)
from pet.suv.suv_errors import InconsistentTagError, InvalidTagError, MissingTagError

#: Elements that all slices of one series share.
SHARED = (
    "SeriesInstanceUID",
    "Manufacturer",
    "Units",
    "SUVType",
    "DecayCorrection",
    "CorrectedImage",
    "PatientWeight",
    "PatientSize",
    "PatientSex",
)
SHARED_DRUG = (
    "RadionuclideTotalDose",
    "RadionuclideHalfLife",
    "RadiopharmaceuticalStartTime",
    "RadiopharmaceuticalStartDateTime",
)
#: Slices further apart than this many times the usual distance leave a gap.
GAP_RATIO = 1.5
#: Nothing in a scan takes ten days.
LONGEST_SPAN_MS = 8.64e8
#: Slices closer than this (mm) are at one place.
SAME_PLACE_MM = 0.01


@dataclass(frozen=True, slots=True)
class SliceFacts:
    """What differs from slice to slice. Times in seconds; None where absent."""

    acquisition: dt.datetime | None
    frame_reference_s: float | None
    duration_s: float | None
    frame_time: dt.datetime | None
    decay_factor: float | None
    suv_scale: float | None
    activity_scale: float | None


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """What the slices share, and the slices."""

    vendor: str
    units: str
    suv_type: str | None
    decay_correction: str | None
    series: dt.datetime | None
    decay_time: dt.datetime | None
    injection: dt.datetime | None
    injection_clock: dt.timedelta | None
    enhanced: bool
    first: Dataset
    drug: Dataset | None
    slices: tuple[SliceFacts, ...]


def read_series(
    headers: Sequence[Dataset], notes: Notes, *, injection_item: int | None = None
) -> SeriesFacts:
    """The facts of one series.

    Args:
        headers: one per slice, or one of a multi-frame object.
        injection_item: which item of the radiopharmaceutical sequence, where there are several.

    Raises:
        HeaderError, UnsupportedError: the series cannot be quantified; the message names the tag.
    """
    if not headers:
        raise MissingTagError("Modality", remedy="give the headers of the series")
    flat = [one for header in headers for one in frames(header)]
    drugs = [_drug(header, injection_item) for header in flat]
    _same(flat, SHARED)
    _same([drug for drug in drugs if drug is not None], SHARED_DRUG)
    first = flat[0]
    _acceptable(first)
    _corrections(first, notes)
    _rescaling(flat, notes)
    _places(flat, notes)
    vendor = _vendor(first)
    decay_time, injected = _decay_time(first, vendor, notes), _injection(drugs[0], notes)
    zone = _zone(first, decay_time, injected)
    slices = tuple(_slice(header, vendor, zone, notes) for header in flat)
    return SeriesFacts(
        vendor=vendor,
        units=text(first, "Units") or "",
        suv_type=text(first, "SUVType"),
        decay_correction=text(first, "DecayCorrection"),
        series=moment(first, "Series", notes),
        decay_time=on_clock(decay_time, zone),
        injection=on_clock(injected, zone),
        injection_clock=_injection_clock(drugs[0], notes),
        enhanced=is_enhanced(headers[0]),
        first=first,
        drug=drugs[0],
        slices=slices,
    )


def _vendor(header: Dataset) -> str:
    name = (text(header, "Manufacturer") or "").lower()
    if name == "ge" or name.startswith(("ge ", "gems", "general electric")):
        return "ge"
    for vendor, starts in (("siemens", ("siemens", "cps", "cti")), ("philips", ("philips",))):
        if name.startswith(starts):
            return vendor
    return "other"


def _drug(header: Dataset, item: int | None) -> Dataset | None:
    items = header.get("RadiopharmaceuticalInformationSequence") or ()
    if len(items) > 1 and item is None:
        raise InconsistentTagError(
            "RadiopharmaceuticalInformationSequence",
            f"has {len(items)} items",
            remedy="say which injection the image shows",
        )
    if item is not None and not 0 <= item < len(items):
        raise InvalidTagError(
            "RadiopharmaceuticalInformationSequence",
            f"has {len(items)} items, number {item} was asked for",
        )
    found: Dataset | None = items[item or 0] if items else None
    return found


def _same(headers: Sequence[Dataset], keywords: Sequence[str]) -> None:
    for keyword in keywords:
        found = {_comparable(text(header, keyword)) for header in headers}
        if len(found) > 1:
            values = sorted(str(value) for value in found)[:2]
            raise InconsistentTagError(
                keyword, f"differs between slices: {values[0]} and {values[1]}"
            )


def _comparable(value: str | None) -> str | float | None:
    """Numbers by value: 70 and 70.0 are one weight."""
    try:
        return value if value is None else float(value)
    except ValueError:
        return value


def _acceptable(header: Dataset) -> None:
    """It is a PET image, not a projection of one."""
    if text(header, "Modality") not in ("PT", None):
        raise UnsupportedError(f"Modality (0008,0060) is {text(header, 'Modality')}, not PT")
    if "REPROJECTION" in words(header, "SeriesType"):
        raise UnsupportedError("SeriesType (0054,1000) is REPROJECTION: a projection has no SUV")
    if text(header, "Units") is None:
        raise MissingTagError("Units")


def _corrections(header: Dataset, notes: Notes) -> None:
    corrected = words(header, "CorrectedImage")
    decay = text(header, "DecayCorrection")
    if not corrected:
        notes.doubt("CorrectedImage (0028,0051)", "is absent: attenuation correction is unproven")
        return
    if "ATTN" not in corrected:
        raise InvalidTagError(
            "CorrectedImage",
            "has no ATTN: the image is not attenuation corrected",
            remedy="choose the attenuation-corrected series",
        )
    if decay is not None and ("DECY" in corrected) != (decay != "NONE"):
        has = "has" if "DECY" in corrected else "has no"
        raise InconsistentTagError(
            "DecayCorrection", f"is {decay} but CorrectedImage (0028,0051) {has} DECY"
        )


def _rescaling(headers: Sequence[Dataset], notes: Notes) -> None:
    for header in headers:
        slope = number(header, "RescaleSlope")
        if slope is None:
            raise MissingTagError("RescaleSlope")
        if slope <= 0.0:
            raise InvalidTagError("RescaleSlope", f"is {slope}")
        if number(header, "RescaleIntercept"):
            notes.warn("RescaleIntercept (0028,1052) is not 0, which PET forbids; it is applied")


def _places(headers: Sequence[Dataset], notes: Notes) -> None:
    """Each slice lies at its own place, without gaps."""
    positions = [numbers(header, "ImagePositionPatient", 3) for header in headers]
    orientation = numbers(headers[0], "ImageOrientationPatient", 6)
    if len(headers) < 2 or orientation is None or any(place is None for place in positions):
        return
    normal = np.cross(orientation[:3], orientation[3:])
    along = np.sort(np.array(positions, dtype=np.float64) @ normal)
    steps = np.diff(along)
    if steps.min() < SAME_PLACE_MM:
        raise InconsistentTagError(
            "ImagePositionPatient",
            "is the same in two slices: a dynamic or gated series",
            remedy="select one frame or gate",
        )
    if steps.max() > GAP_RATIO * np.median(steps):
        notes.warn(
            f"ImagePositionPatient (0020,0032): a gap of {steps.max():.2f} mm among slices "
            f"{np.median(steps):.2f} mm apart"
        )


def _slice(header: Dataset, vendor: str, zone: dt.tzinfo | None, notes: Notes) -> SliceFacts:
    frame_ms, duration_ms = _span_ms(header, "FrameReferenceTime"), _duration_ms(header)
    reference = text(header, "FrameReferenceDateTime")
    frame_time = date_time("FrameReferenceDateTime", reference, notes) if reference else None
    return SliceFacts(
        acquisition=moment(header, "Acquisition", notes, zone),
        frame_reference_s=None if frame_ms is None else frame_ms / 1000.0,
        duration_s=None if duration_ms is None else duration_ms / 1000.0,
        frame_time=on_clock(frame_time, zone),
        decay_factor=_decay_factor(header, notes),
        suv_scale=scale_factor(PHILIPS_SUV_SCALE, header, vendor, notes),
        activity_scale=scale_factor(PHILIPS_ACTIVITY_SCALE, header, vendor, notes),
    )


def _duration_ms(header: Dataset) -> float | None:
    duration = _span_ms(header, "ActualFrameDuration")
    if duration is not None and duration <= 0.0:
        raise InvalidTagError("ActualFrameDuration", f"is {duration}")
    return duration


def _span_ms(header: Dataset, keyword: str) -> float | None:
    span = number(header, keyword)
    if span is not None and abs(span) > LONGEST_SPAN_MS:
        raise InvalidTagError(keyword, f"of {span:g} ms is more than ten days")
    return span


def _decay_factor(header: Dataset, notes: Notes) -> float | None:
    """Only a check rests on it: what cannot be a factor is told and left out."""
    found = number(header, "DecayFactor")
    if found is not None and found <= 0.0:
        notes.warn(f"DecayFactor (0054,1321) is {found:g} and is not checked")
        return None
    return found


def _zone(
    header: Dataset, decay_time: dt.datetime | None, injected: dt.datetime | None
) -> dt.tzinfo | None:
    """The offset of the scanner's clock, on which times without an offset are.

    Where the series does not state it, that of the decay time, else that of the injection, is
    taken for it; None where nothing states one.
    """
    stated = text(header, "TimezoneOffsetFromUTC")
    if stated is not None:
        return offset("TimezoneOffsetFromUTC", stated)
    known = (moment.tzinfo for moment in (decay_time, injected) if moment is not None)
    return next((zone for zone in known if zone is not None), None)


def _injection(drug: Dataset | None, notes: Notes) -> dt.datetime | None:
    given = text(drug, "RadiopharmaceuticalStartDateTime") if drug is not None else None
    return date_time("RadiopharmaceuticalStartDateTime", given, notes) if given else None


def _injection_clock(drug: Dataset | None, notes: Notes) -> dt.timedelta | None:
    given = text(drug, "RadiopharmaceuticalStartTime") if drug is not None else None
    return clock("RadiopharmaceuticalStartTime", given, notes) if given else None


def _decay_time(header: Dataset, vendor: str, notes: Notes) -> dt.datetime | None:
    standard = text(header, "DecayCorrectionDateTime")
    if standard is not None:
        return date_time("DecayCorrectionDateTime", standard, notes)
    for element in (SIEMENS_DECAY_TIME, GE_DECAY_TIME):
        value = element.read(header, vendor, notes)
        if value is not None:
            return date_time(element.tag, value, notes)
    return None
