"""No setting of the PET criteria is without effect: each changes some answer, and has a source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pytest

from imaging.setting import leaves
from pet.response.eortc import eortc
from pet.response.immune import ipercist, pecrit, percimt
from pet.response.lymphoma import deauville
from pet.response.percist import percist
from pet.response.protocol import PetProtocol, from_table
from pet.response.scan import LesionUptake, PetScan, ReferenceUptake

LIVER = ReferenceUptake(2.0, 0.3)


def scan(day: int, *peaks: float, **also: Any) -> PetScan:
    """A date whose lesions L1, L2 ... have these peaks, all of one organ."""
    glycolysis = also.pop("tlg", None)
    highest = also.pop("suv_max", None)
    also = {"liver": LIVER, "uptake_min": 60.0, "dose_mbq": 300.0, "cycles": 3} | also
    return PetScan(
        day,
        tuple(
            LesionUptake(
                f"L{number}", peak, "lung", suv_max=peak if highest is None else highest,
                tlg=glycolysis,
            )
            for number, peak in enumerate(peaks, start=1)
        ),
        **also,
    )  # fmt: skip


class Case(NamedTuple):
    """Scans whose answer depends on a setting, the values compared, and what is set besides."""

    scans: tuple[PetScan, ...]
    values: tuple[Any, ...]
    also: Mapping[str, Any] = {}


NONE = "none"
POOL = ReferenceUptake(2.0, 0.3)
DIM = ReferenceUptake(2.35, 0.3)
BRIGHT = ReferenceUptake(3.0, 0.3)

#: Of the settings that every form of PERCIST has.
PERCIST_CASES = {
    "name": Case((scan(0, 10), scan(60, 10)), ("PERCIST", "of our trial")),
    "lesions": Case((scan(0, 10, 9), scan(60, 6, 9)), (1, 2)),
    "per_organ": Case((scan(0, 10, 9), scan(60, 6, 9)), (1, 2), {"lesions": 2}),
    "fall_percent": Case((scan(0, 10), scan(60, 6)), (30, 50)),
    "rise_percent": Case((scan(0, 10), scan(60, 14)), (30, 50)),
    "least_sul": Case((scan(0, 10), scan(60, 6)), (0.8, 5)),
    "inclusive": Case((scan(0, 10), scan(60, 7)), (True, False)),
    "tlg_rise_percent": Case((scan(0, 10, tlg=10), scan(60, 10, tlg=20)), (75, NONE)),
    "other_rise_percent": Case((scan(0, 10, 3), scan(60, 6, 4.5)), (30, NONE), {"lesions": 1}),
    "new_lesion_is_progression": Case((scan(0, 10), scan(60, 10, 2)), (True, False)),
    "reference_required": Case((scan(0, 10, liver=None), scan(60, 6, liver=None)), (True, False)),
    "new_lesion_needs_no_comparison": Case(
        (scan(0, 10), scan(60, 10, 2, uptake_min=90.0)), (True, False),
        {"new_lesion_is_progression": True},
    ),
    "comparability.liver_factor": Case((scan(0, 10), scan(60, 6)), (1.5, 5)),
    "comparability.blood_factor": Case(
        (scan(0, 10, liver=None, blood_pool=POOL), scan(60, 6, liver=None, blood_pool=POOL)),
        (2, 5),
    ),
    "comparability.deviations": Case((scan(0, 10), scan(60, 6)), (2, 30)),
    "comparability.reference_percent": Case(
        (scan(0, 10), scan(60, 6, liver=BRIGHT)), (20, 60),
        {"comparability": {"reference_sul": NONE}},
    ),
    "comparability.reference_sul": Case((scan(0, 10), scan(60, 6, liver=DIM)), (0.3, NONE)),
    "comparability.uptake_apart_min": Case((scan(0, 10), scan(60, 6, uptake_min=90.0)), (15, NONE)),
    "comparability.shortest_uptake_min": Case((scan(0, 10), scan(60, 6)), (50, 70)),
    "comparability.longest_uptake_min": Case((scan(0, 10), scan(60, 6)), (NONE, 55)),
    "comparability.dose_percent": Case((scan(0, 10), scan(60, 6, dose_mbq=420.0)), (20, NONE)),
}  # fmt: skip

#: Of the others, by their dotted name.
OTHER_CASES = {
    "eortc.measure": Case((scan(0, 10, suv_max=12), scan(60, 10, suv_max=20)), ("suv_max", "peak")),
    "eortc.rise_percent": Case((scan(0, 10), scan(60, 14)), (25, 60)),
    "eortc.fall_first_percent": Case((scan(0, 10), scan(60, 8, cycles=1)), (15, 22)),
    "eortc.fall_percent": Case((scan(0, 10), scan(60, 6)), (25, 45)),
    "eortc.inclusive": Case((scan(0, 10), scan(60, 12.5)), (True, False)),
    "eortc.gap": Case((scan(0, 10), scan(60, 8)), ("SMD", "PMR")),
    "ipercist.earliest_weeks": Case((scan(0, 10), scan(30, 14), scan(65, 15)), (4, 6)),
    "ipercist.latest_weeks": Case(
        (scan(0, 10), scan(30, 14), scan(79, 15)), (8, 5), {"late_confirms": False}
    ),
    "ipercist.late_confirms": Case((scan(0, 10), scan(30, 14), scan(120, 15)), (True, False)),
    "ipercist.confirms": Case(
        (scan(0, 10), scan(30, 14), scan(65, 14)), ("persists", "further-rise")
    ),
    "ipercist.after_reset": Case(
        (scan(0, 10), scan(30, 14), scan(65, 12), scan(100, 14.5)), ("baseline", "reset-scan")
    ),
    "percimt.new_lesions": Case(
        (scan(0, 10), scan(60, 10, 3, 3)), ([[4, 0], [3, 1], [2, 1.5]], [[2, 0]])
    ),
    "pecrit.rise_percent": Case((scan(0, 10), scan(60, 12)), (15.5, 30)),
    "deauville.marked_factor": Case((scan(60, 5),), (2, 3)),
    "deauville.equal_is_lower": Case((scan(60, 2),), (True, False)),
}


def answer(criteria: str, protocol: PetProtocol, scans: Sequence[PetScan]) -> object:
    """What a set of criteria says of the last scan."""
    first, last = scans[0], scans[-1]
    if criteria == "ipercist":
        found = ipercist(scans, protocol.ipercist)[-1]
    elif criteria == "percimt":
        found = percimt(first, last, protocol.percimt)
    elif criteria == "pecrit":
        assert first.lesions[0].peak and last.lesions[0].peak
        change = 100 * (last.lesions[0].peak / first.lesions[0].peak - 1)
        found = pecrit("SD", change, settings=protocol.pecrit)
    elif criteria == "eortc":
        found = eortc(first, last, protocol.eortc)
    elif criteria == "deauville":
        assert last.lesions[0].suv_max
        return deauville(last.lesions[0].suv_max, 1.5, 2.0, settings=protocol.deauville)[0]
    else:
        found = percist(first, last, getattr(protocol, criteria))
    return (found.criteria, found.response, found.value, found.baseline, found.warnings)


def case_of(name: str) -> tuple[Case, str]:
    """The case of a setting, and the section that holds what is set besides."""
    if name in OTHER_CASES:
        return OTHER_CASES[name], name.rpartition(".")[0]
    section = "ipercist.percist" if name.startswith("ipercist.") else name.partition(".")[0]
    return PERCIST_CASES[name.removeprefix(f"{section}.")], section


def table_of(name: str, value: object, section: str, also: Mapping[str, Any]) -> dict[str, Any]:
    """The sections of a trial's file that set a value, with what is set besides."""
    table: dict[str, Any] = {}
    place = _section(table, section)
    place.update({key: dict(one) if isinstance(one, Mapping) else one for key, one in also.items()})
    path, _, leaf = name.rpartition(".")
    _section(table, path)[leaf] = value
    return table


def _section(table: dict[str, Any], path: str) -> dict[str, Any]:
    for part in path.split("."):
        table = table.setdefault(part, {})
    return table


SETTINGS = {name: (one, value) for name, one, value in leaves(PetProtocol())}


def test_there_are_settings_of_every_set_of_criteria() -> None:
    assert {name.partition(".")[0] for name in SETTINGS} == {
        "percist", "percist5", "impercist5", "eortc", "ipercist", "percimt", "pecrit", "deauville",
    }  # fmt: skip


@pytest.mark.parametrize("name", SETTINGS)
def test_each_value_of_a_setting_changes_an_answer(name: str) -> None:
    case, section = case_of(name)
    values = SETTINGS[name][0].options or case.values
    given = [
        answer(
            name.partition(".")[0],
            from_table(table_of(name, value, section, case.also)),
            case.scans,
        )
        for value in values
    ]
    assert len(given) > 1
    assert len(set(given)) == len(given), f"{name}: {values} give {given}"


@pytest.mark.parametrize("name", SETTINGS)
def test_each_setting_says_what_it_decides_and_where_it_comes_from(name: str) -> None:
    setting, _ = SETTINGS[name]
    assert setting.about.endswith(".")
    assert setting.source
