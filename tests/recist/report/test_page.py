"""The page: everything is on it, nothing is loaded, nothing breaks out of it."""

from __future__ import annotations

import errno
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest

from imaging.writing import WriteError
from recist.abscopal.finding_words import headline
from recist.course import Course, Event, EventKind, Field, Role, Timepoint
from recist.criteria.robustness import CategoryProbability
from recist.field.field_finding import FieldFinding
from recist.patient.result import Certainty, PatientResult
from recist.report.page import render, write_report
from recist.response import RESEARCH_USE, Response, Scope

VOID = {"meta", "br", "img", "hr"}


class Outline(HTMLParser):
    """The elements of a page, and whether each is closed in its turn."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name == "id" and value:
                self.ids.append(value)
            if name in ("href", "src", "srcset", "action", "data", "poster") and value:
                self.links.append(value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def shown(case: PatientResult) -> Outline:
    """The page, which must be well-formed and self-contained whatever the case."""
    page = render(case)
    outline = Outline(page)
    assert not outline.open
    assert not outline.tags & {"script", "link", "iframe", "object", "embed", "form"}
    assert all(link.startswith("data:image/png;base64,") for link in outline.links)
    style = page[page.index("<style>") : page.index("</style>")]
    assert not re.search(r"url\(|@import|https?:", style)
    assert len(outline.ids) == len(set(outline.ids))
    assert " nan" not in page.lower()
    assert "None" not in outline.text
    return outline


def test_every_part_is_on_the_page(usual: PatientResult) -> None:
    outline = shown(usual)
    assert outline.ids == [
        "summary", "attention", "course", "lesions", "projections", "images", "reasons", "fields",
        "links", "images-read", "settings",
    ]  # fmt: skip
    text = outline.text
    assert text.count(RESEARCH_USE) == 2
    assert usual.abscopal is not None
    for words in (
        "patient 7",
        "3 (2024-03-04 to 2024-07-08)",
        "RECIST 1.1, iRECIST",
        "recist11-eortc",
        "lesion_ctpet 1.0 sha256 abababababab",
        "45 Gy in 3 fractions",
        "SUVmax 7.2",
        "1.5 ml",
        "touches the edge of the image",
        "scan 4: a slice is missing (send it again)",
        "uptake time differs",
        "n, 2024-07-08: ambiguous with a confidence of 55 % (two nodes within 12 mm)",
        "mean EQD2 174.5 Gy (α/β 4 Gy)",
        "slice 12 of 80",
        "soft tissue window: width 400, level 40 HU",
        "PET, SUV 0 to 8",
        "Abscopal response: lesions that were not irradiated",
        headline(usual.abscopal),
        "Eisenhauer 2009",
        "margin",
    ):
        assert words in text, words


def test_the_answer_is_said_for_the_three_sets(usual: PatientResult) -> None:
    text = shown(usual).text
    assert (
        "2024-07-08: overall progression by a new lesion, while the target lesions shrank by "
        "55.7 % (70.0 to 31.0 mm); in the irradiated field partial response, the target lesions "
        "shrank by 60.0 % (40.0 to 16.0 mm); outside the irradiated field progression by a new "
        "lesion, while the target lesions shrank by 50.0 % (30.0 to 15.0 mm)."
    ) in text
    assert "progression is unconfirmed: a scan 4 to 8 weeks later decides" in text


def test_responses_of_both_criteria_are_shown_at_every_date(usual: PatientResult) -> None:
    page = render(usual)
    matrix = page[page.index("responses scroll") : page.index('id="lesions"')]
    chips = re.findall(r'class="chip [a-z]+" title="[^"]+">([^<]+)<', matrix)
    assert chips == [
        "PR", "PD", "iPR", "iUPD",  # all
        "PR", "PR", "iPR", "iPR",  # in field
        "PR", "PD", "iPR", "iUPD",  # out of field
    ]  # fmt: skip


def test_names_from_outside_cannot_break_out(build: SimpleNamespace) -> None:
    name = "<script>alert('x')</script>&\"'"
    course = build.course(
        {name: ("40.0", "24.0", "16.0")},
        organs={name: name},
        fields=Field.IN,
        roles={name: Role.TARGET},
    )
    course = replace(course, subject=name, reader=name, events=(Event(0, EventKind.DEATH, name),))
    case = build.assessed(
        course,
        key_images=(build.image(name, 0),),
        warnings=(name,),
        flags=((name, 0, name),),
        settings={name: name, "protocol": {name: [name]}},
    )
    assert "<script" not in render(case)
    assert shown(case).text.count("<script>alert('x')</script>&\"'") > 8


def test_one_date_is_a_baseline(usual: PatientResult, build: SimpleNamespace) -> None:
    first = replace(usual.course, timepoints=usual.course.timepoints[:1])
    text = shown(build.assessed(first)).text
    assert "Baseline only (2024-03-04): 2 target lesions, sum of diameters 70.0 mm." in text
    assert "Baseline: 1 target lesion, sum of diameters 40.0 mm." in text
    assert "there is no course to draw" in text


def test_no_target(build: SimpleNamespace) -> None:
    course = build.course({"X1": ("12.0", "12.0", "13.0")}, nodes=("X1",), organs="lymph node")
    case = build.assessed(course)
    text = shown(case).text
    assert "neither complete response nor progression" in text
    assert "No sum of diameters at two dates." in text
    assert text.count("the irradiated field is not known") == 2


def test_no_lesion_and_no_date(build: SimpleNamespace) -> None:
    empty = PatientResult(Course("nobody", (), ()), (), (), ())
    assert "No date could be assessed." in shown(empty).text
    days = tuple(Timepoint(day, ()) for day in (0, 50))
    assert "No lesion was found." in shown(build.assessed(Course("nobody", (), days))).text


def test_thirty_lesions_at_twelve_dates_with_gaps(build: SimpleNamespace) -> None:
    names = [f"lesion {n}" for n in range(30)]
    sizes = {
        name: tuple(None if (n + visit) % 7 == 6 else f"{20 + n}.0" for visit in range(12))
        for n, name in enumerate(names)
    }
    course = build.course(
        sizes,
        range(0, 240, 20),
        fields={name: list(Field)[n % 5] for n, name in enumerate(names)},
        roles={name: Role.TARGET if n < 5 else Role.NON_TARGET for n, name in enumerate(names)},
    )
    outline = shown(build.assessed(course))
    assert all(f"lesion {n}" in outline.text for n in range(30))
    assert "not assessed" in outline.text


def test_what_was_not_measured_is_said_in_words(build: SimpleNamespace) -> None:
    later = {"T1": "NE", "T2": "gone", "T3": "tiny", "T4": ">T1", "T5": None, "T6": None}
    course = build.course(
        {name: ("20.0", cell) for name, cell in later.items()}, (0, 60), fields=Field.OUT
    )
    text = shown(build.assessed(course)).text
    for words in ("not evaluable", "absent", "too small", "merged into T1", "not assessed"):
        assert words in text


def test_missing_pictures_keep_their_place(usual: PatientResult) -> None:
    case = replace(usual, key_images=usual.key_images[:1])
    assert render(case).count("outside<br>of the image") == 2
    assert "images" not in shown(replace(usual, key_images=())).ids


@pytest.mark.parametrize(
    ("field", "sizes", "warned"),
    [
        (Field.IN, ("20.0", "18.0", "26.0"), True),
        (Field.PARTIAL, ("20.0", "18.0", "26.0"), True),
        (Field.OUT, ("20.0", "18.0", "26.0"), False),
        (Field.IN, ("20.0", "18.0", "19.0"), False),
        (Field.IN, ("9.0", "9.0", "12.0"), False),  # + 33 %, less than 5 mm
    ],
)
def test_an_irradiated_lesion_that_grows_may_be_fibrosis(
    field: Field, sizes: tuple[str, ...], warned: bool, usual: PatientResult, build: SimpleNamespace
) -> None:
    course = build.course({"a": sizes}, fields=field, roles={"a": Role.TARGET})
    case = build.assessed(course, fields=usual.fields)
    remark = "a: irradiated 45 Gy in 3 fractions, growth may be fibrosis"
    assert (remark in shown(case).text) == warned


def test_a_reason_is_given_once_per_set_and_date(usual: PatientResult) -> None:
    text = shown(usual).text
    assert text.count("PR: 24.0 of 40.0 mm, −40.0 %") == 1
    assert "Otherwise as above." in text


def test_the_file_is_written_whole_or_not_at_all(
    usual: PatientResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    write_report(usual, path)
    assert path.read_text(encoding="utf-8") == render(usual)

    def fail(self: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(WriteError, match="No space left on device"):
        write_report(replace(usual, warnings=()), path)
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text(encoding="utf-8") == render(usual)


def test_ct_and_pet_of_a_lesion_stand_in_one_panel(
    usual: PatientResult, build: SimpleNamespace
) -> None:
    images = (build.image("a", 0), build.image("a", 0, modality="PET", level=5.0))
    page = render(replace(usual, key_images=images))
    panel = page[page.index('class="panel strip') : page.index('class="further"')]
    assert panel.count('class="panel strip') == 1
    assert panel.count('<div class="figures">') == 2
    assert panel.count("<svg") == 3  # with the curve of its diameters
    assert "PET, SUV 0 to 8" in panel


@pytest.mark.parametrize(
    ("reasons", "told"),
    [
        ((), "No plan, dose or target volume was found, so the irradiated field is not known."),
        (("no radiotherapy plan or dose was given",), "No plan, dose or target volume was found"),
        (
            ("image and dose lie in different frames of reference, and no registration was given",)
            * 2,
            "The irradiated field is not known: image and dose lie in different frames of "
            "reference, and no registration was given.",
        ),
    ],
)
def test_the_card_says_why_the_field_is_not_known(
    reasons: tuple[str, ...], told: str, usual: PatientResult, build: SimpleNamespace
) -> None:
    course = build.course({"T1": ("20.0", "18.0", "26.0")})
    fields = tuple(FieldFinding("T1", Field.UNKNOWN, reason) for reason in reasons)
    text = shown(build.assessed(course, fields=fields)).text
    assert told in text
    if "not known: " in told:
        assert "was found" not in text


def test_a_lesion_keeps_the_name_under_which_it_was_drawn(usual: PatientResult) -> None:
    text = shown(replace(usual, names=(("a", "GTV-1, GTV_1"),))).text
    assert "drawn as GTV-1, GTV_1" in text
    assert "drawn as" not in shown(usual).text


def test_a_category_near_its_threshold_is_not_named_alone(usual: PatientResult) -> None:
    (last, *_) = sorted({each.day for each in usual.assessments}, reverse=True)
    for shares, words in (
        (((Response.PD, 0.62), (Response.SD, 0.38)), "Uncertain, PD or SD. If the diameters"),
        (((Response.PD, 0.97), (Response.SD, 0.03)), "If the diameters"),
    ):
        known = CategoryProbability(last, Response.PD, shares)
        page = render(replace(usual, certainties=(Certainty(Scope.ALL, known),)))
        assert f"{words} were measured again: PD, " in page
        assert ("Uncertain" in page) is (shares[1][1] > 0.05)
