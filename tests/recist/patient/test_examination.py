"""Which delineation belongs to a date, by the names that users give."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from imaging.read import Reading
from imaging.series import Series, Visit
from imaging.volume import Grid, Mask, Unit, Volume
from recist.patient.delineation import Delineated
from recist.patient.examination import Examination, folders_of, with_lung_candidates
from recist.patient.options import Options
from segmentation.fine import lung_candidates
from segmentation.infer import Delineation
from segmentation.instances import Candidate


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


def ball(centre: tuple[int, int, int], grid: Grid, label: str) -> Candidate:
    away = np.linalg.norm(np.moveaxis(np.indices(grid.shape), 0, -1) - centre, axis=-1)
    return Candidate(label, Mask.of(away <= 3, grid))


@pytest.mark.parametrize("asked", [True, False])
def test_what_is_round_in_a_lung_is_a_remark_and_no_lesion(
    asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = Grid((30, 30, 20), np.diag([2.0, 2.0, 2.0, 1.0]))
    known = ball((8, 8, 8), grid, "1")
    both = (ball((9, 8, 8), grid, "1"), ball((20, 20, 10), grid, "2"))
    monkeypatch.setattr(
        lung_candidates, "lung_candidates", lambda *_, **__: Delineation(grid, both, "drawn")
    )
    ct = Reading(Volume(np.zeros(grid.shape, np.int16), grid, Unit.HU), (), (), 2.0)
    here = Examination(visit("P7/baseline"), 0, ct)
    options = Options.create(lesions="dicom", lung_candidates=asked)
    found = with_lung_candidates(here, Delineated((known,)), options)
    assert found.candidates == (known,)
    remarks = [text for text in found.warnings if "in the lung" in text]
    # The one that is the known lesion is left out.
    assert len(remarks) == (1 if asked else 0)
    assert all("not reviewed and no lesion" in text and "40,40,20" in text for text in remarks)
