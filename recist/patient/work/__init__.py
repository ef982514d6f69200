"""What a run found out of the images of a patient, kept so that no correction asks for it again.

:class:`Work` is everything up to the first question that a reader may answer otherwise: volumes,
delineations with their sizes, registrations, reference regions. From it the answer follows by rules
alone (:mod:`recist.patient.reassessment`).
"""

from __future__ import annotations

from recist.patient.work.observed import ObservedDate, ObservedPet, Terms, Work

__all__ = ["ObservedDate", "ObservedPet", "Terms", "Work"]
