"""Time zero: the day from which every duration of a patient counts.

Progression-free survival of a randomised trial runs from randomisation (Eisenhauer 2009, section
4.7); without one it runs from the start of treatment, systemic or radiotherapy, whichever was
earlier; without that from the baseline scan. One function decides it for every command.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from recist.course import EventKind
from recist.protocol import Protocol

Kinds = frozenset[EventKind]

RANDOMISATION: Kinds = frozenset({EventKind.RANDOMISATION})
TREATMENT: Kinds = frozenset({EventKind.TREATMENT_START, EventKind.RADIOTHERAPY_START})

#: What each option of the setting ``origin`` takes, the first that is recorded.
ORDER: Mapping[Literal["randomisation", "treatment_start", "baseline"], tuple[Kinds, ...]] = {
    "randomisation": (RANDOMISATION, TREATMENT),
    "treatment_start": (TREATMENT, RANDOMISATION),
    "baseline": (),
}


def time_zero(
    events: Iterable[tuple[int, EventKind]], first_scan: int | None, protocol: Protocol
) -> int | None:
    """The day from which durations count; None where the baseline scan is all that is known.

    Radiotherapy that began before the baseline scan belongs to an earlier line of treatment, so it
    counts only where no other start is recorded, and then the last one does.

    Args:
        events: day and kind; days on any scale, such as ordinals of dates.
        first_scan: the day of the baseline scan on the same scale; None where it is not known (a
            table of responses begins after it), so that all radiotherapy counts.
        protocol: its ``origin`` says what comes first.
    """
    known = [(day, kind) for day, kind in events if kind in RANDOMISATION | TREATMENT]
    current = [
        (day, kind)
        for day, kind in known
        if kind is not EventKind.RADIOTHERAPY_START or first_scan is None or day >= first_scan
    ]
    for kinds in ORDER[protocol.origin]:
        days = [day for day, kind in current if kind in kinds]
        if days:
            return min(days)
        if kinds is TREATMENT and known and not current:
            return max(day for day, _ in known)
    return None
