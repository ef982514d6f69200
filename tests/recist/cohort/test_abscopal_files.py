"""``recist abscopal``: from tables to rates, for a cohort whose answers are known."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import pytest

from imaging.errors import InputError
from imaging.tables.source import chunks
from recist import abscopal
from recist.abscopal import AbscopalFinding
from recist.cli import main
from recist.cohort import abscopal_file, lesion_charts
from recist.cohort.abscopal_files import AS_JSON, FILES, TABLES
from recist.cohort.members import variants
from recist.cohort.patients import read_arms, read_doses
from recist.course import Course, Field
from recist.protocol import DEFAULT
from recist.table import course_tables
from tests.recist.patients import course

HEADER = "subject,day,lesion,role,organ,nodal,status,diameter_mm,field"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def patient(subject: str, outside: float | None, *, field: str = "out") -> list[str]:
    """An irradiated lesion that shrinks, and one of 20 mm outside, at baseline and two scans."""
    lines = [
        f"{subject},{day},L1,target,lung,no,measured,{mm},in"
        for day, mm in ((-7, 30), (56, 10), (84, 10))
    ]
    if outside is not None:
        lines += [
            f"{subject},{day},L2,target,liver,no,measured,{mm},{field}"
            for day, mm in ((-7, 20), (56, outside), (84, outside))
        ]
    return lines


def write(path: Path, header: str, lines: list[str]) -> Path:
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def tables(folder: Path) -> dict[str, Path]:
    """Twelve enrolled: 3 respond, 7 do not, 2 have no lesion outside (truth case AB-016)."""
    subjects = [f"P{k:02}" for k in range(12)]
    lines: list[str] = []
    for k, subject in enumerate(subjects):
        lines += patient(subject, 12 if k < 3 else 19 if k < 10 else None)
    events = [
        f"{subject},{day},{kind}"
        for subject in subjects
        for day, kind in ((0, "radiotherapy-start"), (10, "radiotherapy-end"))
    ]
    arms = [f"{subject},{'both' if k % 2 else 'SBRT'}" for k, subject in enumerate(subjects)]
    return {
        "measurements": write(folder / "m.csv", HEADER, lines),
        "events": write(folder / "e.csv", "subject,day,event", events),
        "arms": write(folder / "a.csv", "subject,arm", arms),
    }


@pytest.fixture
def cohort(tmp_path: Path) -> dict[str, Path]:
    return tables(tmp_path)


@pytest.fixture
def without_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what the tables say: drawing takes longer than answering."""
    monkeypatch.setattr(lesion_charts, "as_pictures", lambda _: (b"<svg></svg>", b""))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of that cohort."""
    folder = tmp_path_factory.mktemp("cohort")
    result = abscopal_file(out=folder / "out", **tables(folder))
    assert (result.subjects, result.failed, result.exit_code) == (12, (), 0)
    return result.out


def rate(path: Path, **wanted: str) -> dict[str, str]:
    (found,) = [
        row
        for row in rows(path)
        if all(row[key] == value for key, value in {"confirmed_only": "no", **wanted}.items())
    ]
    return found


def test_both_denominators_are_reported_and_named(done: Path) -> None:
    path = done / "rates.csv"
    evaluable = rate(path, definition="theelen-arr", arm="all", denominator="evaluable")
    enrolled = rate(path, definition="theelen-arr", arm="all", denominator="enrolled")
    assert (evaluable["responders"], evaluable["n"], evaluable["rate_percent"]) == (
        "3",
        "10",
        "30.0",
    )
    assert (enrolled["responders"], enrolled["n"], enrolled["rate_percent"]) == ("3", "12", "25.0")
    assert (enrolled["denominator_of_paper"], enrolled["not_assessed"]) == ("yes", "2")
    golden = rate(path, definition="golden", arm="all", denominator="evaluable")
    # One lesion of 20 mm and two scans, all measured with an error of 10 %.
    assert float(golden["by_chance_percent"]) == pytest.approx(1.1, abs=0.2)
    assert golden["interval_of_paper"] == "Clopper-Pearson"
    scanned = rate(path, definition="mcbride", arm="all", denominator="scanned")
    assert (scanned["n"], scanned["interval_of_paper"]) == ("12", "Wilson")


def test_arms_are_contrasted(done: Path) -> None:
    found = rate(done / "contrasts.csv", definition="theelen-arr", denominator="enrolled")
    assert (found["arms"], found["first"], found["second"]) == ("SBRT - both", "2/6", "1/6")
    assert found["difference_percent"] == "16.7"
    assert float(found["newcombe_low"]) < 16.7 < float(found["newcombe_high"])
    assert found["fisher_p"] == "1"


@pytest.mark.usefixtures("without_charts")
def test_enrolled_without_measurements_count_as_enrolled(
    cohort: dict[str, Path], tmp_path: Path
) -> None:
    with cohort["arms"].open("a") as stream:
        stream.write("GHOST,SBRT\n")
    abscopal_file(out=tmp_path / "out", **cohort)
    path = tmp_path / "out" / "rates.csv"
    assert rate(path, definition="golden", arm="SBRT", denominator="enrolled")["n"] == "7"
    assert rate(path, definition="golden", arm="SBRT", denominator="evaluable")["n"] == "5"
    ghost = [r for r in rows(tmp_path / "out" / "abscopal.csv") if r["subject"] == "GHOST"]
    assert [row["evaluability"] for row in ghost] == ["no measurements"]


def test_every_patient_has_an_answer_per_definition_with_its_reason(done: Path) -> None:
    found = rows(done / "abscopal.csv")
    own = {row["definition"]: row for row in found if row["subject"] == "P00"}
    golden = own["golden"]
    assert (golden["response"], golden["confirmed"], golden["response_day"]) == ("yes", "yes", "56")
    assert golden["days_from_radiotherapy_end"] == "46"
    assert (golden["in_field_best"], golden["out_of_field_best"]) == ("PR", "PR")
    assert (golden["first_failure"], golden["attribution"]) == ("none", "A")
    assert "12.0 of 20.0 mm, -40.0 %" in golden["reason"]
    none = next(row for row in found if row["subject"] == "P11")
    assert (none["evaluable"], none["response"]) == ("no", "NE")
    content = json.loads((done / "abscopal.json").read_text())
    assert content["protocol"]["abscopal_landmark_days"] == 84
    reason = content["patients"][0]["definitions"]["golden"]["reason"]
    assert (reason["source"][:11], reason["margin_mm"]) == ("Golden 2015", "2.0")
    assert content["patients"][0]["sets"]["out-of-field"]["times"]


def test_lesions_are_counted_by_field_with_patients_drawn(done: Path) -> None:
    found = rate(done / "lesion_rates.csv", field="out", arm="all")
    assert (found["responders"], found["n"], found["patients"]) == ("3", "10", "10")
    assert 0 <= float(found["cluster_bootstrap_low"]) < 30 < float(found["cluster_bootstrap_high"])
    between = rate(done / "lesion_rates.csv", field="in - out", arm="all")
    assert between["rate_percent"] == "70.0"


@pytest.mark.usefixtures("without_charts")
def test_sensitivity_names_who_changes(tmp_path: Path) -> None:
    lines = [*patient("P1", 12), *patient("P2", 12, field="low-dose"), *patient("P3", 19)]
    lines.append("P1,84,N1,new,liver,no,measured,14,in")
    table = write(tmp_path / "m.csv", HEADER, lines)
    (tmp_path / "run" / "P1").mkdir(parents=True)
    write(
        tmp_path / "run" / "P1" / "field.csv",
        "subject,lesion,near_max_gy,upper_bound_gy",
        ["P1,L2,0.3,0.7", "P2,L2,3.0,", "P3,L2,1.0,2.2"],
    )
    abscopal_file(table, tmp_path / "out", doses=tmp_path / "run")
    path = tmp_path / "out" / "sensitivity.csv"

    def change(choice: str, definition: str = "golden") -> dict[str, str]:
        (found,) = [
            r for r in rows(path) if r["choice"] == choice and r["definition"] == definition
        ]
        return found

    pragmatic = change("out_of_field_set = pragmatic")
    assert (pragmatic["gained"], pragmatic["lost"], pragmatic["changed"]) == ("P2", "", "1")
    assert (pragmatic["evaluable"], pragmatic["evaluable_then"]) == ("2", "3")
    assert change("out of the field below 1 Gy")["flipped_evaluable"] == "P3"
    assert change("out of the field below 5 Gy")["gained"] == "P2"
    assert change("new_lesion_position = anywhere", "pembro-rt")["lost"] == "P1"
    assert change("definition instead of theelen-arr", "theelen-acr")["gained"] == "P3"


@pytest.mark.usefixtures("without_charts")
def test_a_bad_patient_never_stops_the_others(cohort: dict[str, Path], tmp_path: Path) -> None:
    with cohort["measurements"].open("a") as stream:
        stream.write("BAD,-7,L1,target,lung,no,measured,thirty,in\n")
    result = abscopal_file(out=tmp_path / "out", **cohort)
    assert (result.failed, result.subjects, result.exit_code) == (("BAD",), 13, 1)
    assert rows(tmp_path / "out" / "checks.csv")[0]["subject"] == "BAD"
    written = rows(tmp_path / "out" / "abscopal.csv")
    assert len({row["subject"] for row in written}) == 13
    (bad,) = [row for row in written if row["subject"] == "BAD"]
    assert (bad["evaluability"], bad["response"]) == ("could not be read", "NE")
    # Enrolled all the same: one response of two patients is no rate of 100 %.
    found = rate(
        tmp_path / "out" / "rates.csv", definition="golden", arm="all", denominator="enrolled"
    )
    assert found["n"] == "13"


def test_results_are_the_same_again_and_all_there(
    done: Path, cohort: dict[str, Path], tmp_path: Path
) -> None:
    again = abscopal_file(out=tmp_path / "again", **cohort).out
    assert {path.name for path in done.iterdir()} == set(FILES)
    for name in FILES:
        assert (done / name).read_bytes() == (again / name).read_bytes(), name
    assert (done / "waterfall.png").read_bytes()[:4] == b"\x89PNG"
    assert "out of field" in (done / "spider.svg").read_text()


@pytest.mark.usefixtures("without_charts")
def test_a_table_judged_piece_by_piece_is_written_as_in_one_go(
    cohort: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cohort["measurements"].open("a") as stream:
        stream.write("BAD,-7,L1,target,lung,no,measured,thirty,in\n")
        stream.write(
            "ODD,-7,L1,target,lung,no,measured,30,in\nODD,84,L1,target,lung,no,too-big,,in\n"
        )
    whole = abscopal_file(out=tmp_path / "whole", **cohort)
    monkeypatch.setattr(course_tables, "chunks", lambda table: chunks(table, 7))
    pieces = abscopal_file(out=tmp_path / "pieces", **cohort)
    assert (pieces.failed, pieces.counts) == (whole.failed, whole.counts)
    for name in (*TABLES, AS_JSON):
        assert (whole.out / name).read_bytes() == (pieces.out / name).read_bytes(), name


def test_other_choices_asked_together_are_answered_as_each_by_itself() -> None:
    draw = random.Random(2)
    others = [each.protocol for each in variants(DEFAULT, has_doses=True)]
    for k in range(20):
        days = (-30, -7, 56, 84, 140, 250)
        fields = {f"T{n}": draw.choice(list(Field)) for n in range(4)}
        sizes = {name: draw.uniform(8, 40) for name in fields}
        seen = course(
            {
                day: {name: f"{mm * draw.uniform(0.5, 1.2):.1f}" for name, mm in sizes.items()}
                | ({"N1": "15"} if day > draw.choice((-20, 60, 100)) else {})
                for day in days
            },
            fields=fields | {"N1": draw.choice(list(Field))},
            events={0: "radiotherapy-start", 10: "radiotherapy-end"},
            subject=f"P{k}",
        )
        single = [abscopal.answers(seen, [protocol])[0] for protocol in others]
        assert list(abscopal.answers(seen, others)) == single
        assert [abscopal.assess(seen, each).calls for each in others] == [
            answer.calls for answer in single
        ]


def test_nothing_is_written_where_a_table_cannot_be_read(
    cohort: dict[str, Path], tmp_path: Path
) -> None:
    write(cohort["arms"], "subject,group", ["P00,both"])
    with pytest.raises(InputError, match=r"a.csv: column 'arm' is missing"):
        abscopal_file(out=tmp_path / "out", **cohort)
    write(cohort["arms"], "subject,arm", ["P00,both", "P00,SBRT"])
    with pytest.raises(InputError, match=r"row 3: P00 has two arms"):
        abscopal_file(out=tmp_path / "out", **cohort)
    write(cohort["arms"], "subject,arm,systemic", ["P00,both,perhaps"])
    with pytest.raises(InputError, match="neither yes nor no"):
        abscopal_file(out=tmp_path / "out", **cohort)
    assert not (tmp_path / "out").exists()


def test_the_command(
    cohort: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    arguments = [str(cohort["measurements"]), "--events", str(cohort["events"])]
    arguments += ["--arms", str(cohort["arms"]), "-o", str(out)]
    monkeypatch.setattr("sys.argv", ["recist", "abscopal", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 0
    assert "12 of 12 subjects assessed" in capsys.readouterr().err
    assert (out / "rates.csv").exists()


def test_without_arms_and_with_nothing_to_show_tables_still_have_their_columns(
    tmp_path: Path,
) -> None:
    table = write(tmp_path / "m.csv", HEADER, ["P1,0,L1,target,lung,no,measured,30,"])
    result = abscopal_file(table, tmp_path / "out")
    assert result.exit_code == 0
    assert rows(tmp_path / "out" / "contrasts.csv") == []
    for name in ("contrasts.csv", "lesion_rates.csv"):
        assert (tmp_path / "out" / name).read_text().count("\n") == 1
    row = rows(tmp_path / "out" / "abscopal.csv")[0]
    assert row["evaluability"] == "field of the lesions unknown"
    assert "no lesion was followed" in (tmp_path / "out" / "waterfall.svg").read_text()
    assert rate(
        tmp_path / "out" / "rates.csv", definition="golden", denominator="evaluable"
    )["rate_percent"] == ""  # fmt: skip


@pytest.mark.usefixtures("without_charts")
def test_two_readers_are_two_cohorts(tmp_path: Path) -> None:
    lines = [f"{line},{reader}" for reader, size in (("A", 12), ("B", 19))
             for line in patient("P1", size)]  # fmt: skip
    table = write(tmp_path / "m.csv", f"{HEADER},reader", lines)
    abscopal_file(table, tmp_path / "out")
    path = tmp_path / "out" / "rates.csv"
    for reader, responders in (("A", "1"), ("B", "0")):
        found = rate(path, definition="golden", denominator="enrolled", reader=reader)
        assert (found["responders"], found["n"]) == (responders, "1")


@pytest.mark.usefixtures("without_charts")
def test_a_patient_who_cannot_be_assessed_is_named_and_the_others_are_done(
    cohort: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assess = abscopal.assess

    def failing(course: Course, *args: Any, **kwargs: Any) -> AbscopalFinding:
        if course.subject == "P03":
            raise ZeroDivisionError("a mistake of ours")
        if course.subject == "P04":
            raise InputError("an impossible course", remedy="look at day 5")
        return assess(course, *args, **kwargs)

    monkeypatch.setattr(abscopal, "assess", failing)
    result = abscopal_file(out=tmp_path / "out", **cohort)
    assert (result.failed, result.exit_code) == (("P03", "P04"), 1)
    told = {row["subject"]: row for row in rows(tmp_path / "out" / "checks.csv")}
    assert told["P03"]["what"] == "ZeroDivisionError: a mistake of ours"
    assert told["P04"]["remedy"] == "look at day 5"
    # They were enrolled, though nobody knows with what result.
    enrolled = rate(
        tmp_path / "out" / "rates.csv", definition="golden", arm="all", denominator="enrolled"
    )
    assert enrolled["n"] == "12"


@pytest.mark.usefixtures("without_charts")
def test_a_subject_without_an_arm_is_told(cohort: dict[str, Path], tmp_path: Path) -> None:
    write(cohort["arms"], "subject,arm", [f"P{k:02},SBRT" for k in range(11)])
    abscopal_file(out=tmp_path / "out", **cohort)
    (told,) = rows(tmp_path / "out" / "checks.csv")
    assert (told["check"], told["subject"]) == ("no-arm", "P11")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["P1,L1,much"], r"d.csv, row 2: .*much.*write doses in Gy"),
        (["P1,L1"], None),
    ],
)
def test_doses_that_are_no_numbers(lines: list[str], told: str | None, tmp_path: Path) -> None:
    path = write(tmp_path / "d.csv", "subject,lesion,near_max_gy", lines)
    if told is None:
        assert read_doses(path) == {}
        return
    with pytest.raises(InputError, match=told):
        read_doses(path)
    with pytest.raises(InputError, match=r"no field.csv below the folder"):
        read_doses(tmp_path)


def test_an_empty_table_of_arms_names_the_row(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a.csv, row 3: a subject or an arm is empty"):
        read_arms(write(tmp_path / "a.csv", "subject,arm", ["P1,SBRT", "P2,"]))


@pytest.mark.usefixtures("without_charts")
def test_a_patient_with_an_event_that_cannot_be_read_is_enrolled_all_the_same(
    cohort: dict[str, Path], tmp_path: Path
) -> None:
    with cohort["events"].open("a") as stream:
        stream.write("P00,soon,new-therapy\n")
    result = abscopal_file(out=tmp_path / "out", **cohort)
    assert result.failed == ("P00",)
    path = tmp_path / "out" / "rates.csv"
    found = rate(path, definition="golden", arm="all", denominator="enrolled")
    assert (found["responders"], found["n"]) == ("2", "12")


def test_main_rates_are_said_and_are_those_of_the_page(
    cohort: dict[str, Path], tmp_path: Path
) -> None:
    said: list[str] = []
    result = abscopal_file(out=tmp_path / "out", **cohort, on_answer=said.append)
    golden = [line for line in said if line.startswith("golden, all patients")]
    assert len(golden) == 1
    assert golden[0].startswith(
        "golden, all patients: 3 of 12 enrolled (25.0 %, exact 5.5 to 57.2)"
    )
    page = (result.out / "abscopal.html").read_text()
    assert all(line.split(" (")[0] in page for line in said)
    assert "Research use only" in page and "<svg" in page


@pytest.mark.usefixtures("without_charts")
def test_without_dates_of_radiotherapy_one_warning_says_whom_it_concerns(
    cohort: dict[str, Path], tmp_path: Path
) -> None:
    del cohort["events"]
    result = abscopal_file(out=tmp_path / "out", **cohort)
    warned = [str(each) for each in result.findings if each.code == "no-radiotherapy"]
    assert len(warned) == 1
    assert warned[0].startswith("warning: no date of radiotherapy is known of 12 of 12: P00, P01")


def test_charts_are_drawn_per_arm_and_growth_beyond_the_axis_is_marked(tmp_path: Path) -> None:
    lines = [*patient("P1", 19), *patient("P2", 70)]
    table = write(tmp_path / "table.csv", HEADER, lines)
    arms = write(tmp_path / "arms.csv", "subject,arm", ["P1,both", "P2,SBRT"])
    out = abscopal_file(table, tmp_path / "out", arms=arms).out
    for name in ("waterfall", "spider"):
        drawing = (out / f"{name}.svg").read_text()
        assert "both (1)" in drawing and "SBRT (1)" in drawing
        assert "+250" in drawing
