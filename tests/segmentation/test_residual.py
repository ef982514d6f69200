"""The body of the lesion network is MONAI's SegResNet, without the rest of MONAI."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from monai.networks.nets.segresnet import SegResNet
from monai.networks.utils import pixelshuffle

from segmentation.residual import ResidualBody, pixels_shuffled


@pytest.mark.parametrize(
    ("filters", "down", "up"), [(16, (1, 2, 4), (1, 1)), (8, (1, 2, 2, 3), (1, 2, 1))]
)
def test_it_has_the_weights_and_the_answers_of_segresnet(
    filters: int, down: tuple[int, ...], up: tuple[int, ...]
) -> None:
    torch.manual_seed(3)
    theirs = SegResNet(3, filters, filters, 8, blocks_down=down, blocks_up=up)
    torch.manual_seed(3)
    ours = ResidualBody(filters, 8, filters=filters, blocks_down=down, blocks_up=up)
    weights, expected = ours.state_dict(), theirs.state_dict()
    assert list(weights) == list(expected)
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    image = torch.randn(2, filters, 16, 8, 24)
    answer, wanted = ours(image), theirs(image)
    assert torch.equal(answer, wanted)
    answer.square().mean().backward()
    wanted.square().mean().backward()
    gradients = zip(ours.parameters(), theirs.parameters(), strict=True)
    assert all(torch.equal(one.grad, other.grad) for one, other in gradients)


def test_pixels_are_shuffled_as_there() -> None:
    image = torch.randn(2, 16, 3, 4, 5)
    assert torch.equal(pixels_shuffled(image, 2), pixelshuffle(image, 3, 2))


def test_the_network_needs_no_monai() -> None:
    code = (
        "import sys; from segmentation.network import LesionNet; LesionNet(); "
        "print(sorted({'monai', 'pandas', 'matplotlib', 'nibabel'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "[]", ran.stderr
