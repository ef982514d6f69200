"""Cross-references of docstrings, as the site shows them: the last name, in code.

Docstrings are read in editors too, where ``:func:`imaging.seg.write_seg``` tells what is meant; the
site has no page for most of these names.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:func|class|mod|data|meth|attr|exc|const):`(~?)([\w.]+)`")


def plain(text: str) -> str:
    """A docstring without roles: ``~`` and classes, functions by their last name, modules whole."""

    def name(match: re.Match[str]) -> str:
        whole = match[0].startswith(":mod:") and not match[1]
        return f"`{match[2] if whole else match[2].rsplit('.', 1)[-1]}`"

    return ROLE.sub(name, text)


class PlainRoles(griffe.Extension):
    """Applied to every docstring that is collected for the site."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = plain(obj.docstring.value)
