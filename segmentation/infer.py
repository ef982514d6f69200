"""From a CT, with or without a PET, to delineated lesions.

The image is brought to the network's grid; windows fitted to the body (or around the prompt) are
answered and blended; and the answer is brought back to the CT's grid only where lesions are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imaging.errors import GeometryError
from imaging.volume import Array, BoolArray, Grid, Mask, Unit, Volume
from segmentation import prompts
from segmentation.bundle import Bundle
from segmentation.ensemble import Networks
from segmentation.inference_quality import InferenceQuality
from segmentation.instances import Candidate
from segmentation.intervals import DiameterError
from segmentation.placement import place
from segmentation.preparation import encoded, network_grid
from segmentation.processor import choose_device
from segmentation.prompt_answers import PromptAnswers
from segmentation.prompts import Prompt
from segmentation.second_look import look_again
from segmentation.stages import Progress, StageClock
from segmentation.window_answers import Look, cropped, everywhere

#: The longest training image; beyond it automatic delineation was never seen to work.
TRAINED_LENGTH_MM = 330.0


@dataclass(frozen=True, slots=True, eq=False)
class Delineation:
    """What was found in one image.

    Attributes:
        grid: the CT's grid.
        candidates: one per component, largest first.
        model: name, version and hash of the bundle, or the method.
        device: what it was computed on, with the precision.
        seconds: per stage.
        warnings: what the reader must know.
        logit: on the network's grid, after a prompt the part of it around the prompt, for quality
            flags; None for other methods.
        level: the logit from which a voxel is lesion.
        error: of its diameters, where it was measured.
        each: what each network says on its own, where several were asked about a prompt.
        beside: the outline by another method that agrees with this one.
    """

    grid: Grid
    candidates: tuple[Candidate, ...]
    model: str
    device: str = "cpu"
    seconds: tuple[tuple[str, float], ...] = ()
    warnings: tuple[str, ...] = ()
    logit: Volume | None = None
    level: float = 0.0
    error: DiameterError | None = None
    each: tuple[Volume, ...] = ()
    beside: Mask | None = None

    def mask(self) -> BoolArray:
        """All lesions on the CT grid."""
        full = np.zeros(self.grid.shape, np.bool_, order="F")
        for candidate in self.candidates:
            full[candidate.mask.box] |= candidate.mask.array
        return full

    def labels(self) -> Array:
        """uint16 (i, j, k) on the CT grid: the candidates' numbers from 1, 0 outside."""
        full = np.zeros(self.grid.shape, np.uint16, order="F")
        for number, candidate in enumerate(self.candidates, start=1):
            full[candidate.mask.box][candidate.mask.array] = number
        return full


def delineate(
    ct: Volume,
    suv: Volume | None,
    bundle: Bundle,
    *,
    device: str = "auto",
    prompt: Prompt | None = None,
    quality: InferenceQuality | str = InferenceQuality.FAST,
    bf16: bool | None = None,
    on_progress: Progress | None = None,
) -> Delineation:
    """Delineate every lesion, or with a prompt the one it means.

    Args:
        ct: HU.
        suv: SUVbw on any grid in the same frame of reference, None for CT alone.
        prompt: a click, a RECIST line or a lesion carried over, in LPS mm.
        quality: see :class:`InferenceQuality`.
        bf16: None takes it where the processor is faster with it.
        on_progress: called with (stage, share done).

    Raises:
        GeometryError: wrong units, or PET and CT that do not overlap.
        InputError: no such device; a prompt outside the image.
    """
    quality = InferenceQuality(quality)
    warnings = check_images(ct, suv)
    if prompt is not None:
        prompts.check_inside(prompt, ct.grid)
    elif _length_mm(ct) > TRAINED_LENGTH_MM:
        warnings.append(
            "automatic delineation beyond the fields of view that the network was trained on is "
            "experimental: expect false lesions"
        )
    clock = StageClock(on_progress)
    chosen = choose_device(device)
    grid = network_grid(ct.grid, bundle.spacing_mm)
    network = Networks(bundle, chosen, bf16, warnings)
    level = float(np.log(bundle.threshold / (1.0 - bundle.threshold)))

    def asked(look: Look) -> PromptAnswers:
        return PromptAnswers(look, suv, grid, ct.grid, network, quality, level, bundle.source)

    each: tuple[Volume, ...] = ()
    if prompt is not None:
        with clock.stage("network"):
            found, logits = asked(lambda box: encoded(ct, suv, cropped(grid, box), chosen)).ask(
                prompt, warnings
            )
        answer = Volume(logits.mean, logits.own(grid), Unit.OTHER, bundle.source)
        each = logits.volumes(grid)
    else:
        with clock.stage("prepare"):
            channels = encoded(ct, suv, grid, chosen)
        with clock.stage("network"):
            logit = everywhere(channels, network, quality, clock)
        with clock.stage("place"):
            answer = Volume(logit, grid, Unit.OTHER, bundle.source)
            found = place(answer, ct.grid, level=level, source=bundle.source)
        with clock.stage("look again"):
            image, uptake = channels
            found, logit = look_again(
                found,
                logit,
                asked(lambda box: (image[box], None if uptake is None else uptake[box])),
            )
        answer = Volume(logit, grid, Unit.OTHER, bundle.source)
    return Delineation(
        grid=ct.grid,
        candidates=found,
        model=bundle.source,
        device=network.name,
        seconds=clock.seconds(),
        warnings=tuple(warnings),
        logit=answer,
        level=level,
        error=bundle.error_of(prompts.kind_of(prompt)),
        each=each,
    )


def check_images(ct: Volume, suv: Volume | None) -> list[str]:
    """Warnings about a CT and the PET beside it.

    Raises:
        GeometryError: wrong units, or PET and CT that do not overlap.
    """
    if ct.unit is not Unit.HU:
        raise GeometryError(f"the CT is in {ct.unit}, not in HU", where=ct.source or None)
    if suv is None:
        return ["CT without PET: the network saw PET in nearly all of its training"]
    if suv.unit is not Unit.SUV_BW:
        raise GeometryError(
            f"the PET is in {suv.unit}, not SUVbw",
            where=suv.source or None,
            remedy="convert it with pet.suv first",
        )
    low, high = ct.grid.corners_mm().min(axis=0), ct.grid.corners_mm().max(axis=0)
    pet_low, pet_high = suv.grid.corners_mm().min(axis=0), suv.grid.corners_mm().max(axis=0)
    shared = np.minimum(high, pet_high) - np.maximum(low, pet_low)
    if (shared <= 0).any():
        raise GeometryError(
            "PET and CT do not overlap",
            where=suv.source or None,
            remedy="check that both are of the same examination",
        )
    if (shared[2] / (high - low)[2]) < 0.95:
        share = 100 * shared[2] / (high - low)[2]
        return [f"the PET covers {share:.0f} % of the CT's length; beyond it CT alone was used"]
    return []


def _length_mm(ct: Volume) -> float:
    low, high = ct.grid.corners_mm().min(axis=0), ct.grid.corners_mm().max(axis=0)
    return float((high - low)[2])
