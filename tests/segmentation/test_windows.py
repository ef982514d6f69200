"""Windows cover the body, are even, and small; boxes around candidates are apart."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from segmentation.placement import boxes, merged
from segmentation.windows import Box, blending, body_box, windows


def covered(parts: list[Box], shape: tuple[int, int, int]) -> np.ndarray:
    seen = np.zeros(shape, np.bool_)
    for part in parts:
        seen[tuple(slice(max(0, s.start), s.stop) for s in part)] = True
    return seen


@given(
    st.tuples(*[st.integers(1, 150)] * 3),
    st.sampled_from([32, 48, 96]),
)
def test_windows_cover_their_box_and_keep_to_the_longest_side(
    shape: tuple[int, int, int], longest: int
) -> None:
    parts = windows((slice(0, shape[0]), slice(0, shape[1]), slice(0, shape[2])), longest=longest)
    assert covered(parts, shape).all()
    for part in parts:
        for side in part:
            assert (side.stop - side.start) % 8 == 0
            assert side.stop - side.start <= longest


def test_the_body_is_boxed_without_the_table() -> None:
    ct = np.zeros((80, 80, 40), np.float32)
    ct[20:60, 24:50, :] = 0.9
    ct[34:50, 68:70, :] = 0.9
    box, body = body_box(ct)
    assert box[0].start <= 20
    assert box[0].stop >= 60
    assert box[1].start <= 24
    assert 50 <= box[1].stop < 60
    assert body.any()


def test_air_alone_is_all_looked_at() -> None:
    box, _ = body_box(np.zeros((10, 12, 14), np.float32))
    assert [(s.start, s.stop) for s in box] == [(0, 10), (0, 12), (0, 14)]


def test_windows_without_body_are_left_out() -> None:
    ct = np.zeros((160, 40, 40), np.float32)
    ct[:40] = 0.9
    whole = (slice(0, 160), slice(0, 40), slice(0, 40))
    _, body = body_box(ct)
    assert len(windows(whole, body, longest=48)) < len(windows(whole, longest=48))


def test_blending_is_highest_in_the_middle() -> None:
    weights = blending((32, 48, 64))
    assert weights.shape == (32, 48, 64)
    assert weights[16, 24, 32] == weights.max() > 0.9
    assert 0.0 < weights[0, 0, 0] < 0.01


def box(start: int, stop: int) -> Box:
    return slice(start, stop), slice(0, 8), slice(0, 8)


def test_each_component_has_a_box_wherever_they_lie() -> None:
    lesion = np.zeros((40, 30, 20), np.bool_)
    assert list(boxes(lesion, 1.0)) == []
    lesion[0, 12:14, 19] = True  # at two faces
    lesion[20:25, 10, 7] = True
    lesion[25, 11, 8] = True  # over a corner of it
    found = list(boxes(lesion, 2.0))
    assert found == [
        (slice(0, 3), slice(10, 16), slice(17, 20)),
        (slice(18, 28), slice(8, 14), slice(5, 11)),
    ]


def test_boxes_that_overlap_become_one_also_in_chains() -> None:
    found = merged([box(0, 10), box(40, 50), box(14, 42), box(80, 90)])
    assert sorted((b[0].start, b[0].stop) for b in found) == [(0, 56), (80, 96)]


def test_a_voxel_more_does_not_move_a_box() -> None:
    assert merged([box(9, 23)]) == merged([box(10, 22)])
