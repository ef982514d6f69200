"""The check of a GPU runs where there is none, and says whether the answers agree."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "gpu_check.py"


@pytest.fixture
def gpu_check(monkeypatch: pytest.MonkeyPatch) -> Any:
    spec = importlib.util.spec_from_file_location("gpu_check", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "SMALL", ((64, 64, 24), (1.5, 1.5, 3.0)))
    monkeypatch.setattr(sys, "argv", ["gpu_check.py", "--device", "cpu", "--small"])
    return module


def test_a_cpu_agrees_with_itself(gpu_check: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu_check.main() == 0
    told = capsys.readouterr().out
    assert "prepare on cpu" in told
    assert "2 at once" in told
    assert "agrees with the CPU" in told


def test_answers_that_differ_are_told(
    gpu_check: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_check, "agreement", lambda one, other: (1.0, 0.5))
    assert gpu_check.main() == 1
    assert "DOES NOT AGREE" in capsys.readouterr().out


def test_agreement_is_the_largest_difference_and_dice(gpu_check: Any) -> None:
    one, other = np.array([1.0, 1.0, -1.0]), np.array([1.5, -0.5, -1.0])
    assert gpu_check.agreement(one, other) == (1.5, 2.0 / 3.0)


def test_it_loads_torch_numpy_and_monai_alone() -> None:
    heavy = "{'scipy', 'SimpleITK', 'cc3d', 'pydicom', 'nibabel', 'pandas'}"
    code = (
        f"import sys, runpy; runpy.run_path({str(SCRIPT)!r}, run_name='loaded')\n"
        f"other = {heavy} & set(sys.modules)\n"
        "assert not other, other"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
