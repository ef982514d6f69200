"""What the truth table leaves open: options, gates, reasons and their margins."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.errors import InputError
from pet.response.comparability import Comparability
from pet.response.eortc import Eortc, eortc
from pet.response.immune import (
    AfterReset,
    Confirms,
    IPercist,
    Pecrit,
    ipercist,
    pecrit,
    percimt,
)
from pet.response.lymphoma import Deauville, LymphomaCourse, deauville, lugano
from pet.response.percist import IMPERCIST5, PERCIST, PERCIST5, percist
from pet.response.pet_assessment import PetAssessment, PetResponse
from pet.response.protocol import PetProtocol, from_table
from pet.response.scan import LesionUptake, PetScan, ReferenceUptake

LIVER = ReferenceUptake(2.0, 0.2)
R = PetResponse


def scan(day: int = 0, *, liver: ReferenceUptake | None = LIVER, **peaks: float) -> PetScan:
    return PetScan(day, tuple(LesionUptake(name, peak) for name, peak in peaks.items()), liver)


def with_lesions(day: int, *lesions: LesionUptake) -> PetScan:
    return PetScan(day, lesions, LIVER)


# --- PERCIST --------------------------------------------------------------------------------


def test_the_margin_is_the_distance_to_the_limit() -> None:
    partial = percist(scan(L1=10.0), scan(56, L1=6.5))
    assert (partial.response, partial.reasons[0].margin) == (R.PMR, 5.0)
    stable = percist(scan(L1=10.0), scan(56, L1=12.0))
    assert (stable.response, stable.reasons[0].margin) == (R.SMD, 10.0)
    worse = percist(scan(L1=10.0), scan(56, L1=14.0))
    assert (worse.response, worse.reasons[0].margin, worse.reasons[0].margin_unit) == (
        R.PMD,
        10.0,
        "%",
    )
    assert dict(worse.reasons[0].numbers) == {"baseline": 10, "follow-up": 14, "change %": 40}


def test_the_absolute_change_is_needed_too() -> None:
    liver = ReferenceUptake(1.0, 0.1)
    before, after = scan(liver=liver, L1=2.0), scan(56, liver=liver, L1=2.7)
    assert percist(before, after).response is R.SMD  # +35 %, +0.7 SUL
    assert percist(before, after, replace(PERCIST, least_sul=None)).response is R.PMD


def test_exactly_the_limit_is_an_option() -> None:
    strict = replace(PERCIST, inclusive=False)
    before, after = scan(L1=10.0), scan(56, L1=7.0)
    assert percist(before, after).response is R.PMR
    assert percist(before, after, strict).response is R.SMD


def glycolysis(day: int, peak: float, tlg: float | None) -> PetScan:
    return with_lesions(day, LesionUptake("L1", peak, tlg=tlg))


@pytest.mark.parametrize(
    ("peak", "tlg", "expected"),
    [
        (10.5, 180.0, R.PMD),
        (9.5, 180.0, R.SMD),  # SUL is falling
        (10.5, 175.0, R.SMD),  # not more than 75 %
        (10.5, None, R.SMD),
    ],
)
def test_glycolysis_is_progression_only_if_uptake_does_not_fall(
    peak: float, tlg: float | None, expected: PetResponse
) -> None:
    assert percist(glycolysis(0, 10.0, 100.0), glycolysis(56, peak, tlg)).response is expected


def test_stated_progression_of_other_disease() -> None:
    after = replace(scan(56, L1=5.0), progression=True)
    found = percist(scan(L1=10.0), after)
    assert (found.response, found.reasons[0].rule) == (R.PMD, "non-target-pmd")


def test_a_new_lesion_needs_no_comparison() -> None:
    other_liver = ReferenceUptake(3.0, 0.2)
    after = scan(56, liver=other_liver, L1=5.0, N1=4.0)
    found = percist(scan(L1=10.0), after)
    assert found.response is R.PMD
    assert any("gate failed: liver mean" in warning for warning in found.warnings)
    strict = replace(PERCIST, new_lesion_needs_no_comparison=False)
    assert percist(scan(L1=10.0), after, strict).response is R.NOT_COMPARABLE


def test_a_failed_gate_is_named_with_its_margin() -> None:
    found = percist(scan(L1=10.0), scan(56, liver=ReferenceUptake(2.5, 0.2), L1=5.0))
    assert found.response is R.NOT_COMPARABLE
    assert (found.reasons[0].margin, found.reasons[0].margin_unit) == (-5.0, "%")
    failed = [gate for gate in found.gates if gate.passed is False]
    assert [gate.unit for gate in failed] == ["%", "SUL"]


def test_other_scanner_or_activity_is_told_but_not_refused() -> None:
    before = replace(scan(L1=10.0), scanner="A", dose_mbq=300.0, uptake_min=60.0)
    after = replace(scan(56, L1=5.0), scanner="B", dose_mbq=400.0, uptake_min=62.0)
    found = percist(before, after)
    assert found.response is R.PMR
    assert len(found.warnings) == 2
    same = percist(before, replace(after, scanner="A", dose_mbq=310.0))
    assert same.warnings == ()


def test_gates_can_be_switched_off_or_added() -> None:
    open_gates = Comparability(
        reference_sul=None, uptake_apart_min=None, shortest_uptake_min=None, dose_percent=None
    )
    before = replace(scan(L1=10.0), uptake_min=60.0)
    after = replace(scan(56, liver=ReferenceUptake(2.4, 0.2), L1=5.0), uptake_min=90.0)
    assert percist(before, after).response is R.NOT_COMPARABLE
    loose = replace(PERCIST, comparability=open_gates)
    assert percist(before, after, loose).response is R.PMR
    late = replace(PERCIST, comparability=replace(open_gates, longest_uptake_min=70.0))
    assert percist(before, after, late).response is R.NOT_COMPARABLE
    assert percist(scan(L1=10.0), scan(56, L1=5.0), late).response is R.PMR  # times unknown


def test_complete_response_needs_every_lesion() -> None:
    gone = LesionUptake("L1", None, resolved=True)
    before = scan(L1=10.0, L2=5.0)
    both = with_lesions(56, gone, LesionUptake("L2", 1.0, resolved=True))
    assert percist(before, both).response is R.CMR
    one = percist(before, with_lesions(56, gone))
    assert one.response is not R.CMR
    assert "lesion L2 of baseline is not listed" in one.warnings
    assert (one.response, one.reasons[0].rule) == (R.NOT_EVALUABLE, "no-peak")


def test_a_follow_up_on_which_nothing_was_measured_is_not_evaluable() -> None:
    before, nothing = scan(L1=10.0, L2=5.0), with_lesions(56)
    unmeasured = with_lesions(56, LesionUptake("L1", None), LesionUptake("L2", None))
    for settings in (PERCIST, PERCIST5, IMPERCIST5):
        assert percist(before, nothing, settings).response is R.NOT_EVALUABLE
        assert percist(before, unmeasured, settings).response is R.NOT_EVALUABLE
    assert percimt(before, nothing).response is R.NOT_EVALUABLE
    assert eortc(before, nothing).response is R.NOT_EVALUABLE


def test_a_scan_that_cannot_be_evaluated_resets_no_progression() -> None:
    scans = [scan(0, L1=10.0), scan(56, L1=14.0), with_lesions(70), scan(91, L1=14.5)]
    assert responses(ipercist(scans)) == ["UPMD", "NOT_EVALUABLE", "CPMD"]


def test_no_lesion_at_baseline_is_not_measurable() -> None:
    assert percist(scan(), scan(56)).response is R.NOT_MEASURABLE
    assert percist(scan(liver=None), scan(56, liver=None), PERCIST5).response is R.NOT_MEASURABLE


def test_other_lesions_may_rise_where_the_option_says_so() -> None:
    before, after = scan(L1=10.0, L2=3.0), scan(56, L1=6.0, L2=4.5)
    assert percist(before, after).reasons[0].rule == "other-lesion-rises"
    loose = replace(PERCIST, other_rise_percent=None)
    assert percist(before, after, loose).response is R.PMR
    unmeasured = with_lesions(56, LesionUptake("L1", 6.0), LesionUptake("L2", None))
    assert percist(before, unmeasured).response is R.PMR


def test_a_new_lesion_enters_the_sum_of_impercist5() -> None:
    before, after = scan(L1=10.0, L2=8.0), scan(56, L1=9.0, L2=7.0, N1=8.0)
    found = percist(before, after, IMPERCIST5)
    assert (found.value, found.response) == (24.0, R.PMD)  # +33 %
    fewer = percist(before, scan(56, L1=5.0, L2=3.0, N1=2.0), IMPERCIST5)
    assert (fewer.value, fewer.response) == (10.0, R.PMR)


def test_five_lesions_at_most_two_of_an_organ() -> None:
    organs = ["liver", "liver", "liver", "lung", "", ""]
    before = with_lesions(
        0, *(LesionUptake(f"L{n}", 10.0 - n, organ) for n, organ in enumerate(organs))
    )
    found = percist(before, replace(before, day=56), PERCIST5)
    assert found.baseline == 10 + 9 + 7 + 6 + 5


# --- EORTC ----------------------------------------------------------------------------------


def suv(day: int, value: float | None, cycles: int | None = None) -> PetScan:
    return PetScan(day, (LesionUptake("L1", value, suv_max=value),), cycles=cycles)


@pytest.mark.parametrize(
    ("value", "cycles", "settings", "expected", "rule"),
    [
        (8.5, 1, Eortc(), R.PMR, "suv-pmr"),
        (8.0, 2, Eortc(), R.SMD, "gap"),
        (8.0, 2, Eortc(gap=R.PMR), R.PMR, "gap"),
        (8.0, None, Eortc(), R.SMD, "gap"),
        (9.0, 2, Eortc(), R.SMD, "suv-smd"),
        (7.4, 2, Eortc(), R.PMR, "suv-pmr"),
        (7.5, 2, Eortc(inclusive=True), R.PMR, "suv-pmr"),
        (12.5, 1, Eortc(inclusive=True), R.PMD, "suv-pmd"),
        (12.6, 2, Eortc(measure="peak"), R.PMD, "suv-pmd"),
        (None, 2, Eortc(), R.NOT_EVALUABLE, "no-uptake"),
    ],
)
def test_eortc_options(
    value: float | None, cycles: int | None, settings: Eortc, expected: PetResponse, rule: str
) -> None:
    found = eortc(suv(0, 10.0), suv(28, value, cycles), settings)
    assert (found.response, found.reasons[0].rule) == (expected, rule)


def test_eortc_new_uptake_is_progression() -> None:
    after = PetScan(28, (LesionUptake("N1", 3.0, suv_max=3.0, new=True),))
    assert eortc(suv(0, 10.0), after).response is R.PMD
    assert eortc(PetScan(0), PetScan(28)).response is R.NOT_EVALUABLE


# --- Immunotherapy --------------------------------------------------------------------------


def responses(found: tuple[PetAssessment, ...]) -> list[str]:
    return [one.response.value for one in found]


def test_a_further_rise_can_be_asked_for() -> None:
    scans = [scan(0, L1=10.0), scan(56, L1=14.0), scan(91, L1=13.5)]
    assert responses(ipercist(scans)) == ["UPMD", "CPMD"]
    further = IPercist(confirms=Confirms.FURTHER_RISE)
    assert responses(ipercist(scans, further)) == ["UPMD", "UPMD"]
    more = [*scans[:2], scan(91, L1=13.5, N1=3.0)]
    assert responses(ipercist(more, further)) == ["UPMD", "CPMD"]
    hotter = [*scans[:2], scan(91, L1=15.0)]
    assert responses(ipercist(hotter, further)) == ["UPMD", "CPMD"]


def test_a_late_scan_confirms_only_if_allowed() -> None:
    scans = [scan(0, L1=10.0), scan(56, L1=14.0), scan(140, L1=19.0)]
    late = ipercist(scans)[1]
    assert late.response is R.CPMD
    assert "confirmed 12.0 weeks later, beyond 8" in late.warnings
    assert responses(ipercist(scans, IPercist(late_confirms=False))) == ["UPMD", "UPMD"]


def test_the_reference_after_a_reset_is_an_option() -> None:
    scans = [scan(0, L1=10.0), scan(56, L1=14.0), scan(91, L1=6.5), scan(147, L1=9.0)]
    assert responses(ipercist(scans)) == ["UPMD", "PMR", "SMD"]
    reset = IPercist(after_reset=AfterReset.RESET_SCAN)
    assert responses(ipercist(scans, reset)) == ["UPMD", "PMR", "UPMD"]
    assert ipercist(scans)[1].reasons[0].rule == "reset"


def test_progression_stays_confirmed() -> None:
    scans = [scan(0, L1=10.0), scan(56, L1=14.0), scan(91, L1=15.0), scan(98, L1=16.0)]
    assert responses(ipercist(scans)) == ["UPMD", "CPMD", "CPMD"]


def test_a_worse_patient_should_not_wait() -> None:
    scans = [scan(0, L1=10.0), replace(scan(56, L1=14.0), deterioration=True)]
    assert any("clinically worse" in warning for warning in ipercist(scans)[0].warnings)


def test_days_must_rise() -> None:
    with pytest.raises(InputError, match="rising"):
        ipercist([scan(5, L1=1.0), scan(5, L1=1.0)])
    with pytest.raises(InputError, match="rising"):
        ipercist([])


def test_percimt_partial_response_and_missing_lesions() -> None:
    before = scan(L1=5.0, L2=4.0)
    one_gone = with_lesions(84, LesionUptake("L1", 5.0), LesionUptake("L2", None, resolved=True))
    assert percimt(before, one_gone).response is R.PMR
    unseen = with_lesions(84, LesionUptake("L2", None, resolved=True))
    assert percimt(before, unseen).response is R.PMR  # L1 is not proven gone
    assert percimt(before, scan(84, L1=5.0, L2=4.0)).response is R.SMD


def test_percimt_without_a_lesion_at_baseline_tells_progression_alone() -> None:
    assert percimt(scan(), scan(84)).response is R.NOT_MEASURABLE
    assert percimt(scan(), scan(84, L1=5.0)).response is R.NOT_MEASURABLE
    many = scan(84, L1=5.0, L2=5.0, L3=5.0, L4=5.0)
    assert percimt(scan(), many).response is R.PMD


@pytest.mark.parametrize(
    ("recist11", "change", "expected"),
    [
        ("SD", 15.6, R.BENEFIT),
        ("SD", None, R.NOT_EVALUABLE),
        ("NE", 30.0, R.NOT_EVALUABLE),
        ("PR", None, R.BENEFIT),
    ],
)
def test_pecrit(recist11: str, change: float | None, expected: PetResponse) -> None:
    assert pecrit(recist11, change).response is expected


def test_pecrit_limit_is_a_setting() -> None:
    assert pecrit("SD", 12.0, settings=Pecrit(10.0)).response is R.BENEFIT


# --- Lymphoma -------------------------------------------------------------------------------


def test_marked_uptake_by_two_or_three_livers() -> None:
    assert deauville(6.0, 1.8, 2.8)[0] == 5
    assert deauville(6.0, 1.8, 2.8, settings=Deauville(marked_factor=3.0))[0] == 4


def test_equal_uptake_takes_the_higher_score_if_asked() -> None:
    assert deauville(2.8, 1.8, 2.8, settings=Deauville(equal_is_lower=False))[0] == 4


def test_references_must_be_plausible() -> None:
    with pytest.raises(InputError, match="no references"):
        deauville(4.0, 2.8, 1.8)
    with pytest.raises(InputError, match="1 to 5"):
        lugano(0, LymphomaCourse.DECREASE)


def test_rising_residual_uptake_is_progression() -> None:
    assert lugano(4, LymphomaCourse.INCREASE).response is R.PMD


# --- Types and settings ---------------------------------------------------------------------


def test_types_are_valid_from_birth() -> None:
    with pytest.raises(InputError, match="peak of -1"):
        LesionUptake("L1", -1.0)
    with pytest.raises(InputError, match="reference region"):
        ReferenceUptake(0.0, 0.1)
    with pytest.raises(InputError, match="twice"):
        PetScan(0, (LesionUptake("L1", 1.0), LesionUptake("L1", 2.0)))
    with pytest.raises(InputError, match="dose"):
        PetScan(0, dose_mbq=0.0)


def test_settings_of_a_file_change_only_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "pet.toml"
    path.write_text(
        "[eortc]\ninclusive = true\n"
        "[percist]\nleast_sul = 'none'\nrise_percent = 25\nlesions = 2\nname = 'mine'\n"
        "[percist.comparability]\nlongest_uptake_min = 75\n"
        "[percimt]\nnew_lesions = [[3, 0.0], [2, 1.0]]\n"
        "[ipercist]\nconfirms = 'further-rise'\n"
    )
    found = from_table(tomllib.loads(path.read_text()))
    assert found.eortc == Eortc(inclusive=True)
    limits = replace(Comparability(), longest_uptake_min=75.0)
    wanted = replace(PERCIST, least_sul=None, rise_percent=25.0, lesions=2, name="mine")
    assert found.percist == replace(wanted, comparability=limits)
    assert found.percimt.new_lesions == ((3, 0.0), (2, 1.0))
    assert found.ipercist.confirms is Confirms.FURTHER_RISE
    assert found.percist5 == PERCIST5
    assert from_table({}) == PetProtocol()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[percist]\nrise = 25", "unknown setting percist.rise"),
        ("[percist]\nrise_percent = 'much'", "percist.rise_percent"),
        ("[percist]\nrise_percent = true", "percist.rise_percent"),
        ("[eortc]\ninclusive = 1", "eortc.inclusive"),
        ("[ipercist]\nconfirms = 'hope'", "ipercist.confirms"),
    ],
)
def test_settings_that_do_not_exist_are_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "pet.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        from_table(tomllib.loads(path.read_text()))


# --- Invariants -----------------------------------------------------------------------------

ORDER = [R.CMR, R.PMR, R.SMD, R.PMD]
PEAKS = st.floats(3.5, 40.0).map(lambda value: round(value, 3))


@given(before=PEAKS, after=PEAKS, more=st.floats(0.0, 20.0))
def test_a_hotter_follow_up_is_never_a_better_response(
    before: float, after: float, more: float
) -> None:
    less = percist(scan(L1=before), scan(56, L1=after)).response
    hotter = percist(scan(L1=before), scan(56, L1=after + more)).response
    assert ORDER.index(hotter) >= ORDER.index(less)


@given(peaks=st.lists(st.tuples(PEAKS, PEAKS), min_size=1, max_size=7), shift=st.integers(0, 6))
def test_the_order_of_lesions_does_not_matter(peaks: list[tuple[float, float]], shift: int) -> None:
    turned = peaks[shift % len(peaks) :] + peaks[: shift % len(peaks)]
    for settings in (PERCIST, PERCIST5, IMPERCIST5):
        found = [
            percist(
                scan(**{f"L{peaks.index(one)}_{n}": one[0] for n, one in enumerate(rows)}),
                scan(56, **{f"L{peaks.index(one)}_{n}": one[1] for n, one in enumerate(rows)}),
                settings,
            )
            for rows in (peaks, turned)
        ]
        assert found[0].value == pytest.approx(found[1].value)
        assert found[0].response is found[1].response


@given(before=PEAKS, after=PEAKS)
def test_every_answer_has_a_reason(before: float, after: float) -> None:
    for found in (
        percist(scan(L1=before), scan(56, L1=after)),
        eortc(suv(0, before), suv(28, after, 2)),
        percimt(scan(L1=before), scan(56, L1=after)),
        *ipercist([scan(L1=before), scan(56, L1=after)]),
    ):
        assert found.reasons
        assert all(reason.source and reason.sentence for reason in found.reasons)
