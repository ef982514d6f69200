"""What a signature leaves as files: the same answer as the page, for every later program."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

import recist
from recist.review.web.app import create_app
from tests.recist.review.conftest import PHANTOM, sign

DATES = ("2024-03-04", "2024-05-06", "2024-07-08")


def folder_of(one_reader: Any) -> Path:
    return Path(one_reader.results) / "review" / "signed" / PHANTOM


def shown(page: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Date, response and sum by RECIST 1.1 on all lesions, of a page."""
    dates = page["assessment"]["criteria"][0]["dates"]
    return [(at["date"], at["response"], at["sum_mm"]) for at in dates]


def test_the_tables_say_what_the_page_says(
    signed_reader: Any, signed: Any, check_json: Callable[[Path], set[str]]
) -> None:
    folder = folder_of(signed_reader)
    with (folder / "timepoints.csv").open() as file:
        rows = [
            r for r in csv.DictReader(file) if (r["criteria"], r["lesions"]) == ("recist11", "all")
        ]
    assert [(r["date"], r["overall"], r["sum_mm"]) for r in rows] == shown(signed)
    assert [response for _, response, _ in shown(signed)] == ["PR", "PR"]
    signature = json.loads((folder / "signature.json").read_text())
    assert (signature["name"], signature["reader"]) == ("A. Able", "Dr Able")
    assert check_json(folder) >= {"signature", "timepoints", "outcomes", "labels"}


def test_the_tables_assessed_again_give_the_same_answer(signed_reader: Any, signed: Any) -> None:
    folder = folder_of(signed_reader)
    again = recist.assess_table(folder / "measurements.csv", folder / "events.csv").timepoints
    own = again[(again.criteria == "recist11") & (again.lesions == "all")]
    found = [
        (str(d)[:10], r, str(s)) for d, r, s in zip(own.date, own.overall, own.sum_mm, strict=True)
    ]
    assert found == shown(signed)


def test_the_outlines_of_each_date_are_a_label_map_with_names(
    signed_reader: Any, signed: Any
) -> None:
    browser = signed_reader.enter()
    for date in DATES:
        path = folder_of(signed_reader) / "delineations" / f"{date}-lesions.nii.gz"
        labels = np.asarray(nibabel.load(path).dataobj)
        names = json.loads(path.with_name(f"{date}-lesions.json").read_text())
        served = browser.get(f"patients/{PHANTOM}/masks/{date}").json()["lesions"]
        assert set(names.values()) == {each["id"] for each in served} - {"L6"}
        assert {str(n) for n in np.unique(labels)} - {"0"} == set(names)


def test_results_that_a_kill_kept_from_being_written_come_at_the_next_start(
    signed_reader: Any, signed: Any
) -> None:
    folder = folder_of(signed_reader)
    before = (folder / "timepoints.csv").read_bytes()
    shutil.rmtree(folder)
    create_app(signed_reader.results, reader="Dr Able", hosts=["elsewhere"])  # as after a restart
    assert (folder / "timepoints.csv").read_bytes() == before


def test_a_signature_is_kept_where_its_results_cannot_be_written(one_reader: Any) -> None:
    folder_of(one_reader).parent.write_text("not a folder")
    browser = one_reader.enter()
    page = sign(browser).json()
    assert page["state"] == "signed"
    assert any("could not be written" in words for words in page["warnings"])
    assert browser.page()["state"] == "signed"
