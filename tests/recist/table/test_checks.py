"""Each check names subject, row and remedy, and changes nothing."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recist.course import Course, Lesion, Measurement, Role, Status, Timepoint
from recist.run.table import assess_file
from recist.table.checks import check_course
from recist.table.finding import Finding, Severity

HEADER = "subject,day,lesion,role,organ,nodal,status,diameter_mm"
BASELINE = "P1,0,T1,target,liver,no,measured,50"
FOLLOW_UP = "P1,56,T1,target,liver,no,measured,50"


def findings(folder: Path, *lines: str, columns: str = "") -> tuple[Finding, ...]:
    path = folder / "table.csv"
    path.write_text("\n".join([HEADER + columns, *lines]) + "\n")
    return assess_file(path, folder / "out", criteria=["recist11"]).findings


def target(lesion: str, mm: object, day: int = 0, organ: str = "liver", nodal: str = "no") -> str:
    return f"P1,{day},{lesion},target,{organ},{nodal},measured,{mm}"


E, W, C = Severity.ERROR, Severity.WARNING, Severity.CHECK


@pytest.mark.parametrize(
    ("lines", "expected", "what"),
    [
        (
            [BASELINE, "P1,56,T1,target,spleen,no,measured,50"],
            (W, "organ-changes", 3), "lies in 'spleen' here, in 'liver' in row 2",
        ),
        (
            [BASELINE, "P1,56,T1,target,liver,yes,measured,50"],
            (E, "kind-changes", 3), "is a node here, no node in row 2",
        ),
        (
            [BASELINE, "P1,56,T1,new,liver,no,measured,50"],
            (E, "role-changes", 3), "is new here, target in row 2",
        ),
        ([BASELINE, "P1,0,N1,new,liver,no,measured,12"], (E, "new-at-baseline", 3), "N1 is new"),
        ([BASELINE, target("T2", 20, 56)], (E, "no-baseline-row", 3), "T2 is target but"),
        (
            [BASELINE, "P1,56,NT1,non-target,bone,no,present,"],
            (W, "no-baseline-row", 3), "NT1 is non-target but has no row",
        ),
        (
            [BASELINE, FOLLOW_UP, "P1,56,T1,target,liver,no,absent,"],
            (E, "contradicting-rows", 4), "rows 3, 4 contradict each other: absent, measured",
        ),
        (
            [BASELINE, FOLLOW_UP, FOLLOW_UP],
            (W, "identical-rows", 4), "rows 3, 4 are identical in every cell",
        ),
        (
            [BASELINE, *["P1,0,NT1,non-target,bone,no,present,"] * 2],
            (C, "same-rows", 4), "rows 3, 4 say the same",
        ),
        (
            [target("T1", 20, nodal="yes"), *(target("T1", n, 56, nodal="yes") for n in (15, 16))],
            (W, "node-parts", 4), "give a node several diameters",
        ),
        ([BASELINE, target("T1", 10)], (W, "parts-at-baseline", 2), "2 diameters at the baseline"),
        (
            [target(f"T{k}", 20, organ=f"organ {k}") for k in range(1, 7)],
            (W, "too-many-targets", 7), "6 target lesions, 5 at most",
        ),
        (
            [target("T1", 20, organ="left lung"), target("T2", 20, organ="Right lung"),
             target("T3", 20, organ="lung")],
            (W, "too-many-in-organ", 4), "3 targets in lung, 2 at most",
        ),
        (
            [target(f"T{k}", 20, organ=f"neck {k}", nodal="yes") for k in range(1, 4)],
            (W, "too-many-in-organ", 4), "3 targets in lymph nodes, 2 at most",
        ),
        ([target("T1", "14.9", nodal="yes")], (W, "small-node", 2), "node T1 of 14.9 mm"),
        (
            [BASELINE, target("T2", "9.9")],
            (W, "not-measurable", 3), "T2 of 9.9 mm is under the limit of 10 mm",
        ),
        (
            ["P1,0,T1,target,liver,no,too-small,"],
            (W, "unmeasured-target", 2), "T1 is too-small at the baseline",
        ),
        ([target("T1", "2.5"), target("T1", "2.1", 56)], (W, "looks-like-cm", 2), "up to 2.5"),
        (
            [BASELINE, target("T1", 48, 112), target("T1", 49, 56)],
            (W, "dates-out-of-order", 4), "this row is earlier than row 3",
        ),
        ([BASELINE, target("T1", 50, 2000)], (C, "long-gap", None), "2000 days between two visits"),
        ([BASELINE, target("T1", 5, 56)], (C, "jump", 3), "50 mm, then 5 mm"),
        ([BASELINE, "P1,56,T1,target,liver,no,measured,"], (E, "no-diameter", 3), "without diam"),
        ([BASELINE, "P1,56,T1,target,liver,no,,49"], (W, "no-status", 3), "no status, and"),
        ([BASELINE, "P1,56,T1,target,liver,no,,"], (E, "unknown-status", 3), "status is empty"),
        (
            [BASELINE, "P1,56,T1,target,liver,no,absent,4"],
            (E, "absent-diameter", 3), "absent with a diameter of 4 mm",
        ),
        (
            [BASELINE, "P1,56,T1,target,liver,no,too-small,4"],
            (W, "ignored-diameter", 3), "too-small with a diameter of 4 mm",
        ),
        (
            [BASELINE, "P1,56,N1,new,liver,no,progression,14"],
            (W, "new-measured", 3), "progression with a diameter of 14 mm",
        ),
        ([BASELINE, target("T1", "4,9", 56)], (E, "row-length", 3), "9 cells under 8 columns"),
        ([BASELINE, target("T1", '"1,234"', 56)], (E, "unknown-diameter", 3), "'1,234' is not"),
        ([BASELINE, target("T1", "x", 56)], (E, "unknown-diameter", 3), "'x' is not a number"),
        ([BASELINE, target("T1", "nan", 56)], (E, "unknown-diameter", 3), "'nan' is not"),
        ([BASELINE, target("T1", "-4", 56)], (E, "unknown-diameter", 3), "a diameter of -4 mm"),
        ([BASELINE, target("T1", "4000", 56)], (E, "unknown-diameter", 3), "a diameter of 4000 mm"),
        ([BASELINE, target("T1", 30, 56), target("T1", 12, 56)], (W, "unnamed-parts", 4), "42 mm"),
        ([BASELINE, "P1,x,T1,target,liver,no,measured,50"], (E, "unknown-time", 3), "day 'x'"),
        ([BASELINE, "P1,56,T1,tarjet,liver,no,measured,50"], (E, "unknown-role", 3), "'tarjet'"),
        ([BASELINE, "P1,56,T1,target,liver,perhaps,measured,50"], (E, "unknown-nodal", 3), "per"),
        ([BASELINE, "P1,56,T1,target,liver,no,merged,"], (E, "merged-into", 3), "status merged"),
        ([BASELINE, "P1,56,,target,liver,no,measured,50"], (E, "no-lesion", 3), "no lesion, but"),
        ([BASELINE, ",56,T1,target,liver,no,measured,50"], (E, "no-subject", 3), "without subject"),
        (
            [BASELINE, "P1,56,T1,target,liver,no,absent,", target("T1", 8, 112)],
            (C, "less-after-cr", None), "complete response on day 56, PD on day 112",
        ),
    ],
)  # fmt: skip
def test_findings(
    tmp_path: Path, lines: list[str], expected: tuple[Severity, str, int | None], what: str
) -> None:
    found = findings(tmp_path, *lines)
    assert [(finding.level, finding.code, finding.row) for finding in found] == [expected]
    assert what in found[0].what
    assert found[0].remedy
    assert found[0].subject in ("P1", "")
    assert str(found[0]).startswith(expected[0].value)


@pytest.mark.parametrize(
    ("columns", "lines", "code", "what"),
    [
        (
            ",sum_mm",
            [f"{BASELINE},50", f"{FOLLOW_UP},55"],
            "sum", "sum recorded as 55 mm, the targets add up to 50 mm",
        ),
        (
            ",slice_thickness_mm",
            [f"{target('T1', 15)},8", f"{target('T1', 15, 56)},8"],
            "not-measurable", "under the limit of 16 mm",
        ),
        (",field", [f"{BASELINE},in", f"{FOLLOW_UP},out"], "field-changes", "is out of the field"),
        (",field", [f"{BASELINE},within"], "unknown-field", "field 'within' is unknown"),
        (",merged_into", [f"{BASELINE},T2"], "merged-into", "status measured, merged_into 'T2'"),
        (
            ",merged_into",
            [f"{BASELINE},", "P1,56,T1,target,liver,no,merged,,T9"],
            "course", "unknown lesion 'T9'",
        ),
        (",suv_max", [f"{BASELINE},high"], "unknown-suv_max", "'high' is not a number"),
        (",colour", [f"{BASELINE},red"], "unknown-columns", "not read: colour"),
    ],
)  # fmt: skip
def test_findings_in_further_columns(
    tmp_path: Path, columns: str, lines: list[str], code: str, what: str
) -> None:
    found = findings(tmp_path, *lines, columns=columns)
    assert [finding.code for finding in found] == [code]
    assert what in found[0].what


@pytest.mark.parametrize(
    "lines",
    [
        [BASELINE, FOLLOW_UP],
        [BASELINE, "P1,56,T1,target,liver,no,absent,0"],
        [BASELINE, "P1,56,N1,new,liver,no,present,14", "P1,112,N1,new,liver,no,measured,15"],
        [BASELINE, "P1,0,NT1,non-target,liver,no,present,8"],
        [BASELINE, "P1,56,,,,,,", ",,,,,,,"],
        [BASELINE, "P1,56,T1,target,liver,no,Too_small,"],
        ["P1,0,T1,target,liver,no,measured"],
    ],
    ids=["plain", "absent-0", "new", "non-target", "visit-alone", "spelling", "short"],
)
def test_nothing_to_say(tmp_path: Path, lines: list[str]) -> None:
    found = findings(tmp_path, *lines)
    if lines[0].endswith("measured"):
        assert [finding.code for finding in found] == ["no-diameter"]
    else:
        assert found == ()


def test_a_recorded_sum_is_compared_only_where_all_targets_were_measured(tmp_path: Path) -> None:
    lines = [f"{BASELINE},50", "P1,56,T1,target,liver,no,too-small,,40"]
    assert findings(tmp_path, *lines, columns=",sum_mm") == ()


def test_all_slips_of_a_subject_are_told(tmp_path: Path) -> None:
    found = findings(
        tmp_path, "P1,0,T1,tarjet,liver,no,mesured,x", "P1,y,T1,target,liver,no,absent,"
    )
    assert [finding.code for finding in found] == [
        "unknown-role", "unknown-diameter", "unknown-status", "unknown-time",
    ]  # fmt: skip


@given(st.decimals(0, 100, places=2), st.decimals(0, 20, places=2, allow_nan=False))
@example(Decimal("1e-400"), Decimal(8))
@example(Decimal("0.01"), Decimal("7.99"))
def test_a_size_that_jumps_is_found_however_large_it_is(size: Decimal, by: Decimal) -> None:
    sizes = size, size * by
    lesion = Lesion("T1", "liver", False, Role.TARGET)
    seen = [Measurement("T1", Status.MEASURED, (each,)) for each in sizes]
    for order in (seen, seen[::-1]):
        visits = tuple(Timepoint(56 * n, (each,)) for n, each in enumerate(order))
        found = check_course(Course("P1", (lesion,), visits), [])
        jumps = bool(sizes[0] and sizes[1]) and max(sizes) >= 8 * min(sizes)
        assert ("jump" in [each.code for each in found]) is jumps
