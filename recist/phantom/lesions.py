"""The lesions of the phantom patient, designed so that the right answer is known.

Places are in millimetres of the patient model (LPS: x to the left, y to the back, z upwards, zero
in the middle of the chest). Sizes are the axes of ellipsoids whose first two lie in the axial
plane, so the longest axial diameter and the short axis are the designed ones up to a voxel.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from recist.course import Field, Role
from recist.phantom.solids import Millimetres3
from recist.response import Response, Scope

SUBJECT = "PHANTOM-1"
DATES = (dt.date(2024, 3, 4), dt.date(2024, 5, 6), dt.date(2024, 7, 8))
DAYS = tuple((date - DATES[0]).days for date in DATES)

#: Stereotactic treatment of the lesion in the right lung: what the plan and the dose say.
PRESCRIPTION_GY = 45.0
FRACTIONS = 3
PTV_MARGIN_MM = 6.0


@dataclass(frozen=True, slots=True)
class Extent:
    """Axes of an ellipsoid: the longest and shortest in the axial plane, and the height."""

    long_mm: float
    short_mm: float
    height_mm: float


@dataclass(frozen=True, slots=True)
class LesionDesign:
    """One lesion over the three dates.

    Attributes:
        centre_mm: in the patient model.
        turn_deg: of the long axis from the x axis, in the axial plane.
        moves: goes up and down with breathing.
        sizes: one per date, None where the lesion is not there.
        suv: peak of the uptake painted at each date.
        hu: of its tissue on CT.
    """

    id: str
    organ: str
    is_node: bool
    role: Role
    field: Field
    centre_mm: Millimetres3
    turn_deg: float
    moves: bool
    sizes: tuple[Extent | None, Extent | None, Extent | None]
    suv: tuple[float, float, float]
    hu: float

    def diameter_mm(self, visit: int) -> Decimal | None:
        """What RECIST 1.1 counts: the longest diameter, or the short axis of a node."""
        size = self.sizes[visit]
        if size is None:
            return None
        return Decimal(str(size.short_mm if self.is_node else size.long_mm))


LESIONS = (
    LesionDesign(
        "lung-right", "lung", False, Role.TARGET, Field.IN, (-76.0, 6.0, 40.0), 25.0, True,
        (Extent(40, 34, 36), Extent(24, 20, 22), Extent(17, 14, 15)), (11.0, 4.5, 3.0), 42.0,
    ),
    LesionDesign(
        "lung-left", "lung", False, Role.TARGET, Field.OUT, (84.0, 32.0, 4.0), -35.0, True,
        (Extent(28, 24, 25), Extent(17, 15, 15), Extent(13, 11, 12)), (9.0, 4.5, 3.2), 38.0,
    ),
    LesionDesign(
        "node-axilla", "lymph node", True, Role.TARGET, Field.OUT, (141.0, 4.0, 62.0), 70.0, False,
        (Extent(27, 18, 24), Extent(17, 11, 15), Extent(14, 9, 12)), (8.0, 4.0, 2.6), 48.0,
    ),
    LesionDesign(
        "node-mediastinum", "lymph node", True, Role.NON_TARGET, Field.OUT, (24.0, -8.0, 52.0),
        -60.0, False,
        (Extent(18, 12, 16), Extent(17, 11.5, 15), Extent(17, 11.5, 15)), (5.5, 5.0, 5.0), 46.0,
    ),
    LesionDesign(
        "lung-left-small", "lung", False, Role.NON_TARGET, Field.OUT, (72.0, -30.0, 62.0), 10.0,
        True,
        (Extent(8, 8, 8), Extent(8, 8, 8), Extent(8, 8, 8)), (4.0, 4.0, 4.0), 30.0,
    ),
    LesionDesign(
        "liver-new", "liver", False, Role.NEW, Field.OUT, (-62.0, -12.0, -78.0), 15.0, True,
        (None, None, Extent(24, 20, 21)), (0.0, 0.0, 10.0), 12.0,
    ),
)  # fmt: skip

IRRADIATED = LESIONS[0]

#: ROI names as three planners would have given them: none tells which lesion it was before.
ROI_NAMES: tuple[dict[str, str], ...] = (
    {
        "lung-right": "GTV_lung_1",
        "lung-left": "Lesion_lung_3",
        "node-axilla": "Lesion_node_1",
        "node-mediastinum": "Lesion_node_2",
        "lung-left-small": "Lesion_lung_2",
    },
    {
        "node-mediastinum": "Lesion_A_node",
        "lung-left": "Lesion_B_lung",
        "lung-left-small": "Lesion_C_lung",
        "node-axilla": "Lesion_D_node",
        "lung-right": "Lesion_E_lung",
    },
    {
        "liver-new": "GTV_liver_1",
        "lung-left-small": "GTV_lung_1",
        "lung-right": "GTV_lung_2",
        "node-axilla": "GTVn_3",
        "lung-left": "GTV_lung_3",
        "node-mediastinum": "GTVn_1",
    },
)


@dataclass(frozen=True, slots=True)
class ExpectedResponse:
    """The right answer at one date, by RECIST 1.1 and iRECIST."""

    day: int
    scope: Scope
    sum_mm: Decimal
    target: Response
    non_target: Response
    new_lesion: bool
    recist11: Response
    irecist: Response


_PR, _PD, _SOME = Response.PR, Response.PD, Response.NON_CR_NON_PD
_NA, _IPR, _IUPD = Response.NA, Response.IPR, Response.IUPD

#: Written out by hand from the sizes above, not computed: 40 + 28 + 18 = 86 mm, and so on. The
#: target response stays partial at the last date; the new liver lesion alone makes it progression.
EXPECTED = (
    ExpectedResponse(63, Scope.ALL, Decimal(52), _PR, _SOME, False, _PR, _IPR),
    ExpectedResponse(63, Scope.IN_FIELD, Decimal(24), _PR, _NA, False, _PR, _IPR),
    ExpectedResponse(63, Scope.OUT_OF_FIELD, Decimal(28), _PR, _SOME, False, _PR, _IPR),
    ExpectedResponse(126, Scope.ALL, Decimal(39), _PR, _SOME, True, _PD, _IUPD),
    ExpectedResponse(126, Scope.IN_FIELD, Decimal(17), _PR, _NA, False, _PR, _IPR),
    ExpectedResponse(126, Scope.OUT_OF_FIELD, Decimal(22), _PR, _SOME, True, _PD, _IUPD),
)
