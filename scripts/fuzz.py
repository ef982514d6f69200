"""Throw damaged files at the readers: whatever goes wrong must be a typed error of that file.

    python scripts/fuzz.py                       # a minute of each target
    python scripts/fuzz.py --seconds 600 dose    # ten minutes of one
    python scripts/fuzz.py --jobs 2              # two targets at a time
    python scripts/fuzz.py --list

A target is a function over the path of a damaged file, with the whole files that it is damaged
from. It may raise ``InputError`` and nothing else. What Hypothesis finds is shrunk, printed and
kept as a file under ``--keep``. Exit code 1 when a target failed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
from fuzz_files import (
    AFFINE,
    SHAPE,
    ct_slices,
    dose,
    drawn,
    file_bytes,
    measurement_table,
    nifti,
    plan,
    registration,
    small_table,
    uid,
)
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from imaging.catalogue import scan
from imaging.contours import axial_grid, rasterise, read_rtstruct
from imaging.dose import read_dose
from imaging.errors import InputError
from imaging.frames_of_reference import read_frame_maps
from imaging.header import Tag, read_header
from imaging.manifest import read_manifest
from imaging.masks import read_label_map, read_seg
from imaging.nifti import read_nifti
from imaging.outlines import write_rtstruct
from imaging.plan import read_plan
from imaging.read import read_ct
from imaging.seg import write_seg
from imaging.series import Series
from imaging.tables.columns import Columns
from imaging.tables.source import opened, small_rows
from imaging.volume import Grid, Unit
from pet.response.uptake_table import assess_pet_table
from recist.patient.overrides import read_overrides
from recist.protocol import load
from recist.run.outcomes import outcomes_file
from recist.run.table import assess_file
from recist.table.events import read_events
from recist.table.layout import MEASUREMENTS
from recist.tracking.links import read_links

OUTCOMES = Columns(("subject", "best_overall"), is_dated=False)

#: A reader that takes this much for a file of a few kilobytes has believed what it should not.
LARGEST_MEMORY_BYTES = 512 * 1024**2
#: Examples of one round of Hypothesis; rounds follow each other until the time is over.
ROUND = 100


@dataclass(frozen=True, slots=True)
class Target:
    """What is fuzzed: the reader, and the whole files that its damaged ones come from."""

    run: Callable[[Path], object]
    seeds: Sequence[bytes]
    name: str = "x.dcm"


# Readers --------------------------------------------------------------------------------------


def look_at_header(path: Path) -> None:
    header = read_header(path, to_pixels=True)
    for tag in Tag:
        header.text(tag), header.numbers(tag), header.integer(tag), header.date(tag)


def draw_contours(path: Path) -> None:
    for roi in read_rtstruct(path).rois:
        if roi.closed:
            rasterise(roi, axial_grid([roi]))


def read_series(path: Path) -> None:
    """The damaged slice among its whole neighbours."""
    files = [path]
    for k, made in enumerate(ct_slices()[1:]):
        files.append(path.with_name(f"whole{k}.dcm"))
        files[-1].write_bytes(file_bytes(made))
    read_ct(Series("1", "CT", tuple(files)))


def catalogue(path: Path) -> None:
    """A damaged file beside a whole patient, who must be found complete."""
    for k, made in enumerate(ct_slices()):
        made.PatientID, made.SeriesInstanceUID = "WHOLE", uid("whole")
        made.SOPInstanceUID = uid(f"whole {k}")
        (path.parent / f"whole{k}.dcm").write_bytes(file_bytes(made))
    found = {subject.id: subject for subject in scan(path.parent).subjects}
    (visit,) = found["WHOLE"].visits
    if visit.ct is None or visit.ct.slices != SHAPE[2]:
        raise AssertionError("the whole patient is not complete")


def targets() -> dict[str, Target]:
    """What can be fuzzed, by name."""
    image = [
        file_bytes(ct_slices()[0], syntax)
        for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
    ]
    rtstruct, seg = drawn(write_rtstruct), drawn(write_seg)
    objects = [rtstruct, seg, dose(), plan(), registration()]
    grid = Grid(SHAPE, AFFINE)
    return {
        "header": Target(look_at_header, [*image, *objects]),
        "ct": Target(read_series, image),
        "rtstruct": Target(draw_contours, [rtstruct]),
        "seg": Target(read_seg, [seg]),
        "dose": Target(read_dose, [dose()]),
        "plan": Target(read_plan, [plan()]),
        "registration": Target(read_frame_maps, [registration()]),
        "nifti": Target(lambda path: read_nifti(path, Unit.HU), [nifti()], "x.nii"),
        "label-map": Target(lambda path: read_label_map(path, grid), [nifti()], "x.nii"),
        "catalogue": Target(catalogue, [*image, *objects]),
    } | table_targets()


# Tables ---------------------------------------------------------------------------------------


def lose_no_row(path: Path) -> None:
    """Every row that pandas finds is read, or the table is refused."""
    found = small_rows(path, MEASUREMENTS)
    text = path.read_bytes().decode("utf-8", "replace")
    with opened(path, MEASUREMENTS) as table:
        if table.notes or '"' in text.replace('"a, ""b"" ä"', ""):
            return  # adapted and told, or quotation marks that pandas follows otherwise
        sign = table.delimiter
    try:
        frame = pd.read_csv(
            io.StringIO(text), sep=sign, dtype=str, keep_default_na=False, index_col=False
        )
    except (pd.errors.ParserError, ValueError):
        return
    rows = sum(any(cell.strip() for cell in row if cell) for row in frame.itertuples(index=False))
    if rows != len(found):
        raise AssertionError(f"{rows} rows, {len(found)} of them read")


def assess_table(path: Path) -> None:
    """Every subject of the table is among the outcomes or among the failed."""
    out = path.parent / "out"
    result = assess_file(path, out)
    subjects = {row["subject"] for _, row in small_rows(path, MEASUREMENTS) if row["subject"]}
    written = {row["subject"] for _, row in small_rows(out / "outcomes.csv", OUTCOMES)}
    if lost := subjects - written - set(result.failed) - {"subject"}:
        raise AssertionError(f"neither assessed nor failed: {lost}")


def table_targets() -> dict[str, Target]:
    """The tables and settings that people write."""
    measured = measurement_table()
    responses = small_table("subject,day,overall", "P1,56,PR", "P1,112,PD", "P2,56,SD")
    uptake = small_table(
        "subject,day,lesion,sul_peak,liver_mean,liver_sd", "A,0,L1,10,2,0.2", "A,56,L1,4,2,0.2"
    )
    events = small_table("subject,day,event", "P1,0,treatment-start", "P1,90,death")
    choices = small_table("subject,lesion,role,organ,nodal", "P1,L1,target,lung,no")
    links = small_table("subject,date,candidate,lesion", "P1,2024-01-01,1,L1")
    settings_ = b'preset = "fda"\nminimum_sd_days = 56\ntoo_small_mm = 5.0\n'
    return {
        "rows": Target(lose_no_row, [measured], "t.csv"),
        "measurements": Target(assess_table, [measured], "t.csv"),
        "responses": Target(lambda p: outcomes_file(p, p.parent / "out"), [responses], "t.csv"),
        "uptake": Target(
            lambda p: assess_pet_table(p, p.parent / "out", failures={}), [uptake], "t.csv"
        ),
        "events": Target(lambda p: read_events(p, has_dates=None, findings=[]), [events], "t.csv"),
        "overrides": Target(read_overrides, [choices], "t.csv"),
        "links": Target(lambda p: read_links(p, "P1"), [links], "t.csv"),
        "protocol": Target(load, [settings_], "p.toml"),
        "manifest": Target(
            read_manifest, [small_table("subject,date,ct", "P1,2024-01-01,a.nii")], "manifest.csv"
        ),
    }


# Damage ---------------------------------------------------------------------------------------

#: What headers are made of, and what upsets those who read them.
_WORDS = (
    *(b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\xfe\xff\0\xe0"),
    *(b"\xfe\xff\r\xe0", b"\xfe\xff\xdd\xe0", b"SQ\0\0\xff\xff\xff\xff", b"NaN ", b"1e99", b"-1"),
    *(b"4_0 ", b"0.0 ", b"\\\\\\\\", b"\xe0\x7f\x10\0", b"ISO 2022 IR 87"),
)


@dataclass(frozen=True, slots=True)
class Edit:
    """One damage: at a share of the file, in a manner, with bytes."""

    place: float
    manner: str
    content: bytes

    def applied(self, data: bytes) -> bytes:
        at = int(self.place * len(data))
        if self.manner == "cut":
            return data[:at]
        if self.manner == "drop":
            return data[:at] + data[at + len(self.content) :]
        if self.manner == "insert":
            return data[:at] + self.content + data[at:]
        if self.manner == "repeat":
            return data[:at] + data[max(at - 64, 0) : at] + data[at:]
        return data[:at] + self.content + data[at + len(self.content) :]


#: "write" comes most often: it keeps what follows in place.
EDITS = st.builds(
    Edit,
    st.floats(0.0, 1.0, exclude_max=True),
    st.sampled_from(["write"] * 6 + ["insert", "drop", "repeat", "cut"]),
    st.one_of(st.sampled_from(_WORDS), st.binary(min_size=1, max_size=8)),
)


def damaged(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """A whole file with one to six damages."""

    def apply(whole: bytes, edits: list[Edit]) -> bytes:
        for edit in edits:
            whole = edit.applied(whole)
        return whole

    return st.builds(apply, st.sampled_from(list(seeds)), st.lists(EDITS, min_size=1, max_size=6))


def fuzz(name: str, target: Target, seconds: float, keep: Path | None, first_seed: int) -> bool:
    """Fuzz one target for so long; whether it held."""
    examples = 0
    last: list[bytes] = []

    def check(data: bytes) -> None:
        nonlocal examples
        examples += 1
        last[:] = [data]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / target.name
            path.write_bytes(data)
            tracemalloc.reset_peak()
            with contextlib.suppress(InputError):
                target.run(path)
            if tracemalloc.get_traced_memory()[1] > LARGEST_MEMORY_BYTES:
                raise MemoryError(f"more than {LARGEST_MEMORY_BYTES} bytes for {len(data)}")

    tracemalloc.start()
    started, held = time.monotonic(), True
    number = first_seed
    while held and time.monotonic() - started < seconds:
        number += 1
        chosen = settings(
            max_examples=ROUND,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink),
        )
        try:
            seed(number)(chosen(given(damaged(target.seeds))(check)))()
        except (Exception, Flaky) as error:
            held = False
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
            if keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{name}-{number}{Path(target.name).suffix}").write_bytes(last[0])
    tracemalloc.stop()
    took = time.monotonic() - started
    print(f"{name}: {examples} files in {took:.0f} s, {'0 untyped errors' if held else 'FAILED'}")
    return held


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="targets; all without any")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target")
    parser.add_argument("--keep", type=Path, help="folder for the files that failed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="targets at a time")
    parser.add_argument("--list", action="store_true", help="names of the targets")
    given_names = parser.parse_args()
    known = targets()
    if given_names.list:
        print("\n".join(known))
        return 0
    unknown = set(given_names.names) - set(known)
    if unknown:
        parser.error(f"no target {', '.join(sorted(unknown))}")
    logging.disable(logging.CRITICAL)  # pydicom and nibabel remark on what they read
    chosen = given_names.names or list(known)
    how = (given_names.seconds, given_names.keep, given_names.seed)
    if given_names.jobs <= 1:
        held = [fuzz(name, known[name], *how) for name in chosen]  # all, whatever one gives
        return 0 if all(held) else 1
    with ProcessPoolExecutor(given_names.jobs, get_context("spawn")) as pool:
        held = list(pool.map(_fuzz_by_name, chosen, *([each] * len(chosen) for each in how)))
    return 0 if all(held) else 1


def _fuzz_by_name(name: str, seconds: float, keep: Path | None, first_seed: int) -> bool:
    """One target in a process of its own."""
    logging.disable(logging.CRITICAL)
    return fuzz(name, targets()[name], seconds, keep, first_seed)


if __name__ == "__main__":
    sys.exit(main())
