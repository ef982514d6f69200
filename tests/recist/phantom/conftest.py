"""The phantom patient, written once for all tests."""

from __future__ import annotations

import pytest

from recist.phantom.study import Truth, write_phantom
from recist.phantom.visit import PhantomVisit, simulate_all


@pytest.fixture(scope="session")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return write_phantom(tmp_path_factory.mktemp("phantom"))


@pytest.fixture(scope="session")
def visits() -> tuple[PhantomVisit, ...]:
    return simulate_all()
