"""A trained nnU-Net v2: what its folder says, and its own answer against ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from imaging.errors import InputError
from imaging.masks import read_label_map
from imaging.nifti import read_nifti
from imaging.volume import Unit, Volume
from segmentation.bundle import BundleError
from segmentation.foreign import ForeignModel, delineate_with, open_model

Patient = Callable[..., tuple[Volume, Volume]]


def folder(root: Path, *, channels: dict[str, str], labels: dict[str, object]) -> Path:
    made = root / "Dataset007_Made" / "nnUNetTrainer__nnUNetPlans__3d_fullres"
    (made / "fold_0").mkdir(parents=True)
    (made / "fold_0" / "checkpoint_final.pth").write_bytes(b"weights")
    (made / "plans.json").write_text("{}")
    (made / "dataset.json").write_text(json.dumps({"channel_names": channels, "labels": labels}))
    return made


def test_the_folder_says_what_the_network_wants(tmp_path: Path) -> None:
    made = folder(tmp_path, channels={"1": "PET", "0": "CT"}, labels={"background": 0, "tumor": 1})
    model = open_model(made)
    assert isinstance(model, ForeignModel)
    assert (model.name, model.needs_pet) == ("Dataset007_Made", True)


def test_several_labels_need_to_be_told_apart(tmp_path: Path) -> None:
    labels: dict[str, object] = {"background": 0, "liver": 1, "tumor": 2}
    made = folder(tmp_path, channels={"0": "CT"}, labels=labels)
    with pytest.raises(InputError, match=r"which labels are lesions: liver \(1\), tumor \(2\)"):
        open_model(made)
    (made / "recist.toml").write_text('lesions = ["tumour"]')
    with pytest.raises(InputError, match="did you mean 'tumor'"):
        open_model(made)
    (made / "recist.toml").write_text('lesions = ["tumor"]')
    assert isinstance(open_model(made), ForeignModel)


def test_a_channel_that_is_neither_ct_nor_pet_is_named(tmp_path: Path) -> None:
    made = folder(tmp_path, channels={"0": "T1"}, labels={"background": 0, "tumor": 1})
    with pytest.raises(InputError, match="a channel is called 'T1'"):
        open_model(made)


def test_a_fold_without_its_weights(tmp_path: Path) -> None:
    made = folder(tmp_path, channels={"0": "CT"}, labels={"background": 0, "tumor": 1})
    (made / "fold_0" / "checkpoint_final.pth").unlink()
    with pytest.raises(BundleError, match="no fold holds"):
        open_model(made)


def test_without_its_package_it_says_what_to_install(
    tmp_path: Path, patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nnunetv2.inference.predict_from_raw_data", None)
    made = folder(tmp_path, channels={"0": "CT"}, labels={"background": 0, "tumor": 1})
    model = open_model(made)
    assert isinstance(model, ForeignModel)
    with pytest.raises(InputError, match="nnunetv2 is not installed"):
        delineate_with(model, patient()[0], None)


#: Plans, preprocesses and trains a network of three levels for a few steps, then answers a case
#: with nnU-Net's own reader, predictor and writer.
TRAINING = dedent(
    """
    import json, os, sys
    from pathlib import Path
    import numpy as np, SimpleITK as sitk, torch

    if __name__ == "__main__":
        torch.set_num_threads(1)
        raw = Path(os.environ["nnUNet_raw"]) / "Dataset007_Made"
        for part in ("imagesTr", "labelsTr"):
            (raw / part).mkdir(parents=True)
        rng = np.random.default_rng(7)
        for number in range(3):
            hu = rng.normal(0, 20, (24, 40, 32)).astype(np.float32)
            k, j, i = np.indices(hu.shape)
            c = rng.integers(10, 14, 3)
            away = 9 * (k - c[0]) ** 2 + 4 * (j - c[1]) ** 2 + 4 * (i - c[2]) ** 2
            ball = (away < 15**2).astype(np.uint8)
            hu += 200 * ball
            for array, name in ((hu, f"imagesTr/C{number}_0000"), (ball, f"labelsTr/C{number}")):
                image = sitk.GetImageFromArray(array)
                image.SetSpacing((2.0, 2.0, 3.0))
                image.SetOrigin((-20.0, 5.0, 30.0))
                sitk.WriteImage(image, str(raw / f"{name}.nii.gz"))
        (raw / "dataset.json").write_text(json.dumps({
            "channel_names": {"0": "CT"}, "labels": {"background": 0, "tumor": 1},
            "numTraining": 3, "file_ending": ".nii.gz"}))
        from nnunetv2.experiment_planning.plan_and_preprocess_api import (
            extract_fingerprints, plan_experiments, preprocess)
        extract_fingerprints([7], num_processes=1, check_dataset_integrity=False)
        plan_experiments([7])
        ready = Path(os.environ["nnUNet_preprocessed"]) / "Dataset007_Made"
        plans_file = ready / "nnUNetPlans.json"
        plans = json.loads(plans_file.read_text())
        own = plans["configurations"]["3d_fullres"]
        own["patch_size"], own["batch_size"] = [16, 32, 32], 2
        kwargs = own["architecture"]["arch_kwargs"]
        kwargs["n_stages"] = 3
        kwargs["features_per_stage"] = [8, 16, 16]
        for key in ("kernel_sizes", "strides", "n_conv_per_stage"):
            kwargs[key] = kwargs[key][:3]
        kwargs["n_conv_per_stage_decoder"] = kwargs["n_conv_per_stage_decoder"][:2]
        plans_file.write_text(json.dumps(plans))
        preprocess([7], configurations=["3d_fullres"], num_processes=[1])
        os.environ["nnUNet_n_proc_DA"] = "0"  # augment in this process
        from nnunetv2.run.run_training import get_trainer_from_args
        trainer = get_trainer_from_args("7", "3d_fullres", "all", "nnUNetTrainer", "nnUNetPlans",
                                        device=torch.device("cpu"))
        trainer.num_epochs, trainer.num_iterations_per_epoch = 1, 25
        trainer.num_val_iterations_per_epoch = 1
        trainer.run_training()
        from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
        predictor = nnUNetPredictor(device=torch.device("cpu"), allow_tqdm=False)
        predictor.initialize_from_trained_model_folder(sys.argv[1], use_folds=("all",))
        predictor.predict_from_files_sequential(
            [[str(raw / "imagesTr" / "C0_0000.nii.gz")]], [sys.argv[2]], save_probabilities=False)
    """
)


@pytest.mark.nnunet
@pytest.mark.slow
def test_a_network_trained_by_nnunet_answers_as_nnunet_does(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(TRAINING)
    where = {name: str(tmp_path / name) for name in ("nnUNet_raw", "nnUNet_preprocessed")}
    where["nnUNet_results"] = str(tmp_path / "results")
    trained = tmp_path / "results" / "Dataset007_Made" / "nnUNetTrainer__nnUNetPlans__3d_fullres"
    own = tmp_path / "own.nii.gz"
    done = subprocess.run(
        [sys.executable, str(script), str(trained), str(own)],
        env={**os.environ, **where, "nnUNet_n_proc_DA": "1", "nnUNet_compile": "f"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    image = tmp_path / "nnUNet_raw" / "Dataset007_Made" / "imagesTr" / "C0_0000.nii.gz"
    ct, _ = read_nifti(image, Unit.HU)
    theirs = read_label_map(own, ct.grid) == 1
    assert theirs.any(), "the network has learnt nothing: the comparison would say nothing"
    model = open_model(trained)
    assert isinstance(model, ForeignModel)
    ours = delineate_with(model, ct, None, device="cpu")
    np.testing.assert_array_equal(ours.mask(), theirs)
