"""Progression-free survival and durations: dates, policies, and the row that says why."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.errors import InputError
from recist.criteria.family import IMMUNE, RECIST, family_of
from recist.endpoints.best_response import best_of, evaluated, first_response
from recist.endpoints.policy import (
    EMA_ITT,
    FDA_A,
    FDA_B,
    FDA_C,
    POLICIES,
    NewTherapy,
    Policy,
    ProgressionDate,
)
from recist.endpoints.sequence import RespondedVisit, visit_day
from recist.endpoints.time_to_event import (
    History,
    duration_of_response,
    duration_of_stable_disease,
    overall_survival,
    progression_free_by_policy,
    progression_free_survival,
    time_to_response,
)
from recist.protocol import DEFAULT
from recist.response import EventTime, Response

TRUTH = Path(__file__).parents[1] / "truth"
TTE_CASES = json.loads((TRUTH / "tte_cases.json").read_text())["cases"]
IRECIST_CASES = json.loads((TRUTH / "irecist_sequences.json").read_text())["cases"]


def visits_of(*responses: str, every: int = 56) -> tuple[RespondedVisit, ...]:
    return tuple(RespondedVisit(every * (k + 1), Response(r)) for k, r in enumerate(responses))


def pfs(history: History, policy: Policy = EMA_ITT, **settings: Any) -> tuple[str, int]:
    family = family_of(visit.response for visit in history.visits)
    found = progression_free_survival(history, policy, replace(DEFAULT, **settings), family)
    assert found.reason.sentence
    return (_word(found), found.day)


def _word(time: EventTime) -> str:
    return "event" if time.event else "censored"


def history_of(case: dict[str, Any]) -> History:
    events = case["events"]
    visits = [RespondedVisit(v["day"], Response(v["response"])) for v in events.get("visits", ())]
    if "ct_confirms_at" in events:  # the PET finding dates the progression that CT confirmed
        confirmed, first = events["ct_confirms_at"], events["pet_new_site_first_seen"]
        visits = [v._replace(sign_day=first) if v.day == confirmed else v for v in visits]
    for visit in events.get("visit_scans", ()):
        by_new_lesion = "new" in visit["reason"]
        day = visit_day(visit["days"], by_new_lesion=by_new_lesion, protocol=DEFAULT)
        visits.append(RespondedVisit(day, Response.PD))
    return History(
        tuple(visits),
        death_day=events.get("death"),
        new_therapy_day=events.get("new_therapy"),
        interval_days=case["settings"].get("scheduled_every_days"),
    )


@pytest.mark.parametrize("case", TTE_CASES, ids=lambda case: case["id"])
def test_dates(case: dict[str, Any]) -> None:
    settings = case["settings"]
    policy = Policy(
        "case",
        settings["missed_visits_rule"],
        NewTherapy(settings["new_therapy"]),
        ProgressionDate.FIRST_SIGN,
        False,
        case["source"],
    )
    history = history_of(case)
    expected = case["expected"]
    if case["endpoint"] in ("PFS", "iPFS"):
        assert list(pfs(history, policy)) == expected, case["note"]
        return
    found: EventTime | None
    survival = progression_free_survival(history, policy, DEFAULT, RECIST)
    if case["endpoint"] == "DoSD":
        found = duration_of_stable_disease(survival)
    else:
        kept = evaluated(history.visits, DEFAULT)
        response = first_response(kept, DEFAULT, confirmed=settings.get("confirmed", False))
        found = response and duration_of_response(survival, response.first.day)
    if found is None:
        assert expected is None
        return
    assert expected == {
        "start": found.start_day,
        "end": found.day,
        "event": found.event,
        "duration_days": found.days,
    }


@pytest.mark.parametrize("case", IRECIST_CASES, ids=lambda case: case["id"])
def test_progression_by_irecist(case: dict[str, Any]) -> None:
    days = [timepoint["day"] for timepoint in case["timepoints"]]
    visits = tuple(
        RespondedVisit(day, Response(word))
        for day, word in zip(days, case["expected_iTPR"], strict=True)
    )
    found = progression_free_survival(History(visits), EMA_ITT, DEFAULT, IMMUNE)
    assert ["event" if found.event else "censored", found.day] == case["expected_iPFS"]
    best = best_of(evaluated(visits, DEFAULT, IMMUNE), DEFAULT, IMMUNE, confirmed=False)
    assert best.response == case["expected_iBOR"]


#: Patients whose date depends on the policy.
MISSED = History(
    (RespondedVisit(56, Response.SD), RespondedVisit(224, Response.PD)),
    interval_days=56,
    window_days=7,
)
ONE_MISSED = History(
    (RespondedVisit(56, Response.SD), RespondedVisit(168, Response.PD)),
    interval_days=56,
    window_days=7,
)
THERAPY = History(visits_of("SD", "SD", "PD"), new_therapy_day=130, interval_days=56)
BETWEEN = History(
    (RespondedVisit(56, Response.SD), RespondedVisit(90, Response.PD)),
    interval_days=56,
    window_days=7,
)
CLAIMED = History(visits_of("SD", "SD"), claimed_progression_day=130)
DEATH_LATE = History(visits_of("SD"), death_day=400, interval_days=56)
FIVE_YEARS = History(visits_of("SD"), death_day=1800)


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        (MISSED, (("censored", 56), ("censored", 56), ("censored", 56), ("event", 224))),
        (ONE_MISSED, (("event", 168), ("event", 168), ("event", 168), ("event", 168))),
        (THERAPY, (("censored", 112), ("censored", 112), ("event", 130), ("event", 168))),
        (BETWEEN, (("event", 90), ("event", 112), ("event", 112), ("event", 90))),
        (CLAIMED, (("censored", 112), ("censored", 112), ("event", 130), ("censored", 112))),
        (DEATH_LATE, (("censored", 56), ("censored", 56), ("censored", 56), ("event", 400))),
        (FIVE_YEARS, (("event", 1800), ("event", 1800), ("event", 1800), ("event", 1800))),
    ],
    ids=["missed", "one-missed", "therapy", "between", "claimed", "late-death", "no-schedule"],
)
def test_policies_differ_where_they_should(
    history: History, expected: tuple[tuple[str, int], ...]
) -> None:
    assert tuple(pfs(history, policy) for policy in (FDA_A, FDA_B, FDA_C, EMA_ITT)) == expected


@pytest.mark.parametrize(
    ("option", "expected"), [("event", ("event", 112)), ("censor", ("censored", 56))]
)
def test_an_iupd_that_nothing_confirms(option: str, expected: tuple[str, int]) -> None:  # AMB-30
    history = History(visits_of("iSD", "iUPD", "NE", "iUPD"))
    assert pfs(history, unconfirmed_iupd=option) == expected


def test_an_iupd_dates_a_death_without_further_scans() -> None:
    assert pfs(History(visits_of("iSD", "iUPD"), death_day=150)) == ("event", 112)
    assert pfs(History(visits_of("iUPD", "iSD"), death_day=150)) == ("event", 150)


def test_a_scan_after_a_censoring_therapy_confirms_nothing() -> None:
    history = History(visits_of("iSD", "iUPD", "iSD"), new_therapy_day=130)
    assert pfs(history, FDA_A) == ("event", 112)
    assert pfs(history, EMA_ITT) == ("censored", 168)


def test_a_confirmation_without_a_first_iupd_is_the_event() -> None:
    assert pfs(History(visits_of("iSD", "iCPD"))) == ("event", 112)


@pytest.mark.parametrize(
    ("option", "new_lesion", "target"), [("fda", 54, 58), ("first", 54, 54), ("last", 58, 58)]
)
def test_the_day_of_a_visit_over_several_days(option: str, new_lesion: int, target: int) -> None:
    protocol = replace(DEFAULT, visit_date=option)  # AMB-32
    days = (56, 54, 58)
    assert visit_day(days, by_new_lesion=True, protocol=protocol) == new_lesion
    assert visit_day(days, by_new_lesion=False, protocol=protocol) == target


def test_the_scan_that_shows_a_new_lesion_dates_it() -> None:
    found = visit_day((54, 58), by_new_lesion=True, protocol=DEFAULT, new_lesion_day=58)
    assert found == 58
    with pytest.raises(InputError, match="without a scan"):
        visit_day((), by_new_lesion=True, protocol=DEFAULT)


def test_without_a_baseline_the_clock_is_stopped_at_the_start() -> None:
    assert pfs(History(visits_of("PD"), origin_day=3, has_baseline=False)) == ("censored", 3)


def test_progression_on_the_day_of_the_new_therapy_counts() -> None:
    assert pfs(History(visits_of("SD", "PD"), new_therapy_day=112), FDA_A) == ("event", 112)


def test_death_before_the_first_visit() -> None:
    assert pfs(History((), death_day=20), FDA_A) == ("event", 20)


def test_a_visit_that_was_not_evaluable_is_a_missed_one() -> None:
    history = History(visits_of("SD", "NE", "NE", "PD"), interval_days=56)
    assert pfs(history, FDA_A) == ("censored", 56)


def test_without_a_schedule_the_next_visit_is_not_known() -> None:
    history = replace(BETWEEN, interval_days=None)
    found = progression_free_survival(history, FDA_B, DEFAULT, RECIST)
    assert found.day == 90
    assert "No visit schedule is set" in found.reason.sentence
    censored = progression_free_survival(History(visits_of("SD")), FDA_B, DEFAULT)
    assert "schedule" not in censored.reason.sentence


def test_a_progression_is_not_put_off_beyond_death() -> None:
    assert pfs(replace(BETWEEN, death_day=100), FDA_B) == ("event", 100)


def test_a_schedule_needs_a_positive_interval() -> None:
    with pytest.raises(InputError, match="every 0 days"):
        History((), interval_days=0)


def test_survival() -> None:
    history = History(visits_of("SD", "ND"), last_alive_day=90)
    assert (overall_survival(history).day, overall_survival(history).event) == (90, False)
    assert overall_survival(replace(history, last_alive_day=None)).day == 56
    died = overall_survival(replace(history, death_day=200, origin_day=10))
    assert (died.days, died.event) == (190, True)


def test_duration_of_response_by_irecist_ends_at_the_first_iupd() -> None:
    history = History(visits_of("iPR", "iPR", "iUPD", "iCPD"))
    survival = progression_free_survival(history, EMA_ITT, DEFAULT, IMMUNE)
    found = duration_of_response(survival, 56)
    assert found is not None
    assert (found.endpoint, found.days, found.event) == ("iDoR", 112, True)
    assert duration_of_stable_disease(survival).endpoint == "iDoSD"


def test_a_response_after_the_clock_stopped_has_no_duration() -> None:
    history = History(visits_of("SD", "PR", "PD"), new_therapy_day=60)
    survival = progression_free_survival(history, FDA_A, DEFAULT)
    assert duration_of_response(survival, 112) is None


def test_time_to_response() -> None:
    assert time_to_response(63, 7).days == 56


WORDS = st.sampled_from(["CR", "PR", "SD", "PD", "NE"])


@given(st.lists(WORDS, max_size=6), st.none() | st.integers(1, 400), st.none() | st.just(56))
def test_all_policies_at_once(words: list[str], death: int | None, interval: int | None) -> None:
    history = History(visits_of(*words), death_day=death, interval_days=interval)
    found = progression_free_by_policy(history, DEFAULT).by_policy
    assert found == {
        name: progression_free_survival(history, policy, DEFAULT)
        for name, policy in POLICIES.items()
    }


@given(
    st.lists(WORDS, max_size=6),
    st.none() | st.integers(1, 400),
    st.none() | st.integers(1, 400),
    st.sampled_from(sorted(POLICIES)),
    st.none() | st.integers(20, 100),
)
def test_no_policy_stops_the_clock_after_the_first_event(
    words: list[str], death: int | None, therapy: int | None, policy: str, interval: int | None
) -> None:
    history = History(
        visits_of(*words), death_day=death, new_therapy_day=therapy, interval_days=interval
    )
    plain = progression_free_survival(history, EMA_ITT, DEFAULT, RECIST)
    found = progression_free_survival(history, POLICIES[policy], DEFAULT, RECIST)
    assert found.days >= 0
    assert found.reason.sentence
    slack = interval or 0 if POLICIES[policy].progression_date != "first-sign" else 0
    assert not plain.event or found.day <= plain.day + slack
