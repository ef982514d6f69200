"""Networks alone: a TorchScript file, a MONAI bundle.

A TorchScript file is code, and a MONAI bundle's configuration can run code: unless the caller
trusts the bundle, only a plain network of MONAI with plain settings is built from it. What a
network expects (spacing, channels, intensities) is not in its weights; a
:class:`~segmentation.foreign.recipe.Recipe` says it.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.bundle.config_parser import ConfigParser
from monai.inferers.utils import sliding_window_inference
from monai.networks import nets

from imaging.errors import InputError
from imaging.read_json import read_json
from imaging.resampling import AIR_HU, isotropic_grid
from imaging.volume import Array, Grid, Unit, Volume
from segmentation.bundle import BundleError
from segmentation.foreign.recipe import ModelKind, Recipe, numbers_of
from segmentation.infer import Delineation
from segmentation.placement import place
from segmentation.preparation import on_grid
from segmentation.processor import choose_device, precision

#: (channels, i, j, k) on the recipe's grid to (classes, i, j, k).
Network = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class OpenedNetwork:
    """A network of other people with its recipe; ``files`` are its weights."""

    name: str
    network: torch.nn.Module
    recipe: Recipe
    files: tuple[Path, ...]
    version: str = ""


def opened(path: Path, kind: ModelKind, recipe: Recipe, *, trusted: bool = False) -> OpenedNetwork:
    """A network of either kind; see :func:`load_torchscript` and :func:`load_monai_bundle`."""
    if kind is ModelKind.TORCHSCRIPT:
        return load_torchscript(path, recipe)
    return load_monai_bundle(path, recipe, trusted=trusted)


def load_torchscript(path: Path, recipe: Recipe) -> OpenedNetwork:
    """A TorchScript file.

    Raises:
        BundleError: the file is missing or no TorchScript.
    """
    try:
        with warnings.catch_warnings():
            # torch advises authors to export; users have the files that they have.
            warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
            network = torch.jit.load(str(path), map_location="cpu").eval()  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError, OSError) as error:
        what = f"cannot be read as TorchScript: {_line_of(error)}"
        raise BundleError(what, where=path) from error
    return OpenedNetwork(path.stem, network, recipe, (path,))


def load_monai_bundle(root: Path, recipe: Recipe, *, trusted: bool = False) -> OpenedNetwork:
    """``network_def`` of a bundle's inference configuration with ``models/model.pt``.

    Args:
        trusted: run whatever the configuration says. MONAI evaluates each text that starts with
            ``$`` and calls whatever ``_target_`` names, so a bundle from elsewhere could run any
            command; without trust it may name networks of :mod:`monai.networks.nets` only.

    Raises:
        BundleError: the bundle lacks a part, asks for trust, or its weights do not fit.
    """
    config = root / "configs" / "inference.json"
    weights = root / "models" / "model.pt"
    for path in (config, weights):
        if not path.is_file():
            raise BundleError("not found", where=path, remedy="name a complete MONAI bundle")
    content = _configuration(config)
    if not trusted:
        content = {"network_def": _plain_network(content["network_def"], config)}
    try:
        network = ConfigParser(content).get_parsed_content("network_def")
        stored = torch.load(weights, map_location="cpu", weights_only=True)
        network.load_state_dict(stored.get("model", stored) if isinstance(stored, dict) else stored)
    except Exception as error:  # a configuration can fail in any way its author chose
        raise BundleError(f"the bundle cannot be used: {_line_of(error)}", where=root) from error
    return OpenedNetwork(root.name, network.eval(), recipe, (config, weights), _version(root))


def _version(root: Path) -> str:
    try:
        return str(read_json(root / "configs" / "metadata.json")["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _configuration(path: Path) -> dict[str, Any]:
    try:
        content = read_json(path)
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"cannot be read as JSON: {_line_of(error)}", where=path) from error
    if not isinstance(content, dict) or "network_def" not in content:
        raise BundleError("defines no network_def", where=path, remedy="name a MONAI bundle")
    return content


def _plain_network(definition: Any, path: Path) -> Any:
    """The definition as it is, where it does nothing but build a network of MONAI."""
    remedy = "read the configuration; load it with --trust (trusted=True) if you trust its author"
    known = {name for name in dir(nets) if isinstance(getattr(nets, name), type)}
    for key, value in _entries(definition):
        runs = isinstance(value, str) and value.startswith(("$", "@", "%"))
        if key == "_target_":
            runs = runs or str(value).removeprefix("monai.networks.nets.") not in known
        elif key.startswith(("_", "$")):
            runs = True
        if runs:
            what = f"network_def would run code: {key or 'a value'} is {str(value)[:60]!r}"
            raise BundleError(what, where=path, remedy=remedy)
    return definition


def _entries(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of nested JSON with its key, the containers too."""
    yield key, value
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _entries(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _entries(inner)


def _line_of(error: BaseException) -> str:
    """What an error says, in a line; its name where it says nothing."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def delineate(
    model: OpenedNetwork, ct: Volume, suv: Volume | None, *, device: str = "auto"
) -> Delineation:
    """Lesions by another network, with the output of our own.

    Args:
        suv: needed where the recipe has the channel.
    """
    recipe = model.recipe
    begun = time.perf_counter()
    chosen = choose_device(device)
    grid = isotropic_grid(ct.grid, recipe.spacing_mm)
    image = np.stack([_channel(name, ct, suv, grid, recipe) for name in recipe.channels])
    network = model.network.to(chosen)
    with precision(chosen):
        output: Any = sliding_window_inference(
            torch.from_numpy(image)[None].to(chosen),
            (recipe.window,) * 3,
            sw_batch_size=1,
            predictor=network,
            overlap=0.25,
            mode="gaussian",
        )
    logit = _lesion_logit(output.float().cpu()[0], recipe)
    answer = Volume(logit, grid, Unit.OTHER, model.name)
    found = place(answer, ct.grid, source=model.name)
    seconds = (("network", time.perf_counter() - begun),)
    return Delineation(ct.grid, found, model.name, str(chosen), seconds, logit=answer)


def _channel(name: str, ct: Volume, suv: Volume | None, grid: Grid, recipe: Recipe) -> Array:
    if name == "ct":
        low, high = recipe.ct_window_hu
        values = on_grid(ct, grid, fill=AIR_HU)
    else:
        assert suv is not None
        low, high = recipe.suv_window
        values = on_grid(suv, grid, fill=0.0)
    return np.asarray((np.clip(values, low, high) - low) / (high - low), dtype=np.float32)


def _lesion_logit(output: torch.Tensor, recipe: Recipe) -> Array:
    """How much higher a lesion's channel is than every other; above 0 is lesion.

    A single channel is a logit itself; of several, the recipe names those that are lesion, or it is
    the second of two.
    """
    classes = int(output.shape[0])
    if classes == 1:
        return np.asarray(output[0])
    names = {str(number): number for number in range(1, classes)}
    lesions = numbers_of(recipe, names, Path("the network's output"))
    if not lesions <= set(range(classes)):
        raise InputError(f"no output channel {max(lesions)}: there are {classes}")
    others = [n for n in range(classes) if n not in lesions]
    return np.asarray(output[sorted(lesions)].amax(dim=0) - output[others].amax(dim=0))
