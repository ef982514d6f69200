"""From a measurement table to responses and outcomes, end to end."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.errors import InputError, UnsupportedError
from recist.course import Course
from recist.protocol import DEFAULT
from recist.run.outcomes import outcomes_file
from recist.run.table import assess_file
from recist.table.finding import Finding, Severity
from tests.recist.written import rows

HEADER = "subject,day,lesion,role,organ,nodal,status,diameter_mm"
RESPONDER = """
P1,0,T1,target,liver,no,measured,60.0
P1,0,T2,target,lung,no,measured,30.0
P1,56,T1,target,liver,no,measured,41.0
P1,56,T2,target,lung,no,measured,20.0
P1,112,T1,target,liver,no,measured,40.0
P1,112,T2,target,lung,no,measured,20.0
"""
PROGRESSOR = """
P2,0,T1,target,liver,no,measured,50
P2,56,T1,target,liver,no,measured,62
P2,91,T1,target,liver,no,measured,68
"""
BROKEN = """
P3,0,T1,target,liver,no,mesured,50
P3,56,T1,target,liver,no,measured,50
"""


def table(folder: Path, *parts: str, header: str = HEADER, name: str = "table.csv") -> Path:
    path = folder / name
    rows = "".join(part.lstrip("\n") for part in parts)
    path.write_text(f"{header}\n{rows}", encoding="utf-8")
    return path


def overall(out: Path, **wanted: str) -> list[str]:
    return [
        row["overall"]
        for row in rows(out / "timepoints.csv")
        if all(row[name] == value for name, value in wanted.items())
    ]


def test_a_table_becomes_responses_and_outcomes(tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = assess_file(table(tmp_path, RESPONDER, PROGRESSOR), out)
    assert (result.exit_code, result.subjects, result.failed) == (0, 2, ())
    assert overall(out, subject="P1", criteria="recist11") == ["PR", "PR"]
    assert overall(out, subject="P2", criteria="irecist") == ["iUPD", "iCPD"]
    first = rows(out / "timepoints.csv")[0]
    assert list(first)[:12] == [
        "subject", "day", "criteria", "lesions", "sum_mm", "baseline_mm", "nadir_mm", "target",
        "non_target", "new_lesion", "overall", "reason",
    ]  # fmt: skip
    assert (first["sum_mm"], first["baseline_mm"], first["lesions"]) == ("61.0", "90.0", "all")
    assert "61.0 of 90.0 mm" in first["reason"]
    outcome = rows(out / "outcomes.csv")[0]
    assert list(outcome)[:9] == [
        "subject", "criteria", "lesions", "best_overall", "best_overall_day",
        "confirmed_best_overall", "progression_day", "pfs_days", "pfs_event",
    ]  # fmt: skip
    assert list(outcome.values())[:9] == [
        "P1",
        "recist11",
        "all",
        "PR",
        "56",
        "PR",
        "",
        "112",
        "no",
    ]
    progressed = next(r for r in rows(out / "outcomes.csv") if r["subject"] == "P2")
    assert (progressed["progression_day"], progressed["pfs_event"]) == ("56", "yes")


def test_the_json_says_the_same_with_every_reason_and_the_settings(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assess_file(table(tmp_path, RESPONDER), out, protocol="fda", with_json=True)
    told = json.loads((out / "timepoints.json").read_text())
    assert told["protocol"]["name"] == "fda"
    protocol = json.loads((out / "protocol.json").read_text())
    assert protocol.pop("schema_version") == told["schema_version"]
    assert told["protocol"] == protocol
    written = rows(out / "timepoints.csv")
    assert len(told["timepoints"]) == len(written)
    for point, row in zip(told["timepoints"], written, strict=True):
        assert point["sum_mm"] == float(row["sum_mm"])
        assert " ".join(reason["sentence"] for reason in point["reasons"]) == row["reason"]
        assert point["reasons"] and all(reason["source"] for reason in point["reasons"])
    ended = json.loads((out / "outcomes.json").read_text())["outcomes"][0]
    policies = {time["policy"] for time in ended["times"] if time["endpoint"] == "PFS"}
    assert policies == {"fda_a", "fda_b", "fda_c", "ema_itt"}
    assert all(time["why"] for time in ended["times"])


def test_json_is_written_on_request_and_never_left_beside_a_later_answer(tmp_path: Path) -> None:
    out, written = tmp_path / "out", {"timepoints.json", "outcomes.json"}
    source = table(tmp_path, RESPONDER)
    assess_file(source, out, with_json=True)
    tables = [(out / name).read_bytes() for name in ("timepoints.csv", "outcomes.csv")]
    assert written <= {path.name for path in out.iterdir()}
    assess_file(source, out)
    assert not written & {path.name for path in out.iterdir()}
    assert [(out / name).read_bytes() for name in ("timepoints.csv", "outcomes.csv")] == tables


def test_one_bad_subject_does_not_stop_the_others(tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = assess_file(table(tmp_path, RESPONDER, BROKEN, PROGRESSOR), out)
    assert (result.exit_code, result.subjects, result.failed) == (1, 3, ("P3",))
    assert {row["subject"] for row in rows(out / "timepoints.csv")} == {"P1", "P2"}
    error = result.findings[0]
    assert (error.level, error.subject, error.row) == (Severity.ERROR, "P3", 8)
    assert "did you mean 'measured'?" in error.remedy
    assert rows(out / "checks.csv")[0]["check"] == "unknown-status"


def test_a_fault_of_ours_is_named_and_stops_no_other_subject(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(course: Course, *_: object, **__: object) -> list[Finding]:
        if course.subject == "P1":
            raise ZeroDivisionError("at last")
        return []

    monkeypatch.setattr("recist.run.table.check_course", fail)
    out = tmp_path / "out"
    result = assess_file(table(tmp_path, RESPONDER, PROGRESSOR), out)
    assert (result.failed, result.exit_code) == (("P1",), 1)
    assert result.findings[0].what == "ZeroDivisionError: at last"
    assert {row["subject"] for row in rows(out / "timepoints.csv")} == {"P2"}


def test_lengths_are_written_without_exponent(tmp_path: Path) -> None:
    large = "P1,0,T1,target,liver,no,measured,1E+2\nP1,56,T1,target,liver,no,measured,1E+2\n"
    assess_file(table(tmp_path, large), tmp_path / "out")
    assert rows(tmp_path / "out" / "timepoints.csv")[0]["sum_mm"] == "100"


def test_nothing_could_be_done(tmp_path: Path) -> None:
    assert assess_file(table(tmp_path, BROKEN), tmp_path / "out").exit_code == 2


def test_the_order_of_rows_and_chunks_is_irrelevant(tmp_path: Path) -> None:
    lines = [line for line in (RESPONDER + PROGRESSOR).split("\n") if line]
    scattered = "\n".join([*lines[6:8], *reversed(lines[:6]), lines[8], ""])
    assess_file(table(tmp_path, RESPONDER, PROGRESSOR), tmp_path / "a")
    result = assess_file(table(tmp_path, scattered, name="b.csv"), tmp_path / "b")
    assert result.subjects == 2
    same = ("timepoints.csv", "outcomes.csv")
    for name in same:
        found, expected = (
            sorted((tmp_path / folder / name).read_text().split("\n")) for folder in ("a", "b")
        )
        assert found == expected


FRAGMENTS = """
P4,0,T1,target,liver,no,measured,50
P4,56,T1,target,liver,no,measured,20
P4,56,T1,target,liver,no,measured,25.5
P4,56,N1,new,lung,no,equivocal,
P4,112,N1,new,lung,no,present,
"""
ROWS = [row for row in (RESPONDER + PROGRESSOR + FRAGMENTS).split("\n") if row]


@settings(max_examples=25)
@given(st.permutations(ROWS))
def test_any_order_of_rows_gives_the_same_results(shuffled: list[str]) -> None:
    def results(lines: list[str]) -> list[list[str]]:
        with tempfile.TemporaryDirectory() as folder:
            source = table(Path(folder), "".join(f"{line}\n" for line in lines))
            assess_file(source, Path(folder) / "out")
            names = ("timepoints.csv", "outcomes.csv")
            return [sorted((Path(folder) / "out" / name).read_text().split("\n")) for name in names]

    assert results(shuffled) == results(ROWS)


def test_several_processes_give_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = table(tmp_path, RESPONDER, BROKEN, PROGRESSOR)
    assess_file(source, tmp_path / "one", jobs=1)
    done: list[int] = []
    assess_file(source, tmp_path / "two", jobs=2, on_progress=done.append)
    names = {file.name for file in (tmp_path / "one").iterdir()}
    assert names == {file.name for file in (tmp_path / "two").iterdir()} > {"timepoints.csv"}
    for name in names:
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
    assert done[-1] == 3


def test_dates_count_from_the_start_of_treatment(tmp_path: Path) -> None:
    dated = """
P1,2024-01-01,T1,target,liver,no,measured,50
P1,2024-03-10,T1,target,liver,no,measured,62
"""
    source = table(tmp_path, dated, header=HEADER.replace("day", "date"))
    events = table(
        tmp_path, "P1,2024-01-11,treatment-start\n", header="subject,date,event", name="events.csv"
    )
    assess_file(source, tmp_path / "out", events=events)
    found = rows(tmp_path / "out" / "outcomes.csv")[0]
    assert (found["progression_date"], found["pfs_days"]) == ("2024-03-10", "59")


def test_events_in_days_do_not_fit_a_table_in_dates(tmp_path: Path) -> None:
    source = table(tmp_path, RESPONDER)
    events = table(tmp_path, "P1,2024-01-11,death\n", header="subject,date,event", name="e.csv")
    with pytest.raises(InputError, match="column 'date' next to measurements with a column 'day'"):
        assess_file(source, tmp_path / "out", events=events)


def test_an_unknown_event_is_named(tmp_path: Path) -> None:
    events = table(tmp_path, "P1,11,deth\n", header="subject,day,event", name="e.csv")
    result = assess_file(table(tmp_path, RESPONDER), tmp_path / "out", events=events)
    assert result.findings[0].what == "event 'deth' is unknown"


def test_death_ends_the_time_without_progression(tmp_path: Path) -> None:
    events = table(tmp_path, "P1,150,death\n", header="subject,day,event", name="e.csv")
    assess_file(table(tmp_path, RESPONDER), tmp_path / "out", events=events)
    found = rows(tmp_path / "out" / "outcomes.csv")[0]
    assert (found["pfs_days"], found["pfs_event"], found["os_days"]) == ("150", "yes", "150")
    assert found["progression_day"] == ""


def test_each_side_of_the_field_has_its_own_baseline_and_nadir(tmp_path: Path) -> None:
    sided = """
P1,0,T1,target,liver,no,measured,60,in
P1,0,T2,target,lung,no,measured,20,out
P1,0,T3,target,bone,no,measured,30,partial
P1,56,T1,target,liver,no,measured,10,in
P1,56,T2,target,lung,no,measured,19,out
P1,56,T3,target,bone,no,measured,30,partial
P1,112,T1,target,liver,no,measured,10,in
P1,112,T2,target,lung,no,measured,19,out
P1,112,T3,target,bone,no,measured,30,partial
P1,112,N1,new,lung,no,measured,12,out
"""
    out = tmp_path / "out"
    assess_file(table(tmp_path, sided, header=f"{HEADER},field"), out, criteria=["recist11"])
    found = {
        lesions: [
            (row["sum_mm"], row["baseline_mm"], row["overall"])
            for row in rows(out / "timepoints.csv")
            if row["lesions"] == lesions
        ]
        for lesions in ("all", "in-field", "out-of-field")
    }
    assert found == {
        "all": [("59", "110", "PR"), ("59", "110", "PD")],
        "in-field": [("10", "60", "PR"), ("10", "60", "PR")],
        "out-of-field": [("19", "20", "SD"), ("19", "20", "PD")],
    }


def test_every_reader_is_assessed(tmp_path: Path) -> None:
    read = """
P1,0,T1,target,liver,no,measured,60,R1
P1,56,T1,target,liver,no,measured,40,R1
P1,0,T1,target,liver,no,measured,60,R2
P1,56,T1,target,liver,no,measured,75,R2
"""
    out = tmp_path / "out"
    assess_file(table(tmp_path, read, header=f"{HEADER},reader"), out, criteria=["recist11"])
    assert overall(out, reader="R1") == ["PR"]
    assert overall(out, reader="R2") == ["PD"]


def test_xlsx_and_parquet_say_the_same_as_csv(tmp_path: Path) -> None:
    source = table(tmp_path, RESPONDER, PROGRESSOR)
    frame = pd.read_csv(source)
    frame.to_excel(tmp_path / "table.xlsx", index=False)
    frame.to_parquet(tmp_path / "table.parquet", index=False)
    assess_file(source, tmp_path / "csv")
    expected = [row["overall"] for row in rows(tmp_path / "csv" / "timepoints.csv")]
    for kind in ("xlsx", "parquet"):
        assess_file(tmp_path / f"table.{kind}", tmp_path / kind)
        found = [row["overall"] for row in rows(tmp_path / kind / "timepoints.csv")]
        assert found == expected


def test_dates_of_a_workbook(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(HEADER.replace("day", "date").split(","))
    for date, mm in ((dt.datetime(2024, 1, 1), 50), (dt.datetime(2024, 3, 1), 62.5)):
        book.active.append(["P1", date, "T1", "target", "liver", False, "measured", mm])
    book.save(tmp_path / "t.xlsx")
    assess_file(tmp_path / "t.xlsx", tmp_path / "out")
    first = rows(tmp_path / "out" / "timepoints.csv")[0]
    assert (first["date"], first["sum_mm"], first["overall"]) == ("2024-03-01", "62.5", "PD")


def test_semicolons_quotes_and_a_byte_order_mark(tmp_path: Path) -> None:
    text = (HEADER + "\n" + RESPONDER.strip() + "\n").replace(",", ";")
    text = text.replace("liver", '"liver; segment\nIV"')
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    result = assess_file(tmp_path / "t.csv", tmp_path / "out")
    assert (result.exit_code, result.counts[Severity.ERROR]) == (0, 0)
    assert {found.code for found in result.findings} == {"cell-over-lines"}
    assert overall(tmp_path / "out", criteria="recist11") == ["PR", "PR"]


def test_the_certainty_of_a_category_is_simulated_on_request(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assess_file(table(tmp_path, RESPONDER), out, robustness=True, with_json=True)
    first = rows(out / "timepoints.csv")[0]
    assert first["certainty"].startswith("PR, ")
    assert first["certainty"].endswith(" chance of SD")
    told = json.loads((out / "timepoints.json").read_text())["timepoints"]
    assert set(told[0]["probabilities"]) == {"PR", "SD"}
    by_irecist = [row for row in rows(out / "timepoints.csv") if row["criteria"] == "irecist"]
    assert {row["certainty"] for row in by_irecist} == {""}


def test_an_interrupted_run_leaves_nothing_behind(tmp_path: Path) -> None:
    def stop(subjects: int) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        assess_file(table(tmp_path, RESPONDER), out, on_progress=stop)
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (HEADER.replace("lesion", "leson"), "'lesion' is missing; column 'leson' is the nearest"),
        (HEADER.replace("day", "dy"), r"'date' is missing \(or 'day'\)"),
        (f"{HEADER},date", "both there"),
        (f"{HEADER},status", "two columns named 'status'"),
        ("", "column .subject. is missing"),
    ],
)
def test_a_header_that_does_not_fit(tmp_path: Path, header: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        assess_file(table(tmp_path, RESPONDER, header=header), tmp_path / "out")


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        assess_file(tmp_path / "none.csv", tmp_path / "out")
    (tmp_path / "t.docx").touch()
    with pytest.raises(UnsupportedError, match="docx"):
        assess_file(tmp_path / "t.docx", tmp_path / "out")
    for name in ("t.xlsx", "t.parquet"):
        (tmp_path / name).write_text("nothing")
        with pytest.raises(InputError, match="not a"):
            assess_file(tmp_path / name, tmp_path / "out")
    (tmp_path / "latin.csv").write_bytes(b"subj\x81t,day\n")
    with pytest.raises(InputError, match="not UTF-8"):
        assess_file(tmp_path / "latin.csv", tmp_path / "out")
    (tmp_path / "rows.csv").write_bytes(f"{HEADER}\n".encode() + b"\x01\xfe\xd0,0,T1,,,,\x00,\n")
    with pytest.raises(InputError, match="NUL byte"):
        assess_file(tmp_path / "rows.csv", tmp_path / "out")
    (tmp_path / "mac.csv").write_bytes(f"{HEADER}\rP1".encode())
    with pytest.raises(InputError, match="carriage returns"):
        assess_file(tmp_path / "mac.csv", tmp_path / "out")


def test_criteria_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown criterion 'resist'"):
        assess_file(table(tmp_path, RESPONDER), tmp_path / "out", criteria=["resist"])
    with pytest.raises(InputError, match="no criteria"):
        assess_file(table(tmp_path, RESPONDER), tmp_path / "out", criteria=[])


RESPONSES = "subject,day,overall"


def test_responses_alone_become_outcomes(tmp_path: Path) -> None:
    source = table(
        tmp_path,
        "P1,56,SD\nP1,112,PR\nP1,140,pr\nP2,56,iUPD\nP2,91,iCPD\n",
        header=RESPONSES,
    )
    result = outcomes_file(source, tmp_path / "out", protocol=DEFAULT)
    assert result.exit_code == 0
    found = rows(tmp_path / "out" / "outcomes.csv")
    assert [list(row.values())[:9] for row in found] == [
        ["P1", "recist11", "all", "PR", "112", "PR", "", "140", "no"],
        ["P2", "irecist", "all", "iCPD", "91", "iCPD", "56", "56", "yes"],
    ]
    assert not (tmp_path / "out" / "timepoints.csv").exists()


def test_responses_with_dates_need_a_start(tmp_path: Path) -> None:
    source = table(tmp_path, "P1,2024-03-01,PD\n", header="subject,date,overall")
    result = outcomes_file(source, tmp_path / "out")
    assert result.findings[0].code == "no-start"
    events = table(
        tmp_path, "P1,2024-01-01,randomisation\nP1,2024-05-01,death\n",
        header="subject,date,event", name="e.csv",
    )  # fmt: skip
    result = outcomes_file(source, tmp_path / "out", events=events)
    assert not result.findings
    assert rows(tmp_path / "out" / "outcomes.csv")[0]["pfs_days"] == "60"


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("P1,56,SD\nP1,56,PD\n", "rows 2 and 3 give SD and PD on one day"),
        ("P1,56,SDD\n", "response 'SDD' is unknown"),
        ("P1,56,PD\nP1,112,iCPD\n", "responses of several criteria"),
        ("P1,5.5,PD\n", "day '5.5' is not a whole number"),
        ("P1,x,PD\n", "day 'x' is not a number"),
    ],
)
def test_responses_that_cannot_be_used(tmp_path: Path, body: str, what: str) -> None:
    source = table(tmp_path, body, "P2,56,SD\n", header=RESPONSES)
    result = outcomes_file(source, tmp_path / "out")
    assert (result.exit_code, result.failed) == (1, ("P1",))
    assert what in result.findings[0].what


def test_the_columns_of_a_table_of_responses(tmp_path: Path) -> None:
    source = table(
        tmp_path,
        "P1,56,SD,in-field,recist11,R1\nP1,56,PD,all,recist11,R1\nP1,56,PD,all,recist11,R1\n"
        "P2,56,SD,left,,\nP3,56,iSD,all,recist11,\n",
        header=f"{RESPONSES},lesions,criteria,reader",
    )
    result = outcomes_file(source, tmp_path / "out")
    assert result.failed == ("P2", "P3")
    assert {finding.code for finding in result.findings} == {
        "unknown-lesions", "not-assessed", "same-rows",
    }  # fmt: skip
    found = {(r["lesions"], r["best_overall"]) for r in rows(tmp_path / "out" / "outcomes.csv")}
    assert found == {("in-field", "SD"), ("all", "PD")}


def test_disease_after_a_complete_response_is_noted(tmp_path: Path) -> None:
    source = table(tmp_path, "P1,56,CR\nP1,112,SD\n", header=RESPONSES)
    result = outcomes_file(source, tmp_path / "out")
    assert result.findings[0].code == "less-after-cr"
    assert rows(tmp_path / "out" / "outcomes.csv")[0]["criteria"] == "recist11"
