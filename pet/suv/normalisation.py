"""What SUV is normalised to: body weight, lean body mass, ideal weight, body surface area."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from imaging.volume import Unit
from pet.suv.suv_errors import InvalidTagError, MissingTagError

#: Du Bois & Du Bois, Arch Intern Med 1916;17:863: BSA m2 = 0.007184 kg^0.425 cm^0.725.
DU_BOIS = (0.007184, 0.425, 0.725)
#: Janmahasatian, Clin Pharmacokinet 2005;44:1051: 9270 W / (a + b BMI).
JANMAHASATIAN_KG = 9270.0
JANMAHASATIAN = {"M": (6680.0, 216.0), "F": (8780.0, 244.0)}
#: James, Research on obesity (HMSO 1976): a W - b (W / H cm)^2; DICOM SUVType LBMJAMES128.
JAMES_128 = {"M": (1.10, 128.0), "F": (1.07, 148.0)}
#: The same with 120 for men, Morgan & Bray 1994; DICOM SUVType LBM.
MORGAN_120 = {"M": (1.10, 120.0), "F": (1.07, 148.0)}
#: Robinson-like ideal weight, Sugawara, Radiology 1999;213:521: a + b (H cm - 152).
IDEAL_WEIGHT = {"M": (48.0, 1.06), "F": (45.5, 0.91)}


class SuvType(StrEnum):
    """The normalisation. ``LBM`` alone means Janmahasatian (EANM and PERCIST advice)."""

    BW = "bw"
    LBM = "lbm"
    LBM_JAMES = "lbm-james128"
    LBM_MORGAN = "lbm-morgan120"
    IBW = "ibw"
    BSA = "bsa"

    @property
    def unit(self) -> Unit:
        """The unit of a volume of this type."""
        if self is SuvType.BW:
            return Unit.SUV_BW
        if self is SuvType.IBW:
            return Unit.SUV_IBW
        return Unit.SUV_BSA if self is SuvType.BSA else Unit.SUV_LBM

    @property
    def ucum(self) -> str:
        """UCUM code of DICOM CID 85 in its current spelling (annotation last)."""
        return UCUM[self]


UCUM = MappingProxyType(
    {
        SuvType.BW: "g/ml{SUVbw}",
        SuvType.LBM: "g/ml{SUVlbm(Janma)}",
        SuvType.LBM_JAMES: "g/ml{SUVlbm(James128)}",
        SuvType.LBM_MORGAN: "g/ml{SUVlbm}",
        SuvType.IBW: "g/ml{SUVibw}",
        SuvType.BSA: "cm2/ml{SUVbsa}",
    }
)


def _janmahasatian(sex: str, weight_kg: float, height_m: float) -> float:
    a, b = JANMAHASATIAN[sex]
    return JANMAHASATIAN_KG * weight_kg / (a + b * weight_kg / height_m**2)


def _square_law(table: dict[str, tuple[float, float]]) -> Callable[[str, float, float], float]:
    def lean_kg(sex: str, weight_kg: float, height_m: float) -> float:
        a, b = table[sex]
        return a * weight_kg - b * (weight_kg / (100.0 * height_m)) ** 2

    return lean_kg


def _ideal(sex: str, weight_kg: float, height_m: float) -> float:
    del weight_kg
    a, b = IDEAL_WEIGHT[sex]
    return a + b * (100.0 * height_m - 152.0)


MASS_KG: MappingProxyType[SuvType, Callable[[str, float, float], float]] = MappingProxyType(
    {
        SuvType.LBM: _janmahasatian,
        SuvType.LBM_JAMES: _square_law(JAMES_128),
        SuvType.LBM_MORGAN: _square_law(MORGAN_120),
        SuvType.IBW: _ideal,
    }
)


@dataclass(frozen=True, slots=True)
class Body:
    """The patient's body as far as the header tells; plausible from birth.

    Attributes:
        weight_kg, height_m: None where absent.
        sex: "M", "F", "O", None where absent.
    """

    weight_kg: float | None
    height_m: float | None = None
    sex: str | None = None

    def normaliser(self, kind: SuvType) -> float:
        """The factor F of ``SUV = concentration (Bq/ml) * F / dose (Bq)``.

        Grams of (whole, lean, ideal) body, or body surface in cm2. Sex O takes the mean of both.

        Raises:
            MissingTagError: weight, height or sex is needed and absent.
            InvalidTagError: the formula gives no positive mass (James above BMI ~72).
        """
        weight = self._need("PatientWeight", self.weight_kg)
        if kind is SuvType.BW:
            return 1000.0 * weight
        height = self._need("PatientSize", self.height_m)
        if kind is SuvType.BSA:
            scale, of_weight, of_height = DU_BOIS
            return float(1e4 * scale * weight**of_weight * (100.0 * height) ** of_height)
        if self.sex is None:
            raise MissingTagError("PatientSex")
        if self.sex not in "MFO":
            raise InvalidTagError("PatientSex", f"is {self.sex!r}, not M, F or O")
        sexes = "MF" if self.sex == "O" else self.sex
        mass_kg = sum(MASS_KG[kind](sex, weight, height) for sex in sexes) / len(sexes)
        if mass_kg <= 0.0:
            raise InvalidTagError(
                "PatientSize",
                f"{height} m with {weight} kg gives {mass_kg:.1f} kg by {kind.value}",
                remedy="use the Janmahasatian formula",
            )
        return 1000.0 * mass_kg

    @staticmethod
    def _need(keyword: str, value: float | None) -> float:
        if value is None:
            raise MissingTagError(keyword)
        return value
