"""Who stands for an object of others, and since when, as far as it says so."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from pydicom.dataset import Dataset

#: What programs write where a name is asked for and none is known.
UNKNOWN = ("", "unknown", "unspecified")


def first_named(names: Iterable[object]) -> str:
    """The first name that is one, in plain words; "" where none is."""
    for name in names:
        words = " ".join(part for part in str(name or "").replace("^", " ").split())
        if not all(word.lower() in UNKNOWN for word in words.split()):
            return words
    return ""


def written_at(held: Dataset, *kinds: str) -> dt.datetime | None:
    """When an object was written: by the first of its dates that is one (``Content``, ...)."""
    for kind in kinds:
        text = f"{held.get(kind + 'Date') or ''}{str(held.get(kind + 'Time') or '')[:6]}"
        try:
            return dt.datetime.strptime(text, "%Y%m%d%H%M%S")
        except ValueError:
            continue
    return None
