"""What is kept of the images of a patient: of no volume all, of each what may be asked for again.

A picture may be drawn again with another line on it, and a date that is added later is registered
to the first one and searched for the lesions that are known by then.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from imaging.partial import PartialVolume
from imaging.registration import looked_around_mm
from imaging.registration.dates import WORKING_MM
from imaging.registration.reduction import reduced
from imaging.volume import Array, FloatArray, Mask, Volume
from recist.patient import emerging
from recist.patient.known import known_lesions
from recist.patient.picture import pictured_box
from recist.patient.result import KeyImage
from recist.patient.work.observed import ObservedDate, Work

#: A box reaches this far beyond a picture: calipers are corrected near where they were.
BEYOND_MM = 10.0
#: Memories that are pictures, by the first word of their question.
PICTURE = "picture"


@dataclass(frozen=True, slots=True, eq=False)
class KeptBox:
    """A box of a volume, from its voxel ``start`` to before ``stop``."""

    volume: Volume
    start: Sequence[int]
    stop: Sequence[int]

    @property
    def array(self) -> Array:
        """Its voxels, cut out when they are asked for: the boxes of a patient fill gigabytes."""
        return np.array(self.volume.region(self.start, self.stop), order="K")


@dataclass(frozen=True, slots=True, eq=False)
class KeptImages:
    """Parts of images, by day.

    Attributes:
        reductions: by spacing in mm, the tones of the whole CT: see
            :func:`imaging.registration.reduction.reduced`.
    """

    boxes: Mapping[int, Sequence[KeptBox]] = field(default_factory=dict)
    reductions: Mapping[int, Mapping[float, Array]] = field(default_factory=dict)

    @classmethod
    def of(cls, work: Work) -> KeptImages:
        """What is kept of the images of a patient."""
        boxes: dict[int, list[KeptBox]] = {}
        for date in work.dates:
            wanted = [*_pictured(work, date), *_followed_from(work, date)]
            volume = date.examination.ct.volume
            if isinstance(volume, PartialVolume):  # for what is kept alone no image is read
                wanted = [part for box in wanted if (part := volume.at_hand(*box)) is not None]
            if own := kept_of(volume, wanted):
                boxes[date.day] = [KeptBox(volume, *box) for box in own]
        return cls(boxes, _reductions(work))


Corners = tuple[list[int], list[int]]


def _pictured(work: Work, date: ObservedDate) -> Iterator[Corners]:
    """First voxel, and the one after the last, around each picture of a date."""
    grid = date.examination.ct.volume.grid
    for image in pictures(work.memory.asked.items()):
        if image.day == date.day:
            yield pictured_box(image, grid, BEYOND_MM)


def pictures(asked: Iterable[tuple[Hashable, object]]) -> Iterator[KeyImage]:
    """The pictures among what was worked out."""
    for question, answer in asked:
        if isinstance(question, tuple) and question[:1] == (PICTURE,):
            assert isinstance(answer, KeyImage)  # what this question is answered with
            yield answer


def _followed_from(work: Work, date: ObservedDate) -> Iterator[Corners]:
    """The same around each lesion that a later date would be searched for by this one."""
    if date.examination.is_pet_alone:
        return
    known = known_lesions(
        [each.day for each in work.dates],
        [each.found for each in work.dates],
        [each.followed for each in work.dates],
    )
    own = {number for n, number in known if work.dates[n].day == date.day}
    is_first = date.day == work.dates[0].day
    for number, candidate in enumerate(date.found.candidates):
        if candidate.mask.voxels and (number in own or is_first):
            yield _around(candidate.mask, looked_around_mm(candidate.mask))


def _around(mask: Mask, reach_mm: float) -> Corners:
    """The box around the middle of a lesion, as far as the image goes."""
    grid = mask.grid
    corners = mask.centre_mm + reach_mm * _CORNERS
    index = grid.to_voxel(corners)
    low = np.clip(np.floor(index.min(axis=0)) - 1, 0, grid.shape)
    high = np.clip(np.ceil(index.max(axis=0)) + 2, 0, grid.shape)
    return [int(n) for n in low], [int(n) for n in high]


_CORNERS: FloatArray = np.array(list(np.ndindex(2, 2, 2))) * 2.0 - 1.0


def kept_of(volume: Volume, wanted: Sequence[Corners]) -> list[Corners]:
    """What is kept of a volume: boxes, or all of it where those would take more room."""
    boxes = _joined(wanted, volume)
    low, high = [0, 0, 0], list(volume.grid.shape)
    together = sum(int(_voxels(np.array(a), np.array(b))) for a, b in boxes)
    whole = together >= math.prod(high) and _is_whole((np.array(low), np.array(high)), volume)
    return [(low, high)] if whole else boxes


def _joined(boxes: Sequence[Corners], volume: Volume) -> list[Corners]:
    """The boxes, with one for all of those that take more room apart than together.

    Of a volume that is there in parts only those are joined that it has in one.
    """
    kept = np.zeros((0, 2, 3), dtype=np.int64)
    for box in boxes:
        new = np.array(box)
        while True:
            low = np.minimum(kept[:, 0], new[0])
            high = np.maximum(kept[:, 1], new[1])
            apart = _voxels(kept[:, 0], kept[:, 1]) + _voxels(*new)
            near = np.flatnonzero(_voxels(low, high) <= apart)
            n = next((n for n in near if _is_whole((low[n], high[n]), volume)), None)
            if n is None:
                break
            new = np.stack([low[n], high[n]])
            kept = np.delete(kept, n, axis=0)
        kept = np.concatenate([kept, new[None]])
    return [(low, high) for low, high in kept.tolist()]


def _is_whole(box: tuple[Array, Array], volume: Volume) -> bool:
    """Whether a volume holds a box in one."""
    corners = box[0].tolist(), box[1].tolist()
    return not isinstance(volume, PartialVolume) or volume.at_hand(*corners) == corners


def _voxels(low: Array, high: Array) -> Array:
    return np.asarray(np.prod(high - low, axis=-1))


def _reductions(work: Work) -> dict[int, dict[float, Array]]:
    """The first CT as the registration of a later date, and the search for what is new, see it."""
    first = work.dates[0]
    if first.examination.is_pet_alone:
        return {}
    ct = first.examination.ct.volume
    spacings = (WORKING_MM, emerging.SPACING_MM)
    return {first.day: {spacing: reduced(ct, spacing).toned for spacing in spacings}}
