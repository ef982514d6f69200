"""A patient and his results without a name: nothing left in any byte, the same answers."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from imaging.deidentification.folder import deidentify
from recist.export import patient_files
from recist.patient.options import Options
from recist.phantom.small import DATES, write_small_patient
from recist.run import batch
from tests.recist.written import as_text

#: A pseudonym has no parts as names of persons have, which highdicom remarks on.
pytestmark = pytest.mark.filterwarnings("ignore:The string:UserWarning")

NAME, ID = "Lehmann^Ottilie", "KH-4711-08"
OPTIONS = Options.create(lesions="dicom", dicom=True)
#: As a date is written by programs and people.
FORMS = ("%Y%m%d", "%Y-%m-%d", "%Y.%m.%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d%b%Y", "%d %B %Y")
TABLES = ("measurements.csv", "timepoints.csv", "outcomes.csv", "field.csv")


@dataclass(frozen=True)
class Twice:
    """The studies and results of a named patient, and those of the same one without a name."""

    named: Path
    nameless: Path
    key: Path


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Twice:
    """CT, RTSTRUCT, plan and dose, with SEG, SR, key images and PDF of a run beside them."""
    root = tmp_path_factory.mktemp("twice")
    named, nameless, key = root / "named", root / "nameless", root / "key.csv"
    write_small_patient(named / "studies" / "Lehmann", ID)
    for path in (named / "studies").rglob("*.dcm"):
        held = pydicom.dcmread(path)
        held.PatientName, held.PatientBirthDate = NAME, "19441203"
        held.AccessionNumber, held.ReferringPhysicianName = "AC-90210-X", "Krause^Emil"
        held.save_as(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patient_files, "as_pdf", as_text)  # its words stand in the bytes
        return _run_twice(named, nameless, key)


def _run_twice(named: Path, nameless: Path, key: Path) -> Twice:
    assert batch.run(named / "studies", named / "out", OPTIONS).exit_code == 0
    assert not deidentify(named / "studies", nameless / "studies", key).left_out
    held_back = deidentify(named / "out", nameless / "objects", key).left_out
    assert all("Burned In Annotation" in why for _, why in held_back)  # key images and the report
    assert batch.run(nameless / "studies", nameless / "out", OPTIONS).exit_code == 0
    return Twice(named, nameless, key)


def _uids(dataset: Dataset) -> Iterator[str]:
    """All but those that DICOM itself gave."""
    for element in dataset.iterall():
        values = element.value if element.VM > 1 else [element.value]
        if element.VR == "UI":
            yield from (str(uid) for uid in values if uid and not uid.startswith("1.2.840.10008."))


def test_nothing_is_left_in_any_byte_of_any_file(twice: Twice) -> None:
    words = _uids_below(twice.named / "studies")
    assert len(words) > 80
    words |= {"Lehmann", "Ottilie", "4711-08", "19441203", "AC-90210-X", "Krause"}
    words |= {date.strftime(form) for date in DATES for form in FORMS}
    assert _left(words, twice.nameless) == {}
    # Its results are made anew under the pseudonym, and the program has the same UID in both.
    assert _left(_uids_below(twice.named / "out"), twice.nameless / "objects") == {}
    assert len(list((twice.nameless / "objects").rglob("*.dcm"))) == 4 * len(DATES)


def _uids_below(folder: Path) -> set[str]:
    return {uid for path in folder.rglob("*.dcm") for uid in _uids(pydicom.dcmread(path))}


def _left(words: set[str], folder: Path) -> dict[str, list[bytes]]:
    """The words that are in the bytes or in the name of a file, in either case of letters."""
    wanted = [word.lower().encode(code) for word in words for code in ("utf-8", "utf-16-le")]
    found = {}
    for path in folder.rglob("*"):
        place = str(path.relative_to(folder))
        data = (place.encode() + (path.read_bytes() if path.is_file() else b"")).lower()
        found[place] = [word for word in wanted if word in data]
    return {place: there for place, there in found.items() if there}


def test_a_run_gives_the_same_answers_with_shifted_dates(twice: Twice) -> None:
    (shift_days,) = {
        (_dates(twice.nameless)[n] - date).days for n, date in enumerate(_dates(twice.named))
    }
    assert shift_days
    for table in TABLES:
        before, after = _rows(twice.named / "out" / table), _rows(twice.nameless / "out" / table)
        assert before
        assert [_answer(row, shift_days) for row in before] == [
            _answer(row, 0) | {"subject": ID} for row in after
        ], table


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _dates(folder: Path) -> list[dt.date]:
    rows = _rows(folder / "out/measurements.csv")
    return sorted({dt.date.fromisoformat(row["date"]) for row in rows})


def _answer(row: dict[str, str], days: int) -> dict[str, str]:
    """A row at dates that lie so many days later, without what names a lesion to machines."""

    def moved(cell: str) -> str:
        try:
            return (dt.date.fromisoformat(cell) + dt.timedelta(days=days)).isoformat()
        except ValueError:
            return cell

    return {name: moved(cell) for name, cell in row.items() if name != "tracking_uid"}
