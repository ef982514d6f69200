"""Tables and events as people write them: what is accepted, what is refused, and how it is said."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imaging.errors import InputError
from recist.protocol import DEFAULT
from recist.run.outcomes import outcomes_file
from recist.run.table import assess_file

HEADER = "subject,day,lesion,role,organ,nodal,status,diameter_mm\n"
PATIENT = "{0},0,T1,target,liver,no,measured,50\n{0},56,T1,target,liver,no,measured,30\n"
EVENTS = "subject,day,event\n"
RESPONSES = "subject,day,overall\n"


def written(folder: Path, name: str, *parts: str) -> Path:
    path = folder / name
    path.write_text("".join(parts), encoding="utf-8")
    return path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_an_event_that_cannot_be_read_stops_its_subject(tmp_path: Path) -> None:
    source = written(tmp_path, "m.csv", HEADER, PATIENT.format("P1"), PATIENT.format("P2"))
    events = written(tmp_path, "e.csv", EVENTS, "P1,90,deth\n")
    result = assess_file(source, tmp_path / "out", events=events)
    assert (result.exit_code, result.failed) == (1, ("P1",))
    assert "did you mean 'death'" in result.findings[0].remedy
    assert {row["subject"] for row in rows(tmp_path / "out" / "outcomes.csv")} == {"P2"}
    responses = written(tmp_path, "r.csv", RESPONSES, "P1,56,SD\nP2,56,SD\n")
    assert outcomes_file(responses, tmp_path / "o", events=events).failed == ("P1",)


def test_events_of_a_subject_without_rows_are_told(tmp_path: Path) -> None:
    events = written(tmp_path, "e.csv", EVENTS, "P1,90,death\nP7,90,death\n")
    source = written(tmp_path, "m.csv", HEADER, PATIENT.format("P1"))
    told = assess_file(source, tmp_path / "out", events=events).findings
    assert [(finding.code, finding.subject) for finding in told] == [("events-alone", "P7")]
    responses = written(tmp_path, "r.csv", RESPONSES, "P1,56,SD\n")
    told = outcomes_file(responses, tmp_path / "o", events=events).findings
    assert [(finding.code, finding.subject) for finding in told] == [("events-alone", "P7")]


def test_a_table_without_rows_does_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(InputError, match="no rows below the header"):
        assess_file(written(tmp_path, "m.csv", HEADER), out)
    with pytest.raises(InputError, match="no rows below the header"):
        outcomes_file(written(tmp_path, "r.csv", RESPONSES), out)
    assert list(out.iterdir()) == []


def test_a_place_that_is_no_folder(tmp_path: Path) -> None:
    source = written(tmp_path, "m.csv", HEADER, PATIENT.format("P1"))
    with pytest.raises(InputError, match=r"m\.csv: cannot be written into"):
        assess_file(source, source)


@pytest.mark.parametrize("lead", ["\n\n", "\ufeff\n", "   \n"])
def test_blank_lines_above_the_header(tmp_path: Path, lead: str) -> None:
    source = written(tmp_path, "m.csv", lead, HEADER, PATIENT.format("P1"), "P2,0,T1,,,,,\n")
    result = assess_file(source, tmp_path / "out")
    assert [row["overall"] for row in rows(tmp_path / "out" / "timepoints.csv")] == ["PR", "iPR"]
    assert result.findings[0].row == 4 + lead.count("\n")


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("P1,56,T1,target,liver,no,measured,3_0\n", "diameter '3_0' is not a number"),
        ("P1,5_6,T1,target,liver,no,measured,30\n", "day '5_6' is not a number"),
        ("P1,56,T1,target,liver,no,measured,1e-300\n", "diameters that cannot be added exactly"),
    ],
)
def test_numbers_that_are_slips(tmp_path: Path, row: str, what: str) -> None:
    source = written(tmp_path, "m.csv", HEADER, PATIENT.format("P1").split("\n")[0], "\n", row)
    error = assess_file(source, tmp_path / "out").findings[0]
    assert error.what == what
    assert str(error).count(error.remedy) == 1


def test_a_row_without_subject_refuses_the_subject_above_it(tmp_path: Path) -> None:
    source = written(tmp_path, "m.csv", HEADER, PATIENT.format("P1"), PATIENT.format(""))
    told = assess_file(source, tmp_path / "out").findings[0]
    assert str(told).startswith("error: P1, row 4: a row without subject")


def test_a_subject_of_whom_nothing_was_assessed(tmp_path: Path) -> None:
    responses = written(tmp_path, "r.csv", RESPONSES, "P1,,\nP2,56,SD\n")
    out = tmp_path / "out"
    assert outcomes_file(responses, out).exit_code == 0
    nothing, _ = rows(out / "outcomes.csv")
    assert (nothing["best_overall"], nothing["pfs_days"], nothing["pfs_event"]) == ("NE", "0", "no")
    dated = written(tmp_path, "d.csv", "subject,date,overall\nP1,,\n")
    events = written(tmp_path, "e.csv", "subject,date,event\nP1,2024-01-01,randomisation\n")
    assert outcomes_file(dated, out, events=events).exit_code == 0
    failed = outcomes_file(dated, out)
    assert failed.exit_code == 2
    assert failed.findings[0].what == "no visit and no start of treatment"


def test_criteria_that_words_do_not_tell(tmp_path: Path) -> None:
    responses = written(tmp_path, "r.csv", RESPONSES, "P1,56,NE\nP2,56,SD\nP3,56,iSD\n")
    out = tmp_path / "out"
    outcomes_file(responses, out, criteria=["irecist", "recist11"])
    found = {row["subject"]: row["criteria"] for row in rows(out / "outcomes.csv")}
    assert found == {"P1": "irecist", "P2": "recist11", "P3": "irecist"}
    with pytest.raises(InputError, match="did you mean 'irecist'"):
        outcomes_file(responses, out, criteria=["irecst"])


@pytest.mark.parametrize(
    ("event", "code", "what"),
    [
        ("60,treatment-start", "before-start", "follow-up on day 56, before the start on day 60"),
        ("20,death", "after-death", "death on day 20, a visit on day 56"),
    ],
)
def test_dates_that_cannot_be_right_together(
    tmp_path: Path, event: str, code: str, what: str
) -> None:
    events = written(tmp_path, "e.csv", EVENTS, f"P1,{event}\n")
    source = written(tmp_path, "m.csv", HEADER, PATIENT.format("P1"))
    responses = written(tmp_path, "r.csv", RESPONSES, "P1,56,PR\n")
    told = outcomes_file(responses, tmp_path / "o", events=events).findings
    assert (told[0].code, told[0].what) == (code, what)
    told = assess_file(source, tmp_path / "out", events=events).findings
    first_days = "1 scan(s) before the last one of screening, 4 days from start"
    screened = code == "before-start"
    expected = ("screening", first_days) if screened else (code, what)
    assert (told[0].code, told[0].what) == expected


def test_a_time_is_never_negative(tmp_path: Path) -> None:
    events = written(tmp_path, "e.csv", EVENTS, "P1,60,treatment-start\n")
    responses = written(tmp_path, "r.csv", RESPONSES, "P1,56,PR\n")
    outcomes_file(responses, tmp_path / "out", events=events)
    assert rows(tmp_path / "out" / "outcomes.csv")[0]["pfs_days"] == "0"


def test_a_header_in_the_middle_is_left_out_and_told(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        "m.csv",
        HEADER,
        PATIENT.format("P1"),
        "\ufeff" + HEADER,
        PATIENT.format("subject"),
    )
    result = assess_file(source, tmp_path / "out")
    assert (result.exit_code, result.subjects) == (0, 2)
    told = [(told.code, told.row) for told in result.findings]
    assert told == [("header-again", 4), ("read-as", None)]


VISITS = HEADER.strip() + ",visit\n"
TWO_ORGANS = """P1,0,T1,target,liver,no,measured,50,base
P1,2,T2,target,lung,no,measured,50,base
P1,54,T1,target,liver,no,measured,50,C3
P1,58,T2,target,lung,no,measured,50,C3
"""


@pytest.mark.parametrize(
    ("option", "new_lesion", "target"), [("fda", 54, 58), ("first", 54, 54), ("last", 58, 58)]
)
def test_a_visit_over_several_days(
    tmp_path: Path, option: Any, new_lesion: int, target: int
) -> None:
    protocol = replace(DEFAULT, visit_date=option)  # AMB-32
    out = tmp_path / "out"
    new = "P1,54,N1,new,bone,no,present,,C3\n"
    result = assess_file(
        written(tmp_path, "n.csv", VISITS, TWO_ORGANS, new), out, protocol=protocol
    )
    assert [told.code for told in result.findings] == ["one-visit", "one-visit"]
    assert [row["target"] for row in rows(out / "timepoints.csv")] == ["SD", "iSD"]
    assert [row["progression_day"] for row in rows(out / "outcomes.csv")] == [str(new_lesion)] * 2
    grown = TWO_ORGANS.replace(
        "58,T2,target,lung,no,measured,50", "58,T2,target,lung,no,measured,90"
    )
    assess_file(written(tmp_path, "g.csv", VISITS, grown), out, protocol=protocol)
    assert [row["progression_day"] for row in rows(out / "outcomes.csv")] == [str(target)] * 2


@pytest.mark.parametrize(
    "lines",
    [
        "P1,0,T1,target,liver,no,measured,50,CT\nP1,8,T1,target,liver,no,measured,50,CT\n",
        "P1,0,T1,target,liver,no,measured,50,CT\nP1,56,,,,,,,CT\n",
    ],
    ids=["a lesion twice", "weeks apart"],
)
def test_visits_that_share_a_name_stay_apart(tmp_path: Path, lines: str) -> None:
    assess_file(written(tmp_path, "m.csv", VISITS, lines), tmp_path / "out", criteria=["recist11"])
    assert len(rows(tmp_path / "out" / "timepoints.csv")) == 1


def test_a_progression_is_dated_by_its_first_sign(tmp_path: Path) -> None:
    # A new site on PET at day 112 that CT confirms at day 168 (Eisenhauer 2009, section 4.3.5).
    header = "subject,day,overall,first_sign\n"
    source = written(
        tmp_path, "r.csv", header, "P1,56,SD,\nP1,112,SD,\nP1,168,PD,112\nP2,56,PD,x\n"
    )
    result = outcomes_file(source, tmp_path / "out")
    assert result.failed == ("P2",)
    found = rows(tmp_path / "out" / "outcomes.csv")[0]
    assert (found["progression_day"], found["pfs_days"]) == ("112", "112")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("P1", "p1"),
        ("007", "7"),
        ("S1-012", "S1-12"),
        ("P-1", "P\u20131"),  # a dash for the hyphen
        ("P1", "P1."),
        ("P1", "\u04201"),  # a Cyrillic letter
        ("P1", "\uff30\uff11"),  # full width, as typed in Japan
    ],
)
def test_subjects_that_look_alike_are_told(tmp_path: Path, first: str, second: str) -> None:
    source = written(tmp_path, "m.csv", HEADER, *(PATIENT.format(s) for s in (first, second)))
    told = assess_file(source, tmp_path / "out").findings
    assert [(finding.code, finding.subject) for finding in told] == [("alike-subjects", second)]
    assert {row["subject"] for row in rows(tmp_path / "out/outcomes.csv")} == {first, second}
    responses = written(tmp_path, "r.csv", RESPONSES, f"{first},56,SD\n{second},56,SD\n")
    told = outcomes_file(responses, tmp_path / "o").findings
    assert [finding.code for finding in told] == ["alike-subjects"]


def test_subjects_that_do_not_look_alike_are_left_alone(tmp_path: Path) -> None:
    names = ("1-11", "11-1", "P1", "P10", "P2", "AB1", "A-B1")
    source = written(tmp_path, "m.csv", HEADER, *(PATIENT.format(name) for name in names))
    assert assess_file(source, tmp_path / "out").findings == ()


@pytest.mark.parametrize(
    ("plain", "odd"),
    [
        ("P1", "P1\u200b"),  # a space without width
        ("P1", "\ufeffP1"),  # a byte order mark amid the text
        ("P1", "P\u00ad1"),  # a soft hyphen
        ("P1", "P1\u200e"),  # a mark of direction
        ("P 1", "P\u00a01"),  # a space that does not break
        ("P 1", "P\u20091"),  # a thin one
        ("M\u00fc", "Mu\u0308"),  # a letter and its dots in two signs
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_rows_are_not_lost_to_what_cannot_be_seen(
    tmp_path: Path, plain: str, odd: str, encoding: str
) -> None:
    text = HEADER + PATIENT.format(plain) + f"{odd},112,T1,target,liver,no,measured,70\n"
    (tmp_path / "m.csv").write_bytes(text.encode(encoding))
    result = assess_file(tmp_path / "m.csv", tmp_path / "out")
    assert result.exit_code == 0
    found = {(row["subject"], row["day"]): row["overall"] for row in recist(tmp_path / "out")}
    assert found == {(plain, "56"): "PR", (plain, "112"): "PD"}


def recist(out: Path) -> list[dict[str, str]]:
    """The rows by RECIST 1.1 on all lesions."""
    found = rows(out / "timepoints.csv")
    return [row for row in found if (row["criteria"], row["lesions"]) == ("recist11", "all")]


def test_a_corrected_copy_of_a_row_is_no_fragment_without_a_word(tmp_path: Path) -> None:
    copy = "P1,56,T1,target,liver,no,measured,31\n"
    source = written(tmp_path, "m.csv", HEADER, PATIENT.format("P1"), copy)
    (told,) = assess_file(source, tmp_path / "out").findings
    assert (told.level.value, told.code, told.row) == ("warning", "unnamed-parts", 4)
    assert "61 mm" in told.what
    parts = HEADER.replace("\n", ",part\n")
    named = PATIENT.format("P1").replace("\n", ",1\n") + copy.replace("\n", ",2\n")
    source = written(tmp_path, "m.csv", parts, named)
    assert assess_file(source, tmp_path / "out").findings == ()


def test_a_death_before_every_scan_gives_no_end_point(tmp_path: Path) -> None:
    source = written(tmp_path, "m.csv", HEADER, PATIENT.format("P1"), PATIENT.format("P2"))
    events = written(tmp_path, "e.csv", EVENTS, "P1,-3,death\nP1,0,treatment-start\n")
    result = assess_file(source, tmp_path / "out", events=events)
    assert (result.exit_code, result.failed) == (1, ("P1",))
    assert result.findings[0].what == "a death 3 days before the first scan"
    assert {row["subject"] for row in rows(tmp_path / "out/outcomes.csv")} == {"P2"}


def test_an_event_that_happens_once_and_is_dated_twice_is_told(tmp_path: Path) -> None:
    source = written(tmp_path, "m.csv", HEADER, PATIENT.format("P1"))
    events = "P1,0,treatment-start\nP1,9,treatment-start\nP1,90,death\nP1,95,death\n"
    result = assess_file(
        source, tmp_path / "out", events=written(tmp_path, "e.csv", EVENTS, events)
    )
    told = [finding.what for finding in result.findings if finding.code == "event-again"]
    assert told == ["2 dates of death: days 90, 95", "2 dates of treatment-start: days 0, 9"]


def test_scans_of_one_visit_far_apart_are_asked_about(tmp_path: Path) -> None:
    """Thirty days: too far for one visit, too near for two that show half of the lesions each."""
    baseline = "P1,0,T1,target,liver,no,measured,50\nP1,0,T2,target,lung,no,measured,20\n"
    follow_up = "P1,56,T1,target,liver,no,measured,30\nP1,86,T2,target,lung,no,measured,15\n"
    result = assess_file(written(tmp_path, "m.csv", HEADER, baseline, follow_up), tmp_path / "out")
    (told,) = (finding for finding in result.findings if finding.code == "partial-visits")
    assert "30 days apart" in told.what


def test_a_measurement_that_cannot_be_names_its_row_and_stops_no_other(tmp_path: Path) -> None:
    head = HEADER.replace("\n", ",volume_ml\n")
    lines = "P1,0,T1,target,liver,no,measured,50,-3\nP2,0,T1,target,liver,no,measured,50,3\n"
    result = assess_file(written(tmp_path, "m.csv", head, lines), tmp_path / "out")
    assert result.failed == ("P1",)
    assert [(each.row, each.what) for each in result.findings if each.subject == "P1"] == [
        (2, "lesion T1: volume_ml is -3.0")
    ]
    assert {row["subject"] for row in rows(tmp_path / "out" / "outcomes.csv")} == {"P2"}


def test_rows_that_say_the_same_are_told_each_by_its_own_number(tmp_path: Path) -> None:
    twice = "".join(f"{name},0,T1,target,liver,no,,50\n" for name in ("P1", "P2"))
    slip = "P3,0,T1,target,liver,no,measured,50\nP4,first,T1,target,liver,no,measured,50\n"
    again = "P5,0,T1,target,liver,no,measured,50\n P5,56,T1,target,liver,no,measured,50\n"
    source = written(tmp_path, "m.csv", HEADER, twice, slip, again)
    result = assess_file(source, tmp_path / "out")
    told = [(each.code, each.subject, each.row) for each in result.findings]
    assert sorted(told) == [
        ("no-status", "P1", 2),
        ("no-status", "P2", 3),
        ("unknown-time", "P4", 5),
    ]
    assessed = {row["subject"] for row in rows(tmp_path / "out" / "outcomes.csv")}
    assert assessed == {"P1", "P2", "P3", "P5"}
    assert {row["subject"] for row in rows(tmp_path / "out" / "timepoints.csv")} == {"P5"}
