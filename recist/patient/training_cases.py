"""Delineated dates of DICOM as the cases that a network is trained on.

A hospital has its lesions as RTSTRUCT and SEG beside the images; training wants a folder of
``NAME_ct.nii.gz``, ``NAME_lab.nii.gz`` and ``NAME_suv1000.nii.gz``. Cases are numbered, so that no
name of a patient goes into a file, and ``patients.csv`` says which are of one patient.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from imaging.catalogue import scan
from imaging.errors import InputError
from imaging.nifti import write_array, write_label_map
from imaging.writing import write_text
from recist.patient.delineation import read_visit
from recist.patient.examination import examine
from segmentation.retraining import PATIENTS

#: SUV is stored as whole thousandths up to this value.
HIGHEST_SUV = 65.0


def write_training_cases(
    studies: Path,
    out: Path,
    *,
    roi_pattern: str | None = None,
    on_remark: Callable[[str], None] = lambda _: None,
) -> int:
    """Every date of a tree of DICOM that has a CT and a delineated lesion, as a training case.

    Args:
        out: a new folder.
        roi_pattern: which ROI names are lesions, a regular expression.
        on_remark: told which dates were left out, and why.

    Returns:
        how many cases were written.

    Raises:
        InputError: there is none.
    """
    out.mkdir(parents=True, exist_ok=True)
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["case", "patient"])
    count = 0
    for number, subject in enumerate(scan(studies).subjects, start=1):
        for visit in subject.visits:
            if visit.ct is None:
                on_remark(f"{subject.id} {visit.date}: left out: no CT that can be measured")
                continue
            try:
                examination = examine(visit, 0)
                grid = examination.ct.volume.grid
                drawn = read_visit(visit, grid, roi_pattern)
            except InputError as error:
                on_remark(f"{subject.id} {visit.date}: left out: {error.what}")
                continue
            if drawn.unusable or drawn.incomplete:
                # What is missing from the labels would be taught as "no lesion".
                on_remark(f"{subject.id} {visit.date}: left out: a delineation cannot be used")
                continue
            if not drawn.candidates:
                on_remark(f"{subject.id} {visit.date}: left out: no lesion is delineated")
                continue
            count += 1
            name = f"case{count:04d}"
            rows.writerow([name, f"patient{number:04d}"])
            hu = np.round(examination.ct.volume.array).astype(np.int16)
            write_array(out / f"{name}_ct.nii.gz", hu, grid)
            masks = {n: one.mask for n, one in enumerate(drawn.candidates, start=1)}
            write_label_map(out / f"{name}_lab.nii.gz", masks, grid)
            if examination.suv is not None:
                suv = np.clip(examination.suv.array, 0.0, HIGHEST_SUV) * 1000.0
                path = out / f"{name}_suv1000.nii.gz"
                write_array(path, np.round(suv).astype(np.uint16), examination.suv.grid)
    if not count:
        raise InputError(
            "no date has a CT and a delineated lesion",
            where=studies,
            remedy="put RTSTRUCT or SEG beside the images, or name the ROIs with --roi-pattern",
        )
    write_text(out / PATIENTS, table.getvalue())
    return count
