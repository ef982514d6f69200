"""Citations name a place that the paper has, wherever they are printed or written."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from recist import papers
from recist.papers import PAPERS, RECIST11, Paper

ROOT = Path(__file__).parents[2]
PACKAGES = ("imaging", "pet", "segmentation", "recist")

#: Sections of Eisenhauer 2009 that may be cited, as the paper numbers them.
SECTIONS = [
    "3.1.1", "3.1.2", "3.1.3", "3.2.1", "3.2.2", "4.1", "4.2", "4.3.1", "4.3.2", "4.3.3", "4.3.4",
    "4.3.5", "4.4.1", "4.4.2", "4.4.3", "4.4.4", "4.5", "4.6.1", "4.6.2", "4.6.3", "4.7", "4.7.1",
    "4.7.2", "4.8", "4.9",
]  # fmt: skip
#: What each rule of RECIST 1.1 rests on: (module, name of the constant, section).
RULES = [
    ("recist.criteria.explanation", "TARGET_RULE", "4.3.1"),
    ("recist.criteria.explanation", "NON_TARGET_RULE", "4.3.3"),
    ("recist.criteria.explanation", "NEW_LESION_RULE", "4.3.5"),
    ("recist.criteria.explanation", "MISSING_RULE", "4.4.2"),
    ("recist.criteria.selection", "MEASURABILITY", "3.1.1"),
    ("recist.criteria.selection", "CHOICE", "4.2"),
    ("recist.endpoints.best_response", "BEST_RESPONSE", "4.4.3"),
    ("recist.endpoints.best_response", "MINIMUM_STABLE", "4.4.3"),
    ("recist.endpoints.time_to_event", "DURATION", "4.7"),
]

_SECTION = re.compile(
    r"Eisenhauer\s+2009,\s+sections?\s+((?:\d[\d.]*\d(?:,\s+|\s+and\s+|\s+to\s+)?)+)"
)


def sources() -> list[Path]:
    found = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    assert found
    return [*found, *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_sections_are_those_of_the_paper() -> None:
    assert list(RECIST11.sections) == SECTIONS


def test_every_section_in_the_text_of_code_and_docs_exists() -> None:
    cited = [
        (path.name, section)
        for path in sources()
        for found in _SECTION.findall(path.read_text(encoding="utf-8"))
        for section in re.findall(r"\d[\d.]*\d", found)
    ]
    assert len(cited) > 10
    assert [each for each in cited if each[1] not in SECTIONS] == []


def test_citations_in_code_go_through_the_papers() -> None:
    names = {paper.name for paper in PAPERS}
    modules = [
        path for path in sources() if path.suffix == ".py" and not path.name.endswith("papers.py")
    ]
    assert names and modules
    for path in modules:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        prose = {
            node.body[0].value
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in prose:
                cited = [name for name in names if name in node.value]
                assert not cited, f"{path.relative_to(ROOT)}:{node.lineno} cites {cited} itself"


@pytest.mark.parametrize(("module", "name", "section"), RULES)
def test_each_rule_cites_its_section(module: str, name: str, section: str) -> None:
    assert getattr(__import__(module, fromlist=[name]), name) == RECIST11(section)


def test_a_citation_names_the_paper_and_its_places() -> None:
    assert RECIST11("4.3.1") == "Eisenhauer 2009, section 4.3.1"
    assert RECIST11("Table 3 note a") == "Eisenhauer 2009, Table 3 note a"
    assert papers.IRECIST() == "Seymour 2017"


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.name)
def test_a_place_that_the_paper_does_not_have_is_refused(paper: Paper) -> None:
    with pytest.raises(KeyError, match=paper.name):
        paper("9.9")


def test_papers_are_named_once() -> None:
    names = [paper.name for paper in PAPERS]
    assert len(set(names)) == len(names)
