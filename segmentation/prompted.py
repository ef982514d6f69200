"""One lesion by a prompt: asks the network of small lesions, the large one, or another method.

The prompt decides who answers. A line says how long the lesion is and a lesion carried over how
long it was; after a click near the lung the network of small lesions finds out. Up to 70 mm it
answers alone, from 96 mm (its cube on the coarsest grid) the network of CT and PET does, and in
between their logits are mixed in the proportion of the length, so that no diameter jumps where one
hands over to the other. A click away from the lung goes to the network of CT and PET: there the
other found a part of a sarcoma, and said so with no less certainty. Measured on sarcomas of 38 to
161 mm by networks that had not seen them, Dice small | large without PET | large with PET: lines
0.59 | 0.42 | 0.66, clicks 0.40 | 0.60 | 0.73.

From a line, or from a click in lung, a classical method that knows no training data answers too. It
is no judge of who is right: where the two share little the lesion is flagged, and where the network
found nothing or is unsure, the classical answer is given and says so. After a click the outline
must follow a border (:mod:`segmentation.boundaries`).
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace

import numpy as np

from imaging.errors import InputError
from imaging.resampling import resample
from imaging.volume import Unit, Volume
from segmentation import prompts
from segmentation.blended import NO_LESION
from segmentation.boundaries import bounded
from segmentation.bundle import FINE_BUNDLE, Bundle, NetworkKind, load_bundle
from segmentation.classical import FAST_MARCHING, LUNG_THRESHOLD, delineate_classically
from segmentation.close_up import close_up, cube
from segmentation.evaluation import dice_of_masks
from segmentation.fine import encoding
from segmentation.fine.answering import FineNetworks, LesionLogits
from segmentation.infer import Delineation, check_images, delineate
from segmentation.inference_quality import InferenceQuality
from segmentation.instances import Candidate
from segmentation.intervals import DiameterError
from segmentation.lines import held_to
from segmentation.placement import meant, place
from segmentation.processor import choose_device
from segmentation.prompts import Click, Line, Prompt

#: The network of small lesions answers alone up to the first length, not at all from the second.
HANDED_OVER_MM = (70.0, encoding.SIDE * encoding.COARSEST_MM)
#: A click is near the lung where at least this share of what lies within so many mm is aerated.
LUNG_SHARE, LUNG_REACH_MM, AERATED_HU = 0.04, 50.0, -700.0
#: Air of a patient's surroundings is darker than any lung.
AIR_HU = -980.0
#: Outlines that share less than this Dice are flagged.
AGREEMENT = 0.5
#: A mean probability inside the outline below this is unsure.
CERTAIN = 0.65
#: A network that is unsure gives way to a classical method that shares less than this Dice.
GIVES_WAY = 0.3


@dataclass(frozen=True, slots=True)
class Models:
    """Who may answer; None is nobody."""

    fine: Bundle | None
    coarse: Bundle | None

    @classmethod
    def shipped(cls) -> Models:
        return cls(load_bundle(name=FINE_BUNDLE), load_bundle())

    @classmethod
    def only(cls, bundle: Bundle) -> Models:
        """One bundle for every prompt, whatever the lesion's size."""
        fine = bundle.kind is NetworkKind.FINE
        return cls(bundle if fine else None, None if fine else bundle)


def delineate_prompted(
    ct: Volume,
    suv: Volume | None,
    prompt: Prompt,
    models: Models,
    *,
    device: str = "auto",
    quality: InferenceQuality | str = InferenceQuality.FAST,
    bf16: bool | None = None,
    checked: bool = True,
) -> Delineation:
    """The one lesion that a prompt means.

    Args:
        ct: HU.
        suv: SUVbw, seen by the network of CT and PET only.
        prompt: in LPS mm.
        checked: whether a classical method is asked too.

    Returns:
        One candidate or none; its ``model`` says who answered. With a line, the candidate carries
        it as its long axis and is nowhere longer.

    Raises:
        GeometryError, InputError: as of :func:`segmentation.infer.delineate`.
    """
    begun = time.perf_counter()
    warnings = check_images(ct, suv)
    prompts.check_inside(prompt, ct.grid)
    answer = _answer(ct, prompt, models, device, bf16)
    share = 0.0 if answer is None else _share_of_fine(answer, prompt, models)
    if answer is None or share == 0.0:
        assert models.coarse is not None
        found = delineate(
            ct, suv, models.coarse, device=device, prompt=prompt, quality=quality, bf16=bf16
        )
    else:
        warnings = [text for text in warnings if "without PET" not in text]
        logit, source = answer.logit, models.fine.source if models.fine else ""
        each = tuple(Volume(one, logit.grid, Unit.OTHER) for one in answer.each)
        if share < 1.0 and models.coarse is not None:
            other = delineate(
                ct, suv, models.coarse, device=device, prompt=prompt, quality=quality, bf16=bf16
            )
            logit = _mixed(logit, other.logit, share)
            each = tuple(_mixed(one, other.logit, share) for one in each)
            source = f"{source} and {models.coarse.source}"
        # The network of CT and PET is right at its own level.
        level = share * answer.level
        placed = place(logit, ct.grid, level=level, smallest_ml=0.0, source=source)
        found = Delineation(
            ct.grid,
            meant(placed, prompt, warnings),
            source,
            device=str(choose_device(device)),
            seconds=(("network", time.perf_counter() - begun),),
            warnings=tuple(warnings),
            logit=logit,
            level=level,
            error=_error(models, prompt, share),
            each=each if len(each) > 1 else (),
        )
    if isinstance(prompt, Line):
        found = on_line(found, prompt)
    if checked:
        found = _checked(found, ct, prompt, None if answer is None or not share else answer)
        if isinstance(prompt, Click):
            found = bounded(found, ct, suv, prompt)
    return found


def _error(models: Models, prompt: Prompt, share: float) -> DiameterError | None:
    """The error of who had most to say."""
    bundle = models.fine if share >= 0.5 else models.coarse
    return None if bundle is None else bundle.error_of(prompts.kind_of(prompt))


def on_line(found: Delineation, line: Line) -> Delineation:
    """Candidates held to a line, which is their long axis."""
    held = []
    for candidate in found.candidates:
        mask = held_to(candidate.mask, line)
        if mask.voxels:
            held.append(replace(candidate, mask=mask, long_axis=(line.start_mm, line.end_mm)))
    return replace(found, candidates=tuple(held))


def _answer(
    ct: Volume, prompt: Prompt, models: Models, device: str, bf16: bool | None
) -> LesionLogits | None:
    """The answer of the network of small lesions; None where it is not to be asked."""
    if models.fine is None:
        if models.coarse is None:
            raise InputError("no network was given")
        return None
    if models.coarse is not None:
        extent = prompts.length_mm(prompt)
        if extent is not None and extent >= HANDED_OVER_MM[1]:
            return None
        if isinstance(prompt, Click) and not near_lung(ct, prompt):
            return None
    return FineNetworks(models.fine, choose_device(device), bf16=bf16).answer(ct, prompt)


def near_lung(ct: Volume, click: Click) -> bool:
    """Whether aerated lung lies around a click; the air around a patient is none."""
    side = 31
    window = cube(ct.grid, click.point_mm, 2.0 * LUNG_REACH_MM / (side - 1), side)
    hu = close_up(ct, window).array
    steps = (np.arange(side) - (side - 1) / 2.0) ** 2
    ball = steps[:, None, None] + steps[:, None] + steps <= ((side - 1) / 2.0) ** 2
    return bool(((hu > AIR_HU) & (hu < AERATED_HU))[ball].mean() >= LUNG_SHARE)


def _share_of_fine(answer: LesionLogits, prompt: Prompt, models: Models) -> float:
    """How much the network of small lesions has to say about a lesion of this length."""
    if models.coarse is None:
        return 1.0
    length = prompts.length_mm(prompt)
    alone, none = HANDED_OVER_MM
    length = answer.length_mm if length is None else length
    return float(np.clip((none - length) / (none - alone), 0.0, 1.0))


def _mixed(fine: Volume, coarse: Volume | None, share: float) -> Volume:
    assert coarse is not None
    other = resample(coarse, fine.grid, fill=NO_LESION).array
    return Volume(share * fine.array + (1.0 - share) * other, fine.grid, Unit.OTHER)


def _checked(
    found: Delineation, ct: Volume, prompt: Prompt, answer: LesionLogits | None
) -> Delineation:
    """The answer of the network beside that of the classical method that fits the prompt."""
    other = _classical(ct, prompt)
    if other is None or not other.candidates:
        return found
    if not found.candidates:
        told = f"the network found no lesion at the prompt: this is by {other.model}"
        kept = tuple(text for text in found.warnings if "no lesion was found" not in text)
        return replace(other, warnings=(*kept, told))
    shared = dice_of_masks(found.candidates[0].mask, other.candidates[0].mask)
    if answer is not None and answer.certainty < CERTAIN and shared < GIVES_WAY:
        told = (
            f"the network is unsure (mean probability {answer.certainty:.2f}) and shares little "
            f"with {other.model} (Dice {shared:.2f}): this is by {other.model}"
        )
        return replace(other, warnings=(*found.warnings, told))
    if shared >= AGREEMENT:
        return replace(found, beside=other.candidates[0].mask)
    flag = f"the network and {other.model} disagree (Dice {shared:.2f}): look at the outline"
    return replace(found, candidates=tuple(_flagged(c, flag) for c in found.candidates))


def _flagged(candidate: Candidate, flag: str) -> Candidate:
    return replace(candidate, flags=(*candidate.flags, flag))


def _classical(ct: Volume, prompt: Prompt) -> Delineation | None:
    """The outline by the classical method that may be asked; None where none is safe."""
    if isinstance(prompt, Line):
        return on_line(delineate_classically(FAST_MARCHING, ct, prompt), prompt)
    if isinstance(prompt, Click):
        # Outside of the lung no classical method was right often enough to say anything.
        with contextlib.suppress(InputError):
            return delineate_classically(LUNG_THRESHOLD, ct, prompt)
    return None
