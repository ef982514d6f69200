"""Courses of lesions over several dates, of which it is known which candidate is which lesion.

For measuring how lesions are linked: no image is made, only the outlines of each date, as somebody
would have drawn them anew. Lesions lie in the body of a CT (or of a plain trunk), alone and in
groups; they grow, shrink, vanish, come back, come to pieces, grow into one another and are new;
some are missed, and some scans show a part of the body only. The patient lies elsewhere at each
date, which the registration knows, but for an error that is different at every place.
"""

from __future__ import annotations

from recist.phantom.linked_courses.drawing import Trunk, linked_course
from recist.phantom.linked_courses.truth import (
    LinkedCourse,
    LinkedSighting,
    LinkScore,
    said_by,
    score_of,
)

__all__ = [
    "LinkScore",
    "LinkedCourse",
    "LinkedSighting",
    "Trunk",
    "linked_course",
    "said_by",
    "score_of",
]
