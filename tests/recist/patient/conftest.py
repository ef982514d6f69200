"""The phantom patient as a run observed it, once for all tests of what follows from it."""

from __future__ import annotations

import pytest

from imaging.catalogue import scan
from recist.patient.options import Options
from recist.patient.patient_observation import observe
from recist.patient.work import Work
from recist.phantom.study import Truth


@pytest.fixture(scope="session")
def work(phantom: Truth) -> Work:
    (subject,) = scan(phantom.studies).subjects
    return observe(subject, Options.create(lesions="dicom"))
