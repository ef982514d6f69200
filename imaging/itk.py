"""SimpleITK, loaded when first asked for: much that only reads results never asks."""

from __future__ import annotations

import importlib
from typing import Any


class _ItkWhenAsked:
    """The module, whose functions carry no types."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module("SimpleITK"), name)


sitk: Any = _ItkWhenAsked()
