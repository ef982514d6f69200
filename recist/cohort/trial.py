"""From measurements and a table of patients to the answers of a trial: tables, plots, report."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from imaging.errors import InputError
from imaging.tables.source import Source, opened
from imaging.writing import SCHEMA_VERSION
from recist.cohort import (
    biomarkers,
    end_points,
    lesion_charts,
    plots,
    quality_of_life,
    response_sheets,
    toxicity,
    trial_page,
)
from recist.cohort.arms import Arms, arms_of, by_arm
from recist.cohort.enrolment import Enrolled, event_rows, read_enrolment
from recist.cohort.growth_modulation import SARCOMA
from recist.cohort.sheet import Sheet, percent, sheets_json, span, write_rows
from recist.cohort.survival import IntervalScale
from recist.cohort.times import FollowedPatient, followed
from recist.cohort.trial_pdf import as_pdf
from recist.course import Course, EventKind
from recist.endpoints import time_zero_of
from recist.patient.result_folder import EVENTS, MEASUREMENTS
from recist.protocol import Protocol, effective, load
from recist.table.account import TableAccount, TableResult
from recist.table.course_tables import read_courses
from recist.table.finding import Finding, Severity
from recist.table.layout import MEASUREMENTS as MEASUREMENT_COLUMNS
from recist.table.output import write_checks
from recist.table.streams import all_written, write_line

REPORT, PDF, AS_JSON, CHECKS = "report.html", "report.pdf", "cohort.json", "checks.csv"

#: A first scan later than so many days after the start is no baseline.
BASELINE_GRACE_DAYS = 0


@dataclass(frozen=True, slots=True)
class TrialTables:
    """Tables beside the measurements; only that of the patients has to be there.

    Attributes:
        toxicity: ``subject, term, grade``.
        quality_of_life: ``subject, date|day, q1 .. q30`` of the QLQ-C30.
    """

    patients: Source
    events: Source | None = None
    toxicity: Source | None = None
    quality_of_life: Source | None = None


@dataclass(frozen=True, slots=True)
class TrialChoices:
    """How the trial is analysed.

    Attributes:
        strata: columns of the patients.
        biomarkers: columns with a number.
        control: name of the control arm; the smallest unless given.
        arms: names that an arm may have.
    """

    strata: tuple[str, ...] = ()
    biomarkers: tuple[str, ...] = ()
    control: str = ""
    arms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class TrialData:
    """A trial that is read and assessed: all that the tables are made from."""

    patients: tuple[FollowedPatient, ...]
    courses: tuple[Course, ...]
    arms: Arms
    choices: TrialChoices
    protocol: Protocol
    has_dates: bool

    @property
    def columns(self) -> Mapping[str, str]:
        """The columns of the table of patients, with one patient's cells."""
        return self.patients[0].patient.columns


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What came of a trial: the account of its tables, and its main answers."""

    table: TableResult
    sentences: tuple[str, ...]


def cohort_file(
    measurements: Source,
    out: Path,
    tables: TrialTables,
    choices: TrialChoices | None = None,
    *,
    protocol: Protocol | str | Path = "recist11-eortc",
    title: str = "Trial",
    on_progress: Callable[[int, int], None] | None = None,
) -> TrialResult:
    """Answer the questions of a trial, and write them into a folder, all files or none.

    Args:
        measurements: a measurement table, or the folder of results of the main job.
        on_progress: called with the patients done and their number.

    Raises:
        InputError: a table cannot be read at all, or a setting does not exist.
    """
    settings = protocol if isinstance(protocol, Protocol) else load(protocol)
    chosen = choices or TrialChoices()
    findings: list[Finding] = []
    trial = read_trial(measurements, tables, chosen, settings, findings, on_progress=on_progress)
    sentences: list[str] = []
    sheets = _sheets(trial, tables, findings, sentences)
    drawn = plots.plots(trial.patients, trial.arms, settings, chosen.strata)
    report = trial_page.TrialReport(
        title,
        _header(trial),
        (*_answers(trial), *sentences),
        tuple(str(each) for each in findings),
        tuple(sheet for sheet in sheets if sheet.name != "audit"),
        tuple(drawn),
    )
    _write(Path(out), report, sheets, findings, settings)
    account = TableAccount.of({each.subject for each in trial.patients}, findings)
    return TrialResult(account.in_folder(Path(out)), report.sentences)


def _measurements(measurements: Source, events: Source | None) -> tuple[Source, Source | None]:
    """The tables themselves, where a folder of results is given."""
    if not isinstance(measurements, str | Path) or not Path(measurements).is_dir():
        return measurements, events
    folder = Path(measurements)
    table = folder / MEASUREMENTS
    if not table.is_file():
        raise InputError(
            f"no {MEASUREMENTS}", where=folder, remedy="give a table, or the results of recist run"
        )
    own = folder / EVENTS
    return table, own if events is None and own.is_file() else events


def _has_dates(source: Source) -> bool:
    with opened(source, MEASUREMENT_COLUMNS) as table:
        return table.layout.has_dates


def read_trial(
    measurements: Source,
    tables: TrialTables,
    choices: TrialChoices,
    protocol: Protocol,
    findings: list[Finding],
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> TrialData:
    """Check the tables, join them, and assess every patient.

    One patient who contradicts itself never stops the others: it is named among the findings.
    """
    source, events = _measurements(measurements, tables.events)
    has_dates = _has_dates(source)
    enrolled = read_enrolment(
        tables.patients,
        has_dates=has_dates,
        findings=findings,
        arms=choices.arms,
        strata=choices.strata,
        date_order=protocol.date_order,
    )
    refused = {each.subject for each in findings if each.level is Severity.ERROR}
    before = len(findings)
    rows = event_rows(enrolled, events, has_dates=has_dates)
    courses = list(read_courses(source, rows, findings=findings, protocol=protocol))
    broken = {each.subject for each in findings[before:] if each.level is Severity.ERROR}
    first: dict[str, Course] = {}
    for course in courses:
        if course.subject in enrolled:
            first.setdefault(course.subject, course)
        elif course.subject not in refused:
            what, remedy = "measured and not among the patients", "left out; add a row, or correct"
            findings.append(
                Finding(Severity.WARNING, "not-enrolled", course.subject, None, what, remedy)
            )
    patients = []
    for number, (subject, patient) in enumerate(enrolled.items()):
        if subject in broken or not _sound(patient, first.get(subject), protocol, findings):
            continue
        try:
            patients.append(followed(patient, first.get(subject), protocol))
        except InputError as error:
            code = "not-assessed"
            findings.append(Finding(Severity.ERROR, code, subject, None, error.what, error.remedy))
        if on_progress is not None:
            on_progress(number + 1, len(enrolled))
    if not patients:
        raise InputError("no patient could be assessed", remedy="see the lines above")
    return TrialData(
        tuple(patients),
        tuple(course for course in courses if course.subject in enrolled),
        arms_of(patients, choices.control),
        choices,
        protocol,
        has_dates,
    )


def _sound(
    patient: Enrolled, course: Course | None, protocol: Protocol, findings: list[Finding]
) -> bool:
    """Whether scans and dates of a patient can be together; what is doubtful is said."""
    subject = patient.subject
    if course is None or not course.timepoints:
        what = "no measurements: no baseline"
        remedy = "PFS censored at the start, followed for death only"
        findings.append(Finding(Severity.WARNING, "no-baseline", subject, None, what, remedy))
        return True
    death = course.first_day_of(EventKind.DEATH)
    last = course.timepoints[-1].day
    if death is not None and last > death:
        what, remedy = f"a scan {last - death} days after death", "correct one of the dates"
        findings.append(Finding(Severity.ERROR, "after-death", subject, None, what, remedy))
        return False
    start = course.first_day_of(EventKind.TREATMENT_START)
    if start is None:
        start = time_zero_of(course, protocol)
    late = course.timepoints[0].day - start
    if late > BASELINE_GRACE_DAYS:
        what = f"no baseline: the first scan is {late} days after the start"
        remedy = "it stands for the baseline here; is an earlier scan missing?"
        findings.append(Finding(Severity.WARNING, "no-baseline", subject, None, what, remedy))
    return True


def _sheets(
    trial: TrialData, tables: TrialTables, findings: list[Finding], sentences: list[str]
) -> list[Sheet]:
    patients, arms, protocol = trial.patients, trial.arms, trial.protocol
    main, strata = protocol.pfs_policy, trial.choices.strata
    kept = {each.subject: each.patient for each in patients}
    sheets = [
        end_points.six_month_sheet(patients, arms, main, protocol.visit_window_days),
        end_points.contrast_sheet(patients, arms, main, strata),
        end_points.survival_sheet(patients, arms),
        end_points.competing_sheet(patients, arms),
        end_points.turnbull_sheet(patients, arms),
        response_sheets.rate_sheet(patients, arms, strata),
        response_sheets.rate_contrast_sheet(patients, arms),
        response_sheets.modulation_sheet(patients, arms, main),
        response_sheets.modulation_rows(patients, main),
        response_sheets.eligibility_sheet(patients, sentences),
        end_points.policy_sheet(patients),
        response_sheets.reader_sheet(trial.courses, protocol),
    ]
    if tables.toxicity is not None:
        sheets.append(toxicity.toxicity_sheet(tables.toxicity, kept, arms, findings))
    if tables.quality_of_life is not None:
        sheets += quality_of_life.quality_sheets(
            tables.quality_of_life, kept, arms, has_dates=trial.has_dates, findings=findings
        )[::-1]
    named = trial.choices.biomarkers
    for name in named:
        if name not in trial.columns:
            raise InputError(f"no column {name!r} among the patients")
    if named:
        sheets.append(biomarkers.biomarker_sheet(patients, named, main, findings))
    if "cost" in trial.columns:
        sheets.append(biomarkers.cost_sheet(patients, arms, findings))
    sheets.append(end_points.audit_sheet(patients))
    return sheets


def _answers(trial: TrialData) -> list[str]:
    """The main answers in a sentence each."""
    patients, arms, main = trial.patients, trial.arms, trial.protocol.pfs_policy
    said = []
    parts = []
    for arm, members in by_arm(patients, arms):
        curve = end_points.curve_of(members, "PFS", main)
        if curve is not None:
            parts.append(
                f"{arm} {percent(curve.at(182.625))} % "
                f"({span(curve.interval(182.625, IntervalScale.LOG_LOG), 100)})"
            )
    said.append(
        f"Free of progression at 6 months (182.625 days, Kaplan-Meier): {'; '.join(parts)}."
    )
    parts = [
        f"{arm} {found.x}/{found.n} ({percent(found.rate)} %, exact "
        f"{span(found.clopper_pearson, 100)})"
        for arm, members in by_arm(patients, arms)
        for found in [response_sheets.rate_of(members, "objective response")]
    ]
    said.append(f"Objective response: {'; '.join(parts)}.")
    contrasts = end_points.contrast_sheet(patients, arms, main, ()).rows
    said += [
        f"{row['end_point']}, {row['arms']}: hazard ratio {row['hazard_ratio'] or 'not estimable'} "
        f"({row['interval'] or 'no interval'}), log-rank P {row['log_rank_p'] or 'not known'}."
        for row in contrasts
        if row["population"] == "intention to treat" and row["end_point"] in ("PFS", "OS")
    ]
    found = response_sheets.modulation_of(patients, main, SARCOMA)
    if found is not None:
        said.append(
            f"Growth modulation index above {SARCOMA:g}: {percent(found.midrank.share)} % "
            f"({span(found.midrank.wilson, 100)}) of {len(found.ratios)} evaluable, "
            f"by midranks (Wilson); observed {found.observed.x}/{found.observed.n}."
        )
    return said


def _header(trial: TrialData) -> tuple[tuple[str, str], ...]:
    arms, protocol = trial.arms, trial.protocol
    counts = Counter(each.patient.arm for each in trial.patients)
    rows = [
        ("Patients", str(len(trial.patients))),
        ("Arms", ", ".join(f"{name} ({counts[name]})" for name in arms.names)),
        ("Control", arms.control if len(arms.names) > 1 else ""),
        ("Strata", ", ".join(trial.choices.strata)),
        ("Protocol", protocol.name),
        ("Policy of PFS", protocol.pfs_policy),
        ("Clock", "from randomisation, else from the start of treatment; day minus day"),
    ]
    return tuple((name, value) for name, value in rows if value)


def _write(
    out: Path,
    report: trial_page.TrialReport,
    sheets: Sequence[Sheet],
    findings: Sequence[Finding],
    protocol: Protocol,
) -> None:
    names = [REPORT, PDF, AS_JSON, CHECKS]
    names += [f"{sheet.name}.csv" for sheet in sheets if sheet.rows]
    names += [
        f"plots/{plot.name}.{kind}" for plot in report.plots for kind in ("csv", "svg", "png")
    ]
    with all_written(out, tuple(names)) as files:
        pictures = {plot.name: lesion_charts.as_pictures(plot.drawing) for plot in report.plots}
        drawings = {name: svg for name, (svg, _) in pictures.items()}
        files[REPORT].write(trial_page.as_html(report, drawings).encode("utf-8"))
        files[PDF].write(as_pdf(report))
        content = {
            "schema_version": SCHEMA_VERSION,
            "title": report.title,
            "header": dict(report.header),
            "answers": list(report.sentences),
            "protocol": effective(protocol),
            "tables": sheets_json(sheets),
        }
        write_line(files[AS_JSON], json.dumps(content, ensure_ascii=False, indent=1))
        write_checks(files[CHECKS], findings)
        for sheet in sheets:
            if sheet.rows:
                write_rows(files[f"{sheet.name}.csv"], sheet.columns, sheet.rows)
        for plot in report.plots:
            columns = tuple(dict.fromkeys(name for row in plot.rows for name in row))
            write_rows(files[f"plots/{plot.name}.csv"], columns, plot.rows)
            svg, png = pictures[plot.name]
            files[f"plots/{plot.name}.svg"].write(svg)
            files[f"plots/{plot.name}.png"].write(png)
