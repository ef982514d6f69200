"""Outlines as they travel and are kept: a box of voxels of a CT, packed eight to a byte."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from imaging.errors import InputError
from imaging.volume import Grid, Mask
from recist.course import Axis
from recist.measure import caliper
from recist.measure.diameters import recorded
from recist.review.database.tables import OutlineRow
from recist.review.reading.entries import EntryError

#: No lesion fills a larger box; what is larger is not unpacked.
MOST_VOXELS = 64_000_000
#: Voxels of a mask lie this near to those of its CT, in voxels; the rest is rounding of positions.
OFF_VOXELS = 0.05


@dataclass(frozen=True, slots=True)
class PackedMask:
    """A box of voxels: the first voxel, the extent along (i, j, k), and the bits, k fastest."""

    start: tuple[int, int, int]
    shape: tuple[int, int, int]
    bits: bytes

    @classmethod
    def of(cls, mask: Mask) -> PackedMask:
        i, j, k = mask.array.shape
        return cls(mask.start, (i, j, k), np.packbits(mask.array, axis=None).tobytes())

    @classmethod
    def received(cls, start: Sequence[int], shape: Sequence[int], bits: str) -> PackedMask:
        """A mask as a browser sends it, its bits in base64.

        Raises:
            EntryError: the bits are not those of such a box.
        """
        voxels = shape[0] * shape[1] * shape[2]
        try:
            raw = base64.b64decode(bits, validate=True)
        except (binascii.Error, ValueError) as error:
            raise EntryError("an outline that is not base64") from error
        if not 0 < voxels <= MOST_VOXELS or len(raw) != (voxels + 7) // 8:
            raise EntryError(f"{len(raw)} bytes for an outline of {voxels} voxels")
        return cls((start[0], start[1], start[2]), (shape[0], shape[1], shape[2]), raw)

    def mask(self, grid: Grid) -> Mask:
        """The voxels on a grid.

        Raises:
            EntryError: none, or outside of it.
        """
        count = int(np.prod(self.shape))
        flat = np.unpackbits(np.frombuffer(self.bits, dtype=np.uint8), count=count)
        try:
            mask = Mask.placed(flat.astype(np.bool_).reshape(self.shape), self.start, grid)
        except InputError as error:
            raise EntryError(error.what) from error
        if mask.voxels != int(np.count_nonzero(flat)):
            raise EntryError("an outline that leaves the image")
        if not mask.voxels:
            raise EntryError("an empty outline", remedy="say that the lesion is absent instead")
        return mask

    def sent(self) -> dict[str, Any]:
        """The mask as a browser takes it."""
        return {
            "start": list(self.start),
            "shape": list(self.shape),
            "bits": base64.b64encode(self.bits).decode("ascii"),
        }


def on_grid(mask: Mask, grid: Grid) -> Mask:
    """A mask counted on the grid of its CT, of which a SEG may hold only the slices it needs.

    Raises:
        EntryError: its voxels are not those of the CT.
    """
    if mask.grid.same_as(grid) or not mask.voxels:
        return mask
    own = np.argwhere(mask.array) + mask.start
    index = grid.to_voxel(mask.grid.to_world_mm(own))
    there = np.rint(index).astype(np.intp)
    is_off = np.abs(index - there).max() > OFF_VOXELS
    if is_off or (there < 0).any() or (there >= grid.shape).any():
        raise EntryError("an outline that was not drawn on the CT of its date")
    start = there.min(axis=0)
    box = np.zeros(tuple(there.max(axis=0) - start + 1), dtype=np.bool_)
    box[tuple((there - start).T)] = True
    return Mask.placed(box, (int(start[0]), int(start[1]), int(start[2])), grid)


def keep(session: Session, packed: PackedMask) -> str:
    """Store an outline once; its name is the hash of what it holds."""
    head = json.dumps([packed.start, packed.shape]).encode()
    sha256 = hashlib.sha256(head + packed.bits).hexdigest()
    if session.get(OutlineRow, sha256) is None:
        row = OutlineRow(
            sha256=sha256,
            start=json.dumps(packed.start),
            shape=json.dumps(packed.shape),
            bits=packed.bits,
        )
        session.add(row)
        session.flush()
    return sha256


def kept(session: Session, sha256: str) -> PackedMask:
    """A stored outline."""
    row = session.get_one(OutlineRow, sha256)
    return PackedMask(tuple(json.loads(row.start)), tuple(json.loads(row.shape)), row.bits)


def measured(mask: Mask, line: Any = None) -> dict[str, Any]:
    """What an entry says of an outline: caliper and volume.

    Args:
        line: both ends of the longest diameter where the reader drew it.
    """
    ends = None if line is None else (tuple(line[0]), tuple(line[1]))
    drawn = caliper(mask, long_axis=ends)
    return {
        "long": points(drawn.long_axis),
        "short": points(drawn.short_axis),
        "slice": drawn.slice_index,
        "volume_ml": round(mask.volume_ml, 3),
    }


def length_mm(ends: Any) -> str:
    """The distance of two points, as it is recorded."""
    return str(recorded(math.dist(ends[0], ends[1])))


def points(axis: Axis) -> list[list[float]]:
    """Both ends, LPS mm."""
    return [list(axis.start_mm), list(axis.end_mm)]
