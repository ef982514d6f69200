"""Codes that a structured report (TID 1500) or a real world value map needs for PET values.

DICOM PS3.16: CID 84 and 85 (units), 7466 and 7464 (measurements, derivations), 6000s DCM codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from pet.peak import PeakVariant
from pet.suv import Audit, SuvType
from pet.uptake import Uptake


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
METABOLIC_VOLUME = _dcm("126032", "Metabolic Volume")
GLYCOLYSIS = _dcm("126033", "Total Lesion Glycolysis")
VOXEL_SUM = _dcm("126030", "Sum of segmented voxel volumes")
PEAK = _dcm("126031", "Peak Value Within ROI")
MEAN = Code("373098007", "SCT", "Mean")
MAXIMUM = Code("56851009", "SCT", "Maximum")
MINIMUM = Code("255605001", "SCT", "Minimum")
MEDIAN = Code("373099004", "SCT", "Median")
DEVIATION = Code("386136009", "SCT", "Standard Deviation")
MILLILITRE = Code("ml", "UCUM", "milliliter")


@dataclass(frozen=True, slots=True)
class CodedValue:
    """A value ready for a measurement group.

    Attributes:
        quantity: what it is; ``derivation``: mean, maximum, peak ...
        method: how SUV was normalised, or the volume summed.
        variant: of the peak, with its realised volume; empty otherwise.
        factor_rule: which rule of the audit the value rests on.
    """

    value: float
    quantity: Code
    derivation: Code | None
    unit: Code
    method: Code
    variant: str = ""
    factor_rule: str = ""


def unit_code(kind: SuvType) -> Code:
    """The unit of an SUV in the current spelling of CID 85."""
    meaning = f"Standardized Uptake Value {QUANTITY[kind].meaning.removeprefix('SUV')}"
    return Code(kind.ucum, "UCUM", meaning)


def coded(found: Uptake, audit: Audit) -> tuple[CodedValue, ...]:
    """The uptake of a lesion as coded values, each with the rule that its SUV rests on."""
    kind = audit.kind
    peak = found.suv_peak
    variant = f"{PEAK_VARIANT[peak.variant]}, {peak.volume_ml:.3f} ml"
    rows = (
        (found.suv_max, MAXIMUM, ""),
        (found.suv_mean, MEAN, ""),
        (found.suv_min, MINIMUM, ""),
        (found.suv_median, MEDIAN, ""),
        (found.suv_sd, DEVIATION, ""),
        (peak.value, PEAK, variant),
    )
    values = tuple(
        CodedValue(value, QUANTITY[kind], derivation, unit_code(kind), METHOD[kind], note,
                   audit.rule)
        for value, derivation, note in rows
    )  # fmt: skip
    glycolysis = Code("cm2", "UCUM", "cm2") if kind is SuvType.BSA else Code("g", "UCUM", "gram")
    return (
        *values,
        CodedValue(found.mtv_ml, METABOLIC_VOLUME, None, MILLILITRE, VOXEL_SUM),
        CodedValue(found.tlg, GLYCOLYSIS, None, glycolysis, METHOD[kind], "", audit.rule),
    )


PEAK_VARIANT = MappingProxyType(
    {
        PeakVariant.LOCAL: "IBSI local: 1 cm3 sphere on the hottest voxel",
        PeakVariant.GLOBAL: "IBSI global: 1 cm3 sphere of the highest mean",
        PeakVariant.PARTIAL_VOLUME: "1 cm3 sphere of the highest mean, partial volume weighted",
    }
)
