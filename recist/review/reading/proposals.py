"""What a run left for the reader: the course it measured, and the outlines it drew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from imaging.errors import InputError
from imaging.masks import read_seg
from imaging.read_json import read_json
from imaging.sorting import Sorting
from imaging.volume import Mask
from recist.course import Course, Measurement
from recist.export.patient_files import DELINEATIONS
from recist.measure import caliper
from recist.patient.result_folder import EVENTS, MEASUREMENTS, RUN, WARNINGS
from recist.protocol import Protocol
from recist.protocol.files import from_effective
from recist.table.course_tables import read_courses


@dataclass(frozen=True, slots=True, eq=False)
class Proposals:
    """What the run proposes for one subject.

    Attributes:
        course: with the caliper of every outline.
        masks: outline by date and lesion.
        remarks: what the run told of the subject.
    """

    course: Course
    masks: Mapping[tuple[str, str], Mask]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What the reading room needs of ``run.json``.

    Attributes:
        folders: subject -> folder of its results.
        criteria: by which the run assessed, the first of which leads.
        sorting: how the images were sorted.
    """

    folders: Mapping[str, Path]
    criteria: tuple[str, ...]
    protocol: Protocol
    sorting: Sorting


def read_run(results: Path) -> RunRecord:
    """The record of a run.

    Raises:
        InputError: no results of a run are there.
    """
    path = results / RUN
    try:
        record = read_json(path)
        subjects = {
            str(each["subject"]): results / str(each["folder"])
            for each in record["subjects"]
            if each["state"] != "failed"
        }
        options = record["options"]
        return RunRecord(
            subjects,
            tuple(options["criteria"]),
            from_effective(options["protocol"]),
            Sorting.of(options),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            "no results of a run are there", where=results, remedy="give the OUT of `recist run`"
        ) from error


def read_proposals(
    subject: str, folder: Path, protocol: Protocol, *, with_outlines: bool = True
) -> Proposals:
    """The course and the outlines of one subject.

    Args:
        with_outlines: read the outlines, and measure the calipers on them.

    Raises:
        InputError: the results cannot be read.
    """
    stamp = tuple((path.name, path.stat().st_mtime_ns) for path in sorted(folder.iterdir()))
    return _read(subject, folder, protocol, stamp, with_outlines)


@lru_cache(maxsize=1024)
def _read(
    subject: str, folder: Path, protocol: Protocol, _stamp: object, with_outlines: bool
) -> Proposals:
    events = folder / EVENTS
    found = [
        course
        for course in read_courses(
            folder / MEASUREMENTS, events if events.is_file() else None, protocol=protocol
        )
        if course.subject == subject
    ]
    if not found:
        raise InputError("no measurements of this subject", where=folder.name)
    course = found[0]
    masks = _masks(folder / DELINEATIONS) if with_outlines else {}
    remarks: tuple[str, ...] = ()
    if (folder / WARNINGS).is_file():
        remarks = tuple((folder / WARNINGS).read_text("utf-8").splitlines())
    return Proposals(_with_calipers(course, masks), masks, remarks)


def _masks(folder: Path) -> dict[tuple[str, str], Mask]:
    found: dict[tuple[str, str], Mask] = {}
    for path in sorted(folder.glob("*-lesions.dcm")) if folder.is_dir() else ():
        date = path.name[: len("YYYY-MM-DD")]
        for segment in read_seg(path):
            found[date, segment.tracking_id or segment.label] = segment.mask
    return found


def _with_calipers(course: Course, masks: Mapping[tuple[str, str], Mask]) -> Course:
    def drawn(day: int, measurement: Measurement) -> Measurement:
        date = course.date_of(day)
        mask = masks.get((date.isoformat() if date else "", measurement.lesion_id))
        if mask is None or not mask.voxels:
            return measurement
        return replace(measurement, caliper=caliper(mask))

    return replace(
        course,
        timepoints=tuple(
            replace(
                timepoint,
                measurements=tuple(drawn(timepoint.day, each) for each in timepoint.measurements),
            )
            for timepoint in course.timepoints
        ),
    )
