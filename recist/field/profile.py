"""Thresholds of the field classes: named, versioned, and replaceable by a file of one's own."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from imaging.errors import InputError
from imaging.exposure import Tail


@dataclass(frozen=True, slots=True)
class FieldProfile:
    """Thresholds of the field classes.

    Attributes:
        target_overlap: a lesion belongs to a target volume that holds this share of it.
        in_coverage: share of the lesion with at least 50 % of the prescription, to be targeted.
        undercovered: a targeted lesion with less than this share at 95 % is flagged.
        low_dose_gy: a near-maximum from here on is a low dose (Menon, J Immunother Cancer 2019:
            low-dose lesions received 1-20 Gy, no-dose lesions less than 1 Gy).
        bands_gy: limits between the low-dose bands.
        tail: planning systems underestimate dose outside of the field by up to 55 % (Howell, Phys
            Med Biol 2010): below the 5 % isodose the class is also taken on 1/(1-0.55) times it.
        registration_error_mm: standard deviation of sampled rigid shifts along each axis.
        shifts, seed: number of sampled shifts and where they start.
        clear_distance_mm: without dose, a lesion further than this from every target volume is out
            of the field; ``clear_distance_off_level_mm`` where it shares no axial level with one,
            since beams mostly run in the axial plane. Conventions of single protocols.
        alpha_betas_gy: for EQD2, the default of soft-tissue sarcoma first.
    """

    name: str = "sbrt-default"
    version: str = "1.0"
    target_overlap: float = 0.50
    in_coverage: float = 0.95
    undercovered: float = 0.95
    low_dose_gy: float = 1.0
    bands_gy: tuple[float, ...] = (5.0, 20.0)
    tail: Tail = field(default_factory=lambda: Tail(0.05, 1.0 / (1.0 - 0.55)))
    registration_error_mm: float = 3.0
    shifts: int = 200
    seed: int = 20190101
    clear_distance_mm: float = 100.0
    clear_distance_off_level_mm: float = 50.0
    alpha_betas_gy: tuple[float, ...] = (4.0, 3.0, 10.0)

    @property
    def label(self) -> str:
        return f"{self.name} {self.version}"


DEFAULT_PROFILE = FieldProfile()
#: Out of field below 5 Gy, a convention of individual protocols.
FIVE_GRAY_PROFILE = FieldProfile(name="five-gray", low_dose_gy=5.0, bands_gy=(20.0,))
PROFILES = {profile.name: profile for profile in (DEFAULT_PROFILE, FIVE_GRAY_PROFILE)}


def load_profile(name_or_path: str | Path) -> FieldProfile:
    """A profile by its name, or from a TOML file of settings that begins with one.

    The file names itself, since results carry the name::

        name = "our-centre"
        version = "2"
        based_on = "sbrt-default"
        low_dose_gy = 2.0

    Raises:
        InputError: an unknown name or setting, a value of the wrong type, or a file without a name.
    """
    if str(name_or_path) in PROFILES:
        return PROFILES[str(name_or_path)]
    path = Path(name_or_path)
    if path.suffix != ".toml":
        known = ", ".join(PROFILES)
        raise InputError(f"no field profile {name_or_path}", remedy=f"{known}, or a TOML file")
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"not readable as TOML: {error}", where=path) from error
    return _changed(settings, path)


def _changed(settings: Mapping[str, object], path: Path) -> FieldProfile:
    base = PROFILES.get(str(settings.get("based_on", DEFAULT_PROFILE.name)))
    if base is None:
        raise InputError(f"no field profile {settings['based_on']!r} to start from", where=path)
    if not settings.get("name"):
        raise InputError("a field profile needs a name of its own", where=path)
    types = {one.name: type(getattr(base, one.name)) for one in fields(FieldProfile)}
    changes: dict[str, object] = {}
    for name, value in settings.items():
        if name == "based_on":
            continue
        if name not in types:
            raise InputError(f"unknown setting {name}", where=path, remedy=", ".join(types))
        changes[name] = _as(types[name], name, value, path)
    return replace(base, **changes)  # type: ignore[arg-type]


def _as(kind: type, name: str, value: object, path: Path) -> object:
    """A value of the file in the type of its setting."""
    if kind is Tail and isinstance(value, Mapping) and set(value) == {"isodose", "factor"}:
        return Tail(float(value["isodose"]), float(value["factor"]))
    if kind is tuple and isinstance(value, list):
        return tuple(float(each) for each in value)
    if kind is float and isinstance(value, int | float):
        return float(value)
    if isinstance(value, kind):
        return value
    raise InputError(f"setting {name} cannot be {value!r}", where=path)
