"""What is said in the reading room and what ``recist correct`` is given: one rule, one answer."""

from __future__ import annotations

import base64
import csv
import io
import json
import shutil
import zipfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.errors import InputError
from recist.patient.corrections import NOTHING_SAID, Corrections, write_corrections
from recist.patient.corrections.correction_tables import corrections_in
from recist.patient.reassessment import conclude
from recist.patient.work import keeping
from recist.patient.work.observed import Work
from recist.review.database.tables import EntryKind
from recist.review.reading.as_corrections import Ground, corrections_of
from recist.review.reading.entries import Said
from recist.review.reading.packed_outlines import PackedMask
from recist.review.reading.works import Works
from recist.review.web.app import create_app
from recist.run.correcting import KINDS, correct
from tests.recist.review.conftest import HOST, PHANTOM, OneReader, PhantomRun, entering

BASELINE, SECOND, THIRD = DATES = ("2024-03-04", "2024-05-06", "2024-07-08")
LESIONS = tuple(f"L{n}" for n in range(1, 7))
WHEN = "2026-01-02T03:04:05.000000+00:00"
WHAT = {
    "status": st.sampled_from(["absent", "too-small", "not-evaluable", "measured", "present"]),
    "organ": st.sampled_from(["liver", "lung", "lymph node"]),
    "role": st.sampled_from(["target", "non-target"]),
}
dates, lesions, yes_or_no = st.sampled_from(DATES), st.sampled_from(LESIONS), st.booleans()
lengths_mm = st.integers(5, 90)


def said(kind: EntryKind, **content: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.tuples(st.just(kind), st.fixed_dictionaries(content))


def ends(across_mm: float = 0.0) -> st.SearchStrategy[Any]:
    return lengths_mm.map(lambda mm: [[0.0, across_mm, 0.0], [float(mm), across_mm, 0.0]])


THINGS_SAID = st.one_of(
    said(EntryKind.STATUS, date=dates, lesion=lesions, status=WHAT["status"]),
    said(EntryKind.STATUS, date=dates, lesion=lesions, status=st.just("measured"),
         diameter_mm=lengths_mm.map(str)),
    said(EntryKind.CALIPER, date=dates, lesion=lesions, long=ends()),
    said(EntryKind.CALIPER, date=dates, lesion=lesions, long=ends(), short=ends(1.0)),
    said(EntryKind.LESION, lesion=lesions, rejected=yes_or_no, reason=st.just("a vessel")),
    said(EntryKind.LESION, lesion=lesions, confirmed=yes_or_no),
    said(EntryKind.LESION, lesion=lesions, organ=WHAT["organ"]),
    said(EntryKind.LESION, lesion=lesions, role=WHAT["role"]),
    said(EntryKind.LESION, lesion=lesions, is_node=yes_or_no),
    said(EntryKind.LINK, date=dates, lesion=lesions, to=lesions),
    said(EntryKind.NEW, date=dates, lesion=st.sampled_from(["L8", "L9"]),
         organ=WHAT["organ"], is_node=st.just(False), role=st.just("non-target"), long=ends()),
    said(EntryKind.CONFIRM, date=dates, value=yes_or_no),
)  # fmt: skip


@pytest.fixture(scope="module")
def works(phantom_run: PhantomRun) -> Works:
    return Works({PHANTOM: phantom_run.results / PHANTOM})


@pytest.fixture(scope="module")
def taken_up(phantom_run: PhantomRun) -> Work:
    """The work as ``recist correct`` takes it up."""
    return keeping.take_up(phantom_run.results / PHANTOM / keeping.FOLDER)


def test_any_reading_answers_as_its_tables_do(
    works: Works, taken_up: Work, tmp_path_factory: pytest.TempPathFactory
) -> None:
    taken: list[EntryKind] = []

    @settings(max_examples=25, deadline=None, derandomize=True, database=None)
    @given(things=st.lists(THINGS_SAID, min_size=1, max_size=6))
    def any_reading(things: Sequence[tuple[EntryKind, Any]]) -> None:
        entries: tuple[Said, ...] = ()
        shown = works.concluded(PHANTOM, DATES, (), lambda _: NOTHING_SAID)
        for number, (kind, content) in enumerate(things, start=1):
            more = (*entries, Said(number, kind, content, WHEN))
            try:
                shown = works.concluded(PHANTOM, DATES, repr(more), partial(as_tables, more))
            except (InputError, ValueError):  # refused: it never becomes part of the reading
                continue
            entries = more
            taken.append(kind)
        folder = tmp_path_factory.mktemp("tables")
        write_corrections(folder, PHANTOM, shown.said)
        result, _ = conclude(taken_up, corrections_in(folder, PHANTOM), pictures=False)
        assert result.course == shown.result.course
        assert result.assessments == shown.result.assessments
        assert result.outcomes == shown.result.outcomes

    any_reading()
    assert len(taken) > 25 and len(set(taken)) == 6  # of every kind, and not refused throughout


def as_tables(entries: Sequence[Said], ground: Ground) -> Corrections:
    return corrections_of(
        entries,
        ground,
        reader="Dr Able",
        outline_of=lambda _: None,
        imported=lambda _: NOTHING_SAID,
    )


def test_a_target_that_is_dropped_promotes_another(one_reader: Any) -> None:
    """Of three lesions of the lung two are targets; without one of them the third is."""
    browser = one_reader.enter()
    third = {"kind": "status", "date": BASELINE, "lesion": "L5", "status": "measured"}
    page = browser.say({**third, "diameter_mm": "15.0"})
    roles = {each["id"]: (each["organ"], each["role"]) for each in page["lesions"]}
    assert [roles[name] for name in ("L1", "L2", "L5")] == [
        ("lung", "target"), ("lung", "target"), ("lung", "non-target"),
    ]  # fmt: skip
    page = browser.say({"kind": "lesion", "lesion": "L1", "rejected": True}, reason="a scar")
    assert {"what": "L5", "before": "non-target", "after": "target"} in page["changed"]


def sphere(one_reader: Any, date: str, radius: int = 4) -> dict[str, Any]:
    """A ball of voxels in the middle of the CT, as the page sends an outline."""
    grid = one_reader.app.state.room.works.grid(PHANTOM, date)
    middle = [n // 2 for n in grid.shape]
    side = 2 * radius + 1
    bits = [
        (i - radius) ** 2 + (j - radius) ** 2 + (k - radius) ** 2 <= radius**2
        for i in range(side)
        for j in range(side)
        for k in range(side)
    ]
    packed = np.packbits(np.array(bits)).tobytes()
    start = tuple(n - radius for n in middle)
    return PackedMask(start, (side, side, side), packed).sent()


def read_everything(one_reader: Any) -> Any:
    """One of each thing that a reader says, all dates confirmed; the browser that said it."""
    browser = one_reader.enter()
    browser.say({"kind": "lesion", "lesion": "L6", "rejected": True}, reason="a vessel")
    browser.say({"kind": "caliper", "date": THIRD, "lesion": "L1", "long": [[0, 0, 0], [0, 21, 0]]})
    new = {"kind": "new", "date": THIRD, "organ": "bone", "is_node": False, "role": "new"}
    browser.say({**new, "outline": sphere(one_reader, THIRD)})
    browser.say({"kind": "status", "date": SECOND, "lesion": "L5", "status": "absent"})
    browser.say(*({"kind": "confirm", "date": date} for date in DATES))
    return browser


def sign(browser: Any) -> Any:
    body = {"version": browser.page()["version"], "name": "A. Able", "meaning": "read, approved"}
    answer = browser.post(f"patients/{PHANTOM}/sign", body)
    assert answer.status_code == 200, answer.text
    return answer.json()


#: What a signature adds to the results of the same corrections.
OF_THE_SIGNATURE = {"signature.json", "report.html", "fingerprint.json"}


def test_a_signature_writes_what_recist_correct_writes_of_the_same_tables(
    one_reader: Any, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(one_reader.results, copy)
    browser = read_everything(one_reader)
    exported = browser.get(f"patients/{PHANTOM}/reading")
    zipfile.ZipFile(io.BytesIO(exported.content)).extractall(tmp_path / "tables")
    page = sign(browser)
    assert not any("could not be written" in words for words in page["warnings"])
    (done,) = correct(copy, {kind: tmp_path / "tables" / f"{kind}.csv" for kind in KINDS})
    assert not done.failure
    own, other = one_reader.results, copy
    names = {
        path.relative_to(other).as_posix()
        for path in other.rglob("*")
        if path.is_file()
        and path.name not in OF_THE_SIGNATURE
        and not {"work", "review"} & set(path.parts)
    }
    assert len(names) > 20
    for name in sorted(names):
        assert (own / name).read_bytes() == (other / name).read_bytes(), name
    report = (own / PHANTOM / "report.html").read_text("utf-8")
    assert "A. Able (Dr Able)" in report and "read, approved" in report
    signature = json.loads((own / PHANTOM / "signature.json").read_text())
    assert signature["time"] == page["signed"]["time"]
    assert "Signed" not in (other / PHANTOM / "report.html").read_text("utf-8")
    with (own / "timepoints.csv").open(newline="") as file:
        rows = [
            r for r in csv.DictReader(file) if (r["criteria"], r["lesions"]) == ("recist11", "all")
        ]
    shown = page["assessment"]["criteria"][0]["dates"]
    assert [(r["overall"], r["sum_mm"]) for r in rows] == [
        (at["response"], at["sum_mm"]) for at in shown
    ]


def test_a_reading_is_exported_and_taken_over_by_another_reader(
    one_reader: Any, phantom_run: PhantomRun, tmp_path: Path
) -> None:
    first = read_everything(one_reader)
    exported = first.get(f"patients/{PHANTOM}/reading").content
    shutil.copytree(phantom_run.results, tmp_path / "other")
    app = create_app(tmp_path / "other", reader="Dr Baker", hosts=[HOST], token="the-token")
    second = OneReader(app, tmp_path / "other", entering(app)).enter()
    files = [{"name": "reading.zip", "content": base64.b64encode(exported).decode()}]
    answer = second.post(f"patients/{PHANTOM}/reading", {"version": 0, "files": files})
    assert answer.status_code == 200, answer.text
    taken, given_page = answer.json(), first.page()
    assert taken["assessment"] == given_page["assessment"]
    assert [x["confirmed"] for x in taken["dates"]] == [True, True, True]
    again = second.get(f"patients/{PHANTOM}/reading").content
    assert again == exported  # who said it, when and why came along
    undone = second.post(f"patients/{PHANTOM}/undo", {"version": taken["version"]}).json()
    assert not any(x["confirmed"] for x in undone["dates"])


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("notes.txt", b"x", "no table of corrections"),
        ("reading.zip", b"not a zip", "cannot be read"),
        ("overrides.csv", b"subject,lesion,role\r\nP9,L1,target\r\n", "nothing is said of this"),
        ("overrides.csv", b"subject,lesion,role\r\nPHANTOM-1,L77,target\r\n", "L77"),
        ("overrides.csv", b"subject,lesion,role\r\nPHANTOM-1,L1,big\r\n", "role"),
    ],
)
def test_files_that_are_no_reading_are_refused_and_change_nothing(
    one_reader: Any, name: str, content: bytes, told: str
) -> None:
    browser = one_reader.enter()
    files = [{"name": name, "content": base64.b64encode(content).decode()}]
    answer = browser.post(f"patients/{PHANTOM}/reading", {"version": 0, "files": files})
    assert answer.status_code == 422
    assert told in answer.text
    assert browser.page()["version"] == 0


def test_what_was_corrected_before_is_the_first_word_of_a_reading(
    one_reader: Any, tmp_path: Path
) -> None:
    table = tmp_path / "overrides.csv"
    table.write_text("subject,lesion,role,reason,reader\nPHANTOM-1,L6,not-a-lesion,a cyst,Dr Old\n")
    correct(one_reader.results, {"overrides": table})
    browser = one_reader.enter()
    page = browser.page()
    assert next(x for x in page["lesions"] if x["id"] == "L6")["state"] == "rejected"
    page = browser.say({"kind": "comment", "text": "agreed"})
    assert not page["can_undo"] or page["comments"]
    undone = browser.post(f"patients/{PHANTOM}/undo", {"version": page["version"]}).json()
    assert next(x for x in undone["lesions"] if x["id"] == "L6")["state"] == "rejected"
    assert not undone["can_undo"]
    page = browser.say({"kind": "lesion", "lesion": "L6", "rejected": False})
    assert next(x for x in page["lesions"] if x["id"] == "L6")["role"] == "new"


def test_a_run_without_its_work_is_read_as_a_table_and_says_so(one_reader: Any) -> None:
    shutil.rmtree(one_reader.results / PHANTOM / keeping.FOLDER)
    browser = one_reader.enter()
    page = browser.page()
    assert any("the work of the run cannot be used" in words for words in page["warnings"])
    page = browser.say({"kind": "lesion", "lesion": "L6", "rejected": True}, reason="a vessel")
    assert [at["response"] for at in page["assessment"]["criteria"][0]["dates"]] == ["PR", "PR"]
    before = (one_reader.results / "timepoints.csv").read_bytes()
    browser.say(*({"kind": "confirm", "date": date} for date in DATES))
    assert sign(browser)["state"] == "signed"
    assert (one_reader.results / "timepoints.csv").read_bytes() == before
    assert (one_reader.results / "review" / "signed" / PHANTOM / "timepoints.csv").is_file()
    assert browser.get(f"patients/{PHANTOM}/reading").status_code == 422


def test_the_images_are_found_where_the_run_found_them(
    phantom_run: PhantomRun, tmp_path: Path
) -> None:
    record = json.loads((phantom_run.results / "run.json").read_text())
    assert record["studies"]["absolute"] == str(phantom_run.studies.resolve())
    shutil.copytree(phantom_run.results, tmp_path / "copy")  # a room writes into its results
    app = create_app(tmp_path / "copy", hosts=["a"])
    assert app.state.room.archive.subjects() == (PHANTOM,)
    moved = tmp_path / "moved"
    shutil.copytree(phantom_run.studies.parent, moved / phantom_run.studies.parent.name)
    shutil.copytree(phantom_run.results, moved / "results")
    relative = moved / phantom_run.studies.parent.name / phantom_run.studies.name
    assert (
        create_app(moved / "results", hosts=["a"]).state.room.archive.studies == relative.resolve()
    )
    record["studies"] = {"absolute": str(tmp_path / "gone")}
    (moved / "results" / "run.json").write_text(json.dumps(record))
    assert create_app(moved / "results", hosts=["a"]).state.room.archive.studies is None
