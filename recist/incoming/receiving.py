"""``recist receive``: reports and delineations of others as tables of corrections, with effect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imaging.dataset import READ_ERRORS
from imaging.errors import InputError
from imaging.header import Tag, read_header
from imaging.tables.rows import csv_text
from imaging.writing import write_text
from recist.answers import AssessedCourse
from recist.export.cdisc.exported_answers import answers_of
from recist.export.folders import PatientFolder, patient_folders
from recist.incoming.effect import effect_of, effect_of_outlines
from recist.incoming.foreign_delineation import MODALITIES, ForeignDelineation, read_delineation
from recist.incoming.home import Home, home_of
from recist.incoming.outline_taking import KeptPatient, TakenOutlines, kept_patient, take_outlines
from recist.incoming.report import Report, read_report
from recist.incoming.taking import LeftOut, Taken, take
from recist.patient.corrections import FILE_NAMES, CorrectedMeasurement, write_corrections
from recist.patient.corrections.correction_tables import FOLDER as CORRECTIONS
from recist.patient.corrections.correction_tables import corrections_in
from recist.patient.corrections.drawn import DrawnLesion
from recist.patient.result_folder import folder_name

FOLDER = "received"
LEFT = "left.csv"
_LEFT_COLUMNS = ("report", "named", "sizes_mm", "reason")


@dataclass(frozen=True, slots=True)
class Received:
    """What came of the objects of others.

    Attributes:
        tables: subject -> kind of correction -> its table, as ``recist correct`` takes it; with
            what was corrected before of the same kind.
        lines: what changed, and the responses that differ.
        left: what could not be taken, each with its reason; all of it stands in ``left.csv``.
        unchanged: diameters and outlines that came back as they had been sent.
    """

    tables: dict[str, Mapping[str, Path]]
    lines: tuple[str, ...]
    left: tuple[str, ...]
    unchanged: int


@dataclass(slots=True)
class _Objects:
    """What came, by kind, and what could not be read."""

    reports: dict[str, Report] = field(default_factory=dict)
    delineations: dict[str, ForeignDelineation] = field(default_factory=dict)
    broken: list[LeftOut] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.reports or self.delineations or self.broken)


def receive(
    results: Path,
    sources: Sequence[Path],
    *,
    out: Path | None = None,
    reader: str = "",
    new: bool = False,
) -> Received:
    """Read reports and delineations, and say what they change of the results of a run.

    Args:
        results: the folder of the run.
        sources: files and folders; what is no SR, SEG or RTSTRUCT is passed over.
        out: receives the tables; ``results/received`` by default.
        reader: who stands for objects that name nobody.
        new: outlines of no known lesion are new lesions under their own names.

    Raises:
        InputError: no results that these could correct, or nothing that could.
    """
    folders, _ = patient_folders(results)
    came = _read(sources)
    if not came:
        raise InputError("no structured report, SEG or RTSTRUCT", where=sources[0])
    said, outlined = Taken(), TakenOutlines()
    answers = {each.course.subject: each for each in answers_of(results).courses}
    if came.reports:
        homes = _homes([each for each in folders if each.subject in answers], answers, results)
        said = take(list(came.reports.values()), homes, reader=reader)
    kept: dict[str, KeptPatient] = {}
    if came.delineations:
        kept = _kept(folders, results)
        outlined = take_outlines(
            list(came.delineations.values()), list(kept.values()), reader=reader, new=new
        )
    left = [*came.broken, *said.left, *outlined.left]
    place = out or results / FOLDER
    tables: dict[str, Mapping[str, Path]] = {}
    lines: list[str] = []
    for folder in folders:
        subject = folder.subject
        sizes = said.corrections.get(subject, ())
        shapes = outlined.drawn.get(subject, ())
        if not sizes and not shapes:
            continue
        tables[subject] = _write(folder, place / folder_name(subject), sizes, shapes)
        told = effect_of(answers[subject], sizes) if sizes else []
        if shapes:
            told += effect_of_outlines(kept[subject].answer, sizes, shapes)
        lines += [f"{subject}: {line}" for line in told]
    rows = (
        dict(zip(_LEFT_COLUMNS, (each.report, each.named, each.sizes, each.reason), strict=True))
        for each in left
    )
    place.mkdir(parents=True, exist_ok=True)
    write_text(place / LEFT, csv_text(rows, _LEFT_COLUMNS))
    unchanged = said.unchanged + outlined.unchanged
    return Received(tables, tuple(lines), tuple(map(_words, left)), unchanged)


def _homes(
    folders: Sequence[PatientFolder], answers: Mapping[str, AssessedCourse], results: Path
) -> list[Home]:
    """The patients whose diameters were sent out.

    Raises:
        InputError: there are none.
    """
    found, refusals = [], []
    for folder in folders:
        try:
            found.append(home_of(folder, answers[folder.subject]))
        except InputError as error:
            refusals.append(error)
    if not found:
        raise refusals[0] if refusals else InputError("no patient with a course", where=results)
    return found


def _kept(folders: Sequence[PatientFolder], results: Path) -> dict[str, KeptPatient]:
    """The patients whose work is kept: their images, and what was delineated on them.

    Raises:
        InputError: there are none.
    """
    found, refusals = {}, []
    for folder in folders:
        try:
            found[folder.subject] = kept_patient(folder)
        except InputError as error:
            refusals.append(error)
    if not found:
        raise refusals[0] if refusals else InputError("no patient", where=results)
    return found


def _write(
    folder: PatientFolder,
    place: Path,
    sizes: Sequence[CorrectedMeasurement],
    shapes: Sequence[DrawnLesion],
) -> dict[str, Path]:
    """The tables of a patient with what a reader had corrected before: a table is one whole."""
    before = corrections_in(folder.path / CORRECTIONS, folder.subject)
    write_corrections(place, folder.subject, before.over(sizes, shapes))
    kinds = {"measurements": sizes, "drawn": shapes}
    return {kind: place / FILE_NAMES[kind] for kind, given in kinds.items() if given}


def _read(sources: Sequence[Path]) -> _Objects:
    came = _Objects()
    for path in _files(sources):
        try:
            modality = read_header(path).text(Tag.MODALITY)
            if modality == "SR":
                report = read_report(path)
                came.reports.setdefault(report.sop_instance_uid, report)
            elif modality in MODALITIES:
                drawn = read_delineation(path)
                came.delineations.setdefault(drawn.sop_instance_uid, drawn)
        except InputError as error:
            if path.suffix == ".dcm":
                came.broken.append(LeftOut(path.name, "", "", error.what))
        except READ_ERRORS as error:
            came.broken.append(LeftOut(path.name, "", "", type(error).__name__))
    return came


def _files(sources: Sequence[Path]) -> Iterator[Path]:
    for source in sources:
        if source.is_dir():
            yield from sorted(path for path in source.rglob("*") if path.is_file())
        elif source.is_file():
            yield source
        else:
            raise InputError("no such file or folder", where=source)


def _words(left: LeftOut) -> str:
    named = ": ".join(part for part in (left.named, left.sizes and f"{left.sizes} mm") if part)
    return f"{left.report}: {named + ': ' if named else ''}{left.reason}"
