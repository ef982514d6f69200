"""Which delineation belongs to a date, by the names that users give."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from imaging.series import Series, Visit
from recist.patient.examination import folders_of


def visit(folder: str) -> Visit:
    ct = Series("1.2", "CT", (Path(folder) / "0001.dcm",))
    return Visit(dt.date(2020, 3, 2), "follow-up 1", ct)


@pytest.mark.parametrize(
    ("folder", "names"),
    [
        ("/data/lung-abscopal/fu1/CT", ("lung-abscopal", "fu1")),
        ("/data/P7/2020-03-02/dicom", ("P7", "2020-03-02")),
        ("study/images", ("study",)),
    ],
)
def test_the_users_own_folder_names_are_kept_and_modalities_left_out(
    folder: str, names: tuple[str, ...]
) -> None:
    assert folders_of(visit(folder)) == names


def test_a_visit_without_ct_has_no_folder() -> None:
    assert folders_of(Visit(dt.date(2020, 3, 2), "baseline")) == ()
