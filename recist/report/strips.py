"""The pictures as the page shows them: a strip per lesion, projections by date."""

from __future__ import annotations

from dataclasses import dataclass

from recist.case import Case, KeyImage
from recist.course import Lesion
from recist.report import wording
from recist.report.charts import day_name
from recist.report.lesions import LesionRow, row
from recist.report.pictures import legend, picture, projection, window_of


@dataclass(frozen=True, slots=True)
class Figure:
    svg: str
    caption: str
    detail: str


@dataclass(frozen=True, slots=True)
class Strip:
    """The pictures of one lesion, one per date."""

    row: LesionRow
    window: str
    legend: tuple[tuple[str, str], ...]
    figures: tuple[Figure, ...]
    remark: str


def strips(case: Case) -> tuple[Strip, ...]:
    """The pictures of every lesion that has one, CT before PET."""
    found = []
    for lesion in case.course.lesions:
        images = [image for image in case.key_images if image.lesion_id == lesion.id]
        for modality in sorted({image.modality for image in images}):
            chosen = [image for image in images if image.modality == modality]
            found.append(_strip(case, lesion, chosen))
    return tuple(found)


def _strip(case: Case, lesion: Lesion, images: list[KeyImage]) -> Strip:
    window = window_of(images, is_node=lesion.is_node)
    by_day = {image.day: image for image in images}
    lesion_row = row(case, lesion)
    figures = []
    for timepoint, cell in zip(case.course.timepoints, lesion_row.cells, strict=True):
        name = day_name(case.course, timepoint.day)
        image = by_day.get(timepoint.day)
        label = f"{lesion.id}, {name}: {cell.main}"
        svg = "" if image is None else picture(image, window, label)
        main = f"{cell.main}" + (f" ({cell.change})" if cell.change else "")
        figures.append(Figure(svg, f"{name} · {main}", image.slice_position if image else ""))
    finding = next((f for f in case.fields if f.lesion_id == lesion.id), None)
    remark = wording.irradiated_growth(case.course, lesion, finding)
    words = f"{images[0].modality}, {window.words}"
    return Strip(lesion_row, words, tuple(legend(images)), tuple(figures), remark)


def projections(case: Case) -> tuple[tuple[str, tuple[Figure, ...]], ...]:
    """The PET projections by date."""
    found = []
    for visit in case.visits:
        name = day_name(case.course, visit.day)
        pictures = tuple(
            Figure(projection(pixels, spacing, f"{title}, {name}"), title, "")
            for title, pixels, spacing in visit.projections
        )
        if pictures:
            found.append((name, pictures))
    return tuple(found)
