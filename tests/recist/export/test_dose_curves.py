"""Dose-volume curves: of the same points as the field classes, falling, with their figures."""

from __future__ import annotations

import csv
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from recist.export.dose_curves import STEP_GY, export
from recist.export.request import Request
from recist.patient.options import Options
from recist.run import batch

SUBJECT = "PHANTOM-1"


@pytest.fixture(scope="module")
def out(done: batch.Batch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results that an export may write into."""
    out = tmp_path_factory.mktemp("curves") / "out"
    shutil.copytree(done.out, out)
    return out


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_figures_are_those_of_the_field_classes_and_the_curves_agree(out: Path) -> None:
    exported = export(Request(out))
    assert exported.failures == () and exported.exit_code == 0
    folder = out / "dvh" / SUBJECT
    figures = {row["volume"]: row for row in rows(folder / "statistics.csv")}
    classes = {row["lesion"]: row for row in rows(out / SUBJECT / "field.csv")}
    for lesion, found in classes.items():
        for name in ("mean_gy", "min_gy", "max_gy", "near_max_gy"):
            if found[name]:  # a new lesion lies off the dose grid or has no class
                assert float(figures[lesion][name]) == pytest.approx(float(found[name]), abs=0.011)
    assert figures["PTV_45Gy"]["kind"] == "PTV"
    curves = rows(folder / "curves.csv")
    for name, told in figures.items():
        own = [row for row in curves if row["volume"] == name]
        shares = [float(row["volume_percent"]) for row in own]
        assert shares[0] == 100 and shares[-1] == 0
        assert all(now >= later for now, later in pairwise(shares))
        # D95: where the curve passes 95 %.
        at_95 = max(float(row["dose_gy"]) for row in own if float(row["volume_percent"]) >= 95)
        assert at_95 <= float(told["d95_gy"]) + 0.006 <= at_95 + STEP_GY + 0.012
        # The mean dose is the area below the curve.
        area = sum((now + later) / 2 for now, later in pairwise(shares)) * STEP_GY / 100
        assert area == pytest.approx(float(told["mean_gy"]), abs=STEP_GY / 2)
    plot = (folder / "curves.svg").read_text()
    assert "L1 (lesion" in plot and "Research use only" in plot


def test_a_second_time_gives_the_same_bytes(out: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        export(Request(out, tmp_path / name))
    first, second = (
        {path.name: path.read_bytes() for path in (tmp_path / name / SUBJECT).iterdir()}
        for name in ("one", "two")
    )
    assert first == second and len(first) == 3


def test_a_patient_without_dose_and_one_without_kept_work_are_named(
    out: Path, small: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "out"
    shutil.copytree(out, kept)
    shutil.rmtree(kept / SUBJECT / "work")
    (line,) = export(Request(kept)).failures
    assert line.startswith(f"{SUBJECT}: ") and "no work of an earlier run is kept" in line
    unplanned = tmp_path / "studies"
    shutil.copytree(small, unplanned, ignore=shutil.ignore_patterns("RTDOSE*", "RTPLAN*"))
    batch.run(unplanned, tmp_path / "plain", Options.create(lesions="dicom"))
    exported = export(Request(tmp_path / "plain"))
    assert exported.failures == ("SMALL: no radiotherapy objects, so no dose",)
    assert exported.exit_code == 2
