"""The finding as a reader sees it, in words and on the page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

from recist import abscopal
from recist.abscopal.finding_words import definition_rows, headline, summary
from recist.course import Course
from recist.protocol import DEFAULT
from recist.report.abscopal_section import abscopal_section

Build = Callable[..., Course]


def test_a_response_with_its_dates_and_its_reason(patient: Build) -> None:
    course = replace(
        patient({"T1": [30, 10, 10], "T2": [20, 12, 12]}, out=["T2"], days=(-7, 56, 84)),
        day_zero=dt.date(2026, 1, 1),
    )
    found = abscopal.assess(course, DEFAULT)
    assert headline(found) == (
        "An abscopal-compatible response: by 9 of 9 definitions, confirmed by 9."
    )
    lines = dict(summary(found, course))
    assert lines["Out of the field"].startswith("best PR (first on 2026-02-26), confirmed best PR")
    assert "two scans in a row" in lines["By measurement error alone"]
    golden = definition_rows(found, course)[0]
    assert golden.answer == "yes, confirmed"
    assert golden.when == "2026-02-26, 46 days from radiotherapy"


def test_systemic_therapy_takes_the_word_abscopal_away(patient: Build) -> None:
    events = ((-7, "treatment-start"), (0, "radiotherapy-start"), (10, "radiotherapy-end"))
    course = patient({"T1": [30, 10], "T2": [20, 12]}, out=["T2"], events=events)
    said = headline(abscopal.assess(course, DEFAULT))
    assert "systemic therapy may explain" in said and "abscopal" not in said


def test_where_nothing_can_be_said_the_section_says_why(patient: Build) -> None:
    course = patient({"T<1>": [30, 10]})
    title, html = abscopal_section(abscopal.assess(course, DEFAULT), course)
    assert "not irradiated" in title
    assert "none of 1 lesion(s)" in html and "golden" not in html


def test_the_section_lists_every_definition_and_escapes(patient: Build) -> None:
    course = patient({"T1": [30, 10], "T<2>": [20, 12]}, out=["T<2>"])
    _, html = abscopal_section(abscopal.assess(course, DEFAULT), course)
    for name in ("golden", "luke-aggregate", "pembro-rt", "theelen-acr", "mcbride", "welsh"):
        assert name in html
    assert "T&lt;2&gt;" in html and "T<2>" not in html
