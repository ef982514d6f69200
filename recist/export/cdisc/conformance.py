"""Whether datasets keep the rules of their standard, as far as they can be told from themselves.

Names and lengths of a transport file, required cells, words of the terminology, unique keys, ISO
dates, study days without a day 0, links from TR to TU, completion, numbers, and what the times of
ADTTE add up to. It does not replace the check of a submission by the sponsor's own validator.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import NamedTuple

from recist.export.cdisc.terminology import Terminology
from recist.export.cdisc.trial_dataset import (
    LABEL_LENGTH,
    NAME_LENGTH,
    TEXT_BYTES,
    Cell,
    Core,
    Dataset,
    text_of,
)
from recist.export.cdisc.variables import NOT_DONE

#: Codelists that the cells of results come from, where the test decides which.
RESULT_LISTS = {
    "TUMSTATE": "tumour_state",
    "LNSTATE": "node_state",
    **dict.fromkeys(("TRGRESP", "NTRGRESP", "OVRLRESP", "BESTRESP", "METBRESP"), "response"),
}


class Weight(StrEnum):
    """How much a breach weighs."""

    ERROR = "error"  # against the standard
    NOTE = "note"  # a word of ours in a codelist that may be extended


class Breach(NamedTuple):
    """A rule that a row breaks; ``row`` counts from 1, and is 0 where a whole dataset is meant."""

    weight: Weight
    rule: str
    dataset: str
    row: int
    what: str


def check(datasets: Sequence[Dataset], words: Terminology) -> list[Breach]:
    """All breaches in a set of datasets that belong together."""
    found: list[Breach] = []
    for each in datasets:
        found += _names(each)
        found += _cells(each, words)
        found += _keys(each)
        found += _completion(each)
    found += _links({each.name: each for each in datasets})
    return found


def _names(dataset: Dataset) -> Iterator[Breach]:
    for each in dataset.columns:
        if len(each.name) > NAME_LENGTH:
            yield _breach("name-length", dataset, 0, f"{each.name} has more than {NAME_LENGTH}")
        if len(each.label) > LABEL_LENGTH:
            yield _breach("label-length", dataset, 0, f"{each.name}: {each.label!r}")


def _cells(dataset: Dataset, words: Terminology) -> Iterator[Breach]:
    for number, row in enumerate(dataset.rows, start=1):
        for each in dataset.columns:
            cell = text_of(row.get(each.name))
            if each.core is Core.REQUIRED and not cell:
                yield _breach("required", dataset, number, f"{each.name} is empty")
            if len(cell.encode("utf-8")) > TEXT_BYTES:
                yield _breach("text-length", dataset, number, f"{each.name}: {cell[:40]!r} ...")
            if not cell.isascii():
                yield _breach("ascii", dataset, number, f"{each.name}: {cell!r}")
            if each.codelist and cell:
                yield from _word(dataset, number, each.codelist, cell, words)
            if each.name.endswith(("DTC", "DT")) and cell and not _is_iso(cell):
                yield _breach("iso-8601", dataset, number, f"{each.name} = {cell}")
            if each.name.endswith("DY") and cell == "0":
                yield _breach("no-day-0", dataset, number, each.name)
        prefix = dataset.name
        listed = RESULT_LISTS.get(str(row.get(f"{prefix}TESTCD")))
        result = text_of(row.get(f"{prefix}STRESC"))
        if listed and result:
            yield from _word(dataset, number, listed, result, words)


def _word(
    dataset: Dataset, number: int, codelist: str, word: str, words: Terminology
) -> Iterator[Breach]:
    if word in words.extended[codelist]:
        yield Breach(Weight.NOTE, "extended", dataset.name, number, f"{codelist}: {word!r}")
    elif word not in words.codelists[codelist]:
        yield _breach("terminology", dataset, number, f"{codelist} has no {word!r}")


def _is_iso(text: str) -> bool:
    """A date of ISO 8601, whose day or month may be missing at the end."""
    for form in ("%Y-%m-%d", "%Y-%m", "%Y"):
        try:
            dt.datetime.strptime(text, form)
        except ValueError:
            continue
        return True
    return False


def _keys(dataset: Dataset) -> Iterator[Breach]:
    seen: dict[tuple[str, ...], int] = {}
    for number, row in enumerate(dataset.rows, start=1):
        key = tuple(text_of(row.get(name)) for name in dataset.key)
        if key in seen:
            yield _breach("unique-key", dataset, number, f"as row {seen[key]}: {' '.join(key)}")
        seen.setdefault(key, number)


def _completion(dataset: Dataset) -> Iterator[Breach]:
    """Done with a result, or not done with a reason; a number that is the text beside it."""
    prefix = dataset.name
    if prefix not in ("TR", "RS"):
        yield from _times(dataset)
        return
    for number, row in enumerate(dataset.rows, start=1):
        result, status = row.get(f"{prefix}STRESC"), row.get(f"{prefix}STAT")
        done = status != NOT_DONE
        if done and not result and not row.get(f"{prefix}ORRES"):
            yield _breach("no-result", dataset, number, str(row.get(f"{prefix}TESTCD")))
        if not done and (result or not row.get(f"{prefix}REASND")):
            yield _breach("not-done", dataset, number, "a result, or no reason")
        value = row.get(f"{prefix}STRESN")
        if value is not None and _number(result) != value:
            yield _breach("number", dataset, number, f"{value} beside {result!r}")


def _number(cell: Cell) -> Decimal | None:
    try:
        return Decimal(text_of(cell))
    except InvalidOperation:
        return None


def _times(dataset: Dataset) -> Iterator[Breach]:
    if dataset.name != "ADTTE":
        return
    for number, row in enumerate(dataset.rows, start=1):
        if row.get("CNSR") not in (0, 1):
            yield _breach("censor", dataset, number, f"CNSR = {row.get('CNSR')}")
        start, end = row.get("STARTDT"), row.get("ADT")
        if start and end:
            days = (dt.date.fromisoformat(str(end)) - dt.date.fromisoformat(str(start))).days
            if days != row.get("AVAL"):
                yield _breach("time", dataset, number, f"AVAL {row.get('AVAL')}, dates {days}")


def _links(datasets: Mapping[str, Dataset]) -> Iterator[Breach]:
    """Every lesion that was measured is one that was identified, by the same evaluator."""
    if not {"TU", "TR"} <= datasets.keys():
        return
    known = {
        tuple(text_of(row.get(name)) for name in ("USUBJID", "TUEVALID", "TULNKID"))
        for row in datasets["TU"].rows
    }
    results = datasets["TR"]
    for number, row in enumerate(results.rows, start=1):
        link = tuple(text_of(row.get(name)) for name in ("USUBJID", "TREVALID", "TRLNKID"))
        if link[-1] and link not in known:
            yield _breach("link", results, number, f"TU has no {' '.join(link)}")


def _breach(rule: str, dataset: Dataset, row: int, what: str) -> Breach:
    return Breach(Weight.ERROR, rule, dataset.name, row, what)
