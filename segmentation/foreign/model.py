"""Other people's models: opens what lies at a path, and asks it for lesions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imaging.errors import InputError
from imaging.volume import Volume
from segmentation.bundle import Bundle, BundleError, load_bundle, names_our_network
from segmentation.foreign import label_maps, nnunet
from segmentation.foreign.recipe import RECIPE_NAME, ModelKind, Recipe, read_recipe
from segmentation.infer import Delineation, check_images
from segmentation.placement import meant
from segmentation.prompts import Prompt

TORCHSCRIPT_SUFFIXES = (".pt", ".pth", ".ts", ".torchscript")
NIFTI_SUFFIXES = (".nii", ".nii.gz")
#: The head of the folder of a fold in an nnU-Net result.
FOLD = "fold_"


@dataclass(frozen=True, slots=True, eq=False)
class ForeignModel:
    """A model of other people.

    Attributes:
        name, version: as its author calls it; an empty version where none is told.
        sha256: of its weights or label maps, so that a result says which they were.
        kind: what it is.
        files: what its answers depend on.
        needs_pet: whether it cannot answer without one.
        answer: CT, SUV, device and the names of the examination to a delineation.
    """

    name: str
    version: str
    sha256: str
    kind: ModelKind
    files: tuple[Path, ...]
    needs_pet: bool
    answer: Callable[[Volume, Volume | None, str, Sequence[str]], Delineation]

    @property
    def source(self) -> str:
        """How results name the model."""
        told = f"{self.name} {self.version}".strip()
        return f"{told} ({self.sha256[:12]})"


def open_model(path: Path, *, trusted: bool = False) -> Bundle | ForeignModel:
    """Whatever lies at a path: a bundle of ours, another model, or the recipe of one.

    Args:
        path: a MONAI bundle, a TorchScript file, a result folder of nnU-Net v2, a folder of label
            maps, or a TOML file (:mod:`segmentation.foreign.recipe`) that names one of these. A
            folder may hold its own ``recist.toml``.
        trusted: whether a bundle's configuration may run code.

    Raises:
        InputError: nothing that can be used lies there, and why.
    """
    if path.suffix == ".toml":
        recipe = read_recipe(path)
        if recipe.path is None:
            raise InputError("says no path of the model", where=path, remedy='path = "FOLDER"')
        return _opened(recipe.path, recipe, trusted, named=True)
    beside = path / RECIPE_NAME if path.is_dir() else path.with_suffix(".toml")
    named = beside.is_file()
    return _opened(path, read_recipe(beside) if named else Recipe(), trusted, named=named)


def _opened(path: Path, recipe: Recipe, trusted: bool, *, named: bool) -> Bundle | ForeignModel:
    if not path.exists():
        raise InputError("no model lies here", where=path)
    if recipe.kind is None and names_our_network(path):
        return load_bundle(path)
    kind = recipe.kind or kind_at(path)
    if kind is ModelKind.NNUNET:
        trained = nnunet.Trained.at(path, recipe)
        return ForeignModel(
            trained.name,
            "",
            hash_of(trained.weights),
            kind,
            trained.weights,
            "suv" in trained.channels,
            lambda ct, suv, device, _: nnunet.delineate(trained, ct, suv, device=device),
        )
    if kind is ModelKind.LABEL_MAPS:
        written = label_maps.LabelMapFiles.at(path, recipe)
        return ForeignModel(
            path.name,
            "",
            hash_of(written.files),
            kind,
            written.files,
            False,
            lambda ct, _suv, _device, names: label_maps.delineate(written, ct, names),
        )
    if not named:
        raise InputError(
            "what this network expects is not in its weights",
            where=path,
            remedy=f"write {RECIPE_NAME} into its folder: channels, spacing_mm, window, "
            "ct_window_hu, suv_window, lesions",
        )
    from segmentation.foreign import networks  # noqa: PLC0415 - MONAI takes seconds to load

    opened = networks.opened(path, kind, recipe, trusted=trusted)
    return ForeignModel(
        opened.name,
        opened.version,
        hash_of(opened.files),
        kind,
        opened.files,
        "suv" in recipe.channels,
        lambda ct, suv, device, _: networks.delineate(opened, ct, suv, device=device),
    )


def kind_at(path: Path) -> ModelKind:
    """What lies at a path, by the names of its files.

    Raises:
        BundleError: nothing that is known.
    """
    if path.is_file() and path.suffix in TORCHSCRIPT_SUFFIXES:
        return ModelKind.TORCHSCRIPT
    if (path / "configs" / "inference.json").is_file():
        return ModelKind.MONAI
    if (path / "plans.json").is_file() and any(path.glob(f"{FOLD}*")):
        return ModelKind.NNUNET
    if path.is_dir() and any(one.name.endswith(NIFTI_SUFFIXES) for one in path.rglob("*.nii*")):
        return ModelKind.LABEL_MAPS
    raise BundleError(
        "is no model that is known",
        where=path,
        remedy="give a MONAI bundle, a TorchScript file, a result folder of nnU-Net v2 "
        "(with plans.json and fold_0) or a folder of NIfTI label maps",
    )


def hash_of(files: Iterable[Path]) -> str:
    """One SHA-256 over the contents of files, in their order."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def delineate_with(
    model: ForeignModel,
    ct: Volume,
    suv: Volume | None,
    *,
    device: str = "auto",
    prompt: Prompt | None = None,
    names: Sequence[str] = (),
) -> Delineation:
    """Lesions by another model, in the form of our own.

    Args:
        prompt: means one of what was found; the model itself sees no prompt.
        names: what the examination is called (subject, date, file): label maps are found by it.

    Raises:
        InputError: the model asks for a PET that there is not, or has no answer for this case.
    """
    if model.needs_pet and suv is None:
        raise InputError(f"{model.name} needs a PET")
    warnings = [text for text in check_images(ct, suv) if "the network saw" not in text]
    found = model.answer(ct, suv, device, names)
    candidates = found.candidates
    if prompt is not None:
        candidates = meant(candidates, prompt, warnings)
    named = tuple(replace(one, source=model.source) for one in candidates)
    return replace(
        found,
        candidates=named,
        model=model.source,
        warnings=(*warnings, *found.warnings),
    )
