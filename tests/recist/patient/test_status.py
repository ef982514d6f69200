"""Which word a tracked lesion gets at a date: the rules that stand in for a reader's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from recist.course import Measurement, Role, Status
from recist.criteria.robustness import ONE_READER
from recist.patient.overrides import Override
from recist.patient.status import LARGEST_ERROR, delineation_error, measurements
from recist.patient.tracked_lesion import TrackedLesion
from recist.protocol import load
from recist.tracking import State

PROTOCOL = load("recist11-eortc")
Build = Callable[..., Any]


def tracked(
    patient: Any, role: Role, *, is_node: bool = False, reviewed: tuple[int, ...] | None = None
) -> TrackedLesion:
    """The only lesion of a patient."""
    (track,) = patient.tracks.lesions
    days = patient.tracks.days
    known = TrackedLesion.of(track, days, patient.sized, Override(track.id, is_node=is_node), {})
    checked = frozenset(days if reviewed is None else reviewed)
    return replace(known, role=role, reviewed=checked)


def course(lesion: TrackedLesion, protocol: Any = PROTOCOL) -> list[Measurement]:
    return list(measurements(lesion, protocol, source="reader")[0].values())


def words(lesion: TrackedLesion, protocol: Any = PROTOCOL) -> list[Status]:
    return [measurement.status for measurement in course(lesion, protocol)]


def remarks(lesion: TrackedLesion) -> list[str]:
    return [remark for _, _, remark in measurements(lesion, PROTOCOL, source="reader")[1]]


def test_a_target_is_measured_by_its_longest_diameter_a_node_by_its_short_axis(
    followed: Build,
) -> None:
    patient = followed({"L1": {0: "30.5x20.1", 56: "22x15"}})
    sizes = [each.diameter_mm for each in course(tracked(patient, Role.TARGET))]
    assert sizes == [Decimal("30.5"), Decimal(22)]
    nodal = [each.diameter_mm for each in course(tracked(patient, Role.TARGET, is_node=True))]
    assert nodal == [Decimal("20.1"), Decimal(15)]


def test_the_pieces_of_a_target_are_recorded_each(followed: Build) -> None:
    patient = followed({"L1": {0: "30x20", 56: ["12x9", "8x5"]}})
    assert course(tracked(patient, Role.TARGET))[1].parts_mm == (Decimal(12), Decimal(8))


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (State.ABSENT, Status.ABSENT),
        (State.NOT_EVALUABLE, Status.NOT_EVALUABLE),
        (State.AMBIGUOUS, Status.NOT_EVALUABLE),
    ],
)
def test_what_has_no_delineation_is_named_by_the_state(
    followed: Build, state: State, status: Status
) -> None:
    lesion = tracked(followed({"L1": {0: "30x20", 56: state}}), Role.TARGET)
    assert words(lesion) == [Status.MEASURED, status]
    assert bool(remarks(lesion)) is (status is Status.NOT_EVALUABLE)


def test_a_merged_lesion_names_the_other(followed: Build) -> None:
    patient = followed({"L1": {0: "30x20", 56: State.MERGED}}, merged_into="L2")
    assert course(tracked(patient, Role.TARGET))[1].merged_into == "L2"


def test_what_is_missing_where_a_delineation_is_damaged_is_not_evaluable(followed: Build) -> None:
    lesion = tracked(followed({"L1": {0: "30x20", 56: State.ABSENT}}), Role.TARGET)
    assert words(lesion)[1] is Status.ABSENT
    damaged = replace(lesion, incomplete=frozenset({lesion.track.sightings[1].day}))
    assert words(damaged)[1] is Status.NOT_EVALUABLE
    assert "cannot be used" in remarks(damaged)[0]


def test_an_absence_that_rests_on_the_network_alone_is_not_evaluable(followed: Build) -> None:
    lesion = tracked(followed({"L1": {0: "30x20", 56: State.ABSENT}}), Role.TARGET, reviewed=(0,))
    assert words(lesion)[1] is Status.NOT_EVALUABLE
    assert "gone or missed" in remarks(lesion)[0]
    bold = replace(PROTOCOL, unreviewed_absence="absent")
    assert words(lesion, bold)[1] is Status.ABSENT


@pytest.mark.parametrize(
    ("counted", "confidence", "status"),
    [
        ("measured", 0.4, Status.ABSENT),
        ("measured_if_sure", 0.5, Status.ABSENT),
        ("measured_if_sure", 0.4, Status.NOT_EVALUABLE),
        ("not_evaluable", 0.9, Status.NOT_EVALUABLE),
    ],
)
def test_what_was_looked_for_and_not_found_counts_as_other_proposals_do(
    followed: Build, counted: str, confidence: float, status: Status
) -> None:
    lesion = tracked(followed({"L1": {0: "30x20", 56: State.ABSENT}}), Role.TARGET, reviewed=(0,))
    protocol = replace(PROTOCOL, unreviewed_measurement=counted)
    assert words(lesion, protocol)[1] is Status.NOT_EVALUABLE  # nobody looked at its place
    first, gone = lesion.track.sightings
    looked = replace(gone, confidence=confidence, looked_for=True)
    sought = replace(lesion, track=replace(lesion.track, sightings=(first, looked)))
    assert words(sought, protocol)[1] is status
    # A reader who drew that date and left it out says that it is gone, whatever is proposed.
    drawn = replace(sought, reviewed=frozenset({first.day, gone.day}))
    assert words(drawn, protocol)[1] is Status.ABSENT


def test_a_new_lesion_of_the_network_is_equivocal_until_it_is_reviewed(followed: Build) -> None:
    patient = followed({"L1": {0: State.ABSENT, 56: "20x15"}})
    unchecked = tracked(patient, Role.NEW, reviewed=())
    assert words(unchecked)[1] is Status.EQUIVOCAL
    assert words(unchecked, replace(PROTOCOL, unreviewed_new_lesion="unequivocal"))[1] is (
        Status.MEASURED
    )
    assert words(tracked(patient, Role.NEW))[1] is Status.MEASURED


@pytest.mark.parametrize(
    ("later", "reviewed", "expected"),
    [
        # a reader went through the second date alone: what is found later is new still
        (["20x15", "22x15", "9x8"], {56}, ["measured", "measured", "present"]),
        (["20x15", "22x15", "25x15"], {112}, ["equivocal", "measured", "measured"]),
        (["20x15", State.ABSENT, "25x15"], {56}, ["measured", "not_evaluable", "measured"]),
        # called gone by a reader, found again by the network: a doubt again
        (["20x15", State.ABSENT, "25x15"], {56, 112}, ["measured", "absent", "equivocal"]),
        (["20x15", "22x15", "25x15"], {0}, ["equivocal", "equivocal", "equivocal"]),
    ],
)
def test_a_new_lesion_that_a_reader_confirmed_once_stays_one(
    followed: Build, later: list[Any], reviewed: set[int], expected: list[str]
) -> None:
    seen = dict(zip((56, 112, 168), later, strict=True))
    lesion = tracked(
        followed({"L1": {0: State.ABSENT, **seen}}), Role.NEW, reviewed=tuple(reviewed)
    )
    assert words(lesion)[1:] == [Status[name.upper()] for name in expected]


def test_a_doubtful_outline_of_a_confirmed_new_lesion_is_no_size_and_no_disappearance(
    followed: Build,
) -> None:
    patient = followed({"L1": {0: State.ABSENT, 56: "20x16", 112: "20x9"}})
    node = tracked(patient, Role.NEW, is_node=True, reviewed=(56,))
    sightings = list(node.track.sightings)
    sightings[2] = replace(sightings[2], confidence=0.3)
    doubtful = replace(node, track=replace(node.track, sightings=tuple(sightings)))
    careful = replace(PROTOCOL, unreviewed_measurement="measured_if_sure")
    assert words(doubtful, careful)[1:] == [Status.MEASURED, Status.PRESENT]
    assert words(node)[1:] == [Status.MEASURED, Status.MEASURED]  # normal now, by its size


@pytest.mark.parametrize(
    ("size", "is_node", "status"),
    [
        ("9.9x9", False, Status.PRESENT),  # below 10 mm no new-lesion target, but a new lesion
        ("10x9", False, Status.MEASURED),
        ("20x14", True, Status.MEASURED),  # in doubt: the criteria need its size
        ("20x9", True, Status.MEASURED),  # normal: the criteria need its size
    ],
)
def test_a_new_node_is_recorded_with_its_size(
    followed: Build, size: str, is_node: bool, status: Status
) -> None:
    patient = followed({"L1": {0: State.ABSENT, 56: size}})
    assert words(tracked(patient, Role.NEW, is_node=is_node))[1] is status


def test_a_normal_node_is_not_even_equivocal(followed: Build) -> None:
    patient = followed({"L1": {0: State.ABSENT, 56: "12x8"}})
    unchecked = tracked(patient, Role.NEW, is_node=True, reviewed=())
    assert course(unchecked)[1].diameter_mm == 8


@pytest.mark.parametrize(
    ("sizes", "status"),
    [
        (("20x10", "23.9x10"), Status.PRESENT),  # +19.5 %
        (("20x10", "24.9x10"), Status.PRESENT),  # +4.9 mm
        (("20x10", "25x10"), Status.INCREASED),
        (("30x10", "20x10", "25x10"), Status.INCREASED),  # from the smallest, not the first
        (("100x10", "110x10"), Status.PRESENT),  # +10 %
    ],
)
def test_a_non_target_that_grew_is_marked_for_the_reader(
    followed: Build, sizes: tuple[str, ...], status: Status
) -> None:
    lesion = tracked(followed({"L1": dict(enumerate(sizes))}), Role.NON_TARGET)
    assert words(lesion)[-1] is status
    assert bool(remarks(lesion)) is (status is Status.INCREASED)


def test_a_non_target_node_below_10_mm_is_normal(followed: Build) -> None:
    patient = followed({"L1": {0: "20x12", 56: "20x9.9", 112: "20x12"}})
    lesion = tracked(patient, Role.NON_TARGET, is_node=True)
    assert words(lesion) == [Status.PRESENT, Status.ABSENT, Status.PRESENT]


def test_only_what_is_measured_has_a_diameter_but_all_seen_have_a_volume(followed: Build) -> None:
    lesion = tracked(followed({"L1": {0: "20x12", 56: State.ABSENT}}), Role.NON_TARGET)
    seen, absent = course(lesion)
    assert seen.parts_mm == () and seen.volume_ml == 0.001 and seen.caliper is not None
    assert absent.volume_ml is None and absent.caliper is None


def doubtful(lesion: TrackedLesion, uncertainty_mm: float | None, **known: object) -> TrackedLesion:
    """The same lesion, its delineations unsure by so much."""
    sized = {
        day: tuple(
            replace(
                piece,
                candidate=replace(
                    piece.candidate,
                    diameter_uncertainty_mm=uncertainty_mm,
                    **known,  # type: ignore[arg-type]
                ),
            )
            for piece in pieces
        )
        for day, pieces in lesion.sized.items()
    }
    return replace(lesion, sized=sized)


def test_the_doubt_of_a_network_is_the_error_where_it_is_larger_than_a_readers(
    followed: Build,
) -> None:
    lesion = tracked(followed({"L1": {0: "30x20", 56: "30x20"}}), Role.TARGET)
    assert delineation_error([lesion]) is ONE_READER
    assert delineation_error([doubtful(lesion, 0.3)]) is ONE_READER
    assert delineation_error([doubtful(lesion, 6.0)]).lesion_sd == pytest.approx(0.2, rel=0.01)
    assert delineation_error([doubtful(lesion, 60.0)]).lesion_sd == LARGEST_ERROR
    other = tracked(followed({"L1": {0: "30x20"}}), Role.NON_TARGET)
    assert delineation_error([doubtful(other, 6.0)]) is ONE_READER


def test_what_a_network_repeats_at_every_date_lasts(followed: Build) -> None:
    lesion = tracked(followed({"L1": {0: "30x20", 56: "30x20"}}), Role.TARGET)
    whole = delineation_error([doubtful(lesion, 6.0)])
    found = delineation_error([doubtful(lesion, 6.0, lasting_share=0.6)])
    assert found.lasting_sd == pytest.approx(0.2 * 0.6**0.5, rel=0.02)
    assert found.lesion_sd**2 + found.lasting_sd**2 == pytest.approx(whole.lesion_sd**2)
    # A reader's part of it is drawn anew whatever the network repeats.
    most = delineation_error([doubtful(lesion, 3.0, lasting_share=0.99)])
    assert most.lesion_sd == ONE_READER.lesion_sd


def test_what_two_sources_drew_has_nothing_in_common(followed: Build) -> None:
    lesion = doubtful(
        tracked(followed({"L1": {0: "30x20", 56: "30x20"}}), Role.TARGET), 6.0, lasting_share=0.6
    )
    (piece,) = lesion.sized[56]
    other = replace(piece, candidate=replace(piece.candidate, source="another"))
    found = delineation_error([replace(lesion, sized={**lesion.sized, 56: (other,)})])
    assert (found.lesion_sd, found.lasting_sd) == (pytest.approx(0.2, rel=0.01), 0.0)
