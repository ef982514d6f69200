"""The objects of a patient: valid, read by others, the same again, told from what they replace."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sysconfig
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813 - as everyone calls it

from imaging.contours import rasterise, read_rtstruct
from imaging.errors import InputError
from imaging.masks import read_seg
from imaging.seg import SegSegment
from recist.course import Measurement, Status
from recist.export.dicom.documents import SHORT_NOTICE
from recist.export.dicom.editable_report import BIDIRECTIONAL
from recist.export.dicom.objects import write_objects
from recist.patient.result import PatientResult
from recist.phantom.small import DATES as SMALL_DATES
from recist.response import RESEARCH_USE

from .conftest import PDF, Answered

DATES = ("2024-03-04", "2024-05-06", "2024-07-08")


def tool(name: str) -> str:
    found = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is not installed: pip install 'recist[test]'")
    return found


def read(answered: Answered, name: str) -> pydicom.Dataset:
    return pydicom.dcmread(answered.folder / name)


def values(item: pydicom.Dataset, name: str) -> list[pydicom.Dataset]:
    """Content items with a concept name, wherever they stand below an item."""
    found = []
    for child in item.get("ContentSequence", ()):
        names = child.get("ConceptNameCodeSequence")
        if names and names[0].CodeMeaning == name:
            found.append(child)
        found += values(child, name)
    return found


def groups(report: pydicom.Dataset) -> list[pydicom.Dataset]:
    return values(report, "Measurement Group")


def test_each_date_has_every_kind_of_object(answered: Answered) -> None:
    kinds = Counter(re.sub(r"^[0-9-]*|-?[0-9]*\.dcm$", "", name) for name in answered.names)
    several = dict.fromkeys(("lesions", "structures", "measurements", "diameters"), 3)
    assert kinds == several | {"key": 16, "report": 1}
    assert sorted(path.name for path in answered.folder.iterdir()) == sorted(answered.names)


def test_no_object_breaks_a_rule_of_dicom(
    answered: Answered, dicom_errors: Callable[..., list[str]]
) -> None:
    assert {name: dicom_errors(answered.folder / name) for name in answered.names} == {
        name: [] for name in answered.names
    }


def test_all_objects_and_their_images_agree(answered: Answered) -> None:
    """But for one remark: dcentvfy looks for an instance where a structure set names its study.

    Referenced SOP Instance UID in RT Referenced Study Sequence is the Study Instance UID by the
    standard (PS3.3, C.8.8.5), and the images' series hangs below it.
    """
    files = [*answered.folder.glob("*.dcm"), *answered.studies.rglob("*.dcm")]
    done = subprocess.run(
        [tool("dcentvfy"), *map(str, files)], capture_output=True, text=True, check=False
    )
    ours = str(answered.folder)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if ours in line]
    assert lines  # it looked: warnings
    errors = [line for line in lines if line.startswith("Error")]
    studies = {read(answered, f"{date}-lesions.dcm").StudyInstanceUID for date in DATES}
    named = [
        line for line in errors if "structures.dcm" in line and any(uid in line for uid in studies)
    ]
    assert errors == named
    assert len(named) == len(DATES)


def test_every_object_says_who_made_it_and_that_it_decides_nothing(answered: Answered) -> None:
    assert answered.names
    for name in answered.names:
        held = read(answered, name)
        assert SHORT_NOTICE in held.SeriesDescription, name
        assert held.ManufacturerModelName == "recist"
        assert held.SoftwareVersions


def test_every_object_refers_to_every_image_of_its_date(answered: Answered) -> None:
    for date in DATES:
        images = {
            pydicom.dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID.encode()
            for path in (answered.studies / date / "CT").iterdir()
        }
        assert images
        for kind in ("lesions", "structures", "measurements", "diameters", "key-01"):
            written = (answered.folder / f"{date}-{kind}.dcm").read_bytes()
            missing = [uid for uid in images if uid not in written]
            assert missing == [], (date, kind)
    report = (answered.folder / "report.dcm").read_bytes()
    assert all(uid in report for uid in images)


@pytest.mark.parametrize("date", DATES)
def test_others_read_the_segments_bit_by_bit(answered: Answered, date: str) -> None:
    path = answered.folder / f"{date}-lesions.dcm"
    dated = answered.delineations[DATES.index(date)]
    grid = dated.examination.ct.volume.grid
    masks = {name: mask.full().T for name, mask in dated.masks().items()}  # (k, j, i)
    seg = hd.seg.segread(path)
    sources = list(seg.get_source_image_uids())
    shown = [uid for _, _, uid in sources]
    uids = dated.examination.ct.sop_instance_uids
    frames = seg.get_pixels_by_source_instance(shown, combine_segments=False)
    stacked = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    for number in range(1, seg.number_of_segments + 1):
        label = seg.get_segment_description(number).segment_label
        whole = np.zeros(grid.shape[::-1], dtype=bool)
        for n, uid in enumerate(shown):
            whole[uids.index(uid)] = frames[n, :, :, number - 1] > 0
        assert np.array_equal(whole, masks[label]), label
        alone = np.zeros_like(whole)
        for frame, item in enumerate(seg.PerFrameFunctionalGroupsSequence):
            if item.SegmentIdentificationSequence[0].ReferencedSegmentNumber == number:
                source = item.DerivationImageSequence[0].SourceImageSequence[0]
                alone[uids.index(source.ReferencedSOPInstanceUID)] |= stacked[frame] > 0
        assert np.array_equal(alone, masks[label]), label
    assert {each.label for each in read_seg(path, grid)} == set(masks)


@pytest.mark.parametrize("date", DATES)
def test_structures_are_read_back_voxel_by_voxel(answered: Answered, date: str) -> None:
    dated = answered.delineations[DATES.index(date)]
    grid = dated.examination.ct.volume.grid
    held = read_rtstruct(answered.folder / f"{date}-structures.dcm")
    assert dated.masks()
    for name, mask in dated.masks().items():
        assert np.array_equal(rasterise(held.roi(name), grid).full(), mask.full()), name


def test_the_report_says_each_diameter_as_it_was_recorded(answered: Answered) -> None:
    lesions = {lesion.id: lesion for lesion in answered.case.course.lesions}
    for date, timepoint in zip(DATES, answered.case.course.timepoints, strict=True):
        report = read(answered, f"{date}-measurements.dcm")
        found: dict[str, list[pydicom.Dataset]] = {}
        for group in groups(report):
            identity = values(group, "Tracking Identifier")[0].TextValue
            assert (lesions[identity].tracking_uid) == values(group, "Tracking Unique Identifier")[
                0
            ].UID
            found.setdefault(identity, []).append(group)
        assert set(found) == {each.lesion_id for each in timepoint.measurements}
        assert found
        for seen in timepoint.measurements:
            axis = "Short Axis" if lesions[seen.lesion_id].is_node else "Long Axis"
            said = [
                Decimal(str(item.MeasuredValueSequence[0].NumericValue))
                for group in found[seen.lesion_id]
                for item in values(group, axis)
            ]
            if seen.diameter_mm is not None:
                assert said == [seen.diameter_mm]
            volumes = [v for group in found[seen.lesion_id] for v in values(group, "Volume")]
            assert len(volumes) == (seen.volume_ml is not None)


def test_the_report_says_every_response_and_the_best_one_only_at_the_end(
    answered: Answered,
) -> None:
    for number, date in enumerate(DATES):
        report = read(answered, f"{date}-measurements.dcm")
        current = values(report, "Current Response")
        day = answered.case.course.timepoints[number].day
        plain = [a for a in answered.case.assessments if a.day == day]
        metabolic = [a for a in answered.case.metabolic if a.day == day]
        assert len(current) == len(plain) + len(metabolic)
        best = values(report, "Best Overall Response")
        assert bool(best) is (number == 2)
        if number == 2:
            coded = [item for item in best if item.ValueType == "CODE"]
            assert [item.ConceptCodeSequence[0].CodeValue for item in coded] == ["C18058"]  # PR
            words = [item.TextValue for item in current if item.ValueType == "TEXT"]
            assert "iRECIST, all lesions: iUPD" in words
        assert RESEARCH_USE in [item.TextValue for item in values(report, "Comment")]


def test_dcmqi_reads_the_report(answered: Answered, tmp_path: Path) -> None:
    for date in DATES:
        for kind in ("measurements", "diameters"):
            out = tmp_path / f"{date}-{kind}.json"
            path = answered.folder / f"{date}-{kind}.dcm"
            subprocess.run(
                [tool("tid1500reader"), "--inputDICOM", path, "--outputMetadata", out],
                capture_output=True,
                check=True,
            )
            told = json.loads(out.read_text())["Measurements"]
            assert len(told) == len(groups(pydicom.dcmread(path)))
            quantities = {
                (each["TrackingUniqueIdentifier"], item["quantity"]["CodeMeaning"]): item["value"]
                for each in told
                for item in each.get("measurementItems", ())
            }
            lesion = answered.case.course.lesions[0]
            first = answered.case.course.timepoints[DATES.index(date)].measurements[0]
            assert quantities[lesion.tracking_uid, "Long Axis"] == str(first.diameter_mm)


def test_the_editable_report_is_what_ohif_opens(answered: Answered) -> None:
    report = read(answered, "2024-03-04-diameters.dcm")
    assert report.SOPClassUID == "1.2.840.10008.5.1.4.1.1.88.33"
    assert report.ConceptNameCodeSequence[0].CodeValue == "126000"
    for group in groups(report):
        assert values(group, "Tracking Identifier")[0].TextValue == BIDIRECTIONAL
        for name in ("Long Axis", "Short Axis"):
            (number,) = values(group, name)
            (line,) = number.ContentSequence
            assert (line.ValueType, line.GraphicType) == ("SCOORD", "POLYLINE")
            image = line.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID
            source = next(
                header
                for header in answered.delineations[0].examination.ct.headers
                if header.SOPInstanceUID == image
            )
            ends = np.array(line.GraphicData).reshape(2, 2) * source.PixelSpacing[0]
            said = float(number.MeasuredValueSequence[0].NumericValue)
            assert np.linalg.norm(ends[1] - ends[0]) == pytest.approx(said, abs=0.051)


def test_the_pdf_is_kept_byte_for_byte(answered: Answered) -> None:
    held = read(answered, "report.dcm")
    assert held.EncapsulatedDocument[: held.EncapsulatedDocumentLength] == PDF


def again(answered: Answered, folder: Path, case: PatientResult, earlier: Path | None) -> Path:
    folder.mkdir()
    write_objects(case, answered.delineations, folder, earlier=earlier, pdf=PDF)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_second_time_gives_the_same_bytes(small_answered: Answered, tmp_path: Path) -> None:
    fresh = again(small_answered, tmp_path / "fresh", small_answered.case, None)
    assert content(fresh) == content(small_answered.folder)
    over = again(small_answered, tmp_path / "over", small_answered.case, small_answered.folder)
    assert content(over) == content(small_answered.folder)


def corrected(case: PatientResult) -> PatientResult:
    """The first target's diameter at the second date corrected to 14 mm."""
    first, second, third = case.course.timepoints
    own, *others = second.measurements
    changed = Measurement(own.lesion_id, Status.MEASURED, (Decimal(14),), source="a reader")
    timepoints = (first, replace(second, measurements=(changed, *others)), third)
    return replace(case, course=replace(case.course, timepoints=timepoints))


def test_a_changed_result_is_another_object_that_names_the_one_it_replaces(
    small_answered: Answered, tmp_path: Path
) -> None:
    first, second, last = (date.isoformat() for date in SMALL_DATES)
    changed = again(
        small_answered, tmp_path / "changed", corrected(small_answered.case), small_answered.folder
    )
    before, after = content(small_answered.folder), content(changed)
    different = {name for name in before if after[name] != before[name]}
    assert different >= {f"{second}-measurements.dcm", f"{second}-diameters.dcm"}
    assert "report.dcm" not in different  # the same PDF
    assert not any(name.startswith((first, last)) for name in different)
    old = read(small_answered, f"{second}-measurements.dcm")
    new = pydicom.dcmread(changed / f"{second}-measurements.dcm")
    assert new.SOPInstanceUID != old.SOPInstanceUID
    assert new.SeriesInstanceUID != old.SeriesInstanceUID
    named = new.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    assert named.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == old.SOPInstanceUID
    # Once more: nothing new, the same predecessor.
    same = again(small_answered, tmp_path / "same", corrected(small_answered.case), changed)
    assert content(same) == after
    # Unmade: a third document, that replaces the second; no two documents share a UID.
    back = again(small_answered, tmp_path / "back", small_answered.case, changed)
    third = pydicom.dcmread(back / f"{second}-measurements.dcm")
    assert third.SOPInstanceUID not in (old.SOPInstanceUID, new.SOPInstanceUID)


def test_a_damaged_earlier_object_is_no_predecessor(
    small_answered: Answered, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for name in small_answered.names:
        (broken / name).write_bytes(b"damage")
    assert content(again(small_answered, tmp_path / "new", small_answered.case, broken)) == (
        content(small_answered.folder)
    )


def test_a_labelmap_is_written_on_request(answered: Answered, tmp_path: Path) -> None:
    write_objects(answered.case, answered.delineations[:1], tmp_path, labelmap=True)
    held = pydicom.dcmread(tmp_path / "2024-03-04-lesions.dcm")
    assert held.SegmentationType == "LABELMAP"
    grid = answered.delineations[0].examination.ct.volume.grid
    found: dict[str, SegSegment] = {
        each.label: each for each in read_seg(tmp_path / "2024-03-04-lesions.dcm", grid)
    }
    assert found
    for name, mask in answered.delineations[0].masks().items():
        assert np.array_equal(found[name].mask.full(), mask.full())


def test_a_patient_without_dicom_images_is_refused(answered: Answered, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no date has DICOM images"):
        write_objects(answered.case, (), tmp_path)
