"""The dose far from the field, which planning systems underestimate."""

from __future__ import annotations

from dataclasses import dataclass

from imaging.setting import setting

#: Treatment planning systems underestimate dose outside of the field by up to 55 %.
HOWELL = "Howell, Phys Med Biol 2010;55:6999"


@dataclass(frozen=True, slots=True)
class Tail:
    """Below ``isodose`` of the prescription, the dose may have been ``factor`` times as high."""

    isodose: float = setting(
        0.05,
        "",
        "Below this share of the prescription the class is also taken on a dose that planning "
        "systems may have underestimated.",
        HOWELL,
    )
    factor: float = setting(
        1.0 / (1.0 - 0.55),
        "",
        "How many times as high that dose may have been: 1/(1 - 0.55).",
        HOWELL,
    )
