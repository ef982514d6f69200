"""The dose far from the field, which planning systems underestimate."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tail:
    """Below ``isodose`` of the prescription, the dose may have been ``factor`` times as high."""

    isodose: float
    factor: float
