"""Signatures that lie with results, and what becomes of them when signed results change.

Results that carry ``signature.json`` are those that a reader signed. Whoever writes other ones in
their place makes a new version that nobody has signed: the signature then stands in
``superseded_signature.json``, with who made the new version and why, and what the reading room had
written of the signed reading is set aside.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from imaging.errors import InputError
from imaging.read_json import read_json
from imaging.writing import SCHEMA_VERSION, sync
from imaging.writing import write_text as written
from recist.patient.result import PatientResult, SignedBy, SupersededSignature
from recist.response import RESEARCH_USE

#: The signature of a reader, where the results were read and signed.
SIGNATURE = "signature.json"
SUPERSEDED = "superseded_signature.json"
#: What the reading room keeps beside the results of a run, in it the readings that are signed, and
#: those that were.
ROOM = "review"
SIGNED_READINGS = "signed"
SET_ASIDE = "superseded"


def signature_text(subject: str, signed: SignedBy) -> str:
    """``signature.json``: who signed the results in a folder, and what."""
    return json.dumps(_about(subject) | asdict(signed), indent=1) + "\n"


def write_standing(result: PatientResult, folder: Path) -> None:
    """Write whether results are signed, or were before they were changed."""
    subject = result.course.subject
    if result.signed is not None:
        written(folder / SIGNATURE, signature_text(subject, result.signed))
    elif result.superseded is not None:
        content = _about(subject) | asdict(result.superseded)
        written(folder / SUPERSEDED, json.dumps(content, indent=1) + "\n")


def _about(subject: str) -> dict[str, Any]:
    return {"schema_version": SCHEMA_VERSION, "notice": RESEARCH_USE, "subject": subject}


def signature_in(folder: Path) -> SignedBy | None:
    """The signature under the results in a folder; None where nobody signed them.

    Raises:
        InputError: it is there and cannot be read.
    """
    content = _content(folder / SIGNATURE)
    return None if content is None else _signed(content, folder)


def superseded_in(folder: Path) -> SupersededSignature | None:
    """The signature that results carried before they were changed; None where there was none.

    Raises:
        InputError: it is there and cannot be read.
    """
    content = _content(folder / SUPERSEDED)
    if content is None:
        return None
    try:
        signed = _signed(content["signed"], folder)
        return SupersededSignature(signed, *(str(content[x]) for x in ("reason", "by", "time")))
    except (KeyError, TypeError) as error:
        raise _unreadable(folder / SUPERSEDED) from error


def standing(result: PatientResult, folder: Path) -> PatientResult:
    """A result with the signature, or the signature before, that lies in its folder.

    Raises:
        InputError: what lies there cannot be read.
    """
    return replace(result, signed=signature_in(folder), superseded=superseded_in(folder))


def new_version(
    result: PatientResult, before: Path, *, reason: str, by: str, now: dt.datetime | None = None
) -> PatientResult:
    """An unsigned result that takes the place of what lies in a folder.

    Args:
        before: the folder; may be missing.
        reason, by: why, and by whom, where the results there are signed.
    """
    signed = signature_in(before)
    if signed is None:
        known = superseded_in(before)
        return result if known is None else replace(result, superseded=known)
    time = (now or dt.datetime.now(dt.UTC)).isoformat(timespec="seconds")
    told = f"{signed.who} signed on {signed.time[:19]} what was changed since ({reason}): sign anew"
    return replace(
        result,
        superseded=SupersededSignature(signed, reason, by, time),
        warnings=(*result.warnings, told),
    )


def set_aside(out: Path, folder: str) -> Path | None:
    """Move the signed reading of a patient away from those that are in force; where it is now.

    Args:
        out: the results of a run.
        folder: the name of the patient's folder in it.

    Raises:
        InputError: it cannot be moved.
    """
    place = out / ROOM / SIGNED_READINGS / folder
    if not place.is_dir():
        return None
    signed = signature_in(place)
    when = re.sub(r"[^0-9T]", "", signed.time[:19]) if signed is not None else "unknown"
    kept = out / ROOM / SET_ASIDE / f"{folder}-{when}"
    number = 1
    while kept.exists():
        number += 1
        kept = kept.with_name(f"{folder}-{when}-{number}")
    try:
        kept.parent.mkdir(exist_ok=True)
        place.rename(kept)
        sync(kept.parent)
    except OSError as error:
        raise InputError(f"cannot be set aside: {error.strerror}", where=place) from error
    return kept


def _content(path: Path) -> Mapping[str, Any] | None:
    if not path.is_file():
        return None
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        raise _unreadable(path) from error
    if not isinstance(content, dict):
        raise _unreadable(path)
    return content


def _signed(content: Mapping[str, Any], folder: Path) -> SignedBy:
    try:
        return SignedBy(**{each.name: str(content[each.name]) for each in fields(SignedBy)})
    except (KeyError, TypeError) as error:
        raise _unreadable(folder / SIGNATURE) from error


def _unreadable(path: Path) -> InputError:
    return InputError("the signature cannot be read", where=path, remedy="sign the patient again")
