"""One reader over the results of a run, through the API."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recist.patient.corrections.correction_tables import corrections_in
from recist.review.images import image_archive
from recist.review.images.date_alignment import lattice_of
from recist.review.images.image_archive import Modality
from recist.run.table import assess_file

BASELINE, SECOND, THIRD = "2024-03-04", "2024-05-06", "2024-07-08"


def responses(page: dict[str, Any]) -> list[str]:
    """By RECIST 1.1 on all lesions."""
    return [at["response"] for at in page["assessment"]["criteria"][0]["dates"]]


def size(page: dict[str, Any], lesion: str, date: str) -> str:
    (found,) = (each for each in page["lesions"] if each["id"] == lesion)
    return str(found["seen"][date]["diameter_mm"])


@pytest.fixture
def browser(one_reader: Any) -> Any:
    return one_reader.enter()


def test_a_reader_sees_what_the_run_measured(browser: Any) -> None:
    (row,) = browser.get("patients").json()["patients"]
    assert (row["subject"], row["response"], row["state"]) == ("PHANTOM-1", "PD", "proposed")
    page = browser.page()
    assert [each["date"] for each in page["dates"]] == [BASELINE, SECOND, THIRD]
    assert responses(page) == ["PR", "PD"]
    assert size(page, "L1", BASELINE) == "40.3"
    assert page["dates"][0]["images"]["ct"]["shape"]
    assert page["assessment"]["criteria"][0]["dates"][0]["reasons"][0]["text"]


def test_a_slice_is_served_as_it_is_stored(one_reader: Any, browser: Any) -> None:
    shape = browser.page()["dates"][0]["images"]["ct"]["shape"]
    archive = one_reader.app.state.room.archive
    for plane, (column, row, normal) in {
        "axial": (0, 1, 2), "coronal": (0, 2, 1), "sagittal": (1, 2, 0),
    }.items():  # fmt: skip
        answer = browser.get(f"patients/PHANTOM-1/images/{BASELINE}/ct/{plane}/9")
        assert answer.headers["Content-Encoding"] == "gzip"
        pixels = np.frombuffer(answer.content, "<i2").reshape(shape[row], shape[column])
        (date,) = (d for d in archive.visits("PHANTOM-1") if d.isoformat() == BASELINE)
        array = archive.volume("PHANTOM-1", date, Modality.CT).array
        assert (pixels == np.take(array, 9, axis=normal).T).all()
    whole = browser.get(f"patients/PHANTOM-1/volumes/{BASELINE}/ct").content
    assert len(gzip.decompress(whole)) == 352 + 2 * int(np.prod(shape))


def test_a_caliper_and_a_rejected_lesion_change_the_answer_and_undo_brings_it_back(
    browser: Any,
) -> None:
    before = browser.page()
    page = browser.say({"kind": "lesion", "lesion": "L6", "rejected": True}, reason="a cyst")
    assert responses(page) == ["PR", "PR"]
    assert {"what": "L6", "before": "new", "after": "not a lesion"} in page["changed"]
    ends = [[0, 0, 0], [0, 60, 0]]
    page = browser.say({"kind": "caliper", "date": THIRD, "lesion": "L1", "long": ends})
    assert size(page, "L1", THIRD) == "60.0"
    assert responses(page) == ["PR", "PD"]
    for _ in range(2):
        answer = browser.post("patients/PHANTOM-1/undo", {"version": page["version"]})
        page = answer.json()
    assert page["lesions"] == before["lesions"]
    assert page["assessment"] == before["assessment"]


def test_the_field_is_drawn_at_every_date_through_the_registration_of_the_run(
    one_reader: Any, browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dates have frames of reference of their own; the plan lies in that of the first."""
    room = one_reader.app.state.room
    work = room.works.of("PHANTOM-1")
    frames = {x.examination.ct.volume.grid.frame_of_reference_uid for x in work.dates}
    assert len(frames) == 3

    def lines(date: str) -> dict[str, np.ndarray]:
        """The line of each label on the slice through the middle of L1, in mm of that date."""
        observed = next(x for x in work.dates if x.date.isoformat() == date)
        grid = observed.examination.ct.volume.grid
        (lesion,) = (x for x in browser.page()["lesions"] if x["id"] == "L1")
        k = round(float(grid.to_voxel(lesion["seen"][date]["centre_mm"])[2]))
        answer = browser.get(f"patients/PHANTOM-1/field/{date}/{k}").json()
        return {
            each["label"]: grid.to_world_mm(
                np.array([(c, r, k) for line in each["lines"] for c, r in line])
            )
            for each in answer["overlays"]
            if each["lines"]
        }

    planned, later = lines(BASELINE), lines(THIRD)
    assert set(planned) & set(later)
    registration = room.works.registration("PHANTOM-1", THIRD)
    for label in set(planned) & set(later):
        middle = registration.to_fixed_mm(later[label]).mean(axis=0)
        assert np.linalg.norm((middle - planned[label].mean(axis=0))[:2]) < 8

    monkeypatch.setattr(image_archive, "link_of", lambda *_: pytest.fail("registered anew"))
    link = browser.get(f"patients/PHANTOM-1/links/{THIRD}").json()
    first = work.dates[0].examination.ct.volume.grid
    assert link["shift_mm"] == lattice_of(registration, first)["shift_mm"]
    assert browser.get(f"patients/PHANTOM-1/links/{BASELINE}").json() is None


def test_what_stands_behind_a_size_and_a_role_is_said(browser: Any) -> None:
    (lesion,) = (x for x in browser.page()["lesions"] if x["id"] == "L1")
    assert lesion["reasons"]  # of the rule that chose it
    assert lesion["seen"][THIRD]["source"] == "a person, with the images"
    ends = [[0, 0, 0], [0, 60, 0]]
    page = browser.say({"kind": "caliper", "date": THIRD, "lesion": "L3", "long": ends})
    (node,) = (x for x in page["lesions"] if x["id"] == "L3")
    seen = node["seen"][THIRD]
    assert (seen["status"], seen["source"]) == ("not-evaluable", "Dr Able")
    assert seen["caliper"]["long"] == ends and "short axis" in seen["remarks"][0]


def assert_files_agree(folder: Path, page: dict[str, Any], tmp_path: Path) -> None:
    """The files of a signed reading say what the page says, and `recist assess` says the same."""
    with (folder / "timepoints.csv").open(newline="") as file:
        own = [row for row in csv.DictReader(file) if row["lesions"] == "all"]
    by_recist = [row["overall"] for row in own if row["criteria"] == "recist11"]
    assert by_recist == responses(page)
    assess_file(folder / "measurements.csv", tmp_path / "again")
    for name in ("timepoints.csv", "outcomes.csv"):
        again = (tmp_path / "again" / name).read_text()
        assert sorted(again.splitlines()) == sorted((folder / name).read_text().splitlines())
    said = corrections_in(folder / "corrections", "PHANTOM-1")
    assert [override.dropped for override in said.overrides] == [True]
    assert [str(each.date) for each in said.dates] == [BASELINE, SECOND, THIRD]
    assert said.measurements[0].long_axis is not None


def test_a_signed_reading_is_locked_and_a_new_version_has_a_reason(
    one_reader: Any, browser: Any, tmp_path: Path
) -> None:
    browser.say({"kind": "lesion", "lesion": "L6", "rejected": True}, reason="a cyst")
    ends = [[0, 0, 0], [0, 20, 0]]
    browser.say({"kind": "caliper", "date": THIRD, "lesion": "L1", "long": ends})
    page = browser.page()
    signing = {"version": page["version"], "name": "A. Able", "meaning": "read and approved"}
    refused = browser.post("patients/PHANTOM-1/sign", signing)
    assert refused.status_code == 409 and "is not confirmed" in refused.json()["error"]
    for date in (BASELINE, SECOND, THIRD):
        page = browser.say({"kind": "confirm", "date": date})
    signing["version"] = page["version"]
    page = browser.post("patients/PHANTOM-1/sign", signing).json()
    assert page["signed"]["name"] == "A. Able" and page["state"] == "signed"
    given_back = one_reader.results / "review" / "signed" / "PHANTOM-1"
    assert_files_agree(given_back, page, tmp_path)
    body = {"version": page["version"], "changes": [{"kind": "comment", "text": "late"}]}
    assert browser.post("patients/PHANTOM-1/changes", body).status_code == 409
    again = {"version": page["version"], "reason": "the wrong lesion was measured"}
    page = browser.post("patients/PHANTOM-1/reopen", again).json()
    assert (page["reading"], page["state"], page["signed"]) == (2, "reading", None)
    assert browser.say({"kind": "comment", "text": "now"})["comments"][0]["text"] == "now"


def test_the_second_of_two_browsers_is_told_and_overwrites_nothing(one_reader: Any) -> None:
    one, other = one_reader.enter(), one_reader.enter()
    version = one.page()["version"]
    first = {"kind": "status", "date": THIRD, "lesion": "L5", "status": "absent"}
    second = {**first, "status": "progression"}
    path = "patients/PHANTOM-1/changes"
    assert one.post(path, {"version": version, "changes": [first]}).status_code == 200
    late = other.post(path, {"version": version, "changes": [second]})
    assert late.status_code == 409 and "changed meanwhile" in late.json()["error"]
    (lesion,) = (each for each in other.page()["lesions"] if each["id"] == "L5")
    assert lesion["seen"][THIRD]["status"] == "absent"
