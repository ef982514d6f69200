"""A reader's word on which candidate is which lesion: the table of links."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from imaging.errors import InputError
from imaging.tables.columns import Columns
from imaging.tables.source import small_rows
from recist.tracking.sightings import DatedCandidates, Link, Sighting, Tracks

#: The columns of the table of links; ``date`` is an ISO date or a day.
COLUMNS = Columns(
    ("subject", "date", "candidate", "lesion"), ("reason", "reader", "recorded_at"), is_dated=False
)

#: Names that programs give by themselves: the same one at two dates says nothing.
GIVEN_BY_PROGRAM = re.compile(
    r"(?:segment|segmentation|roi|label|region|object|structure|component|candidate|untitled)?"
    r"[ _.#-]*\d*",
    re.IGNORECASE,
)


def read_links(path: Path, subject: str) -> tuple[Link, ...]:
    """A reader's table: columns subject, date (ISO date or day), candidate, lesion.

    ``reason``, ``reader`` and ``recorded_at`` are kept where they are there. Other columns are
    ignored, so the table that was written can be edited and given back.

    Raises:
        InputError: a column is missing, or not a table.
    """
    return read_all_links(path).get(subject, ())


def read_all_links(path: Path) -> dict[str, tuple[Link, ...]]:
    """Subject to the links of a reader's table, in its order; see :func:`read_links`.

    Raises:
        InputError: a column is missing, or not a table.
    """
    found: dict[str, list[Link]] = {}
    for _, row in small_rows(path, COLUMNS):
        said = (row.get(name, "") for name in COLUMNS.optional)
        link = Link(row["date"], row["candidate"], row["lesion"], *said)
        found.setdefault(row["subject"], []).append(link)
    return {subject: tuple(links) for subject, links in found.items()}


def link_rows(
    tracks: Tracks, dates: Sequence[DatedCandidates], subject: str
) -> tuple[Mapping[str, str], ...]:
    """The links as rows of the table that :func:`read_links` reads, with state and confidence.

    A lesion that merged has a row with the candidate that holds it.
    """
    return tuple(
        {
            "subject": subject,
            "date": dated.date.isoformat() if dated.date else str(dated.day),
            "candidate": dated.candidates[candidate].label,
            "lesion": lesion.id,
            "state": str(seen.state),
            "confidence": f"{seen.confidence:.2f}",
        }
        for dated in dates
        for lesion in tracks.lesions
        if (seen := lesion.at(dated.day)) is not None
        for candidate in _holding(seen, dated.day, tracks)
    )


def _holding(seen: Sighting, day: int, tracks: Tracks) -> tuple[int, ...]:
    """The candidates of a lesion, or of the one that it merged into."""
    if seen.merged_into is None:
        return seen.candidates
    holder = tracks.lesion(seen.merged_into).at(day)
    return () if holder is None else holder.candidates


def told_of(dated: DatedCandidates, links: Sequence[Link]) -> dict[int, tuple[str, ...]]:
    """Per candidate of a date: the lesions a reader named; none at all for "no lesion"."""
    found: dict[int, tuple[str, ...]] = {}
    for n, candidate in enumerate(dated.candidates):
        said = [
            link.lesion for link in links if _is(dated, link) and link.candidate == candidate.label
        ]
        if said:
            found[n] = tuple(name for name in said if name)
    return found


def names_drawn_at(dated: DatedCandidates) -> tuple[str, ...]:
    """Per candidate of a date the name that a reader gave it there, of no other candidate.

    Empty where it has none, only a number or what a program writes by itself.
    """
    names = [" ".join(candidate.label.split()).casefold() for candidate in dated.candidates]
    times = Counter(names)
    return tuple(
        name if times[name] == 1 and not GIVEN_BY_PROGRAM.fullmatch(name) else "" for name in names
    )


def _is(dated: DatedCandidates, link: Link) -> bool:
    names = {str(dated.day)}
    if dated.date is not None:
        names.add(dated.date.isoformat())
    return link.when in names


def check(dates: Sequence[DatedCandidates], links: Sequence[Link]) -> None:
    days = [dated.day for dated in dates]
    if any(later <= earlier for earlier, later in itertools.pairwise(days)):
        raise InputError(f"days must rise from date to date: {days}")
    for link in links:
        matching = [dated for dated in dates if _is(dated, link)]
        labels = {candidate.label for dated in matching for candidate in dated.candidates}
        if link.candidate not in labels:
            what = f"link to candidate {link.candidate!r} of {link.when}: " + (
                "there is no such candidate" if matching else "there is no such date"
            )
            raise InputError(what, remedy="use the dates and candidates of the written links.csv")
