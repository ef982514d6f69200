"""Real vendor headers, the reference objects with pixels, and the edge cases of the field."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from imaging.errors import GeometryError, InputError, UnsupportedError
from imaging.volume import Grid, Unit, Volume
from pet.suv import (
    Body,
    InconsistentTagError,
    InvalidTagError,
    MissingTagError,
    StrictError,
    SuvType,
    TagError,
    UnsupportedUnitsError,
    suv_factors,
    suv_report,
    to_suv,
)

SeriesMaker = Callable[..., list[Dataset]]
Truth = Callable[[str], Any]
FACTOR = 2.77778125e-4
PHILIPS = "Philips Medical Systems"


def real_header(case: dict[str, Any]) -> Dataset:
    header, drug = Dataset(), Dataset()
    header.Manufacturer = case["manufacturer_hint"]
    header.RescaleSlope, header.RescaleIntercept = "1", "0"
    for keyword, value in case["header"].items():
        if keyword == "PhilipsPETPrivateGroup":
            for name, offset in (("SUVScaleFactor", 0), ("ActivityConcentrationScaleFactor", 9)):
                if name in value:
                    block = header.private_block(0x7053, "Philips PET Private Group", create=True)
                    block.add_new(offset, "DS", value[name].strip())
        elif keyword.startswith("Radio"):
            setattr(drug, keyword, value)
        else:
            setattr(header, keyword, value)
    header.RadiopharmaceuticalInformationSequence = Sequence([drug])
    return header


def test_real_vendor_headers_give_the_workstations_factor(pet_truth: Truth) -> None:
    cases = pet_truth("suv_real_headers.json")["cases"]
    assert cases
    for case in cases:
        audit = suv_factors([real_header(case)] * case["n_instances_given"])
        expected = case["expected_suvbw_factor_per_rescaled_unit"]
        assert audit.factor == pytest.approx(expected, abs=1e-6, rel=2e-4), case["id"]


def test_philips_factors_prove_the_reference_time(pet_truth: Truth) -> None:
    case = pet_truth("suv_real_headers.json")["cases"][0]
    audit = suv_factors([real_header(case)])
    (check,) = audit.checks
    assert check.passed
    assert abs(check.deviation_percent) < 0.001
    (vendors,) = (one for one in audit.candidates if one.name == "vendor-factors")
    assert vendors.time == dt.datetime(2020, 12, 17, 11, 1, 56, vendors.time.microsecond)
    far = {one.name: one.effect_percent for one in audit.candidates}
    assert far["acquisition+mean-frt"] == pytest.approx(-12.5, abs=0.1)
    assert any("acquisition+mean-frt -12.5 %" in warning for warning in audit.warnings)


def test_body_formulas_match_the_table(pet_truth: Truth) -> None:
    columns = {
        SuvType.LBM: "lbm_janmahasatian_kg",
        SuvType.LBM_JAMES: "lbm_james128_kg",
        SuvType.LBM_MORGAN: "lbm_morgan120_kg",
        SuvType.IBW: "ibw_kg",
    }
    values = pet_truth("suv_formulas.json")["values"]
    assert values
    for row in values:
        body = Body(row["weight_kg"], row["height_cm"] / 100, row["sex"])
        for kind, column in columns.items():
            assert body.normaliser(kind) / 1000 == pytest.approx(row[column], rel=1e-12)
        assert body.normaliser(SuvType.BSA) / 1e4 == pytest.approx(row["bsa_dubois_m2"], rel=1e-12)


def test_a_body_of_the_cornerstone_unit_case() -> None:
    body = Body(75.0, 1.85, "M")
    assert body.normaliser(SuvType.BSA) / 100 == pytest.approx(198.13758427117767)
    assert body.normaliser(SuvType.LBM_MORGAN) / 100 == pytest.approx(627.7757487216948)


def test_the_james_formula_has_no_answer_for_extreme_obesity() -> None:
    with pytest.raises(InvalidTagError, match="Janmahasatian"):
        Body(250.0, 1.6, "F").normaliser(SuvType.LBM_JAMES)


@pytest.mark.parametrize("kind", list(SuvType))
def test_each_type_has_its_unit_and_code(kind: SuvType, pet_series: SeriesMaker) -> None:
    audit = suv_factors(pet_series(), kind=kind)
    body = Body(70.0, 1.75, "O")
    ratio = body.normaliser(kind) / body.normaliser(SuvType.BW)
    assert audit.factor == pytest.approx(FACTOR * ratio, rel=1e-6)
    assert kind.ucum.split("{")[0] == kind.unit.value.split("{")[0]


# --- The edge cases E01 ... E42 -------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "kind", "effect"),
    [
        ({"PatientWeight": "70000"}, SuvType.BW, -99.9),
        ({"PatientSize": "175"}, SuvType.IBW, None),
        ({"drug": {"RadionuclideTotalDose": "368.08"}}, SuvType.BW, -99.9999),
    ],
    ids=["E01 grams", "E02 centimetres", "E30 megabecquerel"],
)
def test_units_of_a_value_are_adapted_and_told(
    changes: dict[str, Any], kind: SuvType, effect: float | None, pet_series: SeriesMaker
) -> None:
    plain = suv_factors(pet_series(), kind=kind)
    audit = suv_factors(pet_series(**changes), kind=kind)
    assert audit.factors == pytest.approx(plain.factors, rel=1e-9)
    (note,) = audit.adaptations
    if effect is not None:
        assert note.effect_percent == pytest.approx(effect)
    assert audit.warnings
    with pytest.raises(StrictError):
        suv_factors(pet_series(**changes), kind=kind, strict=True)


def test_a_height_in_centimetres_does_not_touch_body_weight_suv(pet_series: SeriesMaker) -> None:
    audit = suv_factors(pet_series(PatientSize="175"))
    assert [note.effect_percent for note in audit.adaptations] == [0.0]
    assert audit.height_m == pytest.approx(1.75)


def test_the_effect_is_unknown_where_the_value_as_written_gives_no_suv(
    pet_series: SeriesMaker,
) -> None:
    changes = {"PatientWeight": "150000", "PatientSex": "F"}
    audit = suv_factors(pet_series(**changes), kind=SuvType.LBM_JAMES)
    assert [note.effect_percent for note in audit.adaptations] == [None]


REFUSED: dict[str, tuple[dict[str, Any], type[InputError], str]] = {
    "E03 light": ({"PatientWeight": "0.7"}, InvalidTagError, "PatientWeight"),
    "E03 heavy": ({"PatientWeight": "700"}, InvalidTagError, "PatientWeight"),
    "E03 no number": ({"PatientWeight": "70", "SeriesTime": "abc"}, InvalidTagError, "SeriesTime"),
    "E04": ({"CorrectedImage": ["DECY", "SCAT"]}, InvalidTagError, "CorrectedImage"),
    "E05": ({"CorrectedImage": ["ATTN"]}, InconsistentTagError, "DecayCorrection"),
    "E06": ({"DecayCorrection": "NONE"}, InconsistentTagError, "DecayCorrection"),
    "E07": ({"DecayCorrection": None}, MissingTagError, "DecayCorrection"),
    "E07 unknown": ({"DecayCorrection": "END"}, InvalidTagError, "DecayCorrection"),
    "E09 zero": ({"RescaleSlope": "0"}, InvalidTagError, "RescaleSlope"),
    "E09 absent": ({"RescaleSlope": None}, MissingTagError, "RescaleSlope"),
    "E10": (
        {"slices": [{"SeriesInstanceUID": "1.1"}, {"SeriesInstanceUID": "1.2"}]},
        InconsistentTagError,
        "SeriesInstanceUID",
    ),
    "E11": (
        {"slices": [{"PatientWeight": "70"}, {"PatientWeight": "71"}]},
        InconsistentTagError,
        "PatientWeight",
    ),
    "E13": (
        {"slices": [{"ImagePositionPatient": [0, 0, 0]}] * 2},
        InconsistentTagError,
        "ImagePositionPatient",
    ),
    "E14": ({"drugs": 2}, InconsistentTagError, "RadiopharmaceuticalInformationSequence"),
    "E15": (
        {"RadiopharmaceuticalInformationSequence": None},
        MissingTagError,
        "RadiopharmaceuticalInformationSequence",
    ),
    "E16": (
        {
            "drug": {
                "RadiopharmaceuticalStartDateTime": "20250101130000",
                "RadiopharmaceuticalStartTime": None,
            }
        },
        InvalidTagError,
        "RadiopharmaceuticalStartDateTime",
    ),
    "E19": ({"SeriesTime": "256199"}, InvalidTagError, "SeriesTime"),
    "E23": ({"Units": "CNTS"}, UnsupportedUnitsError, "Units"),
    "E27 GML": ({"Units": "GML", "SUVType": "BSA"}, InconsistentTagError, "SUVType"),
    "E27 CM2ML": ({"Units": "CM2ML", "SUVType": "BW"}, InconsistentTagError, "SUVType"),
    "E30": ({"SeriesType": ["STATIC", "REPROJECTION"]}, UnsupportedError, "SeriesType"),
    "E30 modality": ({"Modality": "CT"}, UnsupportedError, "Modality"),
    "E32": ({"drug": {"RadionuclideTotalDose": "0"}}, InvalidTagError, "RadionuclideTotalDose"),
    "E33": (
        {"drug": {"RadionuclideTotalDose": "368080"}},
        InvalidTagError,
        "RadionuclideTotalDose",
    ),
    "E34": ({"drug": {"RadionuclideHalfLife": "109.8"}}, InvalidTagError, "minutes"),
    "half-life 0": ({"drug": {"RadionuclideHalfLife": "0"}}, InvalidTagError, "HalfLife"),
    "no units": ({"Units": None}, MissingTagError, "Units"),
    "frame of 0": ({"ActualFrameDuration": "0"}, InvalidTagError, "ActualFrameDuration"),
    "no acquisition": ({"AcquisitionTime": None}, MissingTagError, "AcquisitionTime"),
    "late series without frame reference": (
        {"SeriesTime": "113000", "FrameReferenceTime": None},
        MissingTagError,
        "FrameReferenceTime",
    ),
    "late series, a slice without acquisition": (
        {
            "slices": [{}, {"AcquisitionTime": None}],
            "SeriesTime": "113000",
            "Manufacturer": "GE MEDICAL SYSTEMS",
        },
        MissingTagError,
        "AcquisitionTime",
    ),
    "uncorrected without duration": (
        {
            "DecayCorrection": "NONE",
            "CorrectedImage": ["ATTN"],
            "ActualFrameDuration": None,
        },
        MissingTagError,
        "ActualFrameDuration",
    ),
    "Philips counts without correction": (
        {
            "Units": "CNTS",
            "Manufacturer": PHILIPS,
            "private": {"suv_scale": "0.001"},
            "DecayCorrection": "NONE",
            "CorrectedImage": ["ATTN"],
        },
        InconsistentTagError,
        "(7053,1000)",
    ),
    "Philips counts, correction unstated": (
        {
            "Units": "CNTS",
            "Manufacturer": PHILIPS,
            "private": {"suv_scale": "0.001"},
            "DecayCorrection": None,
        },
        MissingTagError,
        "DecayCorrection",
    ),
    "E25": (
        {
            "Units": "CNTS",
            "Manufacturer": PHILIPS,
            "private": {"suv_scale": "0.0", "activity_scale": "0"},
        },
        MissingTagError,
        "(7053,1009)",
    ),
    "negative factor": (
        {"Units": "CNTS", "Manufacturer": PHILIPS, "private": {"suv_scale": "-1"}},
        InvalidTagError,
        "(7053,1000)",
    ),
    "place in two dimensions": (
        {"ImagePositionPatient": [0, 0]},
        InvalidTagError,
        "ImagePositionPatient",
    ),
    "frame beyond ten days": (
        {"FrameReferenceTime": "99999999999"},
        InvalidTagError,
        "FrameReferenceTime",
    ),
    "bad date": ({"SeriesDate": "20251301"}, InvalidTagError, "SeriesDate"),
    "no date": ({"SeriesDate": "yesterday"}, InvalidTagError, "SeriesDate"),
    "bad offset": ({"TimezoneOffsetFromUTC": "CET"}, InvalidTagError, "TimezoneOffsetFromUTC"),
    "bad injection": (
        {"drug": {"RadiopharmaceuticalStartDateTime": "2025"}},
        InvalidTagError,
        "RadiopharmaceuticalStartDateTime",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_proven_is_refused_by_its_tag(case: str, pet_series: SeriesMaker) -> None:
    changes, error, named = REFUSED[case]
    with pytest.raises(error) as caught:
        suv_factors(pet_series(**changes))
    assert named in str(caught.value)


WARNED: dict[str, tuple[dict[str, Any], str]] = {
    "E08": ({"RescaleIntercept": "-5"}, "RescaleIntercept"),
    "E12": ({"slices": [{"ImagePositionPatient": [0, 0, z]} for z in (0, 4, 12, 16)]}, "gap"),
    "E18 early": ({"drug": {"RadiopharmaceuticalStartDateTime": "20250101104500"}}, "15.0 min"),
    "E18 late": ({"drug": {"RadiopharmaceuticalStartDateTime": "20250101080000"}}, "180.0 min"),
    "E28": ({"Units": "GML"}, "SUVType"),
    "E35": ({"drug": {"RadionuclideHalfLife": "7000"}}, "no PET nuclide"),
    "E39": ({"DecayFactor": "1.5"}, "DecayFactor"),
    "scan before injection": (
        {"drug": {"RadiopharmaceuticalStartDateTime": "20250101110500"}},
        "before the injection",
    ),
    "no corrections stated": ({"CorrectedImage": None}, "CorrectedImage"),
}


@pytest.mark.parametrize("case", WARNED)
def test_what_is_unusual_is_told(case: str, pet_series: SeriesMaker) -> None:
    changes, words = WARNED[case]
    assert any(words in warning for warning in suv_factors(pet_series(**changes)).warnings)


def test_e14_the_injection_can_be_chosen(pet_series: SeriesMaker) -> None:
    series = pet_series(drugs=2)
    for header in series:
        header.RadiopharmaceuticalInformationSequence[1].RadionuclideTotalDose = "736160000"
    assert suv_factors(series, injection_item=1).factor == pytest.approx(FACTOR / 2, rel=1e-6)
    with pytest.raises(InvalidTagError, match="2 items"):
        suv_factors(series, injection_item=2)


def test_e17_a_short_lived_tracer_may_be_seen_late(pet_series: SeriesMaker) -> None:
    drug = {"RadionuclideHalfLife": "1221.8", "Radiopharmaceutical": "PiB"}
    audit = suv_factors(pet_series(drug=drug))
    assert audit.factor == pytest.approx(70000 / 368.08e6 * 2 ** (3600 / 1221.8), rel=1e-9)
    assert any("more than two half-lives" in warning for warning in audit.warnings)
    assert audit.adaptations == ()


@pytest.mark.parametrize(
    ("written", "adapted"),
    [
        ("1100", False),
        ("11", False),
        ("110000.", True),
        ("11:00:00", True),
        ("110000.0000001", True),
        ("110000.00  ", False),
    ],
)
def test_e19_odd_times_are_read_and_told(
    written: str, adapted: bool, pet_series: SeriesMaker
) -> None:
    audit = suv_factors(pet_series(SeriesTime=written, AcquisitionTime=written))
    assert audit.factor == pytest.approx(FACTOR, rel=1e-6)
    assert len(audit.adaptations) == (2 if adapted else 0)  # told once, not for every slice


@pytest.mark.parametrize(
    ("injected", "zone"),
    [
        ("20250101100000+0200", "+0200"),
        ("20250101080000+0000", "+0200"),
        ("20250101030000-0500", "+0200"),
        ("20250101100000+0200", None),
    ],
)
def test_e20_offsets_from_utc_are_on_one_basis(
    injected: str, zone: str | None, pet_series: SeriesMaker
) -> None:
    changes = {"TimezoneOffsetFromUTC": zone} if zone else {}
    drug = {"RadiopharmaceuticalStartDateTime": injected, "RadiopharmaceuticalStartTime": None}
    audit = suv_factors(pet_series(drug=drug, **changes))
    assert audit.uptake_min == pytest.approx(60.0)


def test_e20_the_uptake_of_a_late_image_lasts_until_its_acquisition(
    pet_series: SeriesMaker,
) -> None:
    """A static image of minutes 60 to 65 of a list-mode scan that began with the injection."""
    changes = {"SeriesTime": "100000", "FrameReferenceTime": "3750000", "DecayFactor": "1.48"}
    audit = suv_factors(pet_series(AcquisitionTime="110000", **changes))
    assert audit.uptake_min == pytest.approx(60.0)
    # Where the start of the scan stands for the acquisition of every image, the frame tells.
    audit = suv_factors(pet_series(AcquisitionTime="100000", **changes))
    assert audit.uptake_min == pytest.approx(60.0, abs=0.1)


@pytest.mark.parametrize("weight", ["7_0", "nan", "1e999", "seventy"])
def test_a_number_that_only_python_reads_is_refused(weight: str, pet_series: SeriesMaker) -> None:
    series = pet_series(PatientWeight=None)
    for header in series:
        raw = weight.encode()
        element = RawDataElement(Tag("PatientWeight"), "DS", len(raw), raw, 0, False, True)
        header["PatientWeight"] = element
    with pytest.raises(InputError):
        suv_factors(series)


def test_e20_frames_on_another_basis_than_the_series(pet_series: SeriesMaker) -> None:
    """Uncorrected frames in UTC, the series and the injection on the clock of +0200."""
    changes: dict[str, Any] = {
        "TimezoneOffsetFromUTC": "+0200",
        "DecayCorrection": "NONE",
        "CorrectedImage": ["ATTN"],
        "AcquisitionTime": None,
        "AcquisitionDate": None,
    }
    audit = suv_factors(pet_series(FrameReferenceDateTime="20250101090000+0000", **changes))
    assert audit.uptake_min == pytest.approx(60.0)
    local = suv_factors(pet_series(AcquisitionDateTime="20250101090000+0000", **changes))
    assert local.uptake_min == pytest.approx(62.5, abs=0.05)  # and the mean of a frame of 300 s


def test_e11_one_weight_may_be_written_in_two_ways(pet_series: SeriesMaker) -> None:
    series = pet_series([{"PatientWeight": "70"}, {"PatientWeight": "70.0"}])
    assert suv_factors(series).factor == pytest.approx(FACTOR, rel=1e-6)


def test_e21_a_shifted_date_is_replaced_and_told(pet_series: SeriesMaker) -> None:
    drug = {"RadiopharmaceuticalStartDateTime": "20250103100000"}
    audit = suv_factors(pet_series(drug=drug))
    (note,) = audit.adaptations
    assert audit.factor == pytest.approx(FACTOR, rel=1e-6)
    assert note.used == "2025-01-01 10:00:00"
    assert note.effect_percent is None
    shifted = {"RadiopharmaceuticalStartDateTime": "20241231100000"}
    (note,) = suv_factors(pet_series(drug=shifted)).adaptations
    assert note.effect_percent == pytest.approx(100 * (2 ** (-86400 / 6586.2) - 1))


def test_e22_daylight_saving_within_the_uptake(pet_series: SeriesMaker) -> None:
    """02:30 summer time to 02:30 winter time is one hour."""
    series = pet_series(
        SeriesTime="023000",
        AcquisitionTime="023000",
        DecayCorrectionDateTime="20250101023000+0100",
        drug={"RadiopharmaceuticalStartDateTime": "20250101023000+0200"},
    )
    assert suv_factors(series).uptake_min == pytest.approx(60.0)


def test_e24_a_private_value_of_another_creator_is_ignored(pet_series: SeriesMaker) -> None:
    series = pet_series(Units="CNTS", Manufacturer=PHILIPS)
    for header in series:
        header.private_block(0x7053, "SOMEONE ELSE", create=True).add_new(0x00, "DS", "0.1")
    with pytest.raises(MissingTagError, match="7053"):
        suv_factors(series)
    for header in series:
        block = header.private_block(0x7053, "Philips PET Private Group", create=True)
        block.add_new(0x00, "DS", "0.0005")
    assert suv_factors(series).factor == pytest.approx(0.0005)


def test_e24_a_value_without_creator_is_accepted_from_its_vendor(pet_series: SeriesMaker) -> None:
    private = {"suv_scale": "0.0005"}
    changes: dict[str, Any] = {"Units": "CNTS", "private": private, "creators": False}
    audit = suv_factors(pet_series(Manufacturer=PHILIPS, **changes))
    assert audit.factor == pytest.approx(0.0005)
    assert any("no private creator" in warning for warning in audit.warnings)
    with pytest.raises(StrictError, match="7053"):
        suv_factors(pet_series(Manufacturer=PHILIPS, **changes), strict=True)


def test_a_private_value_of_unknown_representation_is_read(pet_series: SeriesMaker) -> None:
    series = pet_series(Units="CNTS", Manufacturer=PHILIPS)
    for header in series:
        header.private_block(0x7053, "Philips PET Private Group", create=True)
        header.add_new((0x7053, 0x1000), "UN", b"0.0005\0")
    assert suv_factors(series).factor == pytest.approx(0.0005)


def test_counts_to_lean_body_mass_go_through_body_weight(pet_series: SeriesMaker) -> None:
    series = pet_series(Units="CNTS", Manufacturer=PHILIPS, private={"suv_scale": "0.0005"})
    audit = suv_factors(series, kind=SuvType.IBW)
    assert audit.factor == pytest.approx(0.0005 * 69.405 / 70)


def test_e26_philips_factors_are_never_multiplied_into_activity(pet_series: SeriesMaker) -> None:
    private = {"suv_scale": "0.0005", "activity_scale": "0.5"}
    audit = suv_factors(pet_series(Manufacturer=PHILIPS, private=private))
    assert audit.factor == pytest.approx(FACTOR, rel=1e-6)
    (check,) = audit.checks
    assert not check.passed
    with pytest.raises(StrictError, match="7053"):
        suv_factors(pet_series(Manufacturer=PHILIPS, private=private), strict=True)
    alone = {"suv_scale": "0.0005"}
    assert suv_factors(pet_series(Manufacturer=PHILIPS, private=alone)).checks == ()


def test_e35_a_half_life_that_contradicts_its_nuclide(pet_series: SeriesMaker) -> None:
    series = pet_series()
    code = Dataset()
    code.CodeValue = "C-131A3"
    for header in series:
        drug = header.RadiopharmaceuticalInformationSequence[0]
        drug.RadionuclideCodeSequence = Sequence([code])
    assert any("coded nuclide has 4062.6" in text for text in suv_factors(series).warnings)


def test_e36_times_that_disagree_are_an_error_when_strict(pet_series: SeriesMaker) -> None:
    changes: dict[str, Any] = {"AcquisitionTime": "110230", "SeriesTime": "113000"}
    assert any("series +" in text for text in suv_factors(pet_series(**changes)).warnings)
    with pytest.raises(StrictError, match="DecayCorrection"):
        suv_factors(pet_series(**changes), strict=True)


def test_e37_an_acquisition_time_of_the_whole_series_is_not_a_frames(
    pet_series: SeriesMaker,
) -> None:
    beds = [{"FrameReferenceTime": "0"}, {"FrameReferenceTime": "300000"}]
    series = pet_series(beds, SeriesTime="113000", Manufacturer="GE MEDICAL SYSTEMS")
    audit = suv_factors(series)
    assert audit.rule.startswith("d")
    assert audit.factor == pytest.approx(FACTOR, rel=1e-6)


def test_e38_a_frame_reference_of_zero_counts_to_the_start(pet_series: SeriesMaker) -> None:
    audit = suv_factors(pet_series(SeriesTime="113000", FrameReferenceTime="0"))
    assert audit.factor == pytest.approx(FACTOR, rel=1e-6)


def test_e39_a_decay_factor_that_fits_is_a_passed_check(pet_series: SeriesMaker) -> None:
    factor = 2 ** (150.0 / 6586.2)
    audit = suv_factors(pet_series(DecayFactor=f"{factor:.6f}"))
    (check,) = audit.checks
    assert check.passed
    (implied,) = (one for one in audit.candidates if one.name == "decay-factor")
    assert abs((implied.time - dt.datetime(2025, 1, 1, 11)).total_seconds()) < 1.0
    sparse = pet_series(DecayFactor="1.5", FrameReferenceTime=None)
    assert suv_factors(sparse).checks == ()


def test_an_absent_series_time_leaves_the_frames(pet_series: SeriesMaker) -> None:
    audit = suv_factors(pet_series(SeriesTime=None, AcquisitionTime="110000"))
    assert audit.rule.startswith("c")


def test_an_absent_date_leaves_no_time(pet_series: SeriesMaker) -> None:
    with pytest.raises(MissingTagError, match="AcquisitionTime"):
        suv_factors(pet_series(SeriesDate=None, AcquisitionDate=None))


def test_the_acquisition_date_time_serves_where_the_time_is_absent(
    pet_series: SeriesMaker,
) -> None:
    series = pet_series(AcquisitionTime=None, AcquisitionDateTime="20250101110000+0100")
    assert suv_factors(series).factor == pytest.approx(FACTOR, rel=1e-6)


# --- What the record says where no time is needed -------------------------------------------


def test_suv_voxels_need_no_weight_and_no_dose(pet_series: SeriesMaker) -> None:
    series = pet_series(Units="GML", PatientWeight="0", RadiopharmaceuticalInformationSequence=None)
    audit = suv_factors(series)
    assert (audit.factor, audit.weight_kg, audit.uptake_min) == (1.0, None, None)


def test_suv_voxels_keep_the_uptake_time_for_the_record(pet_series: SeriesMaker) -> None:
    audit = suv_factors(pet_series(Units="GML", SUVType="BW"))
    assert (audit.uptake_min, audit.dose_bq) == (60.0, 368.08e6)


@pytest.mark.parametrize(
    ("changes", "uptake_min"),
    [
        ({}, 60.0),
        ({"AcquisitionTime": None}, None),
        ({"drug": {"RadionuclideHalfLife": None}}, None),
    ],
)
def test_images_corrected_to_the_injection_need_no_times(
    changes: dict[str, Any], uptake_min: float | None, pet_series: SeriesMaker
) -> None:
    audit = suv_factors(pet_series(DecayCorrection="ADMIN", **changes))
    assert audit.factor == pytest.approx(70000 / 368.08e6)
    assert audit.uptake_min == uptake_min


def test_no_headers_no_suv() -> None:
    with pytest.raises(MissingTagError):
        suv_factors([])


def test_a_weight_that_is_no_number(pet_series: SeriesMaker, tmp_path: Path) -> None:
    """As pydicom reads it from a file: the conversion fails at the access."""
    header = pet_series(1)[0]
    header.add_new(0x00101030, "LO", "heavy")
    with pytest.raises(InvalidTagError, match="PatientWeight"):
        suv_factors([header])
    header.add_new(0x00101030, "DS", "70")
    path = tmp_path / "one.dcm"
    write(header, path)
    raw = path.read_bytes().replace(b"DS\x04\x001.75", b"DS\x04\x001,75")
    path.write_bytes(raw)
    with pytest.raises(InvalidTagError, match="PatientSize"):
        suv_factors([pydicom.dcmread(path)], kind=SuvType.IBW)
    path.write_bytes(raw.replace(b"IS\x06\x00300000", b"IS\x06\x00300.25"))
    assert suv_factors([pydicom.dcmread(path)]).factor == pytest.approx(FACTOR, rel=1e-6)
    path.write_bytes(raw.replace(b"IS\x06\x00300000", b"IS\x06\x00300 s "))
    with pytest.raises(InvalidTagError, match="ActualFrameDuration"):
        suv_factors([pydicom.dcmread(path)])


WEIRD = st.sampled_from(
    [None, "", "abc", "-1", "0", "1e400", "nan", ["1", "2"], "9" * 20, "20250101", "250000", "\\",
     "NONE", "START", "1,5", "GML", "CNTS"]
)  # fmt: skip
ANY_KEYWORD = st.sampled_from(
    [
        *("Modality", "Manufacturer", "SeriesInstanceUID", "SeriesDate", "SeriesTime", "Units"),
        *("AcquisitionDate", "AcquisitionTime", "AcquisitionDateTime", "PatientSex"),
        *("PatientSize", "PatientWeight", "DecayCorrection", "CorrectedImage", "SUVType"),
        *("FrameReferenceTime", "ActualFrameDuration", "DecayFactor", "RescaleSlope"),
        *("RescaleIntercept", "SeriesType", "ImageOrientationPatient", "ImagePositionPatient"),
        *("DecayCorrectionDateTime", "TimezoneOffsetFromUTC", "FrameReferenceDateTime"),
        *("DecayCorrected", "FrameAcquisitionDuration"),
    ]
)
DRUG_KEYWORD = st.sampled_from(
    [
        "RadiopharmaceuticalStartTime",
        "RadionuclideTotalDose",
        "RadionuclideHalfLife",
        "RadiopharmaceuticalStartDateTime",
    ]
)


@settings(max_examples=300)
@given(
    changes=st.dictionaries(ANY_KEYWORD, WEIRD, max_size=3),
    drug=st.dictionaries(DRUG_KEYWORD, WEIRD, max_size=2),
    units=st.sampled_from(["BQML", "GML", "CM2ML", "CNTS"]),
    kind=st.sampled_from(list(SuvType)),
)
def test_any_header_gives_a_factor_or_a_typed_error(
    changes: dict[str, Any],
    drug: dict[str, Any],
    units: str,
    kind: SuvType,
    pet_series: SeriesMaker,
) -> None:
    private = {"suv_scale": "0.001"} if units == "CNTS" else None
    given_units = {"Units": units, "Manufacturer": PHILIPS, **changes}
    try:
        series = pet_series(drug=drug, private=private, **given_units)
    except (ValueError, TypeError, OverflowError):
        return  # pydicom itself refuses to write it
    try:
        audit = suv_factors(series, kind=kind)
    except InputError:
        return
    assert audit.factors
    assert all(math.isfinite(factor) and factor > 0 for factor in audit.factors)
    json.dumps(audit.as_dict(), allow_nan=False)


@settings(max_examples=50)
@given(
    weight=st.floats(3.0, 300.0),
    dose=st.floats(2e7, 2e9),
    uptake=st.integers(1800, 7200),
    day=st.integers(0, 3000),
)
def test_suv_is_weight_over_the_dose_left(
    weight: float, dose: float, uptake: int, day: int, pet_series: SeriesMaker
) -> None:
    scan = dt.datetime(2020, 1, 1, 11, 30) + dt.timedelta(days=day)
    injected = scan - dt.timedelta(seconds=uptake)
    audit = suv_factors(
        pet_series(
            PatientWeight=f"{weight:.4f}",
            SeriesDate=f"{scan:%Y%m%d}",
            AcquisitionDate=f"{scan:%Y%m%d}",
            SeriesTime=f"{scan:%H%M%S}",
            AcquisitionTime=f"{scan:%H%M%S}",
            drug={
                "RadionuclideTotalDose": f"{dose:.1f}",
                "RadiopharmaceuticalStartDateTime": f"{injected:%Y%m%d%H%M%S}",
            },
        )
    )
    expected = 1000.0 * weight / (dose * 0.5 ** (uptake / 6586.2))
    assert audit.factor == pytest.approx(expected, rel=1e-4)


def test_a_decay_factor_that_is_none_is_told(pet_series: SeriesMaker) -> None:
    audit = suv_factors(pet_series(DecayFactor="-1"))
    assert any("DecayFactor" in warning for warning in audit.warnings)
    assert audit.checks == ()


# --- Volumes --------------------------------------------------------------------------------


def volume(unit: Unit, slices: int = 2, dtype: type = np.float32) -> Volume:
    grid = Grid((2, 2, slices), np.diag([4.0, 4.0, 4.0, 1.0]))
    return Volume(np.full(grid.shape, 3600.0, dtype), grid, unit, "series 1")


def test_each_slice_gets_its_own_factor(pet_series: SeriesMaker) -> None:
    beds = [{"AcquisitionTime": "110000"}, {"AcquisitionTime": "120000"}]
    series = pet_series(beds, DecayCorrection="NONE", CorrectedImage=["ATTN"])
    suv, audit = to_suv(volume(Unit.BQML), series)
    assert suv.unit is Unit.SUV_BW
    assert suv.array.dtype == np.float32
    assert suv.array[0, 0] == pytest.approx(3600 * np.array(audit.factors), rel=1e-6)
    assert audit.factor is None
    exact, _ = to_suv(volume(Unit.BQML, dtype=np.float64), series)
    assert exact.array.dtype == np.float64


def test_whole_numbers_are_not_cut(pet_series: SeriesMaker) -> None:
    suv, _ = to_suv(volume(Unit.BQML, dtype=np.int16), pet_series())
    assert float(suv.array[0, 0, 0]) == pytest.approx(3600 * FACTOR, rel=1e-6)


def test_headers_must_lie_on_the_slices(pet_series: SeriesMaker) -> None:
    with pytest.raises(GeometryError, match="3 headers for 2 slices"):
        to_suv(volume(Unit.BQML), pet_series(3))
    with pytest.raises(GeometryError, match="order"):
        to_suv(volume(Unit.BQML), pet_series(2)[::-1])


def test_headers_without_positions_are_taken_in_order(pet_series: SeriesMaker) -> None:
    series = pet_series()
    for header in series:
        del header.ImagePositionPatient
    suv, _ = to_suv(volume(Unit.BQML), series)
    assert float(suv.array.max()) == pytest.approx(1.0, rel=1e-4)


def test_a_volume_that_is_suv_already_is_not_converted_twice(pet_series: SeriesMaker) -> None:
    with pytest.raises(InputError, match="BQML"):
        to_suv(volume(Unit.SUV_BW), pet_series())


def test_e42_a_volume_without_headers_must_state_its_unit() -> None:
    suv, audit = to_suv(volume(Unit.SUV_BW), ())
    assert (suv.unit, audit.factor) == (Unit.SUV_BW, 1.0)
    with pytest.raises(InputError, match="without DICOM headers"):
        to_suv(volume(Unit.BQML), ())


def test_a_multi_frame_object_may_store_its_frames_in_any_order(pet_series: SeriesMaker) -> None:
    shared = Dataset()
    header = pet_series(1)[0]
    del header.ImagePositionPatient
    own = []
    for place, start in ((4, "20250101120000"), (0, "20250101110000")):
        frame, content, position = Dataset(), Dataset(), Dataset()
        content.FrameReferenceDateTime = start
        position.ImagePositionPatient = [0, 0, place]
        frame.FrameContentSequence = Sequence([content])
        frame.PlanePositionSequence = Sequence([position])
        own.append(frame)
    header.DecayCorrection, header.CorrectedImage = "NONE", ["ATTN"]
    header.SharedFunctionalGroupsSequence = Sequence([shared])
    header.PerFrameFunctionalGroupsSequence = Sequence(own)
    _, audit = to_suv(volume(Unit.BQML), [header])
    assert audit.factors[1] == pytest.approx(audit.factors[0] * 2 ** (3600 / 6586.2))


# --- The command ----------------------------------------------------------------------------


def write(header: Dataset, path: Path) -> None:
    header.SOPClassUID = "1.2.840.10008.5.1.4.1.1.128"
    header.file_meta = pydicom.dataset.FileMetaDataset()
    header.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
    header.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    header.SOPInstanceUID = "1.2.3.4"
    pydicom.dcmwrite(path, header, enforce_file_format=True)


def folder_of(series: list[Dataset], folder: Path) -> Path:
    for index, header in enumerate(series):
        write(header, folder / f"{index}.dcm")
    (folder / "notes.txt").write_text("not DICOM")
    return folder


def test_the_report_tells_factor_rule_and_candidates(
    pet_series: SeriesMaker, tmp_path: Path
) -> None:
    text = suv_report(folder_of(pet_series(DecayFactor="1.5"), tmp_path))
    assert "0.000277778125" in text
    assert "b: the first acquisition" in text
    assert "candidate acquisition+mean-frt" in text
    assert "check DecayFactor against FrameReferenceTime: disagrees" in text
    assert "uptake: 60.0 min" in text
    assert "dose 368.08 MBq, half-life 6586.2 s, weight 70 kg, height 1.75 m, sex O" in text


def test_the_report_as_json_is_complete(pet_series: SeriesMaker, tmp_path: Path) -> None:
    series = pet_series(PatientWeight="70000", drug={"RadionuclideTotalDose": "368.08"})
    record = json.loads(suv_report(folder_of(series, tmp_path), SuvType.LBM, json=True))
    assert record["unit"] == "g/ml{SUVlbm(Janma)}"
    assert (record["factor"] > 0, record["factors"]) == (True, [])
    assert record["reference"] == "2025-01-01T11:00:00.000"
    assert [note["tag"] for note in record["adaptations"]] == [
        "PatientWeight (0010,1030)",
        "RadionuclideTotalDose (0018,1074)",
    ]
    assert {one["name"] for one in record["candidates"]} >= {"series", "acquisition"}


def test_the_report_of_adapted_and_varying_slices(pet_series: SeriesMaker, tmp_path: Path) -> None:
    beds = [{"AcquisitionTime": "110000"}, {"AcquisitionTime": "120000"}]
    series = pet_series(
        beds,
        DecayCorrection="NONE",
        CorrectedImage=["ATTN"],
        PatientWeight="150000",
        PatientSex="F",
    )
    text = suv_report(folder_of(series, tmp_path), SuvType.LBM_JAMES)
    assert "by slice" in text
    record = json.loads(suv_report(tmp_path, json=True))
    assert (record["factor"], len(record["factors"])) == (None, 2)
    assert "adapted PatientWeight" in text
    plain = suv_report(folder_of(pet_series(2, PatientWeight="70000"), tmp_path))
    assert "-99.90 % SUV" in plain


def test_the_report_names_folder_and_tag(pet_series: SeriesMaker, tmp_path: Path) -> None:
    folder = folder_of(pet_series(PatientWeight=None), tmp_path)
    with pytest.raises(TagError) as caught:
        suv_report(folder)
    assert str(folder) in str(caught.value)
    assert "PatientWeight (0010,1030)" in str(caught.value)


def test_the_report_of_a_folder_without_pet(pet_series: SeriesMaker, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no DICOM PET"):
        suv_report(folder_of(pet_series(Modality="CT"), tmp_path))
    with pytest.raises(InputError, match="not a folder"):
        suv_report(tmp_path / "absent")


def test_voxels_that_are_suv_report_no_times(pet_series: SeriesMaker, tmp_path: Path) -> None:
    body: dict[str, None] = dict.fromkeys(("PatientWeight", "PatientSize", "PatientSex"))
    body["RadiopharmaceuticalInformationSequence"] = None
    text = suv_report(folder_of(pet_series(Units="GML", SUVType="BW", **body), tmp_path))
    assert "reference time" not in text
    assert "weight" not in text


# --- Real objects ---------------------------------------------------------------------------


def read(folder: Path) -> tuple[Volume, list[Dataset]]:
    headers = [pydicom.dcmread(path) for path in folder.glob("*.dcm")]
    headers.sort(key=lambda header: float(header.ImagePositionPatient[2]))
    stack = [
        header.pixel_array.T * float(header.RescaleSlope) + float(header.RescaleIntercept)
        for header in headers
    ]
    row, column = headers[0].PixelSpacing
    step = float(headers[1].ImagePositionPatient[2]) - float(headers[0].ImagePositionPatient[2])
    affine = np.diag([float(column), float(row), step, 1.0])
    affine[:3, 3] = [float(part) for part in headers[0].ImagePositionPatient]
    array = np.stack(stack, axis=-1)
    units = {"BQML": Unit.BQML, "GML": Unit.SUV_BW, "CNTS": Unit.CNTS}
    grid = Grid((array.shape[0], array.shape[1], array.shape[2]), affine)
    return Volume(array, grid, units[headers[0].Units], folder.name), headers


@pytest.mark.data
def test_the_reference_objects_hold_their_values(data_dir: Path, pet_truth: Truth) -> None:
    import nibabel  # noqa: PLC0415 - only here

    cases = pet_truth("suv_ibsi_dro_v1_1.json")["cases"]
    assert len(cases) == 13
    for case in cases:
        folder = data_dir / "suv-dro" / case["id"]
        suv, audit = to_suv(*read(folder / "PT"))
        image = nibabel.load(next((folder / "mask").glob("*.nii.gz")))
        inside = suv.array[np.asarray(image.dataobj) > 0]
        found = [float(inside.min()), float(np.median(inside)), float(inside.max())]
        assert found == pytest.approx(case["expected_suv_min_med_max"], abs=case["tolerance"])
        exact = case["exact_factor_per_rescaled_unit"]
        assert sorted(set(np.round(audit.factors, 15))) == pytest.approx(exact, rel=1e-6)
