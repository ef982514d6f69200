"""The record of how a PET series became SUV: times, rule, adaptations, checks, warnings."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any

from pet.suv.normalisation import SuvType


@dataclass(frozen=True, slots=True)
class CandidateTime:
    """One possible reference time of the decay correction.

    Attributes:
        name: how it was found, e.g. ``series``, ``acquisition+mean-frt``.
        time: of the first slice where it differs between slices.
        effect_percent: change of SUV if it were used instead of the chosen one (largest slice).
    """

    name: str
    time: dt.datetime
    effect_percent: float


@dataclass(frozen=True, slots=True)
class Adaptation:
    """A value that was not used as written.

    Attributes:
        tag: the element.
        found: as written; ``used``: as used.
        rule: why.
        effect_percent: change of SUV that it makes; None where it cannot be stated because the
            value as written gives no SUV at all.
    """

    tag: str
    found: str
    used: str
    rule: str
    effect_percent: float | None


@dataclass(frozen=True, slots=True)
class Check:
    """A second way to the same number, and how far it lies from the one used (per cent)."""

    name: str
    expected: float
    found: float
    deviation_percent: float
    passed: bool


@dataclass(frozen=True, slots=True)
class Audit:
    """How the factor was found.

    Attributes:
        kind: the normalisation.
        units: DICOM Units as found, with SUVType where given.
        factors: per slice; SUV = (stored * slope + intercept) * factor.
        rule: which rule chose the reference time (or that none is needed).
        reference: reference time of the decay correction (first slice); None if none is needed.
        injection: start of the administration; None if not needed and not stated.
        uptake_min: injection to the first acquisition, or to the reference time where that is
            later or the only one known; None if either is unknown.
    """

    kind: SuvType
    units: str
    factors: tuple[float, ...]
    rule: str
    decay_correction: str | None = None
    reference: dt.datetime | None = None
    injection: dt.datetime | None = None
    uptake_min: float | None = None
    dose_bq: float | None = None
    half_life_s: float | None = None
    weight_kg: float | None = None
    height_m: float | None = None
    sex: str | None = None
    radiopharmaceutical: str | None = None
    candidates: tuple[CandidateTime, ...] = ()
    adaptations: tuple[Adaptation, ...] = ()
    checks: tuple[Check, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def factor(self) -> float | None:
        """The factor where all slices share it, else None."""
        low, high = min(self.factors), max(self.factors)
        return self.factors[0] if high - low <= 1e-9 * abs(high) else None

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; times as ISO text.

        ``factor`` is null where the slices differ; only then ``factors`` lists them.
        """
        record = {key: _plain(value) for key, value in asdict(self).items()}
        if self.factor is not None:
            record["factors"] = []
        return {"factor": self.factor, "unit": self.kind.ucum, **record}


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (tuple, list)) else value
