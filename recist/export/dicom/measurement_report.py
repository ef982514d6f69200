"""The measurements and responses of a date as Comprehensive 3D SR (PS3.16, TID 1500).

Each lesion has a group with its diameters (TID 1501) and, where it was delineated, one with its
volume and uptake (TID 1411); the two share the Tracking UID (the pattern of PS3.17, RRR.5).
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom.dataset import Dataset

from imaging.seg import Coded
from recist.course import Axis, Lesion, Measurement, Status
from recist.criteria.criterion import title_of
from recist.export.dicom.concepts import (
    BASELINE_CATEGORY,
    BEST_RESPONSE,
    CATEGORY_OF_ROLE,
    COMMENT,
    CT_PROCEDURE,
    CURRENT_RESPONSE,
    LONG_AXIS,
    MAXIMUM,
    MEAN,
    MEASUREMENT_OF_RESPONSE,
    MILLILITRE,
    MILLIMETRE,
    NON_TARGET_RESPONSE,
    ONCOLOGY_REPORT,
    OVERALL_RESPONSE,
    PEAK,
    QUALITATIVE_EVALUATIONS,
    RECIST_1_1,
    RESPONSE_EVALUATION,
    RESPONSE_METHOD,
    SHORT_AXIS,
    SUV_BW,
    SUV_UNIT,
    TARGET_RESPONSE,
    VOLUME,
    finding_of,
)
from recist.export.dicom.dated import ReportedDate
from recist.export.dicom.documents import algorithm_item, concept, observer, write_report
from recist.patient.lesion_names import region_of
from recist.response import RESEARCH_USE, Assessment, Scope

if TYPE_CHECKING:  # pandas comes with it: imported where a report is written
    import highdicom as hd

SERIES_NUMBER = 910
DESCRIPTION = "Lesions and response"
_SETS = {
    Scope.ALL: "all lesions",
    Scope.IN_FIELD: "in the irradiated field",
    Scope.OUT_OF_FIELD: "outside the irradiated field",
}
#: The sum of diameters is written with the unit of its parts.
_RECIST11 = "recist11"


def write_measurement_report(
    path: Path, date: ReportedDate, seg: Dataset | None, *, earlier: Path | None
) -> Path:
    """Write what was measured and found at one date.

    Args:
        seg: the SEG object that holds the segments of the date; None without one.
        earlier: the report that this one takes the place of.
    """
    import highdicom as hd  # noqa: PLC0415 - see above

    groups: list[Any] = []
    for lesion, measurement in date.seen:
        groups.append(_diameters(date, lesion, measurement))
        volume = _volume(date, lesion, measurement, seg)
        groups += [] if volume is None else [volume]
    report = hd.sr.MeasurementReport(
        observation_context=observer(),
        procedure_reported=concept(CT_PROCEDURE),
        imaging_measurements=groups,
        title=concept(ONCOLOGY_REPORT),
    )
    root = report[0]
    root.ContentSequence.append(_evaluations(date))
    evidence = [*date.evidence, *([seg] if seg is not None else [])]
    return write_report(
        path,
        hd.sr.Comprehensive3DSR,
        root,
        evidence,
        description=DESCRIPTION,
        series_number=SERIES_NUMBER,
        earlier=earlier,
        signed=date.signed,
    )


def _common(date: ReportedDate, lesion: Lesion) -> dict[str, Any]:
    import highdicom as hd  # noqa: PLC0415 - see above

    region = region_of(lesion.organ, is_node=lesion.is_node)
    category = CATEGORY_OF_ROLE[lesion.role]
    return {
        "tracking_identifier": hd.sr.TrackingIdentifier(
            uid=lesion.tracking_uid, identifier=lesion.id
        ),
        "time_point_context": hd.sr.TimePointContext(
            time_point=date.label or str(date.number), time_point_order=date.number
        ),
        "finding_type": concept(finding_of(lesion)),
        "finding_sites": None if region is None else [hd.sr.FindingSite(concept(region))],
        "algorithm_id": algorithm_item(date.algorithm),
        "qualitative_evaluations": [
            hd.sr.QualitativeEvaluation(concept(BASELINE_CATEGORY), concept(category))
        ],
    }


def _diameters(
    date: ReportedDate, lesion: Lesion, measurement: Measurement
) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    import highdicom as hd  # noqa: PLC0415 - see above

    frame = str(date.headers[0].get("FrameOfReferenceUID", ""))
    lengths = [
        hd.sr.Measurement(
            name=concept(code),
            value=float(length_mm),
            unit=concept(MILLIMETRE),
            referenced_coordinates=_coordinates(axis, frame),
        )
        for code, length_mm, axis in lengths_of(lesion, measurement)
    ]
    group = hd.sr.MeasurementsAndQualitativeEvaluations(
        measurements=lengths or None, **_common(date, lesion)
    )
    if measurement.status is not Status.MEASURED:
        into = f" into {measurement.merged_into}" if measurement.merged_into else ""
        group[0].ContentSequence.append(_text(COMMENT, f"{measurement.status}{into}"))
    return group


def lengths_of(
    lesion: Lesion, measurement: Measurement
) -> Iterator[tuple[Coded, Decimal, Axis | None]]:
    """The diameters to be reported, each with the line that was measured.

    The diameter that counts is the recorded one, which a reader may have corrected; it has a line
    only where the line is of that length. A lesion in pieces has several.
    """
    caliper = measurement.caliper
    counting = SHORT_AXIS if lesion.is_node else LONG_AXIS
    drawn = (
        {}
        if caliper is None
        else {
            LONG_AXIS: (caliper.long_axis_mm, caliper.long_axis),
            SHORT_AXIS: (caliper.short_axis_mm, caliper.short_axis),
        }
    )
    for part_mm in measurement.parts_mm:
        length_mm, axis = drawn.get(counting, (None, None))
        yield counting, part_mm, axis if length_mm == part_mm else None
    for code, (length_mm, axis) in drawn.items():
        if code != counting or not measurement.parts_mm:
            yield code, length_mm, axis


def _coordinates(axis: Axis | None, frame: str) -> list[hd.sr.CoordinatesForMeasurement3D] | None:
    import highdicom as hd  # noqa: PLC0415 - see above

    if axis is None or not frame:
        return None
    points = np.array([axis.start_mm, axis.end_mm], dtype=np.float64)
    kind = hd.sr.GraphicTypeValues3D.POLYLINE
    return [hd.sr.CoordinatesForMeasurement3D(kind, points, frame)]


def _volume(
    date: ReportedDate, lesion: Lesion, measurement: Measurement, seg: Dataset | None
) -> hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations | None:
    import highdicom as hd  # noqa: PLC0415 - see above

    numbers = {each.label: number for number, each in enumerate(date.segments, start=1)}
    if seg is None or lesion.id not in numbers or measurement.volume_ml is None:
        return None
    uptake = (
        (MAXIMUM, measurement.suv_max),
        (MEAN, measurement.suv_mean),
        (PEAK, measurement.suv_peak),
    )
    return hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        referenced_segment=hd.sr.ReferencedSegment(
            seg.SOPClassUID,
            seg.SOPInstanceUID,
            numbers[lesion.id],
            source_series=hd.sr.SourceSeriesForSegmentation(date.headers[0].SeriesInstanceUID),
        ),
        measurements=[
            hd.sr.Measurement(concept(VOLUME), measurement.volume_ml, concept(MILLILITRE)),
            *(
                hd.sr.Measurement(
                    concept(SUV_BW), value, concept(SUV_UNIT), derivation=concept(derivation)
                )
                for derivation, value in uptake
                if value is not None
            ),
        ],
        **_common(date, lesion),
    )


def _evaluations(date: ReportedDate) -> hd.sr.ContainerContentItem:
    """The responses of the date, each criterion on each set of lesions."""
    import highdicom as hd  # noqa: PLC0415 - see above

    holder = hd.sr.ContainerContentItem(
        name=concept(QUALITATIVE_EVALUATIONS),
        relationship_type=hd.sr.RelationshipTypeValues.CONTAINS,
    )
    items: list[hd.sr.ContentItem] = [
        item for each in date.assessments for item in _responses(each)
    ]
    for found in date.metabolic:
        items.append(_coded(CURRENT_RESPONSE, str(found.response), found.criteria))
        items += [_text(MEASUREMENT_OF_RESPONSE, reason.sentence) for reason in found.reasons]
    for outcome in date.outcomes:
        named = f"{title_of(outcome.criteria)}, {_SETS[outcome.scope]}"
        plain = outcome.criteria == _RECIST11 and outcome.scope is Scope.ALL
        if plain and (code := OVERALL_RESPONSE.get(outcome.best_overall)):
            items.append(_code(BEST_RESPONSE, code, method=RECIST_1_1))
        else:
            items.append(_text(BEST_RESPONSE, f"{named}: {outcome.best_overall}"))
    items.append(_text(COMMENT, RESEARCH_USE))
    holder.ContentSequence = hd.sr.ContentSequence(items)
    return holder


def _responses(found: Assessment) -> Iterator[hd.sr.ContentItem]:
    named = f"{title_of(found.criteria)}, {_SETS[found.scope]}"
    if found.criteria == _RECIST11 and found.scope is Scope.ALL:
        for codes, part in (
            (TARGET_RESPONSE, found.target),
            (NON_TARGET_RESPONSE, found.non_target),
        ):
            if part in codes:
                yield _code(RESPONSE_EVALUATION, codes[part], method=RECIST_1_1)
        if found.overall in OVERALL_RESPONSE:
            yield _code(CURRENT_RESPONSE, OVERALL_RESPONSE[found.overall], method=RECIST_1_1)
        else:
            yield _text(CURRENT_RESPONSE, f"{named}: {found.overall}")
    else:
        yield _text(CURRENT_RESPONSE, f"{named}: {found.overall}")
    yield _text(MEASUREMENT_OF_RESPONSE, f"{named}: {_figures(found)}")


def _figures(found: Assessment) -> str:
    sums = (("sum", found.sum_mm), ("baseline", found.baseline_mm), ("nadir", found.nadir_mm))
    figures = ", ".join(f"{name} {value} mm" for name, value in sums if value is not None)
    parts = [
        figures,
        f"target {found.target}, non-target {found.non_target}",
        "new lesion" if found.new_lesion else "",
        " ".join(reason.sentence for reason in found.reasons),
    ]
    return "; ".join(part for part in parts if part)


def _coded(name: Coded, response: str, criteria: str) -> hd.sr.ContentItem:
    """A metabolic response: its code with the criteria in words, else both in words."""
    import highdicom as hd  # noqa: PLC0415 - see above

    code = OVERALL_RESPONSE.get(response)
    if code is None:
        return _text(name, f"{title_of(criteria)}: {response}")
    item = _code(name, code, method=None)
    modifier = _text(RESPONSE_METHOD, title_of(criteria), modifies=True)
    item.ContentSequence = hd.sr.ContentSequence([modifier])
    return item


def _code(name: Coded, value: Coded, *, method: Coded | None) -> hd.sr.ContentItem:
    import highdicom as hd  # noqa: PLC0415 - see above

    item = hd.sr.CodeContentItem(
        concept(name), concept(value), hd.sr.RelationshipTypeValues.CONTAINS
    )
    if method is not None:
        modifier = hd.sr.CodeContentItem(
            concept(RESPONSE_METHOD),
            concept(method),
            hd.sr.RelationshipTypeValues.HAS_CONCEPT_MOD,
        )
        item.ContentSequence = hd.sr.ContentSequence([modifier])
    return item


def _text(name: Coded, value: str, *, modifies: bool = False) -> hd.sr.ContentItem:
    import highdicom as hd  # noqa: PLC0415 - see above

    relation = hd.sr.RelationshipTypeValues
    kind = relation.HAS_CONCEPT_MOD if modifies else relation.CONTAINS
    return hd.sr.TextContentItem(concept(name), value, kind)
