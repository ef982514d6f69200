"""``recist receive``: structured reports of others as tables of corrections, with their effect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from imaging.dataset import READ_ERRORS
from imaging.errors import InputError
from imaging.header import Tag, read_header
from imaging.tables.rows import csv_text
from imaging.writing import write_text
from recist.export.cdisc.exported_answers import answers_of
from recist.export.folders import patient_folders
from recist.incoming.effect import effect_of
from recist.incoming.home import Home, home_of
from recist.incoming.report import Report, read_report
from recist.incoming.taking import LeftOut, take
from recist.patient.corrections import Corrections, write_corrections
from recist.patient.result_folder import folder_name

FOLDER = "received"
LEFT = "left.csv"
_LEFT_COLUMNS = ("report", "named", "sizes_mm", "reason")


@dataclass(frozen=True, slots=True)
class Received:
    """What came of the reports.

    Attributes:
        tables: of corrections, by subject, as ``recist correct --measurements`` takes them.
        lines: what changed, and the responses that differ.
        left: what could not be taken, each with its reason; all of it stands in ``left.csv``.
    """

    tables: dict[str, Path]
    lines: tuple[str, ...]
    left: tuple[str, ...]
    unchanged: int


def receive(
    results: Path, sources: Sequence[Path], *, out: Path | None = None, reader: str = ""
) -> Received:
    """Read reports and say what they change of the results of a run.

    Args:
        results: the folder of the run.
        sources: files and folders; what is no structured report is passed over.
        out: receives the tables; ``results/received`` by default.
        reader: who stands for reports that name nobody.

    Raises:
        InputError: no results with objects, or no report at all.
    """
    folders, _ = patient_folders(results)
    answers = {each.course.subject: each for each in answers_of(results).courses}
    homes: list[Home] = []
    refusals = []
    for folder in folders:
        if folder.subject in answers:
            try:
                homes.append(home_of(folder, answers[folder.subject]))
            except InputError as error:
                refusals.append(error)
    if not homes:
        raise refusals[0] if refusals else InputError("no patient with a course", where=results)
    reports, broken = _reports(sources)
    if not reports and not broken:
        raise InputError("no structured report", where=sources[0])
    taken = take(reports, homes, reader=reader)
    left = [*broken, *taken.left]
    place = out or results / FOLDER
    tables, lines = {}, []
    for subject, corrections in taken.corrections.items():
        folder_of = place / folder_name(subject)
        write_corrections(folder_of, subject, Corrections(measurements=tuple(corrections)))
        tables[subject] = folder_of / "measurements.csv"
        lines += [f"{subject}: {line}" for line in effect_of(answers[subject], corrections)]
    rows = (
        dict(zip(_LEFT_COLUMNS, (each.report, each.named, each.sizes, each.reason), strict=True))
        for each in left
    )
    place.mkdir(parents=True, exist_ok=True)
    write_text(place / LEFT, csv_text(rows, _LEFT_COLUMNS))
    return Received(tables, tuple(lines), tuple(map(_words, left)), taken.unchanged)


def _reports(sources: Sequence[Path]) -> tuple[list[Report], list[LeftOut]]:
    found: dict[str, Report] = {}
    broken = []
    for path in _files(sources):
        try:
            if read_header(path).text(Tag.MODALITY) != "SR":
                continue
            report = read_report(path)
        except InputError as error:
            if path.suffix == ".dcm":
                broken.append(LeftOut(path.name, "", "", error.what))
            continue
        except READ_ERRORS as error:
            broken.append(LeftOut(path.name, "", "", type(error).__name__))
            continue
        found.setdefault(report.sop_instance_uid, report)
    return list(found.values()), broken


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
