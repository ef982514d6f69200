"""Routes of the person: login, session, password."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response

from recist.response import RESEARCH_USE
from recist.review.database.tables import Account
from recist.review.web import sessions
from recist.review.web.access import Changing, Looking, RoomOf, desk
from recist.review.web.forms import Login, NewPassword
from recist.review.web.sessions import COOKIE, LONGEST, Opened

router = APIRouter(prefix="/api", tags=["person"])


@router.post("/login")
def login(form: Login, request: Request, response: Response, room: RoomOf) -> dict[str, Any]:
    """Begin a session by name and password."""
    address = request.client.host if request.client else ""
    with room.database.session() as session:
        code = form.code if room.needs_second_factor else None
        opened = sessions.log_in(session, form.user, form.password, address, code=code)
    if opened is None:
        what = "name, password and code" if room.needs_second_factor else "name and password"
        raise HTTPException(401, f"{what} do not fit")
    set_cookie(response, opened, https=request.app.state.https)
    return {"name": opened.person.name, "role": opened.person.role.value, "csrf": opened.csrf}


@router.get("/login")
def asked(room: RoomOf) -> dict[str, bool]:
    """What the login asks for beside name and password."""
    return {"second_factor": room.needs_second_factor}


@router.post("/logout", status_code=204)
def logout(found: Changing, response: Response, room: RoomOf) -> None:
    """End the session."""
    with room.database.session() as session:
        sessions.end(session, found)
    response.delete_cookie(COOKIE)


@router.get("/session")
def session(request: Request, found: Looking, room: RoomOf) -> dict[str, Any]:
    """Who is logged in, and the token that every change needs."""
    return {
        "name": found.person.name,
        "role": found.person.role.value,
        "csrf": found.csrf,
        "trial": room.is_trial,
        "second_factor": room.needs_second_factor,
        "network": request.app.state.delineator is not None,
        "criteria": list(room.criteria),
        "notice": RESEARCH_USE,
    }


@router.post("/password")
def password(
    form: NewPassword, request: Request, response: Response, found: Changing, room: RoomOf
) -> dict[str, Any]:
    """Another password; every session of the account ends, and this browser gets a new one."""
    with desk(room, found) as at:
        account = at.session.get_one(Account, found.person.account_id)
        fits = sessions.password_fits(account.password_hash, form.old)
        opened = None
        if fits:
            at.act("change password")
            account.password_hash = sessions.hashed_password(form.new)
            at.session.flush()
            sessions.end_all(at.session, account.id)
            opened = sessions.begin(at.session, account, "")
    if opened is None:
        raise HTTPException(403, "the old password does not fit")
    set_cookie(response, opened, https=request.app.state.https)
    return {"csrf": opened.csrf}


def set_cookie(response: Response, opened: Opened, *, https: bool) -> None:
    """Give the browser the key of its session; no script and no other site can use it."""
    response.set_cookie(
        COOKIE,
        opened.key,
        max_age=int(LONGEST.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=https,
        path="/",
    )
