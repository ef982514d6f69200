"""The stages of a delineation: how far each is, and how many seconds it took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[str, float], None]


class StageClock:
    """Seconds per stage, and progress."""

    def __init__(self, on_progress: Progress | None) -> None:
        self._seconds: dict[str, float] = {}
        self._stage = ""
        self._on_progress = on_progress

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self._stage = name
        self.report(0.0)
        begun = time.perf_counter()
        yield
        self._seconds[name] = time.perf_counter() - begun
        self.report(1.0)

    def report(self, share: float) -> None:
        if self._on_progress is not None:
            self._on_progress(self._stage, share)

    def seconds(self) -> tuple[tuple[str, float], ...]:
        return tuple(self._seconds.items())
