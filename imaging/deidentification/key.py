"""The way back from a pseudonym to a person: a table that is kept apart from the data.

It holds for each subject the pseudonym and the number of days by which all dates were shifted, and
one secret from which new UIDs follow: with the same key, later dates of a patient get the same
pseudonym and shift, and objects that refer to each other still do.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pydicom.uid import UID

from imaging.errors import InputError
from imaging.tables.columns import Columns
from imaging.tables.rows import csv_text
from imaging.tables.source import small_rows
from imaging.writing import write_text

COLUMNS = ("subject", "pseudonym", "shift_days", "secret")
#: Root of UIDs that are made from a number of 128 bits (PS3.5 B.2).
_ROOT = "2.25."
_STANDARD = "1.2.840.10008."
#: Dates are moved back by one to ten years: never into the future.
_LEAST_DAYS, _MOST_DAYS = 365, 3650


def is_standard(uid: str) -> bool:
    """Whether a UID is one that standard or toolkit give to a kind of thing, not to an object."""
    # UIDs of a kind have a name besides their number.
    return uid.startswith(_STANDARD) or UID(uid).name != uid


@dataclass(frozen=True, slots=True)
class Alias:
    """What stands in the place of a subject."""

    subject: str
    pseudonym: str
    shift_days: int


@dataclass(frozen=True, slots=True)
class Key:
    """All aliases, and the secret from which UIDs follow."""

    secret: str
    aliases: tuple[Alias, ...] = ()

    @classmethod
    def new(cls) -> Key:
        return cls(secrets.token_hex(32))

    @classmethod
    def read(cls, path: Path) -> Key:
        """The key of a file.

        Raises:
            InputError: not such a table, two secrets, or a shift that is no number.
        """
        rows = [row for _, row in small_rows(path, Columns(COLUMNS, is_dated=False))]
        found = {row["secret"] for row in rows}
        if len(found) != 1 or not next(iter(found)):
            raise InputError("not one secret in every row", where=path)
        try:
            aliases = tuple(
                Alias(row["subject"], row["pseudonym"], int(row["shift_days"])) for row in rows
            )
        except ValueError as error:
            raise InputError(f"shift_days: {error}", where=path) from error
        return cls(found.pop(), aliases)

    def write(self, path: Path) -> None:
        """Write the key; only its owner may read it."""
        rows = (
            dict(
                zip(
                    COLUMNS,
                    (each.subject, each.pseudonym, each.shift_days, self.secret),
                    strict=True,
                )
            )
            for each in self.aliases
        )
        write_text(path, csv_text(rows, COLUMNS))
        path.chmod(0o600)

    def with_subjects(
        self, subjects: Iterable[str], prefix: str, dates: Mapping[str, set[int]]
    ) -> Key:
        """The key with an alias for each subject.

        The order of new pseudonyms says nothing of that of the subjects.

        Args:
            prefix: of new pseudonyms.
            dates: subject -> ordinals of its dates; no shifted date is one of them, so that a date
                that was left behind can be told.
        """
        known = {each.subject for each in self.aliases}
        new = sorted(set(subjects) - known, key=self._number)
        taken = {each.pseudonym for each in self.aliases}
        free = (name for n in range(1, 10**9) if (name := f"{prefix}{n:04d}") not in taken)
        made = [Alias(s, next(free), self._shift(s, dates.get(s, set()))) for s in new]
        return replace(self, aliases=(*self.aliases, *made))

    def by_subject(self) -> dict[str, Alias]:
        return {each.subject: each for each in self.aliases}

    def uid(self, uid: str) -> str:
        """The UID in the place of another: the same for the same; those of the standard stay."""
        if not uid or is_standard(uid):
            return uid
        return f"{_ROOT}{self._number(uid) >> 128}"

    def _shift(self, subject: str, dates: set[int]) -> int:
        start = self._number(f"shift {subject}")
        span = _MOST_DAYS - _LEAST_DAYS
        for further in range(span):
            days = -(_LEAST_DAYS + (start + further) % span)
            if not any(date + days in dates for date in dates):
                return days
        raise InputError("no shift of dates leaves none of them", where=subject)

    def _number(self, text: str) -> int:
        digest = hmac.new(bytes.fromhex(self.secret), text.encode("utf-8"), hashlib.sha256)
        return int.from_bytes(digest.digest(), "big")
