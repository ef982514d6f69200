"""What was delineated at the dates of a patient, tracked; the same question is worked out once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from recist.patient.work.memory import Memory
from recist.patient.work.observed import ObservedDate
from recist.tracking import Link, Tracks, track


def tracked(
    dates: Sequence[ObservedDate],
    memory: Memory,
    *,
    links: tuple[Link, ...] = (),
    names: Mapping[tuple[int, str], str] | None = None,
) -> Tracks:
    """The lesions of the dates, as observed and not drawn again.

    Args:
        memory: of these dates.
        links, names: see :func:`recist.tracking.track`.
    """
    dated = [each.dated for each in dates]
    question = ("tracks", links, tuple(each.day for each in dated))
    return memory.of(question, lambda: track(dated, links=links, names=names))
