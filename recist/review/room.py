"""The reading room: where its subjects, images and settings come from, and who is in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.orm import Session

from recist.protocol import Protocol, effective
from recist.review.database import audit_trail
from recist.review.database.audit_trail import Actor
from recist.review.database.engine import Database
from recist.review.database.tables import AccountRole
from recist.review.images.image_archive import Archive
from recist.review.reading.works import Works
from recist.review.trial.acceptance import Trigger


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks: an account that is logged in."""

    account_id: int
    name: str
    role: AccountRole

    @property
    def actor(self) -> Actor:
        return Actor(self.name, self.role.value)


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """All that the rules of reading need.

    Attributes:
        folders: subject -> folder of the run's results; empty where readers start from nothing.
        shows_proposals: whether a reader starts from what the run measured.
        one_by_one: a later date is neither listed nor served before the earlier is signed.
        needs_password: a signature needs the password again.
        needs_second_factor: a login needs a code of an authenticator.
        adjudicate_on: in what two reads differ that an adjudicator decides.
        works: the work that the run kept of each subject.
        organisation: to which readers answer for what they sign; empty where none was given.
        signed_folder: takes the files of each reading that is signed; None: nobody asked for them.
    """

    database: Database
    archive: Archive
    criteria: tuple[str, ...]
    protocol: Protocol
    folders: Mapping[str, Path] = field(default_factory=dict)
    shows_proposals: bool = True
    one_by_one: bool = False
    needs_password: bool = False
    needs_second_factor: bool = False
    adjudicate_on: tuple[Trigger, ...] = ()
    signed_folder: Path | None = None
    works: Works = field(default_factory=lambda: Works({}))
    organisation: str = ""

    @property
    def is_trial(self) -> bool:
        return self.one_by_one


@dataclass(frozen=True, slots=True, eq=False)
class Desk:
    """One person at work in one transaction."""

    session: Session
    room: Room
    person: Person

    def act(self, action: str, *, subject: str = "", reason: str = "") -> None:
        """Say in the audit what this person does."""
        audit_trail.act(self.session, self.person.actor, action, subject=subject, reason=reason)


def fingerprint(protocol: Protocol, criteria: tuple[str, ...]) -> str:
    """SHA-256 of the settings in force, as the audit names them."""
    content = json.dumps([effective(protocol), criteria], sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()
