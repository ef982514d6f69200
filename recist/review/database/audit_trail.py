"""The audit: an append-only row for every change, each hashed with its predecessor.

Rows are written by the database session itself, in the transaction of the change, so that no
change can be without its row. The hash is keyed (HMAC-SHA-256) with a key that lies beside the
database and not in it: who can write the database alone cannot compute a chain anew. The proof
recomputes the chain and compares the tables with what the chain says their rows are.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event, insert, inspect, select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from recist.review.database.tables import AUDITED, AuditHead, AuditRow, Base, now
from recist.version import __version__

#: What the first row has for a predecessor.
FIRST = "0" * 64
#: Only the hash of these goes into the audit.
_SECRET = ("password_hash", "secret", "bits", "table_csv")
_FIELDS = (
    "number",
    "at",
    "account",
    "role",
    "action",
    "subject",
    "record",
    "record_id",
    "before",
    "after",
    "reason",
    "software",
    "protocol",
    "previous",
)
#: Transactions that write wait for each other under this number in PostgreSQL.
_LOCK = 7243


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, as the audit names them."""

    account: str
    role: str


SYSTEM = Actor("system", "system")


@dataclass(frozen=True, slots=True)
class Broken:
    """Where the proof fails first.

    Attributes:
        number: of the audit row; 0 where a table differs from what the chain says.
    """

    number: int
    what: str

    def __str__(self) -> str:
        place = f"audit row {self.number}: " if self.number else ""
        return f"{place}{self.what}"


@dataclass(frozen=True, slots=True)
class Proof:
    """What the proof found.

    Attributes:
        head: digest of the last row; noted elsewhere, it shows later that nothing was rolled back.
    """

    rows: int
    head: str
    broken: Broken | None


def act(
    session: Session, actor: Actor, action: str, *, subject: str = "", reason: str = ""
) -> None:
    """Say who does what in this transaction; every row that changes from here on is theirs."""
    session.info["audit"] = (actor, action, subject, reason)


def note(session: Session, actor: Actor, action: str, *, subject: str = "", what: str = "") -> None:
    """Record an action that changes no row: a login, an image that was opened."""
    act(session, actor, action, subject=subject)
    _append(session, [("", "", "", what)])


def watch(session_class: Any, key: bytes, protocol: str) -> None:
    """Let the sessions of a class write the audit.

    Args:
        key: of the hash.
        protocol: SHA-256 of the settings in force.
    """

    @event.listens_for(session_class, "after_flush")
    def _changed(session: Session, _context: object) -> None:
        changes = [
            *(
                (*_identity(row), "", _json(_content(row)))
                for row in session.new
                if isinstance(row, AUDITED)
            ),
            *(
                (*_identity(row), _json(_before(row)), _json(_content(row)))
                for row in session.dirty
                if isinstance(row, AUDITED) and session.is_modified(row)
            ),
            *(
                (*_identity(row), _json(_content(row)), "")
                for row in session.deleted
                if isinstance(row, AUDITED)
            ),
        ]
        if changes:
            _append(session, changes)

    @event.listens_for(session_class, "after_begin")
    def _begun(session: Session, _transaction: object, _connection: object) -> None:
        session.info["audit_key"] = (key, protocol)


def _append(session: Session, changes: list[tuple[str, str, str, str]]) -> None:
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    key, protocol = session.info["audit_key"]
    actor, action, subject, reason = session.info.get("audit", (SYSTEM, "change", "", ""))
    head = connection.execute(select(AuditHead.rows, AuditHead.digest)).first()
    number, previous = (0, FIRST) if head is None else (int(head[0]), str(head[1]))
    rows = []
    for record, record_id, before, after in changes:
        number += 1
        row: dict[str, Any] = {
            "number": number,
            "at": now(),
            "account": actor.account,
            "role": actor.role,
            "action": action,
            "subject": subject,
            "record": record,
            "record_id": record_id,
            "before": before,
            "after": after,
            "reason": reason,
            "software": f"recist {__version__}",
            "protocol": protocol,
            "previous": previous,
        }
        previous = row["digest"] = digest(row, key)
        rows.append(row)
    connection.execute(insert(AuditRow), rows)
    values = {"rows": number, "digest": previous, "seal": _seal(number, previous, key)}
    if head is None:
        connection.execute(insert(AuditHead).values(id=1, **values))
    else:
        connection.execute(update(AuditHead).where(AuditHead.id == 1).values(**values))


def digest(row: Mapping[str, Any], key: bytes) -> str:
    """The keyed hash of a row's content, its predecessor's digest included."""
    content = json.dumps([row[name] for name in _FIELDS], ensure_ascii=True)
    return hmac.new(key, content.encode(), hashlib.sha256).hexdigest()


def _seal(rows: int, last: str, key: bytes) -> str:
    return hmac.new(key, f"{rows} {last}".encode(), hashlib.sha256).hexdigest()


def prove(session: Session, key: bytes, *, expect: str = "") -> Proof:
    """Recompute the chain and compare the tables with it; stop at the first thing that is wrong.

    Args:
        expect: digest of an earlier head, noted elsewhere: where it is not in the chain, the whole
            database was put back to an earlier state.

    A database that is too damaged to be read is told as such, with the row before which it ended.
    """
    proved = _Proved()
    try:
        return _prove(session, key, proved, expect)
    except (SQLAlchemyError, sqlite3.Error, ValueError, LookupError, TypeError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        broken = Broken(0, f"the database cannot be read: {reason}")
        return Proof(proved.rows, proved.head, broken)


@dataclass(slots=True)
class _Proved:
    """How far the proof came."""

    rows: int = 0
    head: str = FIRST


def _prove(session: Session, key: bytes, proved: _Proved, expect: str) -> Proof:
    expected: dict[tuple[str, str], str] = {}
    is_there = False
    columns = [getattr(AuditRow, name) for name in (*_FIELDS, "digest")]
    for found in session.execute(select(*columns).order_by(AuditRow.number)):
        row = dict(found._mapping)
        what = _wrong(row, proved.rows + 1, proved.head, key)
        if what:
            return Proof(proved.rows, proved.head, Broken(proved.rows + 1, what))
        proved.rows, proved.head = proved.rows + 1, row["digest"]
        is_there = is_there or proved.head == expect
        if row["record"]:
            expected[row["record"], row["record_id"]] = row["after"]
    head = session.execute(
        select(AuditHead.id, AuditHead.rows, AuditHead.digest, AuditHead.seal)
    ).all()
    if proved.rows or head:
        sealed = (1, proved.rows, proved.head, _seal(proved.rows, proved.head, key))
        if [tuple(each) for each in head] != [sealed]:
            what = "the rows after this one are missing, or the head was changed"
            return Proof(proved.rows, proved.head, Broken(proved.rows, what))
    if expect and not is_there:
        what = "the noted head is not in the chain: the database was put back"
        return Proof(proved.rows, proved.head, Broken(proved.rows, what))
    return Proof(proved.rows, proved.head, _unlike(session, expected))


def _wrong(row: Mapping[str, Any], number: int, previous: str, key: bytes) -> str:
    if row["number"] != number:
        return f"is missing: the next is row {row['number']}"
    if row["previous"] != previous:
        return "does not follow the row before it"
    if not hmac.compare_digest(str(row["digest"]), digest(row, key)):
        return "was changed after it was written"
    return ""


def _unlike(session: Session, expected: Mapping[tuple[str, str], str]) -> Broken | None:
    """The first row of a table that is not what the chain says."""
    left = {key for key, after in expected.items() if after}
    for table in AUDITED:
        for row in session.scalars(select(table)):
            name, row_id = _identity(row)
            after = expected.get((name, row_id))
            if not after:
                return Broken(0, f"table {name}, row {row_id} was inserted past the audit")
            if not _agree(json.loads(after), _content(row)):
                return Broken(0, f"table {name}, row {row_id} was changed past the audit")
            left.discard((name, row_id))
    if left:
        name, row_id = min(left)
        return Broken(0, f"table {name}, row {row_id} was removed past the audit")
    return None


def _agree(recorded: Mapping[str, Any], content: Mapping[str, Any]) -> bool:
    """Whether a row is what was recorded; a column that came later has its first value."""
    added = content.keys() - recorded.keys()
    kept = {name: value for name, value in content.items() if name not in added}
    return recorded == kept and not any(content[name] for name in added)


def _identity(row: Base) -> tuple[str, str]:
    mapper = inspect(type(row))
    key = mapper.primary_key_from_instance(row)
    return str(mapper.local_table.name), ",".join(str(part) for part in key)  # type: ignore[attr-defined]


def _content(row: Base) -> dict[str, Any]:
    return {
        column.key: _shown(column.key, getattr(row, column.key))
        for column in inspect(type(row)).column_attrs
    }


def _before(row: Base) -> dict[str, Any]:
    """What the row was before the flush."""
    state = inspect(row)
    found = {}
    for column in inspect(type(row)).column_attrs:
        deleted = state.attrs[column.key].history.deleted
        value = deleted[0] if deleted else getattr(row, column.key)
        found[column.key] = _shown(column.key, value)
    return found


def _shown(name: str, value: Any) -> Any:
    if name not in _SECRET:
        return value
    raw = value if isinstance(value, bytes) else str(value).encode()
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, ensure_ascii=True)
