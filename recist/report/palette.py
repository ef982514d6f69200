"""Colours and names shared by charts, pictures and tables."""

from __future__ import annotations

from recist.course import Field, Role
from recist.response import Response, Scope

FIELD_NAMES = {
    Field.IN: "in field",
    Field.PARTIAL: "partly in field",
    Field.LOW_DOSE: "low dose",
    Field.OUT: "out of field",
    Field.UNKNOWN: "field unknown",
}
FIELD_COLOURS = {
    Field.IN: "#b4520b",
    Field.PARTIAL: "#8a5a9e",
    Field.LOW_DOSE: "#8a6a12",
    Field.OUT: "#1c6e8c",
    Field.UNKNOWN: "#6b7280",
}
SCOPE_NAMES = {
    Scope.ALL: "All lesions",
    Scope.IN_FIELD: "In field",
    Scope.OUT_OF_FIELD: "Out of field",
}
SCOPE_COLOURS = {
    Scope.ALL: "#1f2937",
    Scope.IN_FIELD: FIELD_COLOURS[Field.IN],
    Scope.OUT_OF_FIELD: FIELD_COLOURS[Field.OUT],
}
ROLE_NAMES = {
    Role.TARGET: "Target lesions",
    Role.NON_TARGET: "Non-target lesions",
    Role.NEW: "New lesions",
}

#: Tone of a response: the style sheet has a colour for each, and every chip says it in letters too.
_TONES = {
    "complete": (Response.CR, Response.ICR, Response.CMR, Response.NED),
    "partial": (Response.PR, Response.IPR, Response.PMR),
    "stable": (
        Response.SD,
        Response.ISD,
        Response.SMD,
        Response.NON_CR_NON_PD,
        Response.NON_ICR_NON_IUPD,
    ),
    "unconfirmed": (Response.IUPD,),
    "progression": (Response.PD, Response.ICPD, Response.PMD),
}
TONE_COLOURS = {
    "complete": "#0f6b43",
    "partial": "#27804f",
    "stable": "#64748b",
    "unconfirmed": "#c2410c",
    "progression": "#b42318",
    "none": "#9ca3af",
}


def tone(response: Response) -> str:
    """A key of :data:`TONE_COLOURS`; "none" for not evaluable and not applicable."""
    return next((name for name, members in _TONES.items() if response in members), "none")
