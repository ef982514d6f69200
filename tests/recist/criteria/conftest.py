"""The builder of patients, by the name that the tests of the criteria know it by."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from recist.course import Course
from tests.recist.patients import course


@pytest.fixture(scope="session")
def patient() -> Callable[..., Course]:
    """A patient from visits by day: see :func:`tests.recist.patients.course`."""
    return course
