"""The phantom as DICOM: valid, and read back as what it was made of."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest

from imaging.catalogue import scan
from imaging.contours import rasterise, read_rtstruct
from imaging.masks import read_seg
from imaging.read import read_ct, read_pet
from imaging.series import ProblemLevel, Visit
from imaging.treatment import read_treatment
from imaging.volume import Grid, Mask, Unit
from pet.suv import to_suv
from recist.field.classes import classify_lesions
from recist.measure import caliper
from recist.patient.picture import key_image
from recist.phantom.dicom import Session, write_ct
from recist.phantom.lesions import DATES, LESIONS, ROI_NAMES
from recist.phantom.segmentation import write_segments
from recist.phantom.study import Truth
from recist.phantom.visit import CT_SPACING_MM, SEED, PhantomVisit, simulate


@pytest.fixture(scope="session")
def read(truth: Truth) -> tuple[Visit, ...]:
    catalogue = scan(truth.studies)
    (told,) = catalogue.problems  # the dose was planned on the baseline CT: it stays the baseline
    assert (told.where, told.level) == ("2024-03-04/CT", ProblemLevel.NOTE)
    assert "the baseline is a planning CT" in told.what
    (subject,) = catalogue.subjects
    assert subject.id == truth.subject
    return subject.visits


def test_the_catalogue_finds_three_dates_with_all_their_parts(read: tuple[Visit, ...]) -> None:
    assert [visit.date for visit in read] == list(DATES)
    assert all(visit.ct is not None and visit.pet is not None for visit in read)
    assert [len(visit.rtstructs) for visit in read] == [1, 1, 0]
    assert [len(visit.segs) for visit in read] == [0, 0, 1]
    assert [len(visit.rtdoses) for visit in read] == [1, 0, 0]
    assert [len(visit.rtplans) for visit in read] == [1, 0, 0]


@pytest.mark.parametrize("index", range(3))
def test_images_are_read_back_as_they_were_made(
    read: tuple[Visit, ...], visits: tuple[PhantomVisit, ...], index: int
) -> None:
    visit, made = read[index], visits[index]
    assert visit.ct is not None
    assert visit.pet is not None
    ct = read_ct(visit.ct)
    assert not ct.warnings
    assert np.array_equal(ct.volume.array, made.ct.array)
    assert np.allclose(ct.volume.grid.affine, made.ct.grid.affine)
    reading = read_pet(visit.pet)
    assert reading.volume.unit is Unit.BQML
    suv, audit = to_suv(reading.volume, reading.headers, strict=True)
    assert not audit.warnings
    assert np.abs(suv.array - made.suv.array).max() < 1e-3
    assert suv.grid.frame_of_reference_uid == ct.volume.grid.frame_of_reference_uid


@pytest.mark.parametrize("index", range(2))
def test_contours_hold_just_the_voxels_of_each_lesion(
    read: tuple[Visit, ...], visits: tuple[PhantomVisit, ...], truth: Truth, index: int
) -> None:
    visit = read[index]
    assert visit.ct is not None
    grid = read_ct(visit.ct).volume.grid
    structures = read_rtstruct(visit.rtstructs[0].files[0])
    drawn = {roi.name: roi for roi in structures.rois}
    assert truth.rois[index].keys() <= drawn.keys()
    for name, lesion in truth.rois[index].items():
        mask = rasterise(drawn[name], grid)
        assert np.array_equal(mask.full(), visits[index].masks[lesion].full()), name


def test_segments_of_the_last_date_hold_the_lesions_with_their_organs(
    read: tuple[Visit, ...], visits: tuple[PhantomVisit, ...], truth: Truth
) -> None:
    assert read[2].ct is not None
    grid = read_ct(read[2].ct).volume.grid
    segments = {segment.label: segment for segment in read_seg(read[2].segs[0].files[0], grid)}
    assert segments.keys() == truth.rois[2].keys()
    organs = {lesion.id: lesion.organ for lesion in LESIONS}
    for name, lesion in truth.rois[2].items():
        segment = segments[name]
        assert np.array_equal(segment.mask.full(), visits[2].masks[lesion].full()), name
        assert segment.region is not None
        assert segment.region.meaning.lower() == organs[lesion]


def test_dose_and_target_put_each_lesion_in_its_field(
    read: tuple[Visit, ...], visits: tuple[PhantomVisit, ...]
) -> None:
    files = [
        [path for item in series for path in item.files]
        for series in (read[0].rtdoses, read[0].rtplans, read[0].rtstructs)
    ]
    treatment = read_treatment(files[0], files[1], files[2])
    assert not treatment.problems
    assert treatment.prescription.startswith("45 Gy in 3 fractions")
    frame = str(Session(SEED, 0, DATES[0]).frame_of_reference_uid)
    masks = {
        name: Mask(mask.array, mask.start, Grid(mask.grid.shape, mask.grid.affine, frame))
        for name, mask in visits[0].masks.items()
    }
    found = {finding.lesion_id: finding.field for finding in classify_lesions(masks, treatment)}
    assert found == {lesion.id: lesion.field for lesion in LESIONS if lesion.id in masks}


@pytest.mark.parametrize(
    "file",
    [
        "2024-03-04/CT/ct_001.dcm",
        "2024-07-08/CT/ct_072.dcm",
        "2024-03-04/PET/pet_001.dcm",
        "2024-05-06/PET/pet_030.dcm",
        "2024-03-04/RTSTRUCT/structures.dcm",
        "2024-07-08/SEG/lesions.dcm",
        "2024-03-04/RTPLAN/plan.dcm",
        "2024-03-04/RTDOSE/dose.dcm",
    ],
)
def test_the_validator_finds_no_error(
    truth: Truth, file: str, dicom_errors: Callable[..., list[str]]
) -> None:
    assert dicom_errors(truth.studies / file) == []


def test_the_folder_of_studies_holds_nothing_but_dicom(truth: Truth) -> None:
    files = [path for path in truth.studies.rglob("*") if path.is_file()]
    assert len(files) == 3 * (72 + 54 + 1) + 2
    uids = {pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in files}
    assert len(uids) == len(files)


def test_the_truth_is_written_beside_the_studies(truth: Truth) -> None:
    written = json.loads((truth.studies.parent / "truth.json").read_text())
    assert written["dates"] == ["2024-03-04", "2024-05-06", "2024-07-08"]
    by_id = {lesion["id"]: lesion for lesion in written["lesions"]}
    assert by_id["lung-right"]["diameters_mm"] == ["40", "24", "17"]
    assert by_id["node-axilla"]["diameters_mm"] == ["18", "11", "9"]  # short axis
    assert by_id["liver-new"]["diameters_mm"] == [None, None, "24"]
    last = [e for e in written["expected"] if e["day"] == 126]
    assert {e["scope"]: (e["sum_mm"], e["recist11"], e["irecist"]) for e in last} == {
        "all": ("39", "PD", "iUPD"),
        "in-field": ("17", "PR", "iPR"),
        "out-of-field": ("22", "PD", "iUPD"),
    }


def test_uids_follow_from_the_seed() -> None:
    one, again, other = (Session(seed, 0, DATES[0]) for seed in (1, 1, 2))
    assert one.instance_uid("CT", 5) == again.instance_uid("CT", 5)
    assert one.instance_uid("CT", 5) != other.instance_uid("CT", 5)
    assert one.series_uid("CT") != one.series_uid("PT")


def test_two_runs_write_the_same_bytes(truth: Truth, tmp_path: Path) -> None:
    session = Session(SEED, 1, DATES[1])
    again = simulate(1, frame_of_reference_uid=str(session.frame_of_reference_uid))
    write_ct(again.ct, session, tmp_path)
    name = "ct_033.dcm"
    first = (truth.studies / "2024-05-06" / "CT" / name).read_bytes()
    assert (tmp_path / name).read_bytes() == first


def test_two_runs_write_the_same_segments(
    truth: Truth, visits: tuple[PhantomVisit, ...], tmp_path: Path
) -> None:
    session = Session(SEED, 2, DATES[2])
    files = sorted((truth.studies / "2024-07-08" / "CT").iterdir())
    headers = [pydicom.dcmread(file, stop_before_pixels=True) for file in files]
    again = tmp_path / "lesions.dcm"
    write_segments(visits[2].masks, ROI_NAMES[2], headers, session, again)
    assert again.read_bytes() == (truth.studies / "2024-07-08/SEG/lesions.dcm").read_bytes()


def test_the_key_image_of_the_treated_lesion_shows_its_target_and_isodoses(
    read: tuple[Visit, ...], visits: tuple[PhantomVisit, ...]
) -> None:
    files = [
        [path for item in series for path in item.files]
        for series in (read[0].rtdoses, read[0].rtplans, read[0].rtstructs)
    ]
    treatment = read_treatment(files[0], files[1], files[2])
    assert read[0].ct is not None
    ct = read_ct(read[0].ct).volume
    images = {}
    for name in ("lung-right", "node-axilla"):
        box = visits[0].masks[name]
        mask = Mask(box.array, box.start, ct.grid)
        images[name] = key_image(
            ct, mask, caliper(mask), lesion_id=name, day=0, treatment=treatment
        )
    # The GTV lies within the PTV and is not drawn; far from the target nothing is.
    assert {name: [o.label for o in image.overlays] for name, image in images.items()} == {
        "lung-right": ["lesion", "42.75 Gy", "22.5 Gy", "5 Gy", "PTV_45Gy"],
        "node-axilla": ["lesion"],
    }
    target = next(o for o in images["lung-right"].overlays if o.kind == "target-volume")
    extent_mm = np.ptp(target.lines_px[0], axis=0).max() * CT_SPACING_MM[0]
    assert 46 < extent_mm < 53  # 40 mm of lesion, turned a bit, and 6 mm on either side
