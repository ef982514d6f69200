"""Best overall response: the published tables, and what each setting changes."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.errors import InputError
from recist.criteria.family import IMMUNE, METABOLIC, RECIST, Family, family_of
from recist.endpoints.best_response import Best, benefit, best_of, evaluated, first_response
from recist.endpoints.sequence import RespondedVisit
from recist.protocol import DEFAULT, Protocol
from recist.response import Response

TRUTH = Path(__file__).parents[1] / "truth"
BOR_CASES = json.loads((TRUTH / "recist11_bor_sequences.json").read_text())["cases"]
#: Settings of the cases and of the protocol.
NAMES = {
    "sd_min_days": "minimum_sd_days",
    "confirm_days": "confirmation_days",
    "max_nr_ne": "ne_between",
    "accept_sd": "one_sd_between",
    "restrict_to_first_pd": "cut_at_first_progression",
    "sd_window_tolerance_days": "sd_window_days",
}


def rows(name: str) -> list[dict[str, str]]:
    with (TRUTH / name).open(newline="") as file:
        return list(csv.DictReader(file))


def protocol_of(case: dict[str, Any]) -> Protocol:
    """The settings of a case; those of admiralonco keep a CR that disease follows."""
    settings = dict(case["settings"])
    strict = settings.pop("strict_cr_then_disease_is_pd", None)
    settings.pop("clinben_vals", None)
    missing_is_ne = settings.pop("missing_as_ne", True)
    changes: dict[str, Any] = {NAMES[key]: value for key, value in settings.items()}
    return replace(
        DEFAULT,
        **changes,
        cr_then_disease="pd" if strict else "keep",
        nothing_assessed="nd" if missing_is_ne else "missing",
    )


def sequence(*responses: str, days: tuple[int, ...] = ()) -> tuple[RespondedVisit, ...]:
    """Visits every 56 days unless the days are given."""
    when = days or tuple(56 * (k + 1) for k in range(len(responses)))
    return tuple(RespondedVisit(d, Response(r)) for d, r in zip(when, responses, strict=True))


def best_response(
    visits: Iterable[RespondedVisit],
    protocol: Protocol,
    family: Family = RECIST,
    *,
    confirmed: bool,
    origin_day: int = 0,
    first_progression_day: int | None = None,
) -> Best:
    kept = evaluated(visits, protocol, family, first_progression_day=first_progression_day)
    return best_of(kept, protocol, family, confirmed=confirmed, origin_day=origin_day)


def case_visits(case: dict[str, Any]) -> tuple[RespondedVisit, ...]:
    return tuple(
        RespondedVisit(visit["day_from_ref"], Response(visit["response"]))
        for visit in case["sequence"]
    )


def progression_day_of(case: dict[str, Any]) -> int | None:
    """The external progression date of a case, as a day from its reference."""
    if case["first_pd_date"] is None:
        return None
    return next(
        visit["day_from_ref"]
        for visit in case["sequence"]
        if visit["date"] == case["first_pd_date"]
    )


@pytest.mark.parametrize("case", BOR_CASES, ids=lambda case: case["id"])
def test_sequences_of_responses(case: dict[str, Any]) -> None:
    protocol = protocol_of(case)
    visits = case_visits(case)
    cut = progression_day_of(case)
    confirmed = case["endpoint"] in ("BOR_confirmed", "CONFIRMED_RESPONSE")
    found: tuple[str, int | None]
    if case["endpoint"].startswith("BOR"):
        best = best_response(visits, protocol, confirmed=confirmed, first_progression_day=cut)
        found = (best.response.value, best.day)
        assert best.reason.sentence
    elif case["endpoint"] == "CLINICAL_BENEFIT":
        words = tuple(Response(word) for word in case["settings"]["clinben_vals"])
        kept = evaluated(visits, protocol, first_progression_day=cut)
        day = benefit(kept, minimum_days=case["settings"]["sd_min_days"], words=words)
        found = ("N" if day is None else "Y", day)
    else:
        kept = evaluated(visits, protocol, first_progression_day=cut)
        response = first_response(kept, protocol, confirmed=confirmed)
        found = ("N", None) if response is None else ("Y", response.first.day)
    assert found == (case["expected"], case["expected_day_from_ref"]), case["note"]


@pytest.mark.parametrize("row", rows("recist11_confirmation_table.csv"), ids=lambda r: r["id"])
def test_table_3_of_recist(row: dict[str, str]) -> None:
    # "Minimum duration met" is about the first visit; not met: both visits come before day 42.
    days = (7, 38) if row["sd_min_duration_met"] == "N" else (56, 112)
    second = "SD" if row["subsequent"] == "any" else row["subsequent"]
    visits = sequence(row["first"], second, days=days)
    reread = row["sd_min_duration_met"].startswith("CR re-read")
    protocol = replace(DEFAULT, cr_then_disease="pr" if reread else "pd", early_pr_then_sd="sd")
    assert best_response(visits, protocol, confirmed=True).response == row["expected_bor"]


@pytest.mark.parametrize("row", rows("irecist_ibor_table3_expanded.csv"), ids=lambda r: r["id"])
def test_table_3_of_irecist(row: dict[str, str]) -> None:
    visits = sequence(*(row[f"tp{k}"] for k in range(1, 6)))
    assert best_response(visits, DEFAULT, IMMUNE, confirmed=False).response == row["expected_iBOR"]


def bor(
    visits: tuple[RespondedVisit, ...], confirmed: bool = True, **settings: Any
) -> tuple[str, int | None]:
    best = best_response(visits, replace(DEFAULT, **settings), confirmed=confirmed)
    return best.response.value, best.day


@pytest.mark.parametrize(
    ("setting", "visits", "expected"),
    [
        (
            "cr_then_disease",  # AMB-06
            sequence("CR", "SD", "SD"),
            {"pd": ("SD", 56), "pr": ("SD", 56), "keep": ("SD", 56)},
        ),
        (
            "cr_then_disease",
            sequence("CR", "PR", "PR", days=(28, 84, 140)),
            {"pd": ("PD", 84), "pr": ("PR", 28), "keep": ("PR", 84)},
        ),
        ("one_sd_between", sequence("PR", "SD", "PR"), {False: ("SD", 56), True: ("PR", 56)}),
        (
            "ne_between",  # AMB-08
            sequence("PR", "NE", "NE", "PR"),
            {0: ("SD", 56), 1: ("SD", 56), 2: ("PR", 56)},
        ),
        (
            "minimum_sd_days",  # AMB-09
            sequence("SD", "PD", days=(50, 100)),
            {28: ("SD", 50), 42: ("SD", 50), 56: ("PD", 100)},
        ),
        ("sd_window_days", sequence("SD", days=(39,)), {0: ("NE", 39), 3: ("SD", 39)}),
        (
            "early_pr_then_sd",  # AMB-10
            sequence("PR", "SD", days=(14, 40)),
            {"ne": ("NE", 14), "sd": ("SD", 14)},
        ),
        (
            "nothing_assessed",  # AMB-11
            (),
            {"ne": ("NE", None), "missing": ("MISSING", None), "nd": ("NE", None)},
        ),
        (
            "nothing_assessed",
            sequence("ND"),
            {"ne": ("NE", 56), "missing": ("ND", 56), "nd": ("ND", 56)},
        ),
        ("ned_then_pd", sequence("NED", "PD"), {"ned": ("NED", 56), "pd": ("PD", 112)}),  # AMB-38
        (
            "cut_at_first_progression",
            sequence("PD", "SD"),
            {True: ("PD", 56), False: ("SD", 112)},
        ),
        (
            "confirmation_days",
            sequence("PR", "PR", days=(50, 70)),
            {28: ("SD", 50), 20: ("PR", 50)},
        ),
    ],
)
def test_every_option_of_a_setting(
    setting: str, visits: tuple[RespondedVisit, ...], expected: dict[Any, tuple[str, int | None]]
) -> None:
    found = {option: bor(visits, **{setting: option}) for option in expected}
    assert found == expected


def test_the_minimum_duration_runs_from_the_origin() -> None:
    visits = sequence("SD", days=(50,))
    assert best_response(visits, DEFAULT, confirmed=True, origin_day=0).response == "SD"
    assert best_response(visits, DEFAULT, confirmed=True, origin_day=14).response == "NE"


def test_patients_without_targets_are_never_stable() -> None:
    assert bor(sequence("NON-CR/NON-PD", "CR")) == ("NON-CR/NON-PD", 56)
    assert bor(sequence("NON-CR/NON-PD", "CR", "CR")) == ("CR", 112)


def test_a_complete_response_that_disease_follows_is_cut_there() -> None:
    kept = evaluated(sequence("CR", "NE", "PR", "CR"), DEFAULT)
    assert [visit.response for visit in kept] == ["CR", "NE", "PD"]


def test_progression_before_the_disease_leaves_the_sequence_alone() -> None:
    kept = evaluated(sequence("CR", "PD", "PR"), replace(DEFAULT, cut_at_first_progression=False))
    assert [visit.response for visit in kept] == ["CR", "PD", "PR"]


def test_the_reason_tells_both_visits_of_a_confirmed_response() -> None:
    best = best_response(sequence("PR", "PR"), DEFAULT, confirmed=True)
    assert best.reason.sentence == (
        "PR on day 56, confirmed by PR on day 112: 56 days later, 28 needed."
    )


def test_immune_responses_are_confirmed_by_the_same_rule() -> None:
    visits = sequence("iPR", "iUPD", "iPR", "iPR")
    assert best_response(visits, DEFAULT, IMMUNE, confirmed=True)[:2] == ("iPR", 168)


def test_metabolic_responses() -> None:
    visits = sequence("SMD", "PMR", "PMD", "CMR")
    assert family_of(visit.response for visit in visits) is METABOLIC
    assert best_response(visits, DEFAULT, METABOLIC, confirmed=False)[:2] == ("PMR", 112)


def test_words_of_two_criteria_are_refused() -> None:
    with pytest.raises(InputError, match="several criteria"):
        family_of([Response.PR, Response.IUPD])
    assert family_of([Response.NE, Response.NED]) is RECIST


RESPONSES = st.sampled_from(["CR", "PR", "SD", "PD", "NE", "NON-CR/NON-PD"])
SEQUENCES = st.lists(st.tuples(st.integers(1, 60), RESPONSES), max_size=8).map(
    lambda steps: tuple(
        RespondedVisit(sum(gap for gap, _ in steps[: k + 1]), Response(word))
        for k, (_, word) in enumerate(steps)
    )
)
RANK = ["CR", "PR", "SD", "NON-CR/NON-PD", "PD", "NE"]


@given(SEQUENCES)
def test_confirmation_never_betters(visits: tuple[RespondedVisit, ...]) -> None:
    free = best_response(visits, DEFAULT, confirmed=False)
    strict = best_response(visits, DEFAULT, confirmed=True)
    assert RANK.index(strict.response) >= RANK.index(free.response)


@given(SEQUENCES, st.randoms())
def test_the_order_of_visits_is_irrelevant(visits: tuple[RespondedVisit, ...], random: Any) -> None:
    mixed = list(visits)
    random.shuffle(mixed)
    assert best_response(mixed, DEFAULT, confirmed=True) == best_response(
        visits, DEFAULT, confirmed=True
    )


@given(SEQUENCES, RESPONSES)
def test_nothing_after_progression_counts(visits: tuple[RespondedVisit, ...], later: str) -> None:
    end = (visits[-1].day if visits else 0) + 1
    ended = (*visits, RespondedVisit(end, Response.PD))
    longer = (*ended, RespondedVisit(end + 30, Response(later)))
    assert best_response(longer, DEFAULT, confirmed=True) == best_response(
        ended, DEFAULT, confirmed=True
    )


@pytest.mark.parametrize(
    ("visits", "confirmed", "sentence"),
    [
        (sequence("PR"), False, "PR on day 56 is the best response, confirmed or not."),
        (
            sequence("PR"),
            True,
            "PR on day 56 is not confirmed and counts as SD: 56 days from the start, 39 needed.",
        ),
        (sequence("SD"), True, "SD on day 56: 56 days from the start, 39 needed."),
        (
            sequence("SD", days=(38,)),
            True,
            "SD on day 38 comes before the minimum duration of 39 days, and nothing that counts "
            "follows.",
        ),
    ],
)
def test_the_reason_in_words(
    visits: tuple[RespondedVisit, ...], confirmed: bool, sentence: str
) -> None:
    protocol = replace(DEFAULT, sd_window_days=3)
    assert best_response(visits, protocol, confirmed=confirmed).reason.sentence == sentence


@pytest.mark.parametrize(
    ("words", "days", "expected"),
    [
        (("CR", "SD", "CR"), (30, 60, 90), "SD"),  # the stable visit is accepted after PR alone
        (("PR", "SD", "PR"), (30, 60, 90), "PR"),
        (("PR", "SD", "SD", "PR"), (30, 60, 90, 120), "SD"),
        (("PR", "CR", "PR", "CR"), (14, 28, 42, 56), "SD"),  # PR after CR confirms nothing
        (("PR", "CR", "PR", "CR"), (14, 20, 30, 48), "SD"),
        (("PR", "PR", "CR", "CR"), (14, 28, 40, 50), "PR"),
        (("PR", "NE", "CR"), (30, 60, 90), "PR"),
    ],
)
def test_what_may_lie_between_a_response_and_its_confirmation(
    words: tuple[str, ...], days: tuple[int, ...], expected: str
) -> None:
    protocol = replace(DEFAULT, cr_then_disease="keep", one_sd_between=True, minimum_sd_days=28)
    assert best_response(sequence(*words, days=days), protocol, confirmed=True).response == expected
