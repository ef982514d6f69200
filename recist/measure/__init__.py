"""The two diameters of a lesion. ``measure.caliper`` is the way in.

RECIST 1.1 (Eisenhauer 2009, section 3.1.1) measures a lesion by its longest diameter in the plane
of acquisition, a lymph node by its short axis: the longest diameter perpendicular to it in the
same slice. On voxels both need a convention of where a pixel ends (:class:`Convention`), and
"perpendicular diameter" can be read in three ways (:class:`ShortAxis`). Nothing but NumPy and SciPy
is used; all lengths are mm, points LPS mm.
"""

from __future__ import annotations

from recist.measure.axes import ShortAxis
from recist.measure.diameters import (
    Flag,
    caliper,
    diameter_mm,
    flags,
    longest_3d,
    recorded,
)
from recist.measure.interval import DiameterInterval, diameter_interval
from recist.measure.outline import Convention
from recist.measure.waist import across_waist, sizes_of_parts, waist_of

__all__ = [
    "Convention",
    "DiameterInterval",
    "Flag",
    "ShortAxis",
    "across_waist",
    "caliper",
    "diameter_interval",
    "diameter_mm",
    "flags",
    "longest_3d",
    "recorded",
    "sizes_of_parts",
    "waist_of",
]
