"""Courses without an odd row are read in one pass, to the same end as all others."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recist.course import Course, Lesion, Measurement, Role, Status
from recist.protocol import DEFAULT
from recist.table import courses
from recist.table.entry import LesionEntry, Record
from recist.table.finding import Finding

DAYS = (0, 14, 50, 100)
LESIONS = {
    "": Lesion("none", "", False, Role.NON_TARGET),
    "A": Lesion("A", "liver", False, Role.TARGET),
    "B": Lesion("B", "lung", False, Role.TARGET),
    "C": Lesion("C", "bone", False, Role.NEW),
}
OTHERS = {"A": Lesion("A", "brain", False, Role.TARGET), "B": Lesion("B", "", True, Role.NEW)}


@st.composite
def rows(draw: st.DrawFn) -> list[Record]:
    """Rows of one subject, most of them as they should be."""
    pairs = [(when, name) for when in DAYS for name in "ABC" if name != "C" or when]
    places = draw(st.lists(st.sampled_from(pairs), min_size=1, unique=True))
    if draw(st.integers(0, 3)) == 0:
        places += draw(st.lists(st.tuples(st.sampled_from(DAYS), st.sampled_from(["", *"ABC"]))))
    odd = draw(st.integers(0, 3)) == 0
    found = []
    for number, (when, name) in enumerate(draw(st.permutations(places)), 2):
        lesion = LESIONS[name]
        if odd and draw(st.booleans()):
            lesion = OTHERS.get(name, lesion)
        seen = Measurement(lesion.id, Status.MEASURED, (Decimal(10 + number),))
        if odd and draw(st.booleans()):
            into = draw(st.sampled_from("AB"))
            seen = Measurement(lesion.id, Status.MERGED, merged_into=into)
        visit = draw(st.sampled_from(["", "V1"])) if odd else ""
        reader = draw(st.sampled_from(["", "R1"])) if odd else ""
        found.append(Record(when, name, number, LesionEntry(name, lesion, seen, reader, visit)))
    return found


def read(records: list[Record]) -> tuple[list[Course], list[Finding]]:
    findings: list[Finding] = []
    made = courses.courses_of(
        "S", courses.by_reader(records), (), has_dates=False, findings=findings, protocol=DEFAULT
    )
    return made, findings


def test_one_pass_finds_what_all_of_them_find() -> None:
    is_usual = []

    @settings(max_examples=300)
    @given(rows())
    def holds(records: list[Record]) -> None:
        short = read(records)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(courses, "_usual", lambda *_: None)
            assert short == read(records)
        is_usual.append(courses._usual(sorted(records), 0) is not None)

    holds()
    assert {*is_usual} == {True, False}
