"""Which scans are time points of response, which serve the field, and which phase is used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from imaging.catalogue import scan
from imaging.errors import InputError
from imaging.header import read_header
from imaging.purpose import Phase, Purpose, phase_of, purpose_of
from imaging.series import ProblemLevel, Subject
from imaging.series_table import Use, read_series_table


def only_subject(root: Path, **options: Any) -> Subject:
    (subject,) = scan(root, **options).subjects
    return subject


def lines(root: Path, level: ProblemLevel) -> list[str]:
    return [str(problem) for problem in scan(root).problems if problem.level is level]


def dates(subject: Subject) -> list[str]:
    return [str(visit.date) for visit in subject.visits]


CONE_BEAMS = (
    {"ManufacturerModelName": "On-Board Imager"},
    {"ManufacturerModelName": "XVI"},
    {"ManufacturerModelName": "Halcyon"},
    {"ManufacturerModelName": "VitalBeam"},
    {"SeriesDescription": "CBCT Thorax"},
    {"StudyDescription": "cone beam, fraction 3"},
)
PLANNINGS = (
    {"SeriesDescription": "Planning CT"},
    {"StudyDescription": "RT planning"},
    {"SeriesDescription": "CT Sim Thorax"},
    {"StudyDescription": "Bestrahlungsplanung"},
    {"StudyDescription": "RT-Planung"},
    {"StudyDescription": "Scanner de centrage"},
    {"SeriesDescription": "TC simulazione"},
    {"SeriesDescription": "4D-CT thorax"},
)


class TestTreatmentScans:
    @pytest.mark.parametrize("elements", CONE_BEAMS)
    def test_a_cone_beam_ct_is_left_out_by_name(self, dicom, elements: dict[str, str]) -> None:
        dicom.ct("base", date="20200106")
        dicom.ct("fraction", date="20200120", elements=elements)
        dicom.ct("later", date="20200301")
        subject = only_subject(dicom.root)
        assert dates(subject) == ["2020-01-06", "2020-03-01"]
        (rejection,) = subject.rejected
        assert rejection.reason.startswith("cone-beam CT of a treatment: ")
        assert next(iter(elements.values())) in rejection.reason
        assert not lines(dicom.root, ProblemLevel.ERROR)

    @pytest.mark.parametrize("elements", PLANNINGS)
    def test_a_planning_ct_serves_the_field_and_is_no_time_point(self, dicom, elements) -> None:
        dicom.ct("base", date="20200106")
        plan_ct = dicom.ct("plan", date="20200120", elements=elements)
        dicom.object("RTSTRUCT", refers_to=plan_ct[0], date="20200120")
        dicom.ct("later", date="20200301")
        subject = only_subject(dicom.root)
        assert dates(subject) == ["2020-01-06", "2020-03-01"]
        assert [visit.label for visit in subject.visits] == ["baseline", "follow-up 1"]
        (planning,) = subject.treatment
        assert len(planning.rtstructs) == 1
        (note,) = lines(dicom.root, ProblemLevel.NOTE)
        assert "2020-01-20: planning CT" in note
        assert "not as a time point" in note

    def test_a_ct_that_a_plan_lies_on_is_one_without_a_word_in_its_description(self, dicom) -> None:
        dicom.ct("base", date="20200106")
        plan_ct = dicom.ct("thorax", date="20200120")
        struct = dicom.object("RTSTRUCT", refers_to=plan_ct[0], date="20200120")
        dicom.object("RTPLAN", refers_to=struct, date="20200121")
        subject = only_subject(dicom.root)
        assert dates(subject) == ["2020-01-06"]
        assert subject.treatment[0].purpose == "planning CT (a plan or dose belongs to it)"

    def test_as_the_only_baseline_it_stays_one(self, dicom) -> None:
        dicom.ct("plan", date="20200106", elements=PLANNINGS[0])
        dicom.ct("later", date="20200301")
        assert dates(only_subject(dicom.root)) == ["2020-01-06", "2020-03-01"]
        (note,) = lines(dicom.root, ProblemLevel.NOTE)
        assert "the baseline is a planning CT" in note

    def test_ordinary_words_are_diagnostic(self, dicom) -> None:
        for text in ("Thorax planar", "CT Abdomen", "Therapy control", "simple chest"):
            path = dicom.ct(text, elements={"SeriesDescription": text})[0]
            assert purpose_of(read_header(path)).purpose is Purpose.DIAGNOSTIC


class TestTable:
    @pytest.fixture
    def archive(self, dicom) -> Any:
        dicom.ct("base", date="20200106")
        dicom.ct("plan", date="20200120", elements={"SeriesDescription": "Planning CT"})
        dicom.ct("cone", date="20200121", elements={"SeriesDescription": "CBCT"})
        dicom.ct("later", date="20200301", elements={"SeriesDescription": "Late"})
        return dicom

    def table(self, path: Path, *rows: str) -> dict[str, Any]:
        path.write_text("\n".join(("subject,series,use", *rows)) + "\n")
        return {"series_table": read_series_table(path)}

    def test_it_overrides_what_the_headers_tell(self, archive, tmp_path: Path) -> None:
        rows = ("P1,planning ct,response", "P1,CBCT,response", "P1,Late,no")
        subject = only_subject(archive.root, **self.table(tmp_path / "s.csv", *rows))
        assert dates(subject) == ["2020-01-06", "2020-01-20", "2020-01-21"]
        assert subject.rejected[-1].reason == "left out by the table of series"

    def test_a_series_may_be_named_by_uid_and_serve_the_field(self, archive, tmp_path) -> None:
        last = only_subject(archive.root).visits[-1]
        options = self.table(tmp_path / "s.csv", f"P1,{last.ct.uid},field")
        subject = only_subject(archive.root, **options)
        assert dates(subject) == ["2020-01-06"]
        assert len(subject.treatment) == 2

    @pytest.mark.parametrize(
        "rows", [("P1,CBCT,maybe",), ("P1,,no",), ("P1,CBCT,no", "P1,cbct,field")]
    )
    def test_a_row_that_cannot_be_used_is_refused(self, tmp_path: Path, rows) -> None:
        with pytest.raises(InputError, match="row"):
            self.table(tmp_path / "s.csv", *rows)

    def test_words_of_use(self, tmp_path: Path) -> None:
        table = self.table(tmp_path / "s.csv", "P1,A,Response")["series_table"]
        assert table == {"P1": {"a": Use.RESPONSE}}


class TestPhases:
    @pytest.mark.parametrize(
        ("description", "agent", "phase"),
        [
            ("Abdomen portal venous", "x", Phase.PORTAL_VENOUS),
            ("Abd. PV 3.0", "x", Phase.PORTAL_VENOUS),
            ("Leber arteriell", "x", Phase.ARTERIAL),
            ("Thorax nativ", "", Phase.NATIVE),
            ("CT without contrast", "", Phase.NATIVE),
            ("Delayed 5 min", "x", Phase.DELAYED),
            ("Fase basale", "", Phase.NATIVE),
            ("Torace senza mdc", "", Phase.NATIVE),
            ("Abdomen pre-contrast", "", Phase.NATIVE),
            ("Excretory phase", "x", Phase.DELAYED),
            ("Thorax", "Iomeron", Phase.CONTRAST),
            ("Thorax", "", Phase.UNKNOWN),
        ],
    )
    def test_by_the_words_then_by_the_agent(self, dicom, description, agent, phase) -> None:
        elements = {"SeriesDescription": description, "ContrastBolusAgent": agent}
        assert phase_of(read_header(dicom.ct("a", elements=elements)[0])) is phase

    def scans(self, dicom, date: str, *phases: str) -> None:
        for number, phase in enumerate(phases, start=1):
            elements = {"SeriesDescription": f"Abdomen {phase}", "SeriesNumber": number}
            dicom.ct(f"{date} {phase}", date=date, elements=elements, study=date)

    def test_the_portal_venous_one_is_preferred_whatever_its_number(self, dicom) -> None:
        self.scans(dicom, "20200106", "native", "arterial", "portal venous")
        (visit,) = only_subject(dicom.root).visits
        assert visit.ct is not None
        assert visit.ct.description == "Abdomen portal venous"

    def test_the_phase_that_all_dates_have_goes_before(self, dicom) -> None:
        self.scans(dicom, "20200106", "native", "portal venous")
        self.scans(dicom, "20200301", "arterial", "native")
        chosen = [visit.ct.description for visit in only_subject(dicom.root).visits if visit.ct]
        assert chosen == ["Abdomen native", "Abdomen native"]
        assert not lines(dicom.root, ProblemLevel.NOTE)

    def test_a_change_that_cannot_be_avoided_is_said(self, dicom) -> None:
        self.scans(dicom, "20200106", "portal venous")
        self.scans(dicom, "20200301", "native")
        assert lines(dicom.root, ProblemLevel.NOTE) == [
            "P1: contrast phase changes: portal venous on 2020-01-06, native on 2020-03-01"
        ]

    def test_so_are_thickness_and_kernel(self, dicom) -> None:
        dicom.ct("a", date="20200106", elements={"ConvolutionKernel": "B30f"})
        thick = {"ConvolutionKernel": "B70f", "SliceThickness": "5"}
        dicom.ct("b", date="20200301", elements=thick)
        assert lines(dicom.root, ProblemLevel.NOTE) == [
            "P1: slice thickness changes: 3 mm on 2020-01-06, 5 mm on 2020-03-01",
            "P1: kernel changes: soft on 2020-01-06, sharp on 2020-03-01",
        ]


class TestDates:
    def test_a_constant_study_date_gives_way_to_the_acquisitions(self, dicom) -> None:
        for folder, acquired in (("a", "20200106"), ("b", "20200301")):
            dicom.ct(folder, study=folder, elements={"AcquisitionDate": acquired})
        subject = only_subject(dicom.root)
        assert dates(subject) == ["2020-01-06", "2020-03-01"]
        (note,) = lines(dicom.root, ProblemLevel.NOTE)
        assert "were acquired from 2020-01-06 to 2020-03-01" in note

    def test_study_dates_that_the_acquisitions_contradict_are_told(self, dicom) -> None:
        """One date of 1900, say, which would make the follow-up the baseline."""
        dicom.ct("a", date="20200106", study="a", elements={"AcquisitionDate": "20200106"})
        dicom.ct("b", date="19000101", study="b", elements={"AcquisitionDate": "20200301"})
        assert dates(only_subject(dicom.root)) == ["1900-01-01", "2020-01-06"]
        (error,) = lines(dicom.root, ProblemLevel.ERROR)
        assert "another order of the studies" in error
        contradiction, gap, *_ = lines(dicom.root, ProblemLevel.NOTE)
        assert "study date 1900-01-01, but acquired on 2020-03-01" in contradiction
        assert "no study between 1900-01-01 and 2020-01-06" in gap

    def test_studies_that_share_one_date_are_told(self, dicom) -> None:
        """All dates of a patient made equal look like one visit."""
        for folder in ("a", "b", "c"):
            dicom.ct(folder, study=folder, series=folder)
        assert dates(only_subject(dicom.root)) == ["2020-01-06"]
        told = [line for line in lines(dicom.root, ProblemLevel.NOTE) if "one visit" in line]
        assert len(told) == 1
        assert "CTs of 3 studies on one date are taken as one visit" in told[0]

    def test_dates_that_were_shifted_as_one_are_no_contradiction(self, dicom) -> None:
        for folder, date in (("a", "20200106"), ("b", "20200301")):
            acquired = {"AcquisitionDate": str(int(date) - 20_000)}  # two years earlier
            dicom.ct(folder, date=date, study=folder, elements=acquired)
        assert lines(dicom.root, ProblemLevel.ERROR) == []

    def test_an_acquisition_around_midnight_is_one_examination(self, dicom) -> None:
        def late(k: int, dataset: Any) -> None:
            dataset.AcquisitionDate = "20200106" if k < 3 else "20200107"

        dicom.ct("a", change=late)
        (visit,) = only_subject(dicom.root).visits
        assert visit.ct is not None
        assert visit.ct.slices == 6

    @pytest.mark.parametrize("same_study", [True, False])
    def test_one_series_uid_at_two_dates_is_two_series(self, dicom, same_study: bool) -> None:
        for folder, date in (("a", "20200106"), ("b", "20200301")):
            study = {"study": "one"} if same_study else {}
            dicom.ct(folder, date=date, elements={"SeriesInstanceUID": "1.2.3"}, **study)
        subject = only_subject(dicom.root)
        assert dates(subject) == ["2020-01-06", "2020-03-01"]
        assert [visit.ct.slices for visit in subject.visits if visit.ct] == [6, 6]

    @pytest.mark.parametrize("other", [{"PatientBirthDate": "19610203"}, {"PatientSex": "M"}])
    def test_persons_who_share_id_and_name_are_kept_apart(self, dicom, other) -> None:
        dicom.ct("a", date="20200106")
        dicom.ct("b", date="20200301", elements=other)
        assert [subject.id for subject in scan(dicom.root).subjects] == ["P1~1", "P1~2"]
        (line,) = lines(dicom.root, ProblemLevel.ERROR)
        assert "2 different patients share this Patient ID" in line

    def test_patients_whose_identifiers_look_alike_are_told(self, dicom) -> None:
        for folder, name, date in (("a", "P01", "20200106"), ("b", "p1", "20200301")):
            dicom.ct(folder, subject=name, study=folder, series=folder, date=date)
        assert [each.id for each in scan(dicom.root).subjects] == ["P01", "p1"]
        told = [line for line in lines(dicom.root, ProblemLevel.NOTE) if "looks like" in line]
        assert len(told) == 1
        assert "p1: its Patient ID looks like 'P01': kept apart" in told[0]

    def test_a_sex_that_is_not_told_is_no_contradiction(self, dicom) -> None:
        dicom.ct("a", date="20200106")
        dicom.ct("b", date="20200301", elements={"PatientSex": "O", "PatientBirthDate": ""})
        assert len(only_subject(dicom.root).visits) == 2

    def test_contours_under_another_patient_id_name_whose_images_they_refer_to(self, dicom) -> None:
        image = dicom.ct("a", subject="CASE")[0]
        dicom.object("RTSTRUCT", subject="TPS123", refers_to=image)
        (line,) = lines(dicom.root, ProblemLevel.ERROR)
        assert "refers to images of patient CASE (correct its Patient ID)" in line

    def test_acquisitions_that_overlap_by_half_a_step_are_set_apart(self, dicom) -> None:
        dicom.ct("a", series="one", slices=8, elements={"AcquisitionNumber": 1})
        shifted = {"origin": (-10.0, 20.0, -30.0 + 7.5 * 3.0), "slices": 9}
        dicom.ct("b", series="one", elements={"AcquisitionNumber": 2}, **shifted)
        subject = only_subject(dicom.root)
        assert subject.visits[0].ct is not None
        assert subject.visits[0].ct.slices == 9
        assert [rejection.series.slices for rejection in subject.rejected] == [8]
