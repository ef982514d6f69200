"""A date that a reader has gone through: what stands there is the reader's word from then on."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckedDate:
    """All lesions of a date looked at and confirmed, but for what is corrected beside it.

    A lesion that nobody delineated at a checked date was not there.

    Attributes:
        recorded_at: when it was said, ISO 8601; empty when not known.
    """

    date: dt.date
    reason: str = ""
    reader: str = ""
    recorded_at: str = ""
