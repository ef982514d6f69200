"""Hull and longest axis, found quickly, are those of the plain way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from imaging.volume import Array, BoolArray, Grid, Mask
from recist.measure.axes import TIE_MM, farthest, longest_axes
from recist.measure.outline import OUTLINE_OF, Convention, Outline, hull_polygon, rows_of

conventions = st.sampled_from(list(Convention))


def planes(shape: tuple[int, ...]) -> st.SearchStrategy[BoolArray]:
    return hnp.arrays(np.bool_, shape).filter(np.any)


def monotone_chain(outline: Outline) -> Array:
    """Andrew's: one point after another, the last ones dropped while the way turns right."""

    def turn(a: tuple[float, ...], b: tuple[float, ...], c: tuple[float, ...]) -> float:
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    points = sorted({(x, y) for x, y in outline.points().tolist()})
    if len(points) == 1:
        return np.array(points)
    hull: list[tuple[float, ...]] = []
    for ordered in (points, points[::-1]):
        chain: list[tuple[float, ...]] = []
        for point in ordered:
            while len(chain) > 1 and turn(chain[-2], chain[-1], point) <= 0:
                chain.pop()
            chain.append(point)
        hull += chain[:-1]
    return np.array(hull)


@given(st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(planes), conventions)
def test_the_hull_is_that_of_the_monotone_chain(plane: BoolArray, convention: Convention) -> None:
    outline = OUTLINE_OF[convention](rows_of(plane))
    assert hull_polygon(outline).tolist() == monotone_chain(outline).tolist()


@given(
    planes((7, 6, 5)),
    conventions,
    st.sampled_from([(1.0, 1.0), (0.7, 0.7), (0.5, 2.0)]),
)
def test_no_slice_with_a_longest_axis_is_left_out(
    array: BoolArray, convention: Convention, spacing: tuple[float, float]
) -> None:
    steps = np.array(spacing)
    mask = Mask(array, (0, 0, 0), Grid((7, 6, 5), np.diag([*spacing, 3.0, 1.0])))
    tried = [
        (k, *farthest(OUTLINE_OF[convention](rows_of(plane)), steps)) for k, plane in mask.slices()
    ]
    longest = max(length for _, length, _ in tried)
    plain = [(k, line) for k, length, own in tried if length > longest - TIE_MM for line in own]
    found = longest_axes(mask, steps, convention)
    assert [k for k, _ in found] == [k for k, _ in plain]
    for (_, own), (_, line) in zip(found, plain, strict=True):
        assert own.start_mm == pytest.approx(line.start_mm)
        assert own.end_mm == pytest.approx(line.end_mm)
