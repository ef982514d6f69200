"""Lesion identity over the dates. ``tracking.track`` is the way in."""

from __future__ import annotations

from recist.tracking.linking import track
from recist.tracking.links import link_rows, read_all_links, read_links
from recist.tracking.sightings import (
    CONFIRMED,
    NOT_IMAGED_BEFORE,
    DatedCandidates,
    Followed,
    Link,
    LinkFinding,
    Sighting,
    State,
    Track,
    Tracks,
    is_unsure,
)

__all__ = [
    "CONFIRMED",
    "NOT_IMAGED_BEFORE",
    "DatedCandidates",
    "Followed",
    "Link",
    "LinkFinding",
    "Sighting",
    "State",
    "Track",
    "Tracks",
    "is_unsure",
    "link_rows",
    "read_all_links",
    "read_links",
    "track",
]
