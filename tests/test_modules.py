"""Modules are short, their names and those of classes mean one thing, and no circle joins them."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.syntax import statements

ROOT = Path(__file__).parents[1]
PACKAGES = ("imaging", "pet", "segmentation", "recist")
#: A module that grows beyond this holds two things: give the second a module of its own.
MOST_LINES = 400


def sources(room: str) -> dict[str, str]:
    """The text of each module below a folder, by its path."""
    found = {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
        for path in sorted((ROOT / room).rglob("*.py"))
    }
    assert found, room
    return found


class Stated(NamedTuple):
    """The classes of a module, wherever they stand, and its imports."""

    classes: list[tuple[str, int]]
    imports: list[ast.stmt]


@cache
def stated(room: str) -> dict[str, Stated]:
    found = {name: Stated([], []) for name in sources(room)}
    for name, text in sources(room).items():
        for node in statements(ast.parse(text).body):
            if isinstance(node, ast.ClassDef):
                found[name].classes.append((node.name, node.lineno))
            elif isinstance(node, ast.Import | ast.ImportFrom):
                found[name].imports.append(node)
    return found


@pytest.mark.parametrize("room", [*PACKAGES, "scripts"])
def test_no_module_is_longer_than_can_be_read_at_once(room: str) -> None:
    lengths = {name: len(text.splitlines()) for name, text in sources(room).items()}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_a_class_name_stands_for_one_thing() -> None:
    """Private ones too: whoever reads an error or a profile sees the name alone."""
    places: dict[str, list[str]] = defaultdict(list)
    for package in PACKAGES:
        for path, module in stated(package).items():
            for name, line in module.classes:
                places[name].append(f"{path}:{line}")
    assert len(places) > 300
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_a_module_name_stands_for_one_thing() -> None:
    """A module of ``recist/cli`` has the name of its command, which may be that of a rule too."""
    places: dict[str, list[str]] = defaultdict(list)
    for package in PACKAGES:
        for name in sources(package):
            if not name.endswith("__init__.py") and not name.startswith("recist/cli/"):
                places[Path(name).stem].append(name)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def imported(node: ast.AST, modules: set[str]) -> set[str]:
    """The modules of ours that an import statement names."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names} & modules
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return {
            name if (name := f"{node.module}.{alias.name}") in modules else node.module
            for alias in node.names
        } & modules
    return set()


def test_no_circle_of_imports() -> None:
    """Imports inside functions and for types alone count too: who reads one needs the other."""
    imports = {
        name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): module.imports
        for package in PACKAGES
        for name, module in stated(package).items()
    }
    modules = set(imports)
    graph = {
        module: set().union(*(imported(node, modules) for node in nodes)) - {module}
        for module, nodes in imports.items()
    }
    assert sum(map(len, graph.values())) > len(graph)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))
