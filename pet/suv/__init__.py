"""PET values as standardised uptake values (SUV), with an audit of how they came about.

The rules follow the IBSI-SUV recommendations (oncoray/suv_computation, 2025) where the DICOM
header leaves a choice; each module states which.
"""

from pet.suv.audit import Adaptation, Audit, CandidateTime, Check
from pet.suv.conversion import suv_factors, to_suv
from pet.suv.listing import suv_report
from pet.suv.normalisation import Body, SuvType
from pet.suv.suv_errors import (
    InconsistentTagError,
    InvalidTagError,
    MissingTagError,
    StrictError,
    TagError,
    UnsupportedUnitsError,
)

__all__ = [
    "Adaptation",
    "Audit",
    "Body",
    "CandidateTime",
    "Check",
    "InconsistentTagError",
    "InvalidTagError",
    "MissingTagError",
    "StrictError",
    "SuvType",
    "TagError",
    "UnsupportedUnitsError",
    "suv_factors",
    "suv_report",
    "to_suv",
]
