"""The phantom, assessed once, and its objects as they are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from recist.export.dicom.objects import write_objects
from recist.patient.delineated_date import DelineatedDate
from recist.patient.pipeline import answer_in
from recist.patient.result import PatientResult
from recist.phantom.study import Truth
from recist.run.batch import Batch

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """A patient with what was found, and the folder of the objects."""

    studies: Path
    case: PatientResult
    delineations: Sequence[DelineatedDate]
    folder: Path
    names: tuple[str, ...]


@pytest.fixture(scope="session")
def answered(phantom: Truth, done: Batch, tmp_path_factory: pytest.TempPathFactory) -> Answered:
    """By the work that the run kept: nothing is registered again."""
    answer = answer_in(done.out / phantom.subject, phantom.subject)
    case, delineations = answer.result, answer.delineations
    folder = tmp_path_factory.mktemp("dicom")
    written = write_objects(case, delineations, folder, pdf=PDF)
    assert written.remarks == ()
    return Answered(phantom.studies, case, delineations, folder, written.names)
