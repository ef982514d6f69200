"""Work written into the folder of a patient's results, and taken up again.

``work.kept`` (JSON) holds what is small, ``objects`` the arrays. Volumes are not copied: boxes of
the CT are kept around each picture and around each lesion that a later date would be searched for,
and the first CT as registration sees it. What lies beyond is read from the images where they were.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydicom import Dataset

from imaging.collector import without_collector
from imaging.errors import InputError
from imaging.partial import Box, LaterHeaders, PartialVolume
from imaging.read import Reading, read_ct, read_pet
from imaging.read_json import read_json
from imaging.series import Visit
from imaging.stored import Headers
from imaging.volume import Array, Grid, Index3, Unit, Volume
from imaging.writing import write_text
from pet.suv import to_suv
from recist.patient.corrections.correction_tables import corrections_in
from recist.patient.corrections.said import Corrections
from recist.patient.examination import Examination
from recist.patient.irradiation import treatment_of
from recist.patient.options import LIMIT_MB
from recist.patient.work.codec import decoded, encoded
from recist.patient.work.images import KeptImages
from recist.patient.work.memory import Memory
from recist.patient.work.observed import Later, ObservedDate, Work
from recist.patient.work.store import ArrayStore
from recist.version import __version__

FOLDER = "work"
WORK = "work.kept"
#: The corrections that the results follow.
APPLIED = "applied"
#: The form of what is kept. Kept values name the modules of their types: moving one of those
#: makes a new form, which says so instead of failing on a name.
SCHEMA = 5


@dataclass(frozen=True, slots=True)
class _Placed:
    """A volume without its voxels."""

    grid: Grid
    unit: Unit
    source: str


def keep(work: Work, folder: Path, *, limit_mb: float = LIMIT_MB) -> bool:
    """Write work into a folder of its own; whether it fitted.

    Args:
        limit_mb: boxes of images are left out where all would be larger; what is larger without
            them is not kept.
    """
    for with_images in (True, False):
        shutil.rmtree(folder, ignore_errors=True)
        store = ArrayStore(folder)
        try:
            with without_collector():
                kept = _kept(work, store, with_images)
        finally:
            size_bytes = store.written_bytes()
        text = json.dumps(kept, separators=(",", ":"))
        if size_bytes + len(text) <= limit_mb * 1e6:
            write_text(folder / WORK, text)
            return True
    shutil.rmtree(folder, ignore_errors=True)
    return False


def carry_over(old: Path, new: Path) -> None:
    """Kept work into the folder that takes the place of the one it is in; files are shared."""
    if (old / WORK).is_file():
        shutil.copytree(old, new, copy_function=share)


def share(source: str | Path, target: str | Path) -> str | Path:
    """A file at a second place, without its bytes twice where the file system can."""
    try:
        Path(target).hardlink_to(source)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, target)
    return target


def is_kept(folder: Path) -> bool:
    """Whether a folder holds work."""
    return (folder / WORK).is_file()


def applied(folder: Path, subject: str) -> Corrections:
    """The corrections that the results in the folder of a patient follow."""
    return corrections_in(folder / FOLDER / APPLIED, subject)


def take_up(folder: Path) -> Work:
    """Work that was kept.

    Raises:
        InputError: there is none, it is damaged, or another version kept it.
    """
    path = folder / WORK
    try:
        kept = read_json(path)
        known = (kept["schema"], kept["version"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        remedy = "run the patient again, without --no-cache"
        raise InputError("no work of an earlier run is kept", where=path, remedy=remedy) from error
    if known != (SCHEMA, __version__):
        what = (
            f"kept by version {known[1]} in form {known[0]}, this is {__version__}, form {SCHEMA}"
        )
        raise InputError(what, where=path, remedy="run the patient again")
    store = ArrayStore(folder)
    parts = {name: decoded(part, store) for name, part in kept["work"].items()}
    visits = [*parts["subject"].visits, *parts["subject"].treatment]
    images = kept["images"]
    dates = tuple(
        _date(each, images.get(str(each["day"]), {}), store) for each in parts.pop("dates")
    )
    memory = Memory(dict(parts.pop("memory")))
    return Work(dates=dates, memory=memory, treatment=Later(lambda: treatment_of(visits)), **parts)


# --- writing -------------------------------------------------------------------------------------

_WHOLE = (
    "subject",
    "zero",
    "events",
    "terms",
    "planning",
    "planning_remarks",
    "treatment_remarks",
    "treatment_unreadable",
    "treatment_origin",
)


def _kept(work: Work, store: ArrayStore, with_images: bool) -> dict[str, Any]:
    parts = {name: getattr(work, name) for name in _WHOLE}
    parts["memory"] = tuple(work.memory.asked.items())
    parts["dates"] = tuple(_without_voxels(each) for each in work.dates)
    kept = {name: encoded(part, store) for name, part in parts.items()}
    images = KeptImages.of(work) if with_images else KeptImages()
    form = {"schema": SCHEMA, "version": __version__, "work": kept}
    return form | {"images": _kept_images(images, store)}


def _kept_images(images: KeptImages, store: ArrayStore) -> dict[str, Any]:
    """By day. They are seldom asked for again, and read only then."""
    days = sorted({*images.boxes, *images.reductions})
    return {
        str(day): {
            "boxes": [
                {"start": list(box.start), "array": encoded(box.array, store)}
                for box in images.boxes.get(day, ())
            ],
            "reductions": [
                {"spacing_mm": spacing_mm, "array": encoded(tones, store)}
                for spacing_mm, tones in images.reductions.get(day, {}).items()
            ],
        }
        for day in days
    }


def _without_voxels(date: ObservedDate) -> dict[str, object]:
    """The parts of a date as plain values; voxels are left where they are."""
    examination = date.examination
    ct, suv = examination.ct, examination.suv
    return {
        "visit": examination.visit,
        "day": examination.day,
        "ct": _Placed(ct.volume.grid, ct.volume.unit, ct.volume.source),
        "headers": ct.headers.files if isinstance(ct.headers, Headers) else len(ct.headers),
        "sop_instance_uids": ct.sop_instance_uids,
        "slice_thickness_mm": ct.slice_thickness_mm,
        "ct_warnings": ct.warnings,
        "suv": None if suv is None else _Placed(suv.grid, suv.unit, suv.source),
        "audit": examination.audit,
        "warnings": examination.warnings,
        "problems": examination.problems,
        "found": date.found,
        "sized": date.sized,
        "registration": date.registration,
        "followed": date.followed,
        "node_regions": date.node_regions,
        "pet": date.pet,
        "technique": date.technique,
        "found_before": date.found_before,
        "origin": date.origin,
        "drawings": date.drawings,
    }


# --- reading -------------------------------------------------------------------------------------


def _date(
    kept: dict[str, Any], images: Mapping[str, list[dict[str, Any]]], store: ArrayStore
) -> ObservedDate:
    visit: Visit = kept["visit"]
    alone = visit.ct is None
    ct_of = Later(lambda: _pet_of(visit) if alone else _read(visit, read_ct, "ct"))
    placed: _Placed = kept["ct"]
    ct = Reading(
        _partial(placed, lambda: ct_of().volume.array, images, store),
        _headers(kept["headers"], lambda: ct_of().headers),
        kept["sop_instance_uids"],
        kept["slice_thickness_mm"],
        kept["ct_warnings"],
    )
    suv = (
        None
        if kept["suv"] is None
        else _partial(kept["suv"], lambda: _pet_of(visit).volume.array, {}, store)
    )
    suv = ct.volume if alone else suv
    examination = Examination(
        visit,
        kept["day"],
        ct,
        suv,
        kept["audit"],
        kept["warnings"],
        kept["problems"],
    )
    return ObservedDate(
        examination,
        kept["found"],
        kept["sized"],
        kept["registration"],
        kept["followed"],
        kept["node_regions"],
        kept["pet"],
        kept["technique"],
        kept["found_before"],
        kept["origin"],
        kept["drawings"],
    )


def _headers(
    kept: int | tuple[Path, ...], fetch: Callable[[], Sequence[Dataset]]
) -> Sequence[Dataset]:
    """Headers that are parsed when asked for: of a file each, or with their images."""
    return LaterHeaders(kept, fetch) if isinstance(kept, int) else Headers(kept)


def _partial(
    placed: _Placed,
    fetch: Callable[[], Array],
    images: Mapping[str, list[dict[str, Any]]],
    store: ArrayStore,
) -> Volume:
    """A volume of which parts are kept."""

    def later(kept: Any) -> Callable[[], Array]:
        return Later(lambda: decoded(kept, store))

    boxes = tuple(
        Box(_index3(each["start"]), _index3(each["array"]["s"]), later(each["array"]))
        for each in images.get("boxes", ())
    )
    reductions = {
        float(each["spacing_mm"]): later(each["array"]) for each in images.get("reductions", ())
    }
    return PartialVolume(
        placed.grid, placed.unit, placed.source, fetch, boxes, reductions=reductions
    )


def _index3(kept: Sequence[int]) -> Index3:
    i, j, k = (int(n) for n in kept)
    return i, j, k


def _read(visit: Visit, read: Callable[[Any], Reading], kind: str) -> Reading:
    """A series, from where it was."""
    try:
        return read(getattr(visit, kind))
    except (InputError, OSError) as error:
        what = error.what if isinstance(error, InputError) else "its files cannot be read"
        raise InputError(
            f"the {kind.upper()} of {visit.date} is needed and is not where it was: {what}",
            remedy="put the images back, or run the patient again",
        ) from error


def _pet_of(visit: Visit) -> Reading:
    """A PET as SUV."""
    reading = _read(visit, read_pet, "pet")
    return replace(reading, volume=to_suv(reading.volume, reading.headers)[0])
