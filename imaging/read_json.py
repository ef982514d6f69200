"""JSON files that somebody may have changed: what cannot be read is always one kind of error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read_json(path: Path) -> Any:
    """What a file of JSON holds.

    Raises:
        OSError: it cannot be opened.
        ValueError: no JSON, no UTF-8, or nested deeper than anything that is written here.
    """
    text = path.read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError(f"{path.name} is nested too deep") from error
