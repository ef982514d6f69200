"""The datasets of a trial, checked and written into a folder."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from imaging.errors import InputError
from imaging.writing import write_text
from recist.export.cdisc import terminology
from recist.export.cdisc.analysis import response_parameters, times_to_events
from recist.export.cdisc.conformance import Breach, Weight, check
from recist.export.cdisc.evaluators import Evaluator, evaluators_of
from recist.export.cdisc.exported_answers import Answers
from recist.export.cdisc.responses import responses
from recist.export.cdisc.terminology import Terminology
from recist.export.cdisc.trial_dataset import Dataset, DatasetFormat, write
from recist.export.cdisc.tumours import identifications, qualifiers, results
from recist.export.growing_table import csv_text
from recist.export.whole_sums import whole_sums
from recist.response import RESEARCH_USE

CONFORMANCE, README = "conformance.csv", "readme.txt"
STANDARDS = ("sdtm", "adam")


@dataclass(frozen=True, slots=True)
class Datasets:
    """What was written.

    Attributes:
        breaches: of the rules of the standard; all are in ``conformance.csv``.
    """

    files: tuple[Path, ...]
    breaches: tuple[Breach, ...]

    @property
    def errors(self) -> tuple[str, ...]:
        """A line for each rule that is broken."""
        return self._lines(Weight.ERROR)

    @property
    def remarks(self) -> tuple[str, ...]:
        """A line for each word of ours in a codelist."""
        return self._lines(Weight.NOTE)

    def _lines(self, weight: Weight) -> tuple[str, ...]:
        counts = Counter(
            f"{each.dataset}: {each.rule}: {each.what}"
            for each in self.breaches
            if each.weight is weight
        )
        return tuple(f"{line} ({count} rows)" for line, count in counts.items())


def export(
    answers: Answers,
    out: Path,
    standard: str,
    *,
    study: str,
    forms: Sequence[DatasetFormat] = tuple(DatasetFormat),
    accepted: str = "",
    words: Terminology | None = None,
) -> Datasets:
    """Write SDTM or ADaM datasets, what they break of their rules, and who is who.

    Args:
        standard: ``sdtm`` or ``adam``.
        study: STUDYID.
        forms: file formats.
        accepted: the reader whose read counts.
        words: the terminology; the one that ships unless given.

    Raises:
        InputError: no such standard or reader, a text that a format cannot hold, or a folder that
            cannot be written.
    """
    words = words or terminology.load()
    courses = [each.course for each in answers.courses]
    if not courses:
        raise InputError("no subject could be assessed", remedy="see the findings")
    evaluators = evaluators_of(
        (course.reader for course in courses),
        words.codelists["evaluator_identifier"],
        accepted=accepted,
    )
    if standard not in STANDARDS:
        raise InputError(f"no standard {standard!r}", remedy=", ".join(STANDARDS))
    if standard == "sdtm":
        datasets = sdtm(answers, evaluators, words, study=study)
    else:
        datasets = [
            response_parameters(answers.courses, evaluators, study=study),
            times_to_events(answers.courses, evaluators, study=study),
        ]
    created = dt.datetime.now(dt.UTC).isoformat(timespec="seconds").removesuffix("+00:00")
    files = [
        write(dataset, out, form, study=study, created=created)
        for dataset in datasets
        for form in forms
    ]
    breaches = check(datasets, words)
    rows = [dict(zip(Breach._fields, map(str, each), strict=True)) for each in breaches]
    files.append(write_text(out / CONFORMANCE, csv_text(rows, Breach._fields)))
    files.append(write_text(out / README, _readme(datasets, evaluators.values(), words)))
    return Datasets(tuple(files), tuple(breaches))


def sdtm(
    answers: Answers, evaluators: Mapping[str, Evaluator], words: Terminology, *, study: str
) -> list[Dataset]:
    """TU with its qualifiers, TR and RS."""
    courses = [each.course for each in answers.courses]
    sums = {(each.course.subject, each.course.reader): whole_sums(each) for each in answers.courses}
    protocol = answers.courses[0].protocol
    tumours = identifications(courses, evaluators, words, study=study)
    return [
        tumours,
        qualifiers(tumours, courses, study=study),
        results(courses, evaluators, words, sums, study=study, protocol=protocol),
        responses(answers.courses, evaluators, words, study=study, metabolic=answers.metabolic),
    ]


def _readme(
    datasets: Sequence[Dataset], evaluators: Iterable[Evaluator], words: Terminology
) -> str:
    lines = [RESEARCH_USE, f"Terminology: {words.release}", ""]
    lines += [f"{each.name}: {each.label}, {len(each.rows)} rows" for each in datasets]
    lines += ["", "Evaluators (reader of the tables, --EVAL, --EVALID, accepted):"]
    for each in evaluators:
        accepted = "" if each.accepted is None else "accepted" if each.accepted else "not accepted"
        name = each.reader or "(no name)"
        lines.append(f"  {name}, {each.role}, {each.identifier or '-'}, {accepted or 'all count'}")
    lines += [
        "",
        "Times (ADTTE): AVAL is the day of the event minus the day of the start, nothing added.",
        "Study days (--DY, ADY): the start of treatment is day 1, and there is no day 0.",
        f"{CONFORMANCE}: what the datasets break of the rules that can be told from themselves.",
    ]
    return "\n".join(lines) + "\n"
