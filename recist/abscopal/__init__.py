"""Did the lesions that were not irradiated respond? ``abscopal.assess`` is the way in.

Evaluability comes first; then every published definition by its name (:mod:`.definitions`), the
response in the field beside it, where disease failed first, how far radiotherapy may be credited,
and how often measurement error alone would give the same.
"""

from __future__ import annotations

from recist.abscopal.abscopal_finding import (
    AbscopalFinding,
    OutOfFieldAnswer,
    answers,
    assess,
    chance_for,
)

__all__ = ["AbscopalFinding", "OutOfFieldAnswer", "answers", "assess", "chance_for"]
