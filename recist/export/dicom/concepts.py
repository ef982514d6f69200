"""The coded concepts of our structured reports (PS3.16), and which of ours they stand for.

Overall responses have no DICOM code: those of RECIST 1.1 and PERCIST are coded by the NCI
Thesaurus; those of iRECIST are text, since no code of theirs could be verified.
"""

from __future__ import annotations

from collections.abc import Mapping

from imaging.seg import LESION, LYMPH_NODE, Coded
from recist.course import Lesion, Role
from recist.response import Response

LONG_AXIS = Coded("103339001", "SCT", "Long Axis")
SHORT_AXIS = Coded("103340004", "SCT", "Short Axis")
VOLUME = Coded("118565006", "SCT", "Volume")
SUV_BW = Coded("126401", "DCM", "SUVbw")
MAXIMUM = Coded("56851009", "SCT", "Maximum")
MEAN = Coded("373098007", "SCT", "Mean")
PEAK = Coded("126031", "DCM", "Peak Value Within ROI")
MILLIMETRE = Coded("mm", "UCUM", "millimeter")
MILLILITRE = Coded("ml", "UCUM", "milliliter")
SUV_UNIT = Coded("g/ml{SUVbw}", "UCUM", "Standardized Uptake Value body weight")

MEASUREMENT_REPORT = Coded("126000", "DCM", "Imaging Measurement Report")
ONCOLOGY_REPORT = Coded("126001", "DCM", "Oncology Measurement Report")
CT_PROCEDURE = Coded("77477000", "SCT", "Computed tomography")
BASELINE_CATEGORY = Coded("112016", "DCM", "Baseline Category")
RESPONSE_EVALUATION = Coded("112020", "DCM", "Response Evaluation")
RESPONSE_METHOD = Coded("112021", "DCM", "Response Evaluation Method")
RECIST_1_1 = Coded("126081", "DCM", "RECIST 1.1")
CURRENT_RESPONSE = Coded("112048", "DCM", "Current Response")
BEST_RESPONSE = Coded("112049", "DCM", "Best Overall Response")
MEASUREMENT_OF_RESPONSE = Coded("112051", "DCM", "Measurement of Response")
QUALITATIVE_EVALUATIONS = Coded("C0034375", "UMLS", "Qualitative Evaluations")
COMMENT = Coded("121106", "DCM", "Comment")
FINDING = Coded("121071", "DCM", "Finding")

#: Baseline category (CID 6145); a new lesion was none at baseline.
CATEGORY_OF_ROLE: Mapping[Role, Coded] = {
    Role.TARGET: Coded("112074", "DCM", "Target Lesion at Baseline"),
    Role.NON_TARGET: Coded("112075", "DCM", "Non-Target Lesion at Baseline"),
    Role.NEW: Coded("112076", "DCM", "Non-Lesion at Baseline"),
}

#: Target and non-target response (CID 6143, 6144).
TARGET_RESPONSE: Mapping[Response, Coded] = {
    Response.CR: Coded("112041", "DCM", "Target Lesion Complete Response"),
    Response.PR: Coded("112042", "DCM", "Target Lesion Partial Response"),
    Response.PD: Coded("112043", "DCM", "Target Lesion Progressive Disease"),
    Response.SD: Coded("112044", "DCM", "Target Lesion Stable Disease"),
}
NON_TARGET_RESPONSE: Mapping[Response, Coded] = {
    Response.CR: Coded("112045", "DCM", "Non-Target Lesion Complete Response"),
    Response.NON_CR_NON_PD: Coded(
        "112046", "DCM", "Non-Target Lesion Incomplete Response or Stable Disease"
    ),
    Response.PD: Coded("112047", "DCM", "Non-Target Lesion Progressive Disease"),
}

#: Overall responses (NCI Thesaurus).
OVERALL_RESPONSE: Mapping[str, Coded] = {
    "CR": Coded("C4870", "NCIt", "Complete Response"),
    "PR": Coded("C18058", "NCIt", "Partial Response"),
    "SD": Coded("C18213", "NCIt", "Stable Disease"),
    "PD": Coded("C35571", "NCIt", "Progressive Disease"),
    "NE": Coded("C62222", "NCIt", "Unevaluable"),
    "NON-CR/NON-PD": Coded("C96700", "NCIt", "Non-Complete Response/Non-Progressive Disease"),
    "CMR": Coded("C123407", "NCIt", "Complete Metabolic Response"),
    "PMR": Coded("C123609", "NCIt", "Partial Metabolic Response"),
    "SMD": Coded("C123616", "NCIt", "Stable Metabolic Disease"),
    "PMD": Coded("C123608", "NCIt", "Progressive Metabolic Disease"),
}


def finding_of(lesion: Lesion) -> Coded:
    """What a lesion is, as the type of a finding."""
    return LYMPH_NODE if lesion.is_node else LESION
