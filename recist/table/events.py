"""The table of events: ``subject, date|day, event``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence

from imaging.errors import InputError
from imaging.tables.cells import without_apostrophe
from imaging.tables.source import Source, chunks, opened
from recist.table import clinical_cells
from recist.table.dated_event import DatedEvent
from recist.table.finding import Finding, Severity, about_table
from recist.table.layout import EVENTS, Layout
from recist.table.records import QUOTE, Slips, when_reader


def read_events(
    source: Source, *, has_dates: bool | None, findings: list[Finding], date_order: str = "iso"
) -> dict[str, tuple[DatedEvent, ...]]:
    """The events of each subject.

    Args:
        has_dates: of the table that the events belong to; None: either.
        date_order: in which dates are written.

    Raises:
        InputError: a missing column, or days next to a table of dates.
    """
    events: defaultdict[str, list[DatedEvent]] = defaultdict(list)
    with opened(source, EVENTS) as table:
        layout = table.layout
        _same_time(layout, has_dates, table.name)
        findings.extend(about_table(table))
        at, width = layout.position, layout.width
        parse = when_reader(layout, date_order)
        for chunk in chunks(table):
            for number, row in chunk.rows(table.delimiter):
                if not any(cell.strip() for cell in row):
                    continue
                full = [*row, *[""] * width][:width]
                subject = without_apostrophe(full[at["subject"]].strip())
                slips = Slips(subject, number, findings)
                if any(cell.strip() for cell in row[width:]):
                    slips.error("row-length", f"{len(row)} cells under {width} columns", QUOTE)
                if not subject:
                    slips.error("no-subject", "an event without subject", "name its subject")
                when = slips.value("unknown-time", parse, full[at[layout.time_column]])
                kind = slips.value("unknown-event", clinical_cells.event_kind, full[at["event"]])
                if when is not None and kind is not None and not slips.failed:
                    events[subject].append(DatedEvent(when, kind))
    return {subject: tuple(found) for subject, found in events.items()}


def refused(findings: Sequence[Finding]) -> frozenset[str]:
    """The subjects with an event that cannot be read: their end points would be wrong."""
    return frozenset(finding.subject for finding in findings if finding.level is Severity.ERROR)


def without_rows(events: Iterable[str], seen: Container[str]) -> Iterator[Finding]:
    """The subjects of a table of events that the other table does not have."""
    for subject in events:
        if subject not in seen:
            what, remedy = "events of a subject without rows", "is its name spelt as in the table?"
            yield Finding(Severity.WARNING, "events-alone", subject, None, what, remedy)


def _same_time(layout: Layout, has_dates: bool | None, name: str) -> None:
    if has_dates is not None and layout.has_dates is not has_dates:
        wanted, found = ("date", "day") if has_dates else ("day", "date")
        raise InputError(
            f"column {found!r} next to measurements with a column {wanted!r}",
            where=name,
            remedy=f"give both tables a column {wanted!r}",
        )
