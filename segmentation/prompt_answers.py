"""The one lesion that a prompt means: what the networks say around it, placed on the CT."""

from __future__ import annotations

from dataclasses import dataclass

from imaging.volume import Grid, Unit, Volume
from segmentation import prompts
from segmentation.blended import NO_LESION
from segmentation.ensemble import Networks
from segmentation.inference_quality import InferenceQuality
from segmentation.instances import Candidate
from segmentation.lesion_uptake import uptake_shift_mm
from segmentation.placement import meant, place
from segmentation.prompts import Line, Prompt
from segmentation.window_answers import Channels, Look, PromptedLogits, around
from segmentation.windows import Box

#: Where the uptake lies this far from the middle of what was found, it does not show the lesion (a
#: hot nodule in fat, a rim): what the network finds without PET is added. Of 40 sarcomas two were
#: of this kind: with a click Dice 0.22 became 0.58 and 0.62 became 0.59, the mean of all 40 went
#: from 0.778 to 0.786. The distance was chosen on these patients.
UPTAKE_ELSEWHERE_MM = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class PromptAnswers:
    """An image before the networks, to be asked about places in it.

    Attributes:
        look: gives the image in a box of ``grid``, the network's.
        suv: the PET as it was given; None without one.
        ct_grid: the grid of the answers.
        level: the logit from which a voxel is lesion.
        source: the name of the model.
    """

    look: Look
    suv: Volume | None
    grid: Grid
    ct_grid: Grid
    network: Networks
    quality: InferenceQuality
    level: float
    source: str

    def ask(
        self, prompt: Prompt, warnings: list[str]
    ) -> tuple[tuple[Candidate, ...], PromptedLogits]:
        """The lesion meant, one or none, and what the networks say there.

        Args:
            warnings: what the reader must know is added here.
        """
        logits = around(prompt, self.look, self.grid, self.network, self.quality)
        if isinstance(prompt, Line):
            beyond = prompts.beyond_line(prompt, logits.own(self.grid))
            logits.mean[beyond] = NO_LESION
            logits.each[:, beyond] = NO_LESION
        found = meant(self._placed(logits), prompt, warnings)
        shift_mm = self._shift_mm(found)
        if shift_mm > UPTAKE_ELSEWHERE_MM:

            def on_ct(box: Box) -> Channels:
                return self.look(box)[0], None

            logits = logits.joined(around(prompt, on_ct, self.grid, self.network, self.quality))
            found = meant(self._placed(logits), prompt, warnings)
            warnings.append(
                f"uptake lies {shift_mm:.0f} mm from the middle of the lesion: what the "
                "network found without PET was added; look at the outline"
            )
        return found, logits

    def _placed(self, logits: PromptedLogits) -> tuple[Candidate, ...]:
        answer = Volume(logits.mean, logits.own(self.grid), Unit.OTHER, self.source)
        return place(answer, self.ct_grid, level=self.level, source=self.source)

    def _shift_mm(self, found: tuple[Candidate, ...]) -> float:
        """From the middle of the lesion to that of its uptake; 0 where there is none."""
        if self.suv is None or not found:
            return 0.0
        return uptake_shift_mm(found[0].mask, self.suv) or 0.0
