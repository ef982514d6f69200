"""Trying again, and not too fast."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

#: The first pause; each one after it is twice as long, up to the longest.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0


@dataclass(slots=True)
class Patience:
    """How often a broken connection is tried again, and how many instances a second may pass.

    Attributes:
        retries: tries after one that got nothing further; what gets further begins anew.
        rate: instances a second; None for no limit.
    """

    retries: int = 5
    rate: float | None = None
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic
    _next: float = field(default=0.0)

    def pauses(self) -> Iterator[float]:
        """The pauses between tries, in seconds."""
        for n in range(self.retries):
            yield min(FIRST_PAUSE_S * 2**n, LONGEST_PAUSE_S)

    def pace(self) -> None:
        """Wait until the next instance may pass."""
        if self.rate is None:
            return
        now = self.now()
        if now < self._next:
            self.sleep(self._next - now)
            now = self._next
        self._next = now + 1 / self.rate
