"""Which lesions become targets, which are not recorded, and what a reader may say about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from imaging.errors import InputError
from recist.course import Course, Field, Role, Status, Timepoint
from recist.criteria import recist11
from recist.criteria.selection import LocalTreatment
from recist.field.field_finding import FieldFinding
from recist.patient.overrides import Override
from recist.patient.roles import Placed, place
from recist.patient.status import measurements
from recist.protocol import load
from recist.tracking import State

PROTOCOL = load("recist11-eortc")


def placed(
    patient: Any,
    *choices: Override,
    fields: Mapping[str, Field] | None = None,
    treatment: LocalTreatment = LocalTreatment.ON_STUDY,
    reviewed: bool = True,
) -> Placed:
    return place(
        patient.tracks,
        patient.sized,
        patient.examinations,
        [FieldFinding(name, field, "") for name, field in (fields or {}).items()],
        {choice.lesion: choice for choice in choices},
        protocol=PROTOCOL,
        treatments={Field.IN: treatment},
        reviewed=frozenset(patient.tracks.days if reviewed else ()),
    )


def roles(found: Placed) -> dict[str, Role]:
    return {lesion.id: lesion.role for lesion in found.lesions}


def course(found: Placed, days: tuple[int, ...]) -> Course:
    seen: dict[int, list[Any]] = {day: [] for day in days}
    for lesion in found.tracked:
        for day, measurement in measurements(lesion, PROTOCOL, source="reader")[0].items():
            seen[day].append(measurement)
    return Course("P", found.lesions, tuple(Timepoint(day, tuple(seen[day])) for day in days))


Build = Callable[..., Any]


def test_the_two_largest_of_an_organ_are_targets(followed: Build) -> None:
    patient = followed(
        {"L1": {0: "30x20"}, "L2": {0: "25x20"}, "L3": {0: "20x20"}, "L4": {0: "9x9"}},
        organs=dict.fromkeys(("L1", "L2", "L3"), "lung") | {"L4": "liver"},
    )
    assert roles(placed(patient)) == {
        "L1": Role.TARGET,
        "L2": Role.TARGET,
        "L3": Role.NON_TARGET,
        "L4": Role.NON_TARGET,
    }


def test_an_unknown_organ_is_not_shared_and_is_asked_for(followed: Build) -> None:
    patient = followed({f"L{n}": {0: f"{30 - n}x12"} for n in range(1, 4)})
    found = placed(patient)
    assert set(roles(found).values()) == {Role.TARGET}
    assert any("organ unknown for L1, L2, L3" in warning for warning in found.warnings)
    named = [Override(f"L{n}", organ="lung", is_node=False) for n in range(1, 4)]
    assert roles(placed(patient, *named))["L3"] is Role.NON_TARGET
    assert placed(patient, *named).warnings == ()


def test_thick_slices_raise_what_is_measurable(followed: Build) -> None:
    lesion = {"L1": {0: "14x12"}}
    assert roles(placed(followed(lesion, slice_mm=5.0))) == {"L1": Role.TARGET}
    assert roles(placed(followed(lesion, slice_mm=8.0))) == {"L1": Role.NON_TARGET}


def test_nodes_go_by_their_short_axis(followed: Build) -> None:
    patient = followed(
        {"L1": {0: "30x16"}, "L2": {0: "30x12"}, "L3": {0: "30x8"}}, nodes=("L1", "L2", "L3")
    )
    found = placed(patient)
    assert roles(found) == {"L1": Role.TARGET, "L2": Role.NON_TARGET}
    assert any(warning.startswith("L3 is not recorded") for warning in found.warnings)


def test_the_piece_with_the_widest_short_axis_stands_for_a_node(followed: Build) -> None:
    patient = followed({"L1": {0: ["30x9", "20x17"]}}, nodes=("L1",))
    assert roles(placed(patient)) == {"L1": Role.TARGET}


def test_a_normal_node_that_becomes_pathological_is_new_from_then_on(followed: Build) -> None:
    patient = followed({"L1": {0: "12x8", 56: "14x9", 112: "25x18"}}, nodes=("L1",))
    found = placed(patient)
    assert roles(found) == {"L1": Role.NEW}
    assert [seen.day for seen in found.tracked[0].track.sightings] == [112]


def test_a_new_node_that_is_normal_is_not_recorded(followed: Build) -> None:
    patient = followed({"L1": {0: "30x20", 56: "30x20"}, "L2": {56: "12x8"}}, nodes=("L2",))
    found = placed(patient)
    assert roles(found) == {"L1": Role.TARGET}
    assert "L2 is not recorded: a node that is normal at every date" in found.warnings


@pytest.mark.parametrize(
    ("node", "expected"), [({56: "12x8"}, "SD"), ({56: "25x18"}, "PD"), ({56: "9x9"}, "SD")]
)
def test_only_a_pathological_new_node_is_progression(
    followed: Build, node: dict[int, str], expected: str
) -> None:
    patient = followed({"L1": {0: "30x20", 56: "30x20"}, "L2": node}, nodes=("L2",))
    history = course(placed(patient), (0, 56))
    assert str(recist11.assess(history, PROTOCOL)[-1].overall) == expected


def test_a_new_node_in_doubt_is_judged_with_the_next_scan(followed: Build) -> None:
    """A node of 11 mm that is normal again was never progression (AMB-05)."""
    patient = followed(
        {"L1": dict.fromkeys((0, 56, 112), "30x20"), "L2": {56: "14x11", 112: "12x7"}},
        nodes=("L2",),
    )
    history = course(placed(patient), (0, 56, 112))
    overall = [str(each.overall) for each in recist11.assess(history, PROTOCOL)]
    assert "PD" not in overall


def test_a_small_new_lesion_that_is_no_node_is_progression(followed: Build) -> None:
    patient = followed({"L1": {0: "30x20", 56: "30x20"}, "L2": {56: "6x5"}})
    history = course(placed(patient), (0, 56))
    assert str(recist11.assess(history, PROTOCOL)[-1].overall) == "PD"


def test_the_reader_wins_over_every_rule(followed: Build) -> None:
    patient = followed({"L1": {0: "30x20"}, "L2": {0: "8x8"}, "L3": {0: "12x7"}}, nodes=("L3",))
    found = placed(
        patient,
        Override("L1", role=Role.NON_TARGET),
        Override("L2", role=Role.TARGET, organ="liver"),
        Override("L3", role=Role.NON_TARGET),
    )
    assert roles(found) == {"L1": Role.NON_TARGET, "L2": Role.TARGET, "L3": Role.NON_TARGET}
    assert [lesion.organ for lesion in found.lesions] == ["unknown", "liver", "lymph node"]
    assert any("L2 is the reader's target though" in warning for warning in found.warnings)


def test_a_role_for_a_lesion_not_seen_at_baseline_is_said_to_be_without_effect(
    followed: Build,
) -> None:
    patient = followed({"L1": {0: "30x20", 56: "30x20"}, "L2": {56: "20x20"}})
    found = placed(patient, Override("L2", role=Role.TARGET))
    assert roles(found)["L2"] is Role.NEW
    assert any("role target for L2 is without effect" in warning for warning in found.warnings)


def test_a_choice_for_an_unknown_lesion_is_refused(followed: Build) -> None:
    with pytest.raises(InputError, match="L7"):
        placed(followed({"L1": {0: "30x20"}}), Override("L7", role=Role.TARGET))


def test_what_merged_into_a_lesion_that_is_none_is_not_evaluable(followed: Build) -> None:
    patient = followed(
        {"L1": {0: "30x20", 56: "40x20"}, "L2": {0: "20x20", 56: State.MERGED}}, merged_into="L1"
    )
    assert course(placed(patient), (0, 56)).timepoints[1].measurements[1].merged_into == "L1"
    found = placed(patient, Override("L1", dropped=True))
    (measurement,) = course(found, (0, 56)).timepoints[1].measurements
    assert measurement.status is Status.NOT_EVALUABLE


def test_what_was_irradiated_before_the_baseline_is_no_target(followed: Build) -> None:
    patient = followed({"L1": {0: "30x20"}, "L2": {0: "20x20"}})
    fields = {"L1": Field.IN, "L2": Field.OUT}
    assert roles(placed(patient, fields=fields)) == dict.fromkeys(("L1", "L2"), Role.TARGET)
    before = placed(patient, fields=fields, treatment=LocalTreatment.BEFORE_BASELINE)
    assert roles(before) == {"L1": Role.NON_TARGET, "L2": Role.TARGET}
    assert [lesion.field for lesion in before.lesions] == [Field.IN, Field.OUT]


def test_the_tracking_uid_is_the_same_in_every_run(followed: Build) -> None:
    once, again = (placed(followed({"L1": {0: "30x20"}, "L2": {0: "9x9"}})) for _ in range(2))
    uids = [lesion.tracking_uid for lesion in once.lesions]
    assert uids == [lesion.tracking_uid for lesion in again.lesions]
    assert len(set(uids)) == 2


def test_uptake_that_looks_like_an_organ_is_no_target_unless_a_reader_says_so(
    followed: Build,
) -> None:
    patient = followed({"L1": {0: "60x50"}, "L2": {0: "20x15"}}, organs={"L1": "a", "L2": "b"})
    bladder, lesion = patient.sized[0]
    hot = replace(bladder, candidate=replace(bladder.candidate, physiological="bladder"))
    patient = replace(patient, sized=((hot, lesion), *patient.sized[1:]))
    found = placed(patient, reviewed=False)
    assert roles(found) == {"L1": Role.NON_TARGET, "L2": Role.TARGET}
    assert any("L1: no target: its uptake looks like the bladder" in each for each in found.reasons)
    said = placed(patient, Override("L1", role=Role.TARGET), reviewed=False)
    assert roles(said)["L1"] is Role.TARGET
    assert roles(placed(patient, reviewed=True))["L1"] is Role.TARGET
