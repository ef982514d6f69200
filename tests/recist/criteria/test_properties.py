"""What holds for every patient."""

from __future__ import annotations

import pickle
from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from recist.course import Course, Lesion, Measurement, Role, Status, Timepoint
from recist.criteria import irecist, recist11
from recist.criteria.diameter import has_grown
from recist.criteria.observation import Observation, read
from recist.criteria.response_tables import IMMUNE
from recist.protocol import DEFAULT, PRESETS, Protocol
from recist.response import Assessment, Response, Scope

ORDER = (Response.CR, Response.PR, Response.SD, Response.PD)

tenths = st.integers(0, 600).map(lambda value: Decimal(value) / 10)
measured = st.one_of(tenths, st.sampled_from([Decimal(0), Decimal(5), Decimal(10), Decimal(20)]))
protocols = st.sampled_from(list(PRESETS.values()))


def of_size(name: str, size_mm: Decimal) -> Measurement:
    return Measurement(name, Status.MEASURED, (size_mm,))


@st.composite
def courses(draw: st.DrawFn, *, follow_ups: int = 4) -> Course:
    """Patients of every kind, with gaps, fragments, markers and new lesions."""
    kinds = [("T", Role.TARGET, 3), ("X", Role.NON_TARGET, 2), ("N", Role.NEW, 2)]
    lesions = [
        Lesion(f"{letter}{k}", draw(st.sampled_from(["liver", "lung"])), draw(st.booleans()), role)
        for letter, role, most in kinds
        for k in range(draw(st.integers(0, most)))
    ]
    words = {
        Role.TARGET: [Status.ABSENT, Status.TOO_SMALL, Status.NOT_EVALUABLE],
        Role.NON_TARGET: [
            *(Status.ABSENT, Status.PRESENT, Status.INCREASED, Status.DECREASED),
            *(Status.PROGRESSION, Status.NOT_EVALUABLE, Status.TOO_SMALL),
        ],
        Role.NEW: [
            *(Status.ABSENT, Status.PRESENT, Status.INCREASED, Status.DECREASED),
            *(Status.PROGRESSION, Status.NOT_EVALUABLE, Status.EQUIVOCAL),
        ],
    }
    day = 0
    timepoints = []
    for k in range(1 + draw(st.integers(1, follow_ups))):
        records = []
        for lesion in lesions:
            if k == 0 and lesion.role is Role.NEW:
                continue
            if k == 0 and lesion.role is Role.TARGET:
                records.append(of_size(lesion.id, draw(st.integers(10, 50).map(Decimal))))
            elif draw(st.integers(0, 9)) < (6 if lesion.role is Role.TARGET else 2):
                records.append(of_size(lesion.id, draw(measured)))
            elif draw(st.integers(0, 9)):
                records.append(Measurement(lesion.id, draw(st.sampled_from(words[lesion.role]))))
        timepoints.append(Timepoint(day, tuple(records)))
        day += draw(st.sampled_from([14, 28, 42, 56, 84]))
    return Course("S1", tuple(lesions), tuple(timepoints))


def both(course: Course, protocol: Protocol = DEFAULT) -> tuple[tuple[Assessment, ...], ...]:
    found = recist11.assess(course, protocol), irecist.assess(course, protocol)
    assert [len(one) for one in found] == [len(course.timepoints) - 1] * 2
    return found


def answers(assessments: tuple[Assessment, ...]) -> list[tuple[object, ...]]:
    return [
        (a.sum_mm, a.nadir_mm, a.target, a.non_target, a.new_lesion, a.overall, a.block)
        for a in assessments
    ]


@given(courses(), protocols, st.randoms())
def test_the_order_of_lesions_and_rows_is_irrelevant(course, protocol, random) -> None:
    shuffled = replace(
        course,
        lesions=tuple(random.sample(course.lesions, len(course.lesions))),
        timepoints=tuple(
            replace(t, measurements=tuple(random.sample(t.measurements, len(t.measurements))))
            for t in course.timepoints
        ),
    )
    for plain, mixed in zip(both(course, protocol), both(shuffled, protocol), strict=True):
        assert answers(plain) == answers(mixed)


@given(courses(), protocols, tenths, st.data())
def test_enlarging_a_target_never_improves_the_response(course, protocol, more, data) -> None:
    last = course.timepoints[-1]
    sizes = [m for m in last.measurements if m.lesion_id.startswith("T") and m.parts_mm]
    if not sizes:
        return
    chosen = data.draw(st.sampled_from(sizes))
    grown = tuple(
        of_size(m.lesion_id, m.parts_mm[0] + more) if m is chosen else m for m in last.measurements
    )
    larger = replace(
        course, timepoints=(*course.timepoints[:-1], replace(last, measurements=grown))
    )
    before = recist11.assess(course, protocol)[-1]
    after = recist11.assess(larger, protocol)[-1]
    for was, now in ((before.target, after.target), (before.overall, after.overall)):
        if was in ORDER:
            assert ORDER.index(now) >= ORDER.index(was)
        else:
            assert now in (was, Response.PD)


@given(courses(), protocols, st.data())
def test_a_new_lesion_is_at_least_unconfirmed_progression(course, protocol, data) -> None:
    k = data.draw(st.integers(1, len(course.timepoints) - 1))
    timepoints = list(course.timepoints)
    seen = (*timepoints[k].measurements, Measurement("Z", Status.PRESENT))
    timepoints[k] = replace(timepoints[k], measurements=seen)
    lesions = (*course.lesions, Lesion("Z", "bone", False, Role.NEW))
    plain, immune = both(replace(course, lesions=lesions, timepoints=tuple(timepoints)), protocol)
    if plain:
        assert plain[k - 1].overall is Response.PD
        assert immune[k - 1].overall in (Response.IUPD, Response.ICPD, Response.DISREGARDED)


@given(courses(), protocols)
def test_the_nadir_never_rises(course, protocol) -> None:
    for assessments in both(course, protocol):
        nadirs = [a.nadir_mm for a in assessments if a.nadir_mm is not None]
        assert nadirs == sorted(nadirs, reverse=True)


@given(courses(), st.integers(2, 9))
def test_scaling_by_a_whole_number_leaves_the_percentages(course, factor) -> None:
    """Only the 5 mm guard knows the scale: without nodes, SD may become PD, nothing else."""
    targets = [lesion.id for lesion in course.lesions if lesion.role is Role.TARGET]
    soft = {lesion.id for lesion in course.lesions if not lesion.is_node}
    course = course.restricted_to(name for name in targets if name in soft)

    def scaled(by: int) -> Course:
        kept = (  # the nominal size of a lesion too small to measure does not scale
            replace(
                timepoint,
                measurements=tuple(
                    of_size(m.lesion_id, m.parts_mm[0] * by) if m.parts_mm else m
                    for m in timepoint.measurements
                    if m.status is not Status.TOO_SMALL
                ),
            )
            for timepoint in course.timepoints
        )
        return replace(course, timepoints=tuple(kept))

    small, large = scaled(1), scaled(factor)
    plain = replace(DEFAULT, sticky_pr="none")
    for was, now in zip(recist11.assess(small, plain), recist11.assess(large, plain), strict=True):
        if was.target is not now.target:
            assert now.target is Response.PD
            assert was.sum_mm is not None and was.nadir_mm is not None
            assert not has_grown(was.sum_mm, was.nadir_mm)
            assert was.sum_mm * 5 >= was.nadir_mm * 6


@given(courses(), protocols)
def test_irecist_is_recist_until_the_first_progression(course, protocol) -> None:
    for plain, immune in zip(*both(course, protocol), strict=True):
        assert IMMUNE[plain.overall] == immune.overall
        assert IMMUNE[plain.target] == immune.target
        assert plain.nadir_mm == immune.nadir_mm
        if plain.overall is Response.PD:
            break


@settings(max_examples=200)
@given(courses(), protocols)
def test_every_assessment_can_say_why(course, protocol) -> None:
    for assessments in both(course, protocol):
        for assessment in assessments:
            assert assessment.reasons
            for reason in assessment.reasons:
                assert reason.rule and reason.source and reason.sentence.endswith(".")
                assert pickle.loads(pickle.dumps(reason)) == reason
                assert reason.margin_mm is None or reason.margin_mm >= 0


@given(courses(), protocols)
def test_an_answer_has_all_of_its_values(course, protocol) -> None:
    """They are made without the constructor, which would count them."""
    for seen in read(course, protocol).seen:
        assert len(seen) == len(Observation._fields)
    for assessments in both(course, protocol):
        for assessment in assessments:
            assert len(assessment) == len(Assessment._fields)


@given(courses(), protocols)
def test_what_irecist_takes_over_from_recist_is_what_it_would_find(course, protocol) -> None:
    """While both keep the same history their judgements are one; judged anew nothing changes."""
    patient, visits = recist11.follow_up(course, protocol, Scope.ALL)
    judged = [found for found, _, _ in visits]
    after = next((k for k, found in enumerate(judged) if found.overall is Response.PD), None)
    if after is None:
        return
    own = recist11.Judge(patient, protocol)
    for k, found in enumerate(judged[:after], start=1):
        own.add_as_recist(k, found)
    reading = irecist.IrecistReading(patient, protocol, visits, after=after)
    reading._own = own  # from the first progression on, as where the histories part
    anew = [reading.assess(k) for k in range(after + 1, len(patient.seen))]
    assert anew == list(irecist.assess(course, protocol)[after:])


@given(courses(), protocols)
def test_the_block_of_a_confirmed_progression_began_with_its_first_iupd(course, protocol) -> None:
    assessments = irecist.assess(course, protocol)
    for assessment in assessments:
        if assessment.overall is Response.ICPD:
            first = next(a for a in assessments if a.day == assessment.first_iupd_day)
            assert first.overall is Response.IUPD and first.block == assessment.block
        if assessment.overall in (Response.IUPD, Response.ICPD, Response.DISREGARDED):
            assert assessment.block > 0


@given(courses(), protocols)
def test_a_restricted_course_is_judged_by_its_own_sums(course, protocol) -> None:
    names = [lesion.id for lesion in course.lesions][::2]
    for assessments in both(course.restricted_to(names), protocol):
        for assessment in assessments:
            targets = [name for name in names if name.startswith("T")]
            assert (assessment.baseline_mm is None) == (not targets)
            if targets:
                sizes = {m.lesion_id: m.diameter_mm for m in course.timepoints[0].measurements}
                assert assessment.baseline_mm == sum(sizes[name] for name in targets)
