"""A tree of files becomes subjects, visits and series; what is left out is named."""

from __future__ import annotations

import datetime as dt
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from imaging import tree
from imaging.catalogue import Catalogue, ProblemLevel, Subject, Visit, scan
from imaging.errors import InputError
from imaging.header_pattern import HeaderReader
from imaging.read import read_ct
from imaging.series import Problem, Series, SeriesFormat

SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)


def only_subject(catalogue: Catalogue) -> Subject:
    (subject,) = catalogue.subjects
    return subject


def only_visit(root: Path) -> Visit:
    (visit,) = only_subject(scan(root)).visits
    return visit


def errors(catalogue: Catalogue) -> list[str]:
    return [str(p) for p in catalogue.problems if p.level is ProblemLevel.ERROR]


def notes(catalogue: Catalogue) -> list[str]:
    return [str(p) for p in catalogue.problems if p.level is ProblemLevel.NOTE]


def test_subjects_visits_and_series_in_order(dicom) -> None:
    dicom.ct("b/late", subject="P2", date="20210301")
    dicom.ct("a/CT", date="20200302")
    dicom.ct("a/CT0", date="20200106")
    dicom.pet("a/PET0", date="20200106")
    catalogue = scan(dicom.root)
    assert [subject.id for subject in catalogue.subjects] == ["P1", "P2"]
    first, second = catalogue.subjects[0].visits
    assert (first.date, first.label) == (dt.date(2020, 1, 6), "baseline")
    assert (second.date, second.label) == (dt.date(2020, 3, 2), "follow-up 1")
    assert first.ct is not None
    assert first.pet is not None
    assert (first.ct.modality, first.pet.modality, first.ct.slices) == ("CT", "PT", 6)
    assert second.pet is None
    assert catalogue.files == 24
    assert not errors(catalogue)


def test_files_are_recognised_by_content_not_by_name(dicom) -> None:
    dicom.ct("x", name="IM{k}")
    dicom.pet("y", name="{k}.txt", syntax=ImplicitVRLittleEndian)
    dicom.ct("z", name="{k}", bare=True, date="20200201")
    rtstruct = dicom.object("RTSTRUCT", refers_to=dicom.root / "x" / "IM0")
    rtstruct.rename(rtstruct.with_name("CT.1.jpg"))
    catalogue = scan(dicom.root)
    first, second = only_subject(catalogue).visits
    assert first.ct
    assert first.pet
    assert second.ct
    assert len(first.rtstructs) == 1
    assert not errors(catalogue)


def test_slices_are_listed_upwards_and_each_file_is_parsed_once(dicom, monkeypatch) -> None:
    files = dicom.ct(order=lambda k: 5 - k)
    seen: list[str] = []
    read = HeaderReader.read
    monkeypatch.setattr(
        HeaderReader, "read", lambda own, path: seen.append(path) or read(own, path)
    )
    counted: list[int] = []
    catalogue = scan(dicom.root, on_file=counted.append)
    ct = only_subject(catalogue).visits[0].ct
    assert ct is not None
    assert ct.files == tuple(files)
    assert len(seen) == len(set(seen)) == 6
    assert counted == [1, 2, 3, 4, 5, 6]


def test_studies_of_one_day_are_one_visit(dicom) -> None:
    dicom.ct("CT", study="morning", frame="x")
    dicom.pet("PET", study="noon", frame="x")
    visit = only_visit(dicom.root)
    assert visit.ct
    assert visit.pet
    assert visit.ct.study_uid != visit.pet.study_uid


def test_objects_follow_their_references_not_their_dates(dicom) -> None:
    planning = dicom.ct("planning", date="20200106")
    dicom.ct("later", date="20200302")
    struct = dicom.object("RTSTRUCT", date="20200303", refers_to=planning[0])
    plan = dicom.object("RTPLAN", date="20200304", study="x", refers_to=struct)
    dicom.object("RTDOSE", date="20200305", study="y", refers_to=plan)
    dicom.object("RTRECORD", date="20200306", study="z", refers_to=plan)
    dicom.object("SEG", date="20210101", refers_to=planning[0])
    dicom.object("REG", date="20210101", refers_to=planning[0])
    first, second = only_subject(scan(dicom.root)).visits
    found = (first.rtstructs, first.rtplans, first.rtdoses, first.rtrecords, first.segs)
    assert [len(things) for things in (*found, first.registrations)] == [1] * 6
    assert first.rtstructs[0].date == dt.date(2020, 3, 3)
    assert not (second.rtstructs or second.rtplans or second.rtdoses or second.segs)


def test_objects_without_references_follow_frame_then_study_then_the_ct_before(dicom) -> None:
    dicom.ct("one", date="20200106", frame="a", study="s1")
    dicom.ct("two", date="20200302", frame="b", study="s2")
    dicom.object("RTDOSE", "d1", date="20210101", frame="a", study="x")
    dicom.object("RTDOSE", "d2", date="20210101", study="s1")
    dicom.object("RTDOSE", "d3", date="20200210", study="x")
    dicom.object("RTDOSE", "d4", date="20210101", study="x")
    dicom.object("RTDOSE", "d5", date="20190101", study="x")
    first, second = only_subject(scan(dicom.root)).visits
    assert [s.folder.name for s in first.rtdoses] == ["d1", "d2", "d3", "d5"]
    assert [s.folder.name for s in second.rtdoses] == ["d4"]


def test_a_frame_of_reference_shared_by_dates_goes_by_the_date(dicom) -> None:
    dicom.ct("one", date="20200106", frame="same")
    dicom.ct("two", date="20200302", frame="same")
    dicom.object("SEG", date="20200302", frame="same", study="x")
    first, second = only_subject(scan(dicom.root)).visits
    assert (len(first.segs), len(second.segs)) == (0, 1)


def test_an_object_without_images_is_an_error(dicom) -> None:
    dicom.ct(subject="P1")
    dicom.object("RTSTRUCT", "alone", subject="P2")
    catalogue = scan(dicom.root)
    assert errors(catalogue) == [
        "alone/RTSTRUCT.dcm: RTSTRUCT without a CT or PET that it could belong to (add its images)"
    ]


def test_second_copies_are_used_once_and_noted(dicom) -> None:
    files = dicom.ct()
    shutil.copytree(files[0].parent, dicom.root / "again")
    catalogue = scan(dicom.root)
    visit = only_subject(catalogue).visits[0]
    assert visit.ct
    assert visit.ct.slices == 6
    assert not errors(catalogue)
    copies = [note for note in notes(catalogue) if "copies" in note]
    assert copies == ["again: second copies of 6 images (of CT/000.dcm ...); one is used"]


def test_the_same_uid_with_other_pixels_is_an_error(dicom) -> None:
    files = dicom.ct("CT")
    other = dicom.root / "CT" / "other.dcm"
    raw = bytearray(files[3].read_bytes())
    raw[-5] ^= 1
    other.write_bytes(raw)
    (line,) = errors(scan(dicom.root))
    assert line.startswith(
        "CT/other.dcm: same SOP Instance UID (0008,0018) as CT/003.dcm, but other"
    )


def test_a_messy_tree_is_named_line_by_line_and_the_rest_is_complete(dicom) -> None:
    """The tree of the main job's acceptance; the gap and the weight are found on reading."""
    dicom.ct("P1/a")
    dicom.ct("P1/b", date="20200302")
    dicom.ct("P2/a", subject="P2")
    corrupt = dicom.root / "P1" / "a" / "corrupt.dcm"
    corrupt.write_bytes((dicom.root / "P1/a/000.dcm").read_bytes()[:300])
    cut = dicom.ct("P3/cut", subject="P3")[2]
    cut.write_bytes(cut.read_bytes()[:60])
    (dicom.root / "P1" / "notes.txt").write_text("a remark")
    (dicom.root / "P1" / "empty").mkdir()
    (dicom.root / "zero.dcm").touch()
    (dicom.root / ".DS_Store").write_bytes(b"x")
    catalogue = scan(dicom.root)
    assert [len(subject.visits) for subject in catalogue.subjects] == [2, 1, 1]
    assert [line.split(":")[0] for line in errors(catalogue)] == [
        "zero.dcm",
        "P1/a/corrupt.dcm",
        "P3/cut/002.dcm",
    ]
    assert notes(catalogue) == [
        "P1/empty: an empty folder",
        "P1/notes.txt: not DICOM",
        "P2: one date only (2020-01-06): nothing to compare with",
        "P3: one date only (2020-01-06): nothing to compare with",
    ]
    assert all("\n" not in str(problem) for problem in catalogue.problems)


def test_an_image_whose_pixels_are_cut_off_is_named_and_left_out(dicom) -> None:
    files = dicom.ct(shape=(64, 64))
    files[2].write_bytes(files[2].read_bytes()[:5000])
    catalogue = scan(dicom.root)
    (line,) = errors(catalogue)
    assert line.startswith("CT/002.dcm: the file is truncated: 5000 bytes, its pixels alone take")
    assert only_subject(catalogue).visits[0].ct
    assert only_subject(catalogue).visits[0].ct.slices == 5


def test_many_files_of_another_kind_share_a_line(dicom) -> None:
    dicom.ct()
    (dicom.root / "json").mkdir()
    for n in range(9):
        (dicom.root / "json" / f"{n}.json").write_text("{}")
    assert "json: 9 files are not DICOM (0.json, 1.json, ...)" in notes(scan(dicom.root))


def test_results_that_lie_among_the_images_are_not_read_as_images(dicom) -> None:
    image = dicom.ct("a")[0]
    for folder in ("out/P1", "out/.P2.part/delineations"):
        (dicom.root / folder).mkdir(parents=True)
        dicom.object("SEG", refers_to=image).rename(dicom.root / folder / "lesions.dcm")
    (dicom.root / "out" / "P1" / "fingerprint.json").touch()
    catalogue = scan(dicom.root)
    assert only_subject(catalogue).visits[0].segs == ()
    assert [note for note in notes(catalogue) if "results" in note] == [
        "out/.P2.part: results of this program, not read as images",
        "out/P1: results of this program, not read as images",
    ]
    for name in ("run.json", "summary.csv"):
        (dicom.root / "out" / name).touch()
    assert "out: results of this program, not read as images" in notes(scan(dicom.root))


def test_links_in_a_circle_are_walked_once(dicom) -> None:
    dicom.ct()
    (dicom.root / "CT" / "up").symlink_to(dicom.root, target_is_directory=True)
    (dicom.root / "broken").symlink_to(dicom.root / "nowhere")
    catalogue = scan(dicom.root)
    assert catalogue.files == 7
    assert errors(catalogue) == [
        "broken: cannot be opened: No such file or directory (check its permissions)"
    ]


def test_files_without_patient_id_take_the_name_of_their_folder(dicom) -> None:
    dicom.ct("Anna/one", without=("PatientID",))
    dicom.ct("Anna/two", without=("PatientID",), date="20200302")
    dicom.ct("Bert", elements={"PatientID": ""})
    catalogue = scan(dicom.root)
    assert [(s.id, len(s.visits)) for s in catalogue.subjects] == [("Anna", 2), ("Bert", 1)]
    assert "Anna: 12 files without Patient ID (0010,0020); named after their folder" in notes(
        catalogue
    )


def test_two_patients_under_one_id_are_kept_apart(dicom) -> None:
    dicom.ct("a", elements={"PatientName": "Doe^Jane", "PatientBirthDate": "19500101"})
    other = {"PatientName": "Roe^Richard", "PatientBirthDate": "19610203"}
    dicom.ct("b", date="20200302", elements=other)
    catalogue = scan(dicom.root)
    assert [subject.id for subject in catalogue.subjects] == ["P1~1", "P1~2"]
    (line,) = errors(catalogue)
    assert "2 different patients share this Patient ID" in line


def test_spellings_of_one_name_stay_one_patient_and_no_name_is_ever_shown(dicom) -> None:
    dicom.ct("a", elements={"PatientName": "Doe^Jane"})
    dicom.ct("b", date="20200302", elements={"PatientName": "DOE^JANE^^"})
    dicom.ct("c", date="20200402", elements={"PatientName": "Doe^J."})
    catalogue = scan(dicom.root)
    assert len(only_subject(catalogue).visits) == 3
    assert any("several spellings" in note for note in notes(catalogue))
    assert "doe" not in repr(catalogue).lower()


def test_images_without_a_date_are_an_error(dicom) -> None:
    dicom.ct("a")
    dicom.ct("b", without=("StudyDate", "SeriesDate"))
    (line,) = errors(scan(dicom.root))
    assert line.startswith("b: 6 images without a date (0008,0020)")


def test_a_date_without_any_scan_says_why(dicom) -> None:
    dicom.ct("a")
    dicom.ct("b", date="20200302", slices=2)
    catalogue = scan(dicom.root)
    assert errors(catalogue) == ["b: no usable CT or PET on 2020-03-02: only 2 images"]
    assert len(only_subject(catalogue).visits) == 1


def test_a_date_of_screenshots_alone_is_a_remark_and_takes_no_objects(dicom) -> None:
    dicom.ct("a", frame="f")
    shots = dicom.ct("b", date="20200302", elements={"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"})
    dicom.object("RTDOSE", date="20200302", study="P1 20200302")
    catalogue = scan(dicom.root)
    assert not errors(catalogue)
    assert any(note.startswith("b: no usable CT or PET on 2020-03-02") for note in notes(catalogue))
    (visit,) = only_subject(catalogue).visits
    assert len(visit.rtdoses) == 1
    assert len(shots) == 6


def test_a_pet_without_ct_stays_in_the_catalogue(dicom) -> None:
    dicom.pet()
    catalogue = scan(dicom.root)
    assert not errors(catalogue)
    visit = only_subject(catalogue).visits[0]
    assert visit.pet
    assert visit.ct is None


def test_an_empty_tree_and_a_missing_folder(tmp_path: Path) -> None:
    catalogue = scan(tmp_path)
    assert catalogue.subjects == ()
    assert errors(catalogue) == [f"{tmp_path.name}: no CT or PET images in this folder"]
    with pytest.raises(InputError, match="not a folder"):
        scan(tmp_path / "none")


def test_types_are_valid_from_birth() -> None:
    with pytest.raises(InputError, match="without files"):
        Series("1", "CT", ())
    day = Visit(dt.date(2020, 1, 1), "x")
    with pytest.raises(InputError, match="order of their dates"):
        Subject("P", (day, day))
    assert str(Problem("a", "b", "c")) == "a: b (c)"


@pytest.mark.data
def test_the_longitudinal_studies(data_dir: Path) -> None:
    catalogue = scan(data_dir / "longitudinal")
    lung, sarcoma = catalogue.subjects
    assert (lung.id, sarcoma.id) == ("ABSC-001", "PETS-001")
    days = [(visit.date - lung.visits[0].date).days for visit in lung.visits]
    assert days == [0, 56, 112, 168]
    baseline = lung.visits[0]
    things = (baseline.rtstructs, baseline.rtdoses, baseline.rtplans)
    assert [len(things) for things in things] == [1, 1, 1]
    assert [visit.ct.slices for visit in lung.visits if visit.ct] == [99, 93, 55, 93]
    assert [(visit.date - sarcoma.visits[0].date).days for visit in sarcoma.visits] == [0, 42, 84]
    assert all(visit.ct and visit.pet for visit in sarcoma.visits)
    assert len(sarcoma.visits[0].rtstructs) == 2
    assert not errors(catalogue)
    assert not lung.rejected
    assert not sarcoma.rejected


@pytest.mark.data
def test_the_dicom_patients(data_dir: Path) -> None:
    catalogue = scan(data_dir / "dicom")
    by_id = {subject.id: subject.visits[0] for subject in catalogue.subjects}
    assert set(by_id) == {"LIDC-IDRI-0001", "STS_002", "STS_020"}
    assert len(by_id["LIDC-IDRI-0001"].segs) == 1
    for name, slices in (("STS_002", 48), ("STS_020", 97)):
        visit = by_id[name]
        assert visit.ct
        assert visit.pet
        assert (visit.ct.slices, visit.pet.slices) == (slices, slices)
        assert visit.ct.kind is SeriesFormat.DICOM
        # The contours are dated 2009 in their series, 2006 in their study.
        assert len(visit.rtstructs) == 2
    assert not errors(catalogue)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_broken_file_stops_the_scan(dicom, data) -> None:
    """Bytes changed, cut off or put in anywhere in an image, a contour set and a plan."""
    shutil.rmtree(dicom.root)
    image = dicom.ct("CT", slices=5, syntax=data.draw(st.sampled_from(SYNTAXES)))[2]
    struct = dicom.object("RTSTRUCT", refers_to=dicom.root / "CT" / "000.dcm")
    plan = dicom.object("RTPLAN", refers_to=struct)
    path = data.draw(st.sampled_from([image, struct, plan]))
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
        raw = raw or bytearray(b"x")
    if data.draw(st.booleans()):
        del raw[data.draw(st.integers(1, len(raw))) :]
    path.write_bytes(raw)
    catalogue = scan(dicom.root)
    assert catalogue.files == 7
    for visit in (visit for subject in catalogue.subjects for visit in subject.visits):
        if visit.ct:
            with suppress(InputError):
                read_ct(visit.ct)


def test_a_tree_whose_headers_lie_on_disk_is_sorted_as_a_small_one(dicom, monkeypatch) -> None:
    dicom.ct("b/late", subject="P2", date="20210301")
    dicom.ct("a/CT", date="20200302")
    first, *_ = dicom.ct("a/CT0", date="20200106")
    dicom.pet("a/PET0", date="20200106")
    dicom.object("RTSTRUCT", refers_to=first)
    shutil.copytree(dicom.root / "a" / "CT", dicom.root / "c")
    (dicom.root / "c" / "notes.txt").write_text("not DICOM")
    (dicom.root / "d").mkdir()
    cut = dicom.root / "d" / "cut.dcm"
    cut.write_bytes(first.read_bytes()[:200])
    held = scan(dicom.root)
    monkeypatch.setattr(tree, "HELD_HEADERS", 3)
    on_disk = scan(dicom.root)
    assert tuple(on_disk.subjects) == held.subjects
    assert on_disk.problems == held.problems
    assert errors(held)
    assert isinstance(held.subjects, tuple)
    assert not isinstance(on_disk.subjects, tuple)
