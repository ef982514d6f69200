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
    """The phantom patient."""
    return _answered(phantom.studies, done, phantom.subject, tmp_path_factory.mktemp("dicom"))


@pytest.fixture(scope="session")
def small_answered(
    small: Path, small_done: Batch, tmp_path_factory: pytest.TempPathFactory
) -> Answered:
    """The small patient, whose objects are written in a fifth of the time: to write them anew."""
    return _answered(small, small_done, "SMALL", tmp_path_factory.mktemp("small"))


def _answered(studies: Path, done: Batch, subject: str, folder: Path) -> Answered:
    """By the work that the run kept: nothing is registered again."""
    answer = answer_in(done.out / subject, subject)
    case, delineations = answer.result, answer.delineations
    written = write_objects(case, delineations, folder, pdf=PDF)
    assert written.remarks == ()
    return Answered(studies, case, delineations, folder, written.names)
