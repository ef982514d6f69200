"""The network: what comes out must not depend on how a convolution is computed."""

from __future__ import annotations

import pytest
import torch

from segmentation.network import DirectConv3d, LesionNet, channels_last, direct


@pytest.fixture
def network() -> LesionNet:
    torch.manual_seed(0)
    return LesionNet(8, (1, 1), (1,)).eval()


@pytest.mark.parametrize("batch", [1, 2])
def test_the_direct_convolution_gives_the_same_logit(network: LesionNet, batch: int) -> None:
    image = torch.rand(batch, 3, 24, 16, 32)
    with torch.inference_mode():
        usual = channels_last(network)(image)
        fast = channels_last(direct(network))(image)
    assert {type(m) for m in network.modules() if isinstance(m, torch.nn.Conv3d)} == {DirectConv3d}
    torch.testing.assert_close(fast, usual, atol=1e-4, rtol=1e-4)


def test_a_direct_convolution_can_be_trained(network: LesionNet) -> None:
    torch.autograd.backward(direct(network)(torch.rand(1, 3, 16, 16, 16)).mean())
    gradients = [weights.grad for weights in network.stem.parameters()]
    assert gradients and not any(one is None for one in gradients)


def test_a_single_window_takes_the_direct_kernel(
    network: LesionNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = []

    def usual(self: torch.nn.Conv3d, image: torch.Tensor) -> torch.Tensor:
        called.append(tuple(image.shape))
        raise AssertionError

    monkeypatch.setattr(torch.nn.Conv3d, "forward", usual)
    with torch.inference_mode():
        direct(network)(torch.rand(1, 3, 16, 16, 16))
    assert called == []


def test_the_number_of_channels_is_a_setting() -> None:
    assert LesionNet(8, (1,), (), channels=4)(torch.rand(1, 4, 8, 8, 8)).shape == (1, 1, 8, 8, 8)
