"""An R4 bundle of FHIR for each patient: what was measured of each lesion, and the responses.

A ``DiagnosticReport`` for each date refers to the ``Observation`` of each lesion (its diameter, by
the codes of SNOMED CT), of the sum, and of the overall response by each criterion (NCI Thesaurus).
Where RECIST 1.1 answers CR, PR, SD or PD on all lesions, an observation of mCODE's
``CancerDiseaseStatus`` says so in its own words. Responses without a code stand as text: a code is
never made up. Identifiers follow from the content, so that the same result gives the same bundle.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from recist.answers import AssessedCourse
from recist.course import Course, Lesion, Measurement, Status, Timepoint
from recist.criteria.criterion import title_of
from recist.export.whole_sums import whole_sums
from recist.response import RESEARCH_USE, Assessment, Response, Scope

SNOMED, NCIT = "http://snomed.info/sct", "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
MCODE_STATUS = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-cancer-disease-status"
ABSENT_REASON = "http://terminology.hl7.org/CodeSystem/data-absent-reason"

#: NCI Thesaurus codes of overall responses.
RESPONSE_CODES = {
    Response.CR: ("C4870", "Complete Remission"),
    Response.PR: ("C18058", "Partial Remission"),
    Response.SD: ("C18213", "Stable Disease"),
    Response.PD: ("C35571", "Progressive Disease"),
    Response.NE: ("C62222", "Unable to be Assessed"),
    Response.NON_CR_NON_PD: ("C96700", "Non-Complete Response/Non-Progressive Disease"),
    Response.CMR: ("C123407", "Complete Metabolic Response"),
    Response.PMR: ("C123609", "Partial Metabolic Response"),
    Response.SMD: ("C123616", "Stable Metabolic Disease"),
    Response.PMD: ("C123608", "Progressive Metabolic Disease"),
}
#: SNOMED CT codes of mCODE's value set ConditionStatusTrendVS.
TRENDS = {
    Response.CR: ("260415000", "Not detected (qualifier)"),
    Response.PR: ("268910001", "Patient's condition improved (finding)"),
    Response.SD: ("359746009", "Patient's condition stable (finding)"),
    Response.PD: ("271299001", "Patient's condition worsened (finding)"),
}
LONG_AXIS, SHORT_AXIS = ("103339001", "Long axis"), ("103340004", "Short axis")
DISEASE_STATUS = ("97509-4", "Cancer Disease Progression")
REPORT = ("18748-4", "Diagnostic imaging study")

#: Root of the identifiers of all resources.
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://w3id.org/recist/fhir")

Resource = dict[str, Any]


def bundle(answer: AssessedCourse) -> Resource:
    """The collection of one patient's resources, as plain values for JSON.

    A course in days has no dates to give: its resources say at which day in a note.
    """
    course = answer.course
    key = f"{course.subject}|{course.reader}"
    patient = _with_id({"resourceType": "Patient", "identifier": [{"value": course.subject}]}, key)
    entries = [patient]
    reference = {"reference": _urn(patient)}
    sums = whole_sums(answer)
    for timepoint in course.timepoints:
        findings = [
            *_lesions(course, timepoint, key),
            *_sum(timepoint, sums, key),
            *_responses(answer, timepoint.day, key),
        ]
        common = {"subject": reference, **_when(course, timepoint.day)}
        findings = [each | common for each in findings]
        entries += findings
        entries.append(
            _with_id(
                {
                    "resourceType": "DiagnosticReport",
                    "status": "final",
                    "code": _coded(LOINC, *REPORT),
                    **common,
                    "result": [{"reference": _urn(each)} for each in findings],
                    "conclusion": " ".join(_conclusions(answer, timepoint.day)) or "Baseline.",
                },
                f"{key}|{timepoint.day}|report",
            )
        )
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "meta": {"tag": [{"display": RESEARCH_USE}]},
        "entry": [{"fullUrl": _urn(each), "resource": each} for each in entries],
    }


def bundle_json(answer: AssessedCourse) -> str:
    """The bundle as text; decimals as they were recorded."""
    return json.dumps(bundle(answer), ensure_ascii=False, indent=1, default=_decimal) + "\n"


def _decimal(value: object) -> float | int:
    """A decimal as a number of JSON: diameters are short enough to be the same."""
    number = Decimal(str(value))
    return int(number) if number == number.to_integral_value() else float(number)


def _with_id(resource: Resource, key: str) -> Resource:
    return {
        "resourceType": resource["resourceType"],
        "id": str(uuid.uuid5(_NAMESPACE, f"{resource['resourceType']}|{key}")),
    } | resource


def _urn(resource: Resource) -> str:
    return f"urn:uuid:{resource['id']}"


def _coded(system: str, code: str, display: str) -> Resource:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def _when(course: Course, day: int) -> Resource:
    date = course.date_of(day)
    return {} if date is None else {"effectiveDateTime": date.isoformat()}


def _observation(code: Resource, key: str, category: str = "imaging") -> Resource:
    found = {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": CATEGORY, "code": category}]}],
        "code": code,
    }
    return _with_id(found, key)


def _quantity(value: Decimal, unit: str) -> Resource:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def _lesions(course: Course, timepoint: Timepoint, key: str) -> Iterator[Resource]:
    lesions = {lesion.id: lesion for lesion in course.lesions}
    for each in timepoint.measurements:
        lesion = lesions[each.lesion_id]
        axis = SHORT_AXIS if lesion.is_node else LONG_AXIS
        found = _observation(_coded(SNOMED, *axis), f"{key}|{timepoint.day}|lesion|{lesion.id}") | {
            "bodySite": {"text": lesion.organ or "unknown"}
        }
        identifiers = [{"value": lesion.id}]
        if lesion.tracking_uid:
            identifiers.append(
                {"system": "urn:dicom:uid", "value": f"urn:oid:{lesion.tracking_uid}"}
            )
        yield found | {"identifier": identifiers} | _seen(lesion, each)


def _seen(lesion: Lesion, each: Measurement) -> Resource:
    note = [
        {"text": f"{lesion.role} lesion, {lesion.field} of the irradiated field; {each.status}"}
    ]
    size = each.diameter_mm
    if size is not None:
        return {"note": note, "valueQuantity": _quantity(size, "mm")}
    reason = "not-performed" if each.status is Status.NOT_EVALUABLE else "not-applicable"
    return {
        "note": note,
        "dataAbsentReason": {
            "coding": [{"system": ABSENT_REASON, "code": reason}],
            "text": str(each.status),
        },
    }


def _sum(timepoint: Timepoint, sums: dict[int, Decimal], key: str) -> Iterator[Resource]:
    total = sums.get(timepoint.day)
    if total is not None:
        code = {"text": "Sum of the diameters of the target lesions"}
        found = _observation(code, f"{key}|{timepoint.day}|sum")
        yield found | {"valueQuantity": _quantity(total, "mm")}


def _responses(answer: AssessedCourse, day: int, key: str) -> Iterator[Resource]:
    for each in answer.timepoints:
        if each.day != day:
            continue
        named = {"text": f"Overall response by {title_of(each.criteria)}, {each.scope} lesions"}
        of_response = f"{key}|{day}|{each.criteria}|{each.scope}"
        yield _observation(named, of_response) | {
            "valueCodeableConcept": _response(each.overall),
            "note": [{"text": reason.sentence} for reason in each.reasons],
        }
        trend = TRENDS.get(each.overall)
        if trend and each.criteria == "recist11" and each.scope is Scope.ALL:
            found = _observation(_coded(LOINC, *DISEASE_STATUS), f"{of_response}|status", "exam")
            yield found | {
                "meta": {"profile": [MCODE_STATUS]},
                "valueCodeableConcept": _coded(SNOMED, *trend),
            }


def _response(word: Response) -> Resource:
    """A response by its code, or as text where none is known."""
    code = RESPONSE_CODES.get(word)
    return {"text": str(word)} if code is None else {**_coded(NCIT, *code), "text": str(word)}


def _conclusions(answer: AssessedCourse, day: int) -> Iterator[str]:
    for each in answer.timepoints:
        if each.day == day and each.scope is Scope.ALL:
            yield f"{title_of(each.criteria)}: {each.overall}. {_why(each)}"


def _why(each: Assessment) -> str:
    return " ".join(reason.sentence for reason in each.reasons)
