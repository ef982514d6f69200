"""Which regions of a structure set or segmentation are lesions: by type first, by name second.

A name never makes a region a *treated* volume: that is read from types and plans in
:mod:`imaging.targets`.
"""

from __future__ import annotations

import re

from imaging.contours import Roi, StructureSet
from imaging.errors import InputError
from imaging.seg import SegSegment

#: RT ROI Interpreted Type of a gross tumour volume.
LESION_TYPE = "GTV"
#: Types that leave the decision to the name.
OPEN_TYPES = ("", "NONE", "OTHER", "UNSPECIFIED")
#: Names of lesions: GTV with its TG-263 suffixes (p primary, n node, m metastasis), common words.
LESION_NAME = re.compile(
    r"(?<![a-z])(i?gtv[pnm]?|tumou?r|lesion|nodule|mass|mets?|metastas[ie]s|ln|lymph[ _-]?nodes?"
    r"|nodes?)(?![a-z])",
    re.IGNORECASE,
)
#: Names of what is planned around a lesion or spared beside it (AAPM TG-263): PTV, CTV, ITV, motion
#: envelopes, z_ and _ helpers, ~ partial organs, rings, and organs less a GTV ("Lungs-GTV").
HELPER_NAME = re.compile(
    r"^(z|_|~)|(?<![a-z])([pc]tv|itv|igtv|ring|opti?|eval|avoid|prv|dose)|[a-z]\s*-\s*i?[gcp]tv",
    re.IGNORECASE,
)
#: Nodal regions of TG-263, drawn electively: anatomy, not lesions.
NODAL_REGION = re.compile(
    r"(?<![a-z])LN_(Ax|Brachioceph|Iliac|IMN|Inguin|LigArter|Med|Neck|Obturator|Paraaortic|Pelvi"
    r"|Portahepatis|Presacral|Sclav|Supmammary)",
    re.IGNORECASE,
)
NODE_NAME = re.compile(r"(?<![a-z])(ln|gtvn|lymph|nodes?|adenopath\w*)(?![a-z])", re.IGNORECASE)
#: SNOMED CT and older SRT codes of "lymph node" and of "morphologically altered structure".
LYMPH_NODE_CODES = ("59441001", "T-C4000")
ABNORMAL_CODES = ("49755003", "M-01000")
ANATOMY_CODES = ("123037004", "91723000", "85756007", "T-D0050", "R-42018")


def lesion_rois(structure_set: StructureSet, pattern: str | None = None) -> tuple[Roi, ...]:
    """The ROIs that are lesions.

    With ``pattern`` (a regular expression, searched in the name, upper and lower case alike) those
    whose name matches, whatever their type. Otherwise those of type GTV, and those without a
    telling type whose name is that of a lesion and not of a planning helper or nodal region.
    """
    return tuple(roi for roi in structure_set.rois if not why_not(roi, pattern))


def why_not(roi: Roi, pattern: str | None = None) -> str:
    """Why an ROI is not taken for a lesion, "" when it is."""
    if not roi.closed:
        return "no closed contour"
    if pattern is not None:
        return "" if compiled(pattern).search(roi.name) else f"name does not match {pattern}"
    if HELPER_NAME.search(roi.name):
        return "named as a planning helper or target volume"
    if roi.interpreted_type in OPEN_TYPES:
        return _not_named_as_lesion(roi.name)
    return "" if roi.interpreted_type == LESION_TYPE else f"of type {roi.interpreted_type}"


def _not_named_as_lesion(name: str) -> str:
    if NODAL_REGION.search(name):
        return "named as a nodal region (TG-263)"
    return "" if LESION_NAME.search(name) else "not named as a lesion"


def compiled(pattern: str) -> re.Pattern[str]:
    """The user's pattern, upper and lower case alike.

    Raises:
        InputError: it is not a regular expression.
    """
    try:
        return re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise InputError(f"pattern {pattern!r} is not a regular expression: {error}") from None


def why_not_segment(segment: SegSegment, pattern: str | None) -> str:
    """Why a segment is not taken for a lesion, "" when it is."""
    if pattern is not None:
        return "" if compiled(pattern).search(segment.label) else "name does not match"
    if segment.category.value in ABNORMAL_CODES:
        return ""
    if segment.category.value in ANATOMY_CODES:
        return f"of category {segment.category.meaning}"
    named = LESION_NAME.search(segment.label) and not HELPER_NAME.search(segment.label)
    return "" if named else "not named as a lesion"


def node_by_name(name: str) -> tuple[bool | None, tuple[str, ...]]:
    """Whether a name says lymph node, and the flag that asks the reader to check it."""
    if NODE_NAME.search(name):
        return True, ("lymph node by its name: check",)
    return None, ()


#: Organs that planners and readers write into names, as words of their own.
ORGAN_WORDS = (
    "adrenal",
    "bladder",
    "bone",
    "brain",
    "breast",
    "kidney",
    "liver",
    "lung",
    "muscle",
    "ovary",
    "pancreas",
    "pleura",
    "prostate",
    "skin",
    "spleen",
    "thyroid",
)
ORGAN_NAME = re.compile(rf"(?<![a-z])({'|'.join(ORGAN_WORDS)})(?![a-z])", re.IGNORECASE)


def organ_by_name(name: str) -> tuple[str | None, tuple[str, ...]]:
    """The organ that a name says, and the flag that asks the reader to check it."""
    found = ORGAN_NAME.search(name)
    return (found.group(1).lower(), ("organ by its name: check",)) if found else (None, ())
