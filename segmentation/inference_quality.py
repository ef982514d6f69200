"""How much is computed for an answer: a word that settings name, without loading a network."""

from __future__ import annotations

from enum import StrEnum


class InferenceQuality(StrEnum):
    """How much is computed.

    All networks are asked around a prompt, and everywhere in a small body. In a larger one the
    first network is asked everywhere, and all of them inside boxes around what it found: FAST does
    so as long as the boxes are small, ENSEMBLE in any case. BEST also mirrors.
    """

    FAST = "fast"
    ENSEMBLE = "ensemble"
    BEST = "best"
