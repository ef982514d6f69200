"""What the browser shows: pages, scripts and styles as files, with no build step and no network.

The pages compute nothing: every number on them comes from the API. They hold no script in their
markup, so that the server can forbid any that did not come as a file of this folder. Their head and
foot stand in ``base.html``, once.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from recist.response import RESEARCH_USE

#: Scripts and styles are served from it as they are.
FOLDER = Path(__file__).parent
BASE = "base.html"


@cache
def rendered() -> Mapping[str, str]:
    """The pages by name, whole; ``index.html`` is what ``/`` shows."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names = sorted({path.name for path in FOLDER.glob("*.html")} - {BASE})
    return {
        name: environment.get_template(name).render(research_use=RESEARCH_USE) for name in names
    }
