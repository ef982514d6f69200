"""Answers that were worked out before, by what they depend on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

import numpy as np

from imaging.volume import Mask

Answer = TypeVar("Answer")


class Memory:
    """Answers by their question; the same question is worked out once.

    A question names what is asked and everything that the answer depends on and that can change.
    """

    def __init__(self, known: Mapping[Hashable, object] | None = None) -> None:
        self._known: dict[Hashable, object] = dict(known or {})
        self.asked: dict[Hashable, object] = {}

    def of(self, question: Hashable, work_out: Callable[[], Answer]) -> Answer:
        """The answer to a question; ``asked`` holds it from then on."""
        if question not in self._known:
            self._known[question] = work_out()
        answer = self.asked[question] = self._known[question]
        return answer  # type: ignore[return-value]  # what was put in under this question


def mask_key(mask: Mask | None) -> str:
    """Tells masks of one grid apart by their voxels."""
    if mask is None:
        return ""
    digest = hashlib.sha256(repr((mask.start, mask.array.shape)).encode())
    digest.update(np.packbits(mask.array).tobytes())
    return digest.hexdigest()[:32]
