"""All 58 objects of the IBSI-SUV catalogue v3, synthesised from their header differences."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from imaging.errors import InputError
from pet.suv import TagError, suv_factors

SeriesMaker = Callable[..., list[Dataset]]

#: The factor of the default object, from the catalogue's base.
FACTOR = 2.77778125e-4
F18, ZR89, GA68 = 6586.2, 282276.0, 4057.7
NO_DECY = ["NORM", "DTIM", "ATTN", "SCAT", "RAN"]
#: Two beds as in the object DRO_3_2 of v1.1, and as in DRO_3_4.
BEDS = [
    {"AcquisitionTime": "110230.000000", "FrameReferenceTime": "450000.0"},
    {"AcquisitionTime": "110500.000000", "FrameReferenceTime": "600000.0"},
]
UNCORRECTED_BEDS = [{"AcquisitionTime": "110000.000000"}, {"AcquisitionTime": "110500.000000"}]
UNCORRECTED_FACTORS = (0.000286685402, 0.00029588124)
VENDORS = ("SIEMENS", "GE MEDICAL SYSTEMS", "Philips Medical Systems", "Synthetic")

#: lean (James 128), ideal weight and lean (Janmahasatian) of 70 kg, 1.75 m: suv_formulas.json.
LEAN_JAMES = {"M": 56.52, "F": 51.22, "O": 53.87}
IDEAL = {"M": 72.38, "F": 66.43, "O": 69.405}
LEAN_JANMA = {"M": 55.857107722577474, "F": 45.19701492537313, "O": 50.5270613239753}
BSA_M2 = 1.8481430181213463


def decayed_factor(uptake_s: float, half_life_s: float, dose_bq: float = 368.08e6) -> float:
    return 70000.0 / (dose_bq * math.exp(-math.log(2.0) * uptake_s / half_life_s))


def late_series(beds: list[dict[str, str]], vendor: str, **more: Any) -> dict[str, Any]:
    return {
        "slices": beds,
        "SeriesTime": "113000",
        "ActualFrameDuration": "603000",
        "Manufacturer": vendor,
        **more,
    }


def uncorrected(vendor: str, **more: Any) -> dict[str, Any]:
    return {
        "slices": UNCORRECTED_BEDS,
        "ActualFrameDuration": "603000",
        "Manufacturer": vendor,
        "DecayCorrection": "NONE",
        "CorrectedImage": NO_DECY,
        **more,
    }


def suv_of(kind: str, sex: str) -> dict[str, Any]:
    return {"Units": "GML", "SUVType": kind, "PatientSex": sex}


#: id -> (header differences, factor of each slice or of all).
VALID: dict[str, tuple[dict[str, Any], float | tuple[float, ...]]] = {
    "DRO_0_0": ({}, FACTOR),
    "DRO_1_0": ({"slices": [{"RescaleSlope": "4.0"}, {"RescaleSlope": "3.0"}]}, FACTOR),
    "DRO_2_0": ({"Units": "GML"}, 1.0),
    **{
        f"DRO_2_1_{n}": (suv_of("LBMJAMES128", sex), 70 / LEAN_JAMES[sex])
        for n, sex in enumerate("MFO")
    },
    **{f"DRO_2_2_{n}": (suv_of("IBW", sex), 70 / IDEAL[sex]) for n, sex in enumerate("MFO")},
    "DRO_2_3": ({"Units": "CM2ML", "SUVType": "BSA"}, 70 / (BSA_M2 * 10)),
    "DRO_2_4": (
        {"Units": "CNTS", "Manufacturer": VENDORS[2], "private": {"suv_scale": "0.0005"}},
        0.0005,
    ),
    "DRO_2_5": (
        {
            "Units": "CNTS",
            "Manufacturer": VENDORS[2],
            "private": {"activity_scale": "0.5", "suv_scale": "0.01"},
        },
        0.5 * FACTOR,
    ),
    **{
        f"DRO_2_6_{n}": (suv_of("LBMJANMA", sex), 70 / LEAN_JANMA[sex])
        for n, sex in enumerate("MFO")
    },
    "DRO_3_0": ({"drug": {"RadionuclideTotalDose": "368.08"}}, FACTOR),
    "DRO_3_1": ({"DecayCorrection": "ADMIN"}, 70000 / 368.08e6),
    "DRO_3_2_0": (late_series(BEDS, VENDORS[0]), 0.000277775365),
    "DRO_3_2_1": (late_series(BEDS, VENDORS[1]), decayed_factor(3300.0, F18)),  # acq - FRT
    "DRO_3_2_2": (late_series(BEDS, VENDORS[2]), 0.000277775365),
    "DRO_3_2_3": (late_series(BEDS, VENDORS[3]), 0.000277775365),
    "DRO_3_3_0": (
        {
            "Manufacturer": VENDORS[0],
            "AcquisitionTime": "113000",
            "private": {"siemens_time": "20250101110000.000000"},
        },
        FACTOR,
    ),
    "DRO_3_3_1": (
        {
            "Manufacturer": VENDORS[1],
            "AcquisitionTime": "113000",
            "private": {"ge_time": "20250101110000.000000"},
        },
        FACTOR,
    ),
    "DRO_3_4_0": (uncorrected(VENDORS[0]), UNCORRECTED_FACTORS),
    "DRO_3_4_1": (uncorrected(VENDORS[1]), UNCORRECTED_FACTORS),
    "DRO_3_4_2": (
        uncorrected(VENDORS[2], Units="CNTS", private={"activity_scale": "0.5"}),
        tuple(0.5 * factor for factor in UNCORRECTED_FACTORS),
    ),
    "DRO_3_4_3": (uncorrected(VENDORS[3]), UNCORRECTED_FACTORS),
    **{f"DRO_3_5_{n}": ({"Manufacturer": VENDORS[n]}, FACTOR) for n in range(4)},
    "DRO_4_0": ({"drug": {"RadiopharmaceuticalStartTime": None}}, FACTOR),
    "DRO_4_1": ({"drug": {"RadiopharmaceuticalStartDateTime": None}}, FACTOR),
    "DRO_4_2": (
        {
            "SeriesDate": "20250102",
            "SeriesTime": "003000",
            "AcquisitionDate": "20250102",
            "AcquisitionTime": "003000",
            "drug": {
                "RadiopharmaceuticalStartTime": "233000",
                "RadiopharmaceuticalStartDateTime": None,
            },
        },
        FACTOR,
    ),
    "DRO_4_3": (
        {
            "SeriesDate": "20250102",
            "SeriesTime": "003000",
            "AcquisitionDate": "20250102",
            "AcquisitionTime": "003000",
            "drug": {
                "RadiopharmaceuticalStartTime": "233000",
                "RadiopharmaceuticalStartDateTime": "20250101233000",
            },
        },
        FACTOR,
    ),
    "DRO_4_4": (
        {
            "SeriesDate": "19600101",
            "SeriesTime": "003000",
            "AcquisitionDate": "19600101",
            "AcquisitionTime": "003000",
            "drug": {
                "RadiopharmaceuticalStartTime": "233000",
                "RadiopharmaceuticalStartDateTime": "20250101233000",
            },
        },
        FACTOR,
    ),
    "DRO_4_5": (
        {
            "drug": {
                "Radiopharmaceutical": "Zr89",
                "RadionuclideHalfLife": str(ZR89),
                "RadiopharmaceuticalStartTime": "110000",
                "RadiopharmaceuticalStartDateTime": "20241229110000",
            }
        },
        decayed_factor(259200.0, ZR89),
    ),
    "DRO_5_0": (
        {"drug": {"Radiopharmaceutical": "Ga68-PSMA", "RadionuclideHalfLife": str(GA68)}},
        decayed_factor(3600.0, GA68),
    ),
}

PHILIPS_COUNTS = {"Units": "CNTS", "Manufacturer": VENDORS[2]}
ZR = {"RadionuclideHalfLife": str(ZR89), "RadiopharmaceuticalStartTime": "110000"}

#: id -> (header differences, what the message must name).
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "DRO_error_2_0": ({"PatientWeight": None}, "PatientWeight (0010,1030)"),
    "DRO_error_2_1": ({"PatientWeight": "0"}, "PatientWeight (0010,1030)"),
    "DRO_error_2_2": ({**suv_of("IBW", "M"), "PatientSex": None}, "PatientSex (0010,0040)"),
    "DRO_error_2_3": (suv_of("IBW", "X"), "PatientSex (0010,0040)"),
    "DRO_error_2_4": ({**suv_of("IBW", "M"), "PatientSize": None}, "PatientSize (0010,1020)"),
    "DRO_error_2_5": ({**suv_of("IBW", "M"), "PatientSize": "0"}, "PatientSize (0010,1020)"),
    "DRO_error_2_6": (PHILIPS_COUNTS, "(7053,1000)"),
    "DRO_error_2_7": ({"Units": "PROPCNTS"}, "Units (0054,1001)"),
    "DRO_error_3_0": ({"drug": {"RadionuclideTotalDose": None}}, "RadionuclideTotalDose"),
    "DRO_error_3_1": ({"drug": {"RadionuclideTotalDose": "-368080000"}}, "(0018,1074)"),
    "DRO_error_3_2": (
        late_series(BEDS, VENDORS[0], ActualFrameDuration=None),
        "ActualFrameDuration (0018,1242)",
    ),
    "DRO_error_4_0": (
        {
            "drug": {
                "RadiopharmaceuticalStartTime": None,
                "RadiopharmaceuticalStartDateTime": None,
            }
        },
        "RadiopharmaceuticalStartDateTime (0018,1078)",
    ),
    "DRO_error_4_1": (
        {"drug": {**ZR, "RadiopharmaceuticalStartDateTime": None}},
        "RadiopharmaceuticalStartDateTime (0018,1078)",
    ),
    "DRO_error_4_2": (
        {"drug": {**ZR, "RadiopharmaceuticalStartDateTime": "19600101110000"}},
        "RadiopharmaceuticalStartDateTime (0018,1078)",
    ),
    "DRO_error_5_0": ({"drug": {"RadionuclideHalfLife": None}}, "RadionuclideHalfLife"),
}


def code(value: str) -> Sequence:
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = "UCUM"
    return Sequence([item])


def group(**macros: Dataset) -> Dataset:
    found = Dataset()
    for keyword, macro in macros.items():
        setattr(found, keyword, Sequence([macro]))
    return found


def macro(**values: Any) -> Dataset:
    found = Dataset()
    for keyword, value in values.items():
        setattr(found, keyword, value)
    return found


def make_enhanced(
    *,
    units: str | None = "Bq/ml",
    slopes: tuple[float, ...] = (1.0, 1.0),
    frame_times: tuple[str, ...] = ("20250101110500", "20250101110500"),
    dose: str = "368.08",
    map_slope: bool = True,
    **changes: Any,
) -> Dataset:
    """One enhanced PET object of two frames, dose in MBq as its IOD says."""
    header = macro(
        Modality="PT",
        SOPClassUID="1.2.840.10008.5.1.4.1.1.130",
        Manufacturer="Synthetic",
        SeriesInstanceUID="1.2.3",
        SeriesDate="20250101",
        SeriesTime="110000",
        PatientWeight="70",
        PatientSize="1.75",
        PatientSex="O",
        DecayCorrected="YES",
        AttenuationCorrected="YES",
        DecayCorrectionDateTime="20250101110000",
        NumberOfFrames=len(slopes),
    )
    drug = macro(
        Radiopharmaceutical="FDG",
        RadiopharmaceuticalStartDateTime="20250101100000",
        RadionuclideTotalDose=dose,
        RadionuclideHalfLife=str(F18),
    )
    header.RadiopharmaceuticalInformationSequence = Sequence([drug])
    shared = group(PlaneOrientationSequence=macro(ImageOrientationPatient=[1, 0, 0, 0, 1, 0]))
    own = []
    for index, slope in enumerate(slopes):
        frame = group(
            FrameContentSequence=macro(
                FrameAcquisitionDateTime="20250101110000",
                FrameReferenceDateTime=frame_times[index],
                FrameAcquisitionDuration=300000.0,
            ),
            PlanePositionSequence=macro(ImagePositionPatient=[0, 0, 4 * index]),
            PixelValueTransformationSequence=macro(RescaleSlope=slope, RescaleIntercept=0),
        )
        if units is not None:
            mapping = macro(MeasurementUnitsCodeSequence=code(units))
            if map_slope:
                mapping.RealWorldValueSlope = slope
            frame.RealWorldValueMappingSequence = Sequence([mapping])
        own.append(frame)
    header.SharedFunctionalGroupsSequence = Sequence([shared])
    header.PerFrameFunctionalGroupsSequence = Sequence(own)
    for keyword, value in changes.items():
        if value is None:
            delattr(header, keyword)
        else:
            setattr(header, keyword, value)
    return header


LATER = ("20250101110500", "20250101111000")
ENHANCED: dict[str, tuple[dict[str, Any], float | tuple[float, ...]]] = {
    "DRO_7_0_0": ({"dose": "368080000"}, FACTOR),
    "DRO_7_1_0": ({"slopes": (4.0, 3.0)}, FACTOR),
    "DRO_7_2_0": ({"units": "g/ml{SUVbw}"}, 1.0),
    "DRO_7_3_0": ({"SeriesTime": "113000"}, FACTOR),
    "DRO_7_3_1": (
        {"DecayCorrected": "NO", "frame_times": LATER},
        (decayed_factor(3900.0, F18), decayed_factor(4200.0, F18)),
    ),
}


def test_every_object_of_the_catalogue_is_here(pet_truth: Callable[[str], Any]) -> None:
    catalogue = pet_truth("suv_ibsi_dro_v3_catalogue.json")
    valid = {case["id"] for case in catalogue["cases"] if case["expected"] != "ERROR"}
    refused = {case["id"] for case in catalogue["cases"] if case["expected"] == "ERROR"}
    assert valid == set(VALID) | set(ENHANCED)
    assert refused == set(REFUSED)
    assert (len(valid), len(refused)) == (43, 15)


@pytest.mark.parametrize("case", VALID)
def test_valid_objects_give_their_factor(case: str, pet_series: SeriesMaker) -> None:
    changes, expected = VALID[case]
    audit = suv_factors(pet_series(**changes))
    wanted = expected if isinstance(expected, tuple) else (expected,) * len(audit.factors)
    assert audit.factors == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("case", ENHANCED)
def test_enhanced_objects_give_their_factor(case: str) -> None:
    changes, expected = ENHANCED[case]
    audit = suv_factors([make_enhanced(**changes)])
    wanted = expected if isinstance(expected, tuple) else (expected,) * 2
    assert audit.factors == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("case", REFUSED)
def test_defective_objects_are_refused_by_their_tag(case: str, pet_series: SeriesMaker) -> None:
    changes, named = REFUSED[case]
    with pytest.raises(TagError) as caught:
        suv_factors(pet_series(**changes))
    assert named in str(caught.value)


@pytest.mark.parametrize("case", ["DRO_3_5_0", "DRO_3_5_1", "DRO_3_5_2", "DRO_3_5_3", "DRO_0_0"])
def test_a_series_that_starts_with_its_acquisition_raises_no_warning(
    case: str, pet_series: SeriesMaker
) -> None:
    assert suv_factors(pet_series(**VALID[case][0]), strict=True).warnings == ()


def test_a_dose_in_megabecquerel_is_normal_in_an_enhanced_object() -> None:
    assert suv_factors([make_enhanced()], strict=True).adaptations == ()


def test_the_older_spelling_of_units_is_read() -> None:
    audit = suv_factors([make_enhanced(units="{SUVbw}g/ml")])
    assert (audit.units, audit.factor) == ("GML BW", 1.0)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"units": None}, "MeasurementUnitsCodeSequence (0040,08EA)"),
        ({"units": "{counts}/s"}, "MeasurementUnitsCodeSequence (0040,08EA)"),
        ({"DecayCorrected": "MAYBE"}, "DecayCorrected (0018,9758)"),
        ({"AttenuationCorrected": "NO"}, "CorrectedImage (0028,0051)"),
        ({"PerFrameFunctionalGroupsSequence": None}, "PerFrameFunctionalGroupsSequence"),
    ],
)
def test_defective_enhanced_objects_are_refused(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(TagError) as caught:
        suv_factors([make_enhanced(**changes)])
    assert named in str(caught.value)


def test_a_real_world_map_of_other_values_is_refused() -> None:
    header = make_enhanced()
    frame = header.PerFrameFunctionalGroupsSequence[0]
    frame.RealWorldValueMappingSequence[0].RealWorldValueSlope = 2.0
    with pytest.raises(InputError, match="RealWorldValueSlope"):
        suv_factors([header])


def test_an_enhanced_frame_without_slope_is_refused_by_its_tag() -> None:
    header = make_enhanced()
    for frame in header.PerFrameFunctionalGroupsSequence:
        del frame.PixelValueTransformationSequence
    with pytest.raises(TagError, match="RescaleSlope"):
        suv_factors([header])


def test_a_map_without_a_slope_states_the_unit_only() -> None:
    assert suv_factors([make_enhanced(map_slope=False)]).factor == pytest.approx(FACTOR, rel=1e-6)


@pytest.mark.parametrize("case", ENHANCED)
def test_frames_that_the_reader_laid_flat_give_the_same(case: str) -> None:
    changes, expected = ENHANCED[case]
    header = make_enhanced(**changes)
    flat = []
    for frame in header.PerFrameFunctionalGroupsSequence:
        one = Dataset()
        one.update({element.tag: element for element in header if element.tag.group != 0x5200})
        for sequence in (*header.SharedFunctionalGroupsSequence[0], *frame):
            one.update(sequence.value[0])
        flat.append(one)
    audit = suv_factors(flat)
    wanted = expected if isinstance(expected, tuple) else (expected,) * 2
    assert audit.factors == pytest.approx(wanted, rel=1e-6)


def test_a_legacy_converted_object_keeps_the_classic_elements(pet_series: SeriesMaker) -> None:
    classic = pet_series(1)[0]
    shared, own = Dataset(), Dataset()
    per_slice = macro(AcquisitionTime=classic.AcquisitionTime, RescaleSlope="1.0")
    for keyword in ("AcquisitionTime", "RescaleSlope"):
        delattr(classic, keyword)
    shared.UnassignedSharedConvertedAttributesSequence = Sequence([classic])
    own.UnassignedPerFrameConvertedAttributesSequence = Sequence([per_slice])
    header = macro(Modality="PT", SOPClassUID="1.2.840.10008.5.1.4.1.1.128.1")
    header.SharedFunctionalGroupsSequence = Sequence([shared])
    header.PerFrameFunctionalGroupsSequence = Sequence([own])
    audit = suv_factors([header])
    assert audit.factor == pytest.approx(FACTOR, rel=1e-6)
