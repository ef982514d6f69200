"""From a CT, with or without a PET, to delineated lesions.

The image is brought to the network's grid; windows fitted to the body (or around the prompt) are
answered and blended; and the answer is brought back to the CT's grid only where lesions are.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from imaging.errors import GeometryError
from imaging.volume import Array, BoolArray, Grid, Mask, Unit, Volume
from segmentation import prompts
from segmentation.bundle import Bundle
from segmentation.ensemble import Networks
from segmentation.instances import Candidate
from segmentation.intervals import DiameterError
from segmentation.necks import body_of
from segmentation.network import CHANNELS
from segmentation.placement import NO_LESION, boxes, merged, place
from segmentation.preparation import encoded, network_grid
from segmentation.processor import choose_device
from segmentation.prompts import Line, Prompt
from segmentation.uptake import uptake_shift_mm
from segmentation.windows import LONGEST_SIDE, Box, blending, body_box, windows

#: Around a prompt this much is looked at to each side; half a window more on the sides that the
#: lesion reaches. A smaller window first drew balls in phantoms better and real lesions worse.
PROMPT_REACH_MM = 96.0
#: To reach a side is to come this near to it.
CLEAR_MM = 3.0
#: Where the uptake lies this far from the middle of what was found, it does not show the lesion (a
#: hot nodule in fat, a rim): what the network finds without PET is added. Of 40 sarcomas two were
#: of this kind: with a click Dice 0.22 became 0.58 and 0.62 became 0.59, the mean of all 40 went
#: from 0.778 to 0.786. The distance was chosen on these patients.
UPTAKE_ELSEWHERE_MM = 30.0
#: A click this far outside the lesion found still means it.
CLICK_MISS_MM = 10.0
#: A candidate is looked at again with this margin when several networks are asked.
REFINE_MARGIN_MM = 48.0
#: FAST looks again at so many voxels in all: four windows of the largest size.
FAST_VOXELS = 4 * LONGEST_SIDE**3
#: A voxel of this logit or more (probability 0.27) is worth asking all networks about.
NEARLY = -1.0
#: The longest training image; beyond it automatic delineation was never seen to work.
TRAINED_LENGTH_MM = 330.0

Progress = Callable[[str, float], None]


class InferenceQuality(StrEnum):
    """How much is computed.

    All networks are asked around a prompt, and everywhere in a small body. In a larger one the
    first network is asked everywhere, and all of them inside boxes around what it found: FAST does
    so as long as the boxes are small, ENSEMBLE in any case. BEST also mirrors.
    """

    FAST = "fast"
    ENSEMBLE = "ensemble"
    BEST = "best"


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
        logit: on the network's grid, for quality flags; None for other methods.
        level: the logit from which a voxel is lesion.
        error: of its diameters, where it was measured.
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
    clock = _Clock(on_progress)
    chosen = choose_device(device)
    with clock.stage("prepare"):
        grid = network_grid(ct.grid, bundle.spacing_mm)
        channels = encoded(ct, suv, grid)
    network = Networks(bundle, chosen, bf16, warnings)
    with clock.stage("network"):
        if prompt is None:
            logit = _everywhere(channels, network, quality, clock)
        else:
            logit = _around(prompt, channels, grid, network, quality)
            if isinstance(prompt, Line):
                logit[prompts.beyond_line(prompt, grid)] = NO_LESION
    with clock.stage("place"):
        answer = Volume(logit, grid, Unit.OTHER, bundle.source)
        level = float(np.log(bundle.threshold / (1.0 - bundle.threshold)))
        found = place(answer, ct.grid, level=level, source=bundle.source)
        if prompt is not None:
            found = meant(found, prompt, warnings)
            shift_mm = _shift_mm(found, suv)
            if shift_mm > UPTAKE_ELSEWHERE_MM:
                alone = _around(prompt, (channels[0], None), grid, network, quality)
                answer = replace(answer, array=np.maximum(logit, alone))
                found = place(answer, ct.grid, level=level, source=bundle.source)
                found = meant(found, prompt, warnings)
                warnings.append(
                    f"uptake lies {shift_mm:.0f} mm from the middle of the lesion: what the "
                    "network found without PET was added; look at the outline"
                )
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
    )


def _shift_mm(found: tuple[Candidate, ...], suv: Volume | None) -> float:
    """From the middle of the lesion to that of its uptake; 0 where there is none."""
    if suv is None or not found:
        return 0.0
    return uptake_shift_mm(found[0].mask, suv) or 0.0


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


class _Clock:
    """Seconds per stage, and progress."""

    def __init__(self, on_progress: Progress | None) -> None:
        self._seconds: dict[str, float] = {}
        self._stage = ""
        self._on_progress = on_progress

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self._stage = name
        self.report(0.0)
        begun = time.perf_counter()
        yield
        self._seconds[name] = time.perf_counter() - begun
        self.report(1.0)

    def report(self, share: float) -> None:
        if self._on_progress is not None:
            self._on_progress(self._stage, share)

    def seconds(self) -> tuple[tuple[str, float], ...]:
        return tuple(self._seconds.items())


Channels = tuple[Array, Array | None]


def _everywhere(
    channels: Channels, network: Networks, quality: InferenceQuality, clock: _Clock
) -> Array:
    """The whole body by one network, and what it found by all; a small body by all at once."""
    body_part, body = body_box(channels[0])
    small = _voxels(body_part) <= FAST_VOXELS

    def compute() -> Array:
        parts = windows(body_part, body, longest=network.longest)
        mirrored = quality is InferenceQuality.BEST
        ask = network.asking(mirrored=mirrored) if small else network.asking_one()
        return _blend(channels, parts, ask, clock.report)

    logit = network.within_memory(compute)
    if small:
        return logit
    margin = REFINE_MARGIN_MM / network.bundle.spacing_mm
    found = merged(boxes(logit > NEARLY, margin))
    if quality is InferenceQuality.FAST and sum(_voxels(box) for box in found) > FAST_VOXELS:
        return logit
    return network.within_memory(lambda: _refine(logit, found, channels, network, quality))


def _refine(
    logit: Array,
    around: Sequence[Box],
    channels: Channels,
    network: Networks,
    quality: InferenceQuality,
) -> Array:
    """Ask all networks inside boxes around what one of them found, or nearly found."""
    if len(network.bundle.weights) == 1 and quality is not InferenceQuality.BEST:
        return logit
    ask = network.asking(mirrored=quality is InferenceQuality.BEST)
    refined = logit.copy()
    for box in around:
        parts = windows(box, longest=network.longest)
        refined[box] = _blend(channels, parts, ask)[box]
    return refined


def _voxels(box: Box) -> int:
    return math.prod(side.stop - side.start for side in box)


def _around(
    prompt: Prompt, channels: Channels, grid: Grid, network: Networks, quality: InferenceQuality
) -> Array:
    ask = network.asking(mirrored=quality is InferenceQuality.BEST)
    pointed = prompts.channel(prompt, grid)
    ends = grid.to_voxel(prompts.corners_mm(prompt))
    reach = PROMPT_REACH_MM / network.bundle.spacing_mm
    clear = round(CLEAR_MM / network.bundle.spacing_mm)

    def compute() -> Array:
        box = _box(ends.min(axis=0) - reach, ends.max(axis=0) + reach)
        logit = _blend((*channels, pointed), windows(box, longest=network.longest), ask)
        reached = _reached_sides(logit, box, clear)
        if not any(reached):
            return logit
        box = _widened(box, reached)
        return _blend((*channels, pointed), windows(box, longest=network.longest), ask)

    return network.within_memory(compute)


def _box(low: Array, high: Array) -> Box:
    i, j, k = (slice(int(np.floor(a)), int(np.ceil(b)) + 1) for a, b in zip(low, high, strict=True))
    return i, j, k


def _reached_sides(logit: Array, box: Box, clear: int) -> tuple[bool, ...]:
    """Whether the lesion comes within some voxels of the first and last face of a box, by axis.

    A face that is the image's own does not count.
    """
    reached = []
    for axis, side in enumerate(box):
        lesion = np.moveaxis(logit, axis, 0) > 0
        first = slice(max(side.start, 0), side.start + clear)
        last = slice(max(side.stop - clear, 0), side.stop)
        reached.append(side.start > 0 and bool(lesion[first].any()))
        reached.append(side.stop < logit.shape[axis] and bool(lesion[last].any()))
    return tuple(reached)


def _widened(box: Box, reached: tuple[bool, ...]) -> Box:
    """The box moved out by half of its length on the sides that the lesion reaches."""
    sides = []
    for axis, side in enumerate(box):
        more = (side.stop - side.start) // 2
        low, high = reached[2 * axis : 2 * axis + 2]
        sides.append(slice(side.start - more * low, side.stop + more * high))
    return sides[0], sides[1], sides[2]


def _blend(
    channels: tuple[Array | None, ...],
    parts: Sequence[Box],
    ask: Callable[[Array], Array],
    report: Callable[[float], None] | None = None,
) -> Array:
    """The blended logit of windows, on the whole grid; ``NO_LESION`` where there is none."""
    present = channels[0]
    assert present is not None
    shape = present.shape
    total = np.zeros(shape, np.float32)
    weight = np.zeros(shape, np.float32)
    for number, part in enumerate(parts):
        inside, within = _clipped(part, shape)
        i, j, k = (side.stop - side.start for side in part)
        image = np.zeros((CHANNELS, i, j, k), np.float32)
        for index, channel in enumerate(channels):
            if channel is not None:
                image[(index, *within)] = channel[inside]
        share = blending((i, j, k))[within]
        total[inside] += ask(image)[within] * share
        weight[inside] += share
        if report is not None:
            report((number + 1) / len(parts))
    computed = weight > 0
    np.divide(total, weight, out=total, where=computed)
    total[~computed] = NO_LESION
    return total


def _clipped(part: Box, shape: tuple[int, ...]) -> tuple[Box, Box]:
    """The part of a window inside the image, as slices of the image and of the window."""
    inside, within = [], []
    for side, size in zip(part, shape, strict=True):
        start, stop = max(side.start, 0), min(side.stop, size)
        inside.append(slice(start, max(start, stop)))
        within.append(slice(start - side.start, max(start, stop) - side.start))
    return (inside[0], inside[1], inside[2]), (within[0], within[1], within[2])


def meant(
    found: tuple[Candidate, ...], prompt: Prompt, warnings: list[str]
) -> tuple[Candidate, ...]:
    """The one candidate that a prompt lies in, or nearly, without what hangs on it by a neck."""
    distances = [_distance_mm(candidate.mask, prompt) for candidate in found]
    if not distances or min(distances) > CLICK_MISS_MM:
        warnings.append("no lesion was found at the prompt")
        return ()
    nearest = found[int(np.argmin(distances))]
    return (replace(nearest, mask=body_of(nearest.mask, prompts.middle_mm(prompt))),)


def _distance_mm(mask: Mask, prompt: Prompt) -> float:
    """From the middle of a prompt to the nearest voxel of the mask."""
    points = mask.box_grid.to_world_mm(np.argwhere(mask.array))
    return float(np.sqrt(((points - prompts.middle_mm(prompt)) ** 2).sum(axis=1).min()))
