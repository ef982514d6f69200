"""The networks of a bundle on a device, asked together about a window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

import torch

from segmentation.bundle import Bundle
from segmentation.network import LesionNet, channels_last
from segmentation.processor import precision
from segmentation.windows import LONGEST_SIDE

#: Windows are made smaller down to this side when a GPU's memory does not suffice.
SHORTEST_SIDE = 32
#: Axes of the batch that are mirrored; left-right and front-back, and both.
MIRRORS: tuple[tuple[int, ...], ...] = ((), (2,), (3,), (2, 3))

#: Windows that a GPU answers at once.
WINDOWS_ON_GPU = 8

Result = TypeVar("Result")
#: The mean logits (n, i, j, k) of a batch of windows (n, channels, i, j, k), both on the device.
Ask: TypeAlias = Callable[[torch.Tensor], torch.Tensor]


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
        self.at_once = 1 if device.type == "cpu" else WINDOWS_ON_GPU
        self._placed: dict[int, LesionNet] = {}

    @property
    def name(self) -> str:
        with precision(self.device, bf16=self.bf16) as dtype:
            return f"{self.device} {str(dtype).removeprefix('torch.')}"

    def asking_one(self) -> Ask:
        """How a window is answered in the first pass over a body."""
        networks = self.bundle.networks()
        return lambda images: self.answer(images, networks, MIRRORS[:1])

    def asking(self, *, mirrored: bool) -> Ask:
        """How a window is answered around a prompt or a candidate: by all networks."""
        networks = self.bundle.networks(ensemble=True)
        mirrors = MIRRORS if mirrored else MIRRORS[:1]
        return lambda images: self.answer(images, networks, mirrors)

    def asking_each(self, *, mirrored: bool) -> tuple[Ask, ...]:
        """The same networks one by one: where they disagree, the answer is doubtful."""
        mirrors = MIRRORS if mirrored else MIRRORS[:1]

        def ask(network: LesionNet) -> Ask:
            return lambda images: self.answer(images, [network], mirrors)

        return tuple(ask(network) for network in self.bundle.networks(ensemble=True))

    def within_memory(self, compute: Callable[[], Result]) -> Result:
        """Run with fewer windows at once, then smaller ones, at last on the CPU, until it fits."""
        while True:
            try:
                return compute()
            except torch.cuda.OutOfMemoryError:
                self._shrink()

    def _shrink(self) -> None:
        self._placed.clear()
        if self.at_once > 1:
            self.at_once = 1
        elif self.longest > SHORTEST_SIDE:
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
        self,
        images: torch.Tensor,
        networks: Sequence[LesionNet],
        mirrors: Sequence[tuple[int, ...]],
    ) -> torch.Tensor:
        """Mean logits (n, i, j, k) of windows (n, 3, i, j, k) over networks and mirrorings."""
        batch = images.to(self.device)
        total = torch.zeros_like(batch[:, :1])
        with precision(self.device, bf16=self.bf16):
            for network in networks:
                placed = self._on_device(network)
                for axes in mirrors:
                    seen = batch.flip(axes) if axes else batch
                    seen = seen.contiguous(memory_format=torch.channels_last_3d)
                    logit = placed(seen).float()
                    total += logit.flip(axes) if axes else logit
        return (total / (len(networks) * len(mirrors)))[:, 0]

    def _on_device(self, network: LesionNet) -> LesionNet:
        if id(network) not in self._placed:
            self._placed[id(network)] = channels_last(network.to(self.device))
        return self._placed[id(network)]
