"""Which CT and which PET of a date is used: what can never be, and what is preferred.

The rule, in this order; a series that loses is reported with the first point on which it differs
from the winner. CT: (1) slices complete; (2) the contours, plans, doses or segmentations of the
visit refer to it; (3) same frame of reference as the PET; (4) slices of 5 mm or less (RECIST 1.1,
appendix II); (5) original rather than derived; (6) at least 90 % of the largest coverage;
(7) the contrast phase that all dates have; (8) soft kernel; (9) most slices. A table of series
overrides all of it. PET: (1) complete; (2) referred to; (3) attenuation corrected;
(4) a unit that gives an SUV; (5) coverage; (6) most slices. Then the lowest series number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from imaging.enhanced import ENHANCED_CLASSES
from imaging.errors import GeometryError
from imaging.header import Header, Tag
from imaging.purpose import PREFERRED_PHASES, Phase, phase_of
from imaging.series import Series
from imaging.slices import is_complete, plane
from imaging.volume import FloatArray

#: Fewer images than this are a scout, a bolus tracker or a key image, not a scan.
FEWEST_SLICES = 5
#: A CT gantry tilts up to 30 degrees; beyond that the series is coronal, sagittal or oblique.
LARGEST_TILT_DEGREES = 31.0
#: RECIST 1.1 (Eisenhauer 2009, appendix II): slices of 5 mm or less.
THICKEST_PREFERRED_MM = 5.0
#: Header rounding of a slice thickness.
THICKNESS_TOLERANCE_MM = 0.05
#: Series that cover at least this fraction of the longest count as covering as much.
SAME_COVERAGE = 0.9

CT_IMAGE, PET_IMAGE = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.128"
IMAGE_CLASSES = frozenset((CT_IMAGE, PET_IMAGE)) | ENHANCED_CLASSES

LOCALIZER, COLOUR = "a localizer", "a colour image"
CAPTURE = "a secondary capture or screenshot, not an image of the scanner"
#: Reasons that are no loss: such series are no scans.
NEVER_A_SCAN = frozenset((LOCALIZER, COLOUR, CAPTURE))

_PROJECTIONS = {"MIP", "MINIP", "MAXIMUM", "MINIMUM", "PROJECTION IMAGE", "VRT", "SCREEN SAVE"}
_SCOUT = re.compile(r"scout|topogram|localizer|scanogram|surview", re.IGNORECASE)
_UNCORRECTED = re.compile(r"\bNAC\b|uncorrected|no[ _-]?AC\b|non[ _-]?ac\b", re.IGNORECASE)
_SUV_UNITS = {"BQML", "GML", "CNTS", "CM2ML"}
#: Edge-enhancing kernels by the vendors' naming: GE words, Siemens 60 and above (B60f, Br64,
#: I70f), Canon FC30-39, FC50-59 and FC80-89, Philips letters.
_SHARP_WORDS = {
    "LUNG",
    "BONE",
    "BONEPLUS",
    "EDGE",
    "ULTRA",
    "CHST",
    "L",
    "D",
    "E",
    "YC",
    "YD",
    "YE",
}
_SIEMENS = re.compile(r"^[BHIQSUTJ][a-z]?(\d\d)[a-z]?", re.IGNORECASE)
_CANON = re.compile(r"^FC(3\d|5\d|8\d)$", re.IGNORECASE)
SIEMENS_SHARP = 60


@dataclass(frozen=True, slots=True, eq=False)
class SeriesCandidate:
    """One stack of images that may be the CT or PET of a visit.

    Attributes:
        first: the header that stands for the stack.
        heights_mm: sorted slice positions along the normal; empty when unknown (multi-frame).
        referenced: contours, plans, doses or segmentations refer to it.
        chosen: the user's table of series names it.
        repeats: how many stacks show the same places at different times, of its series or of
            series that follow each other.
    """

    series: Series
    first: Header
    heights_mm: FloatArray
    referenced: bool = False
    chosen: bool = False
    repeats: int = 1

    @property
    def coverage_mm(self) -> float:
        return float(np.ptp(self.heights_mm)) if self.heights_mm.size else 0.0

    @property
    def is_complete(self) -> bool:
        return not self.heights_mm.size or is_complete(self.heights_mm)

    @property
    def thickness_mm(self) -> float:
        """The thickness of the slices; an unknown one counts as thick."""
        return self.series.slice_thickness_mm or np.inf


def unusable(candidate: SeriesCandidate) -> str | None:
    """Why a stack can never be the CT or PET of a visit; None when it can."""
    header, series = candidate.first, candidate.series
    image_type = set(header.texts(Tag.IMAGE_TYPE))
    if "LOCALIZER" in image_type or _SCOUT.search(series.description):
        return LOCALIZER
    if series.sop_class_uid not in IMAGE_CLASSES:
        return CAPTURE
    if header.integer(Tag.SAMPLES_PER_PIXEL) not in (None, 1):
        return COLOUR
    projection = sorted(image_type & _PROJECTIONS)
    if projection:
        return f"a projection ({projection[0]})"
    return _unusable_geometry(candidate) or _unusable_values(candidate)


def _unusable_geometry(candidate: SeriesCandidate) -> str | None:
    header, series = candidate.first, candidate.series
    if series.slices < FEWEST_SLICES:
        return f"only {series.slices} images"
    if series.sop_class_uid in ENHANCED_CLASSES:
        return None
    if len(header.numbers(Tag.POSITION)) != 3 or len(header.numbers(Tag.PIXEL_SPACING)) != 2:
        return "no image position or pixel spacing (0020,0032), (0028,0030)"
    try:
        normal = plane(np.array(header.numbers(Tag.ORIENTATION)))[2]
    except GeometryError as error:
        return error.what
    tilt = np.degrees(np.arccos(min(1.0, abs(normal[2]))))
    if tilt > LARGEST_TILT_DEGREES:
        return f"not axial: slices are tilted by {tilt:.0f} degrees"
    return None


def _unusable_values(candidate: SeriesCandidate) -> str | None:
    header, series = candidate.first, candidate.series
    if series.modality == "CT":
        meaning = header.text(Tag.RESCALE_TYPE).upper()
        return f"values are {meaning}, not HU" if meaning not in ("", "HU", "US") else None
    repeats = max(candidate.repeats, header.integer(Tag.TIME_SLICES) or 1)
    if repeats > 1:
        return f"one of {repeats} frames of a dynamic series"
    dynamic = {"DYNAMIC", "GATED"} & set(header.texts(Tag.SERIES_TYPE))
    return f"a {dynamic.pop().lower()} series" if dynamic else None


@dataclass(frozen=True, slots=True)
class Preference:
    """One point of the rule: the larger value wins; ``reason`` is what the loser is told."""

    reason: str
    value: Callable[[SeriesCandidate], float]


def choose(
    candidates: Sequence[SeriesCandidate],
    frame_of_reference_uid: str | None = None,
    phases: Sequence[Phase] = PREFERRED_PHASES,
) -> tuple[SeriesCandidate | None, list[tuple[SeriesCandidate, str]]]:
    """The candidate that is used, and the reason for each that is not.

    Args:
        candidates: usable stacks of one modality and one visit.
        frame_of_reference_uid: of the PET, when a CT is chosen.
        phases: all contrast phases, best first.
    """
    if not candidates:
        return None, []
    points = _preferences(candidates, frame_of_reference_uid, phases)

    def rank(candidate: SeriesCandidate) -> tuple[object, ...]:
        number = candidate.first.number(Tag.SERIES_NUMBER)
        order = (number if number is not None else np.inf, candidate.series.uid)
        return (*(-point.value(candidate) for point in points), *order)

    ranked = sorted(candidates, key=rank)
    best = ranked[0]
    return best, [(other, _lost(other, best, points)) for other in ranked[1:]]


def _lost(other: SeriesCandidate, best: SeriesCandidate, points: Sequence[Preference]) -> str:
    for point in points:
        if point.value(other) < point.value(best):
            return f"{point.reason}; {best.series.name} is used"
    return f"equal to {best.series.name}, which has the lower series number or UID"


def _preferences(
    candidates: Sequence[SeriesCandidate],
    frame_of_reference_uid: str | None,
    phases: Sequence[Phase],
) -> tuple[Preference, ...]:
    longest_mm = max(candidate.coverage_mm for candidate in candidates)
    chosen = Preference("the table of series names another", lambda c: c.chosen)
    complete = Preference("slices are missing, doubled or uneven", lambda c: c.is_complete)
    referenced = Preference("not what contours, plan or segmentation refer to", _referenced)
    coverage = Preference(
        "covers less of the body", lambda c: c.coverage_mm >= SAME_COVERAGE * longest_mm
    )
    most = Preference("fewer slices", lambda c: c.series.slices)
    if candidates[0].series.modality == "PT":
        corrected = Preference("not attenuation corrected", is_attenuation_corrected)
        unit = Preference("its unit gives no SUV", _has_suv_unit)
        return chosen, complete, referenced, corrected, unit, coverage, most
    return (
        chosen,
        complete,
        referenced,
        Preference(
            "not in the frame of reference of the PET",
            lambda c: frame_of_reference_uid in (None, c.series.frame_of_reference_uid),
        ),
        Preference("slices thicker than 5 mm", _is_thin),
        Preference("derived, while an original is there", _is_original),
        coverage,
        Preference(
            "a contrast phase that is not preferred, or not at hand at all dates",
            lambda c: -phases.index(phase_of(c.first)),
        ),
        Preference("a sharp kernel", lambda c: not is_sharp(c.first.text(Tag.KERNEL))),
        most,
    )


def _referenced(candidate: SeriesCandidate) -> bool:
    return candidate.referenced


def _is_thin(candidate: SeriesCandidate) -> bool:
    return candidate.thickness_mm <= THICKEST_PREFERRED_MM + THICKNESS_TOLERANCE_MM


def _is_original(candidate: SeriesCandidate) -> bool:
    return "ORIGINAL" in candidate.first.texts(Tag.IMAGE_TYPE)


def _has_suv_unit(candidate: SeriesCandidate) -> bool:
    return candidate.first.text(Tag.UNITS).upper() in _SUV_UNITS


def is_attenuation_corrected(candidate: SeriesCandidate) -> bool:
    """Whether attenuation was corrected: by Corrected Image (0028,0051), else the description."""
    corrections = candidate.first.texts(Tag.CORRECTED_IMAGE)
    if corrections:
        return "ATTN" in corrections
    return not _UNCORRECTED.search(candidate.series.description)


def is_sharp(kernel: str) -> bool:
    """Whether a convolution kernel (0018,1210) enhances edges, by the vendors' naming."""
    name = kernel.split("\\", maxsplit=1)[0].strip()
    if name.upper() in _SHARP_WORDS or _CANON.match(name):
        return True
    siemens = _SIEMENS.match(name)
    return bool(siemens and int(siemens.group(1)) >= SIEMENS_SHARP)
