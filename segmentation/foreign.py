"""Other people's networks from a local path: TorchScript, MONAI bundle, nnU-Net v2.

Nothing is downloaded. A TorchScript file is code, and a MONAI bundle's configuration can run code:
unless the caller trusts the bundle, only a plain network of MONAI with plain settings is built from
it. What a network expects (spacing, channels, intensities) is not in its
weights; a :class:`Recipe` says it.
"""

from __future__ import annotations

import json
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
from imaging.resampling import AIR_HU, isotropic_grid
from imaging.volume import Array, Grid, Unit, Volume
from segmentation.bundle import BundleError
from segmentation.infer import Delineation
from segmentation.placement import place
from segmentation.preparation import on_grid
from segmentation.processor import choose_device, precision

#: (channels, i, j, k) on the recipe's grid to (classes, i, j, k).
Network = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How another network wants its images.

    Attributes:
        spacing_mm: isotropic.
        channels: of "ct" and "suv", in order.
        ct_window_hu, suv_window: clipped to these and scaled to 0..1.
        window: side of its sliding window in voxels.
        lesion: the output channel that is lesion; a single channel is taken as a logit.
    """

    spacing_mm: float = 1.5
    channels: tuple[str, ...] = ("ct",)
    ct_window_hu: tuple[float, float] = (-1000.0, 1000.0)
    suv_window: tuple[float, float] = (0.0, 20.0)
    window: int = 96
    lesion: int = 1

    def __post_init__(self) -> None:
        if not self.channels or set(self.channels) - {"ct", "suv"}:
            raise InputError(f"channels {self.channels}", remedy="of ct and suv")
        if self.spacing_mm <= 0 or self.window < 8:
            raise InputError("a recipe needs a positive spacing and a window of 8 voxels or more")


@dataclass(frozen=True, slots=True, eq=False)
class ForeignModel:
    """A network of other people with its recipe."""

    name: str
    network: torch.nn.Module
    recipe: Recipe


def load_torchscript(path: Path, recipe: Recipe) -> ForeignModel:
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
    return ForeignModel(path.stem, network, recipe)


def load_monai_bundle(root: Path, recipe: Recipe, *, trusted: bool = False) -> ForeignModel:
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
    return ForeignModel(root.name, network.eval(), recipe)


def _configuration(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"cannot be read as JSON: {_line_of(error)}", where=path) from error
    if not isinstance(content, dict) or "network_def" not in content:
        raise BundleError("defines no network_def", where=path, remedy="name a MONAI bundle")
    return content


def _plain_network(definition: Any, path: Path) -> Any:
    """The definition as it is, where it does nothing but build a network of MONAI."""
    remedy = "read the configuration; load it with trusted=True if you trust its author"
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


def delineate_with(
    model: ForeignModel, ct: Volume, suv: Volume | None, *, device: str = "auto"
) -> Delineation:
    """Lesions by another network, with the output of our own.

    Raises:
        InputError: its recipe asks for a PET that there is not.
    """
    recipe = model.recipe
    if "suv" in recipe.channels and suv is None:
        raise InputError(f"{model.name} needs a PET")
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
    """How much higher the lesion's channel is than every other; above 0 is lesion."""
    if output.shape[0] == 1:
        return np.asarray(output[0])
    if recipe.lesion >= output.shape[0]:
        raise InputError(f"no output channel {recipe.lesion}: there are {output.shape[0]}")
    others = [n for n in range(output.shape[0]) if n != recipe.lesion]
    return np.asarray(output[recipe.lesion] - output[others].amax(dim=0))


def delineate_with_nnunet(
    folder: Path, ct: Volume, suv: Volume | None, *, device: str = "auto", lesion: int = 1
) -> Delineation:
    """Lesions by a trained nnU-Net v2 (its result folder); needs the package ``nnunetv2``.

    Raises:
        InputError: the package is not installed, or the folder holds no trained network.
    """
    try:
        from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor  # noqa: PLC0415
    except ImportError as error:
        raise InputError("nnunetv2 is not installed", remedy="pip install nnunetv2") from error
    begun = time.perf_counter()
    chosen = choose_device(device)
    predictor = nnUNetPredictor(device=chosen, allow_tqdm=False)
    try:
        predictor.initialize_from_trained_model_folder(str(folder), use_folds=None)
    except (OSError, KeyError) as error:
        raise InputError(f"no trained nnU-Net: {error}", where=folder) from error
    images = [ct.array] if suv is None else [ct.array, on_grid(suv, ct.grid, fill=0.0)]
    # nnU-Net wants (channels, k, j, i) and the spacing in the same order.
    stacked = np.stack([image.T for image in images]).astype(np.float32)
    properties = {"spacing": list(ct.grid.spacing_mm[::-1])}
    labels = predictor.predict_single_npy_array(stacked, properties).T
    signed = np.where(labels == lesion, np.float32(1.0), np.float32(-1.0))
    answer = Volume(signed, ct.grid, Unit.OTHER, folder.name)
    found = place(answer, ct.grid, source=folder.name)
    seconds = (("network", time.perf_counter() - begun),)
    return Delineation(ct.grid, found, folder.name, str(chosen), seconds)
