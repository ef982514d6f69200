"""The networks of a bundle on a device, asked together about a window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch

from imaging.volume import Array
from segmentation.bundle import Bundle
from segmentation.network import LesionNet, channels_last
from segmentation.processor import precision
from segmentation.windows import LONGEST_SIDE

#: Windows are made smaller down to this side when a GPU's memory does not suffice.
SHORTEST_SIDE = 32
#: Axes of the batch that are mirrored; left-right and front-back, and both.
MIRRORS: tuple[tuple[int, ...], ...] = ((), (2,), (3,), (2, 3))

Result = TypeVar("Result")


class Networks:
    """The bundle's networks on a device; smaller windows, then the CPU, when memory is short."""

    def __init__(
        self, bundle: Bundle, device: torch.device, bf16: bool | None, warnings: list[str]
    ) -> None:
        self.bundle = bundle
        self.device = device
        self.bf16 = bf16
        self.warnings = warnings
        self.longest = LONGEST_SIDE
        self._placed: dict[int, LesionNet] = {}

    @property
    def name(self) -> str:
        with precision(self.device, bf16=self.bf16) as dtype:
            return f"{self.device} {str(dtype).removeprefix('torch.')}"

    def asking_one(self) -> Callable[[Array], Array]:
        """How a window is answered in the first pass over a body."""
        networks = self.bundle.networks()
        return lambda image: self.answer(image, networks, MIRRORS[:1])

    def asking(self, *, mirrored: bool) -> Callable[[Array], Array]:
        """How a window is answered around a prompt or a candidate: by all networks."""
        networks = self.bundle.networks(ensemble=True)
        mirrors = MIRRORS if mirrored else MIRRORS[:1]
        return lambda image: self.answer(image, networks, mirrors)

    def within_memory(self, compute: Callable[[], Result]) -> Result:
        """Run with ever smaller windows, at last on the CPU, until it fits."""
        while True:
            try:
                return compute()
            except torch.cuda.OutOfMemoryError:
                self._shrink()

    def _shrink(self) -> None:
        self._placed.clear()
        if self.longest > SHORTEST_SIDE:
            self.longest //= 2
            side = self.longest * int(self.bundle.spacing_mm)
            self.warnings.append(f"GPU memory is short: windows of {side} mm were used")
        else:
            self.device = torch.device("cpu")
            self.longest = LONGEST_SIDE
            self.warnings.append("GPU memory is too short: the CPU was used")
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def answer(
        self, image: Array, networks: Sequence[LesionNet], mirrors: Sequence[tuple[int, ...]]
    ) -> Array:
        """The mean logit of a window (3, i, j, k) over networks and mirrorings, float32."""
        batch = torch.from_numpy(image)[None].to(self.device)
        total = torch.zeros_like(batch[:, :1])
        with precision(self.device, bf16=self.bf16):
            for network in networks:
                placed = self._on_device(network)
                for axes in mirrors:
                    seen = batch.flip(axes) if axes else batch
                    seen = seen.contiguous(memory_format=torch.channels_last_3d)
                    logit = placed(seen).float()
                    total += logit.flip(axes) if axes else logit
        mean = total / (len(networks) * len(mirrors))
        return np.asarray(mean[0, 0].cpu())

    def _on_device(self, network: LesionNet) -> LesionNet:
        if id(network) not in self._placed:
            self._placed[id(network)] = channels_last(network.to(self.device))
        return self._placed[id(network)]
