"""The patient's weight, height and sex from the header, in the units they should be in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pydicom.dataset import Dataset

from imaging.errors import HeaderError
from pet.suv.normalisation import Body, SuvType
from pet.suv.notes import Notes
from pet.suv.pet_elements import number, text
from pet.suv.suv_errors import InvalidTagError, tag_text

#: A weight from here on is in grams; a height above this is in centimetres.
SMALLEST_WEIGHT_G = 1000.0
LARGEST_HEIGHT_M = 3.0
#: What a person can weigh and measure.
WEIGHT_KG = (1.0, 500.0)
HEIGHT_M = (0.3, 2.5)
#: Normalisations that need the sex.
BY_SEX = (SuvType.LBM, SuvType.LBM_JAMES, SuvType.LBM_MORGAN, SuvType.IBW)


def gain(body: Body, kind: SuvType, stated: SuvType | None) -> float:
    """What the normalisations contribute to the factor: F of the wanted over F of the stated."""
    found = body.normaliser(kind)
    return found if stated is None else found / body.normaliser(stated)


def read_body(header: Dataset, kind: SuvType, stated: SuvType | None, notes: Notes) -> Body:
    """The body as far as the conversion needs it checked; the rest for the record only.

    Args:
        kind: the wanted normalisation.
        stated: the one the voxels have; None for activity.

    Raises:
        InvalidTagError: a value that is needed is implausible.
    """
    needed = () if kind is stated else (kind, *filter(None, (stated,)))
    raw = Body(
        _value(_weight_as_written, header, bool(needed)),
        _value(_height_as_written, header, any(one is not SuvType.BW for one in needed)),
        text(header, "PatientSex"),
    )
    used = raw
    if raw.weight_kg is not None and raw.weight_kg >= SMALLEST_WEIGHT_G:
        used = replace(used, weight_kg=raw.weight_kg / 1000.0)
    if raw.height_m is not None and raw.height_m > LARGEST_HEIGHT_M:
        used = replace(used, height_m=raw.height_m / 100.0)
    if not needed:
        return used
    _note_adaptations(raw, used, kind, stated, notes)
    if used.sex == "O" and any(one in BY_SEX for one in needed):
        notes.warn("PatientSex (0010,0040) is O: the mean of both formulas is used")
    return used


def _value(read: Callable[[Dataset], float | None], header: Dataset, needed: bool) -> float | None:
    try:
        return read(header)
    except HeaderError:
        if needed:
            raise
        return None


def _weight_as_written(header: Dataset) -> float | None:
    return _plausible(header, "PatientWeight", WEIGHT_KG, SMALLEST_WEIGHT_G, 1000.0)


def _height_as_written(header: Dataset) -> float | None:
    return _plausible(header, "PatientSize", HEIGHT_M, LARGEST_HEIGHT_M, 100.0)


def _plausible(
    header: Dataset, keyword: str, limits: tuple[float, float], adapt_from: float, divisor: float
) -> float | None:
    """The value as written if, in its proper unit, it is one of a person."""
    found = number(header, keyword)
    if found is None:
        return None
    proper = found / divisor if found >= adapt_from else found
    if not limits[0] <= proper <= limits[1]:
        raise InvalidTagError(keyword, f"of {found:g} is not that of a person")
    return found


def _note_adaptations(
    raw: Body, used: Body, kind: SuvType, stated: SuvType | None, notes: Notes
) -> None:
    final = gain(used, kind, stated)
    changes = (
        ("PatientWeight", raw.weight_kg, used.weight_kg, "kg", "g"),
        ("PatientSize", raw.height_m, used.height_m, "m", "cm"),
    )
    for keyword, written, taken, unit, wrong in changes:
        if written == taken:
            continue
        back = replace(used, weight_kg=written) if unit == "kg" else replace(used, height_m=written)
        try:
            effect = 100.0 * (final / gain(back, kind, stated) - 1.0)
        except HeaderError:
            effect = None
        rule = f"a value in {wrong}"
        notes.adapt(tag_text(keyword), f"{written:g}", f"{taken:g} {unit}", rule, effect)
