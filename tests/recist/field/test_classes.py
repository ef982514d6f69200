"""Field classes: drawn lesions in a drawn dose."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from imaging.contours import Contour, ContourKind, Roi, axial_grid, rasterise
from imaging.dose import Dose, DoseKind, Summation
from imaging.errors import InputError
from imaging.frames_of_reference import FrameMap
from imaging.plan import Plan
from imaging.target_volumes import TargetVolume
from imaging.treatment import Irradiation, Treatment, read_treatment
from imaging.volume import FloatArray, Grid, Mask, Unit, Volume
from recist.course import Field
from recist.field.classes import (
    FieldOverride,
    band_of,
    classify_lesions,
)
from recist.field.overlays import field_overlays
from recist.protocol.field import DEFAULT_PROFILE, FIVE_GRAY_PROFILE, from_table

FRAME = "1.2.3"
GRID = Grid((60, 60, 30), np.diag([2.0, 2.0, 2.0, 1.0]), FRAME)
STILL = replace(DEFAULT_PROFILE, registration_error_mm=0.0, shifts=1)


def lesion(i: int, j: int = 20, k: int = 10, size: int = 4, grid: Grid = GRID) -> Mask:
    return Mask.placed(np.ones((size, size, size), dtype=bool), (i, j, k), grid)


def dose(gray: FloatArray, grid: Grid = GRID, frame: str | None = FRAME) -> Dose:
    on = Grid(grid.shape, grid.affine, frame)
    return Dose(
        Volume(gray.astype(np.float32), on, Unit.GY, "RD.dcm"), DoseKind.PHYSICAL, Summation.PLAN
    )


def columns(*steps: tuple[int, float], default: float = 0.1) -> FloatArray:
    """A dose that changes with the column only: from column ``i`` on, so many Gy."""
    gray = np.full(GRID.shape, default)
    for i, value in steps:
        gray[i:] = value
    return gray


def plan(prescription: float = 50.0, fractions: int = 5) -> Plan:
    return Plan("1.9.1", "SBRT", prescription, fractions)


def given(gray: FloatArray, prescription: float = 50.0, fractions: int = 5) -> Irradiation:
    return Irradiation("SBRT", plan(prescription, fractions), dose(gray), prescription, fractions)


def target(low: float, high: float, z: tuple[float, float] = (16.0, 32.0)) -> TargetVolume:
    """A PTV between two x, 20-70 mm in y."""
    corners = np.array([[low, 20.0], [high, 20.0], [high, 70.0], [low, 70.0]])
    contours = tuple(
        Contour(ContourKind.CLOSED_PLANAR, np.column_stack([corners, np.full(4, level)]))
        for level in np.arange(z[0], z[1], 2.0)
    )
    roi = Roi(1, "PTV", "PTV", contours, FRAME)
    return TargetVolume("PTV", "PTV", roi, rasterise(roi, axial_grid([roi])), prescribed=False)


def treatment(*irradiations: Irradiation, **options: object) -> Treatment:
    return Treatment(irradiations, frame_of_reference_uid=FRAME, **options)


class TestClasses:
    #: Steps of dose over the columns; lesions lie on columns 20-23 (points 38-47 mm).
    TABLE = (
        ("all of it gets 50 % of the prescription", ((10, 48.0),), Field.IN, ""),
        ("96 % of it does", ((10, 48.0), (24, 10.0)), Field.IN, ""),
        ("half of it does", ((10, 48.0), (22, 10.0)), Field.PARTIAL, ""),
        ("a corner of it does", ((10, 3.0), (23, 48.0)), Field.PARTIAL, ""),
        ("45 % isodose", ((10, 22.5),), Field.LOW_DOSE, ">20"),
        ("10 Gy", ((10, 10.0),), Field.LOW_DOSE, "5-20"),
        ("2 Gy", ((10, 2.0),), Field.LOW_DOSE, "1-5"),
        ("0.5 Gy, which may be 1.1 Gy", ((10, 0.5),), Field.LOW_DOSE, "1-5"),
        ("0.4 Gy, which is at most 0.9 Gy", ((10, 0.4),), Field.OUT, ""),
        ("nothing", ((10, 0.0),), Field.OUT, ""),
    )

    @pytest.mark.parametrize(("case", "steps", "expected", "band"), TABLE)
    def test_by_dose(self, case: str, steps, expected: Field, band: str) -> None:
        (found,) = classify_lesions({"L": lesion(20)}, treatment(given(columns(*steps))), STILL)
        assert (found.field, found.band) == (expected, band), found.reason
        assert found.evidence == "dose"
        assert found.profile == "sbrt-default 1.0"
        assert found.reason

    def test_far_dose_is_classified_on_its_upper_bound_and_flagged(self) -> None:
        (found,) = classify_lesions({"L": lesion(20)}, treatment(given(columns((0, 0.5)))), STILL)
        assert found.dose_max_gy == pytest.approx(0.5)
        assert found.upper_bound_gy == pytest.approx(0.5 / 0.45)
        assert found.flags == ("out of the field by its nominal dose",)
        assert "planning systems underestimate" in found.reason

    def test_doses_and_equivalent_doses_of_the_lesion(self) -> None:
        (found,) = classify_lesions({"L": lesion(20)}, treatment(given(columns((0, 50.0)))), STILL)
        assert (found.dose_mean_gy, found.dose_min_gy) == (pytest.approx(50), pytest.approx(50))
        assert (found.volume_at_half, found.volume_at_95) == (pytest.approx(1), pytest.approx(1))
        assert dict(found.eqd2_mean_gy) == pytest.approx(
            {4.0: 116.67, 3.0: 130.0, 10.0: 83.33}, abs=0.01
        )
        assert found.prescription == "50 Gy in 5 fractions (planned, not confirmed)"

    def test_the_thresholds_are_those_of_the_named_profile(self) -> None:
        five = replace(FIVE_GRAY_PROFILE, registration_error_mm=0.0, shifts=1)
        (found,) = classify_lesions({"L": lesion(20)}, treatment(given(columns((0, 4.0)))), five)
        assert (found.field, found.profile) == (Field.OUT, "five-gray 1.0")

    @pytest.mark.parametrize(
        ("dose_gy", "band"), [(1.0, "1-5"), (4.99, "1-5"), (5.0, "5-20"), (20.0, ">20")]
    )
    def test_bands_begin_with_their_lower_limit(self, dose_gy: float, band: str) -> None:
        assert band_of(dose_gy) == band


class TestTargets:
    def test_a_lesion_belongs_to_the_target_that_holds_it(self) -> None:
        treated = treatment(given(columns((0, 50.0))), targets=(target(30.0, 60.0),))
        inside, beside = classify_lesions({"A": lesion(20), "B": lesion(40)}, treated, STILL)
        assert (inside.field, inside.target, inside.flags) == (Field.IN, "PTV", ())
        assert (beside.field, beside.target) == (Field.IN, "")
        assert beside.flags == ("irradiated without being linked to a target volume",)

    def test_an_undercovered_lesion_is_targeted_with_a_flag(self) -> None:
        treated = treatment(given(columns((0, 50.0), (22, 40.0))), targets=(target(30.0, 60.0),))
        (found,) = classify_lesions({"A": lesion(20)}, treated, STILL)
        assert found.field is Field.IN
        assert found.flags[0].startswith("undercovered: ")

    def test_the_user_may_say_which_target_a_lesion_belongs_to(self) -> None:
        treated = treatment(given(columns((0, 50.0))))
        (found,) = classify_lesions({"A": lesion(20)}, treated, STILL, linked={"A": "GTV 2"})
        assert (found.target, found.flags) == ("GTV 2", ())


class TestSeveralPlans:
    def test_a_lesion_is_in_the_field_of_the_plan_that_covers_it(self) -> None:
        first = given(columns((0, 45.0), (30, 0.2)), 45.0, 3)
        second = given(columns((30, 25.0), default=0.2), 25.0, 5)
        one, two = classify_lesions(
            {"A": lesion(10), "B": lesion(40)}, treatment(first, second), STILL
        )
        assert (one.field, two.field) == (Field.IN, Field.IN)
        assert one.prescription.startswith("45 Gy in 3")
        assert two.prescription.startswith("25 Gy in 5")
        assert one.dose_mean_gy == pytest.approx(45.2)

    def test_equivalent_doses_are_added_after_each_was_converted(self) -> None:
        both = treatment(given(columns((0, 45.0)), 45.0, 3), given(columns((0, 25.0)), 25.0, 5))
        (found,) = classify_lesions({"A": lesion(20)}, both, STILL)
        assert dict(found.eqd2_mean_gy)[4.0] == pytest.approx(180.0, abs=0.01)


class TestUnknown:
    def test_a_part_outside_of_the_dose_grid(self) -> None:
        small = Grid((22, 60, 30), GRID.affine, FRAME)
        item = Irradiation("SBRT", plan(), dose(np.zeros(small.shape), small), 50.0, 5)
        inside, across, beyond = classify_lesions(
            {"A": lesion(10), "B": lesion(20), "C": lesion(50)}, treatment(item), STILL
        )
        assert inside.field is Field.OUT
        assert across.field is beyond.field is Field.UNKNOWN
        assert across.dose_mean_gy is None, "outside of the grid is not zero"
        assert "of the lesion lies outside of the dose grid" in across.reason
        assert beyond.reason.startswith("100 % of the lesion")

    @pytest.mark.parametrize(
        ("frame", "says"),
        [
            ("9.9", "different frames of reference, and no registration was given"),
            (None, "no frame of reference is known"),
        ],
    )
    def test_another_or_no_frame_of_reference(self, frame: str | None, says: str) -> None:
        elsewhere = Grid(GRID.shape, GRID.affine, frame)
        treated = treatment(given(columns((0, 50.0))))
        (found,) = classify_lesions({"A": lesion(20, grid=elsewhere)}, treated, STILL)
        assert (found.field, found.evidence) == (Field.UNKNOWN, "none")
        assert says in found.reason
        moved = lambda points: points - np.array([20.0, 0.0, 0.0])  # noqa: E731
        stepped = treatment(given(columns((0, 50.0), (20, 0.1))))
        (mapped,) = classify_lesions(
            {"A": lesion(20, grid=elsewhere)}, stepped, STILL, to_planning_mm=moved
        )
        assert mapped.field is Field.IN

    def test_a_registration_object_leads_to_the_plan(self) -> None:
        elsewhere = Grid(GRID.shape, GRID.affine, "9.9")
        shift = np.eye(4)
        shift[0, 3] = -20.0
        stepped = treatment(
            given(columns((0, 50.0), (20, 0.1))), frame_maps=(FrameMap("9.9", FRAME, shift),)
        )
        (found,) = classify_lesions({"A": lesion(20, grid=elsewhere)}, stepped, STILL)
        assert found.field is Field.IN

    def test_nothing_was_given(self) -> None:
        (found,) = classify_lesions({"A": lesion(20)}, None)
        assert (found.field, found.reason) == (
            Field.UNKNOWN,
            "no radiotherapy plan or dose was given",
        )

    def test_a_missing_dose_leaves_only_irradiated_lesions_known(self) -> None:
        treated = treatment(
            given(columns((0, 50.0), (30, 0.1))), problems=("RP2.dcm: a plan without dose",)
        )
        masks = {"A": lesion(10), "C": lesion(28), "B": lesion(40)}
        irradiated, partial, other = classify_lesions(masks, treated, STILL)
        assert (irradiated.field, partial.field) == (Field.IN, Field.PARTIAL)
        assert partial.flags == ("RP2.dcm: a plan without dose",)
        assert other.field is Field.UNKNOWN
        assert "RP2.dcm: a plan without dose" in other.reason

    def test_a_dose_without_prescription(self) -> None:
        lonely = Irradiation("PLAN", None, dose(columns((0, 50.0))), None, None)
        problem = "RD.dcm: a dose without plan, its prescription is not known"
        (found,) = classify_lesions(
            {"A": lesion(20)}, treatment(lonely, problems=(problem,)), STILL
        )
        assert found.field is Field.UNKNOWN
        assert problem in found.reason
        assert found.dose_mean_gy == pytest.approx(50.0)
        assert found.eqd2_mean_gy == ()
        assert "of 0 Gy" not in found.reason
        assert "what was prescribed is not known" in found.reason

    def test_an_unknown_class_says_nothing_that_contradicts_it(self) -> None:
        lonely = Irradiation("PLAN", None, dose(columns((0, 50.0))), None, None)
        (found,) = classify_lesions({"A": lesion(20)}, treatment(lonely, problems=("lost",)))
        assert found.field is Field.UNKNOWN
        assert found.probability == ()
        assert (found.upper_bound_gy, found.volume_at_half, found.volume_at_95) == (None,) * 3
        with pytest.raises(ValueError, match="unknown class"):
            replace(found, probability=(("low-dose", 1.0),))
        with pytest.raises(ValueError, match="unknown class"):
            replace(found, upper_bound_gy=167.0)

    def test_an_interval_holds_its_own_value(self) -> None:
        ridge = columns((0, 10.0), (20, 50.0), (22, 10.0))
        (found,) = classify_lesions({"A": lesion(20)}, treatment(given(ridge)))
        assert found.envelope
        for name, low, high in found.envelope:
            assert low <= getattr(found, f"dose_{name}") <= high
        with pytest.raises(ValueError, match="outside of"):
            replace(found, envelope=(("mean_gy", 0.0, 0.1),))


class TestGeometry:
    """A plan without dose, its PTV at x 30-60 mm, y 20-70 mm and z 16-30 mm."""

    DOSELESS = Irradiation("SBRT", plan(), None, 50.0, 5)
    WIDE = Grid((200, 60, 100), np.diag([2.0, 2.0, 2.0, 1.0]), FRAME)

    @pytest.mark.parametrize(
        ("case", "i", "k", "expected"),
        [
            ("inside", 20, 10, Field.IN),
            ("across the edge", 29, 10, Field.PARTIAL),
            ("50 mm beside", 56, 10, Field.UNKNOWN),
            ("110 mm beside", 86, 10, Field.OUT),
            ("60 mm above, off its level", 20, 46, Field.OUT),
            ("20 mm above", 20, 26, Field.UNKNOWN),
        ],
    )
    def test_distance_from_the_target_gives_a_class_of_lower_evidence(
        self, case: str, i: int, k: int, expected: Field
    ) -> None:
        treated = treatment(
            self.DOSELESS, targets=(target(30.0, 60.0),), problems=("RP.dcm: a plan without dose",)
        )
        (found,) = classify_lesions({"L": lesion(i, k=k, grid=self.WIDE)}, treated)
        assert found.field is expected, found.reason
        assert found.evidence == "geometry"
        assert found.dose_mean_gy is None
        assert found.flags == ("by geometry only: RP.dcm: a plan without dose",)

    def test_without_a_target_it_stays_unknown(self) -> None:
        treated = treatment(self.DOSELESS, problems=("RP.dcm: a plan without dose",))
        (found,) = classify_lesions({"L": lesion(20)}, treated)
        assert found.field is Field.UNKNOWN
        assert found.reason == "no dose and no target volume: RP.dcm: a plan without dose"


class TestCertainty:
    EDGE = treatment(given(columns((0, 50.0), (24, 0.1))))

    def test_far_from_any_edge_the_class_is_certain(self) -> None:
        (found,) = classify_lesions({"A": lesion(8)}, self.EDGE)
        assert found.probability == (("in", 1.0),)

    def test_at_the_edge_registration_errors_share_the_classes(self) -> None:
        (found,) = classify_lesions({"A": lesion(19)}, self.EDGE)
        shares = dict(found.probability)
        assert sum(shares.values()) == pytest.approx(1.0)
        # The edge lies 47 mm, the lesion ends at 45 mm; 95 % stay covered up to shifts of 2.4 mm.
        assert shares["in"] == pytest.approx(0.79, abs=0.07)
        assert shares["partial"] == pytest.approx(0.21, abs=0.07)
        name, low, high = found.envelope[0]
        assert name == "mean_gy"
        assert low < found.dose_mean_gy <= high + 1e-6

    def test_the_same_lesion_has_the_same_probabilities_whatever_comes_with_it(self) -> None:
        (alone,) = classify_lesions({"A": lesion(21)}, self.EDGE)
        _, among = classify_lesions({"B": lesion(5), "A": lesion(21)}, self.EDGE)
        assert alone == among

    def test_shifts_that_leave_the_grid_are_unknown(self) -> None:
        (found,) = classify_lesions({"A": lesion(1)}, treatment(given(columns((0, 0.0)))))
        assert found.field is Field.OUT
        shares = dict(found.probability)
        assert 0.1 < shares["unknown"] < 0.6
        assert shares["out"] == pytest.approx(1 - shares["unknown"])


class TestProfiles:
    def test_a_profile_of_ones_own_starts_from_a_known_one(self) -> None:
        found = from_table(
            {
                "name": "ours", "version": "2", "based_on": "five-gray", "in_coverage": 0.9,
                "bands_gy": [10, 20], "tail": {"isodose": 0.1, "factor": 2},
            }
        )  # fmt: skip
        assert (found.label, found.low_dose_gy, found.in_coverage) == ("ours 2", 5.0, 0.9)
        assert (found.bands_gy, found.tail.factor) == ((10.0, 20.0), 2.0)
        assert from_table({"based_on": "five-gray"}) is FIVE_GRAY_PROFILE
        assert from_table({"low_dose_gy": 2}, name="trial").label == "trial 1.0"

    @pytest.mark.parametrize(
        ("table", "says"),
        [
            ({"low_dose": 2.0}, "unknown setting field.low_dose .did you mean 'low_dose_gy'"),
            ({"low_dose_gy": "2"}, "setting field.low_dose_gy cannot be '2'"),
            ({"based_on": "five-grey"}, "'five-grey' to start from .did you mean 'five-gray'"),
            ({"tail": {"share": 1}}, "unknown setting field.tail.share"),
        ],
    )
    def test_a_profile_that_cannot_be_used_says_why(
        self, table: dict[str, object], says: str
    ) -> None:
        with pytest.raises(InputError, match=says):
            from_table(table)


class TestReaderAndNewLesions:
    def test_a_reader_overrides_with_a_reason_and_the_computed_class_stays_visible(self) -> None:
        override = FieldOverride(Field.IN, "earlier course abroad", "R1")
        (found,) = classify_lesions(
            {"A": lesion(20)}, treatment(given(columns((0, 0.0)))), STILL, overrides={"A": override}
        )
        assert (found.field, found.evidence) == (Field.IN, "reader")
        assert found.reason.startswith("set to in by R1: earlier course abroad (computed: out, ")
        with pytest.raises(InputError, match="needs a reason"):
            FieldOverride(Field.IN, " ")

    def test_a_lesion_mapped_back_from_a_later_date_is_provisional(self) -> None:
        (found,) = classify_lesions(
            {"NEW1": lesion(20)}, treatment(given(columns((0, 0.0)))), STILL, provisional=True
        )
        assert found.provisional
        assert found.flags[-1] == "mapped back from a later date: provisional"


class TestOverlays:
    TREATED = treatment(given(columns((10, 50.0), (30, 10.0))), targets=(target(30.0, 60.0),))

    def test_isodoses_and_targets_in_pixels_of_the_slice(self) -> None:
        found = {o.label: o for o in field_overlays(self.TREATED, GRID, 10)}
        assert set(found) == {"47.5 Gy", "25 Gy", "5 Gy", "PTV"}
        edges = np.concatenate(found["25 Gy"].lines_px)[:, 0]
        # Between the columns 8 and 10, and 28 and 30, of a lattice of every second pixel.
        assert 8.0 < edges.min() < 10.0
        assert 28.0 < edges.max() < 30.0
        (outline,) = found["PTV"].lines_px
        assert outline.min(axis=0).tolist() == [15.0, 10.0]
        assert outline.max(axis=0).tolist() == [30.0, 35.0]
        assert np.array_equal(outline[0], outline[-1]), "closed"

    def test_a_window_moves_the_lines(self) -> None:
        found = {o.label: o for o in field_overlays(self.TREATED, GRID, 10, window=(5, 6, 40, 40))}
        assert found["PTV"].lines_px[0].min(axis=0).tolist() == [10.0, 4.0]

    def test_off_the_target_only_the_dose_is_drawn(self) -> None:
        found = field_overlays(self.TREATED, GRID, 25, levels_gy=(30.0,))
        assert [(o.kind, o.label) for o in found] == [("isodose", "30 Gy")]

    def test_nothing_is_drawn_in_another_frame_without_a_registration(self) -> None:
        elsewhere = Grid(GRID.shape, GRID.affine, "9.9")
        assert field_overlays(self.TREATED, elsewhere, 10) == ()
        mapped = field_overlays(self.TREATED, elsewhere, 10, to_planning_mm=lambda points: points)
        assert {o.kind for o in mapped} == {"isodose", "target-volume"}


@pytest.mark.data
def test_the_lung_study_has_its_tumour_in_and_its_nodule_out_of_the_field(data_dir: Path) -> None:
    study = data_dir / "longitudinal" / "lung-abscopal"
    files = [study / "baseline" / name for name in ("RTDOSE/RD.dcm", "RTPLAN/RP.dcm")]
    treated = read_treatment(files[:1], files[1:], [study / "baseline" / "RTSTRUCT" / "RS.dcm"])
    image = nibabel.load(study / "truth" / "baseline_labels.nii.gz")
    labels = np.asarray(image.dataobj)
    affine = np.diag([-1.0, -1, 1, 1]) @ image.affine
    grid = Grid(labels.shape, affine, treated.frame_of_reference_uid)
    truth = {
        item["id"]: item
        for item in json.loads((study / "truth" / "baseline.json").read_text())["lesions"]
        if item["present"]
    }
    masks = {name: Mask.of(labels == item["label"], grid) for name, item in truth.items()}
    found = {finding.lesion_id: finding for finding in classify_lesions(masks, treated)}
    assert {name: str(finding.field) for name, finding in found.items()} == {
        "T1_tumor": "in",
        "N1_node": "low-dose",
        "N2_node": "low-dose",
        "N3_node": "low-dose",
        "L2_nodule": "out",
    }
    for name, item in truth.items():
        expected = item["dose_total_course"]
        assert found[name].dose_mean_gy == pytest.approx(expected["Dmean_Gy"], abs=0.1)
        assert found[name].dose_d95_gy == pytest.approx(expected["D95_Gy"], abs=0.6)
        assert (found[name].dose_mean_gy >= 25.0) is item["in_field"]
    assert found["T1_tumor"].target == "Tumor_c40"
    assert not treated.problems
