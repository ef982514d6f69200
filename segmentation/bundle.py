"""The MONAI bundle that holds the lesion network: where it lies, what it is, that it is unchanged.

A bundle is a folder ``configs/metadata.json``, ``configs/inference.json``, ``models/*.pt``. Every
weight file is listed in the metadata with its SHA-256, is checked before it is read, and is read
with ``weights_only=True``: it holds tensors, never code.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imaging.errors import InputError
from imaging.read_json import read_json
from imaging.writing import write_text
from segmentation.intervals import DiameterError, errors_from

if TYPE_CHECKING:
    import torch

    from segmentation.network import LesionNet

#: The network of CT and PET, and that of small lesions on CT.
DEFAULT_BUNDLE = "lesion_ctpet"
FINE_BUNDLE = "lesion_ct"
METADATA = Path("configs") / "metadata.json"
INFERENCE = Path("configs") / "inference.json"
INTERVALS = "configs/intervals.json"


class BundleError(InputError):
    """A bundle that is missing, incomplete or not what its metadata says."""


class WeightsMissingError(BundleError):
    """A weight file that the metadata lists is not there."""


class HashMismatchError(BundleError):
    """A weight file differs from the one the metadata describes."""


class NetworkKind(StrEnum):
    """How a bundle's network looks at an image: ``kind`` of its inference configuration.

    COARSE sees the body at one spacing, FINE one lesion on a grid matched to it
    (:mod:`segmentation.fine`).
    """

    COARSE = "coarse"
    FINE = "fine"


@dataclass(frozen=True, slots=True)
class Weights:
    """A weight file: path below the bundle, SHA-256, and what it was trained on."""

    file: str
    sha256: str
    trained_on: str


#: What a bundle of ours names as its network.
OUR_NETWORK = "segmentation.network.LesionNet"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A checked bundle; its networks are read when first asked for.

    Attributes:
        name, version: as in the metadata.
        root: the bundle's folder.
        weights: the first file is the network for every use, the others are the folds'.
        network: arguments of :class:`~segmentation.network.LesionNet`.
        spacing_mm: edge of the network's voxels.
        threshold: probability from which a voxel is lesion.
        kind: how its network looks at an image.
        errors: of diameters, by the kind of prompt ("automatic" is none), where measured.
        candidates: trees that judge candidates in the lung, a file of arrays; none or one.
    """

    name: str
    version: str
    root: Path
    weights: tuple[Weights, ...]
    network: tuple[tuple[str, Any], ...]
    spacing_mm: float
    threshold: float
    kind: NetworkKind = NetworkKind.COARSE
    errors: tuple[tuple[str, DiameterError], ...] = ()
    candidates: tuple[Weights, ...] = ()

    @property
    def sha256(self) -> str:
        """The hash of the network for every use."""
        return self.weights[0].sha256

    def error_of(self, kind: str) -> DiameterError | None:
        """The error of a diameter after a kind of prompt; None where it was never measured."""
        return dict(self.errors).get(kind)

    @property
    def source(self) -> str:
        """How results name the model."""
        return f"{self.name} {self.version} ({self.sha256[:12]})"

    def networks(self, *, ensemble: bool = False) -> tuple[LesionNet, ...]:
        """The network for every use, and with ``ensemble`` those of the folds after it."""
        files = self.weights if ensemble else self.weights[:1]
        return tuple(_network(self, weights) for weights in files)

    @property
    def candidate_trees(self) -> Path | None:
        """The file that judges candidates in the lung (:mod:`segmentation.trees`)."""
        return self.root / self.candidates[0].file if self.candidates else None


def bundle_folders() -> tuple[Path, ...]:
    """Where bundles are looked for: beside the package, then under the installation's prefix."""
    beside = Path(__file__).resolve().parents[1] / "models"
    return beside, Path(sys.prefix) / "share" / "recist" / "models"


def load_bundle(path: Path | None = None, *, name: str = DEFAULT_BUNDLE) -> Bundle:
    """Open a bundle and check every weight file.

    Args:
        path: the bundle's folder; None finds the one of this name that ships with the toolkit.

    Raises:
        WeightsMissingError: a weight file is not there.
        HashMismatchError: a weight file was altered.
        BundleError: the folder is no bundle of this network.
    """
    root = _shipped_root(name) if path is None else Path(path)
    metadata = _read_json(root / METADATA)
    inference = _read_json(root / INFERENCE)
    try:
        weights = tuple(Weights(**entry) for entry in metadata["weights"])
        definition = dict(inference["network_def"])
        target = definition.pop("_target_")
        bundle = Bundle(
            name=str(metadata["name"]),
            version=str(metadata["version"]),
            root=root,
            weights=weights,
            network=tuple(
                (key, tuple(value) if isinstance(value, list) else value)
                for key, value in definition.items()
            ),
            spacing_mm=float(inference["spacing_mm"]),
            threshold=float(inference["threshold"]),
            kind=NetworkKind(inference.get("kind", NetworkKind.COARSE)),
            errors=_errors(root / INTERVALS),
            candidates=tuple(Weights(**entry) for entry in metadata.get("candidates", ())),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(
            f"the bundle lacks or garbles {error}", where=root, remedy="use an unaltered bundle"
        ) from error
    if target != OUR_NETWORK or not weights:
        raise BundleError(
            f"holds {target}, not the lesion network",
            where=root,
            remedy="load other models with segmentation.foreign",
        )
    for entry in (*weights, *bundle.candidates):
        _check(root, entry)
    return bundle


def _errors(path: Path) -> tuple[tuple[str, DiameterError], ...]:
    """What a bundle knows of the errors of its diameters; nothing where it has no such file."""
    return tuple(errors_from(_read_json(path)).items()) if path.is_file() else ()


def names_our_network(root: Path) -> bool:
    """Whether a folder is a bundle of the lesion network, by its own words."""
    try:
        return bool(_read_json(root / INFERENCE)["network_def"]["_target_"] == OUR_NETWORK)
    except (BundleError, KeyError, TypeError):
        return False


def record_weights(root: Path, states: dict[str, tuple[dict[str, torch.Tensor], str]]) -> None:
    """Write weight files in half precision and list them in the metadata.

    Args:
        states: file name below ``models`` to (state, what it was trained on), in the order in
            which the bundle lists them.
    """
    import torch  # noqa: PLC0415 - a run without a network does without

    (root / "models").mkdir(parents=True, exist_ok=True)
    entries = []
    for name, (state, trained_on) in states.items():
        path = root / "models" / name
        torch.save({key: value.half().cpu().contiguous() for key, value in state.items()}, path)
        entries.append(
            {"file": f"models/{name}", "sha256": file_sha256(path), "trained_on": trained_on}
        )
    metadata = _read_json(root / METADATA)
    metadata["weights"] = entries
    write_text(root / METADATA, json.dumps(metadata, indent=2, ensure_ascii=False) + "\n")


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, as sha256sum prints it."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _shipped_root(name: str) -> Path:
    for folder in bundle_folders():
        if (folder / name / METADATA).is_file():
            return folder / name
    raise BundleError(
        f"the bundle {name} was not found",
        where=" or ".join(str(folder) for folder in bundle_folders()),
        remedy="reinstall, or name a bundle's folder",
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = read_json(path)
    except FileNotFoundError:
        raise BundleError(
            "not found", where=path, remedy="name the folder that holds configs and models"
        ) from None
    except (OSError, ValueError) as error:
        raise BundleError(f"cannot be read: {error}", where=path) from error
    if not isinstance(found, dict):
        raise BundleError("does not hold a JSON object", where=path)
    return found


def _check(root: Path, weights: Weights) -> None:
    path = root / weights.file
    if not path.is_file():
        raise WeightsMissingError(
            "the weight file is missing", where=path, remedy="fetch the complete bundle again"
        )
    found = file_sha256(path)
    if found != weights.sha256:
        raise HashMismatchError(
            f"SHA-256 is {found[:12]}..., the metadata says {weights.sha256[:12]}...",
            where=path,
            remedy="fetch the bundle again; do not use altered weights",
        )


def trainable(bundle: Bundle, weights: Weights) -> LesionNet:
    """A network of a bundle, new with each call, whose weights may be changed.

    Raises:
        BundleError: the weights are of another network.
    """
    import torch  # noqa: PLC0415 - a run without a network does without

    from segmentation.network import LesionNet  # noqa: PLC0415 - as above

    network = LesionNet(**dict(bundle.network))
    path = bundle.root / weights.file
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict({name: value.float() for name, value in stored.items()})
    except (RuntimeError, AttributeError, ValueError, EOFError) as error:
        raise BundleError(f"the weights do not fit the network: {error}", where=path) from error
    return network


@lru_cache(maxsize=16)
def _network(bundle: Bundle, weights: Weights) -> LesionNet:
    from segmentation.network import direct  # noqa: PLC0415 - as above

    return direct(trainable(bundle, weights)).eval().requires_grad_(False)
