"""Day zero is the same in every command, whatever events are recorded."""

from __future__ import annotations

import csv
import datetime as dt
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from recist.assessment import time_zero
from recist.cohort import abscopal_file
from recist.course import EventKind
from recist.patient.options import Options
from recist.protocol import DEFAULT
from recist.run.responses import outcomes_file
from recist.run.table import assess_file
from recist.table.read import read_courses

BASELINE = dt.date(2024, 3, 4)
SCANS = (0, 63, 126)  # days from the baseline scan; the last shows progression
STARTS = (EventKind.RANDOMISATION, EventKind.TREATMENT_START, EventKind.RADIOTHERAPY_START)
#: Every combination of the events that may start a clock: not recorded, or days from the baseline.
COMBINATIONS = tuple(product((None, 3, 10), (None, -6, 7, 14), (None, 5, 14)))
#: The same by the words of the rule: randomisation, else the earlier start, else the baseline.
EXPECTED = {
    days: days[0]
    if days[0] is not None
    else min((day for day in days[1:] if day is not None), default=0)
    for days in COMBINATIONS
}


def name_of(days: tuple[int | None, ...]) -> str:
    return "/".join("none" if day is None else str(day) for day in days)


def date(day: int) -> str:
    return (BASELINE + dt.timedelta(days=day)).isoformat()


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A patient for every combination: a liver lesion outside and a lung lesion in the field."""
    folder = tmp_path_factory.mktemp("tables")
    measured, events = folder / "measurements.csv", folder / "events.csv"
    with measured.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(
            [
                "subject",
                "date",
                "lesion",
                "role",
                "organ",
                "nodal",
                "status",
                "diameter_mm",
                "field",
            ]
        )
        for days in COMBINATIONS:
            for scan, liver, lung in zip(SCANS, (20, 20, 30), (20, 15, 15), strict=True):
                for lesion, organ, size, field in (
                    ("L1", "liver", liver, "out"),
                    ("L2", "lung", lung, "in"),
                ):
                    rows.writerow(
                        [name_of(days), date(scan), lesion, "target", organ, "no", "measured",
                         size, field]
                    )  # fmt: skip
    with events.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["subject", "date", "event"])
        for days in COMBINATIONS:
            for kind, day in zip(STARTS, days, strict=True):
                if day is not None:
                    rows.writerow([name_of(days), date(day), kind])
    return measured, events


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_command_counts_from_the_same_day(tables: tuple[Path, Path], tmp_path: Path) -> None:
    measured, events = tables
    assess_file(measured, tmp_path / "assess", events=events, criteria=("recist11",))
    assessed = {
        row["subject"]: int(row["pfs_days"])
        for row in read(tmp_path / "assess" / "outcomes.csv")
        if row["lesions"] == "all"
    }
    responses = tmp_path / "responses.csv"
    with responses.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["subject", "date", "overall"])
        for row in read(tmp_path / "assess" / "timepoints.csv"):
            if row["lesions"] == "all" and row["date"] != date(0):
                rows.writerow([row["subject"], row["date"], row["overall"]])
    outcomes_file(responses, tmp_path / "outcomes", events=events)
    concluded = {
        row["subject"]: int(row["pfs_days"]) for row in read(tmp_path / "outcomes" / "outcomes.csv")
    }
    courses = {course.subject: course for course in read_courses(*tables)}
    run = Options.create(lesions="dicom", events=events)

    assert len(assessed) == len(EXPECTED) == len(COMBINATIONS)
    for days, zero in EXPECTED.items():
        name, duration = name_of(days), SCANS[-1] - zero
        assert assessed[name] == duration, name
        if any(day is not None for day in days):  # else a table of responses knows no baseline
            assert concluded[name] == duration, name
        assert courses[name].day_zero == BASELINE + dt.timedelta(days=zero), name
        assert run.day_zero(name, BASELINE) == courses[name].day_zero, name


def test_abscopal_responses_are_told_in_the_same_days(
    tables: tuple[Path, Path], tmp_path: Path
) -> None:
    measured, events = tables
    abscopal_file(measured, tmp_path / "out", events=events)
    told = read(tmp_path / "out" / "abscopal.csv")
    assert {row["subject"] for row in told} == {name_of(days) for days in COMBINATIONS}
    for row in told:
        if row["out_of_field_progression_date"]:
            assert row["out_of_field_progression_date"] == date(SCANS[-1]), row["subject"]
    assert any(row["out_of_field_progression_date"] for row in told)


@pytest.mark.parametrize(
    ("origin", "expected"), [("randomisation", 3), ("treatment_start", 5), ("baseline", None)]
)
def test_the_setting_names_what_comes_first(origin: str, expected: int | None) -> None:
    events = [(3, STARTS[0]), (7, STARTS[1]), (5, STARTS[2])]
    protocol = replace(DEFAULT, origin=origin)
    assert time_zero(events, 0, protocol) == expected
    shifted = [(day + 1000, kind) for day, kind in events]
    assert time_zero(shifted, 1000, protocol) == (None if expected is None else expected + 1000)


def test_radiotherapy_of_an_earlier_line_does_not_start_the_clock() -> None:
    earlier = (-400, EventKind.RADIOTHERAPY_START)
    assert time_zero([earlier, (2, EventKind.TREATMENT_START)], -7, DEFAULT) == 2
    assert time_zero([earlier, (4, EventKind.RADIOTHERAPY_START)], -7, DEFAULT) == 4
    assert time_zero([earlier, (-3, EventKind.RADIOTHERAPY_START)], 0, DEFAULT) == -3
