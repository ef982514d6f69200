"""The table of patients: what is wrong costs one clear line and the patient, never the others."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from imaging.errors import InputError
from recist.cohort.enrolment import Enrolled, read_enrolment
from recist.course import EventKind
from recist.table.finding import Finding, Severity

GOOD = {"subject": "A", "arm": "drug", "line": "1", "randomisation": "0", "death": "90"}


def read(
    rows: Sequence[dict[str, str]],
    *,
    arms: Sequence[str] = (),
    strata: Sequence[str] = (),
    has_dates: bool = False,
) -> tuple[dict[str, Enrolled], list[Finding]]:
    findings: list[Finding] = []
    found = read_enrolment(rows, has_dates=has_dates, findings=findings, arms=arms, strata=strata)
    return found, findings


def test_a_good_row() -> None:
    found, findings = read([GOOD])
    assert not findings
    assert found["A"].when == {EventKind.RANDOMISATION: 0, EventKind.DEATH: 90}
    assert found["A"].treated == "drug" and found["A"].per_protocol


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"arm": ""}, "no-arm", "the arm is empty"),
        ({"arm": "drgu"}, "unknown-arm", "did you mean 'drug'"),
        ({"last_contact": "95"}, "after-death", "5 days after death"),
        ({"death": "-4"}, "before-start", "a negative time"),
        ({"randomisation": ""}, "no-start", "neither randomisation nor start"),
        ({"death": "soon"}, "unknown-time", "not a number"),
        ({"per_protocol": "perhaps"}, "per-protocol", "write yes or no"),
        (
            {"previous_line_start": "-50", "previous_line_progression": "-60"},
            "previous-line",
            "10 days before its start",
        ),
    ],
)
def test_a_row_that_cannot_be_costs_its_patient_and_one_line(
    changes: dict[str, str], code: str, words: str
) -> None:
    extra = {"last_contact": "", "per_protocol": "", "previous_line_start": "",
             "previous_line_progression": ""}  # fmt: skip
    bad = GOOD | extra | changes
    good = GOOD | extra | {"subject": "B"}
    found, findings = read([bad, good], arms=("drug", "control"))
    assert list(found) == ["B"]
    assert [(each.code, each.subject, each.row) for each in findings] == [(code, "A", 2)]
    assert words in str(findings[0])


def test_one_patient_in_two_arms() -> None:
    found, findings = read([GOOD, GOOD | {"arm": "control"}, GOOD | {"subject": "B"}])
    assert list(found) == ["B"]
    assert [str(each) for each in findings] == [
        "error: A, row 3: in arm 'drug' in row 2 and in arm 'control' here "
        "(keep the row that is right)"
    ]


def test_the_same_row_twice_is_read_once() -> None:
    found, findings = read([GOOD, GOOD])
    assert list(found) == ["A"]
    assert [(each.level, each.code) for each in findings] == [(Severity.WARNING, "same-row")]


def test_a_missing_stratum_is_said_and_costs_nothing_else() -> None:
    found, findings = read([GOOD | {"line": ""}, GOOD | {"subject": "B"}], strata=("line",))
    assert list(found) == ["A", "B"]
    assert [each.code for each in findings] == ["no-stratum"]


def test_an_arm_of_one_patient_may_be_a_slip() -> None:
    rows = [GOOD | {"subject": str(k), "arm": "drug" if k else "durg"} for k in range(9)]
    found, findings = read(rows)
    assert len(found) == 9
    assert [each.code for each in findings] == ["rare-arm"]
    assert "did you mean 'drug'" in findings[0].remedy


def test_dates_and_their_spellings() -> None:
    row = {
        "Subject": "A",
        "Arm": "x",
        "Randomization_date": "2024-02-28",
        "death date": "2024-03-01",
    }
    found, _ = read([row], has_dates=True)
    when = found["A"].when
    assert when[EventKind.DEATH] - when[EventKind.RANDOMISATION] == 2


def test_a_table_that_cannot_be_used_at_all_is_refused() -> None:
    with pytest.raises(InputError, match="column 'arm' is missing"):
        read([{"subject": "A"}])
    with pytest.raises(InputError, match="no column 'hystology'"):
        read([GOOD | {"histology": "x"}], strata=("hystology",))
    with pytest.raises(InputError, match="no patient"):
        read([GOOD | {"arm": ""}])
