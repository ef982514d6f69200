"""``assess-pet``: a table of uptake in, categories with their reasons out."""

from __future__ import annotations

import csv
import gc
import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from imaging.errors import InputError
from imaging.tables.source import chunks, opened
from pet.response.measurements import COLUMNS, PetCourse, UptakeForm, courses_in
from pet.response.protocol import from_table
from pet.response.scan import ReferenceUptake
from pet.response.uptake_table import assess_pet_table

PATIENTS = """\
subject,date,lesion,sul_peak,organ,status,suv_max,liver_mean,liver_sd,uptake_min,recist11,blood_max,liver_max,uptake_vs_baseline
A,2024-01-10,L1,10,lung,,14,2.0,0.2,60,,,,
A,2024-01-10,L2,6,liver,,8,,,,,,,
A,2024-03-06,L1,5,lung,measured,7,2.1,0.2,65,SD,1.8,2.9,decrease
A,2024-03-06,L2,4,liver,,6,,,,,,,
A,2024-05-01,L1,,lung,resolved,,2.1,0.2,65,PR,1.8,2.9,
A,2024-05-01,L2,,liver,resolved,,,,,,,,
B,2024-02-01,L1,10,,,12,2.0,0.2,60,,,,
B,2024-04-01,L1,9,,,11,2.0,0.2,60,PD,,,
B,2024-04-01,N1,4,,new,6,,,,,,,
"""


def table(folder: Path, text: str = PATIENTS) -> Path:
    path = folder / "uptake.csv"
    path.write_text(text)
    return path


def responses(path: Path) -> dict[tuple[str, str, str], str]:
    with path.open(newline="") as rows:
        return {
            (row["subject"], row["date"], row["criteria"]): row["response"]
            for row in csv.DictReader(rows)
        }


def pet_courses(path: Path) -> Iterator[PetCourse]:
    """The subjects of a table; the first that cannot be read is raised."""
    with opened(path, COLUMNS) as source:
        form = UptakeForm.of(source, "iso")
        for found in (course for chunk in chunks(source) for course in courses_in(chunk, form)):
            if not isinstance(found, PetCourse):
                raise found.error
            yield found


def test_a_table_gives_every_criterion(tmp_path: Path) -> None:
    as_csv, as_json = assess_pet_table(table(tmp_path), tmp_path / "out", with_json=True)
    found = responses(as_csv)
    assert found["A", "2024-03-06", "PERCIST"] == "PMR"
    assert found["A", "2024-05-01", "PERCIST"] == "CMR"
    assert found["A", "2024-05-01", "iPERCIST"] == "CMR"
    assert found["A", "2024-03-06", "PECRIT"] == "NO_CLINICAL_BENEFIT"
    assert found["A", "2024-05-01", "PECRIT"] == "CLINICAL_BENEFIT"
    assert found["A", "2024-03-06", "LUGANO_PET"] == "PMR"
    assert found["A", "2024-05-01", "LUGANO_PET"] == "CMR"
    assert found["B", "2024-04-01", "PERCIST"] == "PMD"
    assert found["B", "2024-04-01", "imPERCIST5"] == "PMD"
    assert found["B", "2024-04-01", "iPERCIST"] == "UPMD"
    assert found["B", "2024-04-01", "PERCIMT"] == "SMD"
    assert ("B", "2024-04-01", "LUGANO_PET") not in found
    assert ("A", "2024-01-10", "PERCIST") not in found
    records = json.loads(as_json.read_text())["assessments"]
    assert len(records) == len(found)
    first = records[0]
    assert (first["subject"], first["date"], first["day"]) == ("A", "2024-03-06", 56)
    assert first["reasons"][0]["margin"] == 20.0
    assert {gate["name"] for gate in first["gates"]} >= {"liver mean", "uptake times"}
    assert sorted(path.name for path in as_csv.parent.iterdir()) == [
        "pet_timepoints.csv",
        "pet_timepoints.json",
    ]


def test_several_processes_write_the_same_bytes_and_a_run_without_json_takes_it_away(
    tmp_path: Path,
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    written = assess_pet_table(table(tmp_path), one, with_json=True, jobs=1)
    again = assess_pet_table(table(tmp_path), other, with_json=True, jobs=2)
    assert [path.read_bytes() for path in written] == [path.read_bytes() for path in again]
    assert assess_pet_table(table(tmp_path), other) == (other / "pet_timepoints.csv",)
    assert [path.name for path in other.iterdir()] == ["pet_timepoints.csv"]


def test_criteria_and_settings_can_be_chosen(tmp_path: Path) -> None:
    settings = from_table({"percist": {"fall_percent": 60}})
    (as_csv,) = assess_pet_table(
        table(tmp_path), tmp_path / "out", criteria=["PERCIST"], settings=settings
    )
    assert responses(as_csv) == {
        ("A", "2024-03-06", "PERCIST"): "SMD",
        ("A", "2024-05-01", "PERCIST"): "CMR",
        ("B", "2024-04-01", "PERCIST"): "PMD",
    }
    with pytest.raises(InputError, match="unknown criteria: recist"):
        assess_pet_table(table(tmp_path), tmp_path / "out", criteria=["recist"])


@pytest.mark.parametrize("suffix", ["xlsx", "parquet"])
def test_other_tables_are_read_alike(suffix: str, tmp_path: Path) -> None:
    plain = tuple(pet_courses(table(tmp_path)))
    frame = pd.read_csv(tmp_path / "uptake.csv")
    path = tmp_path / f"uptake.{suffix}"
    if suffix == "xlsx":
        frame.to_excel(path, index=False)
    else:
        frame.to_parquet(path)
    other = tuple(pet_courses(path))
    assert [course.scans[0].scan for course in other] == [course.scans[0].scan for course in plain]


def test_days_and_dates_without_lesions(tmp_path: Path) -> None:
    text = "subject,day,lesion,sul_peak,cycles\nA,56,,,2\nA,-3,L1,8,\n"
    (course,) = tuple(pet_courses(table(tmp_path, text)))
    assert [dated.scan.day for dated in course.scans] == [-3, 56]
    assert course.scans[1].scan.lesions == ()
    assert course.scans[1].scan.cycles == 2
    (as_csv,) = assess_pet_table(tmp_path / "uptake.csv", tmp_path, criteria=["percist5"])
    assert "lesion L1 of baseline is not listed" in as_csv.read_text()
    assert as_csv.read_text().startswith("subject,day,criteria")


def test_pecrit_without_a_peak_to_compare(tmp_path: Path) -> None:
    text = "subject,day,lesion,sul_peak,recist11\nA,0,L1,,\nA,30,L1,5,SD\nA,60,L1,5,\n"
    (as_csv,) = assess_pet_table(table(tmp_path, text), tmp_path, criteria=["pecrit"])
    assert as_csv.read_text().count("PECRIT") == 1  # the second date has no RECIST
    assert "NOT_EVALUABLE" in as_csv.read_text()


HEAD = "subject,date,lesion,sul_peak,status,liver_mean,liver_sd,progression,uptake_vs_baseline\n"
ROW = "A,2024-01-10,L1,10,,2.0,0.2,,\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD, "no rows"),
        ("", "the table is empty"),
        ("subject,lesion\nA,L1\n", "column .sul_peak. is missing"),
        (HEAD + "A,10.1.2024,L1,10,,,,,\n", "date '10.1.2024'"),
        (HEAD + "A,2024-01-10,L1,hot,,,,,\n", "sul_peak 'hot' is not a number"),
        (HEAD + "A,2024-01-10,L1,inf,,,,,\n", "sul_peak 'inf' is not a number"),
        (HEAD + "A,2024-01-10,L1,10,gone,,,,\n", "status 'gone'"),
        (HEAD + "A,2024-01-10,L1,10,,2.0,,,\n", "liver needs both"),
        (HEAD + "A,2024-01-10,L1,10,,,,maybe,\n", "progression is 'maybe'"),
        (HEAD + ROW + "A,2024-01-10,L2,9,,2.1,,,\n", "liver_mean differs within a date"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        assess_pet_table(table(tmp_path, text), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_unknown_course_of_uptake(tmp_path: Path) -> None:
    text = PATIENTS.replace("decrease", "better")
    with pytest.raises(InputError, match="uptake_vs_baseline"):
        assess_pet_table(table(tmp_path, text), tmp_path / "out")


def test_a_table_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "uptake.ods"
    path.write_text("")
    with pytest.raises(InputError, match="give CSV, xlsx or parquet"):
        tuple(pet_courses(path))


ROWS = "subject,date,lesion,sul_peak,liver_mean,liver_sd\n"
GOOD = "A,2024-01-01,L1,10,2,0.2\nA,2024-03-01,L1,4,2,0.2\n"


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("B,2024-01-01,L1,10,2,0.2\nB,2024-03-01,L1,4.0 SUL,2,0.2\n", "sul_peak"),
        ("B,soon,L1,10,2,0.2\n", "row 4: date 'soon'"),
        ("B,2024-01-01,L1,10,2,0.2\nB,2024-01-01,L1,10,2,0.2\n", "twice"),
        ("B,2024-01-01,L1,1_0,2,0.2\n", "sul_peak"),
        ("B,2024-01-01,L1,inf,2,0.2\n", "sul_peak"),
        ("B,2024-01-01,L1,10,2,0.2\n,2024-03-01,L1,4,2,0.2\n", "row 5: a row without subject"),
    ],
)
def test_a_bad_cell_costs_its_subject_alone(tmp_path: Path, bad: str, said: str) -> None:
    failures: dict[str, InputError] = {}
    path = table(tmp_path, ROWS + GOOD + bad)
    (as_csv,) = assess_pet_table(path, tmp_path / "out", criteria=["percist"], failures=failures)
    assert responses(as_csv) == {("A", "2024-03-01", "PERCIST"): "PMR"}
    assert list(failures) == ["B"]
    assert said in str(failures["B"])


def test_subjects_are_text_and_times_of_day_part_no_scan(tmp_path: Path) -> None:
    text = "subject;date;lesion;sul_peak;liver_mean;liver_sd\nNA;2024-01-01;L1;10;2;0,2\n"
    text += "NA;2024-01-01;L2;8;2;0,2\nNA;2024-03-01T09:00;L1;4;2;0,2\nNA;2024-03-01;L2;3;2;0,2\n"
    (as_csv,) = assess_pet_table(table(tmp_path, text), tmp_path / "out", criteria=["percist"])
    assert responses(as_csv) == {("NA", "2024-03-01", "PERCIST"): "PMR"}


def test_days_as_a_frame_writes_them(tmp_path: Path) -> None:
    text = "subject,day,lesion,sul_peak,liver_mean,liver_sd\nA,0.0,L1,10,2,0.2\nA,56.0,L1,4,2,0.2\n"
    (course,) = tuple(pet_courses(table(tmp_path, text)))
    assert [scan.when for scan in course.scans] == ["0", "56"]


def test_facts_of_a_date_may_be_written_in_several_ways(tmp_path: Path) -> None:
    given = table(
        tmp_path,
        "subject,date,lesion,sul_peak,liver_mean,liver_sd\n"
        "A,2024-01-01,L1,10,2.0,0.2\nA,2024-01-01,L2,5,2,0.20\nA,2024-03-01,L1,4,2.0,0.2\n",
    )
    (course,) = tuple(pet_courses(given))
    assert course.scans[0].scan.liver == ReferenceUptake(2.0, 0.2)


def test_lesions_that_look_alike_are_refused(tmp_path: Path) -> None:
    """Otherwise one of them is lost, and the other a new lesion: progression."""
    given = table(tmp_path, "subject,date,lesion,sul_peak\nA,2024-01-01,L1,10\nA,2024-03-01,l1,4\n")
    with pytest.raises(InputError, match="two lesions whose names look alike: 'L1' and 'l1'"):
        tuple(pet_courses(given))


def test_what_may_be_wrong_with_a_subject_is_told(tmp_path: Path) -> None:
    rows = "A,2024-01-01,L1,10\nA,2024-03-01,L1,4\na,2024-01-01,L1,10\n"
    given = table(tmp_path, f"subject,date,lesion,sul_peak\n{rows}")
    told: list[str] = []
    assess_pet_table(given, tmp_path / "out", on_remark=told.append)
    assert told == [
        "a: its name looks like 'A': if they are one, use one name",
        "a: one date only (2024-01-01): nothing to compare",
    ]


def test_what_is_refused_keeps_no_other_row_alive(tmp_path: Path) -> None:
    """No search for cycles is made in a table: what refers to itself would pile up."""
    rows = ["subject,date,lesion,sul_peak"]
    for k in range(200):
        rows += [f"P{k},2024-01-10,L1,5", f"P{k},2024-{'13' if k % 2 else '03'}-06,L1,4"]
    path = table(tmp_path, "\n".join(rows))
    failures: dict[str, InputError] = {}
    gc.collect()
    gc.disable()
    try:
        assess_pet_table(path, tmp_path / "out", failures=failures)
        assert len(failures) == 100
        failures.clear()
        found = gc.collect()
    finally:
        gc.enable()
    assert found < 200
