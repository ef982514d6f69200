"""What the criteria share at a time point is written once, and never for another."""

from __future__ import annotations

from decimal import Decimal

from recist.criteria import recist11
from recist.protocol import DEFAULT
from recist.response import Scope
from recist.table.results import CourseTexts, timepoint_texts
from tests.recist.patients import course


def test_each_set_of_lesions_has_its_own_sums() -> None:
    seen = course({0: {"T1": 30}, 56: {"T1": 20}})
    (every,) = recist11.assess(seen, DEFAULT)
    inside = every._replace(scope=Scope.IN_FIELD, sum_mm=Decimal(12), nadir_mm=Decimal(25))
    lines, objects = CourseTexts(seen).timepoints((every, inside, every), {})
    alone = [timepoint_texts(seen, each) for each in (every, inside, every)]
    assert list(zip(lines, objects, strict=True)) == alone
    assert lines[0] != lines[1]


def test_sums_stay_as_they_were_recorded() -> None:
    seen = course({0: {"T1": 30}, 56: {"T1": 20}})
    (whole,) = recist11.assess(seen, DEFAULT)
    tenths = whole._replace(sum_mm=Decimal("20.0"))
    lines, objects = CourseTexts(seen, with_json=False).timepoints((whole, tenths), {})
    assert [line.split(",")[4] for line in lines] == ["20", "20.0"]
    assert objects == []
