"""What all tests of the package share: patients, the phantom and its results, schemas."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import recist
from imaging.errors import InputError
from recist.export import patient_files
from recist.export.dicom.patient_objects import export
from recist.export.request import Request
from recist.patient.options import Options
from recist.phantom.small import write_small_patient
from recist.phantom.study import Truth, write_phantom
from recist.run import batch
from tests.recist import patients
from tests.recist.longitudinal import results_of
from tests.recist.patients import Patient

CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Debian's Chromium without a window; of tests that are marked ``browser``."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where a browser is

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def followed() -> Callable[..., Patient]:
    """A patient as tracking and measuring give him: see :func:`tests.recist.patients.followed`."""
    return patients.followed


@pytest.fixture(scope="session")
def phantom(made_once: Callable[..., Any]) -> Truth:
    """The phantom patient; to be read, not changed."""
    found: Truth = made_once("phantom", write_phantom)
    return found


@pytest.fixture(scope="session")
def done(made_once: Callable[..., Any], phantom: Truth) -> batch.Batch:
    """The main job on the phantom with the contours in its DICOM; to be read, not changed."""

    def make(out: Path) -> batch.Batch:
        return batch.run(phantom.studies, out, Options.create(lesions="dicom"))

    found: batch.Batch = made_once("done", make)
    return found


def not_printed(_: str) -> bytes:
    """Stands for the printer, which takes longer than all other objects together."""
    raise InputError("no PDF can be written")


@pytest.fixture
def without_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine that lacks the library: pages are not printed."""
    monkeypatch.setattr(patient_files, "as_pdf", not_printed)


@pytest.fixture(scope="session")
def with_objects(made_once: Callable[..., Any], done: batch.Batch) -> Path:
    """Results of the phantom with their DICOM objects but the PDF; to be read, not changed."""

    def make(folder: Path) -> Path:
        shutil.copytree(done.out, folder / "out")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(patient_files, "as_pdf", not_printed)
            assert export(Request(folder / "out")).exit_code == 0
        return folder / "out"

    found: Path = made_once("with_objects", make)
    return found


@pytest.fixture(scope="session")
def small(made_once: Callable[..., Any]) -> Path:
    """The images of a patient who is assessed in a second or two; to be read, not changed."""

    def make(folder: Path) -> Path:
        write_small_patient(folder, "SMALL")
        return folder

    found: Path = made_once("small", make)
    return found


@pytest.fixture(scope="session")
def small_done(made_once: Callable[..., Any], small: Path) -> batch.Batch:
    """The main job on the small patient; to be read, not changed."""
    found: batch.Batch = made_once(
        "small_done", lambda out: batch.run(small, out, Options.create(lesions="dicom"))
    )
    return found


@pytest.fixture(scope="session")
def longitudinal(made_once: Callable[..., Any], data_dir: Path) -> Callable[[str], Path]:
    """The results folder of a composed study of real anatomy; to be read, not changed."""

    def results(name: str) -> Path:
        source = data_dir / "longitudinal" / name
        found: Path = made_once(name, lambda folder: results_of(source, folder))
        return found

    return results


#: Schema of each JSON file that is written, by its name; a folder for those named by a date.
SCHEMA_OF = {
    "timepoints.json": "timepoints",
    "outcomes.json": "outcomes",
    "abscopal.json": "abscopal",
    "pet_timepoints.json": "pet_timepoints",
    "cohort.json": "cohort",
    "forecast.json": "forecast",
    "protocol.json": "protocol",
    "run.json": "run",
    "fingerprint.json": "fingerprint",
    "truth.json": "truth",
    "signature.json": "signature",
    "superseded_signature.json": "superseded_signature",
    "analytics.json": "analytics",
    "delineations/": "labels",
}
#: Written in the form of another standard, which has schemas of its own; or no result, but a mark
#: that the same command reads again.
OTHER_JSON = {
    "metadata.json": "MONAI's bundles",
    "inference.json": "MONAI's bundles",
    "train.json": "the settings of a bundle's training, in MONAI's folder",
    "folds.json": "the folds of a bundle's training, in MONAI's folder",
    "intervals.json": "the errors of a bundle's diameters, in MONAI's folder",
    "dataset.json": "nnU-Net's models, read",
    "plans.json": "nnU-Net's models, read",
    "organs.json": "TotalSegmentator's label maps, read",
    "openapi.json": "the description of the interface of the reading room, by OpenAPI",
    "validation.json": "a mark to go on with an interrupted validation",
    "settings.json": "a mark to go on with an interrupted training",
    ".link.json": "a mark in the cache of the reading room",
    ".json": "by the name of a series, a subject or a data set: the cache of the reading room, "
    "FHIR bundles, CDISC's Dataset-JSON, and the names of labels (labels.schema.json)",
}


@pytest.fixture(scope="session")
def check_json() -> Callable[[Path], set[str]]:
    """Holds every JSON below a folder to the schema that ships with it; says which there were."""
    schemas = Path(recist.__file__).parent / "schemas"

    @cache
    def by_schema(name: str) -> jsonschema.Draft202012Validator:
        return jsonschema.Draft202012Validator(
            json.loads((schemas / f"{name}.schema.json").read_text())
        )

    def check(folder: Path) -> set[str]:
        found = set()
        for path in sorted(folder.rglob("*.json")):
            key = "delineations/" if path.parent.name == "delineations" else path.name
            assert key in SCHEMA_OF, f"{path.relative_to(folder)} is written and has no schema"
            by_schema(SCHEMA_OF[key]).validate(json.loads(path.read_text(encoding="utf-8")))
            found.add(SCHEMA_OF[key])
        return found

    return check
