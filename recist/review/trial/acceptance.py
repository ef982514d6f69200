"""Which of two reads is accepted: by agreement, by an adjudicator, or as the protocol says.

Two readers disagree on the best response in 23 % of patients and on the date of progression in
31 % (40 trials, 12,299 patients), so a protocol names beforehand what is adjudicated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from recist.protocol import Protocol

ReadNumber = Literal[1, 2]


class Trigger(StrEnum):
    """What two reads can differ in."""

    BEST_RESPONSE = "best_response"
    PROGRESSION_DATE = "progression_date"
    RESPONSE_AT_DATE = "response_at_date"


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """What a signed read comes to by the leading criterion on all lesions.

    Attributes:
        progression: ISO date; empty without one.
        responses: overall response by ISO date.
    """

    best: str
    progression: str
    responses: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The read that is accepted, or why none is yet.

    Attributes:
        read: 1 or 2; None while it is not decided.
    """

    read: ReadNumber | None
    why: str


def triggers(
    first: ReadAnswer, second: ReadAnswer, named: Iterable[Trigger]
) -> tuple[Trigger, ...]:
    """The ways, of those named, in which two reads differ."""
    differ = {
        Trigger.BEST_RESPONSE: first.best != second.best,
        Trigger.PROGRESSION_DATE: first.progression != second.progression,
        Trigger.RESPONSE_AT_DATE: dict(first.responses) != dict(second.responses),
    }
    return tuple(trigger for trigger in named if differ[trigger])


def accepted(found: tuple[Trigger, ...], chosen: ReadNumber | None, protocol: Protocol) -> Accepted:
    """The accepted read of two signed ones.

    Args:
        found: what :func:`triggers` told.
        chosen: by an adjudicator, of these two versions.
    """
    if not found:
        return Accepted(1, "the readers agree in all that is adjudicated")
    named = ", ".join(found)
    if protocol.reader_disagreement == "first_reader":
        return Accepted(1, f"the readers differ ({named}); the protocol takes the first")
    if protocol.reader_disagreement == "consensus":
        return Accepted(None, f"the readers differ ({named}) and have to find a consensus")
    if chosen is None:
        return Accepted(None, f"the readers differ ({named}): for the adjudicator")
    return Accepted(chosen, f"the readers differ ({named}); the adjudicator chose read {chosen}")
