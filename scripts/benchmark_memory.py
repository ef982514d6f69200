"""Peak memory of each stage of a whole-body PET/CT at 1 mm, beside the least it could be.

    python scripts/benchmark_memory.py [--slices 1000]

1,000 slices of 512 x 512 (CT) and of 256 x 256 (PET) are written to a temporary folder. Each stage
runs in a fresh process, with what comes before it given as it is handed on; what is printed is the
process's peak over its imports. The least is the bytes of what goes in and what comes out.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

MIB = 2**20


def write(root: Path, slices: int, side: int) -> None:
    """A CT and a PET of one examination; files are copies of one with other places."""
    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset  # noqa: PLC0415
    from pydicom.sequence import Sequence  # noqa: PLC0415
    from pydicom.uid import ExplicitVRLittleEndian  # noqa: PLC0415

    for modality, size, sop in (("CT", side, "2"), ("PT", side // 2, "128")):
        folder = root / modality
        folder.mkdir(parents=True)
        image = Dataset()
        image.SOPClassUID, image.Modality = f"1.2.840.10008.5.1.4.1.1.{sop}", modality
        image.StudyInstanceUID, image.SeriesInstanceUID = "1.2.3", f"1.2.3.{sop}"
        image.FrameOfReferenceUID, image.PatientID = "1.2.9", "P1"
        image.StudyDate = image.SeriesDate = image.AcquisitionDate = "20240110"
        image.SeriesTime = image.AcquisitionTime = "110000"
        image.ImageType, image.SeriesDescription = ["ORIGINAL", "PRIMARY", "AXIAL"], "Body"
        image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        image.PixelSpacing, image.SliceThickness = [500 / size] * 2, "1"
        image.Rows = image.Columns = size
        image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
        image.BitsAllocated, image.BitsStored, image.HighBit = 16, 16, 15
        image.PixelRepresentation = 0
        image.RescaleIntercept, image.RescaleSlope = ("-1024", "1") if size == side else ("0", "2")
        image.PatientWeight, image.PatientSize, image.PatientSex = "70", "1.7", "F"
        image.Units, image.DecayCorrection = "BQML", "START"
        image.CorrectedImage = ["ATTN", "DECY", "SCAT"]
        image.Manufacturer = "SIEMENS"
        drug = Dataset()
        drug.RadionuclideTotalDose, drug.RadionuclideHalfLife = "350000000", "6586.2"
        drug.RadiopharmaceuticalStartTime = "100000"
        image.RadiopharmaceuticalInformationSequence = Sequence([drug])
        inside = np.zeros((size, size), dtype=np.uint16)
        body = slice(size // 6, -size // 6)
        inside[size // 4 : -size // 4, body] = 1060
        image.PixelData = inside.tobytes()
        image.SOPInstanceUID = f"1.2.3.{sop}.1000"
        image.ImagePositionPatient = ["-250", "-250", "1000.0"]
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID = image.SOPClassUID
        meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        path = folder / "0000.dcm"
        FileDataset(path, image, file_meta=meta, preamble=bytes(128)).save_as(path)
        content = path.read_bytes()
        for k in range(slices):
            own = content.replace(b"\\1000.0", f"\\{1000 + k}.0"[:7].encode())
            own = own.replace(f"1.2.3.{sop}.1000".encode(), f"1.2.3.{sop}.{1000 + k}".encode())
            (folder / f"{k:04d}.dcm").write_bytes(own)


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def lesion_masks(grid: Any, count: int = 20) -> list[Any]:
    from imaging.volume import Mask  # noqa: PLC0415

    away = np.linalg.norm(np.indices((31, 31, 31)) - 15, axis=0)
    middle = [n // 2 for n in grid.shape]
    step = max((grid.shape[2] - 40) // count, 1)
    return [
        Mask(away <= 15, (middle[0] - 15, middle[1] - 15, n * step), grid) for n in range(count)
    ]


def stage(name: str, root: Path) -> dict[str, float]:
    """One stage, measured in this process."""
    from imaging.catalogue import scan  # noqa: PLC0415

    before, began = peak(), time.process_time()
    visit = scan(root).subjects[0].visits[0]
    if name == "catalogue":
        return _told(before, began, 0)
    work, given, least = PREPARED[name](visit, root)
    # What is handed on to the stage counts as its own.
    before, began = peak() - given, time.process_time()
    handed_back = work()
    return _told(before, began, least + int(getattr(handed_back, "nbytes", 0)))


def _told(before: int, began: float, least: int) -> dict[str, float]:
    return {
        "cpu_s": round(time.process_time() - began, 1),
        "added_mib": round((peak() - before) / MIB),
        "least_mib": round(least / MIB),
        "process_mib": round(peak() / MIB),
    }


Prepared = tuple[Callable[[], object], int, int]


def _read_ct(visit: Any, _: Path) -> Prepared:
    from imaging.read import read_ct  # noqa: PLC0415

    return lambda: read_ct(visit.ct).volume.array, 0, 0


def _read_pet(visit: Any, _: Path) -> Prepared:
    return lambda: _suv(visit).array, 0, 0


def _suv(visit: Any) -> Any:
    from imaging.read import read_pet  # noqa: PLC0415
    from pet.suv import to_suv  # noqa: PLC0415

    read = read_pet(visit.pet)
    return to_suv(read.volume, read.headers)[0]


def _network(visit: Any, _: Path) -> Prepared:
    from imaging.read import read_ct  # noqa: PLC0415
    from segmentation.bundle import load_bundle  # noqa: PLC0415
    from segmentation.infer import delineate  # noqa: PLC0415

    bundle = load_bundle()
    bundle.networks()
    ct, suv = read_ct(visit.ct).volume, _suv(visit)
    given = ct.array.nbytes + suv.array.nbytes
    return lambda: delineate(ct, suv, bundle, device="cpu"), given, given


def _caliper(visit: Any, _: Path) -> Prepared:
    from imaging.read import read_ct  # noqa: PLC0415
    from recist.measure import caliper  # noqa: PLC0415

    masks = lesion_masks(read_ct(visit.ct).volume.grid)
    least = sum(mask.array.nbytes for mask in masks)
    return lambda: [caliper(mask) for mask in masks], 0, least


def _register(visit: Any, _: Path) -> Prepared:
    from imaging.read import read_ct  # noqa: PLC0415
    from imaging.registration import register  # noqa: PLC0415

    ct = read_ct(visit.ct).volume
    return lambda: register(ct, ct), ct.array.nbytes, ct.array.nbytes


def _write_seg(visit: Any, root: Path) -> Prepared:
    from imaging.read import read_ct  # noqa: PLC0415
    from imaging.seg import SegSegment, write_seg  # noqa: PLC0415

    read = read_ct(visit.ct)
    headers = list(read.headers)
    segments = [
        SegSegment(f"L{n}", mask, f"1.2.4.{n}", f"L{n}")
        for n, mask in enumerate(lesion_masks(read.volume.grid), start=1)
    ]
    least = sum(segment.mask.array.nbytes for segment in segments)
    return lambda: write_seg(root / "lesions.seg", segments, headers).unlink(), 0, least


PREPARED: dict[str, Callable[[Any, Path], Prepared]] = {
    "read CT": _read_ct,
    "read PET": _read_pet,
    "network": _network,
    "caliper": _caliper,
    "register": _register,
    "write SEG": _write_seg,
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    arguments.add_argument("--slices", type=int, default=1000)
    arguments.add_argument("--side", type=int, default=512)
    arguments.add_argument("--stages", nargs="*", default=("catalogue", *PREPARED))
    arguments.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.worker:
        name, root = chosen.worker
        print(json.dumps(stage(name, Path(root))))
        return
    with tempfile.TemporaryDirectory() as root:
        write(Path(root), chosen.slices, chosen.side)
        print(f"CT of {chosen.slices} x {chosen.side} x {chosen.side}, PET of half its sides")
        for name in chosen.stages:
            command = [sys.executable, __file__, "--worker", name, root]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode:
                print(f"{name}: failed: {done.stderr.splitlines()[-1:]}")
                continue
            told = json.loads(done.stdout.splitlines()[-1])
            print(
                f"{name}: " + ", ".join(f"{key} {value:g}" for key, value in told.items()),
                flush=True,
            )


if __name__ == "__main__":
    main()
