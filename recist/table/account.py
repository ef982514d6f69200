"""What became of the subjects of a table: how many, which failed, and what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from recist.table.finding import Finding, Severity

#: Findings of each level that an account keeps at hand; all of them are in ``checks.csv``.
KEPT_FINDINGS = 100


@dataclass(frozen=True, slots=True)
class TableAccount:
    """What became of the subjects of a table.

    Attributes:
        subjects: number of subjects in the table.
        failed: subjects that could not be assessed.
        findings: the first findings of each level, errors first; all are in ``checks.csv``.
        counts: findings per level.
    """

    subjects: int
    failed: tuple[str, ...]
    findings: tuple[Finding, ...]
    counts: dict[Severity, int]

    @classmethod
    def of(cls, answered: Collection[str], findings: Sequence[Finding]) -> TableAccount:
        """The account of the subjects with an answer and of those that an error names."""
        failed = {each.subject for each in findings if each.level is Severity.ERROR}
        failed.discard("")
        counts = Counter(each.level for each in findings)
        return cls(
            len(failed.union(answered)),
            tuple(sorted(failed)),
            tuple(
                finding
                for level in Severity
                for finding in [each for each in findings if each.level is level][:KEPT_FINDINGS]
            ),
            {level: counts[level] for level in Severity},
        )

    @property
    def exit_code(self) -> int:
        """0: all done; 1: some subjects failed and are named; 2: nothing could be done."""
        if not self.failed:
            return 0
        return 1 if len(self.failed) < self.subjects else 2

    def in_folder(self, out: Path) -> TableResult:
        """The account of a table whose results were written."""
        return TableResult(self.subjects, self.failed, self.findings, self.counts, out)


@dataclass(frozen=True, slots=True)
class TableResult(TableAccount):
    """What became of the subjects of a table.

    Attributes:
        out: the folder with the results.
    """

    out: Path
