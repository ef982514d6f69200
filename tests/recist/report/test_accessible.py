"""The page can be read by everyone: contrast in light and dark, headings in order, by keyboard."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from recist.patient.result import LesionReview, Look, PatientResult, ReviewState
from recist.report.page import render
from recist.report.palette import FIELD_COLOURS, TONE_COLOURS

#: Of text that is not large, by WCAG 2.1, 1.4.3.
LEAST_CONTRAST = 4.5
#: Colour of words on each ground that they stand on.
PAIRS = [
    (words, ground)
    for words in ("ink", "soft", "faint", "accent", "warn")
    for ground in ("ground", "card")
] + [("warn", "warn-ground"), ("soft", "sum"), ("accent", "group"), ("tick", "card"),
     ("chart-fine", "card"), ("faint", "sum")]  # fmt: skip


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb, by WCAG 2.1."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def variables(page: str, *, dark: bool) -> dict[str, str]:
    """The colours of the style sheet by name; those of the dark setting over the light ones."""
    roots = re.findall(r":root \{([^}]*)\}", page)
    assert len(roots) == 2
    found: dict[str, str] = {}
    for root in roots[: 2 if dark else 1]:
        found |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", root))
    return found


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_words_stand_out_from_their_ground(usual: PatientResult, dark: bool) -> None:
    colours = variables(render(usual), dark=dark)
    weak = {
        pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2)
        for pair in PAIRS
        if contrast(colours[pair[0]], colours[pair[1]]) < LEAST_CONTRAST
    }
    assert weak == {}


def test_white_words_on_chips_and_badges_stand_out() -> None:
    grounds = [*FIELD_COLOURS.values(), *(c for n, c in TONE_COLOURS.items() if n != "none")]
    assert len(grounds) > 8
    assert [c for c in grounds if contrast(c, "#ffffff") < LEAST_CONTRAST] == []


def test_headings_leave_out_no_level(usual: PatientResult) -> None:
    levels = [int(level) for level in re.findall(r"<h(\d)", render(usual))]
    assert levels[0] == 1 and levels.count(1) == 1
    for before, after in pairwise(levels):
        assert after <= before + 1


def test_what_scrolls_can_be_reached_by_keyboard_and_has_a_name(usual: PatientResult) -> None:
    page = render(usual)
    scrolling = re.findall(r'<div class="[^"]*\bscroll\b[^"]*"[^>]*>', page)
    assert len(scrolling) >= 4
    assert all('tabindex="0"' in tag and "aria-label" in tag for tag in scrolling)
    assert "<details" in page and "<summary>All settings in force" in page


def test_paper_names_patient_and_page(usual: PatientResult) -> None:
    odd = replace(usual, course=replace(usual.course, subject='x"; } </style><b>7'))
    for case, name in ((usual, "patient 7"), (odd, "x")):
        style = render(case).partition("<style>")[2].partition("</style>")[0]
        footer = re.search(r"@bottom-left \{ content: \"([^\"]*)\"", style)
        assert footer is not None and footer[1].startswith(name)
        assert "counter(page)" in style and "counter(pages)" in style


def test_what_could_change_the_answer_comes_first(usual: PatientResult) -> None:
    looks = (
        Look("b", 63, "proposed with a confidence of 40 %", "best response: PR -> SD", 11),
        Look("a", 126, "proposed with a confidence of 90 %", "", 0),
    )
    page = render(replace(usual, looks=looks))
    assert page.index('id="looks"') < page.index('id="attention"') < page.index('id="course"')
    assert page.index("otherwise best response: PR → SD") < page.index("would not change")


def test_each_measurement_says_who_stands_for_it(usual: PatientResult) -> None:
    reviews = (
        LesionReview("a", 0, ReviewState.PROPOSED),
        LesionReview("a", 63, ReviewState.CHECKED, "AB", "2024-05-08T10:00:00"),
        LesionReview("b", 63, ReviewState.CORRECTED, "CD"),
    )
    page = render(replace(usual, reviews=reviews))
    for words in ("proposed, not reviewed", "checked by AB, 2024-05-08", "corrected by CD"):
        assert words in page
