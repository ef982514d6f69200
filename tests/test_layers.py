"""Imports go downwards only, and ``import recist`` stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.syntax import statements

ROOT = Path(__file__).parents[1]
PACKAGES = ("imaging", "pet", "segmentation", "recist")

#: Rank of each room of ``recist``: it imports only lower ranks, or itself.
RANKS = {
    "version": 0,
    "recorded": 0,
    "course": 1,
    "response": 1,
    "papers": 1,
    "protocol": 2,
    "criteria": 3,
    "field": 3,
    "endpoints": 4,
    "assessment": 5,
    "abscopal": 6,
    "table": 7,
    "measure": 7,
    "tracking": 7,
    "phantom": 8,
    "patient": 8,
    "report": 9,
    "pacs": 9,
    "export": 10,
    "incoming": 14,
    "cohort": 10,
    "forecast": 11,
    "run": 11,
    "answers": 8,
    "interface": 13,
    "review": 14,
    "cli": 15,
}

HEAVY = {"torch", "monai", "pydicom", "SimpleITK", "nibabel"}
LIGHT = (
    "course",
    "response",
    "protocol",
    "criteria",
    "field.scope",
    "endpoints",
    "assessment",
    "abscopal",
    "table",
)


@cache
def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in statements(ast.parse(path.read_text()).body):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def modules(package: str) -> list[Path]:
    found = sorted((ROOT / package).rglob("*.py"))
    assert found, package
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_only_downwards(package: str) -> None:
    above = PACKAGES[PACKAGES.index(package) + 1 :]
    for path in modules(package):
        upward = {name for name in imports(path) if name.split(".")[0] in above}
        assert not upward, f"{path.relative_to(ROOT)} imports {sorted(upward)}"


def test_every_module_of_recist_has_a_rank() -> None:
    names = {
        path.relative_to(ROOT / "recist").parts[0].removesuffix(".py") for path in modules("recist")
    }
    assert names - {"__init__", "__main__"} <= set(RANKS)


def test_recist_imports_only_lower_ranks() -> None:
    for path in modules("recist"):
        own = path.relative_to(ROOT / "recist").parts[0].removesuffix(".py")
        if own.startswith("__"):
            continue
        for name in imports(path):
            parts = name.split(".")
            if parts[0] != "recist" or len(parts) < 2 or parts[1] not in RANKS:
                continue
            assert parts[1] == own or RANKS[parts[1]] < RANKS[own], (
                f"{path.relative_to(ROOT)} imports {name}"
            )


@pytest.mark.parametrize("module", ["recist", *(f"recist.{name}" for name in LIGHT)])
def test_the_rules_load_no_imaging_library(module: str) -> None:
    code = f"import sys, {module}; print(sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def test_a_run_starts_without_what_only_a_part_of_it_needs() -> None:
    """Torch is half of the start, and MONAI brings all of itself along: in every worker."""
    late = ["torch", "monai", "pandas", "matplotlib", "highdicom"]
    start = "import sys, recist.run.batch, recist.run.correcting"
    code = f"{start}; print(sorted(set({late!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def test_the_process_that_hands_patients_on_loads_nothing_that_works_on_images() -> None:
    """It stays small beside workers, or on a cluster, for as long as the whole archive takes."""
    late = ["torch", "monai", "pandas", "matplotlib", "highdicom", "scipy", "SimpleITK"]
    start = "import sys, recist.run.batch, recist.run.cluster"
    code = f"{start}; print(sorted(set({late!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def test_models_is_data_not_a_package() -> None:
    assert not list((ROOT / "models").rglob("__init__.py"))
