"""The pictures as the page shows them: a strip per lesion, projections by date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recist.course import Lesion
from recist.patient.result import KeyImage, PatientResult
from recist.report import wording
from recist.report.chart_frame import day_name
from recist.report.lesion_table import ByLesion, LesionRow
from recist.report.pictures import line_colours, picture, projection, window_of
from recist.report.size_curve import size_curve


@dataclass(frozen=True, slots=True)
class Figure:
    svg: str
    caption: str
    detail: str


@dataclass(frozen=True, slots=True)
class FilmRow:
    """The pictures of one lesion in one modality, one per date."""

    window: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Strip:
    """One lesion: what is known of it, and its pictures, CT before PET."""

    row: LesionRow
    remark: str
    legend: tuple[tuple[str, str], ...]
    films: tuple[FilmRow, ...]
    curve: str = ""


def strips(case: PatientResult) -> tuple[Strip, ...]:
    """The pictures of every lesion that has one."""
    colours = line_colours(case.key_images)
    told = ByLesion.of(case)
    return tuple(
        _strip(told, lesion, images, colours)
        for lesion in case.course.lesions
        if (images := [image for image in case.key_images if image.lesion_id == lesion.id])
    )


def _strip(
    told: ByLesion, lesion: Lesion, images: list[KeyImage], colours: Mapping[str, str]
) -> Strip:
    case, lesion_row = told.case, told.row(lesion)
    films = tuple(
        _film(case, lesion_row, [i for i in images if i.modality == modality], colours)
        for modality in sorted({image.modality for image in images})
    )
    drawn = dict.fromkeys(overlay.label for image in images for overlay in image.overlays)
    return Strip(
        lesion_row,
        wording.irradiated_growth(case.course, lesion, told.fields.get(lesion.id)),
        tuple((colours[label], label) for label in drawn),
        films,
        size_curve(case.course, lesion.id),
    )


def _film(
    case: PatientResult, lesion_row: LesionRow, images: list[KeyImage], colours: Mapping[str, str]
) -> FilmRow:
    window = window_of(images, is_node=lesion_row.is_node)
    by_day = {image.day: image for image in images}
    figures = []
    for timepoint, cell in zip(case.course.timepoints, lesion_row.cells, strict=True):
        name = day_name(case.course, timepoint.day)
        image = by_day.get(timepoint.day)
        label = f"{lesion_row.id}, {images[0].modality}, {name}: {cell.main}"
        svg = "" if image is None else picture(image, window, label, colours)
        main = f"{cell.main}" + (f" ({cell.change})" if cell.change else "")
        figures.append(Figure(svg, f"{name} · {main}", image.slice_position if image else ""))
    return FilmRow(f"{images[0].modality}, {window.words}", tuple(figures))


def projections(case: PatientResult) -> tuple[tuple[str, tuple[Figure, ...]], ...]:
    """The PET projections by date."""
    found = []
    for visit in case.visits:
        name = day_name(case.course, visit.day)
        pictures = tuple(
            Figure(projection(view, f"{view.name}, {name}"), view.name, "")
            for view in visit.projections
        )
        if pictures:
            found.append((name, pictures))
    return tuple(found)
