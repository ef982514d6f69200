"""The new lesions of iRECIST: a list of their own, never part of the target sum.

Seymour 2017: up to five, two per organ, that are measurable when they appear are new-lesion targets
(NLT) and have a sum; all others are new-lesion non-targets (NLNT). EORTC FAQ, how do new lesions
define progression.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from recist.course import Status
from recist.criteria.diameter import ZERO, has_grown
from recist.criteria.new_lesions import COUNTS, NewLesionSight, Sight
from recist.criteria.target_limits import MeasurableLesion, choose, organ_of
from recist.criteria.thresholds import MEASURABLE_MM, MEASURABLE_NODE_MM, PD_GROWTH_MM
from recist.protocol import Protocol

_WORSE = (Status.INCREASED, Status.PROGRESSION)
_MERGED, _PROGRESSION, _DECREASED = Status.MERGED, Status.PROGRESSION, Status.DECREASED
_GONE, _UNKNOWN = Sight.GONE, Sight.UNKNOWN


class NewFindings(NamedTuple):
    """The new lesions at one time point, against the list so far.

    Attributes:
        fresh: not on the list, or gone before and back.
        present: some new lesion is there; ``unknown``: one of the list could not be judged.
        sizes_mm: of the new-lesion targets that could be measured; gone is 0.
        other_sizes_mm: of the other new lesions that have a size.
        worse: lesions of the list without a size that were called worse.
        unequivocal: those among them that progressed unequivocally.
        decreased: lesions that were called smaller.
    """

    fresh: tuple[str, ...]
    present: bool
    unknown: bool
    sizes_mm: dict[str, Decimal]
    other_sizes_mm: dict[str, Decimal]
    worse: tuple[str, ...]
    unequivocal: tuple[str, ...]
    decreased: tuple[str, ...]

    @property
    def total_mm(self) -> Decimal:
        return sum(self.sizes_mm.values(), ZERO)


NOTHING = NewFindings((), False, False, {}, {}, (), (), ())


class NewBurden:
    """The list of new lesions of one patient.

    Attributes:
        nadir_mm: the smallest sum of the new-lesion targets so far, raised by the first size of
            each that joins the list; None while there are none.
    """

    __slots__ = ("_by_organ", "_gone", "_organs", "_smallest", "nadir_mm", "others", "targets")

    def __init__(self, protocol: Protocol) -> None:
        self.targets: set[str] = set()
        self.others: set[str] = set()
        self.nadir_mm: Decimal | None = None
        self._gone: set[str] = set()
        self._organs: list[str] = []
        self._smallest: dict[str, Decimal] = {}
        self._by_organ = protocol.target_choice == "organ_then_size"

    def look(self, lesions: tuple[NewLesionSight, ...]) -> NewFindings:
        """What a time point shows, without adding to the list."""
        if not lesions:
            return NOTHING
        fresh, worse, unequivocal, decreased = [], [], [], []
        sizes: dict[str, Decimal] = {}
        others: dict[str, Decimal] = {}
        present = unknown = False
        for new in lesions:
            name = new.lesion.id
            counts = new.sight in COUNTS
            listed = name in self.targets or name in self.others
            present |= counts
            unknown |= listed and name not in self._gone and new.sight is _UNKNOWN
            if counts and (not listed or name in self._gone):
                fresh.append(name)
            if not listed:
                continue
            size = ZERO if new.status is _MERGED else new.diameter_mm
            if size is not None:
                (sizes if name in self.targets else others)[name] = size
            elif new.status in _WORSE:
                worse.append(name)
                if new.status is _PROGRESSION:
                    unequivocal.append(name)
            elif new.status is _DECREASED:
                decreased.append(name)
        return NewFindings(
            tuple(fresh),
            present,
            unknown,
            sizes,
            others,
            tuple(worse),
            tuple(unequivocal),
            tuple(decreased),
        )

    def progresses(self, found: NewFindings, *, plus_5_mm: bool) -> bool:
        """RECIST 1.1 progression of lesions on the list: their sum, or one of the others.

        Args:
            plus_5_mm: growth of the sum by 5 mm is enough (AMB-28).
        """
        if found is NOTHING:
            return False
        if found.unequivocal:
            return True
        if self.nadir_mm is not None:
            growth = found.total_mm - self.nadir_mm
            if growth >= PD_GROWTH_MM if plus_5_mm else has_grown(found.total_mm, self.nadir_mm):
                return True
        return any(
            has_grown(size, self._smallest[name])
            for name, size in found.other_sizes_mm.items()
            if name in self._smallest
        )

    def add(self, lesions: tuple[NewLesionSight, ...], found: NewFindings) -> None:
        """Take a time point into the list."""
        if not lesions:
            return
        if self.targets and set(found.sizes_mm) == self.targets and self.nadir_mm is not None:
            self.nadir_mm = min(self.nadir_mm, found.total_mm)
        for name, size in found.other_sizes_mm.items():
            self._smallest[name] = min(size, self._smallest.get(name, size))
        for new in lesions:
            if new.sight is _GONE:
                self._gone.add(new.lesion.id)
        if found.fresh:
            self._list(lesions, found.fresh)

    def _list(self, lesions: tuple[NewLesionSight, ...], fresh: tuple[str, ...]) -> None:
        joining = {
            new.lesion.id: new
            for new in lesions
            if new.lesion.id in fresh and new.lesion.id not in self.targets | self.others
        }
        self._gone.difference_update(fresh)
        measurable = {
            name: MeasurableLesion(
                name, organ_of(new.lesion.organ, is_node=new.lesion.is_node), new.diameter_mm
            )
            for name, new in joining.items()
            if new.diameter_mm is not None and new.diameter_mm >= measurable_mm(new)
        }
        chosen = choose(measurable.values(), by_organ=self._by_organ, taken=self._organs)
        for name in chosen:
            self.targets.add(name)
            self._organs.append(measurable[name].organ)
            self.nadir_mm = (self.nadir_mm or ZERO) + measurable[name].size_mm
        for name, new in joining.items():
            if name not in self.targets:
                self.others.add(name)
                if new.diameter_mm is not None:
                    self._smallest[name] = new.diameter_mm


def measurable_mm(new: NewLesionSight) -> Decimal:
    """The size from which a new lesion may be a new-lesion target."""
    return MEASURABLE_NODE_MM if new.lesion.is_node else MEASURABLE_MM
