"""The phantom patient and what a run made of him, once for all tests that look at it."""

from __future__ import annotations

import pytest

from recist.patient.options import Options
from recist.phantom.study import Truth, write_phantom
from recist.run import batch


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return write_phantom(tmp_path_factory.mktemp("phantom"))


@pytest.fixture(scope="session")
def done(phantom: Truth, tmp_path_factory: pytest.TempPathFactory) -> batch.Batch:
    """The main job on the phantom with the contours that come in its DICOM."""
    out = tmp_path_factory.mktemp("out")
    return batch.run(phantom.studies, out, Options.create(lesions="dicom"))
