"""The settings of a run are read and checked before the first image is touched."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from imaging.errors import InputError
from recist.course import EventKind
from recist.patient.options import Options


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"criteria": ("recist12",)}, "unknown criterion 'recist12'"),
        ({"quality": "superb"}, "--quality superb"),
        ({"protocol": "recist-11"}, "no protocol"),
        ({"lesions": "nowhere"}, "--lesions nowhere"),
        ({"device": "gpu7"}, "no such device: gpu7"),
        ({"roi_pattern": "[/"}, "not a regular expression"),
        ({"events": Path("nowhere.csv")}, "no such file"),
        ({"overrides": Path("nowhere.csv")}, "no such file"),
        ({"links": Path("nowhere.csv")}, "no such file"),
        ({"organs": Path("nowhere")}, "organs.json"),
        ({"model": Path("nowhere")}, "no model lies here"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as refused:
        Options.create(**({"lesions": "dicom"} | given))
    assert told in str(refused.value)


@pytest.mark.parametrize("content", [b"\xff\xfesubject", b"subject,lesion\nP1,L1\n"])
def test_a_table_of_links_is_read_at_once(tmp_path: Path, content: bytes) -> None:
    table = tmp_path / "links.csv"
    table.write_bytes(content)
    with pytest.raises(InputError, match=r"links.csv"):
        Options.create(lesions="dicom", links=table)


def test_days_count_from_the_start_of_treatment(tmp_path: Path) -> None:
    events = tmp_path / "events.csv"
    events.write_text(
        "subject,date,event\n"
        "P1,2024-01-10,radiotherapy-start\n"
        "P1,2024-01-08,treatment-start\n"
        "P1,2024-06-01,death\n"
        "P2,2024-06-01,death\n"
    )
    options = Options.create(lesions="dicom", events=events)
    zero = options.day_zero("P1", dt.date(2024, 1, 2))
    assert zero == dt.date(2024, 1, 8)
    assert [(event.day, event.kind) for event in options.events("P1", zero)] == [
        (0, EventKind.TREATMENT_START),
        (2, EventKind.RADIOTHERAPY_START),
        (145, EventKind.DEATH),
    ]
    assert options.unknown_subjects({"P1"}) == ("events.csv: no images of P2",)
    assert options.day_zero("P2", dt.date(2024, 1, 2)) == dt.date(2024, 1, 2)
    assert options.events("P3", zero) == ()


def test_the_record_names_every_file_that_the_results_depend_on(tmp_path: Path) -> None:
    labels = tmp_path / "labels"
    (labels / "P1").mkdir(parents=True)
    (labels / "P1" / "base.nii.gz").touch()
    choices = tmp_path / "choices.csv"
    choices.write_text("subject,lesion,organ\nP1,L1,liver\n")
    options = Options.create(lesions=str(labels), overrides=choices)
    assert set(options.files()) == {choices, labels / "P1" / "base.nii.gz"}
    assert options.choices("P1")["L1"].organ == "liver"
    assert options.choices("P2") == {}


def test_an_event_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    events = tmp_path / "events.csv"
    events.write_text("subject,date,event\nP1,2024-01-10,deth\n")
    with pytest.raises(InputError, match=r"events\.csv, row 2: event 'deth' is unknown"):
        Options.create(lesions="dicom", events=events)
