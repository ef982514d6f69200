"""A folder of arrays, each named by the hash of what it holds."""

from __future__ import annotations

import hashlib
import zlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

from imaging.errors import InputError
from imaging.writing import written_whole

OBJECTS = "objects"
#: Level of zlib: beyond it images pack hardly better, and take much longer.
LEVEL = 1
#: Threads that pack and write, and bytes that may wait for them.
WRITTEN_AT_ONCE, WAITING_BYTES = 2, 1 << 26


class ArrayStore:
    """Arrays under their hashes; equal ones are kept once.

    They are packed and written by other threads while the next are put; who puts some ends with
    :meth:`written_bytes`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._put: dict[str, Future[int]] = {}
        self._waiting: deque[tuple[Future[int], int]] = deque()
        self._waiting_bytes = 0
        self._threads: ThreadPoolExecutor | None = None

    def put(self, raw: bytes, *, by_runs: bool = False) -> str:
        """Keep bytes; their name.

        Args:
            by_runs: pack runs of equal bytes alone, which is faster.
        """
        name = hashlib.sha256(raw).hexdigest()
        if name not in self._put:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(WRITTEN_AT_ONCE)
            while self._waiting and (
                self._waiting[0][0].done() or self._waiting_bytes > WAITING_BYTES
            ):
                first, size = self._waiting.popleft()
                wait([first])
                self._waiting_bytes -= size
            self._put[name] = self._threads.submit(self._write, name, raw, by_runs)
            self._waiting.append((self._put[name], len(raw)))
            self._waiting_bytes += len(raw)
        return name

    def written_bytes(self) -> int:
        """The size of everything that was put, packed, when all of it is written.

        Raises:
            WriteError: some of it could not be.
        """
        if self._threads is not None:
            self._threads.shutdown()
            self._threads = None
        return sum(each.result() for each in self._put.values())

    def _write(self, name: str, raw: bytes, by_runs: bool) -> int:
        strategy = zlib.Z_RLE if by_runs else zlib.Z_DEFAULT_STRATEGY
        packer = zlib.compressobj(LEVEL, strategy=strategy)
        packed = packer.compress(raw) + packer.flush()
        with written_whole(self._place(name)) as file:
            file.write(packed)
        return len(packed)

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
