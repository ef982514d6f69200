"""The field table as it is written."""

from __future__ import annotations

import csv
from pathlib import Path

from recist.course import Field
from recist.export.field_table import write_fields
from recist.field.field_finding import FieldFinding

IRRADIATED = FieldFinding(
    "L1",
    Field.IN,
    "100 % of it received 50 % of 50 Gy",
    dose_mean_gy=49.3301,
    dose_min_gy=28.8836,
    dose_max_gy=50.309,
    probability=(("in", 0.95), ("partial", 0.05)),
    volume_at_half=1.0,
    eqd2_mean_gy=((4.0, 114.0899), (10.0, 81.71)),
    envelope=(("mean_gy", 47.2, 49.4),),
    evidence="dose",
    profile="sbrt-default 1.0",
    flags=("one", "two"),
)
UNKNOWN = FieldFinding("L2", Field.UNKNOWN, "outside", evidence="none", provisional=True)


def test_each_lesion_is_a_row_and_what_is_not_known_is_empty(tmp_path: Path) -> None:
    path = write_fields(tmp_path / "field.csv", "P1", [IRRADIATED, UNKNOWN])
    first, second = csv.DictReader(path.read_text().splitlines())
    assert (first["subject"], first["lesion"], first["field"]) == ("P1", "L1", "in")
    assert (first["mean_gy"], first["min_gy"], first["d95_gy"]) == ("49.33", "28.88", "")
    assert (first["mean_eqd2_gy_ab4"], first["mean_eqd2_gy_ab10"]) == ("114.09", "81.71")
    assert (first["probability_in"], first["probability_low_dose"]) == ("0.950", "0.000")
    assert (first["mean_gy_p5"], first["max_gy_p95"]) == ("47.20", "")
    assert (first["flags"], first["provisional"]) == ("one; two", "no")
    assert (second["mean_gy"], second["probability_in"], second["provisional"]) == ("", "", "yes")
    assert first.keys() == second.keys()


def test_without_lesions_the_table_is_empty(tmp_path: Path) -> None:
    assert write_fields(tmp_path / "field.csv", "P1", []).read_text() == ""
