"""What a reader says against, or beside, what the rules and the network found in a patient.

One thing for all ways in: the tables that ``recist correct`` takes, what the reading room stores,
and what comes back from a workstation as DICOM. :class:`Corrections` holds all
that stands of one patient at one moment: a correction that is taken out of it leaves no trace.
"""

from __future__ import annotations

from recist.patient.corrections.checked import CheckedDate
from recist.patient.corrections.corrected_measurements import CorrectedMeasurement
from recist.patient.corrections.correction_tables import FILE_NAMES, read_corrections
from recist.patient.corrections.drawn import DrawnLesion
from recist.patient.corrections.laid_out import write_corrections
from recist.patient.corrections.said import NOTHING_SAID, Corrections

__all__ = [
    "FILE_NAMES",
    "NOTHING_SAID",
    "CheckedDate",
    "CorrectedMeasurement",
    "Corrections",
    "DrawnLesion",
    "read_corrections",
    "write_corrections",
]
