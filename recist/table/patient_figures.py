"""The sums and diameters of one patient as JSON, beside the responses."""

from __future__ import annotations

from collections.abc import Iterable
from json.encoder import encode_basestring as quoted

from recist.course import Course
from recist.criteria.sums import BaselineSum, lesion_sizes
from recist.table.results import CourseTexts, length


def baselines_json(baselines: Iterable[BaselineSum]) -> str:
    """The sums at the baseline, as a JSON array."""
    each = [
        f'{{"lesions":"{b.scope}","targets":{b.targets},"sum_mm":{length(b.sum_mm) or "null"},'
        f'"lower_bound":{"true" if b.lower_bound else "false"}}}'
        for b in baselines
    ]
    return f"[{','.join(each)}]"


def lesions_json(courses: Iterable[Course]) -> str:
    """The diameters of each lesion and their change from its first one, as a JSON array."""
    each = []
    for course in courses:
        texts = CourseTexts(course)
        for lesion, sizes in lesion_sizes(course).items():
            each += [
                f'{{"subject":{quoted(course.subject)},"lesion":{quoted(lesion)},'
                f"{texts.when_json(size.day)},"
                f'"diameter_mm":{length(size.diameter_mm)},'
                f'"change_percent":{length(size.change_percent) or "null"}}}'
                for size in sizes
            ]
    return f"[{','.join(each)}]"
