"""SEG and RTSTRUCT of others come back as what a reader drew, under the name of who drew it."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813 - as everyone calls it
from scipy import ndimage

from imaging.contours import write_rtstruct
from imaging.masks import read_seg
from imaging.nifti import write_label_map
from imaging.read import Reading
from imaging.seg import Coded, SegSegment, write_seg
from imaging.volume import Mask
from recist.incoming.receiving import Received, receive
from recist.patient.corrections import read_corrections
from recist.phantom.study import Truth
from recist.run.batch import Batch
from recist.run.correcting import correct

from .conftest import DATE, SUBJECT

TISSUE = Coded("85756007", "SCT", "Tissue")


@pytest.fixture(scope="package")
def masks(results: Path, ct: Reading) -> Mapping[str, Mask]:
    """What was sent out of the second date."""
    path = results / SUBJECT / "dicom" / f"{DATE}-lesions.dcm"
    return {each.label: each.mask for each in read_seg(path, ct.volume.grid)}


def grown(mask: Mask, voxels: int = 2) -> Mask:
    """Drawn larger: in its slices alone."""
    whole = mask.full()
    flat = np.zeros((3, 3, 3), dtype=bool)
    flat[:, :, 1] = True
    return Mask.of(ndimage.binary_dilation(whole, flat, iterations=voxels), mask.grid)


def moved(mask: Mask, by: int) -> Mask:
    return Mask.of(np.roll(mask.full(), by, axis=0), mask.grid)


def by_slicer(path: Path, drawn: Mapping[str, Mask], ct: Reading, **more: str) -> Path:
    """As 3D Slicer exports a segmentation: tissue, no tracking, names as the user typed them."""
    segments = [
        SegSegment(name, mask, tracking_uid=f"2.25.{n}", category=TISSUE, kind=TISSUE)
        for n, (name, mask) in enumerate(drawn.items(), start=1)
    ]
    write_seg(path, segments, ct.headers)
    held = pydicom.dcmread(path)
    for item in held.SegmentSequence:
        del item.TrackingUID, item.TrackingID
    held.Manufacturer, held.ManufacturerModelName = "QIICR", "3D Slicer"
    held.ContentCreatorName = "Weber^Anna"
    held.ContentDate, held.ContentTime = "20240510", "101500"
    held.SOPInstanceUID = held.file_meta.MediaStorageSOPInstanceUID = f"2.25.9{len(path.name)}"
    for name, value in more.items():
        setattr(held, name, value)
    held.save_as(path)
    return path


def by_planning_system(path: Path, drawn: Mapping[str, Mask], ct: Reading, **more: str) -> Path:
    """Structures under names of their own, without anything of ours."""
    segments = [SegSegment(name, mask) for name, mask in drawn.items()]
    write_rtstruct(path, segments, ct.headers)
    held = pydicom.dcmread(path)
    held.Manufacturer, held.ManufacturerModelName = "Planning", "Planner 5"
    held.OperatorsName = "Dosimetrist^One"
    held.StructureSetDate, held.StructureSetTime = "20240511", "090000"
    held.SOPInstanceUID = held.file_meta.MediaStorageSOPInstanceUID = "2.25.77"
    for name, value in more.items():
        setattr(held, name, value)
    held.save_as(path)
    return path


@pytest.fixture
def received(results: Path, tmp_path: Path) -> Callable[..., Received]:
    def take(*paths: Path, **more: object) -> Received:
        return receive(results, paths, out=tmp_path / "received", **more)  # type: ignore[arg-type]

    return take


def left(folder: Path) -> list[dict[str, str]]:
    with (folder / "received" / "left.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.usefixtures("without_paper")
def test_a_lesion_drawn_larger_in_slicer_is_measured_again_from_its_outline(
    masks: Mapping[str, Mask],
    ct: Reading,
    results: Path,
    received: Callable[..., Received],
    tmp_path: Path,
) -> None:
    path = by_slicer(tmp_path / "s.dcm", {**masks, "L1": grown(masks["L1"])}, ct)
    done = received(path)
    assert (done.left, done.unchanged) == ((), len(masks) - 1)
    first, second, *_ = done.lines
    assert first == f"{SUBJECT}: L1 {DATE}: outline by Weber Anna (SEG s.dcm)"
    assert second.startswith(f"{SUBJECT}: L1 {DATE}: 24.3 -> ")
    (said,) = read_corrections(drawn=done.tables[SUBJECT]["drawn"])[SUBJECT].drawn
    assert (said.lesion, said.reader, said.recorded_at) == (
        "L1",
        "Weber Anna",
        "2024-05-10T10:15:00",
    )
    out = tmp_path / "out"
    shutil.copytree(results, out)
    (patient,) = correct(out, {"drawn": done.tables[SUBJECT]["drawn"]})
    assert patient.changes is not None
    assert [f"{SUBJECT}: {line}" for line in patient.changes.lines()] == list(done.lines[1:])
    with (out / "measurements.csv").open(newline="") as file:
        row = next(
            row for row in csv.DictReader(file) if (row["lesion"], row["date"]) == ("L1", DATE)
        )
    assert row["drawn_by"] == "Weber Anna"
    kept = read_seg(out / SUBJECT / "dicom" / f"{DATE}-lesions.dcm", ct.volume.grid)
    shown = next(each.mask for each in kept if each.label == "L1")
    assert np.array_equal(shown.full(), grown(masks["L1"]).full())
    # What this program now says of it itself is no news.
    assert received(out / SUBJECT / "dicom" / f"{DATE}-structures.dcm").tables == {}


def test_a_segmentation_that_dcmqi_wrote_is_read(
    masks: Mapping[str, Mask],
    ct: Reading,
    phantom: Truth,
    received: Callable[..., Received],
    tmp_path: Path,
) -> None:
    tool = shutil.which("itkimage2segimage", path=sysconfig.get_path("scripts"))
    assert tool is not None
    write_label_map(tmp_path / "l.nii.gz", {1: grown(masks["L2"])}, ct.volume.grid)
    sitk.WriteImage(sitk.ReadImage(str(tmp_path / "l.nii.gz")), str(tmp_path / "l.nrrd"))
    code = {"CodeValue": "M-01000", "CodingSchemeDesignator": "SRT", "CodeMeaning": "Lesion"}
    told = {
        "ContentCreatorName": "Doe^John",
        "SeriesDescription": "Segmentation",
        "SeriesNumber": "300",
        "InstanceNumber": "1",
        "BodyPartExamined": "CHEST",
        "segmentAttributes": [
            [
                {
                    "labelID": 1,
                    "SegmentDescription": "metastasis",
                    "SegmentLabel": "metastasis",
                    "SegmentAlgorithmType": "MANUAL",
                    "SegmentedPropertyCategoryCodeSequence": code,
                    "SegmentedPropertyTypeCodeSequence": code,
                }
            ]
        ],
    }
    (tmp_path / "meta.json").write_text(json.dumps(told))
    subprocess.run(
        [
            tool,
            "--inputImageList", tmp_path / "l.nrrd",
            "--inputDICOMDirectory", phantom.studies / DATE / "CT",
            "--inputMetadata", tmp_path / "meta.json",
            "--outputDICOM", tmp_path / "dcmqi.dcm",
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    done = received(tmp_path / "dcmqi.dcm")
    assert done.left == ()
    assert done.lines[0] == f"{SUBJECT}: L2 {DATE}: outline by Doe John (SEG dcmqi.dcm)"
    assert done.lines[1].startswith(f"{SUBJECT}: L2 {DATE}: ")


def test_a_structure_is_known_by_its_place_and_what_is_planned_around_a_lesion_is_none(
    masks: Mapping[str, Mask], ct: Reading, received: Callable[..., Received], tmp_path: Path
) -> None:
    drawn = {"GTV lung": grown(masks["L1"]), "PTV 45": grown(masks["L1"], 3)}
    drawn["Heart"] = moved(grown(masks["L1"], 4), 40)
    done = received(by_planning_system(tmp_path / "rt.dcm", drawn, ct))
    assert list(done.tables[SUBJECT]) == ["drawn"]
    assert done.lines[0] == f"{SUBJECT}: L1 {DATE}: outline by Dosimetrist One (RTSTRUCT rt.dcm)"
    assert done.left == (
        "rt.dcm: PTV 45: named as a planning helper or target volume",
        "rt.dcm: Heart: lies over no lesion of the patient and is not named as a lesion",
    )


def test_what_comes_back_as_it_was_sent_corrects_nothing(
    masks: Mapping[str, Mask],
    ct: Reading,
    results: Path,
    received: Callable[..., Received],
    tmp_path: Path,
) -> None:
    done = received(
        by_slicer(tmp_path / "s.dcm", masks, ct),
        by_planning_system(tmp_path / "rt.dcm", masks, ct),
        results / SUBJECT / "dicom",
    )
    assert (done.tables, done.lines, done.left) == ({}, (), ())
    assert done.unchanged == 2 * len(masks)


def test_an_unknown_lesion_is_named_and_a_new_one_on_request(
    masks: Mapping[str, Mask], ct: Reading, received: Callable[..., Received], tmp_path: Path
) -> None:
    path = by_planning_system(tmp_path / "rt.dcm", {"lesion X": moved(masks["L1"], 30)}, ct)
    done = received(path)
    assert done.tables == {}
    assert done.left == (
        "rt.dcm: lesion X: names no lesion of the patient, and lies over none "
        "(--new takes it as a new one)",
    )
    assert [row["named"] for row in left(tmp_path)] == ["lesion X"]
    done = received(path, new=True)
    assert done.left == ()
    assert any(line.startswith(f"{SUBJECT}: lesion X: lesion not recorded") for line in done.lines)


@pytest.mark.parametrize(
    "case",
    [
        ({"PatientID": "SOMEONE"}, "another patient, whose results are not here"),
        ({"FrameOfReferenceUID": "1.2.3"}, "drawn in another frame of reference"),
    ],
)
def test_what_is_of_something_else_is_a_line_each(
    masks: Mapping[str, Mask],
    ct: Reading,
    received: Callable[..., Received],
    tmp_path: Path,
    case: tuple[dict[str, str], str],
) -> None:
    wrong, told = case
    done = received(by_slicer(tmp_path / "s.dcm", {"L1": grown(masks["L1"])}, ct, **wrong))
    assert done.tables == {}
    assert len(done.left) == len(left(tmp_path)) == 1 and told in done.left[0]


def test_another_study_is_told_but_for_structures_on_the_images_of_a_date(
    masks: Mapping[str, Mask], ct: Reading, received: Callable[..., Received], tmp_path: Path
) -> None:
    drawn = {"L1": grown(masks["L1"])}
    done = received(by_planning_system(tmp_path / "rt.dcm", drawn, ct, StudyInstanceUID="1.2.3"))
    assert done.left == () and SUBJECT in done.tables
    path = by_slicer(tmp_path / "s.dcm", drawn, ct, StudyInstanceUID="1.2.3")
    held = pydicom.dcmread(path)
    for element in held.iterall():
        if element.keyword == "ReferencedSOPInstanceUID":
            element.value = "1.2.3.4"
    held.save_as(path)
    assert "a study that no date of the results is of" in received(path).left[0]


def test_of_a_lesion_drawn_twice_the_later_counts_and_the_earlier_is_told(
    masks: Mapping[str, Mask], ct: Reading, received: Callable[..., Received], tmp_path: Path
) -> None:
    later = by_planning_system(tmp_path / "a.dcm", {"L1": grown(masks["L1"], 1)}, ct)
    earlier = by_slicer(tmp_path / "b.dcm", {"L1": grown(masks["L1"], 3)}, ct)
    done = received(later, earlier)
    assert done.left == ("b.dcm: L1: drawn again in a.dcm",)
    (said,) = read_corrections(drawn=done.tables[SUBJECT]["drawn"])[SUBJECT].drawn
    assert said.reader == "Dosimetrist One"


def test_a_lesion_twice_in_one_file_is_not_guessed(
    masks: Mapping[str, Mask], ct: Reading, received: Callable[..., Received], tmp_path: Path
) -> None:
    drawn = {"L1": grown(masks["L1"]), "also L1": grown(masks["L1"], 1)}
    done = received(by_slicer(tmp_path / "s.dcm", drawn, ct))
    assert done.left == ("s.dcm: also L1: L1 stands in the file twice",)


def test_an_object_of_this_program_for_another_result_is_told(
    masks: Mapping[str, Mask], ct: Reading, received: Callable[..., Received], tmp_path: Path
) -> None:
    segments = [SegSegment("L1", grown(masks["L1"]), tracking_uid="2.25.5")]
    done = received(write_seg(tmp_path / "ours.dcm", segments, ct.headers))
    assert done.tables == {}
    assert done.left == ("ours.dcm: L1: written by this program for another result than this one",)


def test_a_damaged_segmentation_is_told_and_the_others_are_taken(
    masks: Mapping[str, Mask], ct: Reading, received: Callable[..., Received], tmp_path: Path
) -> None:
    whole = by_slicer(tmp_path / "s.dcm", {"L1": grown(masks["L1"])}, ct)
    (tmp_path / "cut.dcm").write_bytes(whole.read_bytes()[:4000])
    done = received(whole, tmp_path / "cut.dcm")
    assert [line.split(":")[0] for line in done.left] == ["cut.dcm"]
    assert SUBJECT in done.tables


def test_what_was_corrected_before_stays_in_the_tables(
    masks: Mapping[str, Mask],
    ct: Reading,
    done: Batch,
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    shutil.copytree(done.out, out)
    for lesion in ("L1", "L2"):
        path = by_slicer(tmp_path / f"{lesion}.dcm", {lesion: grown(masks[lesion])}, ct)
        correct(out, receive(out, [path]).tables[SUBJECT])
    drawn = read_corrections(drawn=out / SUBJECT / "corrections" / "drawn.csv")[SUBJECT].drawn
    assert [each.lesion for each in drawn] == ["L1", "L2"]
