"""Series to volumes: CT in Hounsfield units, PET in the unit of its header.

Slices are sorted along their normal and rescaled by their own slope and intercept. What cannot
be read rightly is refused with the reason; every adaptation is a warning in the reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydicom import Dataset

from imaging.enhanced import ENHANCED_CLASSES, read_frames
from imaging.errors import GeometryError, HeaderError, UnsupportedError
from imaging.header import Header, Tag
from imaging.series import Series, SeriesFormat
from imaging.slices import Stack
from imaging.stored import (
    Stored,
    ordered_headers,
    read_slice,
    read_slices,
    rescaling,
    whole_intercept,
)
from imaging.tilt import straighten
from imaging.uneven import interpolated, nearest
from imaging.volume import Array, Grid, Unit, Volume

#: What padding and the outside of a straightened stack are filled with.
AIR_HU = -1024
#: A declared padding value above this would erase tissue: it is left alone, with a warning.
HIGHEST_PADDING_HU = -900.0
#: HU that scanners give, extended scales and padding included: 16 bits with a sign. Metal reaches
#: 30,000.
LOWEST_HU, HIGHEST_HU = -32768.0, 32767.0
#: The body alone spans more: fat to bone. A label map with few labels spans less.
FEWEST_HU = 100.0
#: Lung and the air around the patient lie below; an image without is cut out, or shifted.
HIGHEST_AIR_HU = -300.0
_INT16 = np.iinfo(np.int16)

#: UCUM codes of PET values; the SUV ones in the current and in the older spelling (CID 85).
_CODED_UNITS = {
    "Bq/ml": Unit.BQML,
    "{counts}": Unit.CNTS,
    **{
        code: unit
        for name, base, unit in (
            ("SUVbw", "g/ml", Unit.SUV_BW),
            ("SUVlbm", "g/ml", Unit.SUV_LBM),
            ("SUVibw", "g/ml", Unit.SUV_IBW),
            ("SUVbsa", "cm2/ml", Unit.SUV_BSA),
        )
        for code in (f"{base}{{{name}}}", f"{{{name}}}{base}")
    },
}
_SUV_UNITS = {
    "BW": Unit.SUV_BW,
    "LBM": Unit.SUV_LBM,
    "LBMJAMES128": Unit.SUV_LBM,
    "LBMJANMA": Unit.SUV_LBM,
    "BSA": Unit.SUV_BSA,
    "IBW": Unit.SUV_IBW,
}


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A series as a volume, with what is needed to refer back to its images.

    Attributes:
        headers: one per slice, in the order of k (parsed when first asked for); for multi-frame
            files one flattened header per frame; empty for NIfTI; of the original slices where they
            were interpolated, fewer than there are in the volume.
        sop_instance_uids: one per slice, in the order of k, of the nearest original where slices
            were interpolated; empty for NIfTI.
        slice_thickness_mm: as in the header, else the spacing of the slices.
        warnings: every adaptation.
    """

    volume: Volume
    headers: Sequence[Dataset]
    sop_instance_uids: tuple[str, ...]
    slice_thickness_mm: float
    warnings: tuple[str, ...] = ()


def read_ct(series: Series) -> Reading:
    """A CT series in HU: int16 where every value is exact in it, else float32.

    Raises:
        GeometryError: slices missing, doubled, of different orientation or spacing.
        HeaderError: a needed element is missing, or a file is truncated.
        UnsupportedError: a transfer syntax or kind of image that is not read.
    """
    if series.kind is SeriesFormat.NIFTI:
        reading = _from_nifti(series, Unit.HU)
        doubts = believable_hu(*_ends(reading.volume.array), series.name)
        return replace(reading, warnings=(*reading.warnings, *doubts))
    stored = _stored(series, to_hu=True)
    outside, warnings = _padding(stored)
    values, ends = _hounsfield(stored)
    if outside is not None:
        values[outside] = AIR_HU
        ends = _ends(values)
    warnings += (*believable_hu(*ends, series.name), *_even_rescaling(stored))
    return _reading(series, stored, values, Unit.HU, fill=AIR_HU, warnings=warnings)


@dataclass(frozen=True, slots=True, eq=False)
class Slices:
    """A series of which nothing but headers is read yet.

    Attributes:
        grid: of the volume that it will be.
    """

    grid: Grid
    _headers: tuple[Header, ...]
    _stack: Stack
    _has_whole_hu: bool

    def hu(self, k: int) -> Array | None:
        """A slice of a CT, (j, i) int16 HU as in the volume of :func:`read_ct`.

        None where only the volume as a whole can say: HU that are not whole numbers.

        Raises:
            HeaderError, UnsupportedError: its pixels cannot be read.
        """
        if not self._has_whole_hu:
            return None
        stored = read_slice(self._headers[k], self._headers[0], self._stack)
        outside, _ = _padding(stored)
        values, _ = _hounsfield(stored)
        if values.dtype != np.int16:
            return None
        if outside is not None:
            values[outside] = AIR_HU
        image: Array = values[0]
        return image


def read_headers(series: Series) -> Slices | None:
    """What the headers of a series say; None where a slice is not what one file holds.

    That is so for NIfTI and multi-frame files, a tilted gantry and uneven distances.

    Raises:
        GeometryError, HeaderError, UnsupportedError: as :func:`read_ct`, as far as headers tell.
    """
    if series.kind is SeriesFormat.NIFTI or series.sop_class_uid in ENHANCED_CLASSES:
        return None
    headers, stack, _ = ordered_headers(series)
    rows, columns = headers[0].integer(Tag.ROWS), headers[0].integer(Tag.COLUMNS)
    if stack.is_sheared or stack.uneven_mm is not None or not rows or not columns:
        return None
    slopes, intercepts = rescaling(headers)
    frame = headers[0].text(Tag.FRAME_OF_REFERENCE_UID) or None
    return Slices(
        Grid((columns, rows, len(headers)), stack.affine, frame),
        tuple(headers),
        stack,
        bool((slopes == 1.0).all() and (intercepts == intercepts[0]).all()),
    )


def read_pet(series: Series) -> Reading:
    """A PET series as float32 in the unit of Units (0054,1001), slope and intercept per slice.

    BQML gives Bq/ml, GML an SUV by SUV Type (0054,1006) (absent: body weight, with a warning),
    CM2ML the SUV by body surface, CNTS counts.

    Raises:
        GeometryError, HeaderError, UnsupportedError: as :func:`read_ct`; UnsupportedError also
            for any other unit.
    """
    if series.kind is SeriesFormat.NIFTI:
        return _from_nifti(series, series.unit or Unit.OTHER)
    stored = _stored(series)
    unit, warnings = _pet_unit(stored.headers[0], series.name)
    values = _rescaled(stored)
    return _reading(series, stored, values, unit, fill=0.0, warnings=warnings)


def believable_hu(low: float, high: float, where: str) -> tuple[str, ...]:
    """Doubts about values that are said to be HU; a warning each.

    Args:
        low, high: the lowest and the highest of them.

    Raises:
        HeaderError: values that no CT gives: a wrong sign, slope or intercept.
    """
    if low < LOWEST_HU or high > HIGHEST_HU:
        raise HeaderError(
            f"values from {low:g} to {high:g}, which no CT gives in HU",
            where=where,
            remedy="check rescale slope and intercept, and the sign of the pixels",
        )
    if high - low < FEWEST_HU:
        return (f"values from {low:g} to {high:g} only: a label map, or an empty image?",)
    if low > HIGHEST_AIR_HU:
        return (
            f"no voxel is near the -1000 HU of air, the lowest is {low:g}: is the rescale "
            "intercept lost, or the image cut out of a scan?",
        )
    return ()


def _even_rescaling(stored: Stored) -> tuple[str, ...]:
    """A doubt about a CT whose slices are not all turned into HU alike; scanners do all alike."""
    pairs = [*zip(stored.slopes.tolist(), stored.intercepts.tolist(), strict=True)]
    usual = max(set(pairs), key=pairs.count)
    others = sum(pair != usual for pair in pairs)
    if not others:
        return ()
    what = "Rescale Slope (0028,1053) or Intercept (0028,1052)"
    return (
        f"{what} of {others} of {len(pairs)} slices differ from the others: are their HU right?",
    )


def _ends(values: Array) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _stored(series: Series, *, to_hu: bool = False) -> Stored:
    if series.sop_class_uid in ENHANCED_CLASSES:
        return read_frames(series)
    return read_slices(series, to_hu=to_hu)


def _from_nifti(series: Series, unit: Unit) -> Reading:
    from imaging.nifti import read_nifti  # noqa: PLC0415 - nibabel is long to load

    volume, warnings = read_nifti(series.files[0], unit)
    return Reading(volume, (), (), volume.grid.spacing_mm[2], warnings)


def _rescaled(stored: Stored) -> Array:
    """(k, j, i) float32: stored value times slope plus intercept, each slice by its own."""
    plain = stored.pixels.plus(0).values
    values = np.empty(plain.shape, dtype=np.float32)
    for k, (slope, intercept) in enumerate(zip(stored.slopes, stored.intercepts, strict=True)):
        np.multiply(plain[k], slope, out=values[k], casting="same_kind")
        values[k] += np.float32(intercept)
    return values


def _hounsfield(stored: Stored) -> tuple[Array, tuple[float, float]]:
    """(k, j, i) HU, int16 in place of the stored values where that is exact; and their ends."""
    pixels, intercept = stored.pixels, whole_intercept(stored.slopes, stored.intercepts)
    if intercept is None or pixels.values.itemsize > 2:
        values = _rescaled(stored)
        return values, _ends(values)
    low, high = pixels.lowest + intercept, pixels.highest + intercept
    if not _INT16.min <= low <= high <= _INT16.max:
        values = _rescaled(stored)
    elif pixels.values.itemsize == 1:
        values = pixels.values.astype(np.int16) + np.int16(intercept)
    else:  # the sum fits, so its bits are those of an int16 for unsigned values too
        values = pixels.plus(intercept).values.view(np.int16)
    return values, (float(low), float(high))


def _padding(stored: Stored) -> tuple[Array | None, tuple[str, ...]]:
    """Where the stored values are padding, None when there is none to replace."""
    if stored.padding is None:
        return None, ()
    low, high = stored.padding
    highest_hu = float(np.max(high * stored.slopes + stored.intercepts))
    if highest_hu > HIGHEST_PADDING_HU:
        return None, (
            f"Pixel Padding Value (0028,0120) means {highest_hu:.0f} HU, which can be tissue: "
            "it is ignored",
        )
    return stored.pixels.between(low, high), ()


def _coded_unit(header: Dataset) -> Unit | None:
    """The unit of an enhanced PET, which codes it (UCUM, CID 84 and 85) instead of naming it."""
    codes = header.get("MeasurementUnitsCodeSequence") or ()
    return _CODED_UNITS.get(str(codes[0].get("CodeValue", "")).strip()) if codes else None


def _pet_unit(header: Dataset, where: str) -> tuple[Unit, tuple[str, ...]]:
    units = str(header.get("Units", "")).strip().upper()
    if not units and (coded := _coded_unit(header)) is not None:
        return coded, ()
    if units == "BQML":
        return Unit.BQML, ()
    if units == "CNTS":
        return Unit.CNTS, ()
    if units == "CM2ML":
        return Unit.SUV_BSA, ()
    if units == "GML":
        kind = str(header.get("SUVType", "") or "").strip().upper()
        if not kind:
            return Unit.SUV_BW, ("SUV Type (0054,1006) is absent: body weight is taken",)
        if kind in _SUV_UNITS:
            return _SUV_UNITS[kind], ()
        raise UnsupportedError(f"SUV Type (0054,1006) is '{kind}'", where=where)
    raise UnsupportedError(
        f"Units (0054,1001) is '{units}'" if units else "Units (0054,1001) is absent",
        where=where,
        remedy="export the PET in BQML",
    )


def _reading(
    series: Series,
    stored: Stored,
    values: Array,
    unit: Unit,
    *,
    fill: float,
    warnings: tuple[str, ...],
) -> Reading:
    affine = stored.stack.affine
    uids = stored.sop_instance_uids
    if stored.stack.uneven_mm is not None:
        if stored.stack.is_sheared:
            raise GeometryError(
                "slices of a tilted gantry at uneven distances",
                where=series.name,
                remedy="use a reconstruction with one spacing",
            )
        step_mm = float(np.linalg.norm(affine[:3, 2]))
        values = interpolated(values, stored.stack.uneven_mm, step_mm)
        uids = tuple(uids[k] for k in nearest(stored.stack.uneven_mm, step_mm))
    if stored.stack.is_sheared:
        values, affine = straighten(values, stored.stack, fill)
        apart_mm = float(np.abs(stored.stack.shift_mm).max())
        warnings = (
            *warnings,
            f"tilted gantry: slices shifted by up to {apart_mm:.1f} mm were laid on an "
            "orthogonal grid",
        )
    columns, rows, slices = values.T.shape
    grid = Grid((columns, rows, slices), affine, stored.frame_of_reference_uid)
    return Reading(
        Volume(values.T, grid, unit, series.name),
        stored.headers,
        uids,
        stored.slice_thickness_mm,
        (*stored.warnings, *warnings),
    )
