"""PET values to SUV: the factor of each slice, from the headers alone, and the volume."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset

from imaging.errors import GeometryError, HeaderError, InputError
from imaging.volume import Unit, Volume
from pet.suv.administration import (
    dose_bq,
    drug_of,
    half_life_s,
    injection_time,
    radiopharmaceutical,
)
from pet.suv.audit import Audit, CandidateTime
from pet.suv.enhanced_pet import frames, is_multi_frame
from pet.suv.normalisation import Body, SuvType
from pet.suv.notes import Notes
from pet.suv.patient import gain, read_body
from pet.suv.pet_elements import numbers
from pet.suv.pet_header import SeriesFacts, read_series
from pet.suv.reference_time import (
    DOUBT_PERCENT,
    ReferenceTime,
    first_frame,
    frame_means,
    scan_start,
)
from pet.suv.suv_errors import (
    InconsistentTagError,
    InvalidTagError,
    MissingTagError,
    UnsupportedUnitsError,
)

#: No static image begins sooner after the injection: what is stated is the start of a whole scan.
LEAST_UPTAKE = dt.timedelta(minutes=10)
#: Normalisation named by SUVType (0054,1006), by unit. Absent means body weight for GML.
STATED_TYPE: MappingProxyType[str, dict[str | None, SuvType]] = MappingProxyType(
    {
        "GML": {
            None: SuvType.BW,
            "BW": SuvType.BW,
            "LBM": SuvType.LBM_MORGAN,
            "LBMJAMES128": SuvType.LBM_JAMES,
            "LBMJANMA": SuvType.LBM,
            "IBW": SuvType.IBW,
        },
        "CM2ML": {None: SuvType.BSA, "BSA": SuvType.BSA},
    }
)
#: The unit of the voxels that each DICOM unit stands for.
VOXEL_UNITS: MappingProxyType[str, tuple[Unit, ...]] = MappingProxyType(
    {
        "BQML": (Unit.BQML,),
        "CNTS": (Unit.CNTS,),
        "GML": (Unit.SUV_BW, Unit.SUV_LBM, Unit.SUV_IBW),
        "CM2ML": (Unit.SUV_BSA,),
    }
)


@dataclass(frozen=True, slots=True)
class _Timing:
    """Dose left at each slice's reference time."""

    remaining_bq: tuple[float, ...]
    rule: str
    dose_bq: float
    half_life_s: float | None = None
    reference: ReferenceTime | None = None
    injection: dt.datetime | None = None
    uptake_min: float | None = None


def to_suv(
    volume: Volume,
    headers: Sequence[Dataset],
    *,
    kind: SuvType = SuvType.BW,
    strict: bool = False,
    injection_item: int | None = None,
) -> tuple[Volume, Audit]:
    """A PET volume as SUV, with the record of how.

    Args:
        volume: rescaled values (stored * slope + intercept), (i, j, k); its unit tells whether
            they are Bq/ml, counts or already SUV.
        headers: one per slice in the order of k, or one of a multi-frame object. Without headers
            (NIfTI) the volume must already be of the wanted unit.
        kind: normalisation of the result.
        strict: an adapted value or a doubt about the reference time is an error.
        injection_item: which item of the radiopharmaceutical sequence, where there are several.

    Returns:
        The SUV volume on the same grid (float32, or float64 if it came so) and the audit.

    Raises:
        HeaderError: a fact is missing or wrong; the message names the tag.
        UnsupportedError: the image is no quantitative PET.
        GeometryError: headers and volume do not belong together.
        InputError: the unit of the volume contradicts the headers, or is unknown.
    """
    if not headers:
        return volume, _declared(volume, kind)
    ordered = _in_order(volume, headers)
    audit = suv_factors(ordered, kind=kind, strict=strict, injection_item=injection_item)
    units = audit.units.split()[0]
    if volume.unit not in VOXEL_UNITS[units]:
        raise InputError(
            f"the volume is in {volume.unit.value} but Units (0054,1001) is {units}",
            where=volume.source or None,
            remedy="give the rescaled values, not converted ones",
        )
    dtype = np.float64 if volume.array.dtype == np.float64 else np.float32
    factors = np.array(audit.factors, dtype=dtype)
    array = np.multiply(volume.array, factors[None, None, :], dtype=dtype)
    return Volume(array, volume.grid, kind.unit, volume.source), audit


@disable_value_validation()
def suv_factors(
    headers: Sequence[Dataset],
    *,
    kind: SuvType = SuvType.BW,
    strict: bool = False,
    injection_item: int | None = None,
) -> Audit:
    """The factor from rescaled values to SUV, per slice, from the headers alone.

    Arguments and errors as in :func:`to_suv`.
    """
    notes = Notes(strict)
    series = read_series(headers, notes, injection_item=injection_item)
    units = series.units
    if units in STATED_TYPE:
        audit = _from_suv(series, kind, notes)
    elif units == "BQML":
        audit = _from_activity(series, (1.0,) * len(series.slices), kind, notes)
    elif units == "CNTS":
        audit = _from_counts(series, kind, notes)
    else:
        raise UnsupportedUnitsError(
            "Units", f"is {units}: it cannot be related to an activity concentration"
        )
    return replace(
        audit,
        adaptations=tuple(notes.adaptations),
        checks=tuple(notes.checks),
        warnings=tuple(notes.warnings),
    )


def _declared(volume: Volume, kind: SuvType) -> Audit:
    if volume.unit is not kind.unit:
        raise InputError(
            f"a PET volume in {volume.unit.value} without DICOM headers cannot become "
            f"{kind.unit.value}",
            where=volume.source or None,
            remedy="state its unit when it is read",
        )
    factors = (1.0,) * volume.grid.shape[2]
    return Audit(kind, kind.unit.value, factors, "declared by the source of the volume")


def _in_order(volume: Volume, headers: Sequence[Dataset]) -> list[Dataset]:
    """One header per slice of the volume, each lying where its slice lies."""
    flat = [one for header in headers for one in frames(header)]
    slices = volume.grid.shape[2]
    if len(flat) != slices:
        raise GeometryError(f"{len(flat)} headers for {slices} slices", where=volume.source or None)
    places = [numbers(header, "ImagePositionPatient", 3) for header in flat]
    if any(place is None for place in places):
        return flat
    found = volume.grid.to_voxel(np.array(places, dtype=np.float64))[:, 2]
    if len(headers) == 1 and is_multi_frame(headers[0]):
        flat = [flat[index] for index in np.argsort(found)]
        found = np.sort(found)
    if np.abs(found - np.arange(slices)).max() > 0.5:
        raise GeometryError(
            "ImagePositionPatient (0020,0032) of the headers is not in the order of the slices",
            where=volume.source or None,
        )
    return flat


def _from_suv(series: SeriesFacts, kind: SuvType, notes: Notes) -> Audit:
    """Already SUV, of a stated type."""
    types = STATED_TYPE[series.units]
    if series.suv_type not in types:
        raise InconsistentTagError(
            "SUVType", f"is {series.suv_type} while Units (0054,1001) is {series.units}"
        )
    stated = types[series.suv_type]
    if series.suv_type is None:
        notes.warn(f"SUVType (0054,1006) is absent: {series.units} is taken as {stated.ucum}")
    body = read_body(series.first, kind, stated, notes)
    factor = 1.0 if stated is kind else gain(body, kind, stated)
    audit = Audit(
        kind,
        " ".join(filter(None, (series.units, series.suv_type))),
        (factor,) * len(series.slices),
        f"the voxels are {stated.ucum}: no decay to correct",
    )
    return _described(audit, series, body, _stated_timing(series))


def _from_activity(
    series: SeriesFacts, scales: tuple[float, ...], kind: SuvType, notes: Notes
) -> Audit:
    """Activity concentration, after ``scales`` of each slice."""
    body = read_body(series.first, kind, None, notes)
    normaliser = body.normaliser(kind)
    timing = _timing(series, notes)
    factors = tuple(
        scale * normaliser / left for scale, left in zip(scales, timing.remaining_bq, strict=True)
    )
    audit = _described(Audit(kind, series.units, factors, timing.rule), series, body, timing)
    if series.decay_correction != "START":
        return audit
    return replace(
        audit, candidates=(*audit.candidates, *_check_philips(series, body, timing, notes))
    )


def _from_counts(series: SeriesFacts, kind: SuvType, notes: Notes) -> Audit:
    """Counts of a Philips scanner, through its private factors."""
    if series.vendor != "philips":
        raise UnsupportedUnitsError(
            "Units", "is CNTS; only Philips states what its counts are in Bq/ml or SUV"
        )
    activity = [facts.activity_scale for facts in series.slices]
    if all(scale is not None for scale in activity):
        scales = tuple(scale for scale in activity if scale is not None)
        return _from_activity(series, scales, kind, notes)
    suv = [facts.suv_scale for facts in series.slices]
    if any(scale is None for scale in suv):
        raise MissingTagError("(7053,1009) and (7053,1000)", remedy="counts alone are no activity")
    if series.decay_correction == "NONE":
        raise InconsistentTagError(
            "(7053,1000)", "is a factor of decay-corrected counts; DecayCorrection is NONE"
        )
    _need_decay_correction(series)
    body = read_body(series.first, kind, SuvType.BW, notes)
    ratio = 1.0 if kind is SuvType.BW else gain(body, kind, SuvType.BW)
    factors = tuple(scale * ratio for scale in suv if scale is not None)
    audit = Audit(kind, series.units, factors, "the vendor's SUV scale factor (7053,1000)")
    return _described(audit, series, body, _stated_timing(series))


def _need_decay_correction(series: SeriesFacts) -> str:
    found = series.decay_correction
    if found is None:
        raise MissingTagError("DecayCorrection")
    if found not in ("ADMIN", "NONE", "START"):
        raise InvalidTagError("DecayCorrection", f"is {found}, not START, ADMIN or NONE")
    return found


def _timing(series: SeriesFacts, notes: Notes) -> _Timing:
    drug_of(series)
    correction = _need_decay_correction(series)
    dose = dose_bq(series, notes)
    count = len(series.slices)
    if correction == "ADMIN":
        rule = "decay correction ADMIN: the activity is that at the injection"
        injected, uptake_min = _uptake_of_admin(series)
        return _Timing((dose,) * count, rule, dose, None, None, injected, uptake_min)
    half_life = half_life_s(series, notes)
    reference = (
        scan_start(series, half_life, notes)
        if correction == "START"
        else frame_means(series, half_life)
    )
    injected = injection_time(series, min(reference.times), half_life, notes)
    remaining = tuple(
        dose * 2.0 ** (-(time - injected).total_seconds() / half_life) for time in reference.times
    )
    shown = min(reference.times)
    if correction == "START":
        shown = max(shown, min(_acquired(series), default=shown))
        if shown - injected < LEAST_UPTAKE:
            shown = max(shown, first_frame(series, reference, half_life))
    uptake_min = (shown - injected).total_seconds() / 60.0
    return _Timing(remaining, reference.rule, dose, half_life, reference, injected, uptake_min)


def _acquired(series: SeriesFacts) -> list[dt.datetime]:
    """When the slices were acquired, where they say so.

    A static image of a late part of a list-mode scan is decay corrected to the start of that scan,
    which may be the injection: the uptake lasts until the image was acquired.
    """
    return [facts.acquisition for facts in series.slices if facts.acquisition is not None]


def _uptake_of_admin(series: SeriesFacts) -> tuple[dt.datetime | None, float | None]:
    """Injection and minutes to the first acquisition: for the record, no number needs them."""
    starts = _acquired(series)
    if not starts:
        return series.injection, None
    try:
        injected = injection_time(series, min(starts), half_life_s(series, Notes()), Notes())
    except HeaderError:
        return series.injection, None
    return injected, (min(starts) - injected).total_seconds() / 60.0


def _stated_timing(series: SeriesFacts) -> _Timing | None:
    """Dose and times for the record, where the voxels need none; None where they are unsound."""
    try:
        return _timing(series, Notes())
    except HeaderError:
        return None


def _described(audit: Audit, series: SeriesFacts, body: Body, timing: _Timing | None) -> Audit:
    audit = replace(
        audit,
        decay_correction=series.decay_correction,
        weight_kg=body.weight_kg,
        height_m=body.height_m,
        sex=body.sex,
        radiopharmaceutical=radiopharmaceutical(series),
    )
    if timing is None:
        return audit
    return replace(
        audit,
        reference=None if timing.reference is None else timing.reference.times[0],
        injection=timing.injection,
        uptake_min=timing.uptake_min,
        dose_bq=timing.dose_bq,
        half_life_s=timing.half_life_s,
        candidates=() if timing.reference is None else timing.reference.candidates,
    )


def _check_philips(
    series: SeriesFacts, body: Body, timing: _Timing, notes: Notes
) -> tuple[CandidateTime, ...]:
    """SUV over activity factor is the vendor's own SUVbw per Bq/ml, and so gives its time."""
    facts, reference = series.slices[0], timing.reference
    if facts.suv_scale is None or facts.activity_scale is None:
        return ()
    ours = body.normaliser(SuvType.BW) / timing.remaining_bq[0]
    vendors = facts.suv_scale / facts.activity_scale
    if not notes.check("Philips (7053,1000) / (7053,1009)", vendors, ours, DOUBT_PERCENT):
        notes.doubt("(7053,1000)", f"gives {vendors:.6g} SUVbw per Bq/ml, the header {ours:.6g}")
    assert reference is not None  # decay correction START always has one
    assert timing.half_life_s is not None
    later_s = timing.half_life_s * math.log2(vendors / ours)
    time = reference.times[0] + dt.timedelta(seconds=later_s)
    return (CandidateTime("vendor-factors", time, 100.0 * (vendors / ours - 1.0)),)
