"""The phantom patient as a run observed it, once for all tests of what follows from it."""

from __future__ import annotations

import pytest

from imaging.catalogue import scan
from recist.patient.options import Options
from recist.patient.patient_observation import observe
from recist.patient.work import Work
from recist.phantom.study import write_phantom


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Work:
    phantom = write_phantom(tmp_path_factory.mktemp("phantom"))
    (subject,) = scan(phantom.studies).subjects
    return observe(subject, Options.create(lesions="dicom"))
