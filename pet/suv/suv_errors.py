"""Why a PET series cannot be expressed as SUV. Each error names the element it is about."""

from __future__ import annotations

from pydicom.datadict import tag_for_keyword

from imaging.errors import HeaderError


def tag_text(keyword: str) -> str:
    """``"PatientWeight"`` to ``"PatientWeight (0010,1030)"``; private names stay as they are."""
    tag = tag_for_keyword(keyword)
    return keyword if tag is None else f"{keyword} ({tag >> 16:04X},{tag & 0xFFFF:04X})"


class TagError(HeaderError):
    """A header element that makes the conversion impossible.

    Attributes:
        keyword: DICOM keyword of the element, or its private tag as text.
    """

    def __init__(self, keyword: str, what: str, *, remedy: str = "") -> None:
        self.keyword = keyword
        super().__init__(f"{tag_text(keyword)} {what}", remedy=remedy)


class MissingTagError(TagError):
    """A fact that the conversion needs is not in the header."""

    def __init__(self, keyword: str, *, remedy: str = "") -> None:
        super().__init__(keyword, "is missing or empty", remedy=remedy)


class InvalidTagError(TagError):
    """A value that cannot be true."""


class InconsistentTagError(TagError):
    """A value that contradicts another element, or differs between slices of one series."""


class UnsupportedUnitsError(TagError):
    """Voxel values that cannot be related to an activity concentration."""


class StrictError(TagError):
    """A value that was adapted, or a doubt, where ``strict`` forbids both."""
