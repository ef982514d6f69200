"""What a user is told when an input cannot be used.

Every refusal in the toolkit is an :class:`InputError` or a subclass: what was found, where, and
what to do about it. The command prints ``str(error)`` on a line, without a traceback.
"""

from __future__ import annotations

from pathlib import Path


def printable(text: str) -> str:
    """A text with control characters spelt out, with which a file could command a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class InputError(Exception):
    """An input that cannot be used as it is.

    Args:
        what: the fact that was found, with the tag, column or name concerned.
        where: the file, folder, series or row in which it was found.
        remedy: what the user can do.
    """

    def __init__(self, what: str, *, where: str | Path | None = None, remedy: str = "") -> None:
        self.what = what
        self.where = None if where is None else str(where)
        self.remedy = remedy
        place = f"{self.where}: " if self.where else ""
        advice = f" ({remedy})" if remedy else ""
        super().__init__(f"{place}{what}{advice}")


class GeometryError(InputError):
    """Slices, grids or frames of reference that do not fit together."""


class HeaderError(InputError):
    """A header element that is missing, malformed or contradicts another."""


class UnsupportedError(InputError):
    """A valid input of a kind that is not read (yet)."""
