"""What the main job writes is what the table reader reads."""

from __future__ import annotations

import csv
import datetime as dt
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.errors import InputError
from recist.assessment import assess_course
from recist.course import (
    Course,
    Event,
    EventKind,
    Field,
    Lesion,
    Measurement,
    Role,
    Status,
    Timepoint,
)
from recist.export.written_tables import (
    write_events,
    write_measurements,
    write_outcomes,
    write_outcomes_json,
    write_timepoints,
    write_timepoints_json,
)
from recist.protocol import DEFAULT
from recist.run.table import assess_file
from recist.table.course_tables import read_courses
from recist.table.finding import Finding
from tests.recist.patients import course as patients_course

DIAMETERS = st.decimals(0, 300, places=1).map(abs)
NAMES = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=6)
UNMEASURED = [status for status in Status if status not in (Status.MEASURED, Status.MERGED)]


@st.composite
def lesions(draw: st.DrawFn) -> tuple[Lesion, ...]:
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    return tuple(
        Lesion(
            name,
            draw(st.sampled_from(["liver", "left lung", 'bone, "L3"', ""])),
            draw(st.booleans()),
            draw(st.sampled_from(Role)) if k else Role.TARGET,
            draw(st.sampled_from(Field)),
            draw(st.sampled_from(["", "2.25.1"])),
        )
        for k, name in enumerate(sorted(names))
    )


def _measurement(draw: st.DrawFn, lesion: Lesion, hosts: list[str], reader: str) -> Measurement:
    volume = draw(st.none() | st.floats(0, 500))
    drawn_by = draw(st.sampled_from([reader, "network 1.0"]))
    if hosts and draw(st.integers(0, 9)) == 0:
        return Measurement(
            lesion.id, Status.MERGED, merged_into=draw(st.sampled_from(hosts)), source=drawn_by
        )
    if lesion.role is Role.TARGET and draw(st.integers(0, 3)):
        parts = sorted(draw(st.lists(DIAMETERS, min_size=1, max_size=3)), reverse=True)
        return Measurement(
            lesion.id, Status.MEASURED, tuple(parts), volume_ml=volume, source=drawn_by
        )
    return Measurement(
        lesion.id, draw(st.sampled_from(UNMEASURED)), suv_max=volume, source=drawn_by
    )


@st.composite
def courses(draw: st.DrawFn, *, subject: str = "P 1", dated: bool = True) -> Course:
    found = draw(lesions())
    reader = draw(st.sampled_from(["", "R1"]))
    gaps = draw(st.lists(st.integers(1, 90), max_size=3))
    days = [0, *(sum(gaps[: k + 1]) for k in range(len(gaps)))]
    timepoints = []
    for day in days:
        seen = [lesion for lesion in found if day or lesion.role is not Role.NEW]
        if day:
            seen = [lesion for lesion in seen if lesion.role is Role.TARGET or draw(st.booleans())]
        measurements = [
            _measurement(draw, lesion, [o.id for o in found if o is not lesion], reader)
            for lesion in seen
        ]
        timepoints.append(
            Timepoint(day, tuple(measurements), draw(st.sampled_from(["", "week 8"])))
        )
    kept = {m.lesion_id for t in timepoints for m in t.measurements}
    kept |= {m.merged_into for t in timepoints for m in t.measurements if m.merged_into}
    events = tuple(
        Event(day, kind)
        for day, kind in sorted(draw(st.sets(st.tuples(
            st.integers(0, 300), st.sampled_from([EventKind.DEATH, EventKind.NEW_THERAPY]),
        ), max_size=2)))
    )  # fmt: skip
    return Course(
        subject,
        tuple(lesion for lesion in found if lesion.id in kept),
        tuple(timepoints),
        events,
        dt.date(2024, 2, 1) if dated else None,
        reader,
    )


def all_seen(course: Course) -> bool:
    """Every lesion has a row of its own (one that others only merged into has none)."""
    seen = {m.lesion_id for t in course.timepoints for m in t.measurements}
    return seen == {lesion.id for lesion in course.lesions}


@given(st.data(), st.booleans())
def test_courses_come_back_as_they_were(data: st.DataObject, dated: bool) -> None:
    course = data.draw(courses(dated=dated).filter(all_seen))
    with tempfile.TemporaryDirectory() as folder:
        table, events = Path(folder) / "measurements.csv", Path(folder) / "events.csv"
        write_measurements(table, [course])
        write_events(events, [course])
        findings: list[Finding] = []
        found = read_courses(table, events, findings=findings)
    assert [str(f) for f in findings if f.level == "error"] == []
    assert found == (course,)


def plain_course(subject: str = "P1", *, dated: bool = False) -> Course:
    visits = {0: {"T1": 20, "T2": 20}, 56: {"N1": 12, "T1": ["8.5", 3]}}
    return patients_course(
        visits,
        organs={"T2": "lung"},
        subject=subject,
        day_zero=dt.date(2024, 2, 1) if dated else None,
    )


def test_a_target_without_measurement_is_written_as_not_evaluable(tmp_path: Path) -> None:
    write_measurements(tmp_path / "m.csv", [plain_course()])
    with (tmp_path / "m.csv").open(newline="") as file:
        last = list(csv.DictReader(file))[-1]
    assert (last["lesion"], last["status"], last["diameter_mm"]) == ("T2", "not-evaluable", "")


def test_a_visit_without_lesions_is_kept(tmp_path: Path) -> None:
    free = Course("P1", (), (Timepoint(0, ()), Timepoint(60, ())))
    write_measurements(tmp_path / "m.csv", [free])
    assert read_courses(tmp_path / "m.csv") == (free,)
    result = assess_file(tmp_path / "m.csv", tmp_path / "out")
    assert result.exit_code == 0
    assert "NED" in (tmp_path / "out" / "timepoints.csv").read_text()


def test_the_main_job_writes_what_the_table_writes(tmp_path: Path) -> None:
    course = plain_course(dated=True)
    assessments, outcomes = assess_course(course, ("recist11", "irecist"), DEFAULT)
    write_measurements(tmp_path / "m.csv", [course])
    write_timepoints(tmp_path / "timepoints.csv", [(course, assessments)])
    write_outcomes(tmp_path / "outcomes.csv", [(course, outcomes)], DEFAULT)
    write_timepoints_json(tmp_path / "timepoints.json", [(course, assessments)], DEFAULT)
    write_outcomes_json(tmp_path / "outcomes.json", [(course, outcomes)], DEFAULT)
    assess_file(tmp_path / "m.csv", tmp_path / "out", with_json=True)
    for name in ("timepoints.csv", "outcomes.csv"):
        assert (tmp_path / name).read_text() == (tmp_path / "out" / name).read_text()
    for name in ("timepoints.json", "outcomes.json"):
        assert json.loads((tmp_path / name).read_text()) == json.loads(
            (tmp_path / "out" / name).read_text()
        )


def test_days_and_dates_do_not_share_a_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="in one table"):
        write_measurements(tmp_path / "m.csv", [plain_course(), plain_course("P2", dated=True)])
    assert not (tmp_path / "m.csv").exists()


def test_unreadable_subjects_are_left_out_and_told(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text(
        "subject,day,lesion,role,organ,nodal,status,diameter_mm\n"
        "P1,0,T1,target,liver,no,measured,x\n,0,T1,target,liver,no,measured,9\n"
        "P2,0,T1,target,liver,no,measured,50\n"
    )
    findings: list[Finding] = []
    assert [course.subject for course in read_courses(path, findings=findings)] == ["P2"]
    assert [finding.code for finding in findings] == ["unknown-diameter", "no-subject"]
    assert {finding.subject for finding in findings} == {"P1"}
    assert len(read_courses(path)) == 1
