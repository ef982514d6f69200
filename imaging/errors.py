"""What a user is told when an input cannot be used.

Every refusal in the toolkit is an :class:`InputError` or a subclass: what was found, where, and
what to do about it. The command prints ``str(error)`` on a line, without a traceback.
"""

from __future__ import annotations

import re
from pathlib import Path

#: Characters of one word and of one line that are shown; what is longer came out of a damaged file
#: (a Patient ID has 64 characters at most, a path of one file 255) and is cut in its middle.
LONGEST_WORD, LONGEST_LINE = 300, 2_000
_WORD = re.compile(rf"\S{{{LONGEST_WORD + 1},}}")


def printable(text: str) -> str:
    """A text as a terminal can take it, whatever file it came from.

    Control characters, with which it could command the terminal, are spelt out; words and lines
    that no field of a file should hold are cut in their middle, which says how much is missing.
    """
    short = _WORD.sub(lambda word: cut(word.group(), LONGEST_WORD), spelt_out(text))
    return cut(short, LONGEST_LINE)


def spelt_out(text: str) -> str:
    """A text with control characters spelt out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def cut(text: str, most: int) -> str:
    """A text of about as many characters at most: its two ends, and how much lies between."""
    if len(text) <= most:
        return text
    end = most // 4
    return f"{text[: most // 2]}[{len(text) - most // 2 - end} more characters]{text[-end:]}"


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


def without_frames(error: InputError) -> InputError:
    """The same error, to be kept: what it says, and nothing of where it was raised.

    Its traceback and those of its causes would keep all that was at hand there, such as the rows of
    every other subject, and each refers back to the other.
    """
    each: BaseException | None = error
    while each is not None:
        each.__traceback__ = None
        each = each.__cause__ or each.__context__
    return error


class GeometryError(InputError):
    """Slices, grids or frames of reference that do not fit together."""


class HeaderError(InputError):
    """A header element that is missing, malformed or contradicts another."""


class UnsupportedError(InputError):
    """A valid input of a kind that is not read (yet)."""
