"""What a CT series was made for, and its contrast phase, each with the reason that tells.

A planning CT and the cone-beam CTs of the fractions lie in the archives of radiotherapy beside the
diagnostic scans. They serve the field; they are no time points of response: the planning CT is made
days before treatment for another purpose, and a cone-beam CT gives no reliable HU or field of view.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from imaging.header import Header, Tag


class Purpose(StrEnum):
    """Why a CT was made."""

    DIAGNOSTIC = "diagnostic"
    PLANNING = "planning CT"
    VERIFICATION = "cone-beam CT of a treatment"


class Phase(StrEnum):
    """Contrast phase of a CT."""

    PORTAL_VENOUS = "portal venous"
    CONTRAST = "contrast, phase not told"
    UNKNOWN = "not told"
    DELAYED = "delayed"
    ARTERIAL = "arterial"
    NATIVE = "native"


#: Which phase is used where a date offers several and no other is common to all dates. RECIST 1.1
#: asks for the same technique throughout (appendix II); most solid metastases show best in the
#: portal venous phase. A proposed default: a table of series overrides it.
PREFERRED_PHASES = tuple(Phase)

#: Scanners that stand in the treatment room.
_TREATMENT_MODEL = re.compile(
    r"on-?board|\bOBI\b|\bXVI\b|halcyon|truebeam|\bethos\b|tomotherapy|hi-?art|radixact|vero\b"
    r"|clinac|synergy|versa ?hd|portal ?vision|kv ?cone|vitalbeam|probeam|novalis|trilogy"
    r"|artiste|oncor\b|cyberknife|exactrac",
    re.IGNORECASE,
)
_CONE_BEAM = re.compile(r"cbct|cone[ _-]?beam|\bMVCT\b|\bIGRT\b", re.IGNORECASE)
_PLANNING = re.compile(
    r"planning|treatment plan|\bRTP\b|RT[ _-]?(plan|sim|ct)\b|radiotherapy|\bsimulation\b"
    r"|\bCT[ _-]?sim\b|bestrahlung|dosim[eé]tr|\bplanung|planifica|planeamento|centrage"
    r"|\bsimula(tor|zione|ci[oó]n)\b|\b4D[ _-]?CT\b|\bDIBH\b",
    re.IGNORECASE,
)
_PHASES = (
    (Phase.PORTAL_VENOUS, r"portal|(?<![a-z])p\.?v\.?(?![a-z])|venous|ven[oö]s|veineux"),
    (Phase.ARTERIAL, r"arterial|arteriell|art[eé]riel|(?<![a-z])art(?![a-z])"),
    (Phase.DELAYED, r"delay|late phase|sp[aä]t|tardi|excret|urogra"),
    (
        Phase.NATIVE,
        r"native?(?![a-z])|nativ(?![a-z])|non[ _-]?contrast|no contrast|without|unenhanced"
        r"|(?<![a-z])(nc|ohne|sans|senza|sem contraste|sin contraste|zonder|blanco|basale)(?![a-z])"
        r"|pre[ _-]?contrast|w/?o(?![a-z])",
    ),
)
_PHASE_WORDS = tuple((phase, re.compile(words, re.IGNORECASE)) for phase, words in _PHASES)


@dataclass(frozen=True, slots=True)
class Told:
    """A purpose and what tells it; "" for a diagnostic CT, which nothing marks."""

    purpose: Purpose
    reason: str = ""


def purpose_of(header: Header, *, planned: bool = False) -> Told:
    """What a CT was made for.

    Args:
        header: of one of its images.
        planned: an RTPLAN or RTDOSE belongs to it.
    """
    model = header.text(Tag.MODEL)
    described = (header.text(Tag.SERIES_DESCRIPTION), header.text(Tag.STUDY_DESCRIPTION))
    if _TREATMENT_MODEL.search(model):
        return Told(Purpose.VERIFICATION, f"Manufacturer Model (0008,1090) is {model!r}")
    for text in (*described, "\\".join(header.texts(Tag.IMAGE_TYPE))):
        if _CONE_BEAM.search(text):
            return Told(Purpose.VERIFICATION, f"described as {text!r}")
    if planned:
        return Told(Purpose.PLANNING, "a plan or dose belongs to it")
    for text in described:
        if _PLANNING.search(text):
            return Told(Purpose.PLANNING, f"described as {text!r}")
    return Told(Purpose.DIAGNOSTIC)


def phase_of(header: Header) -> Phase:
    """The contrast phase by the words of the description, else by the contrast agent."""
    described = header.text(Tag.SERIES_DESCRIPTION)
    for phase, words in _PHASE_WORDS:
        if words.search(described):
            return phase
    return Phase.CONTRAST if header.text(Tag.CONTRAST_AGENT) else Phase.UNKNOWN
