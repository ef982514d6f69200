"""Pull and push against an archive that breaks, refuses and forgets, without a network."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, evt

from imaging.errors import InputError
from imaging.writing import WriteError
from recist.pacs import pull as pulling
from recist.pacs.archive import BrokenError, Instance, Outgoing, RefusedError, Sink, Wanted
from recist.pacs.dimse import FIND, DimseArchive
from recist.pacs.ledger import InstanceState, Ledger
from recist.pacs.patience import Patience
from recist.pacs.pull import pull, read_work_list
from recist.pacs.push import outgoing, push
from recist.pacs.remote import Remote

CT = "1.2.840.10008.5.1.4.1.1.2"
ASKED = (Wanted("P1"),)


def content(uid: str, size: int = 0) -> bytes:
    held = Dataset()
    held.SOPClassUID, held.SOPInstanceUID = CT, uid
    held.PatientID, held.Modality = "P1", "CT"
    held.StudyInstanceUID, held.SeriesInstanceUID = "1.2", "1.2.3"
    held.ImageComments = "x" * size
    held.file_meta = FileMetaDataset()
    held.file_meta.MediaStorageSOPClassUID = CT
    held.file_meta.MediaStorageSOPInstanceUID = uid
    held.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = BytesIO()
    held.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def instances(count: int) -> list[Instance]:
    return [
        Instance("P1", "1.2", "1.2.3", CT, f"1.2.3.{n}", "20240304", "CT") for n in range(count)
    ]


@dataclass
class Fragile:
    """Holds instances; breaks the connection after so many, again and again; refuses some."""

    held: list[Instance]
    breaks_after: int = 10**6
    refuses: frozenset[str] = frozenset()
    taken: list[str] = field(default_factory=list)
    given: list[str] = field(default_factory=list)

    def find(self, wanted: Wanted) -> list[Instance]:
        return [each for each in self.held if each.patient_id == wanted.patient_id]

    def fetch(self, wanted: Sequence[Instance], sink: Sink) -> dict[str, str]:
        for n, each in enumerate(wanted):
            if n == self.breaks_after:
                raise BrokenError("the connection broke")
            if each.sop_instance_uid not in self.refuses:
                self.given.append(each.sop_instance_uid)
                sink(each.sop_instance_uid, content(each.sop_instance_uid))
        return dict.fromkeys(self.refuses, "not there")

    def send(self, files: Iterable[Outgoing]) -> Iterator[tuple[Outgoing, str]]:
        for n, each in enumerate(files):
            if n == self.breaks_after:
                raise BrokenError("the connection broke")
            refused = each.sop_instance_uid in self.refuses
            if not refused:
                self.taken.append(each.sop_instance_uid)
            yield each, "no such class" if refused else ""


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def patience(pauses: list[float]) -> Patience:
    return Patience(retries=3, sleep=pauses.append, now=lambda: 0.0)


@pytest.fixture
def files(tmp_path: Path) -> list[Outgoing]:
    folder = tmp_path / "out"
    folder.mkdir()
    for n in range(7):
        (folder / f"{n}.dcm").write_bytes(content(f"1.2.3.{n}"))
    (folder / "notes.txt").write_text("no DICOM")
    (folder / "cut.dcm").write_bytes(content("1.2.3.99")[:140])
    found, remarks = outgoing([folder])
    assert len(remarks) == 1 and remarks[0].startswith("cut.dcm: not sent")
    return found


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_a_pull_goes_on_where_the_connection_broke(
    tmp_path: Path, patience: Patience, pauses: list[float]
) -> None:
    archive = Fragile(instances(10), breaks_after=4)
    done = pull(archive, "A", ASKED, tmp_path, patience=patience)
    assert (done.done, done.failures, done.exit_code) == (10, {}, 0)
    assert sorted(archive.given) == sorted(each.sop_instance_uid for each in archive.held)
    assert pauses == [0.5, 0.5]  # each try got further, so none was longer
    again = pull(archive, "A", ASKED, tmp_path, patience=patience)
    assert (again.done, again.already) == (0, 10)
    assert len(rows(tmp_path / "pull.csv")) == 10


def test_an_archive_that_stays_away_is_tried_ever_more_slowly_and_named(
    tmp_path: Path, patience: Patience, pauses: list[float]
) -> None:
    with pytest.raises(BrokenError, match="broke"):
        pull(Fragile(instances(3), breaks_after=0), "A", ASKED, tmp_path, patience=patience)
    assert pauses == [0.5, 1.0, 2.0]


def test_what_the_archive_cannot_give_is_named_and_the_rest_comes(
    tmp_path: Path, patience: Patience
) -> None:
    archive = Fragile(instances(3), refuses=frozenset({"1.2.3.1"}))
    done = pull(archive, "A", ASKED, tmp_path, patience=patience)
    assert (done.done, done.failures, done.exit_code) == (2, {"1.2.3.1": "not there"}, 1)
    states = [(row["sop_instance_uid"], row["state"]) for row in rows(tmp_path / "pull.csv")]
    assert states == [("1.2.3.0", "done"), ("1.2.3.2", "done"), ("1.2.3.1", "failed")]


def test_half_a_file_is_fetched_again(tmp_path: Path, patience: Patience) -> None:
    archive = Fragile(instances(2))
    pull(archive, "A", ASKED, tmp_path, patience=patience)
    (broken, *_) = sorted(tmp_path.rglob("*.dcm"))
    broken.write_bytes(b"half")
    done = pull(archive, "A", ASKED, tmp_path, patience=patience)
    assert (done.done, done.already) == (1, 1)
    assert broken.read_bytes() == content(broken.stem)


def test_a_full_disk_stops_the_pull_with_a_line_and_keeps_what_is_whole(
    tmp_path: Path, patience: Patience, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = pulling.written_whole

    def full(path: Path) -> object:
        if path.stem == "1.2.3.2":
            raise WriteError("cannot be written: No space left on device", where=path)
        return written(path)

    monkeypatch.setattr(pulling, "written_whole", full)
    done = pull(Fragile(instances(4)), "A", ASKED, tmp_path, patience=patience)
    assert (done.done, done.exit_code) == (2, 1)
    assert "No space left" in done.stopped
    assert [path.stem for path in sorted(tmp_path.rglob("*.dcm"))] == ["1.2.3.0", "1.2.3.1"]
    monkeypatch.undo()
    assert pull(Fragile(instances(4)), "A", ASKED, tmp_path, patience=patience).already == 2


@pytest.mark.parametrize("uid", ["../../evil", "", "1.2/3", "1" * 65])
def test_a_uid_that_is_none_names_no_file(tmp_path: Path, patience: Patience, uid: str) -> None:
    archive = Fragile([Instance("P1", "1.2", "1.2.3", CT, uid)])
    with pytest.raises(RefusedError, match="UID that is none"):
        pull(archive, "A", ASKED, tmp_path, patience=patience)


def test_nothing_that_was_not_asked_for_is_kept(tmp_path: Path, patience: Patience) -> None:
    class Chatty(Fragile):
        def fetch(self, wanted: Sequence[Instance], sink: Sink) -> dict[str, str]:
            sink("9.9.9", content("9.9.9"))
            return super().fetch(wanted, sink)

    pull(Chatty(instances(1)), "A", ASKED, tmp_path, patience=patience)
    assert [path.stem for path in tmp_path.rglob("*.dcm")] == ["1.2.3.0"]


def test_a_patient_without_images_is_said(tmp_path: Path, patience: Patience) -> None:
    done = pull(Fragile([]), "A", ASKED, tmp_path, patience=patience)
    assert done.remarks == ("P1: the archive has nothing of what is asked for",)


def test_a_dry_run_transfers_nothing(
    tmp_path: Path, patience: Patience, files: list[Outgoing]
) -> None:
    archive = Fragile(instances(3))
    looked = pull(archive, "A", ASKED, tmp_path / "in", patience=patience, dry_run=True)
    assert (looked.would, archive.given, (tmp_path / "in").exists()) == (3, [], False)
    report = tmp_path / "push.csv"
    sent = push(archive, "A", files, report, patience=patience, dry_run=True)
    assert (sent.would, archive.taken, report.exists()) == (7, [], False)


def test_a_push_goes_on_where_the_connection_broke_and_sends_nothing_twice(
    tmp_path: Path, patience: Patience, files: list[Outgoing]
) -> None:
    archive = Fragile([], breaks_after=3)
    done = push(archive, "A", files, tmp_path / "push.csv", patience=patience)
    assert (done.done, done.exit_code) == (7, 0)
    assert sorted(archive.taken) == [f"1.2.3.{n}" for n in range(7)]


def test_a_push_that_was_killed_goes_on_after_what_was_acknowledged(
    tmp_path: Path, patience: Patience, files: list[Outgoing]
) -> None:
    report = tmp_path / "push.csv"

    class KilledError(BaseException):
        pass

    def killed(some: int, _: int) -> None:
        if some == 4:
            raise KilledError

    first = Fragile([])
    with pytest.raises(KilledError):
        push(first, "A", files, report, patience=patience, on_progress=killed)
    with report.open("a") as stream:
        stream.write("1.2.3.5,done,")  # a row that the kill cut short
    second = Fragile([])
    done = push(second, "A", files, report, patience=patience)
    assert (done.done, done.already) == (3, 4)
    assert sorted(first.taken + second.taken) == [f"1.2.3.{n}" for n in range(7)]
    # Another archive took nothing yet; a changed file is another instance's content.
    assert push(Fragile([]), "B", files, report, patience=patience).done == 7
    files[0].path.write_bytes(content("1.2.3.0", size=4))
    changed, _ = outgoing([files[0].path])
    assert push(Fragile([]), "A", changed, report, patience=patience).done == 1
    assert push(Fragile([]), "A", files, report, patience=patience, again=True).done == 7


def test_a_refused_class_is_named_and_the_rest_is_sent(
    tmp_path: Path, patience: Patience, files: list[Outgoing]
) -> None:
    archive = Fragile([], refuses=frozenset({"1.2.3.3"}))
    done = push(archive, "A", files, tmp_path / "push.csv", patience=patience)
    assert (done.done, done.failures, done.exit_code) == (6, {"1.2.3.3": "no such class"}, 1)


def test_two_files_of_one_uid_with_other_content_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(content("1.2.3.1"))
    (tmp_path / "b.dcm").write_bytes(content("1.2.3.1"))
    (tmp_path / "c.dcm").write_bytes(content("1.2.3.1", size=2))
    found, remarks = outgoing([tmp_path])
    assert [each.path.name for each in found] == ["a.dcm"]
    assert remarks == ["c.dcm: not sent: the same SOP Instance UID with other content as a.dcm"]


def test_of_a_run_only_the_objects_are_sent(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "P1" / "delineations").mkdir(parents=True)
    (tmp_path / "P1" / "delineations" / "1.dcm").write_bytes(content("1.2.3.1"))
    with pytest.raises(InputError, match=r"no DICOM objects.*recist export"):
        outgoing([tmp_path])
    (tmp_path / "P1" / "dicom").mkdir()
    (tmp_path / "P1" / "dicom" / "2.dcm").write_bytes(content("1.2.3.2"))
    assert [each.sop_instance_uid for each in outgoing([tmp_path])[0]] == ["1.2.3.2"]


def test_the_rate_is_kept() -> None:
    waited: list[float] = []
    clock = [0.0]

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        clock[0] += seconds

    patience = Patience(rate=4, sleep=sleep, now=lambda: clock[0])
    for _ in range(9):
        patience.pace()
    assert clock[0] == pytest.approx(2.0)


def test_a_report_that_is_none_is_refused(tmp_path: Path) -> None:
    report = tmp_path / "push.csv"
    report.write_bytes(b"\xff\xfe\x00binary")
    with pytest.raises(InputError, match="earlier transfer"):
        Ledger(report, "A").done_before()
    assert not Ledger(tmp_path / "none.csv", "A").done_before()


def test_a_report_that_has_no_room_stops_the_transfer(tmp_path: Path) -> None:
    with Ledger(tmp_path / "push.csv", "A") as ledger:
        assert ledger._file is not None
        ledger._file.close()
        ledger._file = Path("/dev/full").open("w")  # noqa: SIM115 - closed by the ledger
        with pytest.raises(WriteError, match=r"push\.csv: cannot be written: No space left"):
            ledger.add("1.2", InstanceState.DONE)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("ftp://A@host:1", "is no archive"),
        ("dicom://host:104", "no AE title"),
        ("dicom://A@host", "no port"),
        ("dicom://A:secret@host:104", "can be seen"),
        ("https://me@host/dicom-web", "can be seen"),
        ("dicom://THIS-TITLE-IS-TOO-LONG@host:104", "is no AE title"),
        ("nowhere", "is no archive"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_its_secrets(url: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as refused:
        Remote(url)
    assert "secret" not in str(refused.value)


def test_c_move_is_no_part_of_dicomweb() -> None:
    with pytest.raises(InputError, match="C-MOVE"):
        Remote("https://host/dicom-web", listen_port=11112)


@pytest.mark.parametrize("patient", ["", " ", "P*", "P?", "P\\Q"])
def test_wild_cards_ask_for_nobody(patient: str) -> None:
    with pytest.raises(InputError):
        Wanted(patient)


def test_a_work_list_is_read(tmp_path: Path) -> None:
    table = tmp_path / "list.csv"
    table.write_text("subject,from,to,modalities\nP1,2024-01-01,,CT PT\nP2,,,\n")
    one, two = read_work_list(table)
    assert (one.patient_id, str(one.since), one.until, one.modalities) == (
        "P1",
        "2024-01-01",
        None,
        ("CT", "PT"),
    )
    assert two == Wanted("P2")
    table.write_text("subject,from\nP1,yesterday\n")
    with pytest.raises(InputError, match=r"list\.csv row 2.*yesterday"):
        read_work_list(table)


def test_each_query_has_an_association_of_its_own_and_no_answer_is_lost() -> None:
    """Two queries in one association race for the first answer inside of pynetdicom."""
    happened: list[str] = []

    def answer(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        happened.append("query")
        level = event.identifier.QueryRetrieveLevel
        for number in range({"STUDY": 2, "SERIES": 3, "IMAGE": 5}[level]):
            found = Dataset()
            found.PatientID, found.StudyDate, found.Modality = "P", "20240304", "CT"
            found.StudyInstanceUID = event.identifier.get("StudyInstanceUID") or f"1.{number}"
            found.SeriesInstanceUID = event.identifier.get("SeriesInstanceUID") or (
                f"{found.StudyInstanceUID}.{number}"
            )
            found.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
            found.SOPInstanceUID = f"{found.SeriesInstanceUID}.{number}"
            yield 0xFF00, found

    server = AE(ae_title="ARCHIVE")
    server.add_supported_context(FIND)
    running = server.start_server(
        ("127.0.0.1", 0),
        block=False,
        evt_handlers=[
            (evt.EVT_C_FIND, answer),
            (evt.EVT_ACCEPTED, lambda _: happened.append("association")),
        ],
    )
    try:
        port = running.server_address[1]
        found = DimseArchive(Remote(f"dicom://ARCHIVE@127.0.0.1:{port}")).find(Wanted("P"))
    finally:
        running.shutdown()
    assert len({each.sop_instance_uid for each in found}) == 2 * 3 * 5
    assert happened == ["association", "query"] * (1 + 2 + 6)
