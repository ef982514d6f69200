"""Tables of survival that the field knows, as R's ``survival`` carries them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

TABLES = Path(__file__).parent / "tables"


class Table:
    """A table of times: numbers where a column holds numbers, else words."""

    def __init__(self, name: str) -> None:
        with (TABLES / f"{name}.csv").open() as file:
            self.rows = list(csv.DictReader(file))

    def numbers(self, column: str) -> npt.NDArray[np.float64]:
        return np.array([float(row[column]) if row[column] else np.nan for row in self.rows])

    def words(self, column: str) -> list[str]:
        return [row[column] for row in self.rows]


@pytest.fixture(scope="session")
def lung() -> Table:
    """Advanced lung cancer (Loprinzi 1994); status 2 is death; sex 1 male."""
    return Table("lung")


@pytest.fixture(scope="session")
def veteran() -> Table:
    """Veterans' lung cancer trial (Kalbfleisch and Prentice 1980)."""
    return Table("veteran")


@pytest.fixture(scope="session")
def ovarian() -> Table:
    """Ovarian cancer, two treatments (Edmunson 1979)."""
    return Table("ovarian")


@pytest.fixture(scope="session")
def aml() -> Table:
    """Maintenance in acute myeloid leukaemia (Miller 1997), in weeks."""
    return Table("aml")
