"""What the user sees while a batch runs, and at its end."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from imaging.catalogue import Catalogue
from imaging.errors import printable
from imaging.sorting import Sorting
from recist.patient.pipeline import STAGES
from recist.response import RESEARCH_USE
from recist.run.batch import HEADERS_ALONE, Batch


class Bars:
    """Two bars: patients, and the stages of the patient at hand."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<32}", markup=False),  # names may hold brackets
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._patients = self._progress.add_task("reading headers", total=None)
        self._stages = self._progress.add_task("", total=len(STAGES), visible=False)
        self._current = ""

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def on_catalogue(self, catalogue: Catalogue) -> None:
        self._progress.update(
            self._patients, description="patients", total=len(catalogue.subjects), completed=0
        )

    def on_stage(self, subject: str, stage: str) -> None:
        if subject != self._current:
            if self._current:
                self._progress.advance(self._patients)
            self._current = subject
        done = STAGES.index(stage) if stage in STAGES else len(STAGES)
        self._progress.update(
            self._stages,
            description=printable(f"{subject}: {stage}"),
            completed=done,
            visible=bool(stage),
        )


def show_catalogue(
    studies: Path,
    console: Console,
    sorting: Sorting = HEADERS_ALONE,
) -> int:
    """What lies under a folder and which series would be used (``--dry-run``).

    Returns:
        the exit code: 2 where a run could do nothing.
    """
    catalogue = sorting.scan(studies)
    table = Table("subject", "date", "CT", "PET", "RTSTRUCT", "RTDOSE", "RTPLAN", "SEG")
    for subject in catalogue.subjects:
        for visit in (*subject.visits, *subject.treatment):
            objects = (visit.rtstructs, visit.rtdoses, visit.rtplans, visit.segs)
            cells = (
                subject.id,
                f"{visit.date} {visit.label}".strip(),
                _shown(visit.ct),
                _shown(visit.pet),
                *(str(len(found)) for found in objects),
            )
            table.add_row(*(Text(printable(cell)) for cell in cells))
    console.print(table)
    for subject in catalogue.subjects:
        for rejection in subject.rejected:
            _line(console, f"not used: {rejection}")
    for problem in catalogue.problems:
        _line(console, f"{problem.level}: {problem.where}: {problem.what}")
    return 0 if catalogue.subjects else 2


def _shown(series: object) -> str:
    if series is None:
        return "-"
    files = getattr(series, "files", ())
    return f"{getattr(series, 'description', '') or 'unnamed'} ({len(files)} files)"


def show_result(batch: Batch, console: Console) -> None:
    """How many are done, each failure in a line, and where to look."""
    count = dict.fromkeys(("done", "skipped", "failed"), 0)
    for subject in batch.subjects:
        count[subject.state] += 1
    counted = ", ".join(f"{number} {state}" for state, number in count.items() if number)
    _line(console, f"{counted}; results in {batch.out}")
    for note in batch.notes:
        _line(console, f"note: {note}")
    for failure in batch.failures:
        _line(console, f"error: {failure}")
    console.print(RESEARCH_USE, style="dim")


def _line(console: Console, text: str) -> None:
    """A line as it stands: names and descriptions of series may hold brackets."""
    console.print(printable(text), highlight=False, soft_wrap=True, markup=False)
