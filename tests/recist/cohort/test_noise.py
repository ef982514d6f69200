"""A cohort in which nothing changes but the error of measurement: the rates are those expected."""

from __future__ import annotations

import math
import random

from recist.abscopal.chance import ERROR_LOG_SD
from recist.cohort.members import member_of
from recist.cohort.patients import assessed
from recist.cohort.rates import rates
from recist.course import Course, Field
from recist.protocol import DEFAULT
from tests.recist.patients import course

LESIONS = [("T1", 30, Field.IN)] + [(f"T{k}", 10 * k, Field.OUT) for k in (2, 3, 4)]
DAYS = (-7, 56, 84, 112, 140)
PATIENTS = 400


def unchanged(subject: str, draw: random.Random) -> Course:
    """Every diameter with an error of 10 %, as a measurement table would give it."""
    return course(
        {
            day: {
                name: f"{size * draw.lognormvariate(0, ERROR_LOG_SD):.1f}"
                for name, size, _ in LESIONS
            }
            for day in DAYS
        },
        organs={name: name for name, _, _ in LESIONS},
        fields={name: field for name, _, field in LESIONS},
        events={0: "radiotherapy-start", 10: "radiotherapy-end"},
        subject=subject,
    )


def test_what_is_seen_is_what_chance_predicts() -> None:
    draw = random.Random(11)
    courses = [unchanged(f"P{k}", draw) for k in range(PATIENTS)]
    found = {
        (rate.definition.name, rate.confirmed): rate
        for rate in rates([*map(member_of, assessed(courses, {}, DEFAULT, []))], DEFAULT)
        if rate.denominator == "evaluable"
    }
    for name, confirmed in (("golden", False), ("golden", True), ("luke-aggregate", False)):
        rate = found[name, confirmed]
        assert rate.by_chance is not None and rate.proportion.rate is not None
        spread = math.sqrt(rate.by_chance * (1 - rate.by_chance) / PATIENTS)
        assert abs(rate.proportion.rate - rate.by_chance) < 3 * spread, name
    single = found["golden", False]
    assert single.proportion.x > 10  # by the best single lesion, unchanged patients "respond"
    assert found["golden", True].proportion.x < single.proportion.x / 4
    assert found["theelen-acr", False].by_chance is None
