"""Key images as secondary captures, for a PACS that shows nothing else of a result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset, FileDataset

from imaging.dataset import read_object
from imaging.derived import (
    MANUFACTURER,
    MODEL_NAME,
    Predecessor,
    SeriesOfOne,
    dated_by,
    derived_uid,
    identity_of,
    new_object,
    read_earlier,
    refer_to_image,
    reference_to,
    software_version,
    succession,
)
from imaging.writing import written_whole
from recist.course import Lesion, Measurement
from recist.export.dicom.dated import ReportedDate
from recist.export.dicom.documents import described
from recist.patient.result import KeyImage
from recist.report.pictures import CALIPER_COLOUR, OTHER_COLOUR, OVERLAY_COLOURS, window_of
from recist.report.wording import STATUS_WORDS
from recist.response import RESEARCH_USE

CAPTURE_CLASS = "1.2.840.10008.5.1.4.1.1.7"
SERIES_NUMBER = 920
DESCRIPTION = "Key images"
#: Width and height of a capture; the picture above, a strip of words below.
SIDE_PX, STRIP_PX = 512, 64
_FONT_PX = 16

Pixels = npt.NDArray[np.uint8]


def write_captures(
    folder: Path,
    name: str,
    date: ReportedDate,
    images: Sequence[KeyImage],
    *,
    earlier: Path | None = None,
) -> list[Path]:
    """Write one capture per lesion of a date as one series; the same pictures give the same bytes.

    Args:
        name: what the files' names begin with.
        images: the CT pictures of this date; each lesion's windows agree over all of them.
        earlier: the folder of the captures that these take the place of; each refers to the one of
            its lesion.
    """
    seen = {lesion.id: (lesion, measurement) for lesion, measurement in date.seen}
    drawn = [
        (image, _picture(image, date, *seen[image.lesion_id]))
        for image in images
        if image.lesion_id in seen
    ]
    pixels = [picture.tobytes() for _, picture in drawn]
    sources = [header.SOPInstanceUID for header in date.headers]
    before = sorted(earlier.glob(f"{name}-*.dcm")) if earlier is not None else []
    said = identity_of([DESCRIPTION, *sources, *pixels])
    series, _ = succession(said, before[0] if before else None, what="series")
    replaced = _replaced(before, series)
    written = []
    for number, (image, picture) in enumerate(drawn, start=1):
        captured = _captured(date, image, picture, series, number)
        refer_to_image(captured, replaced.get(str(captured.ImageComments)))
        path = folder / f"{name}-{number:02}.dcm"
        with written_whole(path) as file:
            captured.save_as(file, enforce_file_format=True)
        written.append(path)
    return written


def _replaced(before: Sequence[Path], series: str) -> dict[str, Predecessor]:
    """What the capture of a lesion takes the place of, by its comment, which names the lesion.

    Args:
        before: the captures that lie there.
        series: the identity of the new series; the one that lies there may be the same.
    """
    found = {}
    for path in before:
        held = read_earlier(path)
        if held is not None:
            own, its_predecessor = held
            is_same = own.series_instance_uid == derived_uid("series", series)
            predecessor = its_predecessor if is_same else own
            if predecessor is not None:
                found[str(read_object(path).get("ImageComments", ""))] = predecessor
    return found


def _captured(
    date: ReportedDate, image: KeyImage, picture: Pixels, series: str, number: int
) -> FileDataset:
    source = date.headers[0]
    held = new_object(
        source,
        SeriesOfOne(
            CAPTURE_CLASS,
            "OT",
            described(DESCRIPTION),
            SERIES_NUMBER,
            identity_of([series, number]),
            series,
            number,
        ),
    )
    held.ConversionType = "WSD"
    held.ImageComments = f"Lesion {image.lesion_id}. {RESEARCH_USE}"
    held.SecondaryCaptureDeviceManufacturer = MANUFACTURER
    held.SecondaryCaptureDeviceManufacturerModelName = MODEL_NAME
    held.SecondaryCaptureDeviceSoftwareVersions = software_version()
    held.ContentDate, held.ContentTime = dated_by(source)
    held.DateOfSecondaryCapture, held.TimeOfSecondaryCapture = dated_by(source)
    held.ImageType = ["DERIVED", "SECONDARY"]
    held.BurnedInAnnotation = "YES"
    held.PatientOrientation = ""
    held.Laterality = ""
    held.SourceImageSequence = _sources(date, image)
    held.SamplesPerPixel, held.PhotometricInterpretation = 3, "RGB"
    held.PlanarConfiguration = 0
    held.Rows, held.Columns, _ = picture.shape
    held.BitsAllocated = held.BitsStored = 8
    held.HighBit, held.PixelRepresentation = 7, 0
    held.LossyImageCompression = "00"
    held.PixelData = picture.tobytes()
    return held


def _sources(date: ReportedDate, image: KeyImage) -> list[Dataset]:
    """The slice of the diameter first, then every other image of the series."""
    caliper = date.calipers.get(image.lesion_id)
    shown = caliper.sop_instance_uid if caliper is not None else ""
    images = {str(header.SOPInstanceUID): header for header in date.headers}
    return [reference_to(images[uid]) for uid in sorted(images, key=lambda uid: uid != shown)]


def _picture(
    image: KeyImage, date: ReportedDate, lesion: Lesion, measurement: Measurement
) -> Pixels:
    """(rows, columns, 3): the crop with outline and diameters, and what is said of it below."""
    grey = window_of([image], is_node=lesion.is_node).grey(image.pixels)
    rows, columns = grey.shape
    between_rows, between_columns = image.spacing_mm
    scale = SIDE_PX / max(columns * between_columns, rows * between_rows)
    size = (round(columns * between_columns * scale), round(rows * between_rows * scale))
    canvas = Image.new("RGB", (SIDE_PX, SIDE_PX + STRIP_PX))
    canvas.paste(Image.fromarray(grey).resize(size, Image.Resampling.BILINEAR), (0, 0))
    draw = ImageDraw.Draw(canvas)
    step = np.array([size[0] / columns, size[1] / rows])

    def points(line: object) -> list[tuple[float, float]]:
        at = (np.asarray(line, dtype=np.float64) + 0.5) * step
        return [(float(x), float(y)) for x, y in at]

    for overlay in image.overlays:
        colour = OVERLAY_COLOURS.get(overlay.kind, OTHER_COLOUR)
        for line in overlay.lines_px:
            draw.line(points(line), fill=colour, width=2)
    for axis, width in ((image.short_axis_px, 1), (image.long_axis_px, 2)):
        if axis is not None:
            draw.line(points(axis), fill=CALIPER_COLOUR, width=width)
    font = ImageFont.load_default(_FONT_PX)
    for row, text in enumerate((_named(date, lesion, measurement), RESEARCH_USE)):
        draw.text((8, SIDE_PX + 8 + 26 * row), text, fill="#ffffff", font=font)
    return np.asarray(canvas)


def _named(date: ReportedDate, lesion: Lesion, measurement: Measurement) -> str:
    size_mm = measurement.diameter_mm
    said = STATUS_WORDS.get(measurement.status, str(measurement.status))
    found = said if size_mm is None else f"{size_mm} mm{' short axis' if lesion.is_node else ''}"
    return f"{lesion.id}  {lesion.organ}, {lesion.role}  {date.name}: {found}"
