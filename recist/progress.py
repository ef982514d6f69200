"""What the user sees while a batch runs, and at its end."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from imaging.catalogue import Catalogue, scan
from recist.batch import Batch
from recist.case import RESEARCH_USE
from recist.pipeline import STAGES


class Bars:
    """Two bars: patients, and the stages of the patient at hand."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<32}"),
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
            self._stages, description=f"{subject}: {stage}", completed=done, visible=bool(stage)
        )


def show_catalogue(studies: Path, console: Console) -> None:
    """What lies under a folder and which series would be used (``--dry-run``)."""
    catalogue = scan(studies)
    table = Table("subject", "date", "CT", "PET", "RTSTRUCT", "RTDOSE", "RTPLAN", "SEG")
    for subject in catalogue.subjects:
        for visit in subject.visits:
            table.add_row(
                subject.id,
                f"{visit.date} {visit.label}".strip(),
                _shown(visit.ct),
                _shown(visit.pet),
                *(
                    str(len(found))
                    for found in (visit.rtstructs, visit.rtdoses, visit.rtplans, visit.segs)
                ),
            )
    console.print(table)
    for subject in catalogue.subjects:
        for rejection in subject.rejected:
            console.print(f"not used: {rejection}", highlight=False)
    for problem in catalogue.problems:
        console.print(f"{problem.level}: {problem.where}: {problem.what}", highlight=False)


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
    console.print(
        ", ".join(f"{number} {state}" for state, number in count.items() if number)
        + f"; results in {batch.out}",
        highlight=False,
    )
    for note in batch.notes:
        console.print(f"note: {note}", highlight=False, soft_wrap=True, markup=False)
    for failure in batch.failures:
        console.print(f"error: {failure}", highlight=False, soft_wrap=True, markup=False)
    console.print(RESEARCH_USE, style="dim")
