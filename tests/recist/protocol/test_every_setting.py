"""No setting is without effect: each option of each changes some answer.

The settings that the criteria read at a time point have their patients in
``tests/recist/criteria/test_settings.py``; all others have one here.
"""

from __future__ import annotations

import datetime as dt
import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imaging.tables import cells
from imaging.volume import Grid, Mask
from recist import abscopal
from recist.abscopal.definitions import chosen
from recist.cohort.members import Member, member_of
from recist.cohort.patients import Arm, assessed
from recist.cohort.rates import rates
from recist.course import Course, Field, Role
from recist.criteria.selection import (
    BaselineLesion,
    LocalTreatment,
    choose_targets,
    measurability,
)
from recist.endpoints import Background, outcome_of_responses, time_zero_of
from recist.endpoints.sequence import RespondedVisit, visit_day
from recist.field.scope import within
from recist.measure import caliper
from recist.patient.examination import Sized
from recist.patient.overrides import Override
from recist.patient.status import status_of
from recist.patient.tracked_lesion import TrackedLesion
from recist.protocol import DEFAULT, SETTINGS, Protocol
from recist.response import Response, Scope
from recist.review.trial.acceptance import Trigger, accepted
from recist.table.checks import check_course
from recist.tracking import Sighting, State, Track
from segmentation.instances import Candidate
from tests.recist.patients import course as patients_course

Answer = Callable[[Protocol], object]


def concluded(
    words: dict[int, str], *, criteria: str = "recist11", also: dict[str, Any] | None = None,
    **known: int,
) -> Answer:  # fmt: skip
    """The outcome of responses by day, with days of events."""
    visits = [RespondedVisit(day, Response(word)) for day, word in words.items()]

    def answer(protocol: Protocol) -> object:
        found = outcome_of_responses(
            visits, replace(protocol, **(also or {})), Background(**known), criteria=criteria
        )
        return found._replace(reasons=(), times=(), warnings=())

    return answer


def lesion(name: str, organ: str = "lung", size: str = "20", **also: Any) -> BaselineLesion:
    is_node = also.pop("is_node", False)
    return BaselineLesion(name, organ, is_node, Decimal(size), Decimal(size), **also)


def targets(*lesions: BaselineLesion) -> Answer:
    return lambda protocol: choose_targets(lesions, protocol).targets


def measured(**also: Any) -> Answer:
    return lambda protocol: measurability(lesion("T1", **also), protocol).measurability


def course(
    sizes: dict[int, dict[str, str]], fields: dict[str, Field], events: Iterable[tuple[int, str]],
    nodes: tuple[str, ...] = (),
) -> Course:  # fmt: skip
    return patients_course(
        sizes, fields=fields, events=events, nodes=nodes, subject="P1",
        day_zero=dt.date(2024, 1, 1),
    )  # fmt: skip


IN, OUT, LOW = Field.IN, Field.OUT, Field.LOW_DOSE
IRRADIATED = ((0, "radiotherapy-start"), (10, "radiotherapy-end"))


def shrinking(
    outside: str = "30", *, baseline: int = -7, follow_up: int = 84, nodes: tuple[str, ...] = (),
    events: Iterable[tuple[int, str]] = IRRADIATED,
) -> Course:  # fmt: skip
    """A lesion in the field and one outside that shrinks to half."""
    half = str(Decimal(outside) / 2)
    return course(
        {
            baseline: {"T1": "30", "T2": outside},
            follow_up: {"T1": "30", "T2": half},
            follow_up + 42: {"T1": "30", "T2": half},
        },
        {"T1": IN, "T2": OUT},
        events,
        nodes,
    )


def differing_reads(protocol: Protocol) -> object:
    """Two reads that differ, and the adjudicator's choice of the second."""
    return accepted((Trigger.BEST_RESPONSE,), 2, protocol)


def called(patient: Course) -> Answer:
    """What every definition says, the response itself, and whether it can be attributed."""

    def answer(protocol: Protocol) -> object:
        found = abscopal.assess(patient, protocol)
        calls = [(str(each.definition.name), each.met) for each in found.calls]
        return (found.evaluable, found.lesions, calls, found.attribution, found.timeline)

    return answer


def denominators(protocol: Protocol) -> object:
    patients = assessed([shrinking()], {"P1": Arm("A")}, protocol, [])
    members = [*map(member_of, patients), Member("P2", "A", "")]
    return [(each.denominator, each.proportion.n) for each in rates(members, protocol)]


NEW_BOTH_SIDES = course(
    {0: {"T1": "30", "T2": "30", "T3": "30"}, 56: {"T1": "30", "T2": "30", "N1": "20"}},
    {"T1": IN, "T2": OUT, "T3": LOW, "N1": IN},
    (),
)


def outside(protocol: Protocol) -> object:
    part = within(NEW_BOTH_SIDES, Scope.OUT_OF_FIELD, protocol)
    return [each.id for each in part.lesions]


def unreviewed(state: State, role: Role) -> Answer:
    """The status of a lesion that the network alone speaks of."""
    sighting = Sighting(56, state, (), 1.0, "")
    track = Track("L1", (Sighting(0, State.BASELINE, (), 1.0, ""), sighting))
    tracked = TrackedLesion(
        track, {}, "lung", False, False, Override("L1"), role=role, reviewed=frozenset()
    )
    return lambda protocol: status_of(tracked, sighting, None, protocol)[0]


BOX = Mask(np.ones((20, 15, 3), np.bool_), (5, 5, 1), Grid((40, 40, 5), np.eye(4)))


def proposed(confidence: float) -> Answer:
    """The status of a target that was proposed without a reader."""
    sighting = Sighting(56, State.MATCHED, (0,), confidence, "")
    track = Track("L1", (Sighting(0, State.BASELINE, (), 1.0, ""), sighting))
    measured = {56: (Sized(Candidate("1", BOX), caliper(BOX), None),)}
    tracked = TrackedLesion(track, measured, "lung", False, False, Override("L1"), role=Role.TARGET)
    return lambda protocol: status_of(tracked, sighting, None, protocol)[0]


def visit(protocol: Protocol) -> object:
    return [
        visit_day([10, 12, 14], by_new_lesion=new, protocol=protocol, new_lesion_day=12)
        for new in (False, True)
    ]


def read_date(protocol: Protocol) -> object:
    try:
        return cells.ordinal("03/04/2024", order=protocol.date_order)
    except cells.CellError:
        return "refused"


def told(protocol: Protocol) -> object:
    patient = course({-40: {"T1": "30"}, 56: {"T1": "30"}}, {"T1": OUT}, [(0, "treatment-start")])
    return [each.code for each in check_course(patient, [], protocol)]


SPACED = {"size": "11", "slice_thickness_mm": Decimal(5), "slice_spacing_mm": Decimal(6)}
STARTS = course({2: {"T1": "30"}}, {"T1": OUT}, [(9, "randomisation"), (5, "treatment-start")])

#: Of each setting: who its options differ for, and for a number the values compared.
ANSWERS: dict[str, tuple[tuple[Answer, ...], tuple[Any, ...]]] = {
    "double_thickness": (
        (measured(is_node=True, size="15", slice_thickness_mm=Decimal(8)),), (),
    ),
    "slice_tolerance_mm": (
        (measured(size="10", slice_thickness_mm=Decimal("5.1")),), (Decimal(0), Decimal("0.1")),
    ),
    "slice_basis": ((measured(**SPACED),), ()),
    "target_choice": (
        (targets(
            *(lesion(f"L{k}", organ, size) for k, (organ, size) in enumerate(
                [("lung", "60"), ("lung", "59"), ("liver", "58"), ("liver", "57"), ("bone", "50"),
                 ("spleen", "20")]
            ))
        ),), (),
    ),
    "irradiated_targets": (
        (
            measured(treatment=LocalTreatment.BEFORE_BASELINE),
            measured(treatment=LocalTreatment.ON_STUDY),
        ), (),
    ),
    "baseline_days": ((told,), (28, 42)),
    "unconfirmed_iupd": ((concluded({56: "iUPD"}, criteria="irecist"),), ()),
    "confirmation_required": ((concluded({56: "PR", 112: "SD"}),), (False, True)),
    "cut_at_first_progression": ((concluded({56: "PD", 112: "CR"}),), (False, True)),
    "cr_then_disease": ((concluded({56: "CR", 112: "PR", 168: "PR"}),), ()),
    "minimum_sd_days": ((concluded({42: "SD"}),), (42, 56)),
    "sd_window_days": ((concluded({40: "SD"}),), (0, 7)),
    "origin": ((lambda protocol: time_zero_of(STARTS, protocol),), ()),
    "early_pr_then_sd": ((concluded({20: "PR", 40: "SD"}),), ()),
    "nothing_assessed": ((concluded({}), concluded({56: "ND"})), ()),
    "ned_then_pd": ((concluded({56: "NED", 112: "PD"}),), ()),
    "pfs_policy": (
        (
            concluded({56: "SD", 112: "PD"}, new_therapy_day=60),
            concluded({56: "SD", 112: "SD"}, progression_day=120),
            concluded({56: "SD", 112: "SD"}, new_therapy_day=130),
            concluded({56: "SD", 200: "PD"}, also={"visit_interval_days": 56}),
            # found between two visits: dated by the first sign, or by the visit that follows
            concluded({56: "SD", 90: "PD"}, also={"visit_interval_days": 56}),
        ), (),
    ),
    "visit_interval_days": ((concluded({56: "SD", 224: "PD"}, also={"pfs_policy": "fda_a"}),),
                            (0, 56)),
    "visit_window_days": (
        (concluded({56: "SD", 180: "PD"},
                   also={"pfs_policy": "fda_a", "visit_interval_days": 56}),), (7, 40),
    ),
    "clinical_benefit_days": ((concluded({168: "SD"}),), (168, 200)),
    "benefit_words": ((concluded({168: "NON-CR/NON-PD"}),), ()),
    "new_therapy_ends_response": (
        (concluded({56: "SD", 112: "PR", 168: "PR"}, new_therapy_day=60),), (False, True),
    ),
    "visit_date": ((visit,), ()),
    "abscopal_definition": ((lambda protocol: [each.name for each in chosen(protocol)],), ()),
    "abscopal_denominator": ((denominators,), ()),
    "abscopal_baseline_days": ((called(shrinking(baseline=-50)),), (42, 60)),
    "abscopal_follow_up_days": ((called(shrinking(follow_up=400)),), (365, 500)),
    "abscopal_landmark_days": ((called(shrinking(follow_up=56)),), (84, 200)),
    "abscopal_landmark_window_days": ((called(shrinking(follow_up=65)),), (14, 28)),
    "abscopal_minimum_mm": ((called(shrinking("12")),), (Decimal(10), Decimal(20))),
    "abscopal_minimum_node_mm": (
        (called(shrinking("16", nodes=("T2",))),), (Decimal(15), Decimal(20)),
    ),
    "abscopal_systemic_days": (
        (called(shrinking(events=[*IRRADIATED, (40, "treatment-start")])),), (56, 14),
    ),
    "unreviewed_measurement": ((proposed(0.9), proposed(0.3)), ()),
    "reader_disagreement": ((differing_reads,), ()),
    "unreviewed_absence": ((unreviewed(State.ABSENT, Role.TARGET),), ()),
    "unreviewed_new_lesion": ((unreviewed(State.NEW, Role.NEW),), ()),
    "out_of_field_set": ((outside,), ()),
    "new_lesion_position": ((outside,), ()),
    "date_order": ((read_date,), ()),
}  # fmt: skip


def settings_of_the_criteria() -> set[str]:
    """Those with a patient in the tests of the criteria."""
    path = Path(__file__).parents[1] / "criteria" / "test_settings.py"
    spec = importlib.util.spec_from_file_location("settings_of_the_criteria", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {case.setting for case in module.CASES}


def test_every_setting_has_somebody_for_whom_it_matters() -> None:
    assert settings_of_the_criteria() | set(ANSWERS) == set(SETTINGS)


@pytest.mark.parametrize("name", ANSWERS)
def test_each_option_of_a_setting_changes_an_answer(name: str) -> None:
    answers, values = ANSWERS[name]
    options = SETTINGS[name].options or values
    assert len(options) > 1
    given = [
        [answer(replace(DEFAULT, **{name: option})) for answer in answers] for option in options
    ]
    for k, first in enumerate(given):
        for j, second in enumerate(given[:k]):
            assert first != second, f"{name}: {options[j]} and {options[k]} never differ"
