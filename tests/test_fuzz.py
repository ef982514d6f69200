"""Every reader of files of others on a few damaged ones; ``scripts/fuzz.py`` has many more."""

from __future__ import annotations

import importlib.util
import tempfile
import warnings
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imaging.errors import InputError

SCRIPT = Path(__file__).parents[1] / "scripts" / "fuzz.py"
EXAMPLES = 25


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_script", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys  # noqa: PLC0415 - dataclasses look their module up

    sys.modules["fuzz_script"] = module
    spec.loader.exec_module(module)
    return module


FUZZ = load()
TARGETS = FUZZ.targets()


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
        content = data.draw(FUZZ.damaged(target.seeds))
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom and nibabel remark on what they read
            path = Path(folder) / target.name
            path.write_bytes(content)
            try:
                target.run(path)
            except InputError as error:
                assert error.what

    check()
