"""A treatment put together: plans, doses and targets, and what stands in the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from imaging.contours import structure_set
from imaging.dose import Dose, dose
from imaging.errors import HeaderError
from imaging.frames_of_reference import FrameMap
from imaging.plan import Delivery, confirmed, plan, read_record
from imaging.treatment import assemble, read_treatment
from tests.imaging.radiotherapy.conftest import dataset

SQUARE = [[2.0, 2, 2], [8.0, 2, 2], [8.0, 8, 2], [2.0, 8, 2]]
ABOVE = [[x, y, 4.0] for x, y, _ in SQUARE]
PTV = ("B", "PTV", [SQUARE, ABOVE])
#: Fraction groups of portal images beside one that treats: kind of beams, dose, monitor units.
PORTAL_GROUPS = {
    "no type": (None, None, None),
    "no type and no dose": (None, 0.0, None),
    "monitor units alone": (None, None, 3.0),
    "said to treat, without dose": ("TREATMENT", None, None),
    "said to treat, with a dose of zero": ("TREATMENT", 0.0, 0.0),
    "treatment beam with a film": ("TRMT_PORTFILM", None, 2.0),
}


@pytest.fixture
def uniform(rtdose: Callable[..., Dataset]) -> Callable[..., Dose]:
    """The same dose everywhere in 0-18 mm."""

    def build(gray: float, **options: object) -> Dose:
        source = str(options.pop("source", "RD.dcm"))
        return dose(rtdose(np.full((10, 10, 10), round(gray * 100)), **options), source=source)

    return build


class TestPlan:
    def test_prescription_fractions_and_target(self, rtplan) -> None:
        read = plan(rtplan(45.0, 3))
        assert (read.prescription_gy, read.fractions, read.target_rois) == (45.0, 3, (1,))
        assert read.prescription == "45 Gy in 3 fractions (planned, not confirmed)"
        assert read.structure_set_uid == "1.2.3.5"

    def test_several_levels_are_named_and_the_highest_counts(self, rtplan) -> None:
        made = rtplan(45.0)
        made.DoseReferenceSequence.append(rtplan(50.0).DoseReferenceSequence[0])
        read = plan(made)
        assert read.prescription_gy == 50.0
        assert read.warnings == ("several dose levels: 50, 45 Gy",)

    def test_without_a_prescription_the_beams_are_added_with_a_remark(self, rtplan) -> None:
        read = plan(rtplan(None, 5, beams=2, beam_dose=4.0))
        assert read.prescription_gy == 40.0
        assert read.warnings == ("no prescription to a target: the sum of Beam Dose is taken",)
        nothing = plan(rtplan(None, 5))
        assert nothing.prescription_gy is None
        assert "neither Target Prescription Dose nor Beam Dose" in nothing.warnings[0]

    @pytest.mark.parametrize(
        ("prescribed", "named"),
        [("4000", "4000 Gy, probably cGy"), ("-40", "-40 Gy"), ("0", "0 Gy")],
    )
    def test_a_prescription_out_of_range_is_named_and_not_used(
        self, rtplan, prescribed: str, named: str
    ) -> None:
        read = plan(rtplan(prescribed, 20))
        assert (read.prescription_gy, read.fractions) == (None, 20)
        assert named in read.warnings[0]

    @pytest.mark.parametrize("fractions", [-5, 4000])
    def test_fractions_out_of_range_are_named_and_not_used(self, rtplan, fractions: int) -> None:
        read = plan(rtplan(40, fractions))
        assert (read.prescription_gy, read.fractions) == (40, None)
        assert "Number of Fractions Planned" in read.warnings[0]

    @pytest.mark.parametrize("how", ["delivery type", "no beams", "no dose", *PORTAL_GROUPS])
    def test_fractions_of_portal_images_are_not_added(self, rtplan, how: str) -> None:
        made = rtplan(70.0, 35, beams=2, beam_dose=1.0)
        images = rtplan(None, 10, beams=2).FractionGroupSequence[0]
        images.FractionGroupNumber = 2
        if how == "no beams":
            del images.ReferencedBeamSequence
        for number, beam in enumerate(images.get("ReferencedBeamSequence", ()), start=11):
            beam.ReferencedBeamNumber = number
            if how in PORTAL_GROUPS:
                kind, dose_gy, meterset = PORTAL_GROUPS[how]
                beam.BeamDose, beam.BeamMeterset = dose_gy, meterset
                made.BeamSequence.append(dataset(BeamNumber=number, TreatmentDeliveryType=kind))
            if how == "delivery type":
                beam.BeamMeterset = 3
                portal = Dataset()
                portal.BeamNumber, portal.TreatmentDeliveryType = number, "OPEN_PORTFILM"
                made.BeamSequence.append(portal)
        made.FractionGroupSequence.append(images)
        read = plan(made)
        assert (read.fractions, read.prescription_gy) == (35, 70.0)
        assert read.warnings == (
            "fraction group 2 holds no treatment beam (portal images?): not added",
        )

    def test_a_portal_group_that_shares_the_beams_of_the_treatment(self, rtplan) -> None:
        made = rtplan(70.0, 35, beams=2, beam_dose=1.0)
        images = rtplan(None, 10, beams=2).FractionGroupSequence[0]
        made.FractionGroupSequence.append(images)
        assert plan(made).fractions == 35
        for beam in images.ReferencedBeamSequence:
            beam.BeamDose = 1.0  # a second group that treats
        assert plan(made).fractions == 45

    def test_where_no_beam_tells_its_dose_monitor_units_do(self, rtplan) -> None:
        made = rtplan(70.0, 35, beams=2)
        for beam in made.FractionGroupSequence[0].ReferencedBeamSequence:
            beam.BeamMeterset = 90.0
        made.FractionGroupSequence.append(rtplan(None, 10, beams=2).FractionGroupSequence[0])
        assert plan(made).fractions == 35

    def test_delivered_fractions_come_from_records(self, rtplan) -> None:
        read = confirmed(plan(rtplan(45.0, 3)), [Delivery("1.9.1", 1), Delivery("1.9.1", 2)])
        assert read.prescription == "45 Gy in 3 fractions (2 delivered by record)"
        assert read.warnings == ("2 of 3 fractions are recorded",)
        assert confirmed(plan(rtplan()), [Delivery("9.9", 1)]).delivered is None

    def test_a_record_counts_fractions_that_ended_normally(self, tmp_path: Path) -> None:
        record = Dataset()
        record.Modality = "RTRECORD"
        record.SOPClassUID = "1.2.840.10008.5.1.4.1.1.481.4"
        record.SOPInstanceUID = generate_uid()
        reference = Dataset()
        reference.ReferencedSOPInstanceUID = "1.9.1"
        record.ReferencedRTPlanSequence = [reference]
        record.TreatmentSessionBeamSequence = []
        for number, status in ((1, "NORMAL"), (2, "MACHINE"), (3, "NORMAL")):
            beam = Dataset()
            beam.CurrentFractionNumber = number
            beam.TreatmentTerminationStatus = status
            beam.TreatmentDeliveryType = "TREATMENT"
            record.TreatmentSessionBeamSequence.append(beam)
        record.file_meta = pydicom.dataset.FileMetaDataset()
        record.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        record.save_as(tmp_path / "RT.dcm", enforce_file_format=True)
        assert read_record(tmp_path / "RT.dcm") == (Delivery("1.9.1", 1), Delivery("1.9.1", 3))

    def test_another_modality_is_refused(self, rtdose) -> None:
        with pytest.raises(HeaderError, match="not RTPLAN"):
            plan(rtdose(np.zeros((2, 2, 2))))


class TestAssembly:
    POINT = np.array([[9.0, 9.0, 9.0]])

    def test_two_plans_are_added_and_converted_one_by_one(self, uniform, rtplan) -> None:
        found = assemble(
            [uniform(45.0), uniform(25.0, plan="1.9.2")],
            [plan(rtplan(45.0, 3)), plan(rtplan(25.0, 5, uid="1.9.2"))],
        )
        assert not found.problems
        assert found.at_gy(self.POINT) == pytest.approx([70.0])
        each = [item.eqd2_gy(item.at_gy(self.POINT), 4.0) for item in found.irradiations]
        assert sum(each) == pytest.approx([180.0])

    def test_a_dose_without_its_plan_takes_the_only_one_of_its_frame(self, uniform, rtplan) -> None:
        lost = uniform(40, plan="9.9.9")
        found = assemble([lost], [plan(rtplan(40.0, 20), source="RP.dcm")])
        (item,) = found.irradiations
        assert (item.prescription_gy, item.fractions) == (40.0, 20)
        assert item.dose is not None
        assert not found.problems
        assert "the only plan of its study and frame" in found.warnings[0]

    @pytest.mark.parametrize("why", ["frame", "study", "two plans", "two doses", "none known"])
    def test_a_dose_that_could_be_of_another_plan_is_not_linked(
        self, uniform, rtplan, why: str
    ) -> None:
        lost, own = uniform(40, plan="9.9.9"), plan(rtplan(40.0, 20))
        doses, plans = [lost], [own]
        if why == "frame":
            plans = [replace(own, frame_of_reference_uid="8.8")]
        elif why == "study":
            doses = [replace(lost, study_uid="1")]
            plans = [replace(own, study_uid="2")]
        elif why == "two plans":
            plans = [own, replace(own, sop_instance_uid="1.9.2")]
        elif why == "two doses":
            doses = [lost, replace(lost, plan_uids=("9.9.8",))]
        else:
            plans = [replace(own, frame_of_reference_uid=None)]
        found = assemble(doses, plans)
        assert all(item.plan is None or item.dose is None for item in found.irradiations)
        assert any("its prescription is not known" in problem for problem in found.problems)

    @pytest.mark.parametrize("gray", [0.4, 15.0, 130.0, 40_000.0])
    def test_a_dose_that_does_not_go_with_its_prescription_is_questioned(
        self, uniform, rtplan, gray: float
    ) -> None:
        found = assemble([uniform(gray, scaling=0.01)], [plan(rtplan(40.0, 20))])
        assert not found.with_dose
        assert "does not go with the prescription of 40 Gy" in found.problems[0]

    def test_doses_of_the_beams_of_one_lost_plan_are_linked_together(self, uniform, rtplan) -> None:
        beams = [uniform(20.0, summation="BEAM", beam=n, plan="9.9.9") for n in (1, 2)]
        found = assemble(beams, [plan(rtplan(40.0, beams=2))])
        assert not found.problems
        assert found.at_gy(self.POINT) == pytest.approx([40.0])

    @pytest.mark.parametrize(
        "misplaced",
        [
            {"origin": (100.0, 0.0, 0.0)},
            {"origin": (0.0, 0.0, -30.0)},
            {"spacing": (0.1, 0.1)},
            {"orientation": (-1, 0, 0, 0, 1, 0)},
        ],
    )
    def test_a_dose_that_misses_its_target_is_questioned(
        self, rtdose, rtplan, rtstruct, misplaced: dict[str, Any]
    ) -> None:
        drawn = structure_set(rtstruct(("PTV", "PTV", [SQUARE, ABOVE])), source="RS.dcm")
        stored, made = np.full((10, 10, 10), 4500), plan(rtplan())
        assert assemble([dose(rtdose(stored))], [made], [drawn]).with_dose
        found = assemble([dose(rtdose(stored, **misplaced), source="RD.dcm")], [made], [drawn])
        assert not found.with_dose
        assert found.problems == (
            "RD.dcm: 0 % of target volume PTV gets half of the prescription of 45 Gy: dose not "
            "used, check place, spacing and orientation",
        )

    def test_of_several_targets_one_that_is_covered_is_enough(
        self, uniform, rtplan, rtstruct
    ) -> None:
        """A plan of one of two lesions, both drawn as PTV."""
        far = [[[x + 500, y, z] for x, y, z in line] for line in (SQUARE, ABOVE)]
        drawn = structure_set(rtstruct(("A", "PTV", far), ("B", "PTV", [SQUARE, ABOVE])))
        assert assemble([uniform(45)], [plan(rtplan(target=None))], [drawn]).with_dose

    def test_targets_of_a_structure_set_that_lost_its_uid(self, uniform, rtplan, rtstruct) -> None:
        drawn = structure_set(rtstruct(("B", "", [SQUARE, ABOVE])), source="RS.dcm")
        lost = replace(plan(rtplan(), source="RP.dcm"), structure_set_uid="7.7")
        found = assemble([uniform(45)], [lost], [drawn])
        assert [target.name for target in found.targets] == ["B"]
        assert "the only one of its frame" in found.warnings[0]
        other = replace(drawn, sop_instance_uid="5.5")
        assert not assemble([uniform(45)], [lost], [drawn, other]).targets

    def test_a_sum_of_plans_is_left_out_beside_the_plans_themselves(self, uniform, rtplan) -> None:
        both = uniform(45.0, summation="MULTI_PLAN")
        found = assemble([uniform(45.0), both], [plan(rtplan())])
        assert found.at_gy(self.POINT) == pytest.approx([45.0])
        assert found.warnings == ("RD.dcm: MULTI_PLAN dose left out, plans have their own",)

    def test_a_sum_of_plans_stands_for_them_when_it_is_all_there_is(self, uniform) -> None:
        found = assemble([uniform(45.0, summation="MULTI_PLAN")], prescription_gy=45.0)
        assert found.at_gy(self.POINT) == pytest.approx([45.0])

    def test_a_sum_of_plans_takes_the_highest_prescription_of_its_plans(
        self, uniform, rtplan, rtdose
    ) -> None:
        raw = rtdose(np.full((10, 10, 10), 7000), summation="MULTI_PLAN")
        raw.ReferencedRTPlanSequence.append(rtdose(np.zeros((2, 2, 2))).ReferencedRTPlanSequence[0])
        raw.ReferencedRTPlanSequence[1].ReferencedSOPInstanceUID = "1.9.2"
        plans = [plan(rtplan(45.0, 3)), plan(rtplan(25.0, 5, uid="1.9.2"))]
        found = assemble([dose(raw)], plans)
        assert not found.problems
        (item,) = found.irradiations
        assert (item.prescription_gy, item.fractions) == (45.0, None)
        assert item.eqd2_gy(np.array([70.0]), 4.0) is None
        assert item.prescription == (
            "45 Gy in 3 fractions (planned, not confirmed) + "
            "25 Gy in 5 fractions (planned, not confirmed)"
        )

    def test_all_beams_of_a_plan_are_added_and_an_incomplete_set_is_a_problem(
        self, uniform, rtplan
    ) -> None:
        beams = [uniform(20.0, summation="BEAM", beam=n) for n in (1, 2)]
        made = plan(rtplan(beams=2))
        assert assemble(beams, [made]).at_gy(self.POINT) == pytest.approx([40.0])
        partial = assemble(beams[:1], [made])
        assert "1 BEAM doses are not all beams of a plan" in partial.problems[0]
        assert not partial.with_dose

    def test_the_latest_of_two_doses_of_one_plan_counts_with_a_warning(
        self, rtdose, rtplan
    ) -> None:
        made = []
        for day, stored in (("20200102", 4000), ("20200101", 4500)):
            raw = rtdose(np.full((10, 10, 10), stored))
            raw.ContentDate = day
            made.append(dose(raw, source=f"RD{day}.dcm"))
        found = assemble(made, [plan(rtplan())])
        assert found.at_gy(self.POINT) == pytest.approx([40.0])
        assert found.warnings == ("RD20200102.dcm: the latest of 2 doses of its plan",)

    def test_fewer_fractions_than_planned_scale_the_dose(self, uniform, rtplan) -> None:
        delivered = [Delivery("1.9.1", 1), Delivery("1.9.1", 2)]
        found = assemble([uniform(45.0)], [plan(rtplan(45.0, 3))], deliveries=delivered)
        assert found.at_gy(self.POINT) == pytest.approx([30.0])
        assert found.irradiations[0].given_gy == pytest.approx(30.0)
        assert found.irradiations[0].eqd2_gy(np.array([30.0]), 4.0) == pytest.approx([95.0])

    def test_a_dose_without_plan_and_a_plan_without_dose_are_problems(
        self, uniform, rtplan
    ) -> None:
        lonely = assemble([uniform(45.0, source="RD.dcm")])
        assert lonely.problems == ("RD.dcm: a dose without plan, its prescription is not known",)
        stated = assemble([uniform(45.0)], prescription_gy=45.0, fractions=3)
        assert not stated.problems
        assert stated.prescription == "45 Gy in 3 fractions (as stated by the user)"
        doseless = assemble([], [plan(rtplan(), source="RP.dcm")])
        assert doseless.problems == ("RP.dcm: a plan without dose",)

    def test_effective_dose_is_neither_converted_nor_added_to_physical(
        self, uniform, rtplan
    ) -> None:
        effective = assemble([uniform(60.0, kind="EFFECTIVE")], [plan(rtplan())])
        item = effective.irradiations[0]
        assert item.eqd2_gy(np.array([60.0]), 4.0) == pytest.approx([60.0])
        mixed = assemble(
            [uniform(45.0), uniform(60.0, kind="EFFECTIVE", plan="1.9.2")],
            [plan(rtplan()), plan(rtplan(uid="1.9.2"))],
        )
        assert mixed.problems == ("RD.dcm: an EFFECTIVE dose cannot be added to PHYSICAL",)

    @pytest.mark.parametrize(
        ("frame", "says"),
        [(None, "has no frame of reference"), ("9.9", "in another frame of reference")],
    )
    def test_doses_without_the_common_frame_are_problems(
        self, uniform, rtplan, frame, says: str
    ) -> None:
        found = assemble(
            [uniform(45.0), uniform(25.0, plan="1.9.2", frame=frame)],
            [plan(rtplan()), plan(rtplan(uid="1.9.2"))],
        )
        assert says in found.problems[0]
        assert len(found.with_dose) == 1

    @pytest.mark.parametrize(
        ("state", "says"),
        [
            ({"approval": "REJECTED"}, "REJECTED"),
            ({"approval": "UNAPPROVED"}, "UNAPPROVED, and another is APPROVED"),
            ({"intent": "VERIFICATION"}, "VERIFICATION"),
        ],
    )
    def test_alternatives_that_were_not_given_are_left_out(
        self, uniform, rtplan, state, says: str
    ) -> None:
        other = plan(rtplan(60.0, 3, uid="1.9.2", **state), source="RP2.dcm")
        found = assemble(
            [uniform(45.0), uniform(60.0, plan="1.9.2")], [plan(rtplan(45.0, 3)), other]
        )
        assert found.at_gy(self.POINT) == pytest.approx([45.0])
        assert found.warnings == (f"RP2.dcm: plan left out: {says}",)
        assert not found.problems

    def test_several_plans_are_named(self, uniform, rtplan) -> None:
        doses = [uniform(45.0), uniform(25.0, plan="1.9.2")]
        plans = [plan(rtplan(45.0, 3)), plan(rtplan(25.0, 5, uid="1.9.2"))]
        assert assemble(doses, plans).warnings == ("dose is cumulated over 2 plans: SBRT, SBRT",)

    def test_an_earlier_course_is_brought_over_by_a_registration(self, rtdose, rtplan) -> None:
        stored = np.zeros((10, 10, 10))
        stored[:, :, 5:] = 2500  # from x = 10 mm on
        earlier = dose(rtdose(stored, plan="1.9.2", frame="9.9"), source="old.dcm")
        now = dose(rtdose(np.full((10, 10, 10), 4500)))
        shift = np.eye(4)
        shift[0, 3] = 4.0
        plans = [plan(rtplan()), plan(rtplan(25.0, 5, uid="1.9.2"))]
        # The object registers the new frame to the old one: its inverse is needed.
        maps = [FrameMap("9.9", "1.2.3.4", shift).inverse]
        found = assemble([now, earlier], plans, frame_maps=maps)
        assert not found.problems
        assert "old.dcm: brought to the first dose by a registration" in found.warnings
        points = np.array([[14.0, 9, 9], [12.0, 9, 9], [3.0, 9, 9]])
        doses = found.at_gy(points)
        assert doses[:2] == pytest.approx([70.0, 45.0])
        assert np.isnan(doses[2]), "beyond the earlier grid"

    def test_bad_files_are_named_and_the_others_used(self, rtdose, tmp_path: Path) -> None:
        relative = rtdose(np.ones((2, 2, 2)), units="RELATIVE")
        relative.save_as(tmp_path / "RD.dcm", enforce_file_format=True)
        found = read_treatment([tmp_path / "RD.dcm", tmp_path / "none.dcm"])
        assert "RD.dcm: Dose Units (3004,0002) are RELATIVE" in found.problems[0]
        assert any("none.dcm: not readable" in what for what in found.unreadable)
        assert "none.dcm: not readable" in found.problems[1]
        without_targets = read_treatment([], [], [tmp_path / "RS.dcm"])
        assert not without_targets.problems, "contours are not needed for a dose"
        assert "RS.dcm: not readable" in without_targets.warnings[0]


class TestTargets:
    def test_types_and_plans_make_a_target_and_names_do_not(self, rtstruct, rtplan) -> None:
        rois = [
            ("A", "ORGAN", [SQUARE, ABOVE]),
            ("GTV", "ORGAN", [SQUARE, ABOVE]),
            ("B", "PTV", [SQUARE, ABOVE]),
            ("PTV_old", "", [SQUARE, ABOVE]),
        ]
        found = assemble([], [plan(rtplan(target=1))], [structure_set(rtstruct(*rois))])
        assert [(t.name, t.prescribed, t.bounds_field) for t in found.targets] == [
            ("A", True, True),
            ("B", False, True),
        ]

    def test_a_target_holds_points_between_its_contours(self, rtstruct) -> None:
        (target,) = assemble(
            [], [], [structure_set(rtstruct(("B", "PTV", [SQUARE, ABOVE])))]
        ).targets
        points = np.array(
            [[5, 5, 2], [5, 5, 3.2], [5, 5, 4.9], [5, 5, 5.2], [1, 5, 2]], dtype=float
        )
        assert target.holds(points).tolist() == [1, 1, 1, 0, 0]

    def test_distance_and_shared_level(self, rtstruct) -> None:
        (target,) = assemble(
            [], [], [structure_set(rtstruct(("B", "PTV", [SQUARE, ABOVE])))]
        ).targets
        assert target.distance_mm(np.array([[18.0, 8.0, 4.0]])) == (10.0, True)
        assert target.distance_mm(np.array([[8.0, 8.0, 24.0]])) == (20.0, False)
