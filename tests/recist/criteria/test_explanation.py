"""What an assessment says: rule, lesions, numbers, margin, and what would change it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from recist.assessment import assessed
from recist.course import Course
from recist.criteria import irecist, recist11
from recist.criteria.sums import figures_of
from recist.protocol import DEFAULT
from recist.response import Reason

Builder = Callable[..., Course]


@pytest.mark.parametrize(
    ("sums", "sentence", "margin"),
    [
        ([90, 61], "PR: 61.0 of 90.0 mm, -32.2 %; 2.0 mm from SD.", "2.0"),
        ([90, 30, 33], "PR: 33.0 of 90.0 mm, -63.3 %; 3.0 mm from PD.", "3.0"),
        ([90, 64], "SD: 64.0 of 90.0 mm, -28.8 %; 1.0 mm from PR.", "1.0"),
        ([90, 100], "SD: 100.0 of 90.0 mm, +11.1 %; 8.0 mm from PD.", "8.0"),
        (
            [90, 60, 84],
            "PD: 84.0 mm, +40.0 % and 24.0 mm more than the nadir of 60.0 mm; 12.0 mm above the "
            "threshold.",
            "12.0",
        ),
        ([20, 10, "15.5"], "PD: 15.5 mm, +55.0 % and 5.5 mm more", "0.5"),
        ([90, 0], "CR: all targets are gone.", None),
        ([90, "NE"], "NE: T1 not evaluable.", None),
    ],
)
def test_the_sum_its_changes_and_the_margin(
    sums: list[Any], sentence: str, margin: str | None, patient: Builder
) -> None:
    visits = {56 * k: {"T1": mm} for k, mm in enumerate(sums)}
    reason = recist11.assess(patient(visits), DEFAULT)[-1].reasons[0]
    assert reason.sentence.startswith(sentence)
    assert reason.margin_mm == (None if margin is None else Decimal(margin))
    assert reason.source.startswith("Eisenhauer 2009")


def test_a_response_that_history_holds_says_what_the_scan_alone_shows(patient: Builder) -> None:
    visits = {56 * k: {"T1": mm} for k, mm in enumerate((100, 70, 70, 80))}
    got = recist11.assess(patient(visits), DEFAULT)[-1]
    assert got.reasons[0].sentence == (
        "PR: 80.0 of 100.0 mm, -20.0 % (SD by this scan alone), PR before; 4.0 mm from PD."
    )
    assert (got.reasons[0].margin_mm, got.target, got.target_by_scan) == (4, "PR", "SD")


def test_lesions_and_numbers_are_listed(patient: Builder) -> None:
    got = recist11.assess(patient({0: {"T1": 50, "T2": 40}, 56: {"T1": 35, "T2": "26.0"}}), DEFAULT)
    assert got[0].reasons[0].rule == "target-pr"
    assert dict(got[0].reasons[0].numbers) == {
        "sum_mm": "61.0",
        "baseline_mm": "90.0",
        "nadir_mm": "90.0",
        "change_from_baseline": "-32.2 %",
        "change_from_nadir": "-32.2 %",
        "T1": "35.0 mm",
        "T2": "26.0 mm",
    }


def test_what_was_not_evaluable_is_named(patient: Builder) -> None:
    visits: dict[int, dict[str, Any]] = {
        0: {"T1": 30, "T2": 20},
        56: {"T1": 20, "T2": "NE"},
        112: {"T1": 90},
    }
    first, second = recist11.assess(patient(visits), DEFAULT)
    assert first.reasons[0].sentence == (
        "NE: T2 not evaluable; a lower bound of 20.0 mm in the others."
    )
    assert second.reasons[0].sentence.startswith(
        "PD: at least 90.0 mm without T2 (not evaluable), a lower bound, at least 40.0 mm more"
    )
    for each in (first, second):
        assert each.lower_bound
        assert not any("%" in reason.sentence for reason in each.reasons)
        assert not any("change" in name for name, _ in each.reasons[0].numbers)


@pytest.mark.parametrize("name", ["recist11", "irecist", "irrecist", "imrecist"])
def test_nothing_evaluable_has_no_sum(patient: Builder, name: str) -> None:
    course = patient({0: {"T1": 30, "T2": 20}, 56: {"T1": "NE"}, 112: {"T1": 12, "T2": "gone"}})
    nothing, seen = [a for _, _, _, found in assessed(course, [name], DEFAULT) for a in found]
    assert (nothing.sum_mm, nothing.lower_bound) == (None, True)
    assert (seen.sum_mm, seen.lower_bound) == (Decimal(12), False)
    assert "mm in the others" not in nothing.reasons[0].sentence
    assert "sum_mm" not in dict(nothing.reasons[0].numbers)
    figures = figures_of(nothing)
    assert (figures.change_from_baseline_percent, figures.change_from_nadir_percent) == (None,) * 2
    assert (figures.partial_response_mm, figures.progression_mm) == (Decimal(35), Decimal(60))
    assert figures_of(seen).change_from_baseline_percent == Decimal("-76.0")


@pytest.mark.parametrize(
    ("now", "events", "sentence"),
    [
        (
            {"T1": 0, "X1": "here", "X2": "gone", "X3": "more"},
            {},
            "Non-targets NON-CR/NON-PD: X1, X3 still there.",
        ),
        (
            {"T1": 0, "X1": "gone", "X2": "gone", "X3": "gone"},
            {0: "markers-raised"},
            "Non-targets NON-CR/NON-PD: a raised marker still there.",
        ),
        (
            {"T1": 0, "X1": "NE", "X2": "here"},
            {0: "markers-raised"},
            "Non-targets NE: X1, X3 not examined.",
        ),
        (
            {"T1": 0, "X1": "PD", "X2": "here", "X3": "PD"},
            {},
            "Non-targets PD: unequivocal progression of X1, X3.",
        ),
        (
            {"T1": 0, "X1": "gone", "X2": "gone", "X3": "gone"},
            {},
            "Non-targets CR: all are gone, nodes are normal, markers not raised.",
        ),
    ],
    ids=["present", "marker", "not-examined", "progression", "gone"],
)
def test_the_non_targets_that_decide_are_named(
    now: dict[str, Any], events: dict[int, str], sentence: str, patient: Builder
) -> None:
    baseline = {"T1": 30, "X1": "here", "X2": "here", "X3": "here"}
    (got,) = recist11.assess(patient({0: baseline, 56: now}, events=events), DEFAULT)
    assert sentence in [reason.sentence for reason in got.reasons]


def test_a_complete_response_of_nodes_says_how_near_they_are(patient: Builder) -> None:
    course = patient({0: {"T1": 20, "T2": 18}, 56: {"T1": 9, "T2": 6}}, nodes=["T1", "T2"])
    reason = recist11.assess(course, DEFAULT)[0].reasons[0]
    assert reason.sentence == (
        "CR: only normal nodes are left, sum 15.0 mm, the largest 9.0 mm; 1.0 mm from a node that "
        "counts."
    )
    assert reason.margin_mm == 1


def test_what_decides_comes_first(patient: Builder) -> None:
    baseline = {"T1": 50, "X1": "here"}

    def rules(now: dict[str, Any]) -> list[str]:
        (got,) = recist11.assess(patient({0: baseline, 56: now}), DEFAULT)
        return [reason.rule for reason in got.reasons]

    assert rules({"T1": 30, "X1": "here"}) == ["target-pr", "non-target-non-cr-non-pd", "overall"]
    assert rules({"T1": 30, "X1": "PD"}) == ["non-target-pd", "target-pr", "overall"]
    assert rules({"T1": 30, "X1": "gone", "N1": 4}) == [
        *("new-lesion", "target-pr", "non-target-cr", "overall")
    ]
    assert rules({"T1": 70, "X1": "NE", "N1": 4}) == [
        *("target-pd", "non-target-ne", "new-lesion", "overall")
    ]


def test_the_row_of_the_table_in_words(patient: Builder) -> None:
    baseline = {"T1": 50, "X1": "here"}
    (got,) = recist11.assess(patient({0: baseline, 56: {"T1": 0, "X1": "here"}}), DEFAULT)
    assert got.reasons[-1].sentence == ("PR: targets CR, non-targets NON-CR/NON-PD, no new lesion.")
    assert got.reasons[-1].source == "Eisenhauer 2009, Table 1"


def test_a_new_lesion_is_named_with_its_organ_and_size(patient: Builder) -> None:
    visits = {0: {"T1": 50}, 56: {"T1": 50, "N1": 4, "N2": "maybe"}, 112: {"T1": 50, "N2": "here"}}
    course = patient(visits, organs={"N1": "lung", "N2": ""})
    first = recist11.assess(course, DEFAULT)[0].reasons[0]
    assert first.sentence == (
        "New lesion: N1 (lung) 4.0 mm, N2 (site unknown) (equivocal then, confirmed later)."
    )
    assert first.numbers == (("N1", "4.0 mm"),)


def test_a_return_names_the_complete_response(patient: Builder) -> None:
    visits = {0: {"T1": 30}, 56: {"T1": 0}, 112: {"T1": 4}}
    got = recist11.assess(patient(visits), DEFAULT)[1]
    assert got.reasons[0].sentence == "PD: T1 back after the complete response of day 56."
    assert got.reasons[0].numbers == (("cr_on_day", "56"),)
    assert got.reasons[1].sentence.startswith("PR: 4.0 of 30.0 mm")


@pytest.mark.parametrize(
    ("sums", "nodes", "changes", "warning"),
    [
        ([30, 0, "tiny"], False, {}, "nominal sizes"),
        ([100, 70, 70, 80], False, {}, "PR by the history"),
        ([100, 70, 75], False, {}, "PR with sticky_pr = any"),
        ([20, 4, 9.5], True, {}, "PD with node_cr_precedence = false"),
        ([20, 4, 9.5], True, {"node_cr_precedence": False}, "CR with node_cr_precedence = true"),
    ],
)
def test_what_an_answer_rests_on(
    sums: list[Any], nodes: bool, changes: dict[str, Any], warning: str, patient: Builder
) -> None:
    visits = {56 * k: {"T1": mm} for k, mm in enumerate(sums)}
    course = patient(visits, nodes=["T1"] if nodes else [])
    got = recist11.assess(course, replace(DEFAULT, **changes))
    assert warning in " ".join(got[-1].warnings)


@pytest.mark.parametrize(
    ("visits", "changes", "warning"),
    [
        ({0: [20, 30], 56: [80, "NE"]}, {}, "NE with missing_target = ne (AMB-12)"),
        ({0: [20, 30], 56: [80, "NE"]}, {"missing_target": "ne"}, "PD with missing_target"),
        ({0: [40, 60], 56: [36, "NE"], 112: [38, 58]}, {}, "PD if incomplete sums"),
        ({0: [40, 60], 56: [36, "NE"], 84: [34, "NE"], 112: [38, 58]}, {}, "PD if incomplete sums"),
    ],
)
def test_a_missing_target_and_the_setting_that_would_change_it(
    visits: dict[int, list[Any]], changes: dict[str, Any], warning: str, patient: Builder
) -> None:
    course = patient({day: {"T1": one, "T2": two} for day, (one, two) in visits.items()})
    got = recist11.assess(course, replace(DEFAULT, **changes))
    assert warning in " ".join(got[-1].warnings)


def test_growth_that_does_not_rest_on_nominal_sizes_is_no_warning(patient: Builder) -> None:
    visits = {0: {"T1": 30, "T2": 20}, 56: {"T1": 0, "T2": 10}, 112: {"T1": "tiny", "T2": 25}}
    assert recist11.assess(patient(visits), DEFAULT)[1].warnings == ()


def test_an_immune_response_says_what_confirms_it(patient: Builder) -> None:
    visits = {0: {"T1": 100}, 56: {"T1": 130}, 91: {"T1": 136}, 126: {"T1": 60}}
    first, confirmed, after = irecist.assess(patient(visits), DEFAULT)
    assert first.reasons[0].sentence == "iUPD: progression of targets (the sum), to be confirmed."
    assert first.reasons[1].rule == "target-pd"
    assert confirmed.reasons[0].sentence == (
        "iCPD: targets (a further increase: 130.0 mm then, +6.0 mm), 35 days after the iUPD of "
        "day 56."
    )
    assert dict(confirmed.reasons[0].numbers) == {
        "first_iupd_day": "56",
        "days_since": "35",
        "targets_growth_mm": "6.0",
    }
    assert "day 56 is confirmed" in after.reasons[0].sentence


def test_a_reset_is_said(patient: Builder) -> None:
    visits = {0: {"T1": 100}, 56: {"T1": 100, "N1": 12}, 91: {"T1": 60, "N1": 12}}
    got = irecist.assess(patient(visits), DEFAULT)[1]
    assert [reason.rule for reason in got.reasons] == [
        *("target-pr", "new-lesion", "irecist-overall", "irecist-reset")
    ]
    assert got.reasons[2].sentence == "iPR: targets iPR, a new lesion left from before."


def test_reasons_are_equal_when_they_say_the_same() -> None:
    one, two = Reason("a", "b", "c.", (("n", "1"),), Decimal(1)), Reason("a", "b", "c.")
    assert one == Reason("a", "b", "c.", (("n", "1"),), Decimal(1)) and one not in (two, "a")
    assert len({one, two, two}) == 2
    assert (one.rule, one.source, one.sentence) == ("a", "b", "c.")
    assert (one.numbers, one.margin_mm) == ((("n", "1"),), 1)
    assert "'c.'" in repr(one)
