"""Every reader of files of others on a few damaged ones; ``scripts/fuzz.py`` has many more."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import fuzz
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imaging.errors import InputError

EXAMPLES = 25
TARGETS = fuzz.targets()


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_a_damaged_file_is_read_or_refused_by_name(name: str) -> None:
    target = TARGETS[name]

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.data())
    def check(data: st.DataObject) -> None:
        content = data.draw(fuzz.damaged(target.seeds))
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom and nibabel remark on what they read
            path = Path(folder) / target.name
            path.write_bytes(content)
            try:
                target.run(path)
            except InputError as error:
                assert error.what

    check()
