"""``--log-file``: what a command was asked, what it said and how it ended, each line with its time.

Python warnings of the libraries are left out: they quote header values, patients' names among them.
"""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path

from imaging.errors import InputError, printable
from recist.version import __version__

_log = logging.getLogger("recist")
_log.addHandler(logging.NullHandler())
_log.propagate = False


def begin(path: Path) -> None:
    """Let everything that is said from now on be written into a file as well, after what it holds.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}", where=path, remedy="name another --log-file"
        ) from error
    words = "%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s"
    form = logging.Formatter(words, "%Y-%m-%dT%H:%M:%S")
    form.converter = time.gmtime
    handler.setFormatter(form)
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    said(f"recist {__version__}: {' '.join(sys.argv[1:])}")


def said(text: str) -> None:
    """Note a text, a line each."""
    for line in text.splitlines():
        _log.info("%s", printable(line.rstrip()))


def refused(text: str) -> None:
    """Note why nothing could be done."""
    _log.error("%s", printable(text))


def end(exit_code: int, seconds: float) -> None:
    """Note how the command ended, and close the file."""
    _log.info("exit code %d after %.1f s", exit_code, seconds)
    for handler in list(_log.handlers):
        if isinstance(handler, logging.FileHandler):
            _log.removeHandler(handler)
            handler.close()
