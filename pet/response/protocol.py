"""Every boundary that the papers leave open, in one place, and changed by the file of a trial.

The section ``pet`` of that file names only what it changes; ``"none"`` switches a limit off::

    [pet.eortc]
    inclusive = true

    [pet.percist.comparability]
    uptake_apart_min = 10
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imaging.setting_tables import changed
from pet.response.eortc import Eortc
from pet.response.immune import IPercist, Pecrit, Percimt
from pet.response.lymphoma import Deauville
from pet.response.percist import IMPERCIST5, PERCIST5, Percist


@dataclass(frozen=True, slots=True)
class PetProtocol:
    """The settings of each set of criteria."""

    percist: Percist = field(default_factory=Percist)
    percist5: Percist = PERCIST5
    impercist5: Percist = IMPERCIST5
    eortc: Eortc = field(default_factory=Eortc)
    ipercist: IPercist = field(default_factory=IPercist)
    percimt: Percimt = field(default_factory=Percimt)
    pecrit: Pecrit = field(default_factory=Pecrit)
    deauville: Deauville = field(default_factory=Deauville)


def from_table(
    changes: Mapping[str, Any], where: Path | str | None = None, *, prefix: str = ""
) -> PetProtocol:
    """The default settings with the changes of a table.

    Raises:
        InputError: it names a setting that does not exist, or gives a value of another kind.
    """
    return changed(PetProtocol(), changes, where, prefix)
