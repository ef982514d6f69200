"""What is said of a lesion and the irradiated field: its class, its grounds and its doses."""

from __future__ import annotations

from dataclasses import dataclass

from recist.course import Field


@dataclass(frozen=True, slots=True)
class FieldFinding:
    """The field class of a lesion with its grounds, as shown and exported.

    Doses are cumulated physical dose over all plans, on the baseline lesion.

    Attributes:
        probability: of each class under sampled registration errors.
        dose_near_max_gy: D0.03cc, or D2 % of a small lesion.
        volume_at_half, volume_at_95: share of the lesion, 0..1, with at least 50 % and 95 % of the
            prescription that covers it best.
        upper_bound_gy: of the maximum, where planning systems underestimate far dose.
        eqd2_mean_gy: (alpha/beta, mean EQD2) in Gy.
        envelope: (name, 5th, 95th percentile) of doses under sampled registration errors.
        band: of a low dose, in Gy.
        target: the target volume that holds the lesion.
        evidence: dose, geometry, reader or none.
        profile: name and version of the thresholds.
        provisional: mapped back from a later date, not drawn on the baseline.
        flags: remarks for the reader.
    """

    lesion_id: str
    field: Field
    reason: str
    dose_mean_gy: float | None = None
    dose_min_gy: float | None = None
    dose_max_gy: float | None = None
    probability: tuple[tuple[str, float], ...] = ()
    prescription: str = ""  # "50 Gy in 5 fractions"
    dose_near_max_gy: float | None = None
    dose_d95_gy: float | None = None
    volume_at_half: float | None = None
    volume_at_95: float | None = None
    upper_bound_gy: float | None = None
    eqd2_mean_gy: tuple[tuple[float, float], ...] = ()
    envelope: tuple[tuple[str, float, float], ...] = ()
    band: str = ""
    target: str = ""
    evidence: str = ""
    profile: str = ""
    provisional: bool = False
    flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.field is Field.UNKNOWN and (self.probability or self.upper_bound_gy is not None):
            raise ValueError(f"{self.lesion_id}: an unknown class with probabilities or a bound")
        for name, low, high in self.envelope:
            nominal = getattr(self, f"dose_{name}", None)
            if nominal is not None and not low <= nominal <= high:
                raise ValueError(f"{self.lesion_id}: {name} {nominal} outside of {low}..{high}")
