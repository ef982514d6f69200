"""Every row of the truth table of PET response criteria."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pet.response.eortc import eortc
from pet.response.immune import ipercist, pecrit, percimt
from pet.response.lymphoma import LymphomaCourse, deauville, lugano
from pet.response.percist import IMPERCIST5, PERCIST, PERCIST5, Percist, percist, targets
from pet.response.scan import LesionUptake, PetScan, ReferenceUptake

TABLE = Path(__file__).parent / "truth" / "pet_response_cases.csv"


def rows() -> list[dict[str, str]]:
    with TABLE.open(newline="") as table:
        return list(csv.DictReader(table))


def reference(facts: dict[str, Any], name: str) -> ReferenceUptake | None:
    mean, sd = facts.get(f"{name}_mean"), facts.get(f"{name}_sd")
    return None if mean is None else ReferenceUptake(mean, sd)


def scan_of(facts: dict[str, Any], day: int, lesions: list[LesionUptake]) -> PetScan:
    return PetScan(
        day=day,
        lesions=tuple(lesions),
        liver=reference(facts, "liver"),
        blood_pool=reference(facts, "bloodpool"),
        uptake_min=facts.get("uptake_min"),
    )


def percist_case(facts: dict[str, Any]) -> str:
    """The hottest lesion is L1 unless named; what else the row states becomes other lesions."""
    base, now = facts["base"], facts["fu"]
    first, last = base.get("hottest_id", "L1"), now.get("hottest_id", "L1")
    before = [LesionUptake(first, base["hottest_sulpeak"])]
    is_new = facts["new_lesions"] > 0 and "hottest_id" in now
    resolved = facts["all_resolved"]
    after = [LesionUptake(last, now["hottest_sulpeak"], new=is_new, resolved=resolved)]
    if last != first:
        after.append(LesionUptake(first, 9.0))
        if facts.get("fu_hottest_present_at_baseline"):
            before.append(LesionUptake(last, 8.0))
    elif facts["new_lesions"]:
        after.append(LesionUptake("N1", None, new=True))
    if "other_lesion_change_pct" in facts:
        before.append(LesionUptake("L2", 2.0))
        after.append(LesionUptake("L2", 2.0 * (1 + facts["other_lesion_change_pct"] / 100)))
    scans = scan_of(base, 0, before), scan_of(now, 56, after)
    return percist(*scans, PERCIST).response.value


def five_case(facts: dict[str, Any], settings: Percist) -> str:
    if facts.get("kind") == "target_selection":
        lesions = [
            LesionUptake(f"L{n}", row["sul"], row["organ"]) for n, row in enumerate(facts["base"])
        ]
        chosen = targets(PetScan(0, tuple(lesions)), settings)
        return f"TARGETS=[{','.join(f'{lesion.peak:g}' for lesion in chosen)}]"
    resolved = facts.get("all_resolved", False)
    before = [LesionUptake(f"L{n}", peak) for n, peak in enumerate(facts["base"])]
    after = [LesionUptake(f"L{n}", peak, resolved=resolved) for n, peak in enumerate(facts["fu"])]
    peaks = facts.get("new_lesion_sul", [2.0] * facts.get("new_lesions", 0))
    after += [LesionUptake(f"N{n}", peak, new=True) for n, peak in enumerate(peaks)]
    return percist(PetScan(0, tuple(before)), PetScan(56, tuple(after)), settings).response.value


def eortc_case(facts: dict[str, Any]) -> str:
    resolved = facts.get("resolved", False)
    before = PetScan(0, (LesionUptake("L1", None, suv_max=facts["base_suv"]),))
    lesion = LesionUptake("L1", None, resolved=resolved, suv_max=facts["fu_suv"])
    return eortc(before, PetScan(28, (lesion,), cycles=facts["cycles"])).response.value


def deauville_case(facts: dict[str, Any]) -> str:
    score, _ = deauville(
        facts["lesion_suvmax"],
        facts["mediastinum_suvmax"],
        facts["liver_suvmax"],
        above_background=facts.get("uptake_above_background", True),
        new_lesion=bool(facts.get("new_lesions")),
    )
    return str(score)


def lugano_case(facts: dict[str, Any]) -> str:
    course = LymphomaCourse(facts["uptake_vs_baseline"])
    found = lugano(facts["deauville"], course, new_lesion=facts["new_lesions"] > 0)
    return found.response.value


def percimt_case(facts: dict[str, Any]) -> str:
    resolved = facts.get("old") == "all_resolved"
    before = PetScan(0, (LesionUptake("L1", 5.0),))
    after = [LesionUptake("L1", 5.0, resolved=resolved)]
    after += [
        LesionUptake(f"N{n}", 4.0, new=True, diameter_cm=diameter)
        for n, diameter in enumerate(facts["new_lesion_functional_diam_cm"])
    ]
    return percimt(before, PetScan(84, tuple(after))).response.value


def ipercist_case(facts: dict[str, Any]) -> str:
    scans = []
    for row in facts["scans"]:
        lesions = [LesionUptake("L1", row["hottest"], resolved=row.get("all_resolved", False))]
        lesions += [LesionUptake(f"N{n}", 3.0, new=True) for n in range(row.get("new", 0))]
        if row.get("earlier_new_resolved"):
            lesions.append(LesionUptake("N0", None, resolved=True))
        worse = row.get("clinical_deterioration", False)
        scans.append(PetScan(7 * row["t_wk"], tuple(lesions), deterioration=worse))
    return ">".join(found.response.value for found in ipercist(scans))


CRITERIA: dict[str, Callable[[dict[str, Any]], str]] = {
    "PERCIST": percist_case,
    "PERCIST5": lambda facts: five_case(facts, PERCIST5),
    "imPERCIST5": lambda facts: five_case(facts, IMPERCIST5),
    "EORTC1999": eortc_case,
    "DEAUVILLE": deauville_case,
    "LUGANO_PET": lugano_case,
    "PERCIMT": percimt_case,
    "PECRIT": lambda facts: pecrit(facts["recist11"], facts["sulpeak_change_pct"]).response.value,
    "iPERCIST": ipercist_case,
}


def test_the_table_is_whole() -> None:
    assert len(rows()) == 69
    assert {row["criterion"] for row in rows()} == set(CRITERIA)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["case_id"])
def test_each_row_gives_its_response(row: dict[str, str]) -> None:
    facts = json.loads(row["inputs_json"])
    assert CRITERIA[row["criterion"]](facts) == row["expected"], row["rationale"]
