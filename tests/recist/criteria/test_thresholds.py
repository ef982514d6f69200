"""The numbers of the papers stand in one place, and every way in judges by them."""

from __future__ import annotations

import ast
from dataclasses import replace
from decimal import Decimal
from itertools import product
from pathlib import Path

import pytest

from recist.course import Lesion, Measurement, Role, Status
from recist.criteria import thresholds
from recist.criteria.diameter import has_grown, has_shrunk
from recist.criteria.selection import BaselineLesion, Measurability, measurability
from recist.protocol import DEFAULT
from recist.table.checks import check_course
from recist.table.entry import LesionEntry, Record
from tests.recist.patients import course

ROOT = Path(__file__).parents[3] / "recist"
#: Names that would be a second room for a rule, wherever they are given a number.
NAMES = {name for name in vars(thresholds) if name.isupper()} | {"MOST_TARGETS", "MOST_PER_ORGAN"}


def test_each_number_is_set_in_one_module() -> None:
    places: dict[str, list[str]] = {name: [] for name in NAMES}
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name) and target.id in NAMES:
                        places[target.id].append(path.name)
    assert len(places) > 10
    limits = {name for name in NAMES if name.startswith("MOST_")}
    for name, found in places.items():
        assert found == ["target_limits.py" if name in limits else "thresholds.py"], name


def test_the_factors_are_those_of_the_percentages() -> None:
    assert (thresholds.PD_FACTOR, thresholds.PR_FACTOR) == (1.2, 0.7)
    assert has_grown(Decimal("60.0"), Decimal("50.0"))
    assert not has_grown(Decimal("59.9"), Decimal("50.0"))
    assert has_shrunk(Decimal("35.0"), Decimal("50.0"))
    assert not has_shrunk(Decimal("35.1"), Decimal("50.0"))


@pytest.mark.parametrize("is_node", [False, True])
@pytest.mark.parametrize("double_thickness", ["soft_tissue", "soft_tissue_and_nodes"])
@pytest.mark.parametrize("tolerance_mm", ["0", "0.1", "3"])
def test_the_check_of_a_table_and_the_selection_agree_on_what_is_measurable(
    is_node: bool, double_thickness: str, tolerance_mm: str
) -> None:
    protocol = replace(
        DEFAULT, double_thickness=double_thickness, slice_tolerance_mm=Decimal(tolerance_mm)
    )
    judged = set()
    for size, slice_mm in product(("9.9", "10", "12", "14.9", "15", "16"), (None, "5.1", "6", "8")):
        diameter_mm = Decimal(size)
        thickness_mm = None if slice_mm is None else Decimal(slice_mm)
        lesion = BaselineLesion(
            "T1", "lung", is_node, diameter_mm, diameter_mm, slice_thickness_mm=thickness_mm
        )
        measurable = measurability(lesion, protocol).measurability is Measurability.MEASURABLE
        seen = Measurement("T1", Status.MEASURED, (diameter_mm,))
        as_read = Lesion("T1", "lung", is_node, Role.TARGET)
        rows = [
            Record(0, "T1", 2, LesionEntry("T1", as_read, seen, slice_thickness_mm=thickness_mm))
        ]
        # with a second target, since a lone small one is taken for a diameter in cm
        patient = course(
            {0: {"T1": size, "T2": 50}},
            nodes=["T1"] if is_node else [],
            organs={"T1": "lung", "T2": "liver"},
        )
        told = {finding.code for finding in check_course(patient, rows, protocol)}
        assert bool(told & {"small-node", "not-measurable"}) is not measurable, (size, slice_mm)
        judged.add(measurable)
    assert judged == {True, False}
