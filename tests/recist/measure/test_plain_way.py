"""Hull and longest axis, found quickly, are those of the plain way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from imaging.volume import Array, BoolArray, Grid, Mask
from recist.measure.axes import TIE_MM, farthest, longest_axes
from recist.measure.outline import (
    OUTLINE_OF,
    Convention,
    Outline,
    Section,
    hull_polygon,
    rows_of,
)

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


@given(st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(planes), conventions)
def test_rows_without_a_vertex_of_the_hull_are_not_needed(
    plane: BoolArray, convention: Convention
) -> None:
    section = Section.of(plane, convention)
    outline_of = OUTLINE_OF[convention]
    whole, kept = outline_of(section.rows), outline_of(section.hull)
    assert set(section.hull.row) <= set(section.rows.row)
    assert section.polygon.tolist() == hull_polygon(whole).tolist()
    steps = np.array([0.7, 1.3])
    length, lines = farthest(whole, steps)
    same_length, same_lines = farthest(kept, steps)
    assert same_length == length
    assert [line.start_mm.tolist() for line in same_lines] == [
        line.start_mm.tolist() for line in lines
    ]


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
