"""``write_phantom``: the whole patient as a folder of DICOM, and the right answer beside it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydicom.uid import UID

from imaging.writing import SCHEMA_VERSION, write_text
from recist.phantom.chest import BODY
from recist.phantom.dicom import Session, write_ct, write_pet
from recist.phantom.lesions import (
    DATES,
    DAYS,
    EXPECTED,
    FRACTIONS,
    IRRADIATED,
    LESIONS,
    PRESCRIPTION_GY,
    ROI_NAMES,
    SUBJECT,
    ExpectedResponse,
    LesionDesign,
)
from recist.phantom.radiotherapy import Region, write_dose, write_plan, write_structures
from recist.phantom.segmentation import write_segments
from recist.phantom.visit import CT_SPACING_MM, SEED, PhantomVisit, simulate, target_volume

#: A diameter measured on the voxels may differ from the designed one by a pixel.
TOLERANCE_MM = CT_SPACING_MM[0]


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known of the phantom patient, and what any right assessment must find.

    Attributes:
        studies: the folder that holds the DICOM and nothing else.
        rois: per date, the name in the RTSTRUCT or SEG -> the lesion's identity.
        expected: responses at the two follow-up dates for all, in-field, out-of-field lesions.
    """

    subject: str
    studies: Path
    lesions: tuple[LesionDesign, ...]
    rois: tuple[dict[str, str], ...]
    expected: tuple[ExpectedResponse, ...]

    def as_json(self) -> dict[str, object]:
        """Plain values: dates as ISO text, diameters as decimal text in mm."""
        return {
            "schema_version": SCHEMA_VERSION,
            "subject": self.subject,
            "dates": [date.isoformat() for date in DATES],
            "days": list(DAYS),
            "prescription_gy": PRESCRIPTION_GY,
            "fractions": FRACTIONS,
            "tolerance_mm": TOLERANCE_MM,
            "lesions": [_lesion(lesion) for lesion in self.lesions],
            "rois": list(self.rois),
            "expected": [
                {**asdict(response), "sum_mm": str(response.sum_mm)} for response in self.expected
            ],
        }


def write_phantom(folder: Path, *, seed: int = SEED) -> Truth:
    """Write the phantom patient.

    Args:
        folder: receives ``studies/`` (DICOM only: CT and PET at three dates, RTSTRUCT at the first
            two, SEG at the last, RTPLAN and RTDOSE at the first) and ``truth.json``.
        seed: decides noise, vessels and every UID; the lesions and the answer stay the same.
    """
    studies = folder / "studies"
    for index, date in enumerate(DATES):
        session = Session(seed, index, date)
        visit = simulate(
            index, seed=seed, frame_of_reference_uid=str(session.frame_of_reference_uid)
        )
        _write_visit(visit, session, studies / date.isoformat())
    rois = tuple({name: lesion for lesion, name in names.items()} for names in ROI_NAMES)
    truth = Truth(SUBJECT, studies, LESIONS, rois, EXPECTED)
    write_text(folder / "truth.json", json.dumps(truth.as_json(), indent=1) + "\n")
    return truth


def _write_visit(visit: PhantomVisit, session: Session, folder: Path) -> None:
    ct = write_ct(visit.ct, session, folder / "CT")
    write_pet(visit.suv, session, folder / "PET")
    names = ROI_NAMES[visit.index]
    if visit.index == len(DATES) - 1:
        write_segments(visit.masks, names, ct, session, folder / "SEG" / "lesions.dcm")
        return
    # A plan calls only what it treats a gross tumour volume; the other lesions have no type in it.
    planned = visit.dose is not None
    regions = [
        Region(name, "" if planned and lesion != IRRADIATED.id else "GTV", visit.solids[lesion])
        for lesion, name in names.items()
    ]
    if visit.dose is not None:
        regions.insert(0, Region("PTV_45Gy", "PTV", target_volume()))
        regions.append(Region("BODY", "EXTERNAL", BODY))
    structures_uid = write_structures(
        visit.canvas,
        tuple(regions),
        session,
        tuple(UID(header.SOPInstanceUID) for header in ct),
        folder / "RTSTRUCT" / "structures.dcm",
    )
    if visit.dose is not None:
        plan_uid = write_plan(session, structures_uid, folder / "RTPLAN" / "plan.dcm")
        write_dose(visit.dose, session, plan_uid, folder / "RTDOSE" / "dose.dcm")


def _lesion(lesion: LesionDesign) -> dict[str, object]:
    diameters = (lesion.diameter_mm(visit) for visit in range(len(DATES)))
    return {
        "id": lesion.id,
        "organ": lesion.organ,
        "nodal": lesion.is_node,
        "role": lesion.role,
        "field": lesion.field,
        "diameters_mm": [None if value is None else str(value) for value in diameters],
    }
