"""Which CT and PET of a date is used, and what each other series is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from imaging.catalogue import Catalogue, Subject, Visit, scan
from imaging.choice import is_sharp

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def only_subject(catalogue: Catalogue) -> Subject:
    (subject,) = catalogue.subjects
    return subject


def only_visit(root: Path) -> Visit:
    (visit,) = only_subject(scan(root)).visits
    return visit


def reasons(root: Path) -> dict[str, str]:
    """Why each series was rejected, by its description."""
    return {r.series.description: r.reason for r in only_subject(scan(root)).rejected}


def set_type(*image_type: str) -> dict[str, list[str]]:
    return {"ImageType": list(image_type)}


def colour(k: int, dataset: Dataset) -> None:
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 3, "RGB"


def scouts(k: int, dataset: Dataset) -> None:
    """The first two images of the series are localizers."""
    if k < 2:
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"elements": set_type("ORIGINAL", "PRIMARY", "LOCALIZER")}, "a localizer"),
        ({"elements": {"SeriesDescription": "Topogram 0.6"}}, "a localizer"),
        ({"elements": {"SOPClassUID": SECONDARY_CAPTURE}}, "a secondary capture or screenshot"),
        ({"change": colour, "stored": None}, "a colour image"),
        ({"elements": set_type("DERIVED", "PRIMARY", "MIP")}, "a projection (MIP)"),
        ({"orientation": (1.0, 0, 0, 0, 0, -1.0)}, "not axial: slices are tilted by 90 degrees"),
        ({"slices": 3}, "only 3 images"),
        ({"without": ("PixelSpacing",)}, "no image position or pixel spacing"),
        ({"elements": {"RescaleType": "MGML"}}, "values are MGML, not HU"),
    ],
)
def test_what_is_no_scan_is_rejected_with_its_reason(dicom, options, reason) -> None:
    dicom.ct("good")
    dicom.ct("bad", **options)
    subject = only_subject(scan(dicom.root))
    assert subject.visits[0].ct
    assert subject.visits[0].ct.description == "good"
    (rejection,) = subject.rejected
    assert rejection.reason.startswith(reason)


def test_scouts_within_the_series_are_set_apart(dicom) -> None:
    dicom.ct("CT", slices=9, change=scouts)
    subject = only_subject(scan(dicom.root))
    assert subject.visits[0].ct
    assert subject.visits[0].ct.slices == 7
    assert {rejection.reason for rejection in subject.rejected} == {"a localizer"}
    assert sum(rejection.series.slices for rejection in subject.rejected) == 2


def test_two_acquisitions_in_one_series_are_told_apart(dicom) -> None:
    dicom.ct("a", series="same", slices=6, elements={"AcquisitionNumber": 1})
    dicom.ct("b", series="same", slices=8, elements={"AcquisitionNumber": 2})
    subject = only_subject(scan(dicom.root))
    assert subject.visits[0].ct
    assert subject.visits[0].ct.slices == 8
    (rejection,) = subject.rejected
    assert rejection.series.slices == 6


@pytest.mark.parametrize(
    ("better", "worse", "reason"),
    [
        ({}, {"without_slice": 3}, "slices are missing, doubled or uneven"),
        ({"slices": 6, "step_mm": 5.0}, {"slices": 6, "step_mm": 7.5}, "slices thicker than 5 mm"),
        (
            {"slices": 6, "step_mm": 5.0},
            {"slices": 6, "elements": set_type("DERIVED", "SECONDARY", "AXIAL")},
            "derived, while an original is there",
        ),
        ({"slices": 10, "step_mm": 5.0}, {"slices": 14, "step_mm": 2.5}, "covers less of the body"),
        (
            {"slices": 6, "elements": {"ConvolutionKernel": "B30f"}},
            {"slices": 6, "elements": {"ConvolutionKernel": "B70f"}},
            "a sharp kernel",
        ),
        ({"slices": 13, "step_mm": 2.5}, {"slices": 7, "step_mm": 5.0}, "fewer slices"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_the_ct_of_a_date_is_chosen_by_the_stated_rule(
    dicom, better, worse, reason, turned
) -> None:
    names = ("b", "a") if turned else ("a", "b")
    for name, given in zip(names, (better, worse), strict=True):
        options = dict(given)
        gap = options.pop("without_slice", None)
        files = dicom.ct(name, frame=name, **options)
        if gap is not None:
            files[gap].unlink()
    visit = only_visit(dicom.root)
    assert visit.ct
    assert visit.ct.description == names[0]
    told = reasons(dicom.root)[names[1]]
    assert told == f"{reason}; CT '{names[0]}' in tree/{names[0]} is used"


def test_the_ct_of_the_contours_wins_over_a_longer_one(dicom) -> None:
    dicom.ct("diagnostic", slices=20)
    planning = dicom.ct("planning", slices=8)
    dicom.object("RTSTRUCT", refers_to=planning[0])
    visit = only_visit(dicom.root)
    assert visit.ct
    assert visit.ct.description == "planning"
    assert reasons(dicom.root)["diagnostic"].startswith("not what contours, plan or segmentation")


def test_the_ct_in_the_frame_of_the_pet_wins(dicom) -> None:
    dicom.pet("PET", frame="petct")
    dicom.ct("diagnostic", slices=20, frame="other")
    dicom.ct("lowdose", slices=8, frame="petct")
    visit = only_visit(dicom.root)
    assert visit.ct
    assert visit.ct.description == "lowdose"
    assert reasons(dicom.root)["diagnostic"].startswith("not in the frame of reference of the PET")


def test_without_a_pet_the_frame_of_reference_decides_nothing(dicom) -> None:
    dicom.ct("long", slices=12)
    dicom.ct("short", slices=6, without=("FrameOfReferenceUID",))
    visit = only_visit(dicom.root)
    assert visit.ct
    assert visit.ct.description == "long"


@pytest.mark.parametrize(
    ("worse", "reason"),
    [
        ({"CorrectedImage": ["DECY", "RAN"]}, "not attenuation corrected"),
        ({"CorrectedImage": "", "SeriesDescription": "WB NAC"}, "not attenuation corrected"),
        ({"Units": "PROPCNTS"}, "its unit gives no SUV"),
        ({"SeriesType": ["DYNAMIC", "IMAGE"]}, "a dynamic series"),
    ],
)
def test_the_pet_that_gives_an_suv_is_chosen(dicom, worse, reason) -> None:
    dicom.ct()
    dicom.pet("b")
    dicom.pet("a", slices=9, elements=worse)
    subject = only_subject(scan(dicom.root))
    assert subject.visits[0].pet
    assert subject.visits[0].pet.folder.name == "b"
    (rejection,) = subject.rejected
    assert rejection.reason.startswith(reason)


@pytest.mark.parametrize(
    ("kernel", "sharp"),
    [
        ("B30f", False),
        ("B60s", True),
        ("Br40d", False),
        ("Bl57d", False),
        ("I70f", True),
        ("STANDARD", False),
        ("LUNG", True),
        ("BONEPLUS", True),
        ("FC08", False),
        ("FC52", True),
        ("", False),
        ("C", False),
        ("L", True),
    ],
)
def test_kernels_by_the_vendors_names(kernel: str, sharp: bool) -> None:
    assert is_sharp(kernel) is sharp


def test_frames_of_a_dynamic_pet_are_no_scan_whatever_the_series_type(dicom) -> None:
    def frame(minute: int) -> dict[str, object]:
        return {"elements": {"TemporalPositionIdentifier": minute}, "without": ("SeriesType",)}

    dicom.ct("CT")
    for minute in range(4):
        dicom.pet(f"minute {minute}", series="dynamic", **frame(minute))
    subject = only_subject(scan(dicom.root))
    assert subject.visits[0].pet is None
    assert {r.reason for r in subject.rejected} == {"one of 4 frames of a dynamic series"}


def minute_of(minute: int, **elements: object) -> dict[str, Any]:
    """A PET frame of a minute that does not say that it is one."""
    told = {
        "AcquisitionTime": f"09{minute:02d}00",
        "ActualFrameDuration": 60_000,
        "SeriesDescription": "PET",
        **elements,
    }
    return {"elements": told, "without": ("SeriesType",)}


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"AcquisitionTime": "090000", "FrameReferenceTime": "{minute}30000"},
        {"AcquisitionTime": "090000", "TriggerTime": "{minute}00"},
    ],
    ids=["acquisition time", "frame reference time", "gates"],
)
def test_frames_are_told_apart_by_any_time(dicom, told: dict[str, str]) -> None:
    dicom.ct("CT")
    for minute in range(4):
        own = {name: value.format(minute=minute) for name, value in told.items()}
        dicom.pet(f"{minute}", series="dynamic", **minute_of(minute, **own))
    subject = only_subject(scan(dicom.root))
    assert subject.visits[0].pet is None
    assert {r.reason for r in subject.rejected} == {"one of 4 frames of a dynamic series"}


def test_a_frame_that_lost_slices_is_one_all_the_same(dicom) -> None:
    dicom.ct("CT")
    for minute, slices in enumerate((20, 20, 11)):
        number = minute_of(minute, AcquisitionNumber=minute + 1)
        dicom.pet(f"{minute}", series="dynamic", slices=slices, **number)
    subject = only_subject(scan(dicom.root))
    assert subject.visits[0].pet is None
    assert {r.reason for r in subject.rejected} == {"one of 3 frames of a dynamic series"}


@pytest.mark.parametrize("static", [False, True])
def test_frames_as_series_of_their_own_are_no_scan_beside_their_sum(dicom, static: bool) -> None:
    dicom.ct("CT")
    for minute in range(4):
        dicom.pet(f"{minute}", **minute_of(minute, SeriesNumber=minute + 1))
    if static:
        whole = minute_of(0, ActualFrameDuration=240_000, SeriesNumber=9)
        dicom.pet("sum", **whole)
    pet = only_visit(dicom.root).pet
    assert (pet is not None and pet.folder.name == "sum") is static
    assert "one of 4 frames of a dynamic series" in {
        r.reason for r in only_subject(scan(dicom.root)).rejected
    }


def test_an_early_and_a_late_scan_are_two_scans(dicom) -> None:
    """So are reconstructions of one: neither begins where the other ends."""
    dicom.ct("CT")
    dicom.pet("early", **minute_of(0))
    dicom.pet("again", **minute_of(0))
    dicom.pet("late", **minute_of(45))
    assert only_visit(dicom.root).pet is not None


def test_one_frame_of_several_is_no_scan(dicom) -> None:
    dicom.ct("CT")
    dicom.pet("PET", **minute_of(0, NumberOfTimeSlices=24))
    assert only_visit(dicom.root).pet is None
