"""The images of all subjects: found by their headers, prepared on the disk when first asked for."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from imaging.errors import InputError
from imaging.read import Slices, read_ct, read_headers, read_pet
from imaging.read_json import read_json
from imaging.registration import Registration
from imaging.series import Series, Subject, Visit
from imaging.sorting import Sorting
from imaging.treatment import Treatment
from imaging.volume import Array, Grid, Unit, Volume
from imaging.writing import write_text
from pet.suv import to_suv
from recist.field.overlays import Overlay, field_overlays
from recist.patient.irradiation import MapPoints, treatment_of
from recist.review.images import packed
from recist.review.images.date_alignment import lattice_of, link_of
from recist.review.images.packed import PackedVolume

T = TypeVar("T")
PlanningMap = Callable[[Treatment], MapPoints | None]

#: Voxels that are kept in memory; the oldest volumes give way.
MEMORY_BYTES = 1_000_000_000
#: Whether the files of a series are still the same is looked at no more often, in seconds.
LOOKED_FOR_S = 10.0


class Modality(StrEnum):
    """The image that lesions are drawn on, and the PET that is laid over it.

    The first is the CT; of a patient who has a CT at no date it is the PET, as in a run.
    """

    CT = "ct"
    PET = "pet"


class NoImageError(InputError):
    """There is no such image."""


@dataclass(slots=True)
class _Preparation:
    """A volume on its way to the disk: what is in memory can be served already."""

    volume: Future[Volume]
    packed: Future[PackedVolume]


@dataclass(slots=True, eq=False)
class Archive:
    """Images by subject, date and modality.

    Attributes:
        studies: folder tree of DICOM, or of NIfTI with a manifest; None: no images at all.
        cache: folder of the prepared volumes, named by hashes.
        sorting: how the run that is read sorted them.
    """

    studies: Path | None
    cache: Path
    sorting: Sorting = field(default_factory=Sorting)
    memory_bytes: int = MEMORY_BYTES
    _subjects: dict[str, Subject] = field(default_factory=dict)
    _preparing: dict[str, _Preparation] = field(default_factory=dict)
    _volumes: OrderedDict[str, Volume] = field(default_factory=OrderedDict)
    _numbers: OrderedDict[str, tuple[Array, float]] = field(default_factory=OrderedDict)
    _keys: dict[tuple[str, dt.date, Modality], tuple[float, str]] = field(default_factory=dict)
    _linking: dict[str, threading.Lock] = field(default_factory=dict)
    _treatments: dict[str, Treatment | None] = field(default_factory=dict)
    _slices: dict[str, Slices | None] = field(default_factory=dict)
    _grids: dict[str, tuple[Grid, Unit]] = field(default_factory=dict)
    _is_closed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2, "images"))

    def __post_init__(self) -> None:
        if self.studies is not None:
            found = self.sorting.scan(self.studies).subjects
            self._subjects = {subject.id: subject for subject in found}

    def subjects(self) -> tuple[str, ...]:
        return tuple(self._subjects)

    def subject(self, name: str) -> Subject | None:
        """All images of a subject; None of an unknown one."""
        return self._subjects.get(name)

    def visits(self, subject: str) -> dict[dt.date, Visit]:
        """The visits that lesions can be drawn at: all with a CT, of a patient without any CT
        those with a PET; none of an unknown subject.
        """
        found = self._subjects.get(subject)
        if found is None:
            return {}
        with_ct = {visit.date: visit for visit in found.visits if visit.ct is not None}
        return with_ct or {visit.date: visit for visit in found.visits if visit.pet is not None}

    def series(self, subject: str, date: dt.date, modality: Modality) -> Series:
        """The series that is read.

        Raises:
            NoImageError: there is none.
        """
        visit = self.visits(subject).get(date)
        found = None
        if visit is not None:
            found = _drawn_on(visit) if modality is Modality.CT else visit.pet
        if found is None:
            raise NoImageError(f"no {modality.upper()} of {date}", where=subject)
        return found

    def grid(self, subject: str, date: dt.date, modality: Modality) -> tuple[Grid, Unit]:
        """Where the voxels lie, and their unit; of an image that is not prepared by its headers.

        Raises:
            InputError: there is no such image, or it cannot be read.
        """
        key = self._key(subject, date, modality)
        if key not in self._grids:
            series = self.series(subject, date, modality)
            unit = Unit.HU if series.modality == "CT" else Unit.SUV_BW
            found = packed.opened(self._path(key)) or self._headers_of(key, series)
            if found is None:
                self.volume(subject, date, modality)
            else:
                self._grids[key] = (found.grid, unit)
        return self._grids[key]

    def _headers_of(self, key: str, series: Series) -> Slices | None:
        """What the headers say of an image; None where only the image itself does."""
        if key not in self._slices:
            self._slices[key] = read_headers(series)
        return self._slices[key]

    def volume(self, subject: str, date: dt.date, modality: Modality) -> Volume:
        """The voxels: HU, or SUV by body weight.

        Raises:
            InputError: there is no such image, or it cannot be read.
        """
        key = self._key(subject, date, modality)
        with self._lock:
            if key in self._volumes:
                self._volumes.move_to_end(key)
                return self._volumes[key]
        volume = self._started(key, subject, date, modality).volume.result()
        self._keep(key, volume)
        return volume

    def packed(self, subject: str, date: dt.date, modality: Modality) -> PackedVolume:
        """The prepared volume; waits until it is whole.

        Raises:
            InputError: there is no such image, or it cannot be read.
        """
        key = self._key(subject, date, modality)
        found = packed.opened(self._path(key))
        return found or self._started(key, subject, date, modality).packed.result()

    def slice_gzip(
        self, subject: str, date: dt.date, modality: Modality, plane: str, n: int
    ) -> tuple[bytes, float]:
        """A slice as a gzip stream, and what a step of its numbers is worth.

        Axial slices come from the disk where they are prepared, those of a CT else from their own
        file; all others from memory.

        Raises:
            InputError: there is no such image or slice, or it cannot be read.
        """
        key = self._key(subject, date, modality)
        found = packed.opened(self._path(key)) if plane == "axial" else None
        if found is not None:
            _check_slice(n, len(found.pieces), f"{subject} {date}")
            return found.slice_gzip(n), found.step
        content = None
        if plane == "axial" and modality is Modality.CT and key not in self._numbers:
            content = self._alone(key, subject, date, n)
        step = 1.0
        if content is None:
            array, step = self._numbers_of(key, subject, date, modality)
            _check_slice(n, array.shape[packed.PLANES[plane][2]], f"{subject} {date}")
            content = packed.plane_bytes(array, n, plane)
        piece, crc = packed.piece_of(content)
        return packed.gzipped(piece, crc, len(content)), step

    def _alone(self, key: str, subject: str, date: dt.date, n: int) -> bytes | None:
        """An axial slice of a CT from its own file, before the volume is there."""
        series = self.series(subject, date, Modality.CT)
        slices = self._headers_of(key, series) if series.modality == "CT" else None
        if slices is None:
            return None
        _check_slice(n, slices.grid.shape[2], f"{subject} {date}")
        image = slices.hu(n)
        return None if image is None else np.ascontiguousarray(image, dtype="<i2").tobytes()

    def _numbers_of(
        self, key: str, subject: str, date: dt.date, modality: Modality
    ) -> tuple[Array, float]:
        """The voxels as they are served, in memory for the planes that lie across the slices."""
        with self._lock:
            if key in self._numbers:
                self._numbers.move_to_end(key)
                return self._numbers[key]
        found = packed.opened(self._path(key))
        if found is not None:
            own = (found.numbers(), found.step)
        else:
            own = packed.served(self.volume(subject, date, modality))
        with self._lock:
            self._numbers[key] = own
            _bounded(self._numbers, lambda each: each[0].nbytes, self.memory_bytes)
        return own

    def prepare(self, subject: str, *, after_s: float = 0.0) -> None:
        """Begin to prepare all images of a subject, in the background.

        Args:
            after_s: so much later, so that what is looked at first is served first.
        """
        if after_s:
            timer = threading.Timer(after_s, self.prepare, (subject,))
            timer.daemon = True
            timer.start()
            return
        if self._is_closed:
            return
        for date, visit in self.visits(subject).items():
            for modality in Modality:
                if modality is Modality.PET and (visit.pet is None or visit.ct is None):
                    continue
                key = self._key(subject, date, modality)
                if packed.opened(self._path(key)) is None:
                    self._started(key, subject, date, modality)

    def link(
        self, subject: str, date: dt.date, stored: Registration | None = None
    ) -> dict[str, Any] | None:
        """How places of the first date lie at this one; found once and kept. None for the first.

        Args:
            stored: the registration that the run made of this date; else it is made here.

        Raises:
            InputError: there is no such image, or it cannot be read.
        """
        first = min(self.visits(subject), default=date)
        if date == first:
            return None
        if stored is not None:
            return lattice_of(stored, self.grid(subject, first, Modality.CT)[0])
        keys = [self._key(subject, each, Modality.CT) for each in (first, date)]
        name = hashlib.sha256(" ".join(keys).encode()).hexdigest()
        path = self.cache / f"{name}.link.json"
        with self._lock:
            alone = self._linking.setdefault(name, threading.Lock())
        with alone:
            if not path.is_file():
                volumes = [self.volume(subject, each, Modality.CT) for each in (first, date)]
                write_text(path, json.dumps(link_of(*volumes)))
        found: dict[str, Any] = read_json(path)
        return found

    def field_lines(
        self, subject: str, date: dt.date, k: int, to_planning: PlanningMap | None = None
    ) -> tuple[Overlay, ...]:
        """Isodoses and target volumes on an axial slice of the CT.

        Args:
            to_planning: gives, of the treatment, the map from points of this date to the image of
                the plan. Without one they are drawn where the plan lies in the frame of reference
                of that CT.
        """
        known = self._subjects.get(subject)
        if known is None:
            return ()
        if subject not in self._treatments:
            self._treatments[subject] = treatment_of([*known.visits, *known.treatment])
        treatment = self._treatments[subject]
        grid, _ = self.grid(subject, date, Modality.CT)
        if treatment is None or not 0 <= k < grid.shape[2]:
            return ()
        mapped = None if to_planning is None else to_planning(treatment)
        return field_overlays(treatment, grid, k, to_planning_mm=mapped)

    def close(self) -> None:
        self._is_closed = True
        self._pool.shutdown(cancel_futures=True)

    def _key(self, subject: str, date: dt.date, modality: Modality) -> str:
        """Changes with the files of the series: an image that was replaced is prepared again."""
        asked = (subject, date, modality)
        looked, key = self._keys.get(asked, (0.0, ""))
        if key and time.monotonic() - looked < LOOKED_FOR_S:
            return key
        series = self.series(subject, date, modality)
        digest = hashlib.sha256(f"{modality} {series.uid} {series.uneven_slices}".encode())
        for path in series.files:
            status = path.stat()
            digest.update(f"{path.name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
        self._keys[asked] = (time.monotonic(), digest.hexdigest())
        return digest.hexdigest()

    def _path(self, key: str) -> Path:
        return self.cache / f"{key}.nii.gz"

    def _started(self, key: str, subject: str, date: dt.date, modality: Modality) -> _Preparation:
        with self._lock:
            under_way = self._preparing.get(key)
            if under_way is not None:
                return under_way
            visit = self.visits(subject)[date]
            volume: Future[Volume] = self._pool.submit(self._read, key, visit, modality)
            done: Future[PackedVolume] = self._pool.submit(self._pack, key, volume)
            self._preparing[key] = _Preparation(volume, done)
        done.add_done_callback(lambda _: self._forget(key))
        return _Preparation(volume, done)

    def _forget(self, key: str) -> None:
        """What was only needed while a volume was on its way."""
        self._preparing.pop(key, None)
        self._slices.pop(key, None)

    def _read(self, key: str, visit: Visit, modality: Modality) -> Volume:
        if modality is Modality.CT and visit.ct is not None:
            volume = read_ct(visit.ct).volume
        else:
            assert visit.pet is not None
            reading = read_pet(visit.pet)
            volume, _ = to_suv(reading.volume, reading.headers)
        self._grids[key] = (volume.grid, volume.unit)
        return volume

    def _pack(self, key: str, volume: Future[Volume]) -> PackedVolume:
        path = self._path(key)
        return packed.opened(path) or packed.pack(volume.result(), path)

    def _keep(self, key: str, volume: Volume) -> None:
        with self._lock:
            self._volumes[key] = volume
            self._volumes.move_to_end(key)
            _bounded(self._volumes, lambda each: each.array.nbytes, self.memory_bytes)


def _drawn_on(visit: Visit) -> Series | None:
    return visit.ct or visit.pet


def _bounded(kept: OrderedDict[str, T], size: Callable[[T], int], most: int) -> None:
    """Let the oldest go until the rest fits, the newest always."""
    while len(kept) > 1 and sum(map(size, kept.values())) > most:
        kept.popitem(last=False)


def _check_slice(n: int, slices: int, where: str) -> None:
    if not 0 <= n < slices:
        raise NoImageError(f"no slice {n} of {slices}", where=where)
