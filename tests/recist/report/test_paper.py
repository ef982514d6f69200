"""The report on paper: the words of the page, on numbered pages, from nowhere else."""

from __future__ import annotations

import io
import sys

import pytest
from pypdf import PdfReader

from imaging.errors import InputError
from recist.patient.result import PatientResult
from recist.report.page import render
from recist.report.paper import as_pdf
from recist.response import RESEARCH_USE


@pytest.fixture(scope="module")
def printed(usual: PatientResult) -> bytes:
    return as_pdf(render(usual))


@pytest.mark.paper
def test_pages_are_numbered_and_each_says_its_patient_and_purpose(
    usual: PatientResult, printed: bytes
) -> None:
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(printed)).pages]
    assert len(pages) > 1
    for number, words in enumerate(pages, start=1):
        assert f"page {number} of {len(pages)}" in words
        assert f"{usual.course.subject} · {RESEARCH_USE}" in words


@pytest.mark.paper
def test_words_and_figures_can_be_selected(usual: PatientResult, printed: bytes) -> None:
    read = PdfReader(io.BytesIO(printed))
    text = " ".join(" ".join(page.extract_text() for page in read.pages).split())
    assert "Tumour response assessment".casefold() in text.casefold()
    for lesion in usual.course.lesions:
        assert lesion.id in text
    for assessment in usual.assessments:
        assert assessment.overall.value in text
    assert "−30 % of baseline" in text  # inside a chart


@pytest.mark.paper
def test_the_same_page_gives_the_same_bytes(usual: PatientResult, printed: bytes) -> None:
    assert as_pdf(render(usual)) == printed


@pytest.mark.paper
@pytest.mark.parametrize("address", ["http://127.0.0.1:9/x.png", "file:///etc/hostname"])
def test_nothing_is_fetched(address: str) -> None:
    from weasyprint.urls import FatalURLFetchingError  # noqa: PLC0415 - loads Pango

    with pytest.raises(FatalURLFetchingError):
        as_pdf(f'<p>one</p><img src="{address}">')


def test_what_is_missing_is_a_line(usual: PatientResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(InputError, match=r"no PDF can be written.*recist\[pdf\]"):
        as_pdf(render(usual))
