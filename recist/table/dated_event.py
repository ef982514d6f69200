"""An event as it stands in a table."""

from __future__ import annotations

from typing import NamedTuple

from recist.course import EventKind


class DatedEvent(NamedTuple):
    """An event; ``when`` is a day, or the ordinal of a date."""

    when: int
    kind: EventKind
