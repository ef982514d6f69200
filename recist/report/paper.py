"""The page of a patient as PDF: the same words and pictures on numbered pages of A4."""

from __future__ import annotations

import logging
from typing import Any

from imaging.errors import InputError

REMEDY = "pip install 'recist[pdf]', and the library Pango of the system"


def as_pdf(page: str) -> bytes:
    """A page of :func:`recist.report.page.render` as PDF; the same page gives the same bytes.

    Nothing is fetched from anywhere: all that the page shows is inside it.

    Raises:
        InputError: the library that lays out pages, or one that it needs, is not installed.
    """
    printer = _printer()
    own = printer.urls.URLFetcher(allowed_protocols=["data"], fail_on_errors=True)
    return bytes(printer.HTML(string=page, url_fetcher=own).write_pdf())


def _printer() -> Any:
    try:
        import weasyprint  # noqa: PLC0415 - loads slowly, and libraries of the system with it
    except (ImportError, OSError) as error:  # OSError: Pango cannot be loaded
        raise InputError(f"no PDF can be written: {error}", remedy=REMEDY) from error
    # It remarks on every rule of the style sheet that is for screens alone.
    logging.getLogger("weasyprint").setLevel(logging.ERROR)
    return weasyprint
