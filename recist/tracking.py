"""One lesion over the dates: which candidate of one date is which of another.

Every date is registered to the first. A candidate is carried into that frame as a cloud of points
and compared with where each lesion was first and last seen: dilated overlap, distance and size give
a cost, the assignment problem decides, and what is left over is explained as a piece of a split
lesion, as merged, new or absent. A lesion that was absent can come back with its identity; one
whose place was not imaged is not evaluable rather than absent. A person can overrule any link.
"""

from __future__ import annotations

import csv
import datetime as dt
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from imaging.errors import InputError
from imaging.volume import FloatArray, Grid
from recist.case import LinkFinding

if TYPE_CHECKING:  # neither SimpleITK nor the network's libraries are needed to link lesions
    from imaging.registration import Registration
    from segmentation.instances import Candidate

#: A candidate is represented by at most this many of its voxels.
MOST_POINTS = 3000
#: Error of a position where nothing was registered: half a slice of a common CT, mm.
LEAST_ERROR_MM = 2.0

#: Cost of a link: each part lies in 0..1. Overlap and distance weigh alike; size weighs half as
#: much, because a change of size is what is looked for and must not break a link by itself.
OVERLAP_WEIGHT = 1.0
DISTANCE_WEIGHT = 1.0
SIZE_WEIGHT = 0.5
#: A volume ratio at which the size part is full (3.4 in diameter between two dates).
LARGEST_VOLUME_RATIO = 40.0
#: Cost of leaving one lesion absent or one candidate new; a link is made below twice this.
UNLINKED_COST = 1.0
#: Cost of a link that is not allowed.
FORBIDDEN = 1e6

#: Share of a cloud inside another from which one is taken for a part of the other.
PART_SHARE = 0.5
#: A piece cannot be larger than the lesion that it comes from, apart from outlining (and growth).
LARGEST_PIECE = 1.2
#: A merged candidate must hold at least this share of the lesion that vanished into it, by volume.
LEAST_MERGED_VOLUME = 0.5
#: Below this confidence a link is called ambiguous and should be looked at.
AMBIGUOUS_BELOW = 0.35
#: Cost difference to the next best assignment at which a link is beyond doubt by a factor of e.
MARGIN_SCALE = 0.25
#: Share of a lesion's place that must be imaged to call it absent.
IMAGED_SHARE = 0.5


class State(StrEnum):
    """What became of a lesion at a date."""

    BASELINE = "baseline"  # seen at the first date
    MATCHED = "matched"
    NEW = "new"
    ABSENT = "absent"
    SPLIT = "split"
    MERGED = "merged"
    AMBIGUOUS = "ambiguous"
    NOT_EVALUABLE = "not-evaluable"  # its place lies outside of the image


#: Flag of a new lesion in a region that no earlier date showed: it may not be new at all.
NOT_IMAGED_BEFORE = "new region, not imaged before: the lesion may have been there"
CONFIRMED = "confirmed by a reader"


@dataclass(frozen=True, slots=True, eq=False)
class Dated:
    """The candidates of one date, and how its image lies on the first date's.

    Attributes:
        day: as in the course; unique, rising.
        grid: of the CT on which the candidates lie: says what was imaged.
        registration: fixed = first date, moving = this date; None at the first date, or where the
            scanner's coordinates are all there is.
        date: for the links table; optional.
    """

    day: int
    candidates: tuple[Candidate, ...]
    grid: Grid
    registration: Registration | None = None
    date: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A reader's word: this candidate of this date is that lesion.

    Attributes:
        when: ISO date or day, as text.
        candidate: label of the candidate at that date.
        lesion: identifier; empty when the candidate is no lesion at all.
    """

    when: str
    candidate: str
    lesion: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """One lesion at one date.

    Attributes:
        candidates: positions in ``Dated.candidates``; several when the lesion split; empty when it
            was not seen on its own.
        merged_into: the lesion whose candidate holds this one.
        confidence: 0..1, how sure the link (or its absence) is.
    """

    day: int
    state: State
    candidates: tuple[int, ...]
    confidence: float
    reason: str
    merged_into: str | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Track:
    """One lesion from the date it was first seen to the last date."""

    id: str
    sightings: tuple[Sighting, ...]

    def at(self, day: int) -> Sighting | None:
        """None before the lesion was first seen."""
        return next((seen for seen in self.sightings if seen.day == day), None)


@dataclass(frozen=True, slots=True)
class Tracks:
    """All lesions of a patient. L1, L2, ... by size at the first date, new ones after them."""

    lesions: tuple[Track, ...]
    days: tuple[int, ...]

    def lesion(self, lesion_id: str) -> Track:
        for track in self.lesions:
            if track.id == lesion_id:
                return track
        raise KeyError(lesion_id)

    def links(self) -> tuple[LinkFinding, ...]:
        """As shown and exported."""
        return tuple(
            LinkFinding(
                track.id,
                seen.day,
                str(seen.state),
                round(seen.confidence, 2),
                "; ".join((seen.reason, *seen.flags)),
            )
            for track in self.lesions
            for seen in track.sightings
        )


def track(dates: Sequence[Dated], *, links: Sequence[Link] = ()) -> Tracks:
    """Give every candidate of every date its lesion.

    Args:
        dates: in order of time; the first one is the baseline and the frame of all.
        links: a reader's confirmations and corrections; they are kept whatever the images say.

    Raises:
        InputError: days that do not rise, or a link to a date or candidate that does not exist.
    """
    _check(dates, links)
    lesions: list[_Lesion] = []
    for n, dated in enumerate(dates):
        told = _told(dated, links)
        clouds = [_cloud(candidate, dated) for candidate in dated.candidates]
        ignored = {c for c, names in told.items() if not names}
        _link(lesions, dates[: n + 1], clouds, told, ignored)
    tracks = tuple(Track(lesion.id, tuple(lesion.sightings)) for lesion in lesions)
    return Tracks(tracks, tuple(dated.day for dated in dates))


def read_links(path: Path, subject: str) -> tuple[Link, ...]:
    """A reader's table: columns subject, date (ISO date or day), candidate, lesion.

    Other columns are ignored, so the table that was written can be edited and given back.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        missing = {"subject", "date", "candidate", "lesion"} - set(rows.fieldnames or ())
        if missing:
            raise InputError(f"no column {', '.join(sorted(missing))}", where=path)
        return tuple(
            Link(row["date"].strip(), row["candidate"].strip(), (row["lesion"] or "").strip())
            for row in rows
            if row["subject"].strip() == subject
        )


def link_rows(
    tracks: Tracks, dates: Sequence[Dated], subject: str
) -> tuple[Mapping[str, str], ...]:
    """The links as rows of the table that :func:`read_links` reads, with state and confidence."""
    return tuple(
        {
            "subject": subject,
            "date": dated.date.isoformat() if dated.date else str(dated.day),
            "candidate": dated.candidates[candidate].label,
            "lesion": lesion.id,
            "state": str(seen.state),
            "confidence": f"{seen.confidence:.2f}",
        }
        for dated in dates
        for lesion in tracks.lesions
        if (seen := lesion.at(dated.day)) is not None
        for candidate in seen.candidates
    )


# --- clouds ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Cloud:
    """A candidate in the frame of the first date."""

    points_mm: FloatArray
    tree: cKDTree
    centre_mm: FloatArray
    volume_ml: float
    error_mm: float
    resolution_mm: float

    @property
    def radius_mm(self) -> float:
        """Of the sphere of the same volume."""
        return float((self.volume_ml * 1000 * 3 / (4 * np.pi)) ** (1 / 3))

    def share_within(self, other: _Cloud, reach_mm: float) -> float:
        """The share of this cloud that lies within a distance of another."""
        reach = reach_mm + other.resolution_mm
        distance, _ = other.tree.query(self.points_mm, distance_upper_bound=reach)
        return float(np.isfinite(distance).mean())


def _cloud(candidate: Candidate, dated: Dated) -> _Cloud:
    mask = candidate.mask
    index = np.argwhere(mask.array)
    if not len(index):
        raise InputError(f"candidate {candidate.label} of day {dated.day} is empty")
    step = -(-len(index) // MOST_POINTS)
    points = mask.grid.to_world_mm(index[::step] + np.array(mask.start))
    if dated.registration is not None:
        points = dated.registration.to_fixed_mm(points)
    return _cloud_of(points, mask.volume_ml, _error_mm(dated))


def _cloud_of(points: FloatArray, volume_ml: float, error_mm: float) -> _Cloud:
    resolution = float((volume_ml * 1000 / len(points)) ** (1 / 3))
    centre = np.asarray(points.mean(axis=0))
    return _Cloud(points, cKDTree(points), centre, volume_ml, error_mm, resolution)


def _together(clouds: Sequence[_Cloud]) -> _Cloud:
    """The pieces of a lesion as one cloud."""
    if len(clouds) == 1:
        return clouds[0]
    points = np.concatenate([cloud.points_mm for cloud in clouds])
    volume = sum(cloud.volume_ml for cloud in clouds)
    return _cloud_of(points, volume, max(cloud.error_mm for cloud in clouds))


def _error_mm(dated: Dated) -> float:
    return dated.registration.quality.expected_error_mm if dated.registration else LEAST_ERROR_MM


def _imaged_share(cloud: _Cloud, dated: Dated) -> float:
    """The share of a cloud that the image of a date shows."""
    points = cloud.points_mm
    if dated.registration is not None:
        points = dated.registration.to_moving_mm(points)
    index = dated.grid.to_voxel(points)
    return float(np.all((index > -0.5) & (index < np.array(dated.grid.shape) - 0.5), axis=1).mean())


# --- one date -------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Lesion:
    """A lesion while its track grows: where it was first and last seen on its own."""

    id: str
    first: _Cloud
    last: _Cloud
    sightings: list[Sighting] = field(default_factory=list)

    @property
    def places(self) -> tuple[_Cloud, ...]:
        return (self.last,) if self.last is self.first else (self.last, self.first)


@dataclass(slots=True)
class _Date:
    """What is decided at one date: candidates of each lesion, and lesions inside another."""

    owner: dict[int, int]  # candidate -> lesion
    certain: dict[int, float]  # candidate -> confidence of its link
    told: set[int]  # candidates linked by a reader
    merged: dict[int, tuple[int, float]]  # lesion -> lesion that holds it, confidence
    told_merged: set[int]

    def of(self, lesion: int) -> list[int]:
        return sorted(c for c, owner in self.owner.items() if owner == lesion)


def _link(
    lesions: list[_Lesion],
    dates: Sequence[Dated],
    clouds: Sequence[_Cloud],
    told: Mapping[int, tuple[str, ...]],
    ignored: set[int],
) -> None:
    """Extend every track by the last of the dates and start the tracks of new lesions."""
    date = _Date({}, {}, set(), {}, set())
    _obey(date, lesions, told)
    free_lesions = [n for n in range(len(lesions)) if not date.of(n) and n not in date.told_merged]
    free = [c for c in range(len(clouds)) if c not in date.owner and c not in told]
    _assign(date, lesions, clouds, free_lesions, free)
    _gather_pieces(date, lesions, clouds, [c for c in free if c not in date.owner])
    gone = [n for n in free_lesions if not date.of(n)]
    _find_merged(date, lesions, clouds, gone)
    for n, lesion in enumerate(lesions):
        lesion.sightings.append(_sighting(date, n, lesions, dates[-1]))
        own = date.of(n)
        if own:
            lesion.last = _together([clouds[c] for c in own])
    started = [c for c in range(len(clouds)) if c not in date.owner and c not in ignored]
    _start(lesions, dates, clouds, started, told)


def _obey(date: _Date, lesions: list[_Lesion], told: Mapping[int, tuple[str, ...]]) -> None:
    """A reader's links to lesions that exist already."""
    known = {lesion.id: n for n, lesion in enumerate(lesions)}
    for candidate, names in told.items():
        present = [known[name] for name in names if name in known]
        if not present:
            continue
        # Several lesions in one candidate: it carries on the one that was largest.
        carrier = max(present, key=lambda n: lesions[n].last.volume_ml)
        date.owner[candidate] = carrier
        date.certain[candidate] = 1.0
        date.told.add(candidate)
        for other in present:
            if other != carrier:
                date.merged[other] = (carrier, 1.0)
                date.told_merged.add(other)


def _assign(
    date: _Date,
    lesions: Sequence[_Lesion],
    clouds: Sequence[_Cloud],
    rows: Sequence[int],
    columns: Sequence[int],
) -> None:
    """The cheapest way to pair lesions with candidates, each at most once."""
    if not rows or not columns:
        return
    cost = np.array([[_cost(lesions[n], clouds[c]) for c in columns] for n in rows])
    pairs, total = _cheapest(cost)
    for row, column in pairs:
        without = cost.copy()
        without[row, column] = FORBIDDEN
        # Rounding may put the second best a hair below the best.
        margin = max(_cheapest(without)[1] - total, 0.0)
        fit = float(np.exp(-cost[row, column] / (2 * UNLINKED_COST)))
        candidate = columns[column]
        date.owner[candidate] = rows[row]
        date.certain[candidate] = float(fit * (1 - np.exp(-margin / MARGIN_SCALE)))


def _cheapest(cost: FloatArray) -> tuple[list[tuple[int, int]], float]:
    """Pairs and total cost, where every row and column may also stay alone."""
    rows, columns = cost.shape
    padded = np.full((rows + columns, rows + columns), FORBIDDEN)
    padded[:rows, :columns] = cost
    padded[:rows, columns:][np.diag_indices(rows)] = UNLINKED_COST
    padded[rows:, :columns][np.diag_indices(columns)] = UNLINKED_COST
    padded[rows:, columns:] = 0.0
    first, second = linear_sum_assignment(padded)
    pairs = [(int(r), int(c)) for r, c in zip(first, second, strict=True)]
    chosen = [(r, c) for r, c in pairs if r < rows and c < columns]
    return chosen, float(padded[first, second].sum())


def _cost(lesion: _Lesion, candidate: _Cloud) -> float:
    """How badly a candidate fits to a lesion, at the better of its first and its last place."""
    return min(_cost_at(place, candidate) for place in lesion.places)


def _cost_at(place: _Cloud, candidate: _Cloud) -> float:
    """The allowed distance grows with the error of both registrations and with the larger size."""
    reach = _reach_mm(place, candidate)
    small, large = sorted((place, candidate), key=lambda cloud: cloud.volume_ml)
    allowed = reach + large.radius_mm
    apart = float(np.linalg.norm(place.centre_mm - candidate.centre_mm))
    # An elongated lesion reaches farther than its sphere: overlap decides for it.
    overlap = small.share_within(large, reach)
    if apart > allowed and overlap < PART_SHARE:
        return FORBIDDEN
    if overlap <= 0:
        return FORBIDDEN
    ratio = np.log(large.volume_ml / small.volume_ml) / np.log(LARGEST_VOLUME_RATIO)
    return float(
        OVERLAP_WEIGHT * (1 - overlap)
        + DISTANCE_WEIGHT * min(apart / allowed, 1.0)
        + SIZE_WEIGHT * min(ratio, 1.0)
    )


def _reach_mm(a: _Cloud, b: _Cloud) -> float:
    """How far two clouds of the same tissue may lie apart."""
    return float(np.hypot(a.error_mm, b.error_mm))


def _gather_pieces(
    date: _Date, lesions: Sequence[_Lesion], clouds: Sequence[_Cloud], left: Sequence[int]
) -> None:
    """Candidates without a lesion that lie where a lesion was are pieces of it.

    The overlap graph joins lesions and candidates of which one lies mostly in the other; a left
    candidate belongs to the lesion of its component that holds most of it.
    """
    shares = {
        (n, c): _piece_share(lesions[n], clouds[c]) for n in range(len(lesions)) for c in left
    }
    component = _components(len(lesions), len(clouds), shares, date.owner)
    for c in left:
        parents = [n for n in range(len(lesions)) if component[n] == component[len(lesions) + c]]
        shared = [(shares[n, c][0], -n) for n in parents]
        if not shared or max(shared)[0] < PART_SHARE:
            continue
        parent = -max(shared)[1]
        for other in date.of(parent):
            # What competed with this piece for the link was another piece of the same lesion.
            share = _piece_share(lesions[parent], clouds[other])[1]
            date.certain[other] = max(date.certain[other], share)
        date.owner[c] = parent
        date.certain[c] = shares[parent, c][1]


def _piece_share(lesion: _Lesion, candidate: _Cloud) -> tuple[float, float]:
    """Share of a candidate in a lesion's place: within half the error, and strictly."""
    if candidate.volume_ml > LARGEST_PIECE * max(p.volume_ml for p in lesion.places):
        return 0.0, 0.0
    wide = max(
        candidate.share_within(place, _reach_mm(place, candidate) / 2) for place in lesion.places
    )
    strict = max(candidate.share_within(place, 0.0) for place in lesion.places)
    return wide, strict


def _components(
    lesions: int,
    candidates: int,
    shares: Mapping[tuple[int, int], tuple[float, float]],
    owner: Mapping[int, int],
) -> FloatArray:
    """Component number of each lesion, then of each candidate, of the overlap graph."""
    edges = [(n, lesions + c) for (n, c), share in shares.items() if share[0] >= PART_SHARE]
    edges += [(n, lesions + c) for c, n in owner.items()]
    first, second = np.array(edges, dtype=np.intp).reshape(-1, 2).T
    size = lesions + candidates
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1])


def _find_merged(
    date: _Date, lesions: Sequence[_Lesion], clouds: Sequence[_Cloud], gone: Iterable[int]
) -> None:
    """Lesions without a candidate whose place lies in a candidate of another lesion."""
    for n in gone:
        lesion = lesions[n]
        before = lesion.sightings[-1].merged_into
        holders = []
        for c, owner in date.owner.items():
            share = lesion.last.share_within(clouds[c], _reach_mm(lesion.last, clouds[c]) / 2)
            held = clouds[c].volume_ml >= LEAST_MERGED_VOLUME * lesion.last.volume_ml
            # A candidate that did not grow has swallowed nothing; once merged stays merged.
            grown = clouds[c].volume_ml > lesions[owner].last.volume_ml
            stays = lesions[owner].id == before
            if stays or (share >= PART_SHARE and held and grown):
                strict = lesion.last.share_within(clouds[c], 0.0)
                holders.append((stays, strict, share, -owner))
        if holders:
            _, strict, _, owner = max(holders)
            date.merged[n] = (-owner, strict)


def _sighting(date: _Date, n: int, lesions: Sequence[_Lesion], dated: Dated) -> Sighting:
    """What is said of a known lesion at a date."""
    own = tuple(date.of(n))
    if own:
        return _seen(date, lesions[n], own, dated)
    if n in date.merged:
        holder, confidence = date.merged[n]
        reason = f"its place lies in {lesions[holder].id}"
        if n in date.told_merged:
            reason = CONFIRMED
        return Sighting(
            dated.day, State.MERGED, (), confidence, reason, merged_into=lesions[holder].id
        )
    share = _imaged_share(lesions[n].last, dated)
    if share < IMAGED_SHARE:
        reason = f"its place lies outside of the image ({share:.0%} of it is imaged)"
        return Sighting(dated.day, State.NOT_EVALUABLE, (), 1.0 - share, reason)
    return Sighting(dated.day, State.ABSENT, (), share, "no candidate near its place")


def _seen(date: _Date, lesion: _Lesion, own: tuple[int, ...], dated: Dated) -> Sighting:
    confidence = min(date.certain[c] for c in own)
    told = all(c in date.told for c in own)
    state = State.SPLIT if len(own) > 1 else State.MATCHED
    names = ", ".join(dated.candidates[c].label for c in own)
    reason = f"candidate {names}" if state is State.MATCHED else f"in pieces: candidates {names}"
    if told:
        reason = CONFIRMED
    elif confidence < AMBIGUOUS_BELOW:
        reason = f"{reason}, but another reading is nearly as good"
        state = State.AMBIGUOUS
    share = _imaged_share(lesion.last, dated)
    flags = ("its former place is not imaged completely",) if share < 1 - 1e-9 else ()
    return Sighting(dated.day, state, own, confidence, reason, flags=flags)


def _start(
    lesions: list[_Lesion],
    dates: Sequence[Dated],
    clouds: Sequence[_Cloud],
    started: Sequence[int],
    told: Mapping[int, tuple[str, ...]],
) -> None:
    """New tracks, largest first; at the first date these are the lesions of the baseline."""
    dated, earlier = dates[-1], dates[:-1]
    named: dict[str, list[int]] = {}
    for c in sorted(started, key=lambda c: -clouds[c].volume_ml):
        name = told[c][0] if c in told else ""
        named.setdefault(name or f" {c}", []).append(c)
    reserved = {name for names in told.values() for name in names}
    for name, own in named.items():
        taken = {lesion.id for lesion in lesions} | reserved
        lesion_id = name if not name.startswith(" ") else _next_id(taken)
        cloud = _together([clouds[c] for c in own])
        seen = _first_sighting(cloud, dated, earlier, tuple(sorted(own)))
        if name in reserved:
            seen = replace(seen, confidence=1.0, reason=CONFIRMED)
        lesions.append(_Lesion(lesion_id, cloud, cloud, [seen]))


def _first_sighting(
    cloud: _Cloud, dated: Dated, earlier: Sequence[Dated], own: tuple[int, ...]
) -> Sighting:
    if not earlier:
        return Sighting(dated.day, State.BASELINE, own, 1.0, "seen at the first date")
    shown = max(_imaged_share(cloud, date) for date in earlier)
    flags = () if shown >= IMAGED_SHARE else (NOT_IMAGED_BEFORE,)
    return Sighting(dated.day, State.NEW, own, shown, "no lesion was near before", flags=flags)


def _next_id(taken: set[str]) -> str:
    n = 1
    while f"L{n}" in taken:
        n += 1
    return f"L{n}"


# --- a reader's links -----------------------------------------------------------------------------


def _told(dated: Dated, links: Sequence[Link]) -> dict[int, tuple[str, ...]]:
    """Per candidate of a date: the lesions a reader named; none at all for "no lesion"."""
    found: dict[int, tuple[str, ...]] = {}
    for n, candidate in enumerate(dated.candidates):
        said = [
            link.lesion for link in links if _is(dated, link) and link.candidate == candidate.label
        ]
        if said:
            found[n] = tuple(name for name in said if name)
    return found


def _is(dated: Dated, link: Link) -> bool:
    names = {str(dated.day)}
    if dated.date is not None:
        names.add(dated.date.isoformat())
    return link.when in names


def _check(dates: Sequence[Dated], links: Sequence[Link]) -> None:
    days = [dated.day for dated in dates]
    if any(later <= earlier for earlier, later in itertools.pairwise(days)):
        raise InputError(f"days must rise from date to date: {days}")
    for link in links:
        matching = [dated for dated in dates if _is(dated, link)]
        labels = {candidate.label for dated in matching for candidate in dated.candidates}
        if link.candidate not in labels:
            what = f"link to candidate {link.candidate!r} of {link.when}: " + (
                "there is no such candidate" if matching else "there is no such date"
            )
            raise InputError(what, remedy="use the dates and candidates of the written links.csv")
