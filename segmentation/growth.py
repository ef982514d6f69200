"""How much a lesion grew between two dates: by the CT, and by the network of CT and PET.

The outline of an earlier date follows what the CT shows
(:func:`imaging.registration.lesion_change`). The network, prompted by the outline at both dates,
leaves out the same rim or takes along the same muscle at both, so that the ratio of its two
diameters is better than either; what it is known to leave out of a change is added. CT and network
err independently of each other: the outline takes the weighted mean of both.
``scripts/measure_carried_outlines.py`` says by how much that is better.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from imaging.errors import InputError
from imaging.registration import LesionTransform
from imaging.volume import Mask, Volume
from segmentation.evaluation import Diameter, dice_of_masks

if TYPE_CHECKING:  # torch comes with it
    from segmentation.infer import Delineation

#: The network tells this share of a change (of its logarithm): it draws towards the size of most
#: lesions. On 94 pairs of dates of 20 patients (see the card of ``lesion_ctpet``).
NETWORK_SHARE = 0.94
#: The weight of the network's growth beside that of the CT, of the logarithms: by the variances of
#: both on these pairs, each freed of what it says too much or too little there. The kappa of the
#: category differs by two pairs between weights of 0 and 0.5, and does not choose.
NETWORK_WEIGHT = 0.19
#: The network is heard where it draws this much (Dice) of the outline at both dates.
HEARD = 0.5
#: No shorter lesions were measured on PET/CT, mm.
SHORTEST_MM = 25.0
#: CT and network that say growths farther apart than this factor are flagged.
FAR_APART = 1.25

#: CT, SUV and an outline, to what the network of CT and PET draws there.
Outliner: TypeAlias = "Callable[[Volume, Volume, Mask], Delineation]"


@dataclass(frozen=True, slots=True, eq=False)
class OutlinedDate:
    """A lesion with its outline in the images of a date; SUV where there is a PET."""

    ct: Volume
    suv: Volume | None
    lesion: Mask


@dataclass(frozen=True, slots=True, eq=False)
class NetworkGrowth:
    """Growth between dates by a network that is prompted by the outline at both.

    Attributes:
        outline: the network.
        diameter: longest diameter of a mask, mm.
    """

    outline: Outliner
    diameter: Diameter
    _asked: list[tuple[Mask, float | None]] = field(default_factory=list, init=False)

    def lengths_mm(self, before: OutlinedDate, now: OutlinedDate) -> tuple[float, float] | None:
        """What the network draws at both dates, mm; None where it has nothing to say."""
        if before.suv is None or now.suv is None or not now.lesion.voxels:
            return None
        if min(self.diameter(before.lesion), self.diameter(now.lesion)) < SHORTEST_MM:
            return None
        was = self._asked_once(before)
        found = None if was is None else self._drawn_mm(now)
        return None if was is None or found is None else (was, found)

    def _asked_once(self, date: OutlinedDate) -> float | None:
        """A lesion is followed to many dates from one."""
        for mask, length_mm in self._asked:
            if mask is date.lesion:
                return length_mm
        self._asked.append((date.lesion, self._drawn_mm(date)))
        return self._asked[-1][1]

    def _drawn_mm(self, date: OutlinedDate) -> float | None:
        assert date.suv is not None
        try:
            found = self.outline(date.ct, date.suv, date.lesion).candidates
        except InputError:  # at the border of the image there may be no window
            return None
        if not found or dice_of_masks(found[0].mask, date.lesion) < HEARD:
            return None
        return self.diameter(found[0].mask)


def network_growth(before_mm: float, now_mm: float) -> float:
    """How many times as long a lesion is, by what the network draws of it at both dates."""
    return float((now_mm / before_mm) ** (1.0 / NETWORK_SHARE))


def by_both(
    change: LesionTransform,
    before: OutlinedDate,
    now: tuple[Volume, Volume | None],
    network: NetworkGrowth,
) -> tuple[LesionTransform, tuple[str, ...]]:
    """The change of a lesion with the growth that CT and network give it together.

    Args:
        change: by the CT.
        now: CT and SUV.

    Returns:
        the change, as it was where the network has nothing to say, and what to look at.
    """
    ct, suv = now
    carried = change.carried(before.lesion, ct.grid)
    lengths = network.lengths_mm(before, OutlinedDate(ct, suv, carried))
    if lengths is None:
        return change, ()
    by_network = network_growth(*lengths)
    by_ct = network.diameter(carried) / network.diameter(before.lesion)
    apart = by_network / by_ct
    told: tuple[str, ...] = ()
    if max(apart, 1.0 / apart) > FAR_APART:
        told = (
            f"by the CT it is {by_ct:.2f} times as long as before, by the network of CT and PET "
            f"{by_network:.2f} times: look at the outline",
        )
    return change.grown(apart**NETWORK_WEIGHT), told
