"""The phantom patient, written once for all tests."""

from __future__ import annotations

import pytest

from recist.phantom.lesions import DATES
from recist.phantom.study import Truth
from recist.phantom.visit import PhantomVisit, simulate


@pytest.fixture(scope="session")
def truth(phantom: Truth) -> Truth:
    return phantom


@pytest.fixture(scope="session")
def visits() -> tuple[PhantomVisit, ...]:
    return tuple(simulate(index) for index in range(len(DATES)))
