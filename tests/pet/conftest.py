"""Headers of PET series as the IBSI-SUV reference objects have them, changed case by case."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

TRUTH = Path(__file__).parent / "truth"
#: The factor of the default object: 70 kg, 368.08 MBq F-18 one hour before the scan.
DEFAULT_FACTOR = 2.77778125e-4

DEFAULT: dict[str, Any] = {
    "Modality": "PT",
    "Manufacturer": "Synthetic",
    "SeriesInstanceUID": "1.2.3",
    "SeriesDate": "20250101",
    "SeriesTime": "110000.000000",
    "AcquisitionDate": "20250101",
    "AcquisitionTime": "110000.000000",
    "PatientSex": "O",
    "PatientSize": "1.75",
    "PatientWeight": "70.0",
    "Units": "BQML",
    "DecayCorrection": "START",
    "CorrectedImage": ["NORM", "DTIM", "ATTN", "SCAT", "DECY", "RAN"],
    "FrameReferenceTime": "150000.0",
    "ActualFrameDuration": "300000",
    "DecayFactor": "1.0",
    "RescaleSlope": "1.0",
    "RescaleIntercept": "0.0",
    "SeriesType": ["STATIC", "IMAGE"],
    "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
}
DEFAULT_DRUG: dict[str, Any] = {
    "Radiopharmaceutical": "FDG",
    "RadiopharmaceuticalStartTime": "100000.000000",
    "RadionuclideTotalDose": "368080000.0",
    "RadionuclideHalfLife": "6586.2",
    "RadiopharmaceuticalStartDateTime": "20250101100000.000000",
}
#: Private elements by the name the cases use: group, creator, offset, VR.
PRIVATE = {
    "suv_scale": (0x7053, "Philips PET Private Group", 0x00, "DS"),
    "activity_scale": (0x7053, "Philips PET Private Group", 0x09, "DS"),
    "ge_time": (0x0009, "GEMS_PETD_01", 0x0D, "DT"),
    "siemens_time": (0x0071, "SIEMENS MED PT", 0x22, "DT"),
}

SeriesMaker = Callable[..., list[Dataset]]


def truth(name: str) -> Any:
    return json.loads((TRUTH / name).read_text())


@disable_value_validation()
def _assign(dataset: Dataset, changes: dict[str, Any]) -> None:
    for keyword, value in changes.items():
        if value is None:
            if keyword in dataset:
                delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)


def make_series(
    slices: list[dict[str, Any]] | int = 2,
    *,
    drug: dict[str, Any] | None = None,
    private: dict[str, str] | None = None,
    creators: bool = True,
    drugs: int = 1,
    **changes: Any,
) -> list[Dataset]:
    """Headers like the default object; ``changes`` for all slices, ``slices`` for each.

    A value of None removes the element; ``creators=False`` writes private elements without one.
    """
    rows = [{} for _ in range(slices)] if isinstance(slices, int) else slices
    found = []
    for index, row in enumerate(rows):
        header = Dataset()
        _assign(header, {**DEFAULT, "ImagePositionPatient": [0, 0, 4 * index]})
        item = Dataset()
        _assign(item, {**DEFAULT_DRUG, **(drug or {})})
        header.RadiopharmaceuticalInformationSequence = Sequence(
            [deepcopy(item) for _ in range(drugs)]
        )
        _assign(header, {**changes, **row})
        for name, value in (private or {}).items():
            group, creator, offset, vr = PRIVATE[name]
            if creators:
                header.private_block(group, creator, create=True).add_new(offset, vr, value)
            else:
                header.add_new((group, 0x1000 | offset), vr, value)
        found.append(header)
    return found


@pytest.fixture(scope="session")
def pet_series() -> SeriesMaker:
    return make_series


@pytest.fixture(scope="session")
def pet_truth() -> Callable[[str], Any]:
    return truth
