"""Readers who scroll at once in the reading room: how long slices take, and how much memory.

    python scripts/benchmark_room.py [RESULTS] [--readers 20] [--a-second 5] [--seconds 20]

RESULTS are those of ``recist run``, whose images still lie where they were; without them a small
phantom is written and assessed. Prepared images are thrown away first. Each reader opens the
patient, and then asks for one axial slice after the other of a date of his own, at a steady pace
and then as fast as they come. Clients and server share the processors. Printed: the median and the
95th percentile from asking to having a slice, those of a re-assessment after a change (which is
taken back), and the largest memory of the server.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import random
import shutil
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from recist.patient.options import Options
from recist.phantom.small import write_small_patient
from recist.run import batch

TOKEN = "benchmark"


def serve(results: Path, port: int) -> None:
    import uvicorn  # noqa: PLC0415 - in the server's process only

    from recist.review.web.app import create_app  # noqa: PLC0415

    host = f"127.0.0.1:{port}"
    app = create_app(results, hosts=[host], token=TOKEN, reader="benchmark")
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


class Reader:
    """One browser: a connection that stays open, with its session."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self.connection.request("GET", f"/?token={TOKEN}")
        answer = self.connection.getresponse()
        answer.read()
        self.headers = {"Cookie": (answer.getheader("Set-Cookie") or "").split(";")[0]}

    def get(self, path: str) -> bytes:
        self.connection.request("GET", f"/api/{path}", headers=self.headers)
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status}")
        return content

    def post(self, path: str, body: object, csrf: str) -> None:
        sent = {**self.headers, "X-CSRF-Token": csrf, "Content-Type": "application/json"}
        self.connection.request("POST", f"/api/{path}", json.dumps(body), sent)
        answer = self.connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status}")


def scroll(
    port: int, subject: str, number: int, pace: tuple[float, float], taken_ms: list[float]
) -> None:
    """Slices up and down through one date.

    Args:
        pace: how many seconds in all, and from one slice to the next.
    """
    seconds, pause_s = pace
    reader, draw = Reader(port), random.Random(number)
    page = json.loads(reader.get(f"patients/{subject}"))
    dates = [each for each in page["dates"] if each["images"]["ct"]]
    date = dates[number % len(dates)]
    slices = date["images"]["ct"]["shape"][2]
    n, step, until = draw.randrange(slices), 1, time.perf_counter() + seconds
    time.sleep(draw.random() * pause_s)
    while (begun := time.perf_counter()) < until:
        reader.get(f"patients/{subject}/images/{date['date']}/ct/axial/{n}")
        took = time.perf_counter() - begun
        taken_ms.append(1000 * took)
        if not 0 <= n + step < slices:
            step = -step
        n += step
        time.sleep(max(pause_s - took, 0.0))


def scrolled(port: int, subject: str, readers: int, seconds: float, pause_s: float) -> str:
    """What all readers waited."""
    taken_ms: list[float] = []
    threads = [
        threading.Thread(target=scroll, args=(port, subject, n, (seconds, pause_s), taken_ms))
        for n in range(readers)
    ]
    _all(threads)
    return f"{spread(taken_ms)}, {len(taken_ms) / seconds:.0f} slices a second"


def _all(threads: Sequence[threading.Thread]) -> None:
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def reassessed(port: int, subject: str, times: int = 10) -> str:
    """A change of one lesion at the last date, and its undoing, each with its new answer."""
    reader = Reader(port)
    csrf = json.loads(reader.get("session"))["csrf"]
    taken_ms: list[float] = []

    def timed(do: Callable[[], None]) -> None:
        begun = time.perf_counter()
        do()
        taken_ms.append(1000 * (time.perf_counter() - begun))

    for _ in range(times):
        page = json.loads(reader.get(f"patients/{subject}"))
        change = {
            "kind": "status",
            "date": page["dates"][-1]["date"],
            "lesion": page["lesions"][0]["id"],
            "status": "absent",
        }
        said = {"version": page["version"], "changes": [change]}
        timed(lambda said=said: reader.post(f"patients/{subject}/changes", said, csrf))
        page = json.loads(reader.get(f"patients/{subject}"))
        back = {"version": page["version"]}
        timed(lambda back=back: reader.post(f"patients/{subject}/undo", back, csrf))
    return f"{spread(taken_ms)}, largest {max(taken_ms):.0f} ms"


def spread(taken_ms: Sequence[float]) -> str:
    ordered = sorted(taken_ms)
    high = ordered[int(0.95 * (len(ordered) - 1))]
    return f"median {statistics.median(ordered):.0f} ms, 95 % below {high:.0f} ms"


def memory_mb(pid: int) -> str:
    """The largest that a process was; Linux only."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return "not known here"
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return f"{int(kilobytes) / 1024:.0f} MB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, nargs="?")
    parser.add_argument("--readers", type=int, default=20)
    parser.add_argument("--a-second", type=float, default=5.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        results = Path(name) / "results"
        if asked.results is None:
            write_small_patient(Path(name) / "studies")
            batch.run(Path(name) / "studies", results, Options.create(lesions="dicom"))
        else:
            shutil.copytree(asked.results, results)
        shutil.rmtree(results / "review", ignore_errors=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = multiprocessing.get_context("spawn").Process(target=serve, args=(results, port))
        server.start()
        try:
            while True:
                try:
                    reader = Reader(port)
                    break
                except OSError:
                    time.sleep(0.1)
            subject = json.loads(reader.get("patients"))["patients"][0]["subject"]
            how = (asked.readers, asked.seconds)
            print(
                f"{asked.readers} readers, {asked.a_second:g} slices a second each, from the "
                f"first moment on: {scrolled(port, subject, *how, 1 / asked.a_second)}"
            )
            print(f"as fast as they come: {scrolled(port, subject, *how, 0.0)}")
            print(f"re-assessment: {reassessed(port, subject)}")
            print(f"largest memory of the server: {memory_mb(server.pid or 0)}")
        finally:
            server.terminate()
            server.join()


if __name__ == "__main__":
    main()
