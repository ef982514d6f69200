"""An archive of our own: Orthanc on the loopback, started and stopped by the tests."""

from __future__ import annotations

import json
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PLUGINS = Path("/usr/share/orthanc/plugins")
#: Seconds to wait for a server that was started.
START_S = 60


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass(slots=True)
class Orthanc:
    """One server with a folder of its own; it can be killed and started again on the same data."""

    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    dicom_port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)
    move_port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def dimse(self) -> str:
        return f"dicom://ORTHANC@127.0.0.1:{self.dicom_port}"

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.http_port}/dicom-web"

    def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        config = self.folder / "orthanc.json"
        config.write_text(
            json.dumps(
                {
                    "Name": "test",
                    "StorageDirectory": str(self.folder / "db"),
                    "IndexDirectory": str(self.folder / "db"),
                    "RemoteAccessAllowed": True,
                    "AuthenticationEnabled": False,
                    "HttpPort": self.http_port,
                    "DicomPort": self.dicom_port,
                    "DicomAet": "ORTHANC",
                    "DicomCheckCalledAet": True,
                    "DicomAlwaysAllowGet": True,
                    "DicomAlwaysAllowFind": True,
                    "DicomAlwaysAllowMove": True,
                    "DicomModalities": {"recist": ["RECIST", "127.0.0.1", self.move_port]},
                    "Plugins": [str(PLUGINS / "libOrthancDicomWeb.so")],
                    "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
                }
                | self.settings
            )
        )
        binary = shutil.which("Orthanc", path="/usr/sbin:/usr/local/bin:/usr/bin")
        if binary is None:
            pytest.fail("Orthanc is not installed: scripts/services.sh")
        with (self.folder / "log.txt").open("ab") as log:
            self._process = subprocess.Popen([binary, str(config)], stdout=log, stderr=log)
        ends = time.monotonic() + START_S
        while time.monotonic() < ends:
            with socket.socket() as one, socket.socket() as two:
                ports = (one, self.dicom_port), (two, self.http_port)
                if not any(each.connect_ex(("127.0.0.1", port)) for each, port in ports):
                    return
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        pytest.fail((self.folder / "log.txt").read_text()[-2000:])

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=START_S)
            self._process = None

    def instances(self) -> int:
        """How many it holds, as it says itself."""
        url = f"http://127.0.0.1:{self.http_port}/statistics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(json.load(answer)["CountInstances"])


class TlsFront:
    """Takes TLS off in front of a server, as a reverse proxy of a hospital does.

    Orthanc 1.10 of Debian ends with the first request when it is to speak HTTPS itself.
    """

    def __init__(self, server: Orthanc, certificate: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        port = server.http_port

        class Front(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                try:
                    with (
                        context.wrap_socket(self.request, server_side=True) as near,
                        socket.create_connection(("127.0.0.1", port)) as far,
                    ):
                        back = threading.Thread(target=_pipe, args=(far, near))
                        back.start()
                        _pipe(near, far)
                        back.join()
                except (ssl.SSLError, OSError):  # refused by who asked
                    return

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Front)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}/dicom-web"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _pipe(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while held := source.recv(1 << 16):
            target.sendall(held)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def behind_tls() -> Iterator[Callable[[Orthanc, Path], TlsFront]]:
    started: list[TlsFront] = []

    def start(server: Orthanc, certificate: Path) -> TlsFront:
        started.append(TlsFront(server, certificate))
        return started[-1]

    yield start
    for front in started:
        front.stop()


@pytest.fixture(scope="session")
def orthanc_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Orthanc]]:
    started: list[Orthanc] = []

    def start(**settings: Any) -> Orthanc:
        server = Orthanc(tmp_path_factory.mktemp("orthanc"), settings)
        server.start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.kill()
