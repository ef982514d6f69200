"""An archive of our own: Orthanc on the loopback, started and stopped by the tests."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
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
