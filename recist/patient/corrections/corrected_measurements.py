"""What a reader says of the size or state of a lesion at a date; it wins over the machine's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from imaging.errors import InputError
from imaging.volume import Grid
from recist.course import LARGEST_DIAMETER_MM, Axis, Caliper, Measurement, Status
from recist.measure.diameters import recorded


@dataclass(frozen=True, slots=True)
class CorrectedMeasurement:
    """One lesion at one date. With nothing but a reader's name it confirms what was proposed.

    Attributes:
        status: what was seen; None leaves it to the rules, by the size where one is given.
        parts_mm: the diameter that counts, as the reader gave it: the longest, or the short axis of
            a node; several for a lesion in pieces.
        long_axis_mm, short_axis_mm: both diameters where the reader gave them by name.
        long_axis, short_axis: where they were drawn.
        merged_into: the lesion that holds it now.
        recorded_at: when it was said, ISO 8601; empty when not known.
        slice_index, sop_instance_uid: of the image that the caliper lies on, once that is known.
    """

    lesion: str
    date: dt.date
    status: Status | None = None
    parts_mm: tuple[Decimal, ...] = ()
    long_axis_mm: Decimal | None = None
    short_axis_mm: Decimal | None = None
    long_axis: Axis | None = None
    short_axis: Axis | None = None
    merged_into: str | None = None
    reason: str = ""
    reader: str = ""
    recorded_at: str = ""
    slice_index: int = 0
    sop_instance_uid: str = ""

    def __post_init__(self) -> None:
        lengths = (*self.parts_mm, self.long_axis_mm, self.short_axis_mm)
        for length in lengths:
            if length is not None and not 0 <= length <= LARGEST_DIAMETER_MM:
                raise self._refused(f"a diameter of {length} mm", "give mm")
        if self.status not in (None, Status.MEASURED) and self.is_sized:
            raise self._refused(f"status {self.status} with a diameter", "leave one of them out")
        if self.status is Status.MEASURED and not self.is_sized:
            raise self._refused("status measured without a diameter", "give the diameter in mm")
        if (self.status is Status.MERGED) != (self.merged_into is not None):
            raise self._refused(
                f"status {self.status or 'empty'}, merged into {self.merged_into or 'nothing'}",
                "a merged lesion names the lesion that holds it, no other does",
            )
        long_mm, short_mm = self.long_axis_mm, self.short_axis_mm
        if long_mm is not None and short_mm is not None and short_mm > long_mm:
            what = f"a short axis of {short_mm} mm and a long one of {long_mm} mm"
            raise self._refused(what, "the long axis is the longer one")

    def _refused(self, what: str, remedy: str) -> InputError:
        return InputError(what, where=f"lesion {self.lesion}, {self.date}", remedy=remedy)

    @property
    def is_sized(self) -> bool:
        """Whether a size is given, by number or by line."""
        given = (self.long_axis_mm, self.short_axis_mm, self.long_axis, self.short_axis)
        return bool(self.parts_mm) or any(each is not None for each in given)

    @property
    def is_signed(self) -> bool:
        """Whether someone stands for it: such a row holds even where it repeats the machine."""
        return bool(self.reader or self.reason or self.recorded_at)

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing at all: a row of a template that was left as it was."""
        return self.status is None and not self.is_sized and not self.is_signed

    def sizes_mm(self, is_node: bool) -> tuple[Decimal, ...]:
        """The diameters that count; empty where no size is given.

        Raises:
            InputError: only the diameter is given that does not count for such a lesion.
        """
        if self.parts_mm or not self.is_sized:
            return self.parts_mm
        long_mm, short_mm = self.axes_mm
        counting = short_mm if is_node else long_mm
        if counting is None:
            kind = "a node is measured by its short axis" if is_node else "the longest counts"
            raise self._refused("the diameter that counts is not given", kind)
        return (counting,)

    @property
    def axes_mm(self) -> tuple[Decimal | None, Decimal | None]:
        """Long and short axis: as named by the reader, else the length of the line drawn."""
        long_mm, short_mm = self.long_axis_mm, self.short_axis_mm
        if long_mm is None and self.long_axis is not None:
            long_mm = recorded(self.long_axis.length_mm)
        if short_mm is None and self.short_axis is not None:
            short_mm = recorded(self.short_axis.length_mm)
        return long_mm, short_mm

    @property
    def caliper(self) -> Caliper | None:
        """Both diameters where the reader drew them; one that was not drawn has length 0.

        Which slice they lie on is for the image to say: see :meth:`on_image`.
        """
        drawn = self.long_axis or self.short_axis
        if drawn is None:
            return None
        long_mm, short_mm = self.axes_mm
        middle = drawn.middle_mm
        return Caliper(
            self.long_axis or Axis(middle, middle),
            self.short_axis or Axis(middle, middle),
            long_mm or Decimal(0),
            short_mm or Decimal(0),
            self.slice_index,
            self.sop_instance_uid,
        )

    def on_image(self, grid: Grid, sop_instance_uids: Sequence[str] = ()) -> CorrectedMeasurement:
        """The same with the slice that its caliper lies on.

        Raises:
            InputError: the caliper lies outside of the image.
        """
        drawn = self.long_axis or self.short_axis
        if drawn is None:
            return self
        k = round(float(grid.to_voxel(drawn.middle_mm)[2]))
        if not 0 <= k < grid.shape[2]:
            raise self._refused("its caliper lies outside of the image", "give LPS mm of this scan")
        uid = sop_instance_uids[k] if k < len(sop_instance_uids) else ""
        return replace(self, slice_index=k, sop_instance_uid=uid)

    def repeats(self, measurement: Measurement | None) -> bool:
        """Whether it says what stands there anyway: a row of a table that was given back whole."""
        if measurement is None or self.is_signed or self.long_axis or self.short_axis:
            return False
        return (
            (self.status or Status.MEASURED) is measurement.status
            and self.parts_mm == measurement.parts_mm
            and self.merged_into == measurement.merged_into
        )
