"""Which processor runs the network, and in which precision it is worth running."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from imaging.errors import InputError


def choose_device(wanted: str = "auto") -> torch.device:
    """``auto`` is the GPU where there is one, else the CPU.

    Raises:
        InputError: a device that this machine or this build of torch does not have.
    """
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise InputError(f"no such device: {wanted}", remedy="use auto, cpu or cuda") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "no CUDA device is available",
            remedy="use --device cpu, or install a CUDA build of torch",
        )
    return device


def has_fast_bf16(device: torch.device) -> bool:
    """Whether bf16 pays: GPUs since Ampere, processors with AVX512-BF16 or AMX."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type != "cpu":
        return False
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, probe, lambda: False)() for probe in probes)


@contextmanager
def precision(device: torch.device, *, bf16: bool | None = None) -> Iterator[torch.dtype]:
    """Inference mode, in bf16 where it pays (or as told); yields the type computed in."""
    reduced = has_fast_bf16(device) if bf16 is None else bf16
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=reduced):
        yield torch.bfloat16 if reduced else torch.float32
