"""Passwords, logins and sessions.

A session is a random key in a cookie that scripts cannot read; the database keeps its hash. Every
login makes a new key, so one that was planted before is worth nothing. Changes need a second token,
which only a page of ours can read. Passwords are hashed by argon2id.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from imaging.errors import InputError
from recist.review.database import audit_trail
from recist.review.database.audit_trail import Actor
from recist.review.database.tables import Account, AccountRole, LoginFailure, WebSession
from recist.review.room import Person
from recist.review.web import second_factor

COOKIE = "recist_session"
CSRF_HEADER = "X-CSRF-Token"
#: A session ends after so long without a request, and in any case after a working day.
IDLE = dt.timedelta(minutes=30)
LONGEST = dt.timedelta(hours=12)
#: The time of the last request is noted no more often.
NOTED_EVERY = dt.timedelta(minutes=1)
#: So many failures of one name, or from one address (which many may share behind a proxy), within
#: so long; then each doubles the wait.
FREE_FAILURES = 5
FREE_FAILURES_OF_ADDRESS = 50
FAILURES_FOR = dt.timedelta(minutes=15)
LONGEST_WAIT_S = 900

_HASHER = PasswordHasher()
#: Checked where there is no such account, so that the time tells nothing.
_NOBODY = _HASHER.hash(secrets.token_hex(16))


class TooManyError(InputError):
    """Too many failures; ``seconds`` to wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__("too many logins failed", remedy=f"wait {seconds} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that begins: the key goes to the browser and nowhere else."""

    key: str
    csrf: str
    person: Person


@dataclass(frozen=True, slots=True)
class Current:
    """The session of a request."""

    key_hash: str
    csrf: str
    person: Person
    seen_at: str


def hashed_password(password: str) -> str:
    """The argon2id hash of a password."""
    return _HASHER.hash(password)


def log_in(
    session: Session, name: str, password: str, address: str, *, code: str | None = None
) -> Opened | None:
    """Begin a session by name and password, and a code where a second factor is asked for.

    Args:
        code: of the second factor; None where the room asks for none.

    Returns:
        None where they do not fit, or the account is disabled; which of these is not told. The
        failure is noted in the same transaction, which is to be kept.

    Raises:
        TooManyError: wait first.
    """
    _check_wait(session, name, address)
    account = session.scalar(select(Account).where(Account.name == name))
    known = account is not None and not account.disabled and bool(account.password_hash)
    fits = password_fits(account.password_hash if account and known else _NOBODY, password)
    if account is not None and known and fits and code is not None:
        fits = second_factor.fits(session, account.id, code)
    if account is None or not known or not fits:
        session.add(LoginFailure(name=name[:64], address=address[:64], at=_text(_now())))
        audit_trail.note(session, Actor(name[:64], ""), "login failed", what=address)
        return None
    return begin(session, account, address)


def begin(session: Session, account: Account, address: str) -> Opened:
    """A new session of an account."""
    person = Person(account.id, account.name, AccountRole(account.role))
    key, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    moment = _now()
    session.execute(delete(WebSession).where(WebSession.expires_at < _text(moment)))
    session.add(
        WebSession(
            key_hash=_hash(key),
            account_id=account.id,
            csrf=csrf,
            created_at=_text(moment),
            seen_at=_text(moment),
            expires_at=_text(moment + LONGEST),
        )
    )
    session.execute(delete(LoginFailure).where(LoginFailure.name == account.name))
    audit_trail.note(session, person.actor, "login", what=address)
    return Opened(key, csrf, person)


def password_fits(password_hash: str, password: str) -> bool:
    """Whether a password is that of a hash."""
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def _check_wait(session: Session, name: str, address: str) -> None:
    since = _text(_now() - FAILURES_FOR)
    for condition, free in (
        (LoginFailure.name == name[:64], FREE_FAILURES),
        (LoginFailure.address == address[:64], FREE_FAILURES_OF_ADDRESS),
    ):
        failures, last = session.execute(
            select(func.count(LoginFailure.id), func.max(LoginFailure.at)).where(
                condition, LoginFailure.at > since
            )
        ).one()
        if failures < free:
            continue
        wait = min(2 ** (failures - free + 1), LONGEST_WAIT_S)
        until = dt.datetime.fromisoformat(last) + dt.timedelta(seconds=wait)
        left = (until - _now()).total_seconds()
        if left > 0:
            raise TooManyError(int(left) + 1)


def current(session: Session, key: str) -> Current | None:
    """The session of a key; None where it is unknown, has expired, or its account is disabled."""
    row = session.get(WebSession, _hash(key))
    if row is None:
        return None
    moment = _now()
    idle_since = dt.datetime.fromisoformat(row.seen_at)
    if _text(moment) >= row.expires_at or moment - idle_since > IDLE:
        return None
    account = session.get_one(Account, row.account_id)
    if account.disabled:
        return None
    person = Person(account.id, account.name, AccountRole(account.role))
    return Current(row.key_hash, row.csrf, person, row.seen_at)


def is_due(found: Current) -> bool:
    """Whether the time of the last request is to be noted again."""
    return _now() - dt.datetime.fromisoformat(found.seen_at) > NOTED_EVERY


def touch(session: Session, found: Current) -> None:
    """Note that a session is in use."""
    row = session.get(WebSession, found.key_hash)
    if row is not None:
        row.seen_at = _text(_now())


def end(session: Session, found: Current) -> None:
    """Log out."""
    session.execute(delete(WebSession).where(WebSession.key_hash == found.key_hash))
    audit_trail.note(session, found.person.actor, "logout")


def end_all(session: Session, account_id: int) -> None:
    """End every session of an account: its password or its role is another."""
    session.execute(delete(WebSession).where(WebSession.account_id == account_id))


def csrf_fits(found: Current, token: str) -> bool:
    """Whether a change comes with the token of its session."""
    return hmac.compare_digest(found.csrf.encode(), token.encode("utf-8", "replace"))


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _text(moment: dt.datetime) -> str:
    return moment.isoformat(timespec="microseconds")
