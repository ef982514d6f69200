"""Protocols by name and from files: presets that ship, and the TOML of a trial.

A file names only what it changes, in up to three sections::

    preset = "fda"

    [recist]
    minimum_sd_days = 56

    [field]
    name = "our-centre"
    low_dose_gy = 2.0

    [pet.percist]
    rise_percent = 25

Settings above the first section belong to ``[recist]``, and a set of PET criteria without its
``pet.`` to ``[pet]``. The presets are such files themselves, in ``presets/`` beside this module.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from imaging.errors import InputError
from imaging.setting import ProtocolError
from imaging.spelling import did_you_mean
from pet.response.protocol import PetProtocol
from pet.response.protocol import from_table as pet_from_table
from recist.protocol.field import from_table as field_from_table
from recist.protocol.settings import DEFAULT, SETTINGS, Protocol
from recist.protocol.settings import from_table as recist_from_table

SECTIONS = ("recist", "field", "pet")
_FOLDER = Path(__file__).parent / "presets"
_PET_CRITERIA = tuple(each.name for each in fields(PetProtocol))


def load(name_or_path: str | Path) -> Protocol:
    """A preset by name, or the settings of a TOML file.

    Raises:
        ProtocolError: no such preset or file; an unknown section, key or value, with the nearest
            name.
    """
    if str(name_or_path) in PRESETS:
        return PRESETS[str(name_or_path)]
    path = Path(name_or_path)
    if path.suffix != ".toml":
        raise ProtocolError(
            f"no protocol {str(name_or_path)!r}",
            remedy=f"{did_you_mean(str(name_or_path), PRESETS)}presets: {', '.join(PRESETS)}; "
            "or the path of a .toml file",
        )
    try:
        return from_table(_table(path), name=path.stem)
    except InputError as error:
        raise ProtocolError(error.what, where=path, remedy=error.remedy) from error


def from_table(table: Mapping[str, object], *, name: str = "custom") -> Protocol:
    """A protocol from sections of settings, with an optional ``preset`` to start from.

    Raises:
        ProtocolError: an unknown section, key or value, with the nearest name.
    """
    preset = table.get("preset", DEFAULT.name)
    if not isinstance(preset, str) or preset not in PRESETS:
        raise ProtocolError(
            f"preset = {str(preset)!r} does not exist",
            remedy=f"{did_you_mean(str(preset), PRESETS)}presets: {', '.join(PRESETS)}",
        )
    return _from_sections(table, name, PRESETS[preset])


def from_effective(recorded: Mapping[str, object]) -> Protocol:
    """The protocol that a result records: the inverse of :func:`recist.protocol.effective`.

    Raises:
        ProtocolError: a setting that does not exist, or a value of another kind.
    """
    table = dict(recorded)
    name = str(table.pop("name", "custom"))
    for key, value in table.items():
        if key in SETTINGS and SETTINGS[key].kind is Decimal:
            table[key] = Decimal(str(value))
    return from_table(table, name=name)


def _from_sections(table: Mapping[str, object], name: str, start: Protocol) -> Protocol:
    sections: dict[str, dict[str, Any]] = {
        section: dict(_section(table, section)) for section in SECTIONS
    }
    for key, value in table.items():
        if key in SECTIONS or key == "preset":
            continue
        home = "pet" if key in _PET_CRITERIA else "recist"
        if home == "recist" and isinstance(value, Mapping):
            raise ProtocolError(
                f"unknown section [{key}]",
                remedy=f"{did_you_mean(key, (*SECTIONS, *_PET_CRITERIA))}"
                f"sections: {', '.join(SECTIONS)}",
            )
        if key in sections[home]:
            raise ProtocolError(f"{key} is set twice", remedy=f"keep it in [{home}]")
        sections[home][key] = value
    try:
        made = recist_from_table(sections["recist"], name=name, start=start)
        if sections["field"]:
            made = replace(made, field=field_from_table(sections["field"], name=name))
        if sections["pet"]:
            made = replace(made, pet=pet_from_table(sections["pet"], prefix="pet."))
    except ProtocolError:
        raise
    except InputError as error:
        raise ProtocolError(error.what, remedy=error.remedy) from error
    return made


def _section(table: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = table.get(name, {})
    if not isinstance(found, Mapping):
        raise ProtocolError(f"{name} = {found!r} is no section", remedy=f"write [{name}]")
    return found


def _table(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except FileNotFoundError as error:
        raise ProtocolError("no such file") from error
    except OSError as error:
        raise ProtocolError(f"cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(f"not TOML: {error}") from error


def _presets() -> dict[str, Protocol]:
    """The presets that ship, the default first."""
    names = sorted(path.stem for path in _FOLDER.glob("*.toml"))
    return {
        name: _from_sections(_table(_FOLDER / f"{name}.toml"), name, DEFAULT)
        for name in sorted(names, key=lambda name: (name != DEFAULT.name, name))
    }


PRESETS: Mapping[str, Protocol] = _presets()
