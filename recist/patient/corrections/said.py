"""All corrections of one patient."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from imaging.errors import InputError
from recist.patient.corrections.checked import CheckedDate
from recist.patient.corrections.corrected_measurements import CorrectedMeasurement
from recist.patient.corrections.drawn import DrawnLesion
from recist.patient.overrides import Override
from recist.tracking import Link


@dataclass(frozen=True, slots=True)
class Corrections:
    """What a reader says of one patient, each thing once.

    Attributes:
        overrides: what a lesion is, at most one per lesion.
        links: which delineation of a date is which lesion.
        measurements: size or state, at most one per lesion and date.
        dates: the dates that were gone through, each once.
        drawn: what the reader drew, at most one per lesion and date.
    """

    overrides: tuple[Override, ...] = ()
    links: tuple[Link, ...] = ()
    measurements: tuple[CorrectedMeasurement, ...] = ()
    dates: tuple[CheckedDate, ...] = ()
    drawn: tuple[DrawnLesion, ...] = ()

    def __post_init__(self) -> None:
        _once((each.lesion for each in self.overrides), "lesion {} is overridden twice")
        _once((each.date for each in self.dates), "{} is checked twice")
        for what, said in (("measured", self.measurements), ("drawn", self.drawn)):
            places: Iterable[tuple[str, dt.date]] = ((each.lesion, each.date) for each in said)
            _once((f"{lesion} on {date}" for lesion, date in places), f"{{}} is {what} twice")

    def __bool__(self) -> bool:
        return any((self.overrides, self.links, self.measurements, self.dates, self.drawn))

    def over(
        self,
        measurements: Iterable[CorrectedMeasurement] = (),
        drawn: Iterable[DrawnLesion] = (),
    ) -> Corrections:
        """These with others in the place of what was said of the same lesions and dates."""
        sizes = {(each.lesion, each.date): each for each in (*self.measurements, *measurements)}
        shapes = {(each.lesion, each.date): each for each in (*self.drawn, *drawn)}
        return replace(self, measurements=tuple(sizes.values()), drawn=tuple(shapes.values()))

    @property
    def choices(self) -> Mapping[str, Override]:
        """Lesion to what it is."""
        return {each.lesion: each for each in self.overrides}

    def measured(self, lesion: str) -> Mapping[dt.date, CorrectedMeasurement]:
        """What is said of a lesion, by date."""
        return {each.date: each for each in self.measurements if each.lesion == lesion}


def _once(places: Iterable[object], told: str) -> None:
    for place, count in Counter(places).items():
        if count > 1:
            raise InputError(told.format(place), remedy="keep one of the two")


NOTHING_SAID = Corrections()
