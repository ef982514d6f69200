"""Text as it looks: what cannot be seen must not make two names of one."""

from __future__ import annotations

import re
from unicodedata import category, normalize

#: As UTF-8 writes them: spaces that are no blank, signs without a width (a byte order mark amid the
#: text, marks of direction, soft hyphens), and marks that combine with the letter before.
UNSEEN = re.compile(
    rb"\xc2[\xa0\xad]|\xcc[\x80-\xbf]|\xcd[\x80-\xaf]|\xe1(?:\x9a\x80|\xa0\x8e)"
    rb"|\xe2\x80[\x80-\x8f\xaa-\xaf]|\xe2\x81[\x9f-\xaf]|\xe3\x80\x80|\xef\xbb\xbf"
)


def seen(text: str) -> str:
    """A text as it looks: without signs that cannot be seen, each letter written in one way.

    Two names that differ in these alone look the same, and would be two subjects.
    """
    if text.isascii():
        return text
    kept = (
        " " if category(sign) == "Zs" else sign
        for sign in normalize("NFC", text)
        if category(sign) != "Cf"
    )
    return "".join(kept)


#: Small letters of Greek and Cyrillic that look like Latin ones.
_LOOKALIKES = str.maketrans("αεικνορτυχавекмнорстухіѕј", "aeikvoptuxabekmhopctyxisj")
#: Letters, or digits from the first one that counts.
_PARTS = re.compile(r"[^\W\d_]+|(?!0)\d+|0(?!\d)")


def folded(name: str) -> str:
    """What is left of a name without case, script, signs and leading zeros."""
    plain = name.casefold()
    if not name.isascii():
        plain = normalize("NFKC", name).casefold().translate(_LOOKALIKES)
    return "-".join(_PARTS.findall(plain)) or plain
