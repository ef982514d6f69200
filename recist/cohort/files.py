"""From a measurement table to the abscopal response of a cohort, as tables, JSON and charts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from imaging.errors import InputError
from imaging.tables.source import Source
from recist.cohort import charts, tables
from recist.cohort.lesion_rates import lesion_rates
from recist.cohort.patients import Patient, assessed, read_arms, read_doses
from recist.cohort.rates import contrasts, rates
from recist.cohort.record import patient_json
from recist.cohort.sensitivity import sensitivity
from recist.protocol import Protocol, effective, load
from recist.table.finding import Finding, Level
from recist.table.output import CHECK_COLUMNS, KEPT_FINDINGS, TableResult
from recist.table.read import read_courses
from recist.table.results import csv_line
from recist.table.writing import all_written, write_line

PATIENTS, RATES, CONTRASTS = "abscopal.csv", "rates.csv", "contrasts.csv"
LESIONS, SENSITIVITY, CHECKS = "lesion_rates.csv", "sensitivity.csv", "checks.csv"
AS_JSON = "abscopal.json"
WATERFALL, SPIDER = "waterfall", "spider"
CHARTS = tuple(f"{name}.{kind}" for name in (WATERFALL, SPIDER) for kind in ("png", "svg"))
FILES = (PATIENTS, RATES, CONTRASTS, LESIONS, SENSITIVITY, CHECKS, AS_JSON, *CHARTS)


def abscopal_file(
    measurements: Source,
    out: Path,
    *,
    events: Source | None = None,
    arms: Source | None = None,
    doses: Path | None = None,
    protocol: Protocol | str | Path = "recist11-eortc",
) -> TableResult:
    """Find the abscopal responses of a cohort, and write them into a folder, all files or none.

    Args:
        measurements: with the column ``field``.
        events: ``subject, date|day, event``: radiotherapy and systemic therapy.
        arms: ``subject, arm`` and optionally ``systemic``; its subjects are the enrolled ones.
        doses: ``field.csv`` of the main job, or the folder of its results: varies the dose below
            which a lesion is outside.

    Raises:
        InputError: a table cannot be read at all, or a setting does not exist.
    """
    settings = protocol if isinstance(protocol, Protocol) else load(protocol)
    known_arms = {} if arms is None else read_arms(arms)
    known_doses = {} if doses is None else read_doses(Path(doses))
    findings: list[Finding] = []
    courses = read_courses(measurements, events, findings=findings, protocol=settings)
    patients = assessed(courses, known_arms, settings, findings)
    named = {each.subject for each in patients}
    failed = sorted(
        {each.subject for each in findings if each.level is Level.ERROR and each.subject}
    )
    if not named and not failed:
        where = measurements if isinstance(measurements, str | Path) else None
        raise InputError("no subject in the table", where=where)
    has_dates = any(course.day_zero is not None for course in courses)
    with all_written(Path(out), FILES) as files:
        _write_tables(files, patients, settings, known_doses, has_dates=has_dates)
        _write_checks(files[CHECKS], findings)
        _write_json(files[AS_JSON], patients, settings)
        for name, figure in (
            (WATERFALL, charts.waterfall(patients)),
            (SPIDER, charts.spider(patients)),
        ):
            files[f"{name}.png"].write(charts.as_png(figure))
            files[f"{name}.svg"].write(charts.as_svg(figure))
    kept = tuple(
        finding
        for level in Level
        for finding in [each for each in findings if each.level is level][:KEPT_FINDINGS]
    )
    counts = Counter(each.level for each in findings)
    return TableResult(
        Path(out),
        len(named | set(failed)),
        tuple(failed),
        kept,
        {level: counts[level] for level in Level},
    )


def _write_tables(
    files: dict[str, BinaryIO],
    patients: Sequence[Patient],
    protocol: Protocol,
    doses: dict[tuple[str, str], float],
    *,
    has_dates: bool,
) -> None:
    time = "date" if has_dates else "day"
    of_lesions = tables.lesion_rows(*lesion_rates(patients))
    changes = tables.sensitivity_rows(sensitivity(patients, protocol, doses))
    for name, columns, rows in (
        (PATIENTS, tables.patient_columns(time), tables.patient_rows(patients, time)),
        (RATES, tables.RATE_COLUMNS, tables.rate_rows(rates(patients, protocol))),
        (CONTRASTS, tables.CONTRAST_COLUMNS, tables.contrast_rows(contrasts(patients, protocol))),
        (LESIONS, tables.LESION_COLUMNS, of_lesions),
        (SENSITIVITY, tables.SENSITIVITY_COLUMNS, changes),
    ):
        write_line(files[name], csv_line(columns))
        for row in rows:
            write_line(files[name], csv_line([row[column] for column in columns]))


def _write_checks(file: BinaryIO, findings: Sequence[Finding]) -> None:
    write_line(file, csv_line(CHECK_COLUMNS))
    for each in findings:
        row = "" if each.row is None else str(each.row)
        cells = (each.level.value, each.code, each.subject, row, each.what, each.remedy)
        write_line(file, csv_line(cells))


def _write_json(file: BinaryIO, patients: Sequence[Patient], protocol: Protocol) -> None:
    content = {
        "protocol": effective(protocol),
        "patients": [patient_json(patient) for patient in patients],
    }
    write_line(file, json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1))
