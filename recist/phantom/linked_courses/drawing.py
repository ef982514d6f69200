"""Drawing a course: lesions in a body, what becomes of them, and the scans that show them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import cc3d
import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from imaging.registration import Registration, RegistrationMethod, RegistrationQuality
from imaging.registration.places import Places
from imaging.registration.reduction import reduced
from imaging.volume import BoolArray, FloatArray, Grid, Mask, Volume
from recist.phantom.linked_courses.truth import LinkedCourse
from recist.phantom.moved_tissue import KNOT_MM
from recist.tracking import DatedCandidates
from segmentation.instances import SMALLEST_CANDIDATE_ML, Candidate

#: Lesions, dates and days between two of these.
LESIONS, DATES, DAYS = (3, 15), (2, 6), 56
#: Radii at the first date and at any, mm.
RADII_MM, RADII_EVER_MM = (3.0, 16.0), (2.0, 30.0)
#: How unequal the axes are, how lumpy the outline is, and how differently it is drawn each time.
UNEVEN, LUMPS, REDRAWN, REDRAWN_MM = 0.25, 0.08, 0.05, 0.4
#: Share of the lesions that lie beside another, and the gap between both outlines, mm.
BESIDE, GAP_MM = 0.35, (2.5, 12.0)
#: Change of the diameter between two dates: mean of the logarithm (of a course) and spread.
TREND, SPREAD = (-0.30, 0.25), 0.22
#: What may become of a lesion from a date to the next, and that it comes back if it vanished.
VANISHES, COMES_BACK, SPLITS, IS_MISSED = 0.07, 0.25, 0.05, 0.03
#: Share of the lesions that are new at a later date, and of the courses in which two merge.
NEW, MERGES = 0.2, 0.35
#: No outline lies farther from its ellipsoid than this share.
MOST_LUMPY = 0.3
#: The smallest that comes to pieces, the gap between pieces and the share of three, mm.
LEAST_SPLIT_MM, CLEFT_MM, IN_THREE = 6.0, (2.5, 6.0), 0.25
#: Two that merge overlap by this share of the smaller radius; so many part again.
OVERLAP, PARTS_AGAIN = (0.15, 0.5), 0.3
#: Share of the later scans that show a part of the body, and how much of its height they leave out.
CUT, LEFT_OUT = 0.25, (0.15, 0.45)
#: How the patient lies elsewhere, which is known, and by how far the registration is off.
TURN_DEGREES, SHIFT_MM, ERROR_MM = 4.0, 40.0, (0.5, 8.0)
#: The estimate of the error: the error times a factor whose logarithm has this mean and spread, so
#: that it covers nine of ten errors.
ESTIMATE, LEAST_ESTIMATE_MM = (0.64, 0.5), 0.5
#: Places are this deep below the skin, mm.
DEEP_MM = 15.0
#: A lesion is part of a candidate that holds this share of it.
PART = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Trunk:
    """The body in which lesions lie.

    Attributes:
        grid: of the first scan.
        places_mm: (n, 3) LPS, where a lesion may have its middle.
    """

    grid: Grid
    places_mm: FloatArray

    @classmethod
    def of_ct(cls, ct: Volume) -> Trunk:
        """The body that a CT in HU shows."""
        body = reduced(ct, 4.0)
        return cls(body.full_grid, _deep(body.body, body.grid))

    @classmethod
    def plain(
        cls, width_mm: float = 320.0, depth_mm: float = 220.0, height_mm: float = 500.0
    ) -> Trunk:
        """An elliptic cylinder, where there is no CT."""
        grid = Grid(
            (int(width_mm // 4), int(depth_mm // 4), int(height_mm // 4)),
            np.diag([4.0, 4.0, 4.0, 1.0]),
        )
        index = np.moveaxis(np.indices(grid.shape), 0, -1)
        middle = (np.array(grid.shape) - 1) / 2
        across = ((index - middle) / (np.array(grid.shape) / 2))[..., :2]
        return cls(grid, _deep(np.linalg.norm(across, axis=-1) <= 1, grid))


def _deep(body: BoolArray, grid: Grid) -> FloatArray:
    depth = ndimage.distance_transform_edt(np.pad(body, 1), sampling=grid.spacing_mm)
    return grid.to_world_mm(np.argwhere(depth[1:-1, 1:-1, 1:-1] >= DEEP_MM))


@dataclass(slots=True, eq=False)
class _Growing:
    """A lesion while its course is drawn; lengths in mm of the first scan's frame.

    Attributes:
        first: the date at which it is there for the first time.
        clefts: directions and half widths of what parts its pieces.
    """

    centre: FloatArray
    radii: FloatArray
    turn: FloatArray
    waves: tuple[FloatArray, FloatArray]
    first: int
    scale: float = 1.0
    gone: bool = False
    clefts: list[tuple[FloatArray, float]] = field(default_factory=list)

    @property
    def radius(self) -> float:
        return float(np.cbrt(self.radii.prod())) * self.scale

    def holds(self, points: FloatArray, random: np.random.Generator) -> BoolArray:
        """Which points (..., 3) lie inside, drawn anew."""
        middle = self.centre + random.normal(0, REDRAWN_MM, 3)
        offset = (points - middle) @ self.turn / (self.radii * self.scale)
        apart = np.linalg.norm(offset, axis=-1)
        inside = apart <= 1.0
        rim = np.abs(apart - 1.0) < MOST_LUMPY  # only there the lumps decide
        at = offset[rim]
        lumps = sum(LUMPS / 2 * np.sin(at @ w + p) for w, p in zip(*self.waves, strict=True))
        lumps += np.sin(2 * at) @ random.normal(0, REDRAWN / 2, 3)
        inside[rim] = apart[rim] <= 1.0 + lumps
        for direction, half_mm in self.clefts:
            inside &= np.abs((points - self.centre) @ direction) > half_mm
        return np.asarray(inside)


def linked_course(trunk: Trunk, random: np.random.Generator) -> LinkedCourse:
    """A course of 3 to 15 lesions over 2 to 6 dates."""
    count = int(random.integers(DATES[0], DATES[1] + 1))
    lesions = _lesions(trunk, count, random)
    trend = float(random.uniform(*TREND))
    merging = _merging(lesions, count, random)
    dates: list[DatedCandidates] = []
    owners: list[tuple[frozenset[int], ...]] = []
    for n in range(count):
        if n:
            _grow(lesions, n, trend, random)
        for pair, start, stop in merging:
            if start <= n < stop:
                _touch(lesions[pair[0]], lesions[pair[1]], random)
        there = [m for m, lesion in enumerate(lesions) if lesion.first <= n and not lesion.gone]
        seen = [m for m in there if not n or random.uniform() >= IS_MISSED]
        dated, own = _scanned(trunk, lesions, seen, n, random)
        dates.append(dated)
        owners.append(own)
    return LinkedCourse(tuple(dates), _as_seen(owners))


def _lesions(trunk: Trunk, dates: int, random: np.random.Generator) -> list[_Growing]:
    found: list[_Growing] = []
    wanted = int(random.integers(LESIONS[0], LESIONS[1] + 1))
    for _ in range(60 * wanted):
        if len(found) >= wanted:
            break
        radius = float(np.exp(random.uniform(*np.log(RADII_MM))))
        radii = radius * np.exp(random.uniform(-UNEVEN, UNEVEN, 3))
        if found and random.uniform() < BESIDE:
            beside = found[int(random.integers(len(found)))]
            away = random.normal(0, 1, 3)
            gap = radii.max() + beside.radii.max() + random.uniform(*GAP_MM)
            centre = beside.centre + away / np.linalg.norm(away) * gap
        else:
            centre = trunk.places_mm[random.integers(len(trunk.places_mm))] + random.uniform(
                -2, 2, 3
            )
        room = [np.linalg.norm(centre - o.centre) - radii.max() - o.radii.max() for o in found]
        index = trunk.grid.to_voxel(centre)
        edge = np.minimum(index, np.array(trunk.grid.shape) - 1 - index) * trunk.grid.spacing_mm
        if min(room, default=np.inf) < GAP_MM[0] - 1e-6 or edge.min() < radii.max() + 2:
            continue
        later = dates > 1 and random.uniform() < NEW
        found.append(
            _Growing(
                centre,
                radii,
                Rotation.random(random_state=random).as_matrix(),
                (random.uniform(1.0, 2.5, (3, 3)), random.uniform(0, 2 * np.pi, 3)),
                int(random.integers(1, dates)) if later else 0,
            )
        )
    return found


def _grow(lesions: Sequence[_Growing], n: int, trend: float, random: np.random.Generator) -> None:
    for lesion in lesions:
        if lesion.first >= n:
            continue
        size = float(np.cbrt(lesion.radii.prod()))
        grown = lesion.scale * np.exp(random.normal(trend, SPREAD))
        lesion.scale = float(np.clip(grown * size, *RADII_EVER_MM)) / size
        if lesion.gone:
            lesion.gone = random.uniform() >= COMES_BACK
        else:
            lesion.gone = random.uniform() < VANISHES
        if lesion.radius >= LEAST_SPLIT_MM and not lesion.clefts and random.uniform() < SPLITS:
            for _ in range(2 if random.uniform() < IN_THREE else 1):
                way = random.normal(0, 1, 3)
                half_mm = random.uniform(*CLEFT_MM) / 2
                lesion.clefts.append((way / np.linalg.norm(way), half_mm))


def _merging(
    lesions: Sequence[_Growing], dates: int, random: np.random.Generator
) -> list[tuple[tuple[int, int], int, int]]:
    """Two lesions that grow into one another, if any: who, from which date, until which."""
    pairs = [
        (n, m)
        for n, m in itertools.combinations(range(len(lesions)), 2)
        if max(lesions[n].first, lesions[m].first) == 0
        and np.linalg.norm(lesions[n].centre - lesions[m].centre)
        < 1.6 * (lesions[n].radii.max() + lesions[m].radii.max())
    ]
    if not pairs or dates < 2 or random.uniform() >= MERGES:
        return []
    start = int(random.integers(1, dates))
    parts = random.uniform() < PARTS_AGAIN and start + 1 < dates
    stop = int(random.integers(start + 1, dates)) if parts else dates
    return [(pairs[int(random.integers(len(pairs)))], start, stop)]


def _touch(one: _Growing, other: _Growing, random: np.random.Generator) -> None:
    """Grown until both overlap."""
    one.gone = other.gone = False
    apart = float(np.linalg.norm(one.centre - other.centre))
    needed = apart + random.uniform(*OVERLAP) * min(one.radius, other.radius)
    factor = max(needed / (one.radius + other.radius), 1.0)
    one.scale *= factor
    other.scale *= factor


def _scanned(
    trunk: Trunk,
    lesions: Sequence[_Growing],
    seen: Sequence[int],
    n: int,
    random: np.random.Generator,
) -> tuple[DatedCandidates, tuple[frozenset[int], ...]]:
    """The candidates of a date, with the lesions in each."""
    rigid = _lying(trunk.grid, random) if n else np.eye(4)
    grid = _scan_grid(trunk.grid, rigid, bool(n) and random.uniform() < CUT, random)
    off = _errors(trunk.grid, lesions, random) if n else np.zeros((len(lesions), 3))
    masks = {m: _drawn(lesions[m], off[m], rigid, grid, random) for m in seen}
    candidates, owners = [], []
    for mask, own in _joined({m: mask for m, mask in masks.items() if mask.voxels}, grid):
        candidates.append(mask)
        owners.append(own)
    order = random.permutation(len(candidates))
    named = tuple(Candidate(str(k), candidates[c]) for k, c in enumerate(order, start=1))
    registration = None
    if n:
        quality = RegistrationQuality(RegistrationMethod.DEFORMABLE, 0.6, 0.97, 1.0)
        places = _places(lesions, off, random)
        registration = Registration(trunk.grid, grid, rigid, quality, places=places)
    return DatedCandidates(DAYS * n, named, grid, registration), tuple(owners[c] for c in order)


def _lying(grid: Grid, random: np.random.Generator) -> FloatArray:
    middle = grid.corners_mm().mean(axis=0)
    turn = np.radians(random.uniform(-TURN_DEGREES, TURN_DEGREES, 3))
    rigid = np.eye(4)
    rigid[:3, :3] = Rotation.from_rotvec(turn).as_matrix()
    rigid[:3, 3] = middle + random.uniform(-SHIFT_MM, SHIFT_MM, 3) - rigid[:3, :3] @ middle
    return rigid


def _scan_grid(first: Grid, rigid: FloatArray, is_cut: bool, random: np.random.Generator) -> Grid:
    """The grid of a scan around the body as it lies, or around a part of its height."""
    corners = first.corners_mm() @ rigid[:3, :3].T + rigid[:3, 3]
    low, high = corners.min(axis=0), corners.max(axis=0)
    if is_cut:
        lost = float(random.uniform(*LEFT_OUT) * (high[2] - low[2]))
        low[2], high[2] = (
            (low[2] + lost, high[2]) if random.uniform() < 0.5 else (low[2], high[2] - lost)
        )
    pixel = float(random.uniform(1.0, 2.0))
    spacing = np.array([pixel, pixel, float(random.choice([2.0, 3.0, 5.0]))])
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = low + random.uniform(0, 1, 3) * spacing
    i, j, k = (int(size) for size in np.maximum((high - low) // spacing, 1))
    return Grid((i, j, k), affine)


def _errors(grid: Grid, lesions: Sequence[_Growing], random: np.random.Generator) -> FloatArray:
    """How far the registration is off at each lesion (n, 3): smooth, the largest as drawn."""
    corners = grid.corners_mm()
    low, extent = corners.min(axis=0), np.ptp(corners, axis=0)
    knots = np.maximum(np.ceil(extent / KNOT_MM).astype(int), 1) + 3
    field = random.normal(0, 1, (3, *knots))
    places = np.array([lesion.centre for lesion in lesions])
    at = ((places - low) / extent * (knots - 3) + 1).T
    shift = np.stack([ndimage.map_coordinates(part, at, order=3) for part in field], axis=-1)
    shift += random.normal(0, 0.3, shift.shape)
    largest = float(np.linalg.norm(shift, axis=1).max())
    return np.asarray(shift * random.uniform(*ERROR_MM) / largest)


def _drawn(
    lesion: _Growing, off_mm: FloatArray, rigid: FloatArray, grid: Grid, random: np.random.Generator
) -> Mask:
    back = np.linalg.inv(rigid)
    reach = (1 + MOST_LUMPY) * lesion.radii.max() * lesion.scale + 2
    spacing = np.array(grid.spacing_mm)
    middle = grid.to_voxel(rigid[:3, :3] @ (lesion.centre + off_mm) + rigid[:3, 3])
    start = np.floor(middle - reach / spacing).astype(int)
    shape = np.ceil(2 * reach / spacing).astype(int) + 1
    index = np.moveaxis(np.indices(shape), 0, -1) + start
    points = grid.to_world_mm(index) @ back[:3, :3].T + back[:3, 3] - off_mm
    a, b, c = (int(s) for s in start)
    return Mask.placed(lesion.holds(points, random), (a, b, c), grid)


def _joined(masks: dict[int, Mask], grid: Grid) -> list[tuple[Mask, frozenset[int]]]:
    """The connected pieces of all outlines, with the lesions that lie in each."""
    found = []
    left = dict(masks)
    while left:
        group = [left.popitem()]
        grew = True
        while grew:
            near = [m for m, mask in left.items() if any(_meet(mask, own) for _, own in group)]
            grew = bool(near)
            group += [(m, left.pop(m)) for m in near]
        low = np.min([mask.start for _, mask in group], axis=0)
        high = np.max([np.add(mask.start, mask.array.shape) for _, mask in group], axis=0)
        held = {m: _in_box(mask, low, high) for m, mask in group}
        labels = cc3d.connected_components(
            np.any(list(held.values()), axis=0).astype(np.uint8), connectivity=26
        )
        a, b, c = (int(s) for s in low)
        for label in range(1, int(labels.max()) + 1):
            piece = labels == label
            mask = Mask.placed(piece, (a, b, c), grid)
            pieces = {
                m: int(np.count_nonzero(piece & own)) / int(own.sum()) for m, own in held.items()
            }
            largest = max(pieces, key=lambda m: pieces[m] * int(held[m].sum()))
            own = {m for m, share in pieces.items() if share >= PART} | {largest}
            if mask.volume_ml >= SMALLEST_CANDIDATE_ML:
                found.append((mask, frozenset(own)))
    return found


def _meet(one: Mask, other: Mask) -> bool:
    low = np.maximum(one.start, other.start) - 1
    high = (
        np.minimum(np.add(one.start, one.array.shape), np.add(other.start, other.array.shape)) + 1
    )
    return bool((low < high).all())


def _in_box(mask: Mask, low: FloatArray, high: FloatArray) -> BoolArray:
    inside = np.zeros(tuple(high - low), np.bool_)
    at = tuple(
        slice(int(s - a), int(s - a) + n)
        for s, a, n in zip(mask.start, low, mask.array.shape, strict=True)
    )
    inside[at] = mask.array
    return inside


def _places(lesions: Sequence[_Growing], off: FloatArray, random: np.random.Generator) -> Places:
    """How far off the registration says that it may be at each lesion."""
    sizes = np.linalg.norm(off, axis=1)
    said = np.maximum(sizes * np.exp(random.normal(*ESTIMATE, len(sizes))), LEAST_ESTIMATE_MM)
    return Places(
        np.array([lesion.centre for lesion in lesions]),
        np.zeros((len(lesions), 3)),
        np.array([lesion.radius + 3.0 for lesion in lesions]),
        said,
    )


def _as_seen(
    owners: Sequence[tuple[frozenset[int], ...]],
) -> tuple[tuple[frozenset[int], ...], ...]:
    """Lesions that were never seen apart are one until then: nobody could have told.

    A lesion that is seen first in a candidate that it shares is named after the other.
    """
    name: dict[int, int] = {}
    for candidates in owners:
        fresh: dict[int, int] = {}
        for own in candidates:
            known = sorted({name[m] for m in own if m in name})
            for m in sorted(own - set(name)):
                fresh.setdefault(m, known[0] if known else min(own))
        name.update(fresh)
    return tuple(tuple(frozenset(name[m] for m in own) for own in each) for each in owners)
