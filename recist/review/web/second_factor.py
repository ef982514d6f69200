"""A second factor at login: codes of an authenticator by time (TOTP, RFC 6238).

The secret is made once and given to the person as an address that authenticators take
(``otpauth://``). A code is taken once: whoever looks over a shoulder comes too late.
"""

from __future__ import annotations

import hmac
import time

import pyotp
from sqlalchemy import delete
from sqlalchemy.orm import Session

from recist.review.database.tables import Account, SecondFactor, UsedCode

#: Whom the code is for, as the authenticator shows it.
ISSUER = "recist reading room"
#: A code of so many steps of 30 s before or after is taken: clocks differ.
STEPS_OFF = 1


def given(session: Session, account: Account) -> str:
    """A new secret for an account, in the place of an older one; the address that holds it."""
    secret = pyotp.random_base32()
    row = session.get(SecondFactor, account.id)
    if row is None:
        session.add(SecondFactor(account_id=account.id, secret=secret))
    else:
        row.secret = secret
    session.execute(delete(UsedCode).where(UsedCode.account_id == account.id))
    session.flush()
    return pyotp.TOTP(secret).provisioning_uri(name=account.name, issuer_name=ISSUER)


def fits(session: Session, account_id: int, code: str) -> bool:
    """Whether a code is one of the account's now, and was not used before; it is used then."""
    row = session.get(SecondFactor, account_id)
    if row is None or not code.isascii():
        return False
    totp = pyotp.TOTP(row.secret)
    now = int(time.time()) // totp.interval
    used = session.get(UsedCode, account_id, with_for_update=True)
    for step in range(now - STEPS_OFF, now + STEPS_OFF + 1):
        if not hmac.compare_digest(totp.generate_otp(step), code):
            continue
        if used is None:
            session.add(UsedCode(account_id=account_id, step=step))
        elif step <= used.step:
            return False
        else:
            used.step = step
        session.flush()
        return True
    return False
