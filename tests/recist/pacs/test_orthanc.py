"""An archive in use: pull, run, push, pull again; killed half-way; refusals in a line each."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest

from imaging.errors import InputError
from recist.cli import main
from recist.pacs.archive import RefusedError, Wanted
from recist.pacs.connection import connected
from recist.pacs.patience import Patience
from recist.pacs.pull import pull
from recist.pacs.push import outgoing, push
from recist.pacs.remote import Remote
from recist.phantom.study import Truth

from .conftest import Orthanc, TlsFront, free_port

# pynetdicom leaves the socket of a refused connection to the garbage collector.
pytestmark = [
    pytest.mark.pacs,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
PATIENT = "PHANTOM-1"


@pytest.fixture(scope="module")
def studies(phantom: Truth) -> Path:
    return phantom.studies


@pytest.fixture(scope="module")
def server(orthanc_at: Callable[..., Orthanc], studies: Path) -> Orthanc:
    """Holds the phantom."""
    started = orthanc_at()
    assert command("push", started.dimse, studies, "--report", started.folder / "in.csv") == 0
    return started


def command(*arguments: object) -> int:
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(sys, "argv", ["recist", *map(str, arguments)])
        main()
    return int(ended.value.code or 0)


def by_uid(folder: Path) -> dict[str, pydicom.Dataset]:
    found = {}
    for path in folder.rglob("*.dcm"):
        held = pydicom.dcmread(path)
        assert held.SOPInstanceUID not in found, "twice"
        found[str(held.SOPInstanceUID)] = held
    return found


def test_pull_run_push_pull_gives_the_same(
    server: Orthanc, studies: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert command("pull", server.dimse, "-o", tmp_path / "in", "--patient", PATIENT) == 0
    assert by_uid(tmp_path / "in") == by_uid(studies)
    out = tmp_path / "out"
    assert command("run", tmp_path / "in", "-o", out, "--lesions", "dicom", "--dicom") == 0
    assert command("push", server.dimse, out) == 0
    held = server.instances()
    assert command("push", server.web, out) == 0  # the other way in: nothing is doubled
    assert server.instances() == held
    results = by_uid(out / PATIENT / "dicom")
    everything = by_uid(studies) | results
    assert held == len(everything)
    assert command("pull", server.dimse, "-o", tmp_path / "again", "--patient", PATIENT) == 0
    assert by_uid(tmp_path / "again") == everything
    modalities = "SR,SEG,RTSTRUCT,RTDOSE,RTPLAN,DOC"
    asked = ("--patient", PATIENT, "--modality", modalities)
    for name, remote, more in (
        ("web", server.web, ()),
        ("move", server.dimse, ("--listen", server.move_port)),
    ):
        assert command("pull", remote, "-o", tmp_path / name, *asked, *more) == 0
        got = by_uid(tmp_path / name)
        assert got == {
            uid: each for uid, each in everything.items() if each.Modality in modalities.split(",")
        }


def killing(server: Orthanc, after: int) -> Callable[[int, int], None]:
    """Kill the server at an instance, and start it again a moment later."""
    done = threading.Event()

    def restart() -> None:
        server.kill()
        time.sleep(0.5)
        server.start()

    def progress(some: int, _: int) -> None:
        if some >= after and not done.is_set():
            done.set()
            threading.Thread(target=restart).start()

    return progress


def test_a_server_killed_in_the_middle_of_a_push_loses_and_doubles_nothing(
    orthanc_at: Callable[..., Orthanc], studies: Path, tmp_path: Path
) -> None:
    server = orthanc_at()
    files, _ = outgoing([studies / "2024-03-04" / "CT"])
    done = push(
        connected(Remote(server.dimse, timeout_s=5)),
        "A",
        files,
        tmp_path / "push.csv",
        patience=Patience(retries=8),
        on_progress=killing(server, len(files) // 3),
    )
    assert (done.done, done.failures, done.stopped) == (len(files), {}, "")
    assert server.instances() == len(files)


def test_a_server_killed_in_the_middle_of_a_pull_loses_and_doubles_nothing(
    orthanc_at: Callable[..., Orthanc], studies: Path, tmp_path: Path
) -> None:
    server = orthanc_at()
    files, _ = outgoing([studies / "2024-03-04" / "CT", studies / "2024-05-06" / "CT"])
    archive = connected(Remote(server.dimse, timeout_s=5))
    push(archive, "A", files, tmp_path / "push.csv", patience=Patience())
    kill = killing(server, len(files) // 2)
    done = pull(
        archive,
        "A",
        [Wanted(PATIENT)],
        tmp_path / "in",
        patience=Patience(retries=8),
        on_progress=kill,
    )
    assert (done.done, done.failures, done.stopped) == (len(files), {}, "")
    assert set(by_uid(tmp_path / "in")) == {each.sop_instance_uid for each in files}


@pytest.mark.parametrize("way", ["pull", "push"])
def test_a_transfer_that_is_killed_itself_goes_on(
    orthanc_at: Callable[..., Orthanc], studies: Path, tmp_path: Path, way: str
) -> None:
    server = orthanc_at()
    source = studies / "2024-03-04" / "CT"
    files, _ = outgoing([source])
    report = tmp_path / "report.csv"
    if way == "pull":
        push(connected(Remote(server.dimse)), "A", files, tmp_path / "p.csv", patience=Patience())
        words = ["pull", server.dimse, "-o", tmp_path / "in", "--patient", PATIENT]
    else:
        words = ["push", server.dimse, source]
    words += ["--report", report]
    code = "import sys; from recist.cli import main; sys.argv[0] = 'recist'; main()"
    process = subprocess.Popen([sys.executable, "-c", code, *map(str, words), "--rate", "20"])
    ends = time.monotonic() + 60
    while not (report.is_file() and len(report.read_text().splitlines()) > 10):
        assert time.monotonic() < ends and process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert command(*words) == 0
    assert server.instances() == len(files)
    if way == "pull":
        assert set(by_uid(tmp_path / "in")) == {each.sop_instance_uid for each in files}
        assert not [path for path in (tmp_path / "in").rglob(".*") if path.suffix == ".dcm"]


def test_a_wrong_ae_title_and_a_port_without_a_server_are_a_line(
    server: Orthanc, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("-o", tmp_path / "in", "--patient", PATIENT, "--retries", "0")
    assert command("pull", server.dimse.replace("ORTHANC", "NOBODY"), *asked) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1 and "Called AE title not recognised" in told[0]
    assert command("pull", f"dicom://ORTHANC@127.0.0.1:{free_port()}", *asked) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1 and "cannot be reached" in told[0]
    nobody = f"http://127.0.0.1:{free_port()}/dicom-web"
    assert command("pull", nobody, *asked) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1 and "cannot be reached" in told[0]


def test_a_context_that_is_refused_is_named_and_the_rest_is_sent(
    server: Orthanc, studies: Path, tmp_path: Path
) -> None:
    """Orthanc of Debian knows no LABELMAP segmentation."""
    source = next((studies / "2024-07-08" / "SEG").iterdir())
    held = pydicom.dcmread(source)
    newer = "1.2.840.10008.5.1.4.1.1.66.7"
    held.SOPClassUID = held.file_meta.MediaStorageSOPClassUID = newer
    held.SOPInstanceUID = held.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    held.save_as(tmp_path / "labelmap.dcm")
    files, _ = outgoing([tmp_path / "labelmap.dcm", source])
    archive = connected(Remote(server.dimse))
    done = push(archive, "A", files, tmp_path / "push.csv", patience=Patience())
    assert (done.done, done.exit_code) == (1, 1)
    assert f"refuses {newer} in Explicit VR Little Endian" in done.failures["1.2.3.4"]


def test_a_password_is_asked_for_and_given(
    orthanc_at: Callable[..., Orthanc], studies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = orthanc_at(AuthenticationEnabled=True, RegisteredUsers={"reader": "s3cret"})
    with pytest.raises(RefusedError, match="401"):
        connected(Remote(server.web)).find(Wanted(PATIENT))
    monkeypatch.setenv("RECIST_PACS_PASSWORD", "s3cret")
    assert connected(Remote(server.web, user="reader")).find(Wanted(PATIENT)) == []


def test_a_certificate_is_checked(orthanc_at: Callable[..., Orthanc], tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    server = orthanc_at(
        DicomTlsEnabled=True,
        DicomTlsCertificate=str(certificate),
        DicomTlsPrivateKey=str(key),
        DicomTlsTrustedCertificates=str(certificate),
        DicomTlsRemoteCertificateRequired=False,
    )
    address = server.dimse.replace("dicom:", "dicoms:")
    with pytest.raises(InputError, match="cannot be reached"):
        connected(Remote(address)).find(Wanted(PATIENT))
    with pytest.raises(InputError, match="cannot be reached"):  # not in the clear
        connected(Remote(server.dimse, timeout_s=3)).find(Wanted(PATIENT))
    assert connected(Remote(address, ca_file=certificate)).find(Wanted(PATIENT)) == []


def authority(folder: Path, name: str, host: str) -> tuple[Path, Path]:
    """A certificate authority, and a server's key and certificate in one file that it signed."""
    folder.mkdir()

    def openssl(*words: object) -> None:
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, cwd=folder)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 2, "-subj", f"/CN={name}",
            "-keyout", "ca.key", "-out", "ca.pem")  # fmt: skip
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=archive",
            "-keyout", "own.key", "-out", "own.csr")  # fmt: skip
    (folder / "names").write_text(f"subjectAltName={host}\n")
    openssl("x509", "-req", "-in", "own.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", 2,
            "-CAcreateserial", "-extfile", "names", "-out", "own.pem")  # fmt: skip
    both = folder / "server.pem"
    both.write_bytes((folder / "own.key").read_bytes() + (folder / "own.pem").read_bytes())
    return folder / "ca.pem", both


def test_dicomweb_over_https_asks_for_a_certificate_that_is_trusted(
    orthanc_at: Callable[..., Orthanc],
    behind_tls: Callable[[Orthanc, Path], TlsFront],
    studies: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    trusted, certificate = authority(tmp_path / "house", "House CA", "IP:127.0.0.1")
    other, _ = authority(tmp_path / "other", "Another CA", "IP:127.0.0.1")
    address = behind_tls(orthanc_at(), certificate).url
    source = studies / "2024-03-04" / "RTSTRUCT"
    report = ("--report", tmp_path / "push.csv")
    for trust in ((), ("--ca-file", other)):
        assert command("push", address, source, "--retries", "0", *report, *trust) == 2
        told = capsys.readouterr().err.strip().splitlines()
        assert len(told) == 1 and "its certificate is not trusted" in told[0]
    ours = ("--ca-file", trusted)
    assert command("push", address, source, *report, *ours) == 0
    assert command("pull", address, "-o", tmp_path / "in", "--patient", PATIENT, *ours) == 0
    assert by_uid(tmp_path / "in") == by_uid(source)
    capsys.readouterr()
    clear = address.replace("https:", "http:")
    asked = ("pull", clear, "-o", tmp_path / "clear", "--patient", PATIENT, "--retries", "0")
    assert command(*asked) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    (tmp_path / "damaged.pem").write_text("no certificate")
    for name in ("missing.pem", "damaged.pem"):
        again = ("--again", "--retries", "0", "--ca-file", tmp_path / name)
        assert command("push", address, source, *report, *again) == 2
        told = capsys.readouterr().err.strip().splitlines()
        assert len(told) == 1 and name in told[0]


def test_a_certificate_of_another_host_is_refused(
    server: Orthanc, behind_tls: Callable[[Orthanc, Path], TlsFront], tmp_path: Path
) -> None:
    trusted, certificate = authority(tmp_path / "house", "House CA", "DNS:elsewhere.example")
    address = behind_tls(server, certificate).url
    with pytest.raises(InputError, match="certificate is not trusted"):
        connected(Remote(address, ca_file=trusted)).find(Wanted(PATIENT))


def test_a_full_disk_is_a_line_and_what_came_stays(
    server: Orthanc, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    full = tmp_path / "full"
    full.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", full], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.fail(f"a small file system is needed: {mounted.stderr.decode()}")
    try:
        code = command("pull", server.dimse, "-o", full, "--patient", PATIENT, "--modality", "CT")
        told = capsys.readouterr().err.strip().splitlines()
        stopped = [line for line in told if line.startswith("stopped:")]
        assert (code, len(stopped), len(told)) == (1, 1, 3)  # with the counts and the notice
        assert "No space left on device" in stopped[0]
        kept = list(full.rglob("*.dcm"))
        assert kept and all(path.stat().st_size > 70_000 for path in kept)
    finally:
        subprocess.run(["umount", full], check=True)
