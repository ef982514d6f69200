"""Papers that are cited under a reason, once: names, titles and places; those of PET.

A citation is made by calling the paper: ``RECIST11("4.3.1")``. A place that the paper is not known
to have is refused where the citing module is loaded, so a wrong section cannot be printed. Where
only the paper as a whole is certain, it is cited without a place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Paper:
    """A source that rules are taken from.

    Attributes:
        name: as printed under a reason, e.g. ``Eisenhauer 2009``.
        reference: where it appeared.
        sections: number -> what it is about, in our words.
        places: tables, appendices and questions that are cited by name.
    """

    name: str
    title: str
    reference: str
    sections: Mapping[str, str] = field(default_factory=dict)
    places: frozenset[str] = frozenset()

    def __call__(self, *places: str) -> str:
        """The paper cited at its places, or as a whole.

        Raises:
            KeyError: it has no such place.
        """
        cited = [self._place(place) for place in places]
        return ", ".join([self.name, *cited])

    def _place(self, place: str) -> str:
        if place in self.sections:
            return f"section {place}"
        if place in self.places:
            return place
        raise KeyError(f"{self.name} has no {place!r}")


PERCIST = Paper(
    "Wahl 2009",
    "From RECIST to PERCIST: evolving considerations for PET response criteria in solid tumors",
    "J Nucl Med 2009;50(Suppl 1):122S-150S",
)
PERCIST_GUIDE = Paper(
    "O 2016",
    "Practical PERCIST: a simplified guide to PET response criteria in solid tumors 1.0",
    "Radiology 2016;280:576-584",
)
EORTC_PET = Paper(
    "Young 1999",
    "Measurement of clinical and subclinical tumour response using FDG and PET",
    "Eur J Cancer 1999;35:1773-1782",
)
LUGANO = Paper(
    "Cheson 2014",
    "Recommendations for initial evaluation, staging, and response assessment of lymphoma",
    "J Clin Oncol 2014;32:3059-3068",
)
DEAUVILLE = Paper(
    "Barrington 2014",
    "Role of imaging in the staging and response assessment of lymphoma",
    "J Clin Oncol 2014;32:3048-3058",
)
IMPERCIST = Paper("Ito 2019", "Immunotherapy-modified PERCIST", "J Nucl Med 2019;60:335")
IPERCIST = Paper(
    "Goldfarb 2019", "iPERCIST, in non-small cell lung cancer", "J Nucl Med 2019;60:1201"
)
PERCIMT = Paper("Anwar 2018", "PERCIMT, in melanoma", "Eur J Nucl Med Mol Imaging 2018;45:376")
PECRIT = Paper("Cho 2017", "PECRIT, in melanoma", "J Nucl Med 2017;58:1421")

PAPERS = (
    PERCIST, PERCIST_GUIDE, EORTC_PET, LUGANO, DEAUVILLE, IMPERCIST, IPERCIST, PERCIMT, PECRIT,
)  # fmt: skip
