"""What several test folders share: real images where they are at hand."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The real images: ``$RECIST_DATA``, or ``../shared/data`` unpacked once into a cache."""
    given = os.environ.get("RECIST_DATA")
    if given:
        return Path(given)
    unpack = ROOT.parent / "shared" / "data" / "unpack"
    if not unpack.exists():
        pytest.skip("real images are not at hand: set RECIST_DATA")
    cache = ROOT / ".cache" / "data"
    subprocess.run([str(unpack), str(cache)], check=True, capture_output=True)
    return cache
