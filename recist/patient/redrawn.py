"""The candidates of every date with what a reader drew, and which lesion each is."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from imaging.errors import InputError
from imaging.masks import read_label_map
from imaging.volume import Grid, Mask
from recist.course import Caliper
from recist.patient.corrections.corrected_measurements import CorrectedMeasurement
from recist.patient.corrections.drawn import DRAWN_LABEL, DrawnLesion, WaistPart
from recist.patient.corrections.said import Corrections
from recist.patient.examination import Sized, size
from recist.patient.parting import part_of
from recist.patient.tracked_dates import tracked
from recist.patient.work.observed import FollowedDrawing, ObservedDate, Work
from recist.tracking import Followed, Link, Tracks, track
from segmentation.instances import Candidate

#: A ball of this diameter around a click stands for a lesion until it is delineated: its place
#: is known, its size is not.
CLICK_DIAMETER_MM = 10.0
NO_OUTLINE = "no outline was drawn: its place is a sphere around what the reader marked"


@dataclass(frozen=True, slots=True, eq=False)
class Redrawn:
    """The dates as tracking saw them."""

    dates: tuple[ObservedDate, ...]
    tracks: Tracks

    def at(self, lesion: str, date: dt.date) -> ObservedDate:
        """The date of something said of a lesion.

        Raises:
            InputError: no such date or lesion, or the lesion was not known yet at that date.
        """
        observed = next((each for each in self.dates if each.date == date), None)
        where = f"lesion {lesion}, {date}"
        if observed is None:
            dates = ", ".join(str(each.date) for each in self.dates)
            raise InputError("no such date", where=where, remedy=f"dates are {dates}")
        names = [each.id for each in self.tracks.lesions]
        if lesion not in names:
            remedy = f"lesions are {', '.join(names) or 'none'}; draw one that is missing"
            raise InputError("no such lesion", where=where, remedy=remedy)
        if self.tracks.lesion(lesion).at(observed.day) is None:
            raise InputError(
                "it was not delineated at this date or before",
                where=where,
                remedy="draw it there: a point, its longest diameter or an outline",
            )
        return observed


def redrawn(work: Work, corrections: Corrections) -> Redrawn:
    """Track with the links of the reader, and with what he drew in the place of what was there.

    A lesion that is still seen first where it was keeps its name, so that what was said of it stays
    true whatever else is linked or drawn.

    Raises:
        InputError: a link or drawing that fits no date, delineation or image.
    """
    dates = work.dates
    names = {}
    if corrections.links or corrections.drawn:
        names = tracked(dates, work.memory).first_candidates(each.dated for each in dates)
    tracks = tracked(dates, work.memory, links=corrections.links, names=names)
    if not corrections.drawn:
        return Redrawn(dates, tracks)
    links = list(corrections.links)
    moved: dict[tuple[int, int], int] = {}  # day, candidate that gives way -> the one drawn
    of_date: dict[dt.date, list[DrawnLesion]] = {}
    for drawn in corrections.drawn:
        of_date.setdefault(drawn.date, []).append(drawn)
    changed: list[ObservedDate] = []
    for date in dates:
        date, told = _with_followed(date, changed, corrections)  # noqa: PLW2901 - the same date
        links += told
        own = of_date.pop(date.date, [])
        if own:
            date, replaced = _with(date, own, tracks)  # noqa: PLW2901 - the same date, redrawn
            moved |= {(date.day, old): new for old, new in replaced.items()}
            labels = {date.sized[old].candidate.label for old in replaced}
            when = (date.date.isoformat(), str(date.day))
            links = [x for x in links if not (x.when in when and x.candidate in labels)]
            links += [Link(date.date.isoformat(), label, "") for label in sorted(labels)]
            links += [
                Link(
                    date.date.isoformat(),
                    label_of(each.lesion),
                    each.lesion,
                    each.reason,
                    each.reader,
                    each.recorded_at,
                )
                for each in own
            ]
        changed.append(replace(date, followed=tuple(_moved(each, moved) for each in date.followed)))
    for date_of in of_date:
        known = ", ".join(str(each.date) for each in dates)
        raise InputError(f"something is drawn on {date_of}", remedy=f"dates are {known}")
    dated = [each.dated for each in changed]
    return Redrawn(tuple(changed), track(dated, links=links, names=names))


def label_of(lesion: str) -> str:
    """The name of what a reader drew of a lesion among the candidates of its date."""
    return f"{DRAWN_LABEL}{lesion}"


def _with(
    date: ObservedDate, drawn: list[DrawnLesion], tracks: Tracks
) -> tuple[ObservedDate, dict[int, int]]:
    """A date with what was drawn at its end; each candidate that gives way, to the one drawn.

    Those stay where they are, so that every other keeps its number.
    """
    replaced: dict[int, int] = {}
    for number, each in enumerate(drawn, start=len(date.sized)):
        sighting = next((x.at(date.day) for x in tracks.lesions if x.id == each.lesion), None)
        replaced |= dict.fromkeys(sighting.candidates if sighting is not None else (), number)
    shapes = (_sized(each, date, _outline(each, date, tracks)) for each in drawn)
    return date.with_sized((*date.sized, *shapes)), replaced


def _with_followed(
    date: ObservedDate, before: Sequence[ObservedDate], corrections: Corrections
) -> tuple[ObservedDate, list[Link]]:
    """A date with what became of drawings that stand, and which of its candidates give way to it.

    Where the reader drew the lesion himself, or said which lesion the network's outline at its
    place is, that holds.
    """
    by_hand = {each.lesion for each in corrections.drawn if each.date == date.date}
    when = (date.date.isoformat(), str(date.day))
    linked = {link.candidate for link in corrections.links if link.when in when}
    sized, followed, links = list(date.sized), list(date.followed), []
    for each in date.drawings:
        found = _standing(each, before)
        if found is None or each.lesion in by_hand or linked.intersection(each.instead_of):
            continue
        positions = range(len(sized), len(sized) + len(each.sized))
        first, *pieces = positions or (None,)
        followed.append(
            Followed(
                *found,
                first,
                each.confidence,
                each.reason,
                each.is_unclear,
                tuple(piece for piece in pieces if piece is not None),
            )
        )
        sized += each.sized
        links += [Link(date.date.isoformat(), label, "") for label in each.instead_of]
    return replace(date.with_sized(tuple(sized)), followed=tuple(followed)), links


def _standing(each: FollowedDrawing, before: Sequence[ObservedDate]) -> tuple[int, int] | None:
    """Day and candidate of the drawing that was followed; None where it no longer stands."""
    label = label_of(each.lesion)
    for date in before:
        for number, one in enumerate(date.sized):
            is_it = date.date == each.drawn_on and one.candidate.label == label
            if is_it and mark_of(one.candidate.mask) == each.mark:
                return date.day, number
    return None


def mark_of(mask: Mask) -> str:
    """Tells one outline from another."""
    digest = hashlib.sha256(repr((mask.start, mask.array.shape)).encode())
    digest.update(np.packbits(mask.array).tobytes())
    return digest.hexdigest()


def _moved(followed: Followed, moved: Mapping[tuple[int, int], int]) -> Followed:
    """What was followed from a candidate that gave way is followed from what was drawn."""
    now = moved.get((followed.day, followed.candidate))
    return followed if now is None else replace(followed, candidate=now)


def _sized(drawn: DrawnLesion, date: ObservedDate, outline: Mask) -> Sized:
    line = drawn.line
    candidate = Candidate(
        label_of(drawn.lesion),
        outline,
        organ=drawn.organ,
        is_node=drawn.is_node,
        source=drawn.reader or "the reader",
        flags=() if drawn.outline is not None else (NO_OUTLINE,),
        long_axis=None if line is None else (line.start_mm, line.end_mm),
    )
    if drawn.outline is not None:
        return size(candidate, date.examination)
    return Sized(candidate, _caliper(drawn, date), None)


def _caliper(drawn: DrawnLesion, date: ObservedDate) -> Caliper | None:
    """The line itself; a click has no size."""
    if drawn.line is None:
        return None
    said = CorrectedMeasurement(drawn.lesion, drawn.date, long_axis=drawn.line)
    ct = date.examination.ct
    caliper = said.on_image(ct.volume.grid, ct.sop_instance_uids).caliper
    if caliper is not None and drawn.is_node:  # the only line of a node is its short axis
        return replace(
            caliper,
            long_axis=caliper.long_axis,
            short_axis=caliper.long_axis,
            short_axis_mm=caliper.long_axis_mm,
        )
    return caliper


def _outline(drawn: DrawnLesion, date: ObservedDate, tracks: Tracks) -> Mask:
    grid = date.examination.ct.volume.grid
    where = f"lesion {drawn.lesion}, {drawn.date}"
    if isinstance(drawn.outline, Mask):
        if not drawn.outline.grid.same_as(grid):
            raise InputError("its outline lies on another grid than the CT", where=where)
        mask = Mask(drawn.outline.array, drawn.outline.start, grid)
    elif isinstance(drawn.outline, WaistPart):
        named = drawn.outline.lesion
        sighting = next((x.at(date.day) for x in tracks.lesions if x.id == named), None)
        pieces = () if sighting is None else sighting.candidates
        mask = part_of(drawn, drawn.outline, [date.sized[number] for number in pieces])
    elif isinstance(drawn.outline, Path):
        mask = Mask.of(read_label_map(drawn.outline, grid) != 0, grid)
    else:
        mask = _sphere(drawn, grid)
    if not mask.voxels:
        raise InputError("what was drawn holds no voxel of the image", where=where)
    return mask


def _sphere(drawn: DrawnLesion, grid: Grid) -> Mask:
    """The voxels around a click, or around the middle of a line of its length."""
    points = np.array(drawn.points_mm)
    middle = points.mean(axis=0)
    apart_mm = float(np.linalg.norm(points[0] - points[-1]))
    radius_mm = max(apart_mm or CLICK_DIAMETER_MM, *grid.spacing_mm) / 2
    at = grid.to_voxel(middle)
    reach = np.ceil(radius_mm / np.array(grid.spacing_mm)).astype(int) + 1
    start = np.rint(at).astype(int) - reach
    index = np.stack(np.meshgrid(*(np.arange(2 * n + 1) for n in reach), indexing="ij"), axis=-1)
    away = np.linalg.norm(grid.to_world_mm(index + start) - middle, axis=-1)
    i, j, k = (int(n) for n in start)
    return Mask.placed(away <= radius_mm, (i, j, k), grid)


def drawn_by_lesion(corrections: Corrections) -> Mapping[tuple[str, dt.date], DrawnLesion]:
    """What was drawn, by lesion and date."""
    return {(each.lesion, each.date): each for each in corrections.drawn}
