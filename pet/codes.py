"""Codes that a real world value map needs for SUV: DICOM PS3.16, CID 84 and 85."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from pet.suv import SuvType


@dataclass(frozen=True, slots=True)
class Code:
    """A coded concept."""

    value: str
    scheme: str
    meaning: str


def _dcm(value: str, meaning: str) -> Code:
    return Code(value, "DCM", meaning)


QUANTITY: MappingProxyType[SuvType, Code] = MappingProxyType(
    {
        SuvType.BW: _dcm("126401", "SUVbw"),
        SuvType.LBM: _dcm("126405", "SUVlbm(Janma)"),
        SuvType.LBM_JAMES: _dcm("126406", "SUVlbm(James128)"),
        SuvType.LBM_MORGAN: _dcm("126402", "SUVlbm"),
        SuvType.IBW: _dcm("126404", "SUVibw"),
        SuvType.BSA: _dcm("126403", "SUVbsa"),
    }
)
METHOD: MappingProxyType[SuvType, Code] = MappingProxyType(
    {
        SuvType.BW: _dcm("126410", "SUV body weight calculation method"),
        SuvType.LBM: _dcm("126414", "SUV lean body mass calculation Janmahasatian method"),
        SuvType.LBM_JAMES: _dcm(
            "126415", "SUV lean body mass calculation method using 128 multiplier"
        ),
        SuvType.LBM_MORGAN: _dcm("126411", "SUV lean body mass calculation method"),
        SuvType.IBW: _dcm("126413", "SUV ideal body weight calculation method"),
        SuvType.BSA: _dcm("126412", "SUV body surface area calculation method"),
    }
)
STANDARDIZED_UPTAKE = _dcm("126400", "Standardized Uptake Value")
QUANTITY_CONCEPT = Code("246205007", "SCT", "Quantity")
METHOD_CONCEPT = Code("370129005", "SCT", "Measurement Method")


def unit_code(kind: SuvType) -> Code:
    """The unit of an SUV in the current spelling of CID 85."""
    meaning = f"Standardized Uptake Value {QUANTITY[kind].meaning.removeprefix('SUV')}"
    return Code(kind.ucum, "UCUM", meaning)
