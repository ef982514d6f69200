"""The account of every instance: what became of it, written down at once, so that a killed transfer
goes on where it was."""

from __future__ import annotations

import csv
import datetime as dt
import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import TextIO

from imaging.errors import InputError
from imaging.tables.rows import csv_text
from imaging.writing import WriteError

COLUMNS = (
    "sop_instance_uid",
    "state",
    "reason",
    "remote",
    "sha256",
    "study_uid",
    "series_uid",
    "time",
)


class InstanceState(StrEnum):
    """What became of an instance."""

    DONE = "done"
    ALREADY = "already"
    FAILED = "failed"
    WOULD = "would"  # of a dry run


@dataclass(slots=True)
class Ledger:
    """Rows that are appended to a CSV as they come.

    Attributes:
        remote: the archive; rows of other archives say nothing about this one.
    """

    path: Path
    remote: str
    counts: Counter[InstanceState] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)
    _file: TextIO | None = None

    def __enter__(self) -> Ledger:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            is_new = not self.path.is_file() or not self.path.stat().st_size
            self._file = self.path.open("a", encoding="utf-8", newline="")
            if is_new:
                self._file.write(csv_text((), COLUMNS))
        except OSError as error:
            raise WriteError(f"cannot be written: {error.strerror}", where=self.path) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file is not None:
            with suppress(OSError):  # of a row that is named as not written already
                self._file.close()

    def done_before(self) -> set[tuple[str, str]]:
        """UID and hash of what this archive took or gave before; a row cut short counts as none."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return set()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                "cannot be read as the account of an earlier transfer",
                where=self.path,
                remedy="move it away, or give another --report",
            ) from error
        return {
            (row["sop_instance_uid"], row["sha256"] or "")
            for row in csv.DictReader(text.splitlines())
            if row.get("remote") == self.remote
            and row.get("state") == InstanceState.DONE
            and row.get("time")
        }

    def add(
        self,
        uid: str,
        state: InstanceState,
        *,
        reason: str = "",
        sha256: str = "",
        study_uid: str = "",
        series_uid: str = "",
    ) -> None:
        """Write a row down before anything else happens.

        Raises:
            WriteError: there is no room for it.
        """
        self.counts[state] += 1
        if state is InstanceState.FAILED:
            self.failures[uid] = reason
        if self._file is None:
            return
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        cells = (uid, state, reason, self.remote, sha256, study_uid, series_uid, now)
        row = dict(zip(COLUMNS, map(str, cells), strict=True))
        try:
            self._file.write(csv_text([row], COLUMNS).split("\n", 1)[1])
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise WriteError(
                f"cannot be written: {error.strerror}", where=self.path, remedy="make room"
            ) from error
