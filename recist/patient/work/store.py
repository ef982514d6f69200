"""A folder of arrays, each named by the hash of what it holds."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path

from imaging.errors import InputError
from imaging.writing import written_whole

OBJECTS = "objects"
#: Level of zlib: beyond it images pack hardly better, and take much longer.
LEVEL = 1


class ArrayStore:
    """Arrays under their hashes; equal ones are kept once.

    Attributes:
        size_bytes: of everything put or found so far, packed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.size_bytes = 0
        self._put: dict[str, int] = {}

    def put(self, raw: bytes) -> str:
        name = hashlib.sha256(raw).hexdigest()
        if name not in self._put:
            packed = zlib.compress(raw, LEVEL)
            with written_whole(self._place(name)) as file:
                file.write(packed)
            self._put[name] = len(packed)
            self.size_bytes += len(packed)
        return name

    def get(self, name: str) -> bytes:
        """The bytes of an array.

        Raises:
            InputError: they are gone or damaged.
        """
        place = self._place(name)
        try:
            raw = zlib.decompress(place.read_bytes())
        except (OSError, zlib.error) as error:
            raise _damaged(place) from error
        if hashlib.sha256(raw).hexdigest() != name:
            raise _damaged(place)
        return raw

    def _place(self, name: str) -> Path:
        return self.folder / OBJECTS / name[:2] / name


def _damaged(place: Path) -> InputError:
    return InputError(
        "kept work is gone or damaged", where=place.name[:12], remedy="run the patient again"
    )
