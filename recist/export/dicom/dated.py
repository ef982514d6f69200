"""One date of a patient as its objects need it: headers, lesions, what was measured and found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset

from imaging.carried_over import completed
from imaging.header import Tag, read_header
from imaging.seg import Algorithm, SegSegment
from imaging.series import Series, SeriesFormat
from pet.response.pet_assessment import PetAssessment
from recist.course import Caliper, Lesion, Measurement
from recist.patient.delineated_date import DelineatedDate
from recist.patient.lesion_names import region_of
from recist.patient.result import PatientResult, SignedBy
from recist.patient.work import Terms
from recist.response import Assessment, Outcome


@dataclass(frozen=True, slots=True, eq=False)
class ReportedDate:
    """One date with DICOM images.

    Attributes:
        number: of the date, from 1.
        headers: of the CT, one per slice in the order of k, with all that must be carried over.
        others: headers of the other images that were used, of the PET.
        seen: each lesion with what was recorded of it, in the order of the course.
        calipers: by lesion, where the diameters lie on the images.
        segments: of the lesions that were delineated here.
        algorithm: the network, where no person delineated.
        outcomes: what the whole course comes to; at the last date only.
        signed: who signed the results of the patient, where a reader has.
    """

    number: int
    name: str
    label: str
    headers: Sequence[Dataset]
    others: Sequence[Dataset]
    seen: tuple[tuple[Lesion, Measurement], ...]
    calipers: dict[str, Caliper]
    segments: tuple[SegSegment, ...]
    algorithm: Algorithm | None
    assessments: tuple[Assessment, ...] = ()
    metabolic: tuple[PetAssessment, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    signed: SignedBy | None = None

    @property
    def evidence(self) -> list[Dataset]:
        """Every source image once: frames of one file share their instance."""
        images = {str(each.SOPInstanceUID): each for each in (*self.headers, *self.others)}
        return list(images.values())


def segments_of(dated: DelineatedDate, algorithm: Algorithm | None) -> list[SegSegment]:
    """The lesions of a date as segments, under the identities that they have at every date."""
    place_of = {lesion.id: lesion for lesion in dated.places}
    return [
        SegSegment(
            lesion_id,
            mask,
            tracking_uid=place_of[lesion_id].tracking_uid,
            tracking_id=lesion_id,
            region=region_of(place_of[lesion_id].organ, is_node=place_of[lesion_id].is_node),
            algorithm=algorithm,
        )
        for lesion_id, mask in dated.masks().items()
    ]


def algorithm_of(dated: DelineatedDate, bundle: Algorithm | None) -> Algorithm | None:
    """The network that delineated a date; None where a person did."""
    return None if dated.reviewed else bundle


def network_of(terms: Terms) -> Algorithm | None:
    """The network of a run; None without one."""
    if terms.model is None:
        return None
    return Algorithm(str(terms.model["name"]), str(terms.model["version"]))


def is_dicom(dated: DelineatedDate) -> bool:
    """Whether the CT of a date, or a PET alone, has DICOM headers to refer to."""
    visit = dated.examination.visit
    image = visit.ct or visit.pet
    return (
        image is not None
        and image.kind is not SeriesFormat.NIFTI
        and bool(dated.examination.ct.headers)
    )


def reported_date(
    case: PatientResult, number: int, dated: DelineatedDate, bundle: Algorithm | None
) -> ReportedDate:
    """What the objects of one date say.

    Args:
        number: of the date, from 0.
        bundle: the network that delineated what no person did.
    """
    examination = dated.examination
    day = examination.day
    algorithm = algorithm_of(dated, bundle)
    lesions = {lesion.id: lesion for lesion in case.course.lesions}
    timepoint = case.course.timepoints[number]
    seen = tuple((lesions[each.lesion_id], each) for each in timepoint.measurements)
    has_both = examination.suv is not None and not examination.is_pet_alone
    pet = examination.visit.pet if has_both else None
    is_last = number == len(case.course.timepoints) - 1
    return ReportedDate(
        number + 1,
        examination.visit.date.isoformat(),
        timepoint.label,
        [completed(header) for header in examination.ct.headers],
        _images_of(pet, examination.ct.headers[0]) if pet is not None else (),
        seen,
        {each.lesion_id: each.caliper for _, each in seen if each.caliper is not None},
        tuple(segments_of(dated, algorithm)),
        algorithm,
        tuple(each for each in case.assessments if each.day == day),
        tuple(each for each in case.metabolic if each.day == day),
        case.outcomes if is_last else (),
        case.signed,
    )


def _images_of(series: Series, like: Dataset) -> list[Dataset]:
    """Enough of the headers of a series to refer to its images.

    Args:
        like: a header of the same patient; a PET of the same day may be another study.
    """
    found = []
    for path in series.files:
        own = read_header(path)
        item = completed(Dataset())
        for name in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex"):
            setattr(item, name, like.get(name))
        item.SOPClassUID = own.text(Tag.SOP_CLASS_UID)
        item.SOPInstanceUID = own.text(Tag.SOP_INSTANCE_UID)
        item.SeriesInstanceUID = own.text(Tag.SERIES_UID)
        item.StudyInstanceUID = series.study_uid
        found.append(item)
    return found
