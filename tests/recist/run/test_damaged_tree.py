"""One tree with a healthy patient and every kind of damaged file at once.

The healthy patient is complete and the same as alone; every damaged file is named in a line. The
job runs in a process of its own under limits: two minutes of processor time, 2,500 MB of memory:
what is known at the first date is followed, which loads both networks.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from recist.phantom.small import DATES, write_small_patient

ROOT = Path(__file__).parents[3]
CPU_SECONDS, MEMORY_MB = 120, 2500

#: Sets the limit, runs the command, and says at the end how much memory it took.
LIMITED = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, ({CPU_SECONDS}, {CPU_SECONDS}))
import atexit
atexit.register(lambda: print(
    "peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr))
from recist.cli import main
main()
"""


def cut(share: float) -> Callable[[bytes], bytes]:
    return lambda data: data[: int(share * len(data))]


def flipped(seed: int) -> Callable[[bytes], bytes]:
    """Fifty bytes of the header written over."""

    def apply(data: bytes) -> bytes:
        chance, changed = random.Random(seed), bytearray(data)
        for _ in range(50):
            changed[chance.randrange(140, min(len(data), 1500))] = chance.randrange(256)
        return bytes(changed)

    return apply


def nested(data: bytes, depth: int = 2000) -> bytes:
    begin = b"\x08\0\x15\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\0\xe0\xff\xff\xff\xff"
    end = b"\xfe\xff\r\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    place = data.index(b"\x10\0\x10\0PN")
    return data[:place] + begin * depth + end * depth + data[place:]


def inflating(data: bytes) -> bytes:
    """A file that inflates to 600 MB."""
    start = data[: 144 + int.from_bytes(data[140:144], "little")]
    start = start.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99")
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = deflater.compress(b"\x08\0\x05\0LO")
    zeros = b"\0" * 10_000_000
    packed += b"".join(deflater.compress(zeros) for _ in range(60)) + deflater.flush()
    grown = int.from_bytes(data[140:144], "little") + 2
    return start[:140] + grown.to_bytes(4, "little") + start[144:] + packed


def frames_that_are_none(data: bytes) -> bytes:
    """Number of Frames (0028,0008) before Rows (0028,0010), of no number."""
    place = data.find(b"\x28\0\x08\0IS")
    if place >= 0:
        length = 8 + int.from_bytes(data[place + 6 : place + 8], "little")
        data = data[:place] + data[place + length :]
    place = data.find(b"\x28\0\x10\0US")
    return data[:place] + b"\x28\0\x08\0IS\x04\0NaN " + data[place:] if place >= 0 else data


BYTES: dict[str, Callable[[bytes], bytes]] = {
    "frames-that-are-none": frames_that_are_none,
    "empty": lambda _: b"",
    "zeros": lambda data: bytes(len(data)),
    "cut-to-a-third": cut(0.3),
    "cut-to-nine-tenths": cut(0.9),
    "deep": nested,
    "bomb": inflating,
    "flipped-1": flipped(1),
    "flipped-2": flipped(2),
}
ELEMENTS: dict[str, Callable[[Dataset], object]] = {
    "no-class": lambda ds: ds.__delitem__("SOPClassUID"),
    "long-name": lambda ds: ds.__setattr__("PatientID", "X" * 5000),
    "named-as-a-table": lambda ds: ds.__setattr__("PatientID", "measurements.csv"),
    "named-as-a-path": lambda ds: ds.__setattr__("PatientID", "../../etc"),
    "no-date": lambda ds: [ds.pop(name, None) for name in ("StudyDate", "SeriesDate")],
    "date-of-zeros": lambda ds: ds.__setattr__("StudyDate", "00000000"),
}
#: The kinds of objects of the small patient, by the name of a file of each.
KINDS = ("CT", "RTSTRUCT.dcm", "RTPLAN.dcm", "RTDOSE.dcm")


def damage(source: Path, folder: Path) -> Iterator[str]:
    """Every damage on every kind of object; the name of each file that was written."""
    folder.mkdir()
    for kind in KINDS:
        whole = source / DATES[0].isoformat() / kind
        if whole.is_dir():
            whole = sorted(whole.iterdir())[3]
        for name, change in BYTES.items():
            file = folder / f"{name}-{whole.stem}.dcm"
            file.write_bytes(change(_another(whole, file.stem)))
            yield file.name
        for name, alter in ELEMENTS.items():
            file = folder / f"{name}-{whole.stem}.dcm"
            dataset = pydicom.dcmread(whole)
            _rename(dataset, file.stem)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # pydicom remarks on what it writes
                alter(dataset)
                dataset.save_as(file)
            yield file.name
    (folder / "notes.dcm").write_text("call the ward")
    (folder / "nowhere.dcm").symlink_to(folder / "nothing")
    (folder / "itself.dcm").symlink_to(folder / "itself.dcm")
    yield from ("notes.dcm", "nowhere.dcm", "itself.dcm")
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe.dcm")
        yield "pipe.dcm"


def _rename(dataset: Dataset, name: str) -> None:
    """Of a patient, study and series of its own, so that it cannot hide among whole files."""
    dataset.PatientID = name
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=["damaged", name])
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=["series", name])
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=["study", name])


def _another(whole: Path, name: str) -> bytes:
    dataset = pydicom.dcmread(whole)
    _rename(dataset, name)
    beside = whole.with_suffix(".part")
    try:
        dataset.save_as(beside)
        return beside.read_bytes()
    finally:
        beside.unlink()


def run(studies: Path, out: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", LIMITED, "run", str(studies), "-o", str(out), "--lesions", "dicom"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "COLUMNS": "10000"},
    )


def answers(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("fingerprint.json", "work.kept")  # hold paths
    }


@pytest.mark.long
@pytest.mark.posix
def test_the_healthy_patient_is_complete_and_every_damaged_file_is_named(tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    write_small_patient(alone / "HEALTHY", "HEALTHY")
    assert run(alone, tmp_path / "reference").returncode == 0
    studies = tmp_path / "studies"
    write_small_patient(studies / "HEALTHY", "HEALTHY")
    names = list(damage(studies / "HEALTHY", studies / "damaged"))
    assert len(names) > 60
    done = run(studies, tmp_path / "out")
    said = done.stderr + done.stdout
    assert done.returncode == 1, said
    assert "Traceback" not in said and "inside the toolkit" not in said
    (peak,) = [int(line.split()[1]) for line in said.splitlines() if line.startswith("peak ")]
    assert peak < MEMORY_MB
    assert answers(tmp_path / "out" / "HEALTHY") == answers(tmp_path / "reference" / "HEALTHY")
    unnamed = [name for name in names if name not in said and Path(name).stem not in said]
    assert not unnamed, said
    assert not [path for path in tmp_path.rglob("*") if path.name == "etc"]
