"""The tables of the reading room.

Times are ISO texts in UTC and contents are JSON texts, so that a row reads, sorts and hashes the
same in SQLite and in PostgreSQL. Tables in :data:`APPEND_ONLY` take new rows only: triggers refuse
change and deletion.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

from sqlalchemy import ForeignKey, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class AccountRole(StrEnum):
    """What an account may do; see :mod:`recist.review.trial.permissions`."""

    ADMINISTRATOR = "administrator"
    READER = "reader"
    ADJUDICATOR = "adjudicator"
    MONITOR = "monitor"


class ReadingState(StrEnum):
    OPEN = "open"
    SIGNED = "signed"
    SUPERSEDED = "superseded"  # a later version was signed


class EntryKind(StrEnum):
    """What a reader said."""

    NEW = "new"  # a lesion that nothing delineated
    LESION = "lesion"  # role, organ, node, field, confirmed, rejected
    CALIPER = "caliper"
    OUTLINE = "outline"  # the voxels of a lesion at a date
    STATUS = "status"  # measured, absent, too small, not evaluable, ...
    LINK = "link"  # what is seen at a date is another lesion
    COMMENT = "comment"
    CONFIRM = "confirm"  # a date was looked at and is right
    IMPORT = "import"  # corrections that came whole, as tables
    UNDO = "undo"


def now() -> str:
    """The time in UTC, to the microsecond."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="microseconds")


class Base(DeclarativeBase):
    pass


class Account(Base):
    """A person. A password is kept as its argon2 hash; without one nobody can log in."""

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str] = mapped_column(String(256), default="")
    disabled: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[str] = mapped_column(String(32), default=now)


class SecondFactor(Base):
    """What an account shows beside its password: the secret of its authenticator."""

    __tablename__ = "second_factors"

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    secret: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[str] = mapped_column(String(32), default=now)


class UsedCode(Base):
    """The newest code that an account used, by its step of time; none before it is taken."""

    __tablename__ = "used_codes"

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    step: Mapped[int]


class WebSession(Base):
    """A browser that is logged in; of its key only the hash is kept."""

    __tablename__ = "sessions"

    key_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    csrf: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[str] = mapped_column(String(32))
    seen_at: Mapped[str] = mapped_column(String(32))
    expires_at: Mapped[str] = mapped_column(String(32))


class LoginFailure(Base):
    """A login that failed, to slow the next ones."""

    __tablename__ = "login_failures"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), index=True)
    address: Mapped[str] = mapped_column(String(64), index=True)
    at: Mapped[str] = mapped_column(String(32))


class SubjectRow(Base):
    """A subject under review, by its pseudonym."""

    __tablename__ = "subjects"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(128), unique=True)


class Assignment(Base):
    """Who reads a subject: reader 1, reader 2 or, where they differ, the adjudicator."""

    __tablename__ = "assignments"
    __table_args__ = (UniqueConstraint("subject_id", "slot"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    subject_id: Mapped[int] = mapped_column(ForeignKey("subjects.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    slot: Mapped[str] = mapped_column(String(16))


class ReadingRow(Base):
    """One version of one reader's reading of a subject.

    Attributes:
        revision: rises with every entry; a browser that knows an older one is told.
        reason: of a later version.
    """

    __tablename__ = "readings"
    __table_args__ = (UniqueConstraint("subject_id", "account_id", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    subject_id: Mapped[int] = mapped_column(ForeignKey("subjects.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    version: Mapped[int] = mapped_column(default=1)
    revision: Mapped[int] = mapped_column(default=0)
    state: Mapped[str] = mapped_column(String(16), default=ReadingState.OPEN.value)
    opened_at: Mapped[str] = mapped_column(String(32), default=now)
    reason: Mapped[str] = mapped_column(Text, default="")


class Entry(Base):
    """One thing that a reader said; to take it back is an entry of its own."""

    __tablename__ = "entries"
    __table_args__ = (UniqueConstraint("reading_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    reading_id: Mapped[int] = mapped_column(ForeignKey("readings.id"), index=True)
    number: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16))
    content: Mapped[str] = mapped_column(Text)
    made_at: Mapped[str] = mapped_column(String(32), default=now)


class OutlineRow(Base):
    """The voxels of a drawn lesion, by the SHA-256 of their packed form."""

    __tablename__ = "outlines"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    start: Mapped[str] = mapped_column(String(64))
    shape: Mapped[str] = mapped_column(String(64))
    bits: Mapped[bytes] = mapped_column(LargeBinary)


class Signature(Base):
    """A reader's name under a date or, without a date, under the whole reading.

    Attributes:
        meaning: what the signature says, in words.
        table_csv: the measurement table that was signed; ``content_sha256`` is of this text.
        response: the overall response by the first criterion at that time.
    """

    __tablename__ = "signatures"

    id: Mapped[int] = mapped_column(primary_key=True)
    reading_id: Mapped[int] = mapped_column(ForeignKey("readings.id"), index=True)
    date: Mapped[str] = mapped_column(String(10), default="")
    signed_name: Mapped[str] = mapped_column(String(128))
    meaning: Mapped[str] = mapped_column(Text)
    signed_at: Mapped[str] = mapped_column(String(32), default=now)
    table_csv: Mapped[str] = mapped_column(Text)
    content_sha256: Mapped[str] = mapped_column(String(64))
    response: Mapped[str] = mapped_column(String(32), default="")


class Query(Base):
    """A question to the site about a subject, and its answer."""

    __tablename__ = "queries"

    id: Mapped[int] = mapped_column(primary_key=True)
    subject_id: Mapped[int] = mapped_column(ForeignKey("subjects.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    text: Mapped[str] = mapped_column(Text)
    date: Mapped[str] = mapped_column(String(10), default="")
    asked_at: Mapped[str] = mapped_column(String(32), default=now)
    answer: Mapped[str] = mapped_column(Text, default="")
    answered_at: Mapped[str] = mapped_column(String(32), default="")
    answered_by: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))


class Adjudication(Base):
    """The adjudicator's choice of one read, with the reason."""

    __tablename__ = "adjudications"

    id: Mapped[int] = mapped_column(primary_key=True)
    subject_id: Mapped[int] = mapped_column(ForeignKey("subjects.id"), index=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    reading_1: Mapped[int] = mapped_column(ForeignKey("readings.id"))
    reading_2: Mapped[int] = mapped_column(ForeignKey("readings.id"))
    chosen: Mapped[int] = mapped_column(ForeignKey("readings.id"))
    triggers: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    signed_name: Mapped[str] = mapped_column(String(128))
    made_at: Mapped[str] = mapped_column(String(32), default=now)


class AuditRow(Base):
    """One action: who did what and when, what was before and after, and why.

    Attributes:
        number: from 1 without a gap.
        record, record_id: the table and row concerned; empty for actions that changed none.
        before, after: the row's content as JSON.
        software, protocol: version, and SHA-256 of the settings in force.
        previous: ``digest`` of the row before.
        digest: keyed hash over all of the above.
    """

    __tablename__ = "audit"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[str] = mapped_column(String(32))
    account: Mapped[str] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(16))
    action: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(128))
    record: Mapped[str] = mapped_column(String(32))
    record_id: Mapped[str] = mapped_column(String(64))
    before: Mapped[str] = mapped_column(Text)
    after: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    software: Mapped[str] = mapped_column(String(32))
    protocol: Mapped[str] = mapped_column(String(64))
    previous: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))


class AuditHead(Base):
    """How many rows the audit has and the digest of the last: what was cut off is missed."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    rows: Mapped[int]
    digest: Mapped[str] = mapped_column(String(64))
    seal: Mapped[str] = mapped_column(String(64))


#: Rows of these are never changed and never deleted.
APPEND_ONLY = ("audit", "entries", "outlines", "signatures", "adjudications")
#: Every change of these is an audit row.
AUDITED = (
    Account,
    SecondFactor,
    SubjectRow,
    Assignment,
    ReadingRow,
    Entry,
    OutlineRow,
    Signature,
    Query,
    Adjudication,
)
