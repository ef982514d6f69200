"""Enhanced and legacy-converted PET: one flat header per frame, as a classic slice has it.

Enhanced PET (DICOM PS3.3 A.56) states the same facts in functional groups: Decay Corrected and
its date and time replace Decay Correction, the units stand in the real world value map, and a
frame's own reference date and time replaces the mean of an uncorrected frame.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydicom.dataset import Dataset

from imaging.errors import UnsupportedError
from pet.suv.pet_elements import number
from pet.suv.suv_errors import InvalidTagError, MissingTagError

#: UCUM code of a real world value map, without its spelling of the annotation, to Units, SUVType.
UNITS: dict[str, tuple[str, str | None]] = {
    "Bq/ml": ("BQML", None),
    "g/ml{SUVbw}": ("GML", "BW"),
    "g/ml{SUVlbm}": ("GML", "LBM"),
    "g/ml{SUVlbm(James)}": ("GML", "LBM"),
    "g/ml{SUVlbm(James128)}": ("GML", "LBMJAMES128"),
    "g/ml{SUVlbm(Janma)}": ("GML", "LBMJANMA"),
    "g/ml{SUVibw}": ("GML", "IBW"),
    "cm2/ml{SUVbsa}": ("CM2ML", "BSA"),
}
#: Relative difference at which the map's slope is another than the image's.
SAME_SLOPE = 1e-6
CORRECTIONS = (("DecayCorrected", "DECY"), ("AttenuationCorrected", "ATTN"))


def is_multi_frame(header: Dataset) -> bool:
    return "SharedFunctionalGroupsSequence" in header


def is_enhanced(header: Dataset) -> bool:
    """Whether a header is of an enhanced PET: the whole file, or a frame already laid flat."""
    return "DecayCorrected" in header


def frames(header: Dataset) -> tuple[Dataset, ...]:
    """The flat headers of the frames in stored order; a single-frame header as it is."""
    if not is_multi_frame(header):
        return (_translated(header),) if is_enhanced(header) else (header,)
    shared = header.SharedFunctionalGroupsSequence
    per_frame = header.get("PerFrameFunctionalGroupsSequence")
    if not per_frame:
        raise MissingTagError("PerFrameFunctionalGroupsSequence")
    return tuple(_frame(header, (*shared, own)) for own in per_frame)


def current_spelling(ucum: str) -> str:
    """``{SUVbw}g/ml`` (until 2017) to ``g/ml{SUVbw}``; other codes as they are."""
    annotation, closed, unit = ucum.partition("}")
    return f"{unit}{annotation}{closed}" if ucum.startswith("{") else ucum


def _frame(header: Dataset, groups: Sequence[Dataset]) -> Dataset:
    flat = Dataset()
    for element in header:
        if "FunctionalGroupsSequence" not in element.keyword:
            flat.add(element)
    for group in groups:
        _unassigned(flat, group)
        for macro in group:
            if macro.VR == "SQ" and macro.value and "Unassigned" not in macro.keyword:
                flat.update(macro.value[0])
    _rename(flat, header)
    _measured(flat, groups)
    return flat


def _translated(header: Dataset) -> Dataset:
    """A frame that the reader has laid flat: only the names remain to be translated."""
    flat = Dataset()
    flat.update(header)
    _rename(flat, header)
    _measured(flat, [header])
    return flat


def _unassigned(flat: Dataset, group: Dataset) -> None:
    """A legacy-converted object keeps the classic elements aside; they need no translation."""
    for name in ("Shared", "PerFrame"):
        for item in group.get(f"Unassigned{name}ConvertedAttributesSequence") or ():
            flat.update(item)


def _rename(flat: Dataset, header: Dataset) -> None:
    """The enhanced names to the classic ones, where the classic ones are absent."""
    if "FrameAcquisitionDateTime" in flat and "AcquisitionTime" not in flat:
        flat.AcquisitionDateTime = flat.FrameAcquisitionDateTime
    duration_ms = number(flat, "FrameAcquisitionDuration")
    if duration_ms is not None:
        flat.ActualFrameDuration = round(duration_ms)
    if "DecayCorrected" not in header:
        return
    if header.DecayCorrected not in ("YES", "NO"):
        raise InvalidTagError("DecayCorrected", f"is {header.DecayCorrected!r}, not YES or NO")
    flat.DecayCorrection = "START" if header.DecayCorrected == "YES" else "NONE"
    flat.CorrectedImage = [word for key, word in CORRECTIONS if header.get(key) == "YES"]


def _measured(flat: Dataset, groups: Sequence[Dataset]) -> None:
    """Units from the real world value map, which must be the map of the rescaled values."""
    if "Units" in flat:
        return
    maps = [
        item
        for group in groups
        for item in group.get("RealWorldValueMappingSequence") or (group,)
        if item.get("MeasurementUnitsCodeSequence")
    ]
    found = [(item, UNITS.get(current_spelling(_code(item)))) for item in maps]
    known = [(item, units) for item, units in found if units is not None]
    if not known:
        raise MissingTagError(
            "MeasurementUnitsCodeSequence",
            remedy="an enhanced PET states its units in the real world value map",
        )
    item, (units, suv_type) = known[0]
    slope, mapped = number(flat, "RescaleSlope"), number(item, "RealWorldValueSlope")
    if slope and mapped is not None and abs(mapped / slope - 1.0) > SAME_SLOPE:
        raise UnsupportedError(
            "RealWorldValueSlope (0040,9225) differs from RescaleSlope (0028,1053): which unit "
            "the rescaled values have is not stated"
        )
    flat.Units = units
    if suv_type is not None:
        flat.SUVType = suv_type


def _code(item: Dataset) -> str:
    return str(item.MeasurementUnitsCodeSequence[0].get("CodeValue", ""))
