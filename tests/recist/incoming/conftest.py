"""The results of the phantom with its objects: L1 is 24.3 mm at the second date."""

from __future__ import annotations

from pathlib import Path

import pytest

from imaging.catalogue import scan
from imaging.read import Reading, read_ct
from recist.phantom.study import Truth

SUBJECT = "PHANTOM-1"
DATE = "2024-05-06"


@pytest.fixture(scope="session")
def results(with_objects: Path) -> Path:
    return with_objects


@pytest.fixture(scope="package")
def ct(phantom: Truth) -> Reading:
    """The CT of the second date."""
    visit = scan(phantom.studies).subjects[0].visits[1]
    assert visit.ct is not None and str(visit.date) == DATE
    return read_ct(visit.ct)
