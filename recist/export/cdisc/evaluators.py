"""Who judged, in the words of SDTM: ``--EVAL``, ``--EVALID`` and ``--ACPTFL``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from imaging.errors import InputError

INVESTIGATOR, CENTRAL = "INVESTIGATOR", "INDEPENDENT ASSESSOR"
_READER = "RADIOLOGIST"


@dataclass(frozen=True, slots=True)
class Evaluator:
    """A reader.

    Attributes:
        reader: as the tables name the reader.
        role: ``--EVAL``; identifier: ``--EVALID``, empty for the investigator.
        accepted: whether this read is the one that counts (``--ACPTFL``); None where all count.
        prefix: put before the lesions' names, so that two readers' lesions are told apart.
    """

    reader: str
    role: str
    identifier: str = ""
    accepted: bool | None = None
    prefix: str = ""

    @property
    def flag(self) -> str:
        return "Y" if self.accepted else ""


def evaluators_of(
    readers: Iterable[str], identifiers: Iterable[str], *, accepted: str = ""
) -> Mapping[str, Evaluator]:
    """The evaluators of the readers of a trial, by reader.

    The reader without a name is the investigator; the others are the central review, known by
    their own name where the terminology has it, else numbered in the order of their names.

    Args:
        identifiers: that the terminology has for ``--EVALID``.
        accepted: the reader whose read counts.

    Raises:
        InputError: the accepted reader is none of them.
    """
    named = sorted(set(readers))
    if accepted and accepted not in named:
        known = ", ".join(name or "(no name)" for name in named)
        raise InputError(f"no reader {accepted!r} to accept", remedy=f"readers: {known}")
    taken = {name.upper() for name in named} & set(identifiers)
    free = (f"{_READER} {n}" for n in range(1, len(named) + 1) if f"{_READER} {n}" not in taken)
    found = {}
    for number, name in enumerate(named, start=1):
        own = "" if not name else name.upper() if name.upper() in taken else next(free)
        found[name] = Evaluator(
            name,
            CENTRAL if name else INVESTIGATOR,
            own,
            (name == accepted) if accepted else None,
            f"R{number}-" if len(named) > 1 else "",
        )
    return found
