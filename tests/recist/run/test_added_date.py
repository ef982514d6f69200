"""A date that is added to a patient: the earlier ones are taken from the work that is kept."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from imaging.registration import dates as registration
from imaging.series import Series
from imaging.volume import Mask, Volume
from recist.cli import main
from recist.patient import examination
from recist.patient.options import Options
from recist.patient.work import keeping
from recist.phantom.small import DATES, UNTREATED
from recist.run import batch
from segmentation import infer
from segmentation.infer import Delineation
from segmentation.instances import Candidate
from tests.recist.written import contents, rows

NETWORK = "a network 9.9"
FIRST, SECOND, LAST = (each.isoformat() for each in DATES)
SUBJECT = "SMALL"


@dataclass(slots=True)
class Asked:
    """What a run asked of images, network and registration.

    Attributes:
        finds_new: whether the network draws a lesion at the last date.
        new_at: the first voxel of it.
    """

    finds_new: bool = False
    new_at: tuple[int, int, int] = (22, 34, 4)
    images: list[str] = field(default_factory=list)
    network: list[str] = field(default_factory=list)
    registered: int = 0

    def clear(self) -> None:
        self.images.clear()
        self.network.clear()
        self.registered = 0


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    """A record of what is asked."""
    log = Asked()

    def network(ct: Volume, *_: object, **__: Any) -> Delineation:
        log.network.append(ct.source)
        mask = Mask.placed(np.ones((4, 4, 3), np.bool_), log.new_at, ct.grid)
        new = Candidate("new", mask, source=NETWORK)
        return Delineation(ct.grid, (new,) if log.finds_new and LAST in ct.source else (), NETWORK)

    monkeypatch.setattr(infer, "delineate", network)
    for module in (examination, keeping):
        for name in ("read_ct", "read_pet"):
            read = getattr(module, name)

            def recorded(series: Series, read: Any = read) -> Any:
                log.images.append(str(series.date))
                return read(series)

            monkeypatch.setattr(module, name, recorded)
    aligned = registration.Unaligned.aligned

    def counted(*arguments: Any, **named: Any) -> Any:
        log.registered += 1
        return aligned(*arguments, **named)

    monkeypatch.setattr(registration.Unaligned, "aligned", counted)
    yield log


@pytest.fixture
def studies(small: Path, tmp_path: Path) -> Path:
    """The first two dates of a patient; contours at the first alone."""
    shutil.copytree(small, tmp_path / "whole")
    for date in (SECOND, LAST):
        (tmp_path / "whole" / date / "RTSTRUCT.dcm").rename(tmp_path / f"RTSTRUCT {date}.dcm")
    for date in (FIRST, SECOND):
        shutil.copytree(tmp_path / "whole" / date, tmp_path / "studies" / date)
    return tmp_path / "studies"


def add_last_date(studies: Path) -> None:
    shutil.copytree(studies.parent / "whole" / LAST, studies / LAST)


def run(
    studies: Path, out: Path, *, resume: bool = False, protocol: str = "recist11-eortc"
) -> Path:
    options = Options.create(lesions="dicom", protocol=protocol)
    done = batch.run(studies, out, options, resume=resume)
    assert done.exit_code == 0, done.failures
    return done.out / done.subjects[0].folder


@pytest.mark.parametrize("finds_new", [False, True])
def test_the_answer_is_that_of_all_dates_and_nothing_of_the_earlier_ones_is_asked_again(
    asked: Asked, studies: Path, tmp_path: Path, finds_new: bool
) -> None:
    asked.finds_new = finds_new
    run(studies, tmp_path / "out")
    assert asked.images and asked.network and asked.registered == 1
    add_last_date(studies)
    asked.clear()
    added = run(studies, tmp_path / "out", resume=True)
    # What is new is looked for, and pictured, at each date before: there images may be needed.
    may_be_read = {FIRST, SECOND} if finds_new else set()
    assert asked.images.count(LAST) == 1
    assert set(asked.images) - {LAST} <= may_be_read
    assert len(asked.network) == asked.registered == 1
    asked.clear()
    afresh = run(studies, tmp_path / "afresh")
    assert set(asked.images) == {FIRST, SECOND, LAST}
    one, other = contents(added), contents(afresh)
    assert one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] == []


def test_corrections_of_earlier_dates_survive_and_lesions_keep_their_names(
    asked: Asked,
    studies: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = run(studies, tmp_path / "out")
    given = tmp_path / "measurements.csv"
    given.write_text(
        f"subject,date,lesion,diameter_mm,reader,reason\n{SUBJECT},{SECOND},L1,33.0,AB,rim\n"
    )
    checked = tmp_path / "dates.csv"
    checked.write_text(f"subject,date,reader\n{SUBJECT},{SECOND},AB\n")
    arguments = ("--measurements", str(given), "--dates", str(checked))
    correct(tmp_path / "out", *arguments, monkeypatch=monkeypatch)
    before = {(r["date"], r["lesion"]): r for r in rows(folder / "measurements.csv")}
    assert before[SECOND, "L1"]["diameter_mm"] == "33.0"
    assert before[SECOND, "L1"]["review"] == "reviewed"
    add_last_date(studies)
    asked.clear()
    folder = run(studies, tmp_path / "out", resume=True)
    assert set(asked.images) == {LAST}
    after = {(r["date"], r["lesion"]): r for r in rows(folder / "measurements.csv")}
    assert {key: row for key, row in after.items() if key[0] != LAST} == before
    added = {lesion: row for (date, lesion), row in after.items() if date == LAST}
    assert added.keys() == {lesion for _, lesion in before}
    assert {row["review"] for row in added.values()} == {"unreviewed"}


def test_another_protocol_alone_asks_for_nothing(
    asked: Asked, studies: Path, tmp_path: Path
) -> None:
    run(studies, tmp_path / "out")
    asked.clear()
    again = run(studies, tmp_path / "out", resume=True, protocol="admiralonco")
    assert (asked.images, asked.network, asked.registered) == ([], [], 0)
    afresh = run(studies, tmp_path / "afresh", protocol="admiralonco")
    for name in ("measurements.csv", "timepoints.csv", "outcomes.csv"):
        assert (again / name).read_bytes() == (afresh / name).read_bytes()


def test_a_date_whose_contours_changed_is_observed_again_with_those_after_it(
    asked: Asked, studies: Path, tmp_path: Path
) -> None:
    run(studies, tmp_path / "out")
    drawn = studies.parent / f"RTSTRUCT {SECOND}.dcm"
    shutil.copy(drawn, studies / SECOND / "RTSTRUCT.dcm")
    asked.clear()
    changed = run(studies, tmp_path / "out", resume=True)
    assert asked.network == []  # none is asked for a date that was drawn
    afresh = run(studies, tmp_path / "afresh")
    for name in ("measurements.csv", "timepoints.csv", "links.csv", "report.html"):
        assert (changed / name).read_bytes() == (afresh / name).read_bytes()


def correct(out: Path, *arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["recist", "correct", str(out), *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code


def without_contours_of(path: Path, name: str) -> None:
    """An RTSTRUCT without one of its regions."""
    structures = pydicom.dcmread(path)
    (number,) = (
        each.ROINumber for each in structures.StructureSetROISequence if each.ROIName == name
    )
    for sequence, key in (
        ("StructureSetROISequence", "ROINumber"),
        ("ROIContourSequence", "ReferencedROINumber"),
        ("RTROIObservationsSequence", "ReferencedROINumber"),
    ):
        kept = [each for each in structures[sequence] if each[key].value != number]
        setattr(structures, sequence, kept)
    structures.save_as(path)


@pytest.mark.parametrize("network_finds_it", [False, True])
def test_a_lesion_that_only_a_reader_drew_is_followed_as_long_as_the_drawing_stands(
    asked: Asked,
    studies: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    network_finds_it: bool,
) -> None:
    # GTV-2 has 9 mm radius, then 11.5 and 14; in the contours of the first date it was forgotten.
    without_contours_of(studies / FIRST / "RTSTRUCT.dcm", UNTREATED.name)
    asked.finds_new = network_finds_it
    asked.new_at = (34, 22, 11)
    out = tmp_path / "out"
    folder = run(studies, out)
    x, y, z = UNTREATED.centre_mm
    radius_mm = UNTREATED.radii_mm[0]
    drawn = tmp_path / "drawn.csv"
    drawn.write_text(
        "subject,date,lesion,points,reader,reason\n"
        f"{SUBJECT},{FIRST},N9,{x - radius_mm} {y} {z} {x + radius_mm} {y} {z},AB,missed\n"
    )
    correct(out, "--drawn", str(drawn), monkeypatch=monkeypatch)
    add_last_date(studies)
    run(studies, out, resume=True)

    def last() -> dict[str, dict[str, str]]:
        return {r["lesion"]: r for r in rows(folder / "measurements.csv") if r["date"] == LAST}

    followed = last()["N9"]
    assert float(followed["diameter_mm"]) == pytest.approx(2 * UNTREATED.radii_mm[2], abs=2.5)
    assert followed["review"] == "unreviewed"
    assert f"outline of {FIRST} carried over" in followed["drawn_by"]
    assert len(last()) == 2  # what the network drew at its place is no second lesion
    drawn.write_text("subject,date,lesion,points\n")
    correct(out, "--drawn", str(drawn), monkeypatch=monkeypatch)
    assert "N9" not in last()
    assert len(last()) == 1 + network_finds_it
