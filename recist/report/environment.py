"""The templates of our pages: everything that is filled in is escaped, nothing may be missing.

Head, style, print footer and the notice of research use stand in one base that every page extends.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemBytecodeCache, PackageLoader, StrictUndefined
from markupsafe import Markup

from recist.report.palette import FIELD_COLOURS, TONE_COLOURS
from recist.response import RESEARCH_USE
from recist.version import __version__


@cache
def templates() -> Environment:
    """The environment that all parts of the page are rendered in, compiled once.

    Compiled templates are kept in a folder of temporary files that is this user's alone, by their
    own text: the next process does not compile them.
    """
    kept = None
    with suppress(OSError, RuntimeError):  # no such folder, or one that is not ours
        kept = FileSystemBytecodeCache()
    return Environment(
        bytecode_cache=kept,
        loader=PackageLoader("recist.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(
    template: str, *, kind: str, heading: str, header: Sequence[tuple[str, str]], **body: Any
) -> str:
    """A whole page: light and dark, for the screen and for paper.

    Args:
        template: extends ``base.html``.
        kind: what the page is, above its heading.
        header: name and value of the lines below it.
        body: what the template's own part needs.
    """
    environment = templates()
    style = environment.get_template("report.css").render(
        fields={field.value: colour for field, colour in FIELD_COLOURS.items()},
        tones=TONE_COLOURS,
        footer=css_text(f"{heading} · {RESEARCH_USE}"),
    )
    return environment.get_template(template).render(
        style=Markup(style),
        kind=kind,
        heading=heading,
        header=header,
        research_use=RESEARCH_USE,
        version=__version__,
        **body,
    )


def css_text(text: str) -> Markup:
    """A string of a style sheet: whatever the text holds, it cannot end the string or the sheet."""
    kept = "".join(c if c.isalnum() or c in " .,-·" else f"\\{ord(c):x} " for c in text)
    return Markup(f'"{kept}"')
