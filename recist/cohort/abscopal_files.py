"""From a measurement table to the abscopal response of a cohort, as tables, JSON and charts."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from matplotlib.figure import Figure

from imaging.collector import without_collector
from imaging.errors import InputError
from imaging.parallel import in_order, workers_for
from imaging.tables.source import Source
from imaging.writing import SCHEMA_VERSION
from recist.cohort import lesion_charts, result_rows, trial_page
from recist.cohort.judged import CohortTask, PatientText, errors_of, judge_chunk, text_of
from recist.cohort.lesion_rates import LesionContrast, LesionRate, lesion_rates
from recist.cohort.members import Member, Variant, member_of, variants
from recist.cohort.patients import read_arms, read_doses, without_finding
from recist.cohort.plots import Plot
from recist.cohort.rates import ALL_ARMS, Rate, contrasts, rates
from recist.cohort.sensitivity import sensitivity
from recist.cohort.sheet import Sheet, percent, span
from recist.protocol import Protocol, effective, load
from recist.table.account import TableAccount, TableResult
from recist.table.course_tables import reading
from recist.table.finding import Finding, Severity
from recist.table.output import write_checks
from recist.table.results import csv_line
from recist.table.streams import all_written, write_line

PATIENTS, RATES, CONTRASTS = "abscopal.csv", "rates.csv", "contrasts.csv"
LESIONS, SENSITIVITY, CHECKS = "lesion_rates.csv", "sensitivity.csv", "checks.csv"
AS_JSON, PAGE = "abscopal.json", "abscopal.html"
WATERFALL, SPIDER = "waterfall", "spider"
CHARTS = tuple(f"{name}.{kind}" for name in (WATERFALL, SPIDER) for kind in ("png", "svg"))
TABLES = (PATIENTS, RATES, CONTRASTS, LESIONS, SENSITIVITY, CHECKS)
FILES = (*TABLES, AS_JSON, PAGE, *CHARTS)


def abscopal_file(
    measurements: Source,
    out: Path,
    *,
    events: Source | None = None,
    arms: Source | None = None,
    doses: Path | None = None,
    protocol: Protocol | str | Path = "recist11-eortc",
    jobs: int | None = None,
    on_answer: Callable[[str], None] | None = None,
) -> TableResult:
    """Find the abscopal responses of a cohort, and write them into a folder, all files or none.

    Memory holds some hundred bytes of each patient, for the rates and charts of all.

    Args:
        measurements: with the column ``field``.
        events: ``subject, date|day, event``: radiotherapy and systemic therapy.
        arms: ``subject, arm`` and optionally ``systemic``; its subjects are the enrolled ones.
        doses: ``field.csv`` of the main job, or the folder of its results: varies the dose below
            which a lesion is outside.
        jobs: processes; one per core unless given, and one for a small table.
        on_answer: called with each main rate in a sentence.

    Raises:
        InputError: a table cannot be read at all, or a setting does not exist.
    """
    with (
        tempfile.TemporaryFile() as lines,
        tempfile.TemporaryFile() as as_json,
        without_collector(),
    ):
        tables = _Tables(measurements, events, arms, doses, jobs)
        cohort = _cohort(tables, protocol, _Texts(lines, as_json))
        return _written(cohort, Path(out), on_answer)


def _written(cohort: _Cohort, out: Path, on_answer: Callable[[str], None] | None) -> TableResult:
    answers = main_rates(cohort.rates)
    for sentence in answers:
        if on_answer is not None:
            on_answer(sentence)
    with all_written(out, FILES) as files:
        _write_tables(files, cohort)
        _write_json(files[AS_JSON], cohort)
        drawn = {
            WATERFALL: lesion_charts.waterfall(cohort.members),
            SPIDER: lesion_charts.spider(cohort.members),
        }
        svgs = {}
        for name, figure in drawn.items():
            svgs[name], png = lesion_charts.as_pictures(figure)
            files[f"{name}.svg"].write(svgs[name])
            files[f"{name}.png"].write(png)
        page = trial_page.as_html(_report(cohort, answers, drawn), svgs)
        files[PAGE].write(page.encode("utf-8"))
    return cohort.account.in_folder(out)


def abscopal_in_memory(
    measurements: Source,
    *,
    events: Source | None = None,
    arms: Source | None = None,
    doses: Path | None = None,
    protocol: Protocol | str | Path = "recist11-eortc",
) -> tuple[TableAccount, dict[str, str]]:
    """The tables that :func:`abscopal_file` would write, by name, as text; no file is written.

    Raises:
        InputError: a table cannot be read at all, or a setting does not exist.
    """
    with without_collector():
        tables = _Tables(measurements, events, arms, doses, jobs=None)
        cohort = _cohort(tables, protocol, _Texts(io.BytesIO(), None))
    files = {name: io.BytesIO() for name in TABLES}
    _write_tables(files, cohort)
    return cohort.account, {name: file.getvalue().decode("utf-8") for name, file in files.items()}


class _Tables(NamedTuple):
    """What a cohort is read from."""

    measurements: Source
    events: Source | None
    arms: Source | None
    doses: Path | None
    jobs: int | None


class _Texts(NamedTuple):
    """Where the patients are written until their files are opened; no JSON where none is wanted."""

    lines: BinaryIO
    as_json: BinaryIO | None

    def add(self, text: PatientText) -> None:
        self.lines.write(text.lines)
        if self.as_json is not None and text.as_json:
            self.as_json.write(b",\n" if self.as_json.tell() else b"\n")
            self.as_json.write(text.as_json)


@dataclass(frozen=True, slots=True)
class _Cohort:
    """What is kept of the patients of a table, and what was found on the way.

    Attributes:
        others: the other choices that each member was asked about.
        texts: the patients as they are written.
        rates, of_lesions: what they come to together; worked out once for all that is written.
    """

    members: tuple[Member, ...]
    protocol: Protocol
    others: tuple[Variant, ...]
    texts: _Texts
    findings: tuple[Finding, ...]
    has_dates: bool
    rates: tuple[Rate, ...]
    of_lesions: tuple[tuple[LesionRate, ...], tuple[LesionContrast, ...]]

    @property
    def account(self) -> TableAccount:
        return TableAccount.of({each.subject for each in self.members}, self.findings)


def _cohort(tables: _Tables, protocol: Protocol | str | Path, texts: _Texts) -> _Cohort:
    """Every patient of the tables, judged."""
    settings = protocol if isinstance(protocol, Protocol) else load(protocol)
    arms = {} if tables.arms is None else read_arms(tables.arms)
    doses = {} if tables.doses is None else read_doses(Path(tables.doses))
    others = variants(settings, has_doses=bool(doses))
    findings: list[Finding] = []
    of_courses: list[Finding] = []
    of_answers: list[Finding] = []
    members: list[Member] = []
    has_dates = False
    source = tables.measurements
    with reading(source, tables.events, findings=findings, protocol=settings) as table:
        time = table.reader.layout.time_column
        task = CohortTask(table.reader, arms, doses, others, texts.as_json is not None)
        workers = workers_for(table.size_bytes, tables.jobs)
        for part in in_order(judge_chunk, task, table.chunks, workers):
            members += part.members
            texts.add(part.text)
            findings += part.of_rows  # as they would stand if the table were read in one go
            of_courses += part.of_courses
            of_answers += part.of_answers
            has_dates = has_dates or part.has_dates
    findings += (*of_courses, *of_answers)
    seen: dict[str, set[str]] = {}
    for each in members:
        seen.setdefault(each.reader, set()).add(each.subject)
    failed = [subject for subject in errors_of(findings) if subject]
    rest = list(without_finding(seen, arms, failed))
    texts.add(text_of(rest, time, with_json=task.with_json))
    members += [member_of(each, others) for each in rest]
    if not members and not failed:
        where = source if isinstance(source, str | Path) else None
        raise InputError("no subject in the table", where=where)
    _warn_of_dates(members, findings)
    return _Cohort(
        tuple(members),
        settings,
        others,
        texts,
        tuple(findings),
        has_dates,
        rates(members, settings),
        lesion_rates(members),
    )


def main_rates(found: Sequence[Rate]) -> tuple[str, ...]:
    """Each definition by the denominator of its paper, in a sentence with interval and chance."""
    return tuple(
        f"{rate.definition.name}, {'all patients' if rate.arm == ALL_ARMS else rate.arm}"
        f"{f', reader {rate.reader}' if rate.reader else ''}: {rate.proportion.x} of "
        f"{rate.proportion.n} {rate.denominator} ({percent(rate.proportion.rate)} %, exact "
        f"{span(rate.proportion.clopper_pearson, 100)})"
        f"{f', {percent(rate.by_chance)} % expected by chance' if rate.by_chance else ''}."
        for rate in found
        if rate.of_paper and not rate.confirmed and rate.proportion.n
    )


def _warn_of_dates(members: Sequence[Member], findings: list[Finding]) -> None:
    """Warn once of all patients in whom the baseline stands for the date of radiotherapy."""
    known = [each for each in members if each.told is not None]
    without = [each.subject for each in known if not each.recorded]
    if without:
        named = ", ".join(dict.fromkeys(without[:10])) + (" ..." if len(without) > 10 else "")
        what = f"no date of radiotherapy is known of {len(without)} of {len(known)}: {named}"
        remedy = "the baseline scan stands for it; give radiotherapy-start among the events"
        findings.append(Finding(Severity.WARNING, "no-radiotherapy", "", None, what, remedy))


def _report(
    cohort: _Cohort, answers: Sequence[str], drawn: Mapping[str, Figure]
) -> trial_page.TrialReport:
    members, protocol = cohort.members, cohort.protocol
    arms = sorted({each.arm for each in members} - {""})
    header = (
        ("Patients", str(len({each.subject for each in members}))),
        ("Evaluable", str(sum(each.evaluable for each in members))),
        ("Arms", ", ".join(arms) or "none given"),
        ("Protocol", protocol.name),
    )
    lesions = tuple(result_rows.lesion_rows(*cohort.of_lesions))
    sheets = (
        Sheet("rates", "Rates", tuple(result_rows.rate_rows(cohort.rates)),
              "Every definition by every denominator; by chance: what measurement error alone "
              "would give.",
              ("definition", "arm", "confirmed_only", "denominator", "responders", "n",
               "rate_percent", "clopper_pearson_low", "clopper_pearson_high",
               "by_chance_percent", "paper")),
        Sheet("contrasts", "Arms compared",
              tuple(result_rows.contrast_rows(contrasts(cohort.rates)))),
        Sheet("lesion_rates", "Lesions by field", lesions,
              "Lesions of one patient are no replicates: intervals by the cluster bootstrap."),
    )  # fmt: skip
    titles = {
        WATERFALL: "Best change of every lesion, by arm",
        SPIDER: "Change of every lesion over time, by arm",
    }
    return trial_page.TrialReport(
        "Abscopal response of a cohort",
        header,
        tuple(answers),
        tuple(str(each) for each in cohort.findings),
        sheets,
        tuple(Plot(name, titles[name], figure, ()) for name, figure in drawn.items()),
    )


def _write_tables(files: Mapping[str, BinaryIO], cohort: _Cohort) -> None:
    write_checks(files[CHECKS], cohort.findings)
    time = "date" if cohort.has_dates else "day"
    write_line(files[PATIENTS], csv_line(result_rows.patient_columns(time)))
    cohort.texts.lines.seek(0)
    shutil.copyfileobj(cohort.texts.lines, files[PATIENTS])
    of_lesions = result_rows.lesion_rows(*cohort.of_lesions)
    changed = sensitivity(cohort.members, cohort.protocol, cohort.others)
    for name, columns, rows in (
        (RATES, result_rows.RATE_COLUMNS, result_rows.rate_rows(cohort.rates)),
        (
            CONTRASTS,
            result_rows.CONTRAST_COLUMNS,
            result_rows.contrast_rows(contrasts(cohort.rates)),
        ),
        (LESIONS, result_rows.LESION_COLUMNS, of_lesions),
        (SENSITIVITY, result_rows.SENSITIVITY_COLUMNS, result_rows.sensitivity_rows(changed)),
    ):
        write_line(files[name], csv_line(columns))
        for row in rows:
            write_line(files[name], csv_line([row[column] for column in columns]))


def _write_json(file: BinaryIO, cohort: _Cohort) -> None:
    """A patient a line: all of them at once would take many times the memory of the patients."""
    head = {"schema_version": SCHEMA_VERSION, "protocol": effective(cohort.protocol)}
    opened = json.dumps(head, ensure_ascii=False, allow_nan=False, indent=1).removesuffix("\n}")
    file.write(f'{opened},\n "patients": ['.encode())
    as_json = cohort.texts.as_json
    if as_json is not None:
        as_json.seek(0)
        shutil.copyfileobj(as_json, file)
    write_line(file, "\n ]\n}")
