"""The diameters of a date as a report that OHIF opens as lines to be dragged.

OHIF (Cornerstone) reads a profile of TID 1500 of its own: the tracking identifier names its tool,
both axes are polylines on the image, under the meanings "Long Axis" and "Short Axis", and the label
is the meaning of the finding. It opens no group without coordinates on an image.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydicom.dataset import Dataset

from imaging.seg import Coded
from imaging.volume import FloatArray
from recist.course import Axis, Caliper, Lesion
from recist.export.dicom.concepts import (
    CT_PROCEDURE,
    LONG_AXIS,
    MEASUREMENT_REPORT,
    MILLIMETRE,
    SHORT_AXIS,
    finding_of,
)
from recist.export.dicom.dated import ReportedDate
from recist.export.dicom.documents import concept, observer, write_report

if TYPE_CHECKING:  # pandas comes with it: imported where a report is written
    import highdicom as hd

SERIES_NUMBER = 911
DESCRIPTION = "Diameters to edit"
#: The tool of OHIF that draws two axes, as its reports name it.
BIDIRECTIONAL = "Cornerstone3DTools@^0.1.0:Bidirectional"
#: Our own scheme of codes for lesions: OHIF shows the meaning of a finding and keeps its code.
LESIONS = "99RECIST"
#: A code value has at most 16 characters (PS3.5, table 6.2-1: SH).
LONGEST_CODE = 16


def write_editable_report(path: Path, date: ReportedDate, *, earlier: Path | None) -> Path | None:
    """Write the diameters that lie on an image of the date; None where there is none.

    Args:
        earlier: the report that this one takes the place of.
    """
    import highdicom as hd  # noqa: PLC0415 - see above

    images = {str(header.SOPInstanceUID): header for header in date.headers}
    groups = [
        _group(lesion, caliper, images[caliper.sop_instance_uid])
        for lesion, _ in date.seen
        if (caliper := date.calipers.get(lesion.id)) is not None
        and caliper.sop_instance_uid in images
    ]
    if not groups:
        return None
    report = hd.sr.MeasurementReport(
        observation_context=observer(),
        procedure_reported=concept(CT_PROCEDURE),
        imaging_measurements=groups,
        title=concept(MEASUREMENT_REPORT),
    )
    return write_report(
        path,
        hd.sr.ComprehensiveSR,
        report[0],
        date.evidence,
        description=DESCRIPTION,
        series_number=SERIES_NUMBER,
        earlier=earlier,
        signed=date.signed,
    )


def _group(
    lesion: Lesion, caliper: Caliper, image: Dataset
) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    import highdicom as hd  # noqa: PLC0415 - see above

    axes = (
        (LONG_AXIS, caliper.long_axis_mm, caliper.long_axis),
        (SHORT_AXIS, caliper.short_axis_mm, caliper.short_axis),
    )
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(
            uid=lesion.tracking_uid, identifier=BIDIRECTIONAL
        ),
        finding_type=concept(_named(lesion)),
        measurements=[
            hd.sr.Measurement(
                name=concept(code),
                value=float(length_mm),
                unit=concept(MILLIMETRE),
                referenced_coordinates=[_on_image(axis, image)],
            )
            for code, length_mm, axis in axes
        ],
    )


def _named(lesion: Lesion) -> Coded:
    """The lesion as a finding, under its own name."""
    if len(lesion.id) > LONGEST_CODE:
        return finding_of(lesion)
    return Coded(lesion.id, LESIONS, f"{lesion.id} {lesion.organ}")


def _on_image(axis: Axis, image: Dataset) -> hd.sr.CoordinatesForMeasurement:
    import highdicom as hd  # noqa: PLC0415 - see above

    return hd.sr.CoordinatesForMeasurement(
        graphic_type=hd.sr.GraphicTypeValues.POLYLINE,
        graphic_data=image_points(axis, image),
        source_image=hd.sr.SourceImageForRegion(image.SOPClassUID, image.SOPInstanceUID),
    )


def image_points(axis: Axis, image: Dataset) -> FloatArray:
    """(2, 2) column and row of both ends of a line; 0.5, 0.5 is the middle of the first pixel.

    A structured report counts from the corner of the image (PS3.3, C.18.6.1.1).
    """
    along_row, along_column = np.array(image.ImageOrientationPatient, dtype=float).reshape(2, 3)
    between_rows, between_columns = (float(value) for value in image.PixelSpacing)
    away = np.array([axis.start_mm, axis.end_mm]) - np.array(image.ImagePositionPatient, float)
    return np.stack(
        [away @ along_row / between_columns + 0.5, away @ along_column / between_rows + 0.5], axis=1
    )
