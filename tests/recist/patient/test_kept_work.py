"""Work that is kept and taken up again gives the same answer, without the images."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

import imaging.read
from imaging.errors import InputError
from imaging.volume import Grid, Unit, Volume
from recist.course import Axis
from recist.patient.changes import changes_between
from recist.patient.corrections import CorrectedMeasurement, Corrections
from recist.patient.reassessment import conclude
from recist.patient.result import PatientResult
from recist.patient.work import Work, keeping
from recist.patient.work.images import kept_of
from recist.patient.work.keeping import carry_over, keep, take_up
from recist.patient.work.store import OBJECTS


@pytest.fixture(scope="module")
def original(work: Work) -> PatientResult:
    return conclude(work)[0]


@pytest.fixture
def kept(work: Work, original: PatientResult, tmp_path: Path) -> Path:
    assert original
    folder = tmp_path / "work"
    assert keep(work, folder)
    return folder


@pytest.fixture
def no_images(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: object) -> object:
        raise OSError("the images were asked for")

    for module in (keeping, imaging.read):
        for name in ("read_ct", "read_pet"):
            monkeypatch.setattr(module, name, refused)
    monkeypatch.setattr(keeping, "treatment_of", refused)


def said(result: PatientResult) -> str:
    return repr(replace(result, key_images=(), visits=()))


@pytest.mark.usefixtures("no_images")
def test_the_answer_is_the_same_and_no_image_is_read(kept: Path, original: PatientResult) -> None:
    again = conclude(take_up(kept))[0]
    assert said(again) == said(original)
    assert len(again.key_images) == len(original.key_images) > 0
    for one, other in zip(again.key_images, original.key_images, strict=True):
        assert np.array_equal(one.pixels, other.pixels)
        assert (one.lesion_id, one.day, one.slice_position, one.long_axis_px) == (
            other.lesion_id,
            other.day,
            other.slice_position,
            other.long_axis_px,
        )
        assert [o.label for o in one.overlays] == [o.label for o in other.overlays]
    for one_visit, other_visit in zip(again.visits, original.visits, strict=True):
        assert len(one_visit.projections) == len(other_visit.projections) > 0
        for a, b in zip(one_visit.projections, other_visit.projections, strict=True):
            assert np.array_equal(a.pixels, b.pixels)


def test_a_corrected_caliper_is_pictured_without_reading_the_ct(
    kept: Path, original: PatientResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "read_ct", lambda _: pytest.fail("the CT was read"))
    at = original.course.timepoints[1]
    measured = next(each for each in at.measurements if each.caliper is not None)
    assert measured.caliper is not None
    x, y, z = measured.caliper.long_axis.start_mm
    line = Axis((x + 1, y, z + 3), (x + 15, y + 2, z + 3))
    date = original.course.date_of(at.day)
    assert date is not None
    corrected = CorrectedMeasurement(measured.lesion_id, date, long_axis=line)
    result, _ = conclude(take_up(kept), Corrections(measurements=(corrected,)))
    changes = changes_between(original, result)
    (image,) = [
        i for i in result.key_images if (i.lesion_id, i.day) == (measured.lesion_id, at.day)
    ]
    assert image.pixels.std() > 10 and image.long_axis_px is not None
    assert changes
    assert next(
        m for m in result.course.timepoints[1].measurements if m.lesion_id == measured.lesion_id
    ).diameter_mm == Decimal("14.1")


def test_work_that_is_too_large_leaves_out_boxes_first_and_then_all(
    work: Work, original: PatientResult, tmp_path: Path
) -> None:
    assert original
    sizes = []
    for limit_mb in (500.0, 0.001):
        folder = tmp_path / str(limit_mb)
        assert keep(work, folder, limit_mb=limit_mb) is (limit_mb > 1)
        sizes.append(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()))
    whole, nothing = sizes
    assert nothing == 0
    assert keep(work, tmp_path / "small", limit_mb=whole * 0.9 / 1e6)
    small = sum(path.stat().st_size for path in (tmp_path / "small").rglob("*") if path.is_file())
    assert small < whole * 0.9
    assert take_up(tmp_path / "small").subject == work.subject


def test_boxes_that_take_more_room_than_the_image_are_kept_as_the_image() -> None:
    volume = Volume(np.zeros((10, 10, 10), np.int16), Grid((10, 10, 10), np.eye(4)), Unit.HU)
    rods = [([0, n, n], [10, n + 1, n + 1]) for n in range(10)]
    assert len(kept_of(volume, rods)) == 10
    # Each pair shares too little to be joined; together they are larger than the image.
    plates = [([n, 0, 0], [n + 2, 10, 10]) for n in range(0, 9, 4)]
    plates += [([0, n, 0], [10, n + 2, 10]) for n in range(0, 9, 4)]
    assert kept_of(volume, plates) == [([0, 0, 0], [10, 10, 10])]


def test_equal_work_is_kept_in_equal_files(work: Work, kept: Path, tmp_path: Path) -> None:
    keep(work, tmp_path / "again")
    files = [path for path in kept.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert (tmp_path / "again" / path.relative_to(kept)).read_bytes() == path.read_bytes()


def test_damaged_or_foreign_work_is_refused(kept: Path, tmp_path: Path) -> None:
    carry_over(kept, tmp_path / "carried")
    for damaged in [path for path in (kept / OBJECTS).rglob("*") if path.is_file()]:
        content = damaged.read_bytes()
        damaged.unlink()  # not written through: the other folder shares the file
        damaged.write_bytes(content[:-9] + b"unreadable")
    with pytest.raises(InputError, match="damaged"):
        conclude(take_up(kept))
    assert take_up(tmp_path / "carried")
    text = (tmp_path / "carried" / "work.kept").read_text()
    for other in (
        text.replace("recist.course:", "os.path:"),
        text.replace("imaging.series:Subject", "subprocess:Popen"),
        json.dumps(json.loads(text) | {"version": "0.0"}),
        json.dumps(json.loads(text) | {"schema": 1}),
        "{",
    ):
        assert other != text
        path = tmp_path / "carried" / "work.kept"
        path.unlink()
        path.write_text(other)
        with pytest.raises(InputError):
            take_up(tmp_path / "carried")
