"""``recist forecast`` from a table to its files."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from recist.forecast import forecast_file

Row = dict[str, str]


def scan(day: int, lesion: str, size: str, *, field: str = "out", role: str = "target") -> Row:
    status = "present" if role == "new" else "measured"
    return {"subject": "A", "day": str(day), "lesion": lesion, "role": role, "organ": "lung",
            "nodal": "no", "status": status, "diameter_mm": size, "field": field}  # fmt: skip


SCANS = [
    *(scan(day, "L1", size) for day, size in ((-20, "20"), (40, "24"), (100, "36"), (160, "50"))),
    *(scan(day, "L2", "30", field="in") for day in (-20, 40, 100, 160)),
    *(scan(day, "N1", "", role="new") for day in (100, 160)),
]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forecast")
    found = forecast_file(SCANS, folder, calibrated_on=40, explore=True)
    assert found.table.exit_code == 0
    assert any("OAK" in line for line in found.assumptions)
    return folder


def rows_of(path: Path) -> list[Row]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_growth_rates_outside_of_the_field_only(out: Path) -> None:
    rows = rows_of(out / "growth_rates.csv")
    inside = [row for row in rows if row["series"] == "L2"]
    assert [row["why_not"] for row in inside] == [
        "irradiated: fibrosis and tumour cannot be told apart"
    ]
    first, second, _ = [row for row in rows if row["series"] == "L1"]
    assert first["tgr_percent_per_month"] == "32.0"
    assert float(first["tgr_low"]) < 32 < float(first["tgr_high"])
    assert second["hyperprogression"] == "yes"


def test_four_scans_are_fitted_under_the_prior(out: Path) -> None:
    rows = rows_of(out / "growth_fits.csv")
    assert [(row["series"], row["method"], row["prior"]) for row in rows] == [
        ("L1", "maximum a posteriori", "OAK")
    ]
    assert rows[0]["shrinkage_to_prior"]


def test_what_is_expected_of_new_lesions(out: Path) -> None:
    (row,) = rows_of(out / "new_lesions.csv")
    assert (row["lesions"], row["new"]) == ("3", "1")
    at_most, poly = row["at_most_5_in_12_months_percent"], row["poly_in_12_months_percent"]
    assert float(at_most) + float(poly) == pytest.approx(100, abs=0.11)


def test_calibration_and_exploration_are_written_and_named_so(out: Path) -> None:
    assert len(rows_of(out / "calibration.csv")) == 4
    assert (out / "calibration.png").read_bytes().startswith(b"\x89PNG")
    assert rows_of(out / "exploratory_iwata.csv") and rows_of(out / "exploratory_emission.csv")
    balances = rows_of(out / "exploratory_immune_balance.csv")
    assert [row["balance"] for row in balances] == [
        "holds", "parts dormancy from escape", "holds",
    ]  # fmt: skip
    assert "Exploratory" in (out / "assumptions.txt").read_text()


def test_five_scans_are_told_which_curve_they_follow(tmp_path: Path) -> None:
    sizes = [f"{90 * np.exp(0.00107 * d - 0.0103 / 0.0193 * -np.expm1(-0.0193 * d)):.1f}"
             for d in range(0, 400, 40)]  # fmt: skip
    rows = [scan(40 * k, "L1", size) for k, size in enumerate(sizes)]
    forecast_file(rows, tmp_path)
    curves = rows_of(tmp_path / "growth_curves.csv")
    assert {row["curve"] for row in curves} == {
        "growth", "shrinkage", "growth and shrinkage", "shrinking share", "Claret", "Wang",
    }  # fmt: skip
    (claret,) = [row for row in curves if row["curve"] == "Claret"]
    assert float(claret["aic_above_best"]) < 4 and claret["parameters"].startswith("start_mm")
    assert float(claret["nadir_day"]) == pytest.approx(117, abs=15)


def test_fewer_scans_say_why_no_curve_is_told(out: Path) -> None:
    rows = rows_of(out / "growth_curves.csv")
    assert [(row["series"], row["why_not"]) for row in rows] == [("L1", "fewer than 5 scans")]


def test_new_lesions_are_dated_by_the_scan_that_first_shows_them(out: Path) -> None:
    (row,) = rows_of(out / "new_lesions.csv")
    growth, error = map(float, row["growth_of_own_lesions"].split(" +- "))
    # 20 to 50 mm in 180 days: 3 ln 2.5 in half a year, by the power 0.663
    assert growth == pytest.approx(0.663 * 3 * np.log(2.5) * 365.25 / 180, abs=0.01)
    assert error > 0.5
