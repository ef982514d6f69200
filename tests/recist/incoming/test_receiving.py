"""Diameters that were edited in a viewer come back; what fits nothing is named and kept."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pydicom
import pytest

from imaging.errors import InputError
from recist.incoming.receiving import Received, receive
from recist.patient.corrections import CorrectedMeasurement, read_corrections

from .conftest import DATE, SUBJECT


def groups(report: pydicom.Dataset) -> Iterator[pydicom.Dataset]:
    for item in report.get("ContentSequence", ()):
        names = item.get("ConceptNameCodeSequence")
        if names and names[0].CodeValue == "125007":
            yield item
        yield from groups(item)


def named(group: pydicom.Dataset, meaning: str) -> pydicom.Dataset:
    return next(
        item
        for item in group.ContentSequence
        if item.ConceptNameCodeSequence[0].CodeMeaning == meaning
    )


@pytest.fixture
def returned(results: Path, tmp_path: Path) -> Callable[..., pydicom.Dataset]:
    """What OHIF saves: our report with identifiers of its own, no author, no labels."""
    count = iter(range(1, 100))

    def build(kind: str = "diameters") -> pydicom.Dataset:
        report = pydicom.dcmread(results / SUBJECT / "dicom" / f"{DATE}-{kind}.dcm")
        number = next(count)
        report.Manufacturer = report.ManufacturerModelName = "Unspecified"
        report.SOPInstanceUID = report.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}"
        report.ContentDate, report.ContentTime = "20240510", f"10{number:02}00"
        report.ContentSequence = [
            item for item in report.ContentSequence if item.RelationshipType != "HAS OBS CONTEXT"
        ]
        for position, group in enumerate(groups(report)):
            named(group, "Tracking Unique Identifier").UID = f"2.25.{number}{position}"
            if kind == "diameters":
                group.ContentSequence = [
                    item
                    for item in group.ContentSequence
                    if item.ConceptNameCodeSequence[0].CodeMeaning != "Finding"
                ]
        return report

    return build


@pytest.fixture
def received(results: Path, tmp_path: Path) -> Callable[..., Received]:
    def take(*reports: pydicom.Dataset, **more: str) -> Received:
        folder = tmp_path / "back"
        folder.mkdir(exist_ok=True)
        for number, report in enumerate(reports, start=1):
            report.save_as(folder / f"sr{number}.dcm")
        return receive(results, [folder], out=tmp_path / "received", **more)

    return take


def corrected(done: Received) -> tuple[CorrectedMeasurement, ...]:
    path = done.tables[SUBJECT]["measurements"]
    return read_corrections(measurements=path)[SUBJECT].measurements


def set_long(report: pydicom.Dataset, position: int, length: str) -> None:
    group = list(groups(report))[position]
    named(group, "Long Axis").MeasuredValueSequence[0].NumericValue = length


def left(folder: Path) -> list[dict[str, str]]:
    with (folder / "received" / "left.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_an_edited_diameter_comes_back_and_the_response_changes(
    returned: Callable[..., pydicom.Dataset], received: Callable[..., Received], tmp_path: Path
) -> None:
    report = returned()
    set_long(report, 0, "45.04938")
    done = received(report, reader="Dr. R")
    assert done.left == () and done.unchanged == len(list(groups(report))) - 1
    assert f"{SUBJECT}: L1 {DATE}: 24.3 -> 45.0 mm (Dr. R)" in done.lines
    assert f"{SUBJECT}: {DATE} RECIST 1.1, all: PR -> SD" in done.lines
    (said,) = corrected(done)
    assert (said.lesion, str(said.date), said.reader) == ("L1", DATE, "Dr. R")
    assert said.sizes_mm(False) == (Decimal("45.0"),)
    assert said.recorded_at == "2024-05-10T10:01:00"


def test_a_lesion_is_known_by_the_finding_that_a_viewer_keeps(
    results: Path, returned: Callable[..., pydicom.Dataset], received: Callable[..., Received]
) -> None:
    report = returned()
    for group, sent in zip(
        groups(report),
        groups(pydicom.dcmread(results / SUBJECT / "dicom" / f"{DATE}-diameters.dcm")),
        strict=True,
    ):
        group.ContentSequence.append(named(sent, "Finding"))
    named(next(groups(report)), "Long Axis").ContentSequence[0].GraphicData = [5.0, 5.0, 9.0, 9.0]
    set_long(report, 0, "45")
    done = received(report)
    assert done.left == ()
    assert f"{SUBJECT}: L1 {DATE}: 24.3 -> 45.0 mm (an unnamed reader)" in done.lines


def test_a_line_whose_end_was_dragged_far_out_is_still_of_its_lesion(
    returned: Callable[..., pydicom.Dataset], received: Callable[..., Received]
) -> None:
    report = returned()
    item = named(next(groups(report)), "Long Axis").ContentSequence[0]
    x0, y0, x1, y1 = item.GraphicData
    item.GraphicData = [2.2 * x0 - 1.2 * x1, 2.2 * y0 - 1.2 * y1, x1, y1]
    set_long(report, 0, "53.5")
    done = received(report)
    assert done.left == () and done.unchanged == 4
    assert any("L1 2024-05-06: 24.3 -> 53.5 mm" in line for line in done.lines)


def test_what_comes_back_as_it_was_sent_corrects_nothing(
    returned: Callable[..., pydicom.Dataset], received: Callable[..., Received]
) -> None:
    done = received(returned())
    assert (done.lines, done.left, done.tables) == ((), (), {})
    assert done.unchanged == 5


def test_our_own_reports_are_no_corrections(results: Path, tmp_path: Path) -> None:
    done = receive(results, [results / SUBJECT / "dicom"], out=tmp_path)
    assert (done.lines, done.left, done.unchanged) == ((), (), 0)


def test_a_lesion_that_is_none_of_the_patient_is_named_and_kept(
    returned: Callable[..., pydicom.Dataset], received: Callable[..., Received], tmp_path: Path
) -> None:
    report = returned()
    group = next(groups(report))
    named(group, "Long Axis").ContentSequence[0].GraphicData = [5.0, 5.0, 9.0, 9.0]
    set_long(report, 0, "31")
    done = received(report)
    assert len(done.left) == 1 and done.tables == {}
    assert "names no lesion of the patient, and lies at none" in done.left[0]
    assert left(tmp_path)[0]["sizes_mm"].startswith("31.0 x ")


def test_another_patient_is_named_and_kept(
    returned: Callable[..., pydicom.Dataset], received: Callable[..., Received], tmp_path: Path
) -> None:
    report = returned()
    report.PatientID = "SOMEONE"
    set_long(report, 0, "45")
    done = received(report)
    assert done.tables == {} and len(done.left) == len(left(tmp_path)) == 5
    assert all("another patient" in line for line in done.left)


def test_another_study_is_named(
    returned: Callable[..., pydicom.Dataset], received: Callable[..., Received]
) -> None:
    report = returned()
    report.StudyInstanceUID = "1.2.3"
    left = received(report).left
    assert left and all("no date of the results" in line for line in left)


def test_another_image_is_named(
    returned: Callable[..., pydicom.Dataset], received: Callable[..., Received]
) -> None:
    report = returned()
    line = named(next(groups(report)), "Long Axis").ContentSequence[0]
    line.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID = "1.2.3"
    done = received(report)
    assert len(done.left) == 1
    assert "drawn on an image that is none of the date's" in done.left[0]


def test_a_wrong_frame_of_reference_is_named_and_kept(
    returned: Callable[..., pydicom.Dataset], received: Callable[..., Received], tmp_path: Path
) -> None:
    report = returned("measurements")
    group = next(groups(report))
    named(group, "Long Axis").ContentSequence[0].ReferencedFrameOfReferenceUID = "1.2.3"
    set_long(report, 0, "45")
    done = received(report)
    told = [line for line in done.left if "another frame of reference" in line]
    assert len(told) == 1 and "45.0" in told[0]
    assert SUBJECT not in done.tables


def test_of_a_lesion_that_is_edited_twice_the_later_counts_and_both_are_kept(
    returned: Callable[..., pydicom.Dataset], received: Callable[..., Received], tmp_path: Path
) -> None:
    first, second = returned(), returned()
    set_long(first, 0, "30")
    set_long(second, 0, "33")
    done = received(second, first)  # the order of the files says nothing
    (said,) = corrected(done)
    assert said.long_axis_mm == Decimal("33.0")
    assert done.left == ("sr2.dcm: L1: 30.0 x 19.8 mm: edited again in sr1.dcm",)


def test_a_report_with_a_lesion_twice_is_not_guessed(
    returned: Callable[..., pydicom.Dataset], received: Callable[..., Received]
) -> None:
    report = returned()
    first, second, *_ = list(groups(report))
    for item in ("Long Axis", "Short Axis"):
        named(second, item).ContentSequence = named(first, item).ContentSequence
    set_long(report, 0, "30")
    set_long(report, 1, "31")
    done = received(report)
    assert done.left == ("sr1.dcm: Cornerstone3DTools@^0.1.0:Bidirectional: 31.0 x 14.3 mm: L1 "
                         "stands in the report twice",)  # fmt: skip


def test_a_damaged_report_is_named_and_the_others_are_taken(
    returned: Callable[..., pydicom.Dataset], received: Callable[..., Received], tmp_path: Path
) -> None:
    report = returned()
    set_long(report, 0, "45")
    (tmp_path / "back").mkdir()
    whole = tmp_path / "whole.dcm"
    returned().save_as(whole)
    (tmp_path / "back" / "cut.dcm").write_bytes(whole.read_bytes()[:200])
    done = received(report)
    assert [line.split(":")[0] for line in done.left] == ["cut.dcm"]
    assert SUBJECT in done.tables


def test_no_report_and_no_results_are_refused(results: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no structured report, SEG or RTSTRUCT"):
        receive(results, [tmp_path])
    with pytest.raises(InputError, match="no results of recist run"):
        receive(tmp_path, [tmp_path])
