"""One patient of a batch: run, kept whole, skipped where nothing changed, or named as failed.

A patient is what is handed to another process or machine: everything that it needs can be pickled,
and everything that it gives is written into its own folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from imaging.beside import NOBODY, Beside
from imaging.errors import InputError
from imaging.read_json import read_json
from imaging.series import Subject
from recist.patient.options import Options
from recist.patient.result_folder import (
    DICOM_FOLDER,
    FINGERPRINT,
    check_replaceable,
    hashes_of,
    written_whole,
)
from recist.patient.stamps import files_of, stamp, told_apart_by
from recist.version import __version__

Stage = Callable[[str, str], None]
#: Why signed results are no longer those that were signed, and who made it so.
RUN_AGAIN, THE_RUN = "the patient was run again", "recist run"


@dataclass(frozen=True, slots=True)
class Failure:
    """What the user must know: a patient that failed, or a part that could not be used."""

    subject: str
    where: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        known = not self.where or self.where == self.subject or self.where in self.what
        place = "" if known else f"{self.where}: "
        who = f"{self.subject}: " if self.subject else ""
        advice = f" ({self.remedy})" if self.remedy else ""
        return f"{who}{place}{self.what}{advice}"


@dataclass(frozen=True, slots=True)
class SubjectRun:
    """How one patient went: done, skipped (complete and unchanged), or failed."""

    subject: str
    folder: str
    state: str
    seconds: dict[str, float] = field(default_factory=dict)
    summary: dict[str, str] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()


def run_subject(
    subject: Subject,
    folder: Path,
    options: Options,
    resume: bool,
    on_stage: Stage = lambda _subject, _stage: None,
    *,
    beside: Beside = NOBODY,
) -> SubjectRun:
    stage = Stopwatch(lambda name: on_stage(subject.id, name))
    try:
        check_replaceable(folder)
        fingerprint = fingerprint_of(subject, options)
        lacking = options.dicom and not (folder / DICOM_FOLDER).is_dir()
        if resume and not lacking and (kept := _kept(folder, fingerprint)) is not None:
            return kept
        # Late: the process that only hands patients on never loads what works on images.
        from recist.patient import pipeline, signatures  # noqa: PLC0415
        from recist.run import patient_folder  # noqa: PLC0415
        from recist.run.fingerprint import (  # noqa: PLC0415
            notes_of,
            told_of,
            write_fingerprint,
        )

        said = patient_folder.said_in(folder, subject.id)
        earlier = patient_folder.work_in(folder) if resume else None
        answer = pipeline.assess_subject(
            subject, options, said=said, kept=earlier, beside=beside, on_stage=stage
        )
        if fingerprint_of(subject, options) != fingerprint:
            what = "its files changed while they were read"
            return failed(subject, folder, what, "let them rest, then run again with --resume")
        stage("write")
        result = signatures.new_version(answer.result, folder, reason=RUN_AGAIN, by=THE_RUN)
        answer = answer if result is answer.result else replace(answer, result=result)
        with written_whole(folder) as part:
            lost = patient_folder.write_patient(
                answer,
                part,
                dicom=options.dicom,
                earlier=folder,
                cache_mb=options.cache_mb,
                shared=earlier is not None,
            )
            summary, problems = told_of(answer.result, lost)
            failures = tuple(Failure(subject.id, p.where, p.what, p.remedy) for p in problems)
            stage("")
            done = SubjectRun(
                subject.id, folder.name, "done", stage.seconds, summary, failures,
                notes_of(answer.work),
            )  # fmt: skip
            write_fingerprint(part, fingerprint, answer, lost)
        signatures.set_aside(folder.parent, folder.name)
    except (InputError, OSError, MemoryError) as error:
        return failed(subject, folder, _without_folders(error))
    except Exception as error:
        if os.environ.get("RECIST_TRACEBACK"):
            raise
        return failed(
            subject,
            folder,
            f"an error inside the toolkit: {type(error).__name__}: {error}",
            "please report it; RECIST_TRACEBACK=1 shows where",
        )
    return done


class Stopwatch:
    """Seconds per stage: calling it with a stage's name ends the one before."""

    def __init__(self, on_stage: Callable[[str], None] = lambda _: None) -> None:
        self.seconds: dict[str, float] = {}
        self._on_stage = on_stage
        self._since = time.perf_counter()
        self._stage = ""

    def __call__(self, stage: str) -> None:
        now = time.perf_counter()
        if self._stage:
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + now - self._since
        self._since, self._stage = now, stage
        self._on_stage(stage)


def failed(subject: Subject, folder: Path, what: str, remedy: str = "") -> SubjectRun:
    if (folder / FINGERPRINT).is_file():
        what = f"{what}; its folder still holds the result of an earlier run"
    return SubjectRun(
        subject.id,
        folder.name,
        "failed",
        summary={"status": "failed"},
        failures=(Failure(subject.id, "", what, remedy),),
    )


def fingerprint_of(subject: Subject, options: Options) -> str:
    """Changes when a file of the patient, a setting, the model or the toolkit changes."""
    digest = hashlib.sha256()
    of_dates = (path for visit in (*subject.visits, *subject.treatment) for path in files_of(visit))
    stamp(digest, (*of_dates, *options.files()))
    digest.update(json.dumps([told_apart_by(visit) for visit in subject.visits]).encode())
    digest.update(json.dumps(options.as_dict(), sort_keys=True, default=str).encode())
    digest.update(json.dumps(options.model_record(), sort_keys=True, default=str).encode())
    digest.update(__version__.encode())
    return digest.hexdigest()


def _without_folders(error: BaseException) -> str:
    """What an error says, with the name of a file alone: its folders may be patients' names."""
    text = str(error) or type(error).__name__
    named = (getattr(error, "where", None), getattr(error, "filename", None))
    for path in (str(each) for each in named if each and Path(str(each)).is_absolute()):
        text = text.replace(path, Path(path).name)
    return text


def _kept(folder: Path, fingerprint: str) -> SubjectRun | None:
    """The earlier result in ``folder``, if it is whole and of the same inputs and settings."""
    try:
        record = read_json(folder / FINGERPRINT)
        if record["fingerprint"] != fingerprint or record["files"] != hashes_of(folder):
            return None
        failures = tuple(Failure(*parts) for parts in record["failures"])
        summary = record["summary"]
        notes = tuple(map(str, record.get("notes", ())))  # none of before they were kept
        return SubjectRun(summary["subject"], folder.name, "skipped", {}, summary, failures, notes)
    except (OSError, ValueError, KeyError, TypeError):
        return None
