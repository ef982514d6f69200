"""``recist export OUT --to dvh``: dose-volume curves of each lesion and target volume."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from imaging.dvh import Dvh, Samples, dvh, samples_of_roi
from imaging.errors import InputError
from imaging.tables.rows import csv_text
from imaging.treatment import Treatment
from imaging.volume import FloatArray
from imaging.writing import write_text, written_whole
from recist.export.folders import patient_folders
from recist.export.request import Exported, Request
from recist.field.classes import planned_samples
from recist.patient.irradiation import to_planning
from recist.patient.pipeline import PatientAnswer, answer_in
from recist.patient.result_folder import folder_name
from recist.response import RESEARCH_USE

FOLDER = "dvh"
CURVES, STATISTICS, PLOT = "curves.csv", "statistics.csv", "curves.svg"
#: Between two points of a curve.
STEP_GY = 0.1
#: The dose of all plans together, where there are several.
ALL_PLANS = "all plans"
LESION = "lesion"
#: Okabe and Ito's colours, told apart by most eyes and in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
PANEL_INCHES = (8.0, 4.6)


@dataclass(frozen=True, slots=True, eq=False)
class DoseCurve:
    """The dose of one volume.

    Attributes:
        volume: name of the lesion or of the target volume.
        kind: lesion, or the type of the target volume.
        dose: label of the plan.
        prescription_gy: of the plan, for the fractions that were given; None where not known.
    """

    volume: str
    kind: str
    dose: str
    prescription_gy: float | None
    found: Dvh


def export(request: Request) -> Exported:
    """Write curves, figures and a plot of each patient that has a dose; others are named.

    Raises:
        InputError: no results.
    """
    patients, failures = patient_folders(request.source, request.subjects)
    out = request.out or request.source / FOLDER
    files: list[Path] = []
    named, remarks = list(failures), []
    for patient in patients:
        try:
            answer = answer_in(patient.path, patient.subject, pictures=False)
            curves, said = dose_curves(answer)
        except InputError as error:
            named.append(f"{patient.subject}: {error}")
            continue
        remarks += [f"{patient.subject}: {line}" for line in said]
        if curves:
            files += _write(out / folder_name(patient.subject), patient.subject, curves)
    return Exported(tuple(files), tuple(named), tuple(remarks))


def dose_curves(answer: PatientAnswer) -> tuple[list[DoseCurve], list[str]]:
    """The curves of each lesion, as it was first drawn, and of each target volume, by each plan.

    Later dates of a lesion are not taken: it shrinks, and would move through the dose.

    Returns:
        The curves; a line for each volume that has none.

    Raises:
        InputError: no dose that can be used.
    """
    treatment = answer.work.treatment()
    if treatment is None:
        raise InputError("no radiotherapy objects, so no dose")
    if not treatment.with_dose:
        raise InputError("; ".join(treatment.problems) or "no dose came with the plan")
    curves, remarks = [], []
    for name, kind, samples in _volumes(answer, treatment):
        if isinstance(samples, str):
            remarks.append(f"{name}: {samples}")
            continue
        for dose, prescription_gy, given_gy in _doses(treatment, samples):
            found = dvh(given_gy, samples)
            if found is None:
                remarks.append(f"{name}: a part of it lies off the dose grid of {dose}")
            else:
                curves.append(DoseCurve(name, kind, dose, prescription_gy, found))
    return curves, remarks


def _volumes(
    answer: PatientAnswer, treatment: Treatment
) -> Iterator[tuple[str, str, Samples | str]]:
    """Name, kind and points in the frame of the treatment; or why there are none."""
    placed = (*(each.dated for each in answer.work.dates), *answer.work.planning)
    first: dict[str, int] = {}
    for number, dated in enumerate(answer.delineations):
        for name in dated.masks():
            first.setdefault(name, number)
    for lesion in answer.result.course.lesions:
        if lesion.id not in first:
            yield lesion.id, LESION, "it is delineated at no date"
            continue
        dated = answer.delineations[first[lesion.id]]
        mapped = to_planning(dated.examination.day, treatment, placed)
        try:
            yield lesion.id, LESION, planned_samples(dated.masks()[lesion.id], treatment, mapped)
        except InputError as error:
            yield lesion.id, LESION, error.what
    for target in treatment.targets:
        kind = target.interpreted_type or "target volume"
        try:
            yield target.name, kind, samples_of_roi(target.roi)
        except InputError as error:
            yield target.name, kind, error.what


def _doses(
    treatment: Treatment, samples: Samples
) -> Iterator[tuple[str, float | None, FloatArray]]:
    """Label, prescription and dose at the samples of each plan; of all together last."""
    for item in treatment.with_dose:
        yield item.label, item.given_gy, item.at_gy(samples.points_mm)
    if len(treatment.with_dose) > 1:
        yield ALL_PLANS, None, treatment.at_gy(samples.points_mm)


def _write(folder: Path, subject: str, curves: Sequence[DoseCurve]) -> list[Path]:
    paths = [folder / name for name in (CURVES, STATISTICS, PLOT)]
    write_text(paths[0], csv_text(row for each in curves for row in _points(subject, each)))
    write_text(paths[1], csv_text(_figures(subject, each) for each in curves))
    with mpl.rc_context({"svg.hashsalt": subject, "svg.fonttype": "none"}):
        drawing = _drawn(subject, curves)
        with written_whole(paths[2]) as file:  # the same curves give the same bytes
            drawing.savefig(file, format="svg", metadata={"Date": None, "Creator": "recist"})
    return paths


def _named(subject: str, curve: DoseCurve) -> dict[str, object]:
    return {"subject": subject, "volume": curve.volume, "kind": curve.kind, "dose": curve.dose}


def _points(subject: str, curve: DoseCurve) -> Iterator[dict[str, object]]:
    """The share of the volume with at least each dose, from 0 Gy to the maximum."""
    for dose_gy in doses_of(curve.found):
        share = curve.found.v(float(dose_gy))
        yield _named(subject, curve) | {
            "dose_gy": f"{dose_gy:.1f}",
            "volume_percent": f"{100 * share:.3f}",
            "volume_ml": f"{share * curve.found.volume_ml:.4f}",
        }


def doses_of(found: Dvh) -> FloatArray:
    """The doses that a curve is written at: the last is above the maximum."""
    steps = np.arange(int(np.floor(found.max_gy / STEP_GY)) + 2)
    return np.asarray(steps * STEP_GY, dtype=np.float64)


def _figures(subject: str, curve: DoseCurve) -> dict[str, object]:
    found, given = curve.found, curve.prescription_gy
    return _named(subject, curve) | {
        "prescription_gy": "" if given is None else f"{given:g}",
        "volume_ml": f"{found.volume_ml:.3f}",
        "mean_gy": f"{found.mean_gy:.2f}",
        "min_gy": f"{found.min_gy:.2f}",
        "max_gy": f"{found.max_gy:.2f}",
        "near_max_gy": f"{found.near_max_gy:.2f}",
        **{f"d{percent}_gy": f"{found.d_gy(percent):.2f}" for percent in (98, 95, 50, 2)},
        "v95_percent": f"{100 * found.v(0.95 * given):.1f}" if given else "",
    }


def _drawn(subject: str, curves: Sequence[DoseCurve]) -> Figure:
    """A panel for each dose; lesions in full lines, target volumes in broken ones."""
    doses = list(dict.fromkeys(each.dose for each in curves))
    volumes = list(dict.fromkeys(each.volume for each in curves))
    width, height = PANEL_INCHES
    drawing = Figure(figsize=(width, height * len(doses)), layout="constrained")
    FigureCanvasSVG(drawing)
    for number, dose in enumerate(doses, start=1):
        panel = drawing.add_subplot(len(doses), 1, number)
        for each in (curve for curve in curves if curve.dose == dose):
            at_gy = doses_of(each.found)
            panel.plot(
                at_gy,
                [100 * each.found.v(float(dose_gy)) for dose_gy in at_gy],
                color=COLOURS[volumes.index(each.volume) % len(COLOURS)],
                linestyle="-" if each.kind == LESION else "--",
                label=f"{each.volume} ({each.kind}, {each.found.volume_ml:.1f} ml)",
            )
        panel.set(
            xlabel="Dose, Gy",
            ylabel="Volume with at least this dose, %",
            ylim=(0, 102),
            xlim=(0, None),
        )
        panel.set_title(f"{subject}: {dose}", fontsize=10, loc="left", parse_math=False)
        panel.grid(color="#e5e7eb")
        panel.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    drawing.text(0.01, 0.002, RESEARCH_USE, fontsize=7, color="#92400e")
    return drawing
