"""Which delineation belongs to a date, by the names that users give."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from imaging.beside import Beside
from imaging.read import Reading
from imaging.series import Series, Visit
from imaging.volume import Grid, Mask, Unit, Volume
from recist.patient import examination
from recist.patient.delineation import Delineated
from recist.patient.examination import (
    HANDED_ON,
    Examination,
    by_network,
    folders_of,
    sizes,
    with_lung_candidates,
)
from recist.patient.options import Options
from recist.patient.work import Work
from recist.run.fingerprint import notes_of
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


def test_candidates_are_sized_alike_by_several_processes(beside: Beside) -> None:
    """The dates of CT; of a PET alone there are no diameters to hand on."""
    grid = Grid((30, 30, 20), np.diag([2.0, 2.0, 2.0, 1.0]))
    ct = Reading(Volume(np.zeros(grid.shape, np.int16), grid, Unit.HU), (), ("1.2",) * 20, 2.0)
    drawn = [ball((8, 8, 8), grid, "1"), ball((20, 20, 10), grid, "2")]
    faint = replace(drawn[0], is_faint=True)
    alone = Visit(dt.date(2020, 3, 2), "baseline")
    dates = [
        (Examination(visit("P7/baseline"), 0, ct), [drawn[0], faint]),
        (Examination(alone, 30, ct), drawn),
        (Examination(visit("P7/fu1"), 60, ct), drawn * HANDED_ON),
    ]
    by_one, by_several = sizes(dates), sizes(dates, beside)
    for own, other in zip(by_one, by_several, strict=True):
        assert [each.caliper for each in own] == [each.caliper for each in other]
        assert [each.candidate.flags for each in own] == [each.candidate.flags for each in other]
    assert [each.caliper is None for each in (*by_several[0], *by_several[1])] == [
        False, True, True, True,
    ]  # fmt: skip


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


@pytest.mark.parametrize(
    ("lesions", "left_out", "said"),
    [
        ("dicom", ("RS.dcm: not taken for lesions: Heart",), "no lesion among what is drawn: "),
        ("dicom", (), "nothing is drawn: "),
        ("auto", (), "RTSTRUCT and SEG and label map not used, lesions by net 1"),
    ],
)
def test_a_network_in_the_place_of_a_reader_says_so(
    lesions: str, left_out: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = Grid((4, 4, 4), np.eye(4))
    monkeypatch.setattr(examination, "_asked", lambda *_: Delineation(grid, (), "net 1"))
    monkeypatch.setattr(
        Options, "required_bundle", lambda _: SimpleNamespace(source="net 1", name="net")
    )
    drawn = [
        Series(f"1.{n}", kind, (Path("RS.dcm"),)) for n, kind in enumerate(("RTSTRUCT", "SEG"))
    ]
    there = Visit(
        dt.date(2024, 3, 4), "follow-up 1",
        rtstructs=tuple(drawn[:1]), segs=tuple(drawn[1:]), labels=Path("labels.nii.gz"),
    )  # fmt: skip
    ct = Reading(Volume(np.zeros(grid.shape, np.int16), grid, Unit.HU), (), (), 2.0)
    found = by_network("P7", Examination(there, 0, ct), Options.create(lesions=lesions), left_out)
    assert not found.reviewed
    assert found.instead.startswith(said)
    assert set(found.warnings) >= {*left_out, found.instead}
    bare = Examination(Visit(dt.date(2024, 3, 4), "follow-up 1"), 0, ct)
    alone = by_network("P7", bare, Options.create(lesions=lesions), left_out)
    assert (alone.instead == "") == (lesions == "auto")


def test_the_console_names_the_dates_on_which_a_network_stood_in(work: Work) -> None:
    first, *others = work.dates
    told = [replace(each, found=replace(each.found, instead="nothing is drawn")) for each in others]
    notes = notes_of(replace(work, dates=(first, *told)))
    days = ", ".join(str(each.date) for each in others)
    assert f"{work.subject.id}: {days}: nothing is drawn" in notes
    assert not [note for note in notes_of(work) if "drawn" in note]
