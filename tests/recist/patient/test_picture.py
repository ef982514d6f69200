"""Key images: the right slice, the right place, the lines where the lesion is."""

from __future__ import annotations

import base64
import io
from decimal import Decimal

import matplotlib.image
import numpy as np
import pytest

from imaging.errors import GeometryError
from imaging.volume import Grid, Mask, Unit, Volume
from recist.course import Axis, Caliper
from recist.field.overlays import Overlay
from recist.measure import caliper
from recist.patient.picture import key_image, view_mm
from recist.patient.result import KeyImage
from recist.report.pictures import LUNG, SOFT_TISSUE, SUV, line_colours, picture, window_of
from recist.report.svg import png_uri, tag, text


def grid(spacing: tuple[float, float, float] = (1.0, 2.0, 3.0), n: int = 100) -> Grid:
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = (-40.0, -60.0, 10.0)
    return Grid((n, n, 20), affine, "frame")


def block(on: Grid, low: tuple[int, int, int], high: tuple[int, int, int]) -> Mask:
    full = np.zeros(on.shape, dtype=bool)
    full[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = True
    return Mask.of(full, on)


def ct(on: Grid) -> Volume:
    """Every voxel has a value that names it."""
    i, j, k = np.indices(on.shape)
    return Volume((i + 100 * j + 10000 * k).astype(np.float32), on, Unit.HU)


def test_the_slice_measured_on_is_shown_with_its_axes_on_the_lesion() -> None:
    on = grid()
    mask = block(on, (40, 45, 6), (60, 50, 9))  # 20 x 10 mm
    drawn = caliper(mask)
    image = key_image(ct(on), mask, drawn, lesion_id="a", day=0, width_mm=60)
    assert image.pixels.shape == (30, 60)  # rows of 2 mm, columns of 1 mm
    assert image.spacing_mm == (2.0, 1.0)
    assert image.slice_position == f"slice {drawn.slice_index + 1} of 20"
    assert image.long_axis_px is not None
    (c0, r0), (c1, r1) = image.long_axis_px
    # A pixel of the crop holds the voxel that its number names.
    first = int(image.pixels[0, 0])
    column, row = first % 100, first // 100 % 100
    assert first // 10000 == drawn.slice_index
    ends = np.array([[c0 + column, r0 + row], [c1 + column, r1 + row]])
    assert np.allclose(np.sort(ends[:, 0]), [39.5, 59.5], atol=1.0)
    assert ((ends[:, 1] > 44) & (ends[:, 1] < 50)).all()


def test_the_outline_runs_half_a_pixel_outside_the_outermost_centres() -> None:
    on = grid((1.0, 1.0, 3.0))
    mask = block(on, (40, 45, 6), (60, 55, 9))
    image = key_image(ct(on), mask, caliper(mask), lesion_id="a", day=0)
    (overlay,) = image.overlays
    (line,) = overlay.lines_px
    assert np.allclose(np.ptp(line, axis=0), [20, 10])
    first = int(image.pixels[0, 0])
    assert np.allclose(line.min(axis=0), [39.5 - first % 100, 44.5 - first // 100 % 100])


def test_without_a_caliper_the_slice_with_most_of_the_lesion_is_shown() -> None:
    on = grid()
    full = np.zeros(on.shape, dtype=bool)
    full[40:50, 40:50, 4] = True
    full[40:60, 40:60, 5] = True
    image = key_image(ct(on), Mask.of(full, on), None, lesion_id="a", day=0)
    assert image.slice_position == "slice 6 of 20"
    assert image.long_axis_px is None


def test_an_empty_place_is_shown_where_a_lesion_was() -> None:
    on = grid()
    centre = on.to_world_mm((50, 50, 7))
    image = key_image(ct(on), None, None, lesion_id="a", day=0, centre_mm=tuple(centre))
    assert image.slice_position == "slice 8 of 20"
    assert not image.overlays


def test_what_lies_outside_of_the_image_is_air() -> None:
    on = grid((1.0, 1.0, 1.0))
    mask = block(on, (0, 0, 3), (6, 6, 5))
    image = key_image(ct(on), mask, caliper(mask), lesion_id="a", day=0, width_mm=40)
    assert image.pixels.shape == (40, 40)
    assert image.pixels[0, 0] == -1024
    suv = Volume(np.ones(on.shape), on, Unit.SUV_BW)
    image = key_image(suv, mask, caliper(mask), lesion_id="a", day=0, width_mm=40)
    assert (image.modality, image.pixels[0, 0]) == ("PET", 0.0)


def test_a_pet_on_its_own_grid_shows_the_same_place() -> None:
    on = grid((1.0, 1.0, 3.0))
    mask = block(on, (40, 40, 4), (60, 60, 10))
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = (-40.0, -60.0, 10.0)
    pet = Volume(np.zeros((30, 30, 20), dtype=np.float32), Grid((30, 30, 20), affine), Unit.SUV_BW)
    image = key_image(pet, mask, caliper(mask), lesion_id="a", day=0, width_mm=80)
    (line,) = image.overlays[0].lines_px
    assert np.allclose(np.ptp(line, axis=0) * 4, [20, 20], atol=2.0)
    assert image.long_axis_px is not None
    ends = np.array(image.long_axis_px)
    assert np.linalg.norm((ends[1] - ends[0]) * 4) == pytest.approx(
        float(caliper(mask).long_axis_mm), abs=0.1
    )


def test_a_picture_needs_a_place() -> None:
    with pytest.raises(GeometryError, match="a mask, a caliper or a centre"):
        key_image(ct(grid()), None, None, lesion_id="a", day=0)


def test_one_width_suits_a_lesion_at_all_its_dates() -> None:
    axis = Axis((0.0, 0.0, 0.0), (80.0, 0.0, 0.0))
    large = Caliper(axis, axis, Decimal(80), Decimal(60), 1)
    assert view_mm([None, large]) == 125.0
    assert view_mm([]) == 90.0


def key(pixels: float, modality: str = "CT") -> KeyImage:
    lines = (np.array([[1.0, 1.0], [3.0, 1.0]]),)
    overlays = tuple(
        Overlay(kind, label, lines)
        for kind, label in (("lesion", "lesion"), ("isodose", "45 Gy"), ("isodose", "22.5 Gy"))
    )
    shape = np.full((20, 20), pixels, dtype=np.float32)
    return KeyImage("a", 0, modality, shape, (2.0, 2.0), None, None, overlays)


def test_a_window_is_chosen_by_what_lies_around_the_lesion() -> None:
    assert window_of([key(-800)]) is LUNG
    assert window_of([key(-800)], is_node=True) is SOFT_TISSUE
    assert window_of([key(50)]) is SOFT_TISSUE
    assert window_of([key(3, "PET")]) is SUV
    assert SOFT_TISSUE.words == "soft tissue window: width 400, level 40 HU"
    assert LUNG.words == "lung window: width 1500, level −500 HU"


def test_isodoses_are_told_apart_by_colour() -> None:
    colours = line_colours([key(0)])
    assert colours == {"lesion": "#ff5a7a", "45 Gy": "#ff8c1a", "22.5 Gy": "#ffd24d"}
    drawn = picture(key(0), SOFT_TISSUE, "a", colours)
    assert [drawn.count(colour) for colour in colours.values()] == [1, 1, 1]


def test_a_picture_survives_its_way_into_the_page() -> None:
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    uri = png_uri(grey)
    read = matplotlib.image.imread(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
    assert np.array_equal(np.rint(read * 255).astype(np.uint8), grey)
    assert SOFT_TISSUE.grey(np.array([[-2000.0, -160, 240, 3000]], dtype=np.float32)).tolist() == [
        [0, 0, 255, 255]
    ]
    assert SUV.grey(np.array([[0.0, 8.0]], dtype=np.float32)).tolist() == [[255, 0]]


def test_markup_is_escaped() -> None:
    assert text("<a> & b", 1.0, 2.5) == '<text x="1" y="2.5">&lt;a&gt; &amp; b</text>'
    assert tag("g", class_='"x"', stroke_width=None) == '<g class="&quot;x&quot;"></g>'
