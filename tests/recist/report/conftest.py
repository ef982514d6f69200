"""Cases to show: a usual one, and the odd ones that a report meets."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from imaging.series import Problem
from recist import abscopal
from recist.assessment import assess_course
from recist.course import Axis, Caliper, Course, Field, Role
from recist.criteria.sums import baseline_sum
from recist.field.field_finding import FieldFinding
from recist.field.overlays import Overlay
from recist.field.scope import scopes_of, within
from recist.patient.result import KeyImage, PatientResult, Projected, VisitImages
from recist.protocol import load
from recist.tracking import LinkFinding
from tests.recist import patients

DAYS = (0, 63, 126)
CRITERIA = ("recist11", "irecist")


def course(sizes: Mapping[str, Sequence[Any]], days: Sequence[int] = DAYS, **more: Any) -> Course:
    """Cells by lesion and date, measured on images: with their calipers, volumes and uptake.

    ``more`` is what :func:`tests.recist.patients.course` takes.
    """
    said = {"organs": "lung", "subject": "patient 7", "day_zero": dt.date(2024, 3, 4), **more}
    seen = patients.course(patients.by_visit(sizes, days), **said)
    for visit in seen.timepoints:
        for each in visit.measurements:
            if each.parts_mm:
                on_image = replace(
                    each, caliper=_caliper(each.parts_mm[0]), volume_ml=1.5, suv_max=7.25
                )
                seen = seen.with_measurement(visit.day, on_image)
    return seen


def _caliper(size_mm: Decimal) -> Caliper:
    axis = Axis((0.0, 0.0, 0.0), (float(size_mm), 0.0, 0.0))
    return Caliper(axis, axis, size_mm, size_mm / 2, 3)


def assessed(course: Course, **more: object) -> PatientResult:
    """The course with its responses by RECIST 1.1 and iRECIST."""
    protocol = load("recist11-eortc")
    assessments, outcomes = assess_course(course, CRITERIA, protocol)
    baselines = tuple(
        baseline_sum(within(course, scope, protocol), protocol, scope)
        for scope in scopes_of(course)
    )
    case = PatientResult(course, (), assessments, outcomes, baselines=baselines)
    return replace(case, **more)  # type: ignore[arg-type]


def image(name: str, day: int, *, modality: str = "CT", level: float = 40.0) -> KeyImage:
    square = np.array([[10.0, 10], [20, 10], [20, 20], [10, 10]])
    return KeyImage(
        name,
        day,
        modality,
        np.full((30, 40), level, dtype=np.float32),
        (2.0, 2.0),
        ((10.0, 12.0), (20.0, 12.0)),
        ((15.0, 8.0), (15.0, 18.0)),
        (
            Overlay("lesion", "lesion", (square,)),
            Overlay("target-volume", "PTV & <x>", (square + 2,)),
            Overlay("isodose", "45 Gy", (square + 4,)),
        ),
        "slice 12 of 80",
    )


@pytest.fixture(scope="session")
def build() -> SimpleNamespace:
    """The builders of this file."""
    return SimpleNamespace(course=course, assessed=assessed, image=image)


@pytest.fixture(scope="session")
def usual() -> PatientResult:
    """One lesion in the field and one outside shrink; a new one appears at the last date."""
    sizes = {
        "a": ("40.0", "24.0", "16.0"),
        "b": ("30.0", "20.0", "15.0"),
        "n": ("12.0", "11.0", "11.0"),
        "new": (None, None, "22.0"),
    }
    mip = Projected("coronal", np.ones((20, 30), dtype=np.float32), (4.0, 4.0))
    seen = course(
        sizes,
        nodes=("n",),
        organs={"a": "lung", "b": "liver", "n": "lymph node", "new": "liver"},
        fields={"a": Field.IN, "b": Field.OUT, "n": Field.OUT, "new": Field.OUT},
        roles={
            "a": Role.TARGET,
            "b": Role.TARGET,
            "n": Role.NON_TARGET,
            "new": Role.NEW,
        },
    )
    return assessed(
        seen,
        fields=(
            FieldFinding(
                "a", Field.IN, "100 % of it received 50 % of 45 Gy", 50.2, 47.1, 56.0,
                prescription="45 Gy in 3 fractions", target="PTV_45Gy",
                eqd2_mean_gy=((4.0, 174.5),),
            ),
            FieldFinding("b", Field.OUT, "near-maximum 0.02 Gy", 0.01, 0.0, 0.02),
        ),
        links=(
            LinkFinding("a", 63, "matched", 0.97, "overlap 0.6"),
            LinkFinding("n", 126, "ambiguous", 0.55, "two nodes within 12 mm"),
        ),
        key_images=(*(image("a", day) for day in DAYS), image("b", 0, modality="PET")),
        visits=tuple(
            VisitImages(day, None, "", "CT chest", "FDG", "bundle 1.0", (mip,)) for day in DAYS
        ),
        flags=(("b", 63, "touches the edge of the image"),),
        warnings=("PET of day 63: uptake time differs",),
        problems=(Problem("scan 4", "a slice is missing", "send it again"),),
        settings={"protocol": {"name": "recist11-eortc"}, "lesions": "auto",
                  "model": {"name": "lesion_ctpet", "version": "1.0", "sha256": "ab" * 32}},
        abscopal=abscopal.assess(seen, load("recist11-eortc")),
    )  # fmt: skip
