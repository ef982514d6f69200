"""The nearest of known words to one that is unknown, for the remedy of an error."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

#: Below this likeness one word is not offered as a slip of another.
LEAST_LIKENESS = 0.6
#: Longer words are compared by their beginning.
LONGEST_WORD = 100


def nearest_of(word: str, known: Iterable[str]) -> str | None:
    """The nearest of the known words; None when none is near."""
    words = [each for each in known if each]
    near = difflib.get_close_matches(word[:LONGEST_WORD], words, 1, LEAST_LIKENESS)
    return near[0] if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A question that names the nearest of the known words, with a blank after it; or nothing."""
    near = nearest_of(word, known)
    return f"did you mean {near!r}? " if near else ""
