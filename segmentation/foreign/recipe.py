"""How another model wants its images and what its answers mean: a small TOML file.

::

    path = "Dataset221_AutoPET/nnUNetTrainer__nnUNetPlans__3d_fullres"
    kind = "nnunet"                # monai, torchscript, nnunet, label-maps; guessed if left out
    channels = ["ct", "suv"]
    lesions = ["tumor"]            # labels that are lesions: numbers, or names of the model's own

A network alone (MONAI, TorchScript) also needs ``spacing_mm``, ``window`` and the windows of its
channels: they are not in its weights. nnU-Net knows its own.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from imaging.errors import InputError
from imaging.spelling import did_you_mean

#: The file that is looked for in a model's folder.
RECIPE_NAME = "recist.toml"
CHANNELS = ("ct", "suv")


class ModelKind(StrEnum):
    """What lies at a path."""

    MONAI = "monai"
    TORCHSCRIPT = "torchscript"
    NNUNET = "nnunet"
    LABEL_MAPS = "label-maps"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How another model wants its images.

    Attributes:
        path: where the model lies; None beside the file of the recipe.
        kind: what lies there; None has it guessed.
        spacing_mm: isotropic.
        channels: of "ct" and "suv", in order.
        ct_window_hu, suv_window: clipped to these and scaled to 0..1.
        window: side of its sliding window in voxels.
        lesions: numbers or names of the labels that are lesions; empty takes the only label there
            is. Of a network alone: output channels. Of label maps in a folder for each case also
            names of files.
    """

    path: Path | None = None
    kind: ModelKind | None = None
    spacing_mm: float = 1.5
    channels: tuple[str, ...] = ("ct",)
    ct_window_hu: tuple[float, float] = (-1000.0, 1000.0)
    suv_window: tuple[float, float] = (0.0, 20.0)
    window: int = 96
    lesions: tuple[int | str, ...] = ()

    def __post_init__(self) -> None:
        if not self.channels or set(self.channels) - set(CHANNELS):
            raise InputError(f"channels {self.channels}", remedy="of ct and suv")
        if self.spacing_mm <= 0 or self.window < 8:
            raise InputError("a recipe needs a positive spacing and a window of 8 voxels or more")
        for name in ("ct_window_hu", "suv_window"):
            low, high = getattr(self, name)
            if low >= high:
                raise InputError(f"{name} runs from {low:g} to {high:g}", remedy="[low, high]")


def read_recipe(path: Path) -> Recipe:
    """A recipe from its TOML file; a relative ``path`` in it counts from the file.

    Raises:
        InputError: no such file, no TOML, or a key or value that a recipe does not have.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError("cannot be read", where=path) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"is no TOML: {error}", where=path) from error
    try:
        return recipe_from(table, path.parent)
    except InputError as error:
        raise InputError(error.what, where=path, remedy=error.remedy) from error


def recipe_from(table: Mapping[str, Any], beside: Path) -> Recipe:
    """A recipe from the table of its file.

    Raises:
        InputError: as of :func:`read_recipe`.
    """
    known = tuple(field.name for field in fields(Recipe))
    for key in table:
        if key not in known:
            raise InputError(
                f"no setting {key!r}", remedy=f"{did_you_mean(key, known)}one of {', '.join(known)}"
            )
    values: dict[str, Any] = dict(table)
    if "path" in values:
        values["path"] = beside / _text(values["path"], "path")
    if "kind" in values:
        if values["kind"] not in tuple(ModelKind):
            raise InputError(f"kind = {values['kind']!r}", remedy=f"one of {', '.join(ModelKind)}")
        values["kind"] = ModelKind(values["kind"])
    for key in ("ct_window_hu", "suv_window"):
        if key in values:
            values[key] = tuple(_number(value, key) for value in _list(values[key], key, 2))
    if "spacing_mm" in values:
        values["spacing_mm"] = _number(values["spacing_mm"], "spacing_mm")
    if "window" in values and (type(values["window"]) is not int):
        raise InputError(f"window = {values['window']!r}", remedy="a whole number of voxels")
    if "channels" in values:
        named = _list(values["channels"], "channels")
        values["channels"] = tuple(_text(name, "channels") for name in named)
    if "lesions" in values:
        lesions = _list(values["lesions"], "lesions")
        if any(type(value) not in (int, str) for value in lesions):
            raise InputError(f"lesions = {lesions!r}", remedy="numbers or names of labels")
        values["lesions"] = tuple(lesions)
    return Recipe(**values)


def _text(value: object, key: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{key} = {value!r}", remedy="a text in quotation marks")
    return value


def _number(value: object, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{key} holds {value!r}", remedy="a number")
    return float(value)


def _list(value: object, key: str, length: int | None = None) -> list[Any]:
    if not isinstance(value, list) or (length is not None and len(value) != length):
        raise InputError(f"{key} = {value!r}", remedy=f"a list{f' of {length}' if length else ''}")
    return value


def numbers_of(recipe: Recipe, names: Mapping[str, int], where: Path) -> frozenset[int]:
    """The numbers of the labels that are lesions.

    Args:
        names: the model's own labels, background left out.

    Raises:
        InputError: a name that the model does not have, or nothing says which labels are lesions.
    """
    if not recipe.lesions:
        if len(names) == 1:
            return frozenset(names.values())
        told = ", ".join(f"{name} ({number})" for name, number in names.items())
        raise InputError(
            f"nothing says which labels are lesions{': ' if told else ''}{told}",
            where=where,
            remedy='name them in its settings: lesions = ["NAME"]',
        )
    found = set()
    for one in recipe.lesions:
        if isinstance(one, str) and one not in names:
            raise InputError(
                f"the model has no label {one!r}",
                where=where,
                remedy=f"{did_you_mean(one, names)}one of {', '.join(names)}",
            )
        found.add(names[one] if isinstance(one, str) else one)
    return frozenset(found)
