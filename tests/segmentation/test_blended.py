"""Windows answered several at once, and blended where they are answered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from segmentation.blended import NO_LESION, blended
from segmentation.bundle import load_bundle
from segmentation.ensemble import Networks
from segmentation.windows import windows

CPU = torch.device("cpu")
#: Beyond the image on some sides, so that windows stick out of it.
BOX = (slice(-4, 40), slice(3, 40), slice(5, 30))


def channels() -> tuple[np.ndarray, None, np.ndarray]:
    random = np.random.default_rng(5)
    ct, prompt = (random.random((36, 40, 28), dtype=np.float32) for _ in range(2))
    prompt.setflags(write=False)  # as images are
    return ct, None, prompt


def test_several_windows_at_once_give_what_each_gives(tiny_bundle: Path) -> None:
    networks = Networks(load_bundle(tiny_bundle), CPU, False, [])
    parts = windows(BOX, longest=16)
    assert len(parts) > 5
    told: list[float] = []
    one = blended(channels(), parts, networks.asking(mirrored=False), networks, told.append)
    assert told[-1] == 1.0
    assert len(told) == len(parts)
    networks.at_once = 4
    told.clear()
    several = blended(channels(), parts, networks.asking(mirrored=False), networks, told.append)
    assert len(told) == -(-len(parts) // 4)
    assert np.allclose(one, several, atol=1e-4)
    assert (one[:, :3] == NO_LESION).all()
    assert (one[:, 3:, 5:30] != NO_LESION).all()


def test_of_one_constant_answer_the_blend_is_that_answer(tiny_bundle: Path) -> None:
    networks = Networks(load_bundle(tiny_bundle), CPU, False, [])
    shapes: list[tuple[int, ...]] = []

    def ask(images: torch.Tensor) -> torch.Tensor:
        shapes.append(tuple(images.shape))
        assert (images[:, 1] == 0).all()  # the channel that is not there
        return torch.full((len(images), *images.shape[2:]), 3.0)

    networks.at_once = 3
    logit = blended(channels(), windows(BOX, longest=16), ask, networks)
    inside = logit[: BOX[0].stop, 3:, 5:30]
    assert np.allclose(inside, 3.0)
    assert {shape[1] for shape in shapes} == {3}


def test_a_part_of_the_grid_is_that_part_of_the_whole(tiny_bundle: Path) -> None:
    networks = Networks(load_bundle(tiny_bundle), CPU, False, [])
    parts, ask = windows(BOX, longest=16), networks.asking(mirrored=False)
    whole = blended(channels(), parts, ask, networks)
    assert whole.shape == (36, 40, 28)
    beyond = (slice(8, 44), slice(0, 20), slice(2, 9))  # the image, and the windows, on some sides
    part = blended(channels(), parts, ask, networks, within=beyond)
    assert np.array_equal(part, whole[beyond])
    assert (part[:, :3] == NO_LESION).all()
    assert (part[:, 3:, 3:] != NO_LESION).all()
    nothing = blended(channels(), [], ask, networks, within=beyond)
    assert nothing.shape == part.shape
    assert (nothing == NO_LESION).all()


def test_short_memory_first_asks_fewer_at_once(tiny_bundle: Path) -> None:
    warnings: list[str] = []
    networks = Networks(load_bundle(tiny_bundle), CPU, False, warnings)
    networks.at_once, longest = 8, networks.longest
    tries: list[tuple[int, int]] = []

    def compute() -> str:
        tries.append((networks.at_once, networks.longest))
        if len(tries) < 3:
            raise torch.cuda.OutOfMemoryError
        return "done"

    assert networks.within_memory(compute) == "done"
    assert tries == [(8, longest), (1, longest), (1, longest // 2)]
    assert len(warnings) == 1
