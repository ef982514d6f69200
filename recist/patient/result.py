"""Everything that the output needs to know of one patient, without the volumes.

The pipeline fills a :class:`PatientResult`; report and exports only read it. Images are reduced to
what is shown while the volumes are at hand, so memory does not grow with the number of dates.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from imaging.series import Problem
from pet.response.pet_assessment import PetAssessment
from pet.uptake import Burden
from recist.abscopal import AbscopalFinding
from recist.course import Course
from recist.criteria.robustness import CategoryProbability
from recist.criteria.sums import BaselineSum
from recist.field.field_finding import FieldFinding
from recist.field.overlays import Overlay
from recist.response import Assessment, Outcome, Response, Scope
from recist.tracking import LinkFinding


@dataclass(frozen=True, slots=True, eq=False)
class KeyImage:
    """One lesion at one date: an axial crop with the diameter and the field drawn on it.

    Attributes:
        pixels: (rows, columns) of the CT in HU, or of SUV.
        spacing_mm: (row, column).
        long_axis_px, short_axis_px: ((column, row), (column, row)), None when not measured.
        first_voxel: (i, j, k) of the pixel (0, 0) on the grid of the volume.
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
    first_voxel: tuple[int, int, int] = (0, 0, 0)


class ReviewState(StrEnum):
    """How far a measurement can be relied on."""

    PROPOSED = "proposed"  # by a network or a rule; nobody has looked
    DRAWN = "drawn"  # by a person, with the images or in a folder
    CHECKED = "checked"  # its date or the lesion was gone through and confirmed
    CORRECTED = "corrected"  # a reader said otherwise


@dataclass(frozen=True, slots=True)
class LesionReview:
    """Who stands for one lesion at one date.

    Attributes:
        reader, recorded_at: of the correction or the check, where given.
        reason: what the reader said of it.
    """

    lesion_id: str
    day: int
    state: ReviewState
    reader: str = ""
    recorded_at: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SignedBy:
    """The signature under a patient's results.

    Attributes:
        name: as signed; ``reader``: of the account.
        meaning: of the signature, in the words that were signed.
        time: ISO 8601.
        sha256: of the table of measurements that was signed.
        organisation: to which the reader answers for it; empty where none was given.
    """

    name: str
    reader: str
    meaning: str
    time: str
    sha256: str
    organisation: str = ""

    @property
    def who(self) -> str:
        """The name as signed, with the account's where that is another."""
        return self.name if self.name == self.reader else f"{self.name} ({self.reader})"


@dataclass(frozen=True, slots=True)
class SupersededSignature:
    """A signature under results that were changed since; nobody has signed the new version.

    Attributes:
        signed: the signature that the results carried.
        reason: why there is a new version; ``by`` whom; ``time``: ISO 8601.
    """

    signed: SignedBy
    reason: str
    by: str
    time: str


@dataclass(frozen=True, slots=True)
class Look:
    """Something that a reader should look at.

    Attributes:
        what: why it is in doubt.
        effect: what the answer would be otherwise; empty where it would be the same.
        weight: larger for what could change more.
    """

    lesion_id: str
    day: int
    what: str
    effect: str
    weight: int


#: A category is not named alone where another is this probable, and is looked at where others are
#: more so together: what a 95 % interval leaves out.
LEAST_LIKELY = 0.05


@dataclass(frozen=True, slots=True)
class Certainty:
    """How sure a RECIST 1.1 category is under the error of measuring diameters."""

    scope: Scope
    probability: CategoryProbability

    @property
    def day(self) -> int:
        return self.probability.day

    @property
    def sentence(self) -> str:
        """As in "PR, 18 % chance of SD"."""
        return self.probability.sentence

    @property
    def possible(self) -> tuple[Response, ...]:
        """The category as assessed, then every other that is likely enough to be named with it."""
        own, others = self.probability.category, self.probability.probabilities
        named = (each for each, share in others if each is not own and share >= LEAST_LIKELY)
        return (own, *named)


@dataclass(frozen=True, slots=True)
class PetTotals:
    """Metabolic volume, glycolysis and spread of several lesions at one date.

    Attributes:
        lesions: ``all``, or the field class of those that are added.
        basis: which voxels count: those of the delineation, or of these the ones above a threshold.
    """

    day: int
    lesions: str
    basis: str
    burden: Burden


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
    """What was read at one date.

    Attributes:
        technique: slice thickness, contrast and scanner of the CT, as far as they are known.
    """

    day: int
    date: dt.date | None
    label: str
    ct_series: str
    pet_series: str
    delineation: str
    projections: tuple[Projected, ...] = ()
    technique: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class PatientResult:
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
    abscopal: AbscopalFinding | None = None  # where a lesion was irradiated, from a second date on
    metabolic: tuple[PetAssessment, ...] = ()
    pet_totals: tuple[PetTotals, ...] = ()
    certainties: tuple[Certainty, ...] = ()
    baselines: tuple[BaselineSum, ...] = ()
    names: tuple[tuple[str, str], ...] = ()  # lesion, the names under which it was drawn
    reviews: tuple[LesionReview, ...] = ()
    looks: tuple[Look, ...] = ()
    signed: SignedBy | None = None  # who signed all of it, where a reader has
    superseded: SupersededSignature | None = None  # the signature that it carried before a change
