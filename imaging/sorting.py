"""What a user says of a tree of images beyond their headers: kept with results, and used again.

Which series serves what (:mod:`imaging.series_table`), dates of studies that have none
(:mod:`imaging.dates_table`), and whether slices at uneven distances are interpolated
(:mod:`imaging.uneven`). Whoever opens the images of a run again has to say the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imaging.catalogue import scan
from imaging.dates_table import DatesTable, read_dates_table
from imaging.series import Catalogue
from imaging.series_table import SeriesTable, Use, read_series_table


@dataclass(frozen=True, slots=True)
class Sorting:
    """How a tree is sorted, where its headers do not tell."""

    series: SeriesTable = field(default_factory=dict)
    dates: DatesTable = field(default_factory=dict)
    uneven_slices: bool = False

    @classmethod
    def read(
        cls, series: Path | None = None, dates: Path | None = None, *, uneven_slices: bool = False
    ) -> Sorting:
        """From the tables of the user.

        Raises:
            InputError: a table that cannot be used.
        """
        return cls(
            read_series_table(series) if series else {},
            read_dates_table(dates) if dates else {},
            uneven_slices,
        )

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Sorting:
        """From what :meth:`as_dict` gave; an older record without it says nothing.

        Raises:
            ValueError, AttributeError: it is no such record.
        """
        series = {
            subject: {name: Use(use) for name, use in uses.items()}
            for subject, uses in record.get("series", {}).items()
        }
        dates = {
            subject: {name: dt.date.fromisoformat(day) for name, day in days.items()}
            for subject, days in record.get("dates", {}).items()
        }
        return cls(series, dates, bool(record.get("uneven_slices", False)))

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {
            "series": {
                name: {k: str(v) for k, v in uses.items()} for name, uses in self.series.items()
            },
            "dates": {
                name: {k: v.isoformat() for k, v in days.items()}
                for name, days in self.dates.items()
            },
            "uneven_slices": self.uneven_slices,
        }

    def scan(self, root: Path, index_file: Path | None = None) -> Catalogue:
        """The catalogue of a tree; see :func:`imaging.catalogue.scan`.

        Args:
            index_file: where the headers of a large tree are kept.

        Raises:
            InputError: the root is not a folder, or its manifest cannot be used.
        """
        return scan(
            root,
            series_table=self.series,
            dates_table=self.dates,
            uneven_slices=self.uneven_slices,
            index_file=index_file,
        )
