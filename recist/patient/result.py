"""Everything that the output needs to know of one patient, without the volumes.

The pipeline fills a :class:`Case`; report and exports only read it. Images are reduced to what is
shown while the volumes are at hand, so memory does not grow with the number of dates.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from imaging.series import Problem
from pet.response.result import PetAssessment
from recist.course import Course, Field
from recist.response import Assessment, Outcome, Scope

RESEARCH_USE = "Research use only, not a medical device."


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """A line drawn on a key image, in pixels (column, row) of that image."""

    kind: str  # lesion, target-volume, isodose
    label: str
    lines_px: tuple[npt.NDArray[np.float64], ...]


@dataclass(frozen=True, slots=True, eq=False)
class KeyImage:
    """One lesion at one date: an axial crop with the diameter and the field drawn on it.

    Attributes:
        pixels: (rows, columns) of the CT in HU, or of SUV.
        spacing_mm: (row, column).
        long_axis_px, short_axis_px: ((column, row), (column, row)), None when not measured.
    """

    lesion_id: str
    day: int
    modality: str
    pixels: npt.NDArray[np.float32]
    spacing_mm: tuple[float, float]
    long_axis_px: tuple[tuple[float, float], tuple[float, float]] | None
    short_axis_px: tuple[tuple[float, float], tuple[float, float]] | None
    overlays: tuple[Overlay, ...] = ()
    slice_position: str = ""


@dataclass(frozen=True, slots=True)
class FieldFinding:
    """The field class of a lesion with its grounds, as shown and exported.

    Doses are cumulated physical dose over all plans, on the baseline lesion.

    Attributes:
        probability: of each class under sampled registration errors.
        dose_near_max_gy: D0.03cc, or D2 % of a small lesion.
        volume_at_half, volume_at_95: share of the lesion, 0..1, with at least 50 % and 95 % of the
            prescription that covers it best.
        upper_bound_gy: of the maximum, where planning systems underestimate far dose.
        eqd2_mean_gy: (alpha/beta, mean EQD2) in Gy.
        envelope: (name, 5th, 95th percentile) of doses under sampled registration errors.
        band: of a low dose, in Gy.
        target: the target volume that holds the lesion.
        evidence: dose, geometry, reader or none.
        profile: name and version of the thresholds.
        provisional: mapped back from a later date, not drawn on the baseline.
        flags: remarks for the reader.
    """

    lesion_id: str
    field: Field
    reason: str
    dose_mean_gy: float | None = None
    dose_min_gy: float | None = None
    dose_max_gy: float | None = None
    probability: tuple[tuple[str, float], ...] = ()
    prescription: str = ""  # "50 Gy in 5 fractions"
    dose_near_max_gy: float | None = None
    dose_d95_gy: float | None = None
    volume_at_half: float | None = None
    volume_at_95: float | None = None
    upper_bound_gy: float | None = None
    eqd2_mean_gy: tuple[tuple[float, float], ...] = ()
    envelope: tuple[tuple[str, float, float], ...] = ()
    band: str = ""
    target: str = ""
    evidence: str = ""
    profile: str = ""
    provisional: bool = False
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LinkFinding:
    """How a lesion was recognised at a date: matched, new, absent, split, merged, ambiguous."""

    lesion_id: str
    day: int
    state: str
    confidence: float
    reason: str


@dataclass(frozen=True, slots=True)
class Certainty:
    """How sure a RECIST 1.1 category is under the error of measuring diameters."""

    scope: Scope
    day: int
    sentence: str  # "PR, 18 % chance of SD"


@dataclass(frozen=True, slots=True, eq=False)
class Projected:
    """A maximum-intensity projection of SUV with the outlines of what was measured.

    Attributes:
        pixels: (rows, columns), cranial above.
        spacing_mm: (row, column).
        overlays: of kind lesion or reference.
    """

    name: str
    pixels: npt.NDArray[np.float32]
    spacing_mm: tuple[float, float]
    overlays: tuple[Overlay, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class VisitImages:
    """What was read at one date."""

    day: int
    date: dt.date | None
    label: str
    ct_series: str
    pet_series: str
    delineation: str
    projections: tuple[Projected, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A patient, assessed."""

    course: Course
    visits: tuple[VisitImages, ...]
    assessments: tuple[Assessment, ...]
    outcomes: tuple[Outcome, ...]
    fields: tuple[FieldFinding, ...] = ()
    links: tuple[LinkFinding, ...] = ()
    link_table: tuple[Mapping[str, str], ...] = ()  # as the reader edits and gives back
    key_images: tuple[KeyImage, ...] = ()
    flags: tuple[tuple[str, int, str], ...] = ()  # lesion, day, remark on the delineation
    warnings: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()  # parts of the data that could not be used
    settings: dict[str, object] = field(default_factory=dict)
    sections: tuple[tuple[str, str], ...] = ()  # further report sections: title, HTML
    metabolic: tuple[PetAssessment, ...] = ()
    certainties: tuple[Certainty, ...] = ()
