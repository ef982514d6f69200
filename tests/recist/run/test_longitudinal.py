"""The main job on composed studies of real anatomy, with the truth delineations as input.

Label numbers are shuffled at each date, so identity can come from the images alone. Truth: the
``expected.json`` and per-date JSON that come with the studies.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.recist.longitudinal import STUDIES
from tests.recist.written import rows

pytestmark = [pytest.mark.data]

#: Scope of expected.json -> column ``lesions``.
SCOPES = {"whole": "all", "in_field": "in-field", "out_of_field": "out-of-field"}


@pytest.fixture(scope="module", params=sorted(STUDIES))
def study(
    request: pytest.FixtureRequest, data_dir: Path, longitudinal: Callable[[str], Path]
) -> tuple[Path, Path]:
    """(truth folder, results folder of the patient)."""
    name = str(request.param)
    return data_dir / "longitudinal" / name / "truth", longitudinal(name)


def test_responses_of_all_sets_are_the_expected_ones(study: tuple[Path, Path]) -> None:
    truth, results = study
    scopes = json.loads((truth / "expected.json").read_text())["by_convention"]["voxel_centres"][
        "scopes"
    ]
    found = [row for row in rows(results / "timepoints.csv") if row["criteria"] == "recist11"]
    assert scopes
    for scope, expected in scopes.items():
        own = [row for row in found if row["lesions"] == SCOPES[scope]]
        assert [row["overall"] for row in own] == [
            visit["recist11"] for visit in expected["follow_ups"]
        ], scope
        assert [row["target"] for row in own] == [
            visit["target_category"] for visit in expected["follow_ups"]
        ], scope


def test_diameters_agree_with_the_truth_within_a_pixel(study: tuple[Path, Path]) -> None:
    truth, results = study
    measured = rows(results / "measurements.csv")
    dates = sorted({row["date"] for row in measured})
    expected = json.loads((truth / "expected.json").read_text())
    names = expected["time_points"]
    for lesion in expected["targets"]:
        both = [
            expected["by_convention"][convention]["values_mm"][lesion]
            for convention in ("voxel_centres", "voxel_corners")
        ]
        pixel = 1.2  # the coarsest in-plane voxel of the studies, mm
        tracks = {
            name: [float(row["diameter_mm"]) for row in measured if row["lesion"] == name]
            for name in {row["lesion"] for row in measured if row["role"] == "target"}
        }
        fitting = [
            name
            for name, sizes in tracks.items()
            if len(sizes) == len(names)
            and all(
                abs(size - (low + high) / 2) <= pixel
                for size, low, high in zip(sizes, *both, strict=True)
            )
        ]
        assert len(fitting) == 1, (lesion, both, tracks)
    assert len(dates) == len(names)


def test_only_the_designed_lesion_is_new(study: tuple[Path, Path]) -> None:
    truth, results = study
    measured = rows(results / "measurements.csv")
    new = {row["lesion"] for row in measured if row["role"] == "new"}
    last = json.loads(sorted(truth.glob("fu*.json"))[-1].read_text())
    designed = [lesion for lesion in last["lesions"] if lesion.get("new_lesion")]
    assert len(new) == len(designed)
    for lesion in {row["lesion"] for row in measured} - new:
        own = [row for row in measured if row["lesion"] == lesion]
        assert len(own) == len({row["date"] for row in measured}), lesion
