"""What a trial's central review chooses: one TOML file.

::

    [trial]
    name = "ABC-1"
    studies = "studies"          # pseudonymous images
    results = "out"              # of `recist run`; only where proposals are shown
    series = "series.csv"        # with dates and uneven_slices as `recist run` takes them; those
    dates = "dates.csv"          # that the run of `results` was made with, where none is named
    uneven_slices = true
    proposals = "hidden"         # hidden: readers start from nothing; shown: from the run's
    protocol = "protocol.toml"   # preset or file; its reader_disagreement decides
    criteria = ["recist11"]
    adjudicate_on = ["best_response", "progression_date"]
    second_factor = false        # true: a login needs a code of an authenticator
    organisation = "Reading Ltd" # to which readers answer for what they sign; into DICOM reports

    [database]
    url = "postgresql+psycopg://recist@/trial"   # or sqlite:///review/trial.sqlite
    audit_key = "review/audit.key"
    images = "review/images"     # prepared slices

    [server]
    host = "127.0.0.1"
    port = 8443
    hosts = ["reading.example.org"]   # names under which browsers ask
    https = true                      # a proxy in front ends TLS

Paths are relative to the file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imaging.errors import InputError
from imaging.sorting import Sorting
from imaging.spelling import did_you_mean
from recist.criteria.criterion import names_of_criteria
from recist.protocol import Protocol, load
from recist.review.trial.acceptance import Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSettings:
    """The settings of one trial; paths are absolute.

    Attributes:
        proposals: whether readers start from what the run measured (shown) or not (hidden).
        adjudicate_on: where two reads differ in one of these, an adjudicator chooses.
        needs_second_factor: a login needs a code of an authenticator, beside the password.
        https: browsers reach the server by TLS, which a proxy ends.
        sorting: how the images are sorted; None: as for the run of the results.
        organisation: to which readers answer for what they sign.
    """

    name: str
    studies: Path
    results: Path | None = None
    shows_proposals: bool = False
    protocol: Protocol
    criteria: tuple[str, ...]
    adjudicate_on: tuple[Trigger, ...]
    needs_second_factor: bool = False
    url: str
    audit_key: Path
    images: Path
    host: str = "127.0.0.1"
    port: int = 8443
    hosts: tuple[str, ...] = ()
    https: bool = False
    sorting: Sorting | None = None
    organisation: str = ""


#: Key -> the type of its value and the value where there is none, by section.
SECTIONS: Mapping[str, Mapping[str, tuple[type, Any]]] = {
    "trial": {
        "name": (str, None),
        "studies": (str, None),
        "results": (str, ""),
        "series": (str, ""),
        "dates": (str, ""),
        "uneven_slices": (bool, False),
        "proposals": (str, "hidden"),
        "protocol": (str, "recist11-eortc"),
        "criteria": (list, ["recist11"]),
        "adjudicate_on": (list, ["best_response", "progression_date"]),
        "second_factor": (bool, False),
        "organisation": (str, ""),
    },
    "database": {
        "url": (str, "sqlite:///review/trial.sqlite"),
        "audit_key": (str, "review/audit.key"),
        "images": (str, "review/images"),
    },
    "server": {
        "host": (str, "127.0.0.1"),
        "port": (int, 8443),
        "hosts": (list, []),
        "https": (bool, False),
    },
}
_SQLITE = "sqlite:///"


def read_trial(path: Path) -> TrialSettings:
    """The settings of a trial.

    Raises:
        InputError: no such file, or a section, key or value that does not exist.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"not TOML: {error}", where=path) from error
    try:
        return _settings(table, path.resolve().parent)
    except InputError as error:
        named = f"{Path(str(error.where)).name}: " if error.where else ""
        raise InputError(f"{named}{error.what}", where=path, remedy=error.remedy) from error


def _settings(table: Mapping[str, Any], folder: Path) -> TrialSettings:
    _check_names(table, SECTIONS, "section")
    given = {name: _section(table, name) for name in SECTIONS}
    trial, database, server = given["trial"], given["database"], given["server"]
    if trial["proposals"] not in ("hidden", "shown"):
        raise InputError(f"proposals = {trial['proposals']!r}", remedy="hidden or shown")
    if trial["proposals"] == "shown" and not trial["results"]:
        raise InputError("proposals are shown without results", remedy="name the OUT of the run")
    protocol = trial["protocol"]
    url = database["url"]
    if url.startswith(_SQLITE):
        url = _SQLITE + str(folder / url.removeprefix(_SQLITE))
    return TrialSettings(
        name=trial["name"],
        studies=folder / trial["studies"],
        results=folder / trial["results"] if trial["results"] else None,
        shows_proposals=trial["proposals"] == "shown",
        protocol=load(folder / protocol if protocol.endswith(".toml") else protocol),
        criteria=names_of_criteria(trial["criteria"]),
        adjudicate_on=tuple(_trigger(name) for name in trial["adjudicate_on"]),
        needs_second_factor=trial["second_factor"],
        url=url,
        audit_key=folder / database["audit_key"],
        images=folder / database["images"],
        host=server["host"],
        port=server["port"],
        hosts=tuple(server["hosts"]) or (f"{server['host']}:{server['port']}",),
        https=server["https"],
        sorting=_sorting(trial, folder),
        organisation=trial["organisation"],
    )


def _sorting(trial: Mapping[str, Any], folder: Path) -> Sorting | None:
    """What the file says of it; None where it says nothing."""
    series, dates = (folder / trial[name] if trial[name] else None for name in ("series", "dates"))
    said = Sorting.read(series, dates, uneven_slices=trial["uneven_slices"])
    return said if said != Sorting() else None


def _section(table: Mapping[str, Any], name: str) -> dict[str, Any]:
    found, known = table.get(name, {}), SECTIONS[name]
    if not isinstance(found, Mapping):
        raise InputError(f"{name} = {found!r} is no section", remedy=f"write [{name}]")
    _check_names(found, known, f"key of [{name}]")
    values: dict[str, Any] = {}
    for key, (kind, default) in known.items():
        value = found.get(key, default)
        if value is None:
            raise InputError(f"[{name}] has no {key}")
        if type(value) is not kind:
            raise InputError(f"{key} = {value!r} is not a {kind.__name__}")
        values[key] = value
    return values


def _check_names(found: Mapping[str, Any], known: Mapping[str, Any], what: str) -> None:
    for name in found:
        if name not in known:
            asked = did_you_mean(name, known)
            raise InputError(f"unknown {what}: {name}", remedy=f"{asked}known: {', '.join(known)}")


def _trigger(name: object) -> Trigger:
    try:
        return Trigger(str(name))
    except ValueError as error:
        known = ", ".join(Trigger)
        raise InputError(f"adjudicate_on has {name!r}", remedy=f"known: {known}") from error
