"""A patient who has PET and no CT is read on the PET: its slices, its links, no network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from imaging.errors import InputError
from imaging.volume import Unit
from recist.patient.options import Options
from recist.phantom.small import DATES
from recist.review.images.image_archive import Archive, Modality
from recist.review.reading.delineator import Delineator
from recist.review.web.app import create_app
from recist.run import batch
from tests.recist.pet_patients import LESIONS, SHAPE, write_patient
from tests.recist.review.conftest import HOST, Browser, entering

PATIENT = "PET1"


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    root = tmp_path_factory.mktemp("pet")
    write_patient(root / "studies", dict.fromkeys(range(3), "rtstruct"))
    ended = batch.run(root / "studies", root / "out", Options.create(lesions="dicom"))
    assert ended.exit_code == 0
    app = create_app(
        root / "out", studies=root / "studies", reader="R", hosts=[HOST], token="the-token"
    )
    with TestClient(app, base_url=f"http://{HOST}"):
        yield app


@pytest.fixture
def browser(room: Any) -> Browser:
    return entering(room)()


def test_the_pet_is_the_picture(browser: Browser) -> None:
    page = browser.page(PATIENT)
    assert [each["date"] for each in page["dates"]] == [date.isoformat() for date in DATES]
    for date in page["dates"]:
        assert date["images"]["ct"]["shape"] == list(SHAPE)
        assert date["images"]["ct_is_pet"]
        assert date["images"]["pet"] is None  # nothing to lay over itself


def test_its_slices_are_suv(room: Any, browser: Browser) -> None:
    (x, y, z), _, (uptake, *_) = LESIONS["GTV-1"]
    for path in (f"{DATES[0]}/ct/axial/{z // 5}", f"{DATES[0]}/ct/coronal/{y // 5}"):
        answer = browser.get(f"patients/{PATIENT}/images/{path}")
        shown = np.frombuffer(answer.content, "<i2").reshape(SHAPE[1], SHAPE[0])
        row = y // 5 if "axial" in path else z // 5
        assert shown[row, x // 5] * float(answer.headers["X-Scale"]) == pytest.approx(
            uptake, abs=0.1
        )
    assert room.state.room.archive.grid(PATIENT, DATES[0], Modality.CT)[1] is Unit.SUV_BW


def test_outlines_and_links_stand_on_it(browser: Browser) -> None:
    drawn = browser.get(f"patients/{PATIENT}/masks/{DATES[2]}").json()["lesions"]
    assert [each["id"] for each in drawn] == ["L1", "L2", "L3"]
    assert browser.get(f"patients/{PATIENT}/links/{DATES[1]}").json()["good"]


def test_dates_are_linked_where_the_run_kept_nothing(room: Any) -> None:
    assert room.state.room.archive.link(PATIENT, DATES[1])["good"]


def test_the_network_is_not_asked(room: Any) -> None:
    with pytest.raises(InputError, match="PET alone"):
        Delineator.shipped().answer(
            room.state.room.archive, PATIENT, DATES[0], click=(60.0, 70.0, 120.0), line=None
        )


def test_a_caliper_is_drawn_and_taken_back(browser: Browser) -> None:
    ends = [[48, 70, 120], [72, 70, 120]]
    browser.say(
        {"kind": "caliper", "date": str(DATES[1]), "lesion": "L1", "long": ends}, subject=PATIENT
    )
    version = browser.page(PATIENT)["version"]
    assert browser.post(f"patients/{PATIENT}/undo", {"version": version}).status_code == 200


def test_where_one_date_has_a_ct_the_others_are_left_out_as_in_a_run(tmp_path: Path) -> None:
    write_patient(tmp_path / "studies", dict.fromkeys(range(3), "rtstruct"), ct_at=(0, 1))
    archive = Archive(tmp_path / "studies", tmp_path / "cache")
    assert tuple(archive.visits(PATIENT)) == DATES[:2]
    assert archive.grid(PATIENT, DATES[0], Modality.CT)[1] is Unit.HU
    archive.close()
