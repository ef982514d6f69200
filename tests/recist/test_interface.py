"""The front door: what ``import recist`` offers, and that it says what the files say."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from pandas.testing import assert_frame_equal

import recist
from imaging.errors import GeometryError, InputError
from recist.cohort.abscopal_files import abscopal_file
from recist.interface import SubjectsLeftOut
from recist.response import Response
from recist.run.table import assess_file
from recist.table.course_tables import NoCourseError
from recist.table.result_frames import csv_frame

TABLE = """\
subject,date,lesion,role,organ,nodal,status,diameter_mm,field
P1,2024-01-10,T1,target,liver,no,measured,60.0,out
P1,2024-01-10,T2,target,lung,no,measured,30.0,in
P1,2024-03-06,T1,target,liver,no,measured,41.0,out
P1,2024-03-06,T2,target,lung,no,measured,20.0,in
P1,2024-05-01,T1,target,liver,no,measured,40.2,out
P1,2024-05-01,T2,target,lung,no,absent,,in
P2,2024-01-10,T1,target,liver,no,measured,50.0,in
P2,2024-03-06,T1,target,liver,no,not-evaluable,,in
P2,2024-05-01,T1,target,liver,no,measured,68.0,in
"""
EVENTS = """\
subject,date,event
P1,2024-01-14,treatment-start
P1,2024-01-14,radiotherapy-start
P2,2024-01-14,treatment-start
"""
BROKEN = "P3,2024-01-10,T1,target,liver,no,mesured,50.0,in\n"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    table, events = tmp_path / "measurements.csv", tmp_path / "events.csv"
    table.write_text(TABLE)
    events.write_text(EVENTS)
    return table, events


def test_every_public_name_loads_and_none_is_a_folder() -> None:
    assert set(recist.__all__) <= set(dir(recist))
    for name in recist.__all__:
        assert getattr(recist, name) is not None
        assert not (Path(recist.__file__).parent / name).is_dir(), name
    with pytest.raises(AttributeError, match="no_such_name"):
        recist.no_such_name  # noqa: B018


@pytest.mark.parametrize(
    "use", ["recist.Course, recist.Protocol, recist.Event", "recist.read_table, recist.assess"]
)
def test_a_table_needs_neither_torch_nor_pandas(use: str) -> None:
    code = (
        f"import sys, recist; assert 'numpy' not in sys.modules; {use}; "
        "print(sorted({'torch', 'monai', 'pydicom', 'SimpleITK', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def test_a_course_is_assessed_and_explained(files: tuple[Path, Path]) -> None:
    course = recist.read_table(*files)["P1"]
    assert course.day_zero == dt.date(2024, 1, 14)
    result = recist.assess(course, criteria=["recist11"], protocol="recist11-eortc")
    on_all = [each for each in result.timepoints if each.scope == "all"]
    assert [each.overall for each in on_all] == [Response.PR, Response.PR]
    frame = result.to_frame()
    assert list(frame["sum_mm"])[:2] == [61.0, 40.2]
    assert frame["date"].iloc[0] == pd.Timestamp("2024-03-06")
    assert not frame["new_lesion"].any()
    outcomes = result.to_frame("outcomes")
    assert set(outcomes["best_overall"]) == {"PR", "CR"}
    text = result.explain()
    assert all(each.reasons for each in result.timepoints)
    for each in result.timepoints:
        assert all(reason.sentence in text and reason.source in text for reason in each.reasons)
    assert "not a medical device" in text


def test_a_frame_of_a_course_is_the_file_of_the_table(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assess_file(files[0], out, events=files[1])
    courses = recist.read_table(*files)
    for part in ("timepoints", "outcomes"):
        joined = pd.concat(
            [recist.assess(course).to_frame(part) for course in courses.values()],
            ignore_index=True,
        )
        assert_frame_equal(joined, csv_frame((out / f"{part}.csv").read_text()))


def _as_records(path: Path) -> list[dict[str, str]]:
    return pd.read_csv(path, dtype=str, keep_default_na=False).to_dict("records")


@pytest.mark.parametrize(
    "given",
    [
        lambda path: path,
        str,
        pd.read_csv,
        lambda path: pd.read_csv(path, parse_dates=["date"]),
        pl.read_csv,
        lambda path: pl.read_csv(path, try_parse_dates=True),
        _as_records,
    ],
    ids=["path", "text", "pandas", "pandas dates", "polars", "polars dates", "records"],
)
def test_every_kind_of_table_gives_the_same(files: tuple[Path, Path], given: object) -> None:
    table, events = (given(path) for path in files)  # type: ignore[operator]
    found = recist.assess_table(table, events)
    wanted = recist.assess_table(*files)
    assert len(found.timepoints) == 24
    assert_frame_equal(found.timepoints, wanted.timepoints)
    assert_frame_equal(found.outcomes, wanted.outcomes)
    assert found.failed == ()


def test_frames_are_the_files_of_the_command_and_leave_none(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arms = [{"subject": "P1", "arm": "A"}, {"subject": "P2", "arm": "B"}]
    of_table = assess_file(files[0], tmp_path / "table", events=files[1], robustness=True)
    of_cohort = abscopal_file(files[0], tmp_path / "cohort", events=files[1], arms=arms)
    frames = pd.read_csv(files[0]), pd.read_csv(files[1])
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    before = sorted(tmp_path.rglob("*"))
    table = recist.assess_table(*frames, robustness=True)
    cohort = recist.assess_abscopal(*frames, arms=arms)
    assert sorted(tmp_path.rglob("*")) == before
    written = {
        of_table.out / "timepoints.csv": table.timepoints,
        of_table.out / "outcomes.csv": table.outcomes,
        of_table.out / "checks.csv": table.findings,
        of_cohort.out / "abscopal.csv": cohort.patients,
        of_cohort.out / "rates.csv": cohort.rates,
        of_cohort.out / "contrasts.csv": cohort.contrasts,
        of_cohort.out / "lesion_rates.csv": cohort.lesions,
        of_cohort.out / "sensitivity.csv": cohort.sensitivity,
        of_cohort.out / "checks.csv": cohort.findings,
    }
    assert len(table.timepoints) and len(cohort.rates)
    for path, frame in written.items():
        assert_frame_equal(frame, csv_frame(path.read_text()))


def test_a_subject_left_out_is_told_and_asked_for_says_why(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text(TABLE + BROKEN)
    with pytest.warns(SubjectsLeftOut, match="1 of 3 subjects could not be used: P3"):
        courses = recist.read_table(path)
    assert (list(courses), courses.failed, "P3" in courses) == (["P1", "P2"], ("P3",), False)
    with pytest.raises(NoCourseError, match="did you mean 'measured'"):
        courses["P3"]
    with pytest.raises(NoCourseError, match=r"no subject 'P9' .the table has P1, P2"):
        courses["P9"]
    assert courses.get("P9") is None
    with pytest.warns(SubjectsLeftOut):
        result = recist.assess_table(path)
    assert result.failed == ("P3",)
    errors = result.findings[result.findings["level"] == "error"]
    assert list(errors["subject"]) == ["P3"]
    assert list(errors["row"]) == [11]


def test_a_subject_of_two_readers_is_asked_for_by_reader(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "subject": "P1", "day": [0, 0, 60, 60], "lesion": "T1", "role": "target",
            "organ": "liver", "nodal": False, "status": "measured",
            "diameter_mm": [50.0, 52.0, 30.0, 40.5], "reader": ["A", "B", "A", "B"],
        }
    )  # fmt: skip
    courses = recist.read_table(frame)
    assert [course.reader for course in courses.all] == ["A", "B"]
    with pytest.raises(NoCourseError, match="readers 'A', 'B'"):
        courses["P1"]
    of_b = recist.read_table(frame, reader="B")["P1"]
    assert of_b.timepoints[1].measurements[0].diameter_mm == Decimal("40.5")
    with pytest.raises(InputError, match=r"no reader 'C' .the table has 'A', 'B'"):
        recist.read_table(frame, reader="C")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ([("P1", 0)], "a table as list"),
        (7, "a table as int"),
        ({"subject": ["P1"]}, "a table as dict"),
        (pd.DataFrame({"subjekt": ["P1"]}), "column 'subject' is missing"),
        ("no-such-table.csv", "no such file"),
    ],
)
def test_what_is_no_table_is_refused(source: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        recist.assess_table(source)  # type: ignore[arg-type]


def test_an_unknown_criterion_or_protocol_is_refused(files: tuple[Path, Path]) -> None:
    course = recist.read_table(files[0])["P1"]
    with pytest.raises(InputError, match="irecist"):
        recist.assess(course, criteria=["irecst"])
    with pytest.raises(InputError, match="recist11-eortc"):
        recist.assess(course, protocol="recist11-eotc")


def test_abscopal_response_of_a_course_and_of_a_cohort(files: tuple[Path, Path]) -> None:
    course = recist.read_table(*files)["P1"]
    finding = recist.assess_abscopal(course)
    assert (finding.subject, finding.evaluable) == ("P1", True)
    arms = [{"subject": "P1", "arm": "A"}, {"subject": "P2", "arm": "B"}]
    cohort = recist.assess_abscopal(files[0], files[1], arms=arms)
    assert set(cohort.patients["subject"]) == {"P1", "P2"}
    assert {"A", "B"} <= set(cohort.rates["arm"])
    with pytest.raises(InputError, match="belong to a table"):
        recist.assess_abscopal(course, events=files[1])  # type: ignore[call-overload]


def test_a_mask_is_measured_in_its_spacing() -> None:
    mask = np.zeros((40, 40, 3), dtype=bool)
    mask[5:25, 10:20, 1] = True
    measured = recist.measure_mask(mask, (1.0, 1.0, 5.0), convention="corners")
    assert measured.long_axis_mm == Decimal("22.4")  # the diagonal of 20 x 10 mm
    assert (measured.slice_index, measured.volume_ml) == (1, pytest.approx(1.0))
    assert recist.measure_mask(mask[:, :, 1], (1.0, 1.0)).long_axis_mm == (
        recist.measure_mask(mask, (1.0, 1.0, 5.0)).long_axis_mm
    )
    for wrong, spacing in ((mask, (1.0, 1.0)), (mask * 0, (1.0, 1.0, 5.0)), (mask, (1, 1, -5))):
        with pytest.raises(GeometryError):
            recist.measure_mask(wrong, spacing)
