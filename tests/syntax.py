"""The statements of a module: what is defined and imported, without the expressions inside."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator


def statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Each statement and those within it: far less than what ``ast.walk`` goes through."""
    for each in body:
        yield each
        for name in ("body", "orelse", "finalbody"):
            yield from statements(getattr(each, name, ()))
        for part in (*getattr(each, "handlers", ()), *getattr(each, "cases", ())):
            yield from statements(part.body)
