"""Tracked, sized lesions without images: what tracking and measuring would have given."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import recist
from imaging.read import Reading
from imaging.series import Series, SeriesFormat, Visit
from imaging.volume import Grid, Mask, Unit, Volume
from recist.course import Axis, Caliper
from recist.patient.examination import Examination, Sized
from recist.tracking import Sighting, State, Track, Tracks
from segmentation.instances import Candidate

BASELINE = dt.date(2024, 1, 1)
GRID = Grid((4, 4, 4), np.eye(4), "1.2.3")

#: A size "long x short" in mm, a list of such pieces, or the state of a lesion without one.
Seen = str | list[str] | State


@dataclass(frozen=True, slots=True, eq=False)
class Patient:
    """Tracks with the candidates of each date in the order of their lesions."""

    tracks: Tracks
    sized: tuple[tuple[Sized, ...], ...]
    examinations: tuple[Examination, ...]


def drawn(size: str, place: int, *, organ: str | None, is_node: bool | None) -> Sized:
    long_mm, short_mm = (Decimal(part) for part in size.split("x"))
    axis = Axis((0.0, 0.0, 0.0), (1.0, 0.0, 0.0))
    mask = Mask(np.ones((1, 1, 1), dtype=np.bool_), (place % 4, place // 4, 1), GRID)
    candidate = Candidate("1", mask, organ=organ, is_node=is_node)
    return Sized(candidate, Caliper(axis, axis, long_mm, short_mm, 1), None)


def examination(day: int, slice_mm: float) -> Examination:
    date = BASELINE + dt.timedelta(days=day)
    series = Series(f"1.2.3.{day}", "CT", (Path("1.nii.gz"),), date=date, kind=SeriesFormat.NIFTI)
    ct = Volume(np.zeros(GRID.shape, dtype=np.int16), GRID, Unit.HU, "")
    return Examination(Visit(date, f"day {day}", ct=series), day, Reading(ct, (), (), slice_mm))


def sighting(day: int, seen: Seen, position: int, first: bool, into: str | None) -> Sighting:
    if isinstance(seen, State):
        return Sighting(day, seen, (), 1.0, "", merged_into=into)
    state = State.MATCHED
    if first:
        state = State.BASELINE if day == 0 else State.NEW
    pieces = seen if isinstance(seen, list) else [seen]
    return Sighting(day, state, tuple(range(position, position + len(pieces))), 1.0, "")


@pytest.fixture(scope="session")
def followed() -> Callable[..., Patient]:
    """A patient from ``{"L1": {0: "30x20", 56: "22x15"}}``: lesion, day, what was seen."""

    def build(
        lesions: Mapping[str, Mapping[int, Seen]],
        *,
        organs: Mapping[str, str] | None = None,
        nodes: tuple[str, ...] = (),
        merged_into: str | None = None,
        slice_mm: float = 3.0,
    ) -> Patient:
        days = sorted({day for seen in lesions.values() for day in seen})
        found: dict[int, list[Sized]] = {day: [] for day in days}
        tracks = []
        for name, seen in lesions.items():
            sightings = []
            for day in sorted(seen):
                here = seen[day]
                first = not sightings
                into = merged_into if here is State.MERGED else None
                sightings.append(sighting(day, here, len(found[day]), first, into))
                if not isinstance(here, State):
                    organ, is_node = (organs or {}).get(name), name in nodes or None
                    for size in here if isinstance(here, list) else [here]:
                        found[day].append(
                            drawn(size, len(found[day]), organ=organ, is_node=is_node)
                        )
            tracks.append(Track(name, tuple(sightings)))
        return Patient(
            Tracks(tuple(tracks), tuple(days)),
            tuple(tuple(found[day]) for day in days),
            tuple(examination(day, slice_mm) for day in days),
        )

    return build


#: Schema of each JSON file that is written, by its name; a folder for those named by a date.
SCHEMA_OF = {
    "timepoints.json": "timepoints",
    "outcomes.json": "outcomes",
    "abscopal.json": "abscopal",
    "pet_timepoints.json": "pet_timepoints",
    "cohort.json": "cohort",
    "forecast.json": "forecast",
    "protocol.json": "protocol",
    "run.json": "run",
    "fingerprint.json": "fingerprint",
    "truth.json": "truth",
    "delineations/": "labels",
}


@pytest.fixture(scope="session")
def check_json() -> Callable[[Path], set[str]]:
    """Holds every JSON below a folder to the schema that ships with it; says which there were."""
    schemas = Path(recist.__file__).parent / "schemas"

    def check(folder: Path) -> set[str]:
        found = set()
        for path in sorted(folder.rglob("*.json")):
            key = "delineations/" if path.parent.name == "delineations" else path.name
            assert key in SCHEMA_OF, f"{path.relative_to(folder)} is written and has no schema"
            schema = json.loads((schemas / f"{SCHEMA_OF[key]}.schema.json").read_text())
            content = json.loads(path.read_text(encoding="utf-8"))
            jsonschema.validate(content, schema, jsonschema.Draft202012Validator)
            found.add(SCHEMA_OF[key])
        return found

    return check
