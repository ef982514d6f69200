"""Between which lengths a diameter lies, by how far such diameters were off before.

A network's own doubt (how far its threshold moves a diameter) says too little: it does not know
what it never learnt. What is known is how far its diameters were from the truth on lesions that it
had not seen. The interval of a new diameter is therefore the middle nine tenths of those errors,
scaled to its length, and at least as wide as what other thresholds, networks and methods say of the
same lesion. The errors are not symmetric: a network that draws within the border errs one way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from imaging.errors import InputError
from imaging.volume import FloatArray

#: The share of lesions whose true diameter an interval is meant to hold.
COVERAGE = 0.90
#: An error has a part that does not depend on the length (voxels, the reader's hand) and one that
#: grows with it.
FLOOR_MM = 0.5
SHARE = 0.1
#: Fewer lesions than this have no tails to speak of.
FEWEST_LESIONS = 20
#: Repeated CT on one day, read by one reader: 95 % limits of agreement of one diameter (Zhao et
#: al., Radiology 2009;252:263). A line is that uncertain, however well it was outlined.
REPEATED_LOW, REPEATED_HIGH = -0.073, 0.062
#: Half-widths of a normal distribution that hold 90 and 95 %.
NORMAL_90, NORMAL_95 = 1.645, 1.960


@dataclass(frozen=True, slots=True)
class DiameterError:
    """How far the diameters of a model were from the truth, on lesions that it had not seen.

    Attributes:
        low, high: the 5th and 95th percentile of (true - found) / scale.
        lesions: how many it was measured on.
        covered: the share of lesions whose interval held the truth, when every fifth was left out
            of the percentiles in turn.
        lasting: the share of the variance that the model repeats at another date of the same
            lesion; 0 where it was not measured.
    """

    low: float
    high: float
    lesions: int
    covered: float
    lasting: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.lasting < 1.0:
            raise InputError(f"a lasting share of {self.lasting:g}, not between 0 and 1")
        if not self.low <= self.high:
            raise InputError(f"an error from {self.low:g} to {self.high:g}")

    def interval_mm(
        self, diameter_mm: float, others_mm: Iterable[float] = ()
    ) -> tuple[float, float]:
        """The lower and upper end for a diameter; the diameter itself lies within.

        Args:
            others_mm: the diameters that other thresholds, networks or methods gave the lesion.
        """
        scale = float(_scale_mm(np.array(diameter_mm)))
        ends = (diameter_mm + self.low * scale, diameter_mm + self.high * scale)
        every = (diameter_mm, *ends, *others_mm)
        return max(0.0, min(every)), max(every)


#: A line that a reader drew.
LINE_ERROR = DiameterError(
    REPEATED_LOW * NORMAL_90 / NORMAL_95 / SHARE,
    REPEATED_HIGH * NORMAL_90 / NORMAL_95 / SHARE,
    32,
    COVERAGE,
)


def _scale_mm(found_mm: FloatArray) -> FloatArray:
    scale: FloatArray = np.hypot(FLOOR_MM, SHARE * found_mm)
    return scale


def measured_error(
    found_mm: Sequence[float], true_mm: Sequence[float], patients: Sequence[str]
) -> DiameterError:
    """The error of a model from lesions that it had not seen.

    Args:
        found_mm, true_mm: of each lesion; lesions that were missed do not belong here.
        patients: of each lesion: lesions of one patient are left out together.

    Raises:
        InputError: too few lesions.
    """
    if len(found_mm) < FEWEST_LESIONS:
        raise InputError(
            f"{len(found_mm)} lesions say too little of the error of a diameter",
            remedy=f"{FEWEST_LESIONS} or more are needed",
        )
    found, true = np.array(found_mm, float), np.array(true_mm, float)
    errors = (true - found) / _scale_mm(found)
    tail = (1.0 - COVERAGE) / 2.0
    groups = {name: n % 5 for n, name in enumerate(sorted(set(patients)))}
    fold = np.array([groups[name] for name in patients])
    held = np.zeros(len(errors), np.bool_)
    for number in set(fold.tolist()):
        own = fold == number
        low, high = np.quantile(errors[~own], [tail, 1.0 - tail])
        held[own] = (errors[own] >= low) & (errors[own] <= high)
    low, high = np.quantile(errors, [tail, 1.0 - tail])
    return DiameterError(float(low), float(high), len(errors), float(held.mean()))


def errors_from(table: Mapping[str, Any]) -> dict[str, DiameterError]:
    """The errors that a bundle's ``configs/intervals.json`` holds, by the kind of prompt.

    Raises:
        InputError: an entry that is none.
    """
    try:
        return {kind: DiameterError(**entry) for kind, entry in table.items()}
    except TypeError as error:
        raise InputError(f"no error of a diameter: {error}") from error
