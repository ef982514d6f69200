"""Key images and projections as inline SVG: grey picture, lines in millimetres over it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

from recist.field.overlays import Overlay
from recist.patient.result import KeyImage, Projected
from recist.report.svg import drawing, line, png_uri, polyline, tag, text

Points2 = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class GreyWindow:
    """Which values are shown from black to white (or white to black)."""

    name: str
    low: float
    high: float
    inverted: bool = False

    @property
    def words(self) -> str:
        if self.inverted:
            return f"{self.name} {self.low:g} to {self.high:g}"
        return (
            f"{self.name} window: width {self.high - self.low:g}, "
            f"level {(self.high + self.low) / 2:g} HU"
        ).replace("-", "−")

    def grey(self, pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
        share = np.clip((pixels - self.low) / (self.high - self.low), 0, 1)
        shade = 1 - share if self.inverted else share
        return np.asarray(np.rint(255 * shade), dtype=np.uint8)


SOFT_TISSUE = GreyWindow("soft tissue", -160.0, 240.0)
LUNG = GreyWindow("lung", -1250.0, 250.0)
SUV = GreyWindow("SUV", 0.0, 8.0, inverted=True)

#: Lung tissue: a lesion with at least this share of such pixels around it (in the middle half of
#: its pictures) is shown in the lung window.
LUNG_HU = (-980.0, -600.0)
LUNG_SHARE = 0.35

OVERLAY_COLOURS = {"lesion": "#ff5a7a", "target-volume": "#38d0f5"}
ISODOSE_COLOURS = ("#ff8c1a", "#ffd24d", "#a3e635")
OTHER_COLOUR = "#d1d5db"
CALIPER_COLOUR = "#fff04d"


def window_of(images: Sequence[KeyImage], *, is_node: bool = False) -> GreyWindow:
    """One window for all pictures of a lesion, by what lies around it; a node's is soft tissue."""
    if any(image.modality != "CT" for image in images):
        return SUV
    if is_node:
        return SOFT_TISSUE
    pixels = np.concatenate([_middle_half(image.pixels).ravel() for image in images])
    low, high = LUNG_HU
    lung = np.count_nonzero((pixels > low) & (pixels < high)) / max(pixels.size, 1)
    return LUNG if lung >= LUNG_SHARE else SOFT_TISSUE


def _middle_half(pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    rows, columns = pixels.shape
    return pixels[rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4]


def picture(image: KeyImage, window: GreyWindow, label: str, colours: Mapping[str, str]) -> str:
    """A key image with contours, diameters and a scale bar.

    Args:
        colours: by the label of a line, see :func:`line_colours`.
    """
    rows, columns = image.pixels.shape
    scale = (image.spacing_mm[1], image.spacing_mm[0])
    width, height = columns * scale[0], rows * scale[1]
    parts = [
        tag("image", href=png_uri(window.grey(image.pixels)), x=0, y=0, width=width, height=height,
            preserveAspectRatio="none"),
    ]  # fmt: skip
    for overlay in image.overlays:
        parts += _overlay(overlay, scale, colours.get(overlay.label, OTHER_COLOUR))
    dark = window.inverted
    caliper = "#7a4b00" if dark else CALIPER_COLOUR
    if image.short_axis_px:
        parts += _axis(image.short_axis_px, scale, caliper, width, fine=True)
    if image.long_axis_px:
        parts += _axis(image.long_axis_px, scale, caliper, width, fine=False)
    parts += _scale_bar(width, height, "#111827" if dark else "#ffffff")
    return drawing(width, height, *parts, label=label, class_="picture")


def line_colours(images: Iterable[KeyImage]) -> dict[str, str]:
    """The colour of each line by its label, the same on all pictures of a page.

    Isodoses are coloured from the highest dose down.
    """
    labels = {overlay.label: overlay.kind for image in images for overlay in image.overlays}
    isodoses = [label for label, kind in labels.items() if kind == "isodose"]
    colours = {
        label: OVERLAY_COLOURS.get(kind, OTHER_COLOUR)
        for label, kind in labels.items()
        if kind != "isodose"
    }
    for rank, label in enumerate(sorted(isodoses, key=_dose_of, reverse=True)):
        colours[label] = ISODOSE_COLOURS[rank % len(ISODOSE_COLOURS)]
    return colours


def _dose_of(label: str) -> float:
    """The number that an isodose's label begins with."""
    try:
        return float(label.split(maxsplit=1)[0])
    except (IndexError, ValueError):
        return 0.0


def projection(view: Projected, label: str) -> str:
    """A maximum-intensity projection of SUV, dark where uptake is high, with what was measured."""
    rows, columns = view.pixels.shape
    scale = (view.spacing_mm[1], view.spacing_mm[0])
    width, height = columns * scale[0], rows * scale[1]
    image = tag("image", href=png_uri(SUV.grey(view.pixels)), x=0, y=0, width=width, height=height,
                preserveAspectRatio="none")  # fmt: skip
    lines = [
        line
        for overlay in view.overlays
        for line in _overlay(overlay, scale, OVERLAY_COLOURS.get(overlay.kind, OTHER_COLOUR))
    ]
    return drawing(width, height, image, *lines, label=label, class_="picture projection")


def _overlay(overlay: Overlay, scale: tuple[float, float], colour: str) -> list[str]:
    dashes = {"target-volume": "4 3", "isodose": "1.5 2.5"}.get(overlay.kind)
    title = tag("title", escape(overlay.label))
    lines = [
        polyline(
            (np.asarray(points) + 0.5) * scale,
            stroke=colour,
            stroke_dasharray=dashes,
            class_="overlay",
        )
        for points in overlay.lines_px
    ]
    return [tag("g", title, *lines)]


def _axis(
    ends: Points2, scale: tuple[float, float], colour: str, width: float, *, fine: bool
) -> list[str]:
    """A diameter with a small bar across each end."""
    (x0, y0), (x1, y1) = ((np.asarray(ends, dtype=np.float64) + 0.5) * scale).tolist()
    length = max(float(np.hypot(x1 - x0, y1 - y0)), 1e-6)
    across = np.array([y0 - y1, x1 - x0]) / length * width * 0.018
    class_ = "caliper fine" if fine else "caliper"
    drawn = [line(x0, y0, x1, y1, stroke=colour, class_=class_)]
    for x, y in ((x0, y0), (x1, y1)):
        drawn.append(
            line(x - across[0], y - across[1], x + across[0], y + across[1], stroke=colour,
                 class_=class_)
        )  # fmt: skip
    return drawn


def _scale_bar(width: float, height: float, colour: str) -> list[str]:
    length = next((mm for mm in (50.0, 20.0, 10.0, 5.0) if mm <= width * 0.3), 2.0)
    x, y = width * 0.04, height * 0.95
    return [
        line(x, y, x + length, y, stroke=colour, class_="bar"),
        text(f"{length:g} mm", x, y - height * 0.025, fill=colour, class_="bar-label",
             font_size=width * 0.05),
    ]  # fmt: skip
