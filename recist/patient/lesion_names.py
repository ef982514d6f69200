"""Which regions of a structure set or segmentation are lesions: by type first, by name second.

A name never makes a region a *treated* volume: that is read from types and plans in
:mod:`imaging.target_volumes`.
"""

from __future__ import annotations

import re

from imaging.contours import Roi, StructureSet
from imaging.errors import InputError
from imaging.seg import LYMPH_NODE, Coded, SegSegment
from imaging.target_volumes import TARGET_TYPES

#: RT ROI Interpreted Type of a gross tumour volume.
LESION_TYPE = "GTV"
#: Types that leave the decision to the name.
OPEN_TYPES = ("", "NONE", "OTHER", "UNSPECIFIED")
#: Names of lesions: GTV with its TG-263 suffixes (p primary, n node, m metastasis), common words,
#: of other languages too.
LESION_NAME = re.compile(
    r"(?<![a-z])(i?gtv[pnm]?|tumou?re?s?|tumeurs?|l[eéaä]sion(s|e|es|en|i)?|n[oó]dul(e|es|o|os|i|us)"
    r"|mass[ae]?|mets?|m[eé]tast[aá]s\w*|filiae?|ln|lymph[ _-]?nodes?|nodes?)(?![a-z])",
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
#: Names of nodes: words, GTV of nodes (TG-263), stations and levels of the neck and the chest.
NODE_NAME = re.compile(
    r"(?<![a-z])(ln|i?gtv[ _-]?n|lymph|nodes?|adenopath\w*|(station|level)[ _-]?[0-9ivx]+[a-z]?)"
    r"(?![a-z])",
    re.IGNORECASE,
)
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
    return tuple(
        roi
        for roi in structure_set.rois
        if roi.closed and not why_not(roi, pattern, types_tell=types_tell(structure_set))
    )


def types_tell(structure_set: StructureSet) -> bool:
    """Whether its types tell lesions from organs: some systems write ORGAN for every ROI."""
    return any(roi.interpreted_type in TARGET_TYPES for roi in structure_set.rois)


def undrawn_lesions(structure_set: StructureSet, pattern: str | None = None) -> tuple[Roi, ...]:
    """The ROIs that are lesions by type or name, but hold no contour that can be used."""
    told = types_tell(structure_set)
    return tuple(
        roi
        for roi in structure_set.rois
        if not roi.closed and (roi.fault or not why_not(roi, pattern, types_tell=told))
    )


def why_not(roi: Roi, pattern: str | None = None, *, types_tell: bool = True) -> str:
    """Why an ROI is not taken for a lesion, "" when it is.

    Args:
        types_tell: False where its structure set writes one type for everything.
    """
    if pattern is not None:
        return "" if compiled(pattern).search(roi.name) else f"name does not match {pattern}"
    if HELPER_NAME.search(roi.name):
        return "named as a planning helper or target volume"
    if roi.interpreted_type in OPEN_TYPES or not types_tell:
        return _not_named_as_lesion(roi.name)
    return "" if roi.interpreted_type == LESION_TYPE else f"of type {roi.interpreted_type}"


def named_lesion(name: str) -> bool:
    """Whether a name is that of a lesion and not of a planning helper or nodal region."""
    return not HELPER_NAME.search(name) and not _not_named_as_lesion(name)


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


#: Anatomic regions of the same organs (SNOMED CT, DICOM CID 4 and 7601).
_REGIONS = {
    "adrenal": Coded("23451007", "SCT", "Adrenal gland"),
    "bladder": Coded("89837001", "SCT", "Bladder"),
    "bone": Coded("272673000", "SCT", "Bone"),
    "brain": Coded("12738006", "SCT", "Brain"),
    "breast": Coded("76752008", "SCT", "Breast"),
    "kidney": Coded("64033007", "SCT", "Kidney"),
    "liver": Coded("10200004", "SCT", "Liver"),
    "lung": Coded("39607008", "SCT", "Lung"),
    "ovary": Coded("15497006", "SCT", "Ovary"),
    "pancreas": Coded("15776009", "SCT", "Pancreas"),
    "pleura": Coded("3120008", "SCT", "Pleura"),
    "prostate": Coded("41216001", "SCT", "Prostate"),
    "skin": Coded("39937001", "SCT", "Skin"),
    "spleen": Coded("78961009", "SCT", "Spleen"),
    "thyroid": Coded("69748006", "SCT", "Thyroid"),
}
_ORGAN_OF_CODE = {region.value: organ for organ, region in _REGIONS.items()}


def region_of(organ: str, *, is_node: bool) -> Coded | None:
    """The anatomic region of a segment; None for an organ that has no code here."""
    return LYMPH_NODE if is_node else _REGIONS.get(organ.lower())


def organ_of_region(region: Coded) -> str:
    """The organ that a region says: our own word where there is one, else its meaning."""
    return _ORGAN_OF_CODE.get(region.value, region.meaning.lower())


def organ_by_name(name: str) -> tuple[str | None, tuple[str, ...]]:
    """The organ that a name says, and the flag that asks the reader to check it."""
    found = ORGAN_NAME.search(name)
    return (found.group(1).lower(), ("organ by its name: check",)) if found else (None, ())
