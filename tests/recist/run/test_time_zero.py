"""Every command counts the days of a patient from the same day, whatever was recorded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from recist.abscopal import assess as assess_abscopal
from recist.assessment import assess_course, time_zero
from recist.course import Course, EventKind
from recist.patient.options import Options
from recist.protocol import DEFAULT, Protocol
from recist.response import Scope
from recist.run.outcomes import outcomes_file
from recist.run.table import assess_file
from recist.table.course_tables import read_courses
from tests.recist.written import rows

BASELINE = dt.date(2024, 1, 8)
STARTS = (EventKind.RANDOMISATION, EventKind.TREATMENT_START, EventKind.RADIOTHERAPY_START)
OTHERS = (None, *(kind for kind in EventKind if kind not in STARTS))
#: Days from the baseline scan: not recorded, before it, after it.
DAYS = (None, -5, 14)
ROWS = (
    (0, "measured,50", "measured,40"),
    (56, "measured,30", "measured,40"),
    (112, "measured,45", "measured,41"),
)
ORIGINS = ("randomisation", "treatment_start", "baseline")

Events = list[tuple[dt.date, EventKind]]


def date(day: int) -> dt.date:
    return BASELINE + dt.timedelta(days=day)


def patients() -> Iterator[tuple[str, Events]]:
    """Every order of the starts, each with every other kind of event; all have a baseline scan."""
    for other, days in product(OTHERS, product(DAYS, repeat=len(STARTS))):
        events = [(date(0), EventKind.BASELINE_SCAN)]
        events += [
            (date(day), kind) for day, kind in zip(days, STARTS, strict=True) if day is not None
        ]
        if other is not None:
            events.append((date(126), other))
        yield "-".join(str(each) for each in (other, *days)), events


PATIENTS = dict(patients())


def zero_of(events: Events, origin: str) -> dt.date:
    """The rule in words of its own: the expected answer."""
    by_kind = {kind: day for day, kind in events if kind in STARTS}
    randomised = by_kind.get(EventKind.RANDOMISATION)
    systemic = by_kind.get(EventKind.TREATMENT_START)
    irradiated = by_kind.get(EventKind.RADIOTHERAPY_START)
    if irradiated is not None and irradiated < BASELINE and len(by_kind) > 1:
        irradiated = None  # of an earlier line
    treated = [day for day in (systemic, irradiated) if day is not None]
    if origin == "baseline" or not by_kind:
        return BASELINE
    if randomised is not None and (origin == "randomisation" or not treated):
        return randomised
    return min(treated)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The measurements and the events of all patients."""
    folder = tmp_path_factory.mktemp("tables")
    measured = ["subject,date,lesion,role,organ,nodal,field,status,diameter_mm"]
    recorded = ["subject,date,event"]
    for subject, events in PATIENTS.items():
        for day, inside, outside in ROWS:
            measured.append(f"{subject},{date(day)},T1,target,lung,no,in,{inside}")
            measured.append(f"{subject},{date(day)},T2,target,liver,no,out,{outside}")
        recorded += [f"{subject},{day},{kind}" for day, kind in events]
    paths = folder / "measurements.csv", folder / "events.csv"
    for path, lines in zip(paths, (measured, recorded), strict=True):
        path.write_text("\n".join(lines) + "\n")
    return paths


def ends(path: Path) -> dict[tuple[str, str, str], tuple[str, ...]]:
    """What a table of outcomes says, by subject, criteria and set of lesions."""
    kept = ("best_overall", "confirmed_best_overall", "progression_date", "pfs_days", "pfs_event")
    return {
        (row["subject"], row["criteria"], row["lesions"]): tuple(row[name] for name in kept)
        for row in rows(path)
    }


@pytest.mark.parametrize("origin", ORIGINS)
def test_run_assess_outcomes_and_abscopal_agree(
    origin: str, tables: tuple[Path, Path], tmp_path: Path
) -> None:
    measured, recorded = tables
    protocol = Protocol(origin=origin)
    assert len(PATIENTS) == 27 * len(OTHERS)

    assess_file(
        measured,
        tmp_path / "assess",
        events=recorded,
        criteria=("recist11",),
        protocol=protocol,
        jobs=1,
    )
    by_assess = ends(tmp_path / "assess" / "outcomes.csv")
    outcomes_file(
        tmp_path / "assess" / "timepoints.csv",
        tmp_path / "outcomes",
        events=recorded,
        protocol=protocol,
    )
    by_outcomes = ends(tmp_path / "outcomes" / "outcomes.csv")
    assert len(by_assess) == len(PATIENTS) * len(Scope)
    assert by_outcomes == by_assess

    toml = tmp_path / "protocol.toml"
    toml.write_text(f'origin = "{origin}"\n')
    options = Options.create(lesions="dicom", events=recorded, protocol=str(toml))
    courses = {each.subject: each for each in read_courses(measured, recorded, protocol=protocol)}
    for subject, events in PATIENTS.items():
        zero = options.day_zero(subject, BASELINE)
        read = courses[subject]
        assert zero == read.day_zero == zero_of(events, origin), subject
        course = Course(subject, read.lesions, read.timepoints, options.events(subject, zero), zero)
        assert sorted(course.events, key=str) == sorted(read.events, key=str)
        _, outcomes = assess_course(course, ("recist11",), protocol)
        by_run = {each.scope: each for each in outcomes}
        for scope, outcome in by_run.items():
            assert str(outcome.pfs_days) == by_assess[subject, "recist11", scope][3]
        if len(events) > len(STARTS) + 1:
            continue  # one event more changes no day
        found = assess_abscopal(read, protocol)
        irradiated = next((day for day, kind in events if kind == "radiotherapy-start"), None)
        if irradiated is not None:
            assert read.date_of(found.timeline.start_day) == irradiated


def test_the_clock_is_the_rule_in_days(tables: tuple[Path, Path], tmp_path: Path) -> None:
    """A responder who progresses on day 112 after the scan: day minus day, from the start."""
    assess_file(tables[0], tmp_path / "out", events=tables[1], criteria=("recist11",), jobs=1)
    found = ends(tmp_path / "out" / "outcomes.csv")
    for subject, events in PATIENTS.items():
        progression, days = found[subject, "recist11", "in-field"][2:4]
        assert progression == str(date(112))
        if not subject.startswith(("death", "new-therapy")):
            assert int(days) == (date(112) - zero_of(events, "randomisation")).days


def test_a_start_before_the_baseline_scan_is_remarked_on(
    tables: tuple[Path, Path], tmp_path: Path
) -> None:
    assess_file(tables[0], tmp_path / "out", events=tables[1], criteria=("recist11",), jobs=1)
    told = {
        row["subject"]
        for row in rows(tmp_path / "out" / "checks.csv")
        if row["check"] == "baseline-after-start"
    }
    expected = set()
    for subject, events in PATIENTS.items():
        early = [kind for day, kind in events if kind in STARTS and day < BASELINE]
        if EventKind.RADIOTHERAPY_START in early or zero_of(events, "randomisation") < BASELINE:
            expected.add(subject)
    assert told == expected


def test_radiotherapy_of_an_earlier_line_does_not_start_the_clock() -> None:
    earlier = (-400, EventKind.RADIOTHERAPY_START)
    assert time_zero([earlier, (2, EventKind.TREATMENT_START)], -7, DEFAULT) == 2
    assert time_zero([earlier, (4, EventKind.RADIOTHERAPY_START)], -7, DEFAULT) == 4
    assert time_zero([earlier, (-3, EventKind.RADIOTHERAPY_START)], 0, DEFAULT) == -3
