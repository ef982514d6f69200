"""Many patients: what each costs, and what the main process holds.

    python scripts/benchmark_patients.py --phantoms 1 4 16 64 256
    python scripts/benchmark_patients.py --simulated 1000 10000 100000

Phantom patients of three small CTs go through the whole job; simulated ones have a CT of a few
pixels at two dates and a stub in place of the work on images, and go through the real catalogue,
batch, tables over all patients and ``--resume``, in two workers. Each number of patients is a fresh
process: processor seconds per patient, the memory of the main process beside that of its imports
alone, and that of its largest worker.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

PHANTOMS, SIMULATED = (1, 4, 16, 64, 256), (500, 1000, 2000, 4000)
#: Of a phantom patient; the same number of characters for each, too.
PHANTOM_NAME = "PHANT-000"
#: Of a simulated patient; the same number of characters for each, so that files are copies.
NAME, UID = "P1000000", "1.2.3.1000000"
DATES = ("20240110", "20240306")
#: The fewest that count as a series of images.
SLICES = 5
ROWS = "subject,date,lesion,status,diameter_mm\n" + "{0},2024-01-10,L1,measured,20\n" * 12
#: Patients at a time.
JOBS = {"phantoms": 1, "simulated": 2}
#: Tells workers, which begin by reading this file, that there is nothing to do on images.
STUB = "RECIST_BENCHMARK_STUB"
#: Every UID that pydicom makes begins so; the digits that follow tell copies of a phantom apart.
MADE_UID = re.compile(rb"(1\.2\.826\.0\.1\.3680043\.8\.498\.)\d{3}")


def spent() -> float:
    """Processor seconds of this process and of its workers that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def resident_mib() -> float:
    """Of this process now; its peak where the system does not tell."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def peak_mib(whose: int = resource.RUSAGE_SELF) -> float:
    return resource.getrusage(whose).ru_maxrss / 1024


def write_phantoms(root: Path, count: int) -> None:
    """One small phantom, and copies of it under other names and UIDs."""
    from recist.phantom.small import write_small_patient  # noqa: PLC0415 - a fresh process

    first = root / "phantom"
    write_small_patient(first, PHANTOM_NAME)
    files = [path for path in sorted(first.rglob("*")) if path.is_file()]
    for number in range(count):
        name = f"PHANT-{number:03d}".encode()
        for path in files:
            content = path.read_bytes().replace(PHANTOM_NAME.encode(), name)
            content = MADE_UID.sub(rb"\g<1>%03d" % (100 + number), content)
            place = root / "studies" / name.decode() / path.relative_to(first)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)


def write_simulated(root: Path, count: int) -> None:
    """Patients with a CT of a few small slices at each date."""
    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset  # noqa: PLC0415
    from pydicom.uid import ExplicitVRLittleEndian  # noqa: PLC0415

    written = {}
    for (number, date), k in itertools.product(enumerate(DATES), range(SLICES)):
        image = Dataset()
        image.SOPClassUID, image.Modality = "1.2.840.10008.5.1.4.1.1.2", "CT"
        image.SOPInstanceUID = f"{UID}.{number}.1.{k + 1}"
        image.StudyInstanceUID, image.SeriesInstanceUID = f"{UID}.{number}", f"{UID}.{number}.1"
        image.FrameOfReferenceUID, image.PatientID = f"{UID}.{number}.9", NAME
        image.StudyDate = image.SeriesDate = image.AcquisitionDate = date
        image.ImageType, image.SeriesDescription = ["ORIGINAL", "PRIMARY", "AXIAL"], "Thorax"
        image.ImagePositionPatient, image.ImageOrientationPatient = (
            [0, 0, 3 * k],
            [1, 0, 0, 0, 1, 0],
        )
        image.PixelSpacing, image.SliceThickness = [1, 1], "3"
        image.Rows = image.Columns = 16
        image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
        image.BitsAllocated, image.BitsStored, image.HighBit = 16, 16, 15
        image.PixelRepresentation, image.RescaleIntercept, image.RescaleSlope = 0, "-1024", "1"
        image.PixelData = bytes(512)
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID = image.SOPClassUID
        meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        path = root / "template"
        FileDataset(path, image, file_meta=meta, preamble=bytes(128)).save_as(path)
        written[f"{date}-{k}.dcm"] = path.read_bytes()
        path.unlink()
    for number in range(count):
        digits = str(1_000_000 + number)
        folder = root / "studies" / digits[:4] / f"P{digits}"
        folder.mkdir(parents=True)
        for name, content in written.items():
            own = content.replace(NAME.encode(), f"P{digits}".encode())
            (folder / name).write_bytes(own.replace(UID.encode(), f"1.2.3.{digits}".encode()))


def stub_the_work() -> None:
    """Stand-ins for what is done with images; all that keeps account of patients stays."""
    from recist.patient import pipeline  # noqa: PLC0415 - a fresh process
    from recist.run import fingerprint, patient_folder  # noqa: PLC0415

    def assess(subject: Any, *_: object, **__: object) -> Any:
        course = SimpleNamespace(subject=subject.id)
        work = SimpleNamespace(
            subject=subject, dates=(), treatment_remarks=(), treatment_unreadable=()
        )
        return SimpleNamespace(result=SimpleNamespace(problems=(), course=course), work=work)

    def write(answer: Any, folder: Path, **_: object) -> tuple[()]:
        name = answer.result.course.subject
        (folder / "report.html").write_text(f"<p>{name}</p>")
        (folder / "measurements.csv").write_text(ROWS.format(name))
        return ()

    def summarise(result: Any) -> dict[str, str]:
        columns = ("dates", "first", "last", "targets", "best", "progression")
        return {"subject": result.course.subject, "status": "done", **dict.fromkeys(columns, "x")}

    pipeline.assess_subject, patient_folder.write_patient = assess, write  # type: ignore[assignment]
    fingerprint.summarise = summarise


def measured(kind: str, count: int, folder: Path) -> dict[str, float]:
    """The whole job on so many patients, in this process."""
    from recist.patient.options import Options  # noqa: PLC0415 - counted as an import
    from recist.run import batch  # noqa: PLC0415

    options = Options.create(lesions="dicom")
    before = resident_mib()
    found: dict[str, float] = {"patients": count, "imports_mib": round(before)}
    for name, resume in (("run", False), ("resume", True)):
        began, since = spent(), time.perf_counter()
        done = batch.run(
            folder / "studies", folder / "out", options, resume=resume, jobs=JOBS[kind]
        )
        assert len(done.subjects) == count, done.failures[:3]
        assert not done.failures, done.failures[:3]
        found[f"{name}_ms_each"] = round(1000 * (spent() - began) / count, 2)
        found[f"{name}_elapsed_s"] = round(time.perf_counter() - since, 1)
        indexed = json.loads((folder / "out" / "run.json").read_text())["seconds_to_index"]
        found[f"{name}_catalogue_s"] = indexed
    found["peak_mib"] = round(peak_mib())
    found["worker_peak_mib"] = round(peak_mib(resource.RUSAGE_CHILDREN))
    found["added_kib_each"] = round(1024 * (peak_mib() - before) / count, 1)
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    arguments.add_argument("--phantoms", type=int, nargs="*", default=PHANTOMS)
    arguments.add_argument("--simulated", type=int, nargs="*", default=SIMULATED)
    arguments.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.worker:
        kind, count, folder = chosen.worker
        print(json.dumps(measured(kind, int(count), Path(folder))))
        return
    writers = {"phantoms": write_phantoms, "simulated": write_simulated}
    for kind, counts in (("phantoms", chosen.phantoms), ("simulated", chosen.simulated)):
        for count in counts:
            with tempfile.TemporaryDirectory() as name:
                writers[kind](Path(name), count)
                command = [sys.executable, __file__, "--worker", kind, str(count), name]
                told = os.environ | ({STUB: "1"} if kind == "simulated" else {})
                done = subprocess.run(
                    command, check=True, stdout=subprocess.PIPE, text=True, env=told
                )
            figures = json.loads(done.stdout.splitlines()[-1])
            print(
                f"{kind}: " + ", ".join(f"{key} {value:g}" for key, value in figures.items()),
                flush=True,
            )


if __name__ == "__mp_main__" and STUB in os.environ:  # a worker
    stub_the_work()
if __name__ == "__main__":
    main()
