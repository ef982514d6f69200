"""A bundle is opened only when complete and unaltered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from segmentation.bundle import (
    BundleError,
    HashMismatchError,
    WeightsMissingError,
    load_bundle,
)


def test_a_complete_bundle_says_what_it_is(tiny_bundle: Path) -> None:
    bundle = load_bundle(tiny_bundle)
    assert (bundle.name, bundle.version, len(bundle.weights)) == ("tiny", "0.0.1", 2)
    assert bundle.sha256[:12] in bundle.source
    assert len(bundle.networks()) == 1
    assert len(bundle.networks(ensemble=True)) == 2


def test_the_shipped_bundle_is_whole_and_small() -> None:
    bundle = load_bundle()
    assert bundle.name == "lesion_ctpet"
    assert sum((bundle.root / w.file).stat().st_size for w in bundle.weights) < 25e6
    assert bundle.networks()[0] is bundle.networks()[0]


def test_missing_weights_are_named(tiny_bundle: Path) -> None:
    (tiny_bundle / "models" / "fold0.pt").unlink()
    with pytest.raises(WeightsMissingError, match=r"fold0\.pt"):
        load_bundle(tiny_bundle)


def test_altered_weights_are_refused(tiny_bundle: Path) -> None:
    path = tiny_bundle / "models" / "model.pt"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(HashMismatchError, match="SHA-256"):
        load_bundle(tiny_bundle)


def test_a_folder_that_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"metadata\.json"):
        load_bundle(tmp_path)


def test_weights_of_another_network_are_refused(tiny_bundle: Path) -> None:
    path = tiny_bundle / "configs" / "inference.json"
    inference = json.loads(path.read_text())
    inference["network_def"]["filters"] = 16
    path.write_text(json.dumps(inference))
    with pytest.raises(BundleError, match="do not fit"):
        load_bundle(tiny_bundle).networks()


def test_another_architecture_is_refused(tiny_bundle: Path) -> None:
    path = tiny_bundle / "configs" / "inference.json"
    inference = json.loads(path.read_text())
    inference["network_def"]["_target_"] = "monai.networks.nets.UNet"
    path.write_text(json.dumps(inference))
    with pytest.raises(BundleError, match="UNet"):
        load_bundle(tiny_bundle)
