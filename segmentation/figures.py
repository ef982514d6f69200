"""Tables and plots of trainings and validations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from imaging.errors import InputError
from imaging.tables.rows import csv_text, written_rows
from imaging.writing import write_text
from segmentation.evaluation import BootstrapInterval, Scores, bootstrap, paired_p
from segmentation.validation import DrawnRow, ScoreRow

#: Logged losses are shown as the running mean of this many rows.
SMOOTHED_ROWS = 10
SCORES = tuple(field.name for field in fields(Scores))


def append_rows(path: Path, rows: Iterable[ScoreRow]) -> None:
    """Add the rows of one case to a table, in one piece: an interrupted run leaves whole cases."""
    lines = [
        {"case": row.case, "method": row.method, "seconds": f"{row.seconds:.3f}"}
        | {"diameter_error_mm": row.scores.diameter_error_mm, "lesion_f1": row.scores.lesion_f1}
        | asdict(row.scores)
        for row in rows
    ]
    _append(path, lines)


def read_rows(path: Path) -> list[ScoreRow]:
    """The rows of a table; none if there is no table.

    Raises:
        InputError: it is no table of this kind.
    """
    try:
        return [
            ScoreRow(line["case"], line["method"], _scores(line), float(line["seconds"]))
            for line in written_rows(path).rows
        ]
    except (KeyError, ValueError) as error:
        raise InputError(f"is no table of a validation: {error}", where=path) from error


def _scores(line: Mapping[str, str]) -> Scores:
    found: dict[str, Any] = {}
    for field in fields(Scores):
        text = line[field.name]
        found[field.name] = None if not text else (int if field.type == "int" else float)(text)
    return Scores(**found)


def append_drawn(path: Path, rows: Iterable[DrawnRow]) -> None:
    """Add drawn lesions to a table, in one piece."""
    _append(path, [asdict(row) for row in rows])


def _append(path: Path, lines: Sequence[Mapping[str, object]]) -> None:
    if not lines:
        return
    known = written_rows(path)
    added = [_rounded(line) for line in lines]
    write_text(path, csv_text((*known.rows, *added), known.columns))


def _rounded(line: Mapping[str, object]) -> dict[str, object]:
    return {k: f"{v:.4f}" if isinstance(v, float) else v for k, v in line.items()}


def by_method(rows: Iterable[ScoreRow]) -> dict[str, dict[str, Scores]]:
    """method -> case -> scores, both in the order met."""
    found: dict[str, dict[str, Scores]] = {}
    for row in rows:
        found.setdefault(row.method, {})[row.case] = row.scores
    return found


def summary(rows: Sequence[ScoreRow], *, short: bool = False) -> list[dict[str, str]]:
    """One line per method: means over cases with 95 % bootstrap intervals, medians.

    Args:
        short: Dice and diameter only.
    """
    lines = [
        {
            "method": method,
            "n": str(len(cases)),
            "Dice": _interval([s.dice for s in cases.values()]),
            "median Dice": f"{np.median([s.dice for s in cases.values()]):.3f}",
            "HD95 mm": _interval(_known([s.hd95_mm for s in cases.values()]), 1),
            "surface Dice 3 mm": _interval(_known([s.surface_dice for s in cases.values()])),
            "diameter MAE mm": _interval(_errors(cases), 1),
            "median": f"{np.median(_errors(cases) or [np.nan]):.1f}",
            "diameter bias mm": _interval(_errors(cases, signed=True), 1),
            "volume bias ml": _interval([s.volume_bias_ml for s in cases.values()], 1),
            "FPV ml": _interval([s.false_positive_ml for s in cases.values()], 1),
            "FNV ml": _interval([s.false_negative_ml for s in cases.values()], 1),
            "lesion F1": _interval([s.lesion_f1 for s in cases.values()]),
        }
        for method, cases in by_method(rows).items()
    ]
    kept = ("method", "n", "Dice", "median Dice", "diameter MAE mm", "median")
    return [{key: line[key] for key in kept} for line in lines] if short else lines


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _errors(cases: Mapping[str, Scores], *, signed: bool = False) -> list[float]:
    errors = _known(s.diameter_error_mm for s in cases.values())
    return errors if signed else [abs(error) for error in errors]


def _interval(values: Sequence[float], digits: int = 3) -> str:
    if not values:
        return "-"
    figure: BootstrapInterval = bootstrap(values)
    return f"{figure.value:.{digits}f} ({figure.low:.{digits}f} to {figure.high:.{digits}f})"


def tests(rows: Sequence[ScoreRow], method: str, others: Sequence[str]) -> dict[str, float]:
    """One-sided paired p that a method's Dice is higher than each other's, same patients."""
    cases = by_method(rows)
    return {
        other: paired_p(
            [cases[method][name].dice for name in cases[other]],
            [scores.dice for scores in cases[other].values()],
        )
        for other in others
        if other in cases
    }


def markdown(lines: Sequence[Mapping[str, str]]) -> str:
    """Lines of equal keys as a Markdown table."""
    if not lines:
        return ""
    head = list(lines[0])
    rows = [head, ["---"] * len(head), *([line[key] for key in head] for line in lines)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def plot_dice(path: Path, rows: Sequence[ScoreRow]) -> None:
    """Dice of every patient by method, as boxes."""
    cases = by_method(rows)
    figure = Figure(figsize=(9, 0.45 * len(cases) + 1.2), layout="constrained")
    axes = figure.add_subplot()
    names = list(cases)[::-1]
    axes.boxplot(
        [[s.dice for s in cases[name].values()] for name in names],
        orientation="horizontal",
        tick_labels=names,
    )
    axes.set(xlabel="Dice", xlim=(0, 1), title="Patients not seen in training")
    axes.grid(axis="x", alpha=0.3)
    _save(figure, path)


def plot_logs(path: Path, logs: Mapping[str, Path]) -> None:
    """Loss and soft Dice of training runs over their steps."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    loss, dice = figure.subplots(1, 2)
    for name, log in logs.items():
        rows = written_rows(log).rows
        steps = [int(row["step"]) for row in rows]
        for axes, column in ((loss, "loss"), (dice, "dice")):
            axes.plot(steps, _smoothed([float(row[column]) for row in rows]), label=name)
    loss.set(xlabel="step", ylabel="loss")
    dice.set(xlabel="step", ylabel="soft Dice of the patches", ylim=(0, 1))
    loss.legend(fontsize="small")
    _save(figure, path)


def _smoothed(values: Sequence[float]) -> list[float]:
    return [
        float(np.mean(values[max(0, n - SMOOTHED_ROWS + 1) : n + 1])) for n in range(len(values))
    ]


def _save(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=110)
