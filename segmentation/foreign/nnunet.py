"""A trained nnU-Net v2, from its result folder; needs the package ``nnunetv2``.

(Isensee et al., Nat Methods 2021;18:203.) The folder says itself which channels the network wants
and what its labels are called; the spacing and the intensities are its own affair.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imaging.errors import InputError
from imaging.read_json import read_json
from imaging.volume import Array, Unit, Volume
from segmentation.bundle import BundleError
from segmentation.foreign.recipe import Recipe, numbers_of
from segmentation.infer import Delineation
from segmentation.placement import place
from segmentation.preparation import on_grid
from segmentation.processor import choose_device

#: The best weights of training are what nnU-Net's own commands use too.
CHECKPOINT = "checkpoint_final.pth"
#: How data sets name their channels.
CHANNEL_WORDS = {"ct": "ct", "pet": "suv", "pt": "suv", "suv": "suv", "petsuv": "suv"}


@dataclass(frozen=True, slots=True)
class Trained:
    """A result folder: its name, channels, lesions and the weights of its folds."""

    name: str
    folder: Path
    channels: tuple[str, ...]
    lesions: frozenset[int]
    weights: tuple[Path, ...]

    @classmethod
    def at(cls, folder: Path, recipe: Recipe) -> Trained:
        """Read what the folder says of itself; the recipe's lesions and channels come first.

        Raises:
            InputError: a part is missing, or a channel is neither CT nor PET.
        """
        path = folder / "dataset.json"
        try:
            dataset = read_json(path)
            labels = {
                str(name): value
                for name, value in dataset["labels"].items()
                if name != "background"
            }
            named = dict(sorted(dataset["channel_names"].items(), key=lambda item: int(item[0])))
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise BundleError(
                f"lacks or garbles {error}",
                where=path,
                remedy="name the folder that holds dataset.json, plans.json and fold_0",
            ) from error
        weights = tuple(sorted(folder.glob(f"fold_*/{CHECKPOINT}")))
        if not weights:
            raise BundleError(f"no fold holds {CHECKPOINT}", where=folder)
        plain = {str(name): value for name, value in labels.items() if isinstance(value, int)}
        channels = recipe.channels
        if recipe == Recipe() or len(channels) != len(named):
            channels = tuple(_channel(str(word), path) for word in named.values())
        name = folder.parent.name if folder.parent.name.startswith("Dataset") else folder.name
        return cls(name, folder, channels, numbers_of(recipe, plain, path), weights)


def _channel(word: str, where: Path) -> str:
    plain = "".join(c for c in word.lower() if c.isalpha())
    if plain not in CHANNEL_WORDS:
        raise InputError(
            f"a channel is called {word!r}",
            where=where,
            remedy='say what it is in recist.toml: channels = ["ct", "suv"]',
        )
    return CHANNEL_WORDS[plain]


def delineate(
    trained: Trained, ct: Volume, suv: Volume | None, *, device: str = "auto"
) -> Delineation:
    """Lesions by all folds of a trained nnU-Net.

    Raises:
        InputError: the package is not installed, or the folder holds no trained network.
    """
    predictor = _predictor(trained, device)
    begun = time.perf_counter()
    images = {"ct": ct.array, "suv": None if suv is None else on_grid(suv, ct.grid, fill=0.0)}
    # nnU-Net wants (channels, k, j, i) and the spacing in the same order.
    stacked = np.stack([np.asarray(images[name]).T for name in trained.channels])
    properties = {"spacing": [float(step) for step in ct.grid.spacing_mm[::-1]]}
    labels: Array = predictor.predict_single_npy_array(stacked.astype(np.float32), properties).T
    lesion = np.isin(labels, sorted(trained.lesions))
    answer = Volume(np.where(lesion, np.float32(1), np.float32(-1)), ct.grid, Unit.OTHER)
    found = place(answer, ct.grid, source=trained.name)
    seconds = (("network", time.perf_counter() - begun),)
    return Delineation(ct.grid, found, trained.name, str(choose_device(device)), seconds)


def _predictor(trained: Trained, device: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of paths that only its training needs
            from nnunetv2.inference.predict_from_raw_data import (  # noqa: PLC0415
                nnUNetPredictor,
            )
    except ImportError as error:
        raise InputError("nnunetv2 is not installed", remedy="pip install nnunetv2") from error
    predictor = nnUNetPredictor(device=choose_device(device), allow_tqdm=False)
    folds = [path.parent.name.removeprefix("fold_") for path in trained.weights]
    try:
        predictor.initialize_from_trained_model_folder(
            str(trained.folder),
            use_folds=tuple(int(fold) if fold.isdigit() else fold for fold in folds),
            checkpoint_name=CHECKPOINT,
        )
    except Exception as error:  # its own code fails in ways of its own
        what = f"nnU-Net cannot load it: {str(error).splitlines()[0] if str(error) else error!r}"
        raise BundleError(what, where=trained.folder) from error
    return predictor
