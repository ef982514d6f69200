"""Which scans are a visit, which one is the baseline, and what is told of both."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recist.protocol import DEFAULT
from recist.run.table import assess_file
from recist.table.finding import Severity

HEADER = "subject,{0},lesion,role,organ,nodal,status,diameter_mm{1}\n"


class Found:
    """What came of a table."""

    def __init__(
        self,
        folder: Path,
        text: str,
        time: str = "day",
        more: str = "",
        events: str = "",
        **kw: Any,
    ) -> None:
        (folder / "t.csv").write_text(HEADER.format(time, more) + text)
        (folder / "e.csv").write_text(f"subject,{time},event\n" + events)
        result = assess_file(
            folder / "t.csv",
            folder / "out",
            events=folder / "e.csv" if events else None,
            criteria=["recist11"],
            protocol=replace(DEFAULT, **kw),
        )
        self.codes = [(found.level, found.code) for found in result.findings]
        self.result = result
        self.rows, self.outcomes = (
            list(csv.DictReader((folder / "out" / name).read_text().splitlines()))
            for name in ("timepoints.csv", "outcomes.csv")
        )

    def overall(self, time: str = "day") -> dict[str, str]:
        return {row[time]: row["overall"] for row in self.rows if row["lesions"] == "all"}


SPLIT = """A,0,T1,target,lung,no,measured,40
A,0,T2,target,brain,no,measured,20
A,{0},T1,target,lung,no,measured,20
A,{1},T2,target,brain,no,measured,10
A,120,T1,target,lung,no,measured,20
A,121,T2,target,brain,no,measured,10
"""


def test_scans_of_a_visit_on_two_days_are_joined(tmp_path: Path) -> None:
    found = Found(tmp_path, SPLIT.format(60, 61))
    assert found.overall() == {"61": "PR", "121": "PR"}
    assert found.outcomes[0]["confirmed_best_overall"] == "PR"
    assert found.codes == [(Severity.CHECK, "one-visit")] * 2


@pytest.mark.parametrize(
    ("days", "settings"), [((60, 70), {}), ((60, 61), {"visit_window_days": 0})]
)
def test_scans_further_apart_than_the_window_are_asked_about(
    tmp_path: Path, days: tuple[int, int], settings: dict[str, int]
) -> None:
    found = Found(tmp_path, SPLIT.format(*days), **settings)
    assert (Severity.WARNING, "partial-visits") in found.codes
    assert found.overall()["60"] == "NE"


def test_a_baseline_on_two_days_is_one(tmp_path: Path) -> None:
    text = "A,-9,T1,target,lung,no,measured,40\nA,-5,N1,non-target,brain,no,present,\n"
    text += "A,56,T1,target,lung,no,measured,20\nA,56,N1,non-target,brain,no,present,\n"
    assert Found(tmp_path, text).overall() == {"56": "PR"}


@pytest.mark.parametrize(
    "second",
    [
        "A,60,T1,target,lung,no,measured,20\nA,62,T1,target,lung,no,measured,21\n",  # seen twice
        "A,60,T1,target,lung,no,measured,20\nA,62,L1,new,bone,no,present,\n",  # nothing is lacking
        "A,60,T1,target,lung,no,measured,20\nA,62,,,,,,\n",  # a visit of its own, it says
    ],
)
def test_scans_that_lack_nothing_stay_apart(tmp_path: Path, second: str) -> None:
    found = Found(tmp_path, "A,0,T1,target,lung,no,measured,40\n" + second)
    assert list(found.overall()) == ["60", "62"]


SCREENED = """A,2024-01-01,T1,target,liver,no,measured,40
A,2024-01-25,T1,target,liver,no,measured,50
A,2024-03-25,T1,target,liver,no,measured,36
"""


def test_the_last_scan_before_the_start_is_the_baseline(tmp_path: Path) -> None:
    found = Found(tmp_path, SCREENED, "date", events="A,2024-01-29,treatment-start\n")
    assert found.codes == [(Severity.WARNING, "screening")]
    (row,) = found.rows
    assert (row["date"], row["baseline_mm"], row["overall"]) == ("2024-03-25", "50", "SD")
    assert (found.outcomes[0]["pfs_days"], found.outcomes[0]["pfs_event"]) == ("56", "no")


def test_what_the_last_scan_does_not_show_again_is_as_it_was(tmp_path: Path) -> None:
    text = "A,-20,T1,target,liver,no,measured,40\nA,-20,T2,target,lung,no,measured,20\n"
    text += "A,-4,T1,target,liver,no,measured,50\n"
    text += "A,56,T1,target,liver,no,measured,50\nA,56,T2,target,lung,no,measured,20\n"
    found = Found(tmp_path, text)
    assert [row["baseline_mm"] for row in found.rows] == ["70"]
    assert "T2 as on an earlier one" in found.result.findings[0].remedy


@pytest.mark.parametrize(
    ("start", "code"),
    [
        ("A,2024-05-01,treatment-start\n", "old-baseline"),
        ("A,2024-01-09,treatment-start\n", None),
        ("A,2024-01-29,randomisation\n", None),
        ("A,2023-12-25,treatment-start\n", "baseline-after-start"),
        ("A,2024-07-01,death\n", "no-start"),
        ("", "no-start"),
    ],
)
def test_a_baseline_that_is_none_and_a_start_that_is_not_known_are_told(
    tmp_path: Path, start: str, code: str | None
) -> None:
    text = (
        "A,2024-01-01,T1,target,liver,no,measured,40\nA,2024-06-25,T1,target,liver,no,measured,38\n"
    )
    found = Found(tmp_path, text, "date", events=start)
    assert found.codes == ([(Severity.WARNING, code)] if code else [])


def test_the_age_of_a_baseline_is_a_setting(tmp_path: Path) -> None:
    text = "A,-40,T1,target,liver,no,measured,40\nA,56,T1,target,liver,no,measured,38\n"
    assert Found(tmp_path, text).codes == [(Severity.WARNING, "old-baseline")]
    assert Found(tmp_path, text, baseline_days=42).codes == []


def test_an_exact_copy_of_a_row_is_no_fragment(tmp_path: Path) -> None:
    row = "A,56,T1,target,liver,no,measured,30"
    baseline = "A,0,T1,target,liver,no,measured,30"
    copied = Found(tmp_path, f"{baseline}\n{row}\n{row}\n")
    assert copied.overall() == {"56": "SD"}
    assert copied.codes == [(Severity.WARNING, "identical-rows")]
    parts = Found(tmp_path, f"{baseline},\n{row},1\n{row},2\n", more=",part")
    assert parts.overall() == {"56": "PD"}
    noted = Found(tmp_path, f"{baseline},\n{row},left\n{row},right\n", more=",remark")
    assert noted.overall() == {"56": "PD"}


def test_rows_without_reader_beside_those_of_a_reader_are_told(tmp_path: Path) -> None:
    text = "A,0,T1,target,liver,no,measured,30,R1\nA,56,T1,target,liver,no,measured,20,\n"
    assert (Severity.WARNING, "no-reader") in Found(tmp_path, text, more=",reader").codes


def test_a_new_lesion_may_be_absent_at_the_baseline(tmp_path: Path) -> None:
    text = "A,0,T1,target,liver,no,measured,30\nA,0,L1,new,bone,no,absent,\n"
    text += "A,56,T1,target,liver,no,measured,30\nA,56,L1,new,bone,no,present,\n"
    assert Found(tmp_path, text).overall() == {"56": "PD"}
    seen = text.replace("absent", "present")
    assert (Severity.ERROR, "new-at-baseline") in Found(tmp_path, seen).codes


@pytest.mark.parametrize(("size", "told"), [(60, True), (24.1, False), (25, True), (23, False)])
def test_a_non_target_that_grows_as_a_target_in_progression_is_asked_about(
    tmp_path: Path, size: float, told: bool
) -> None:
    text = f"A,0,N1,non-target,lung,no,measured,20\nA,56,N1,non-target,lung,no,measured,{size}\n"
    found = Found(tmp_path, text)
    assert found.overall() == {"56": "NON-CR/NON-PD"}
    assert ((Severity.CHECK, "non-target-growth") in found.codes) is told


@pytest.mark.parametrize("lesions", ["strict", "pragmatic"])
def test_lesions_on_neither_side_are_told(tmp_path: Path, lesions: str) -> None:
    text = "".join(
        f"A,{day},T{n},target,{field},no,measured,30,{field}\n"
        for day in (0, 56)
        for n, field in enumerate(("in", "low-dose", "partial"))
    )
    found = Found(tmp_path, text, more=",field", out_of_field_set=lesions)
    told = [(Severity.CHECK, "low-dose-lesions"), (Severity.CHECK, "partial-lesions")]
    assert found.codes == told
    outside = [row["overall"] for row in found.rows if row["lesions"] == "out-of-field"]
    assert outside == ["NE" if lesions == "strict" else "SD"]
    (said,) = [each.what for each in found.result.findings if each.code == "low-dose-lesions"]
    assert said == (
        "1 lesion changes sides with the set (T1, in the low-dose bath). strict set: 0 out of "
        "field, best response NE; pragmatic set: 1 out of field, best response SD. "
        f"Counted here: {lesions}."
    )


@pytest.mark.parametrize("targets", [("T1",), ("T2", "T1"), ("T2", "T3", "T1")])
def test_lesions_that_merge_in_a_circle_are_told(tmp_path: Path, targets: tuple[str, ...]) -> None:
    names = [f"T{n}" for n in range(1, len(targets) + 1)]
    text = "".join(f"A,0,{name},target,{name},no,measured,30,\n" for name in names)
    text += "".join(
        f"A,56,{name},target,{name},no,merged,,{into}\n"
        for name, into in zip(names, targets, strict=True)
    )
    found = Found(tmp_path, text, more=",merged_into")
    assert set(found.codes) == {(Severity.WARNING, "merge-circle")}
    chain = text.replace(",merged,,T1\n", ",measured,70,\n")
    if len(targets) > 1:
        assert Found(tmp_path, chain, more=",merged_into").codes == []
