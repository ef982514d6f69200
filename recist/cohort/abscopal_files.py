"""From a measurement table to the abscopal response of a cohort, as tables, JSON and charts."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from matplotlib.figure import Figure

from imaging.collector import without_collector
from imaging.errors import InputError
from imaging.tables.source import Source
from imaging.writing import SCHEMA_VERSION
from recist.cohort import lesion_charts, result_rows, trial_page
from recist.cohort.lesion_rates import LesionContrast, LesionRate, lesion_rates
from recist.cohort.patients import Patient, assessed, read_arms, read_doses
from recist.cohort.plots import Plot
from recist.cohort.rates import ALL_ARMS, Rate, contrasts, rates
from recist.cohort.record import patient_json
from recist.cohort.sensitivity import sensitivity
from recist.cohort.sheet import Sheet, percent, span
from recist.protocol import Protocol, effective, load
from recist.table.account import TableAccount, TableResult
from recist.table.course_tables import read_courses
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
    on_answer: Callable[[str], None] | None = None,
) -> TableResult:
    """Find the abscopal responses of a cohort, and write them into a folder, all files or none.

    Args:
        measurements: with the column ``field``.
        events: ``subject, date|day, event``: radiotherapy and systemic therapy.
        arms: ``subject, arm`` and optionally ``systemic``; its subjects are the enrolled ones.
        doses: ``field.csv`` of the main job, or the folder of its results: varies the dose below
            which a lesion is outside.
        on_answer: called with each main rate in a sentence.

    Raises:
        InputError: a table cannot be read at all, or a setting does not exist.
    """
    with without_collector():
        return _written(_cohort(measurements, events, arms, doses, protocol), Path(out), on_answer)


def _written(cohort: _Cohort, out: Path, on_answer: Callable[[str], None] | None) -> TableResult:
    answers = main_rates(cohort.rates)
    for sentence in answers:
        if on_answer is not None:
            on_answer(sentence)
    with all_written(out, FILES) as files:
        _write_tables(files, cohort)
        _write_json(files[AS_JSON], cohort.patients, cohort.protocol)
        drawn = {
            WATERFALL: lesion_charts.waterfall(cohort.patients),
            SPIDER: lesion_charts.spider(cohort.patients),
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
        cohort = _cohort(measurements, events, arms, doses, protocol)
    files = {name: io.BytesIO() for name in TABLES}
    _write_tables(files, cohort)
    return cohort.account, {name: file.getvalue().decode("utf-8") for name, file in files.items()}


@dataclass(frozen=True, slots=True)
class _Cohort:
    """The patients of a table, each with its finding, and what was found on the way.

    Attributes:
        rates, of_lesions: what they come to together; worked out once for all that is written.
    """

    patients: tuple[Patient, ...]
    protocol: Protocol
    doses: dict[tuple[str, str], float]
    findings: tuple[Finding, ...]
    has_dates: bool
    rates: tuple[Rate, ...]
    of_lesions: tuple[tuple[LesionRate, ...], tuple[LesionContrast, ...]]

    @property
    def account(self) -> TableAccount:
        return TableAccount.of({each.subject for each in self.patients}, self.findings)


def _cohort(
    measurements: Source,
    events: Source | None,
    arms: Source | None,
    doses: Path | None,
    protocol: Protocol | str | Path,
) -> _Cohort:
    """Every patient of the tables, judged."""
    settings = protocol if isinstance(protocol, Protocol) else load(protocol)
    known_arms = {} if arms is None else read_arms(arms)
    known_doses = {} if doses is None else read_doses(Path(doses))
    findings: list[Finding] = []
    courses = read_courses(measurements, events, findings=findings, protocol=settings)
    patients = assessed(courses, known_arms, settings, findings)
    if not patients and not any(each.level is Severity.ERROR and each.subject for each in findings):
        where = measurements if isinstance(measurements, str | Path) else None
        raise InputError("no subject in the table", where=where)
    has_dates = any(course.day_zero is not None for course in courses)
    _warn_of_dates(patients, findings)
    return _Cohort(
        patients,
        settings,
        known_doses,
        tuple(findings),
        has_dates,
        rates(patients, settings),
        lesion_rates(patients),
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


def _warn_of_dates(patients: Sequence[Patient], findings: list[Finding]) -> None:
    """Warn once of all patients in whom the baseline stands for the date of radiotherapy."""
    known = [each for each in patients if each.finding is not None]
    without = [
        each.subject for each in known if each.finding and not each.finding.timeline.recorded
    ]
    if without:
        named = ", ".join(dict.fromkeys(without[:10])) + (" ..." if len(without) > 10 else "")
        what = f"no date of radiotherapy is known of {len(without)} of {len(known)}: {named}"
        remedy = "the baseline scan stands for it; give radiotherapy-start among the events"
        findings.append(Finding(Severity.WARNING, "no-radiotherapy", "", None, what, remedy))


def _report(
    cohort: _Cohort, answers: Sequence[str], drawn: Mapping[str, Figure]
) -> trial_page.TrialReport:
    patients, protocol = cohort.patients, cohort.protocol
    arms = sorted({each.arm for each in patients} - {""})
    header = (
        ("Patients", str(len({each.subject for each in patients}))),
        ("Evaluable", str(sum(each.evaluable for each in patients))),
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
    patients, protocol = cohort.patients, cohort.protocol
    write_checks(files[CHECKS], cohort.findings)
    time = "date" if cohort.has_dates else "day"
    of_lesions = result_rows.lesion_rows(*cohort.of_lesions)
    changes = result_rows.sensitivity_rows(sensitivity(patients, protocol, cohort.doses))
    for name, columns, rows in (
        (PATIENTS, result_rows.patient_columns(time), result_rows.patient_rows(patients, time)),
        (RATES, result_rows.RATE_COLUMNS, result_rows.rate_rows(cohort.rates)),
        (
            CONTRASTS,
            result_rows.CONTRAST_COLUMNS,
            result_rows.contrast_rows(contrasts(cohort.rates)),
        ),
        (LESIONS, result_rows.LESION_COLUMNS, of_lesions),
        (SENSITIVITY, result_rows.SENSITIVITY_COLUMNS, changes),
    ):
        write_line(files[name], csv_line(columns))
        for row in rows:
            write_line(files[name], csv_line([row[column] for column in columns]))


def _write_json(file: BinaryIO, patients: Sequence[Patient], protocol: Protocol) -> None:
    """A patient a line: all of them at once would take many times the memory of the patients."""
    head = {"schema_version": SCHEMA_VERSION, "protocol": effective(protocol)}
    opened = json.dumps(head, ensure_ascii=False, allow_nan=False, indent=1).removesuffix("\n}")
    file.write(f'{opened},\n "patients": ['.encode())
    between = "\n"
    for patient in patients:
        as_json = json.dumps(patient_json(patient), ensure_ascii=False, allow_nan=False)
        file.write(f"{between}  {as_json}".encode())
        between = ",\n"
    write_line(file, "\n ]\n}")
