"""The page of a patient as PDF: the same words and pictures on numbered pages of A4."""

from __future__ import annotations

import logging
import re
from typing import Any

from imaging.errors import InputError

REMEDY = "pip install 'recist[pdf]', and the library Pango of the system"

_VARIABLES = re.compile(r"^:root \{([^}]*)\}", re.MULTILINE)
#: Rules for what is drawn; those for dark screens are indented, within their condition.
_DRAWN = re.compile(r"^\.(?:chart|curve|picture)\b[^{}\n]*\{[^{}\n]*\}", re.MULTILINE)
#: The printer knows no ``paint-order``: a halo would lie over its words.
_NO_HALO = ".chart .limit{stroke:none}"
_DRAWING = re.compile(r"<svg\b[^>]*>")


def as_pdf(page: str) -> bytes:
    """A page of :func:`recist.report.page.render` as PDF; the same page gives the same bytes.

    Nothing is fetched from anywhere: all that the page shows is inside it.

    Raises:
        InputError: the library that lays out pages, or one that it needs, is not installed.
    """
    printer = _printer()
    own = printer.urls.URLFetcher(allowed_protocols=["data"], fail_on_errors=True)
    return bytes(printer.HTML(string=_with_styled_drawings(page), url_fetcher=own).write_pdf())


def _with_styled_drawings(page: str) -> str:
    """With the rules for drawings inside each drawing, where the printer looks for them alone."""
    found = _VARIABLES.search(page)
    declared = found[1].split(";") if found else []
    values = dict(each.strip().split(": ", 1) for each in declared if ": " in each)
    rules = "".join([*_DRAWN.findall(page), _NO_HALO])
    for name, value in values.items():
        rules = rules.replace(f"var({name})", value)
    return _DRAWING.sub(lambda drawing: f"{drawing[0]}<style>{rules}</style>", page)


def _printer() -> Any:
    try:
        import weasyprint  # noqa: PLC0415 - loads slowly, and libraries of the system with it
    except (ImportError, OSError) as error:  # OSError: Pango cannot be loaded
        raise InputError(f"no PDF can be written: {error}", remedy=REMEDY) from error
    # It remarks on every rule of the style sheet that is for screens alone.
    logging.getLogger("weasyprint").setLevel(logging.ERROR)
    return weasyprint
