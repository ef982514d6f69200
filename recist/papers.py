"""Every paper that is cited under a reason or a setting, once: name, title and places.

A citation is made by calling the paper: ``RECIST11("4.3.1")`` gives ``Eisenhauer 2009, section
4.3.1``. A place that the paper does not have is refused where the citing module is loaded.
"""

from __future__ import annotations

from pet.pet_papers import PAPERS as PET_PAPERS
from pet.pet_papers import Paper

RECIST11 = Paper(
    "Eisenhauer 2009",
    "New response evaluation criteria in solid tumours: revised RECIST guideline (version 1.1)",
    "Eur J Cancer 2009;45:228-247",
    sections={
        "3.1.1": "measurable lesions and nodes",
        "3.1.2": "non-measurable lesions",
        "3.1.3": "bone, cystic and previously treated lesions",
        "3.2.1": "measurement of lesions",
        "3.2.2": "method of assessment",
        "4.1": "overall burden and measurable disease",
        "4.2": "target and non-target lesions at baseline: five in all, two per organ",
        "4.3.1": "target lesions: CR, PR, PD with 20 % and 5 mm, SD",
        "4.3.2": "nodes, lesions too small to measure, split and coalesced lesions",
        "4.3.3": "non-target lesions: CR with markers, non-CR/non-PD, PD",
        "4.3.4": "progression of non-target disease",
        "4.3.5": "new lesions, equivocal ones, FDG-PET",
        "4.4.1": "time point response",
        "4.4.2": "missing assessments and what is not evaluable",
        "4.4.3": "best overall response, minimum duration of stable disease",
        "4.4.4": "symptomatic deterioration, nodes in complete response, residual lesions",
        "4.5": "frequency of re-evaluation",
        "4.6.1": "confirmation",
        "4.6.2": "duration of overall response",
        "4.6.3": "duration of stable disease",
        "4.7": "progression-free survival",
        "4.7.1": "phase II",
        "4.7.2": "phase III",
        "4.8": "independent review",
        "4.9": "reporting",
    },
    places=frozenset(
        {"Table 1", "Table 2", "Table 3", "Table 3 note a", "Appendix I", "Appendix II",
         "Appendix III"}
    ),
)  # fmt: skip
RECIST11_UPDATE = Paper(
    "Schwartz 2016",
    "RECIST 1.1: update and clarification from the RECIST committee",
    "Eur J Cancer 2016;62:132-137",
)
IRECIST = Paper(
    "Seymour 2017",
    "iRECIST: guidelines for response criteria for use in trials testing immunotherapeutics",
    "Lancet Oncol 2017;18:e143-e152",
    places=frozenset({"Table 2", "Table 3"}),
)
IMRECIST = Paper(
    "Hodi 2018",
    "Immune-modified response evaluation criteria in solid tumors (imRECIST)",
    "J Clin Oncol 2018;36:850-858",
)
IRRECIST = Paper(
    "Nishino 2013",
    "Developing a common language for tumor response to immunotherapy",
    "Clin Cancer Res 2013;19:3936-3943",
)
FAQ = Paper(
    "EORTC RECIST FAQ",
    "Questions and answers on RECIST 1.1 and iRECIST",
    "recist.eortc.org",
    places=frozenset(
        {
            "abnormal lymph node",
            "assigning response after new lesions, scenario F",
            "assigning response after new lesions, scenarios B and F",
            "does a new lesion always result in PD",
            "double the slice thickness",
            "how do new lesions define progression",
            "how do new lesions define progression (increases add up)",
            "iUPD driven by non-target disease (codes NC, NCLA, INCLA, UNE)",
            "imaging less than four weeks after iUPD",
            "lesions less than 5 mm",
            "less than four weeks",
            "managing PR",
            "new lymph node lesions",
            "two target lesions",
        }
    ),
)
FDA = Paper(
    "FDA 2018",
    "Clinical trial endpoints for the approval of cancer drugs and biologics",
    "guidance for industry",
    places=frozenset({"Appendix 3"}),
)
MENON = Paper(
    "Menon 2019",
    "Influence of low-dose radiation on abscopal responses in patients receiving high-dose "
    "radiation and immunotherapy",
    "J Immunother Cancer 2019;7:237",
)

#: An R package of trial statistics; where no paper says what to do, its rows are one option.
ADMIRALONCO = "admiralonco"

PAPERS = (RECIST11, RECIST11_UPDATE, IRECIST, IMRECIST, IRRECIST, FAQ, FDA, MENON, *PET_PAPERS)
