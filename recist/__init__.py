"""Tumour response from CT and PET/CT: RECIST 1.1 and iRECIST, inside and outside the field.

    >>> import recist
    >>> course = recist.read_table("measurements.csv")["P1"]
    >>> result = recist.assess(course, criteria=["recist11", "irecist"], protocol="recist11-eortc")
    >>> result.timepoints, result.outcomes, result.to_frame(), result.explain()

Names load when they are first used, so ``import recist`` costs nothing. Research use only, not a
medical device.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from recist.version import __version__ as __version__

if TYPE_CHECKING:
    from recist.course import Course as Course
    from recist.course import Event as Event
    from recist.course import Lesion as Lesion
    from recist.course import Measurement as Measurement
    from recist.course import Timepoint as Timepoint
    from recist.interface import assess as assess
    from recist.interface import assess_abscopal as assess_abscopal
    from recist.interface import assess_studies as assess_studies
    from recist.interface import assess_table as assess_table
    from recist.interface import read_table as read_table
    from recist.measure.voxels import measure_mask as measure_mask
    from recist.protocol import Protocol as Protocol

#: Where each public name lives.
_HOMES = {
    "Course": "recist.course",
    "Event": "recist.course",
    "Lesion": "recist.course",
    "Measurement": "recist.course",
    "Protocol": "recist.protocol",
    "Timepoint": "recist.course",
    "assess": "recist.interface",
    "assess_abscopal": "recist.interface",
    "assess_studies": "recist.interface",
    "assess_table": "recist.interface",
    "measure_mask": "recist.measure.voxels",
    "read_table": "recist.interface",
}

__all__ = [
    "Course",
    "Event",
    "Lesion",
    "Measurement",
    "Protocol",
    "Timepoint",
    "__version__",
    "assess",
    "assess_abscopal",
    "assess_studies",
    "assess_table",
    "measure_mask",
    "read_table",
]


def __getattr__(name: str) -> object:
    """A public name, loaded from where it lives (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'recist' has no attribute {name!r}")
    found: object = getattr(importlib.import_module(home), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
