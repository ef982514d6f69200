"""What every route asks for: the room, the session of the request, and the token of a change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Depends, HTTPException, Request

from recist.review.room import Desk, Room
from recist.review.web import sessions
from recist.review.web.sessions import COOKIE, CSRF_HEADER, Current


def room_of(request: Request) -> Room:
    """The room that the application serves."""
    room: Room = request.app.state.room
    return room


def current(request: Request, room: Annotated[Room, Depends(room_of)]) -> Current:
    """Who asks.

    Raises:
        HTTPException: 401, nobody is logged in.
    """
    key = request.cookies.get(COOKIE, "")
    found = None
    if key:
        with room.database.looking() as session:
            found = sessions.current(session, key)
    if found is None:
        raise HTTPException(401, "log in first")
    if sessions.is_due(found):
        with room.database.session() as session:
            sessions.touch(session, found)
    return found


def changing(request: Request, found: Annotated[Current, Depends(current)]) -> Current:
    """Who asks for a change, with the token that only our pages can read.

    Raises:
        HTTPException: 403, without that token.
    """
    if not sessions.csrf_fits(found, request.headers.get(CSRF_HEADER, "")):
        raise HTTPException(403, "the token of the page is missing or stale: load it again")
    return found


RoomOf = Annotated[Room, Depends(room_of)]
Looking = Annotated[Current, Depends(current)]
Changing = Annotated[Current, Depends(changing)]


@contextmanager
def desk(room: Room, found: Current) -> Iterator[Desk]:
    """A transaction in which a person may write."""
    with room.database.session() as session:
        yield Desk(session, room, found.person)
