"""End points: what a course of responses comes to. ``endpoints.outcome`` is the way in."""

from __future__ import annotations

from recist.endpoints.origin import time_zero, time_zero_of
from recist.endpoints.summary import Background, background, outcome, outcome_of_responses

__all__ = [
    "Background",
    "background",
    "outcome",
    "outcome_of_responses",
    "time_zero",
    "time_zero_of",
]
