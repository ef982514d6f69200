"""The templates of the page: everything that is filled in is escaped, nothing may be missing."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def templates() -> Environment:
    """The environment that all parts of the page are rendered in."""
    return Environment(
        loader=PackageLoader("recist.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def css_text(text: str) -> Markup:
    """A string of a style sheet: whatever the text holds, it cannot end the string or the sheet."""
    kept = "".join(c if c.isalnum() or c in " .,-·" else f"\\{ord(c):x} " for c in text)
    return Markup(f'"{kept}"')
