"""The outcome of a course: everything together, by one set of criteria on one set of lesions."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from imaging.errors import InputError
from recist import endpoints
from recist.criteria.family import IMMUNE
from recist.endpoints.policy import POLICIES
from recist.endpoints.sequence import RespondedVisit
from recist.protocol import DEFAULT
from recist.response import Assessment, Reason, Response, Scope
from tests.recist.patients import Visits, course

#: A scan on which nothing was recorded: the responses are given.
BASELINE: Visits = {0: {}}
REASON = Reason("overall", "Eisenhauer 2009, Table 1", "For the test.")


def assessed(
    *responses: str, criteria: str = "recist11", scope: Scope = Scope.ALL
) -> list[Assessment]:
    return [
        Assessment(
            56 * (k + 1), criteria, scope, Decimal(50), Decimal(50), Decimal(50),
            Response(word), Response.NA, False, Response(word), (REASON,),
        )
        for k, word in enumerate(responses)
    ]  # fmt: skip


def test_a_responder_who_progresses() -> None:
    found = endpoints.outcome(course(BASELINE), assessed("SD", "PR", "PR", "PD", "PD"), DEFAULT)
    assert (found.best_overall, found.best_overall_day) == (Response.PR, 112)
    assert found.confirmed_best_overall is Response.PR
    assert (found.progression_day, found.pfs_days, found.pfs_event) == (224, 224, True)
    assert (found.response_day, found.control_day, found.benefit_day) == (112, 56, 112)
    by_name = {(time.endpoint, time.policy): time for time in found.times}
    assert by_name["DoR", "ema_itt"].days == 112
    assert by_name["TTR", ""].days == 112
    assert {time.policy for time in found.times if time.endpoint == "PFS"} == {
        "fda_a", "fda_b", "fda_c", "ema_itt",
    }  # fmt: skip
    assert not found.warnings
    assert len(found.reasons) == 3


def test_events_of_the_course() -> None:
    patient = course(
        BASELINE,
        events=(
            (7, "randomisation"),
            (10, "treatment-start"),
            (60, "new-therapy"),
            (300, "death"),
            (20, "last-alive"),
            (200, "last-alive"),
        ),
    )
    from_treatment = replace(DEFAULT, origin="treatment_start")
    found = endpoints.outcome(patient, assessed("SD", "PR", "PR"), from_treatment)
    assert found.best_overall is Response.SD  # the responses came after the new therapy
    assert (found.pfs_days, found.progression_day) == (290, None)
    assert {(t.endpoint, t.days, t.event) for t in found.times if t.endpoint == "OS"} == {
        ("OS", 290, True)
    }
    found = endpoints.outcome(patient, assessed("SD"), DEFAULT)
    assert found.pfs_days == 293


def test_a_therapy_need_not_end_the_response() -> None:
    protocol = replace(DEFAULT, new_therapy_ends_response=False)
    patient = course(BASELINE, events={60: "new-therapy"})
    found = endpoints.outcome(patient, assessed("SD", "PR", "PR"), protocol)
    assert found.best_overall is Response.PR
    # The policies that censor at the new therapy know no duration of this response.
    assert {t.policy for t in found.times if t.endpoint == "DoR"} == {"ema_itt"}


def test_irecist() -> None:
    found = endpoints.outcome(
        course(BASELINE), assessed("iSD", "iUPD", "iCPD", criteria="irecist"), DEFAULT
    )
    assert (found.criteria, found.best_overall, found.progression_day) == (
        "irecist", Response.ISD, 112,
    )  # fmt: skip


def test_disease_after_a_complete_response_is_told() -> None:
    found = endpoints.outcome(course(BASELINE), assessed("CR", "PR"), DEFAULT)
    assert found.progression_day == 112
    assert "PR on day 112 was read as PD" in found.warnings[0]


def test_a_progression_dates_back_to_its_first_sign() -> None:
    visits = [a._replace(progression_day=56) for a in assessed("SD", "PD")[1:]]
    found = endpoints.outcome(course(BASELINE), [*assessed("SD"), *visits], DEFAULT)
    assert found.progression_day == 56


@pytest.mark.parametrize(
    ("words", "best", "progression_day"),
    [
        (("PD", "PR"), Response.PR, None),  # negated
        (("PD", "PD", "PR"), Response.PD, 56),  # confirmed: what follows does not count
        (("SD", "PD"), Response.SD, 112),  # nothing negates it
        (("PD", "NE", "SD", "PD"), Response.SD, 224),
    ],
)
def test_progression_by_burden_is_negated_by_a_later_assessment(
    words: tuple[str, ...], best: Response, progression_day: int | None
) -> None:
    found = endpoints.outcome(course(BASELINE), assessed(*words, criteria="imrecist"), DEFAULT)
    assert (found.best_overall, found.progression_day) == (best, progression_day)
    assert bool(found.warnings) == (words[0] == "PD" and words[1] != "PD")


def test_nothing_was_assessed() -> None:
    found = endpoints.outcome(course({}), (), DEFAULT)
    assert (found.best_overall, found.pfs_days, found.pfs_event) == (Response.NE, 0, False)


def test_responses_alone_tell_their_criteria() -> None:
    for word, criteria in (("SD", "recist11"), ("iSD", "irecist"), ("SMD", "percist")):
        found = endpoints.outcome_of_responses([RespondedVisit(56, Response(word))], DEFAULT)
        assert (found.criteria, found.best_overall) == (criteria, word)


def test_assessments_of_two_kinds_are_refused() -> None:
    mixed = [*assessed("SD"), *assessed("SD", scope=Scope.IN_FIELD)]
    with pytest.raises(InputError, match="several kinds"):
        endpoints.outcome(course(BASELINE), mixed, DEFAULT)


def test_a_progression_called_elsewhere_ends_the_best_response() -> None:
    called = course(BASELINE, events={112: "progression"})
    found = endpoints.outcome(called, assessed("SD", "PR", "CR"), DEFAULT)
    assert (found.best_overall, found.best_overall_day) == (Response.PR, 112)
    times = {time.policy: (time.day, time.event) for time in found.times if time.endpoint == "PFS"}
    assert times == {
        "fda_a": (168, False),
        "fda_b": (168, False),
        "fda_c": (112, True),
        "ema_itt": (168, False),
    }
    kept = replace(DEFAULT, cut_at_first_progression=False)
    assert endpoints.outcome(called, assessed("SD", "CR"), kept).best_overall is Response.CR


@pytest.mark.parametrize(("option", "day"), [("all", 56), ("targets_only", None)])
def test_patients_without_targets_may_have_clinical_benefit(option: str, day: int | None) -> None:
    protocol = replace(DEFAULT, benefit_words=option, clinical_benefit_days=42)
    found = endpoints.outcome(course(BASELINE), assessed("NON-CR/NON-PD"), protocol)
    assert (found.control_day, found.benefit_day) == (day, day)


def test_a_small_node_that_was_held_back_ends_no_complete_response() -> None:
    # AMB-05: CR, a node of 12 mm that is 9 mm at the next scan, CR.
    complete, back, again, later = assessed("CR", "PR", "CR", "CR")
    held = [complete, back._replace(held=True), again, later]
    found = endpoints.outcome(course(BASELINE), held, DEFAULT)
    assert (found.confirmed_best_overall, found.response_day) == (Response.CR, 56)
    assert (found.progression_day, found.warnings) == (None, ())
    plain = endpoints.outcome(course(BASELINE), [complete, back, again, later], DEFAULT)
    assert plain.progression_day == 112


def test_the_family_of_the_words_may_be_given() -> None:
    visits = [RespondedVisit(56, Response.NE)]  # a word of every family
    found = endpoints.outcome_of_responses(visits, DEFAULT, family=IMMUNE)
    assert (found.criteria, found.best_overall) == ("irecist", Response.NE)


@pytest.mark.parametrize(("confirmed", "named"), [(True, "DoSD"), (False, "")])
def test_stable_disease_has_a_duration_where_it_is_the_best_response(
    confirmed: bool, named: str
) -> None:
    """One partial response counts only where none needs a confirmation."""
    protocol = replace(DEFAULT, confirmation_required=confirmed)
    found = endpoints.outcome(course(BASELINE), assessed("SD", "PR", "SD", "PD"), protocol)
    durations = {t.policy: (t.days, t.event) for t in found.times if t.endpoint == "DoSD"}
    assert durations == (dict.fromkeys(POLICIES, (224, True)) if named else {})
