"""Training patches of the network of small lesions.

A lesion in a box of its own is pasted, box and all, into the lung of another patient. Where the box
ends says where the lesion ends, most of all along the slices, and a network would learn just that.
Therefore the box fades into its new surroundings over a random distance, is sometimes cut through
the lesion, and nothing is learned where the two are mixed; a patch may be turned on its side, so
that the ends of a lesion are learned in the plane, where the boxes are wide.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from imaging.volume import Array
from segmentation.fine import cube_shapes, encoding
from segmentation.fine.fine_cases import FineCase

#: Shares of the kinds of patches; the rest are drawn lesions.
BOXED_SHARE = 0.72
REAL_SHARE = 0.13
NEGATIVE_SHARE = 0.05
#: Boxes left where they are: what lies beyond is unknown and not learned from.
IN_PLACE_SHARE = 0.25
CUT_SHARE = 0.3
LONGEST_FADE_MM = 6.0
TURNED_SHARE = 0.5
MAX_ROTATION_DEG = 25.0
#: Kinds of prompts; the rest are lesions carried over from an earlier date.
CLICK_SHARE = 0.55
LINE_SHARE = 0.37
#: Share of the clicks of a first answer, on the fixed grid; the rest know about the size.
FIRST_CLICK_SHARE = 0.5
#: A lesion longer than this many voxels is put on a coarser grid.
MOST_VOXELS = 28.0
SPACING_SPREAD = 0.15
CLICK_DEPTH = 0.35
#: An image with fewer places in aerated lung has no lung worth pasting into.
FEWEST_PLACES = 2000
LINE_JITTER = 0.4
#: Lesions of whole images up to this length are learned from; longer ones fill the window.
LONGEST_REAL_MM = 90.0
#: Diameters of drawn lesions, mm.
DRAWN_MM = (5.0, 50.0)


@dataclass(slots=True, eq=False)
class LesionPatch:
    """One sample: HU, truth, and where the truth is known, all (1, 1, n, n, n) float."""

    hu: torch.Tensor
    label: torch.Tensor
    known: torch.Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Cases sorted by what they serve for."""

    boxed: tuple[FineCase, ...]
    labelled: tuple[FineCase, ...]
    lungs: tuple[FineCase, ...]
    bodies: tuple[FineCase, ...]

    @classmethod
    def of(
        cls,
        cases: Sequence[FineCase],
        held_out: frozenset[str],
        kept_apart: frozenset[str] = frozenset(),
    ) -> Pool:
        """The pool without the lesions of the patients held out.

        Args:
            kept_apart: patients whose lungs nothing is pasted into: a validation pastes there.
        """
        seen = [case for case in cases if case.patient not in held_out]
        whole = [case for case in seen if not case.boxed]
        return cls(
            tuple(case for case in seen if case.boxed and len(case.lesions)),
            tuple(case for case in whole if len(_usable(case))),
            tuple(
                case
                for case in whole
                if len(case.lung) > FEWEST_PLACES and case.patient not in kept_apart
            ),
            tuple(case for case in whole if len(case.body)),
        )


def _usable(case: FineCase) -> Array:
    return case.lesions[case.lesions[:, 4] <= LONGEST_REAL_MM]


def sample(pool: Pool, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Image (1, 4, n, n, n), target and known (1, 1, n, n, n)."""
    side = encoding.SIDE
    for _ in range(20):
        chance = rng.random()
        first_click = rng.random() < CLICK_SHARE * FIRST_CLICK_SHARE
        if chance < BOXED_SHARE and pool.boxed:
            patch = _boxed(pool, first_click, rng)
        elif chance < BOXED_SHARE + REAL_SHARE and pool.labelled:
            patch = _real(pool, first_click, rng)
        elif chance < BOXED_SHARE + REAL_SHARE + NEGATIVE_SHARE and pool.lungs:
            negative = _negative(pool, rng)
            if negative is not None:
                return negative
            continue
        else:
            patch = _drawn(pool, first_click, rng)
        lesion = patch.label[0, 0].numpy() > 0
        if lesion.sum() >= 8:
            break
    _vary(patch, rng)
    cue = _prompt(lesion, first_click, side, rng)
    return torch.cat([encoding.windowed(patch.hu), cue], 1), patch.label, patch.known


def _spacing(length_mm: float, first_click: bool, rng: np.random.Generator) -> float:
    spread = math.exp(rng.normal(0.0, SPACING_SPREAD))
    if first_click:
        return max(encoding.CLICK_MM * spread, length_mm / MOST_VOXELS)
    return encoding.spacing_for(length_mm) * spread


def _matrix(rng: np.random.Generator) -> Array:
    """A rotation: a little about each axis, mirrored, sometimes turned on its side."""
    a, b, c = np.deg2rad(rng.uniform(-MAX_ROTATION_DEG, MAX_ROTATION_DEG, 3))
    c += rng.integers(4) * math.pi / 2
    about_i = np.array([[1, 0, 0], [0, math.cos(a), -math.sin(a)], [0, math.sin(a), math.cos(a)]])
    about_j = np.array([[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]])
    about_k = np.array([[math.cos(c), -math.sin(c), 0], [math.sin(c), math.cos(c), 0], [0, 0, 1]])
    turned = about_i @ about_j @ about_k @ np.diag(rng.choice([-1.0, 1.0], 3))
    stretch = np.exp(rng.uniform(-0.08, 0.08, 3))
    if rng.random() < TURNED_SHARE:
        turned = turned[:, rng.permutation(3)]
    return np.asarray(turned * stretch, np.float64)


def _points(case: FineCase, centre: Array, matrix: Array, anchor: Array) -> Array:
    """Case voxels (3, n, n, n) of the patch's voxels; ``matrix`` is patch steps to mm."""
    axis = np.arange(encoding.SIDE, dtype=np.float32)
    steps = (matrix / case.spacing_mm[:, None]).astype(np.float32)[..., None] * axis
    start = (centre - matrix @ anchor / case.spacing_mm).astype(np.float32)
    i, j, k = steps[:, 0], steps[:, 1], steps[:, 2]
    in_plane = (start[:, None] + i)[:, :, None] + j[:, None, :]
    return np.asarray(in_plane[..., None] + k[:, None, None, :])


def _sampled(
    array: Array, points: Array, spread: float, *, number: int | None = None
) -> torch.Tensor:
    """Linear interpolation, borders repeated; averaged first where the grid is much coarser.

    With a number: of the indicator of this lesion.
    """
    size = np.array(array.shape)
    low = np.clip(np.floor(points.min((1, 2, 3))).astype(int) - 1, 0, size - 1)
    high = np.clip(np.ceil(points.max((1, 2, 3))).astype(int) + 2, low + 1, size)
    part = array[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    box = (part if number is None else part == number).astype(np.float32)
    if spread > 1.6:
        box = cube_shapes.averaged_in_plane(box, max(1, round(spread)))
    cropped = np.maximum(np.array(box.shape) - 1, 1).astype(np.float32)
    shift = low.astype(np.float32)[:, None, None, None]
    unit = (points - shift) * (2.0 / cropped)[:, None, None, None] - 1.0
    grid = torch.from_numpy(np.ascontiguousarray(unit[::-1].transpose(1, 2, 3, 0)))[None]
    source = torch.from_numpy(np.ascontiguousarray(box))[None, None]
    return functional.grid_sample(source, grid, padding_mode="border", align_corners=True)


def _anchor(rng: np.random.Generator, most: float = 4.0) -> Array:
    return (encoding.SIDE - 1) / 2.0 + rng.uniform(-most, most, 3)


def _boxed(pool: Pool, first_click: bool, rng: np.random.Generator) -> LesionPatch:
    case = pool.boxed[int(rng.integers(len(pool.boxed)))]
    number, *centre, length = (float(v) for v in case.lesions[int(rng.integers(len(case.lesions)))])
    spacing = _spacing(length, first_click, rng)
    matrix = _matrix(rng) * spacing
    points = _points(case, np.array(centre), matrix, _anchor(rng))
    spread = spacing / float(case.spacing_mm[0])
    hu = _sampled(case.hu, points, spread)
    label = _sampled(case.label, points, spread, number=int(number)) > 0.5
    beyond = torch.from_numpy(_beyond_mm(case, centre, points, rng))[None, None]
    inside = beyond <= 0
    label = (label & inside).float()
    if rng.random() < IN_PLACE_SHARE or not pool.lungs:
        return LesionPatch(hu, label, inside.float())
    host = pool.lungs[int(rng.integers(len(pool.lungs)))]
    place = np.array(np.unravel_index(host.lung[rng.integers(len(host.lung))], host.hu.shape))
    there = _points(host, place.astype(np.float64), matrix, _anchor(rng))
    around = _sampled(host.hu, there, spacing / float(host.spacing_mm[0]))
    fade = rng.uniform(0.0, LONGEST_FADE_MM)
    share = (1.0 - beyond / max(fade, 1e-3)).clamp(0.0, 1.0)
    known = inside | (beyond > max(fade, 2.0))
    return LesionPatch(around + share * (hu - around), label, known.float())


def _beyond_mm(
    case: FineCase, centre: Sequence[float], points: Array, rng: np.random.Generator
) -> Array:
    """How far outside the box a point lies, mm; the box is sometimes cut through the lesion."""
    size = np.array(case.hu.shape, np.float64)
    low, high = np.full(3, -0.5), size - 0.5
    if rng.random() < CUT_SHARE:
        axis = int(rng.choice(3, p=[0.15, 0.15, 0.7]))
        if rng.random() < 0.5:
            low[axis] = min(centre[axis] - 0.6, rng.uniform(low[axis], centre[axis]))
        else:
            high[axis] = max(centre[axis] + 0.6, rng.uniform(centre[axis], high[axis]))
    apart = np.full(points.shape[1:], -np.inf, np.float32)
    for axis in range(3):
        edge = float(case.spacing_mm[axis])
        below = (float(low[axis]) - points[axis]) * edge
        above = (points[axis] - float(high[axis])) * edge
        apart = np.maximum(apart, np.maximum(below, above))
    return apart


def _real(pool: Pool, first_click: bool, rng: np.random.Generator) -> LesionPatch:
    case = pool.labelled[int(rng.integers(len(pool.labelled)))]
    rows = _usable(case)
    number, *centre, length = (float(v) for v in rows[int(rng.integers(len(rows)))])
    spacing = _spacing(length, first_click, rng)
    points = _points(case, np.array(centre), _matrix(rng) * spacing, _anchor(rng))
    spread = spacing / float(case.spacing_mm[0])
    hu = _sampled(case.hu, points, spread)
    label = _sampled(case.label, points, spread, number=int(number)) > 0.5
    limit = np.array(case.hu.shape).reshape(3, 1, 1, 1) - 0.5
    known = torch.from_numpy(((points > -0.5) & (points < limit)).all(0))[None, None]
    return LesionPatch(hu, (label & known).float(), known.float())


def _drawn(pool: Pool, first_click: bool, rng: np.random.Generator) -> LesionPatch:
    """A bumpy lesion drawn into lung, liver, muscle, fat or at a border between them."""
    in_lung = bool(pool.lungs) and rng.random() < 0.3
    hosts = pool.lungs if in_lung else pool.bodies
    case = hosts[int(rng.integers(len(hosts)))]
    places = case.lung if in_lung else case.body
    index = np.array(np.unravel_index(places[rng.integers(len(places))], case.hu.shape))
    length = math.exp(rng.uniform(*np.log(DRAWN_MM)))
    spacing = _spacing(length, first_click, rng)
    anchor = _anchor(rng)
    points = _points(case, index.astype(np.float64), _matrix(rng) * spacing, anchor)
    hu = _sampled(case.hu, points, spacing / float(case.spacing_mm[0]))
    radii = length / 2.0 / spacing * rng.uniform(0.7, 1.1, 3)
    away = encoding.offsets(encoding.SIDE, anchor, hu.device) / torch.as_tensor(
        radii, dtype=torch.float32
    ).view(3, 1, 1, 1)
    radius = away.square().sum(0).sqrt() + 1e-3
    bump = sum(
        float(rng.uniform(-0.12, 0.12)) * torch.sin(f * axis + float(rng.uniform(0, 6.28)))
        for axis in away
        for f in (2.0, 3.5)
    )
    depth = (radius - 1.0 - bump * radius.clamp(max=1.5)) * float(radii.mean()) * spacing
    depth = depth[None, None]
    solid = torch.sigmoid(-depth / rng.uniform(0.3, 1.2))
    inner = depth < 0
    if not bool(inner.any()):
        return LesionPatch(hu, torch.zeros_like(hu), torch.ones_like(hu))
    before = float(hu[inner].median())
    grain = float((hu - functional.avg_pool3d(hu, 3, 1, 1)).clamp(-60, 60).std())
    if before < -400:
        level = rng.uniform(-50.0, 80.0) if rng.random() < 0.7 else rng.uniform(-650.0, -250.0)
    elif before < -20:
        level = rng.uniform(-10.0, 80.0)
    else:
        level = before + float(rng.choice([-1.0, 1.0], p=[0.65, 0.35])) * rng.uniform(18.0, 70.0)
    coarse = torch.from_numpy(rng.normal(0.0, 1.0, (1, 1, 6, 6, 6)).astype(np.float32))
    uneven = functional.interpolate(coarse, size=hu.shape[2:], mode="trilinear") * rng.uniform(
        0, 15
    )
    texture = torch.from_numpy(rng.normal(0.0, grain, hu.shape).astype(np.float32))
    filled = level + uneven + functional.avg_pool3d(texture, 3, 1, 1) * 2.0
    return LesionPatch(hu + solid * (filled - hu), inner.float(), torch.ones_like(hu))


def _negative(
    pool: Pool, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None:
    """A click on a vessel or on nothing in the lung: no lesion is the answer."""
    case = pool.lungs[int(rng.integers(len(pool.lungs)))]
    index = np.array(np.unravel_index(case.lung[rng.integers(len(case.lung))], case.hu.shape))
    low = np.maximum(index - 6, 0)
    near = case.hu[tuple(slice(a, a + 13) for a in low)]
    bright = np.argwhere(near > -400)
    if len(bright) and rng.random() < 0.85:
        index = low + bright[rng.integers(len(bright))]
        if case.label[tuple(index)]:
            return None
    spacing = encoding.CLICK_MM * math.exp(rng.normal(0.0, SPACING_SPREAD))
    anchor = _anchor(rng)
    points = _points(case, index.astype(np.float64), _matrix(rng) * spacing, anchor)
    hu = _sampled(case.hu, points, spacing / float(case.spacing_mm[0]))
    patch = LesionPatch(hu, torch.zeros_like(hu), torch.ones_like(hu))
    _vary(patch, rng)
    cue = encoding.place(encoding.SIDE, anchor, anchor, hu.device)
    image = torch.cat([encoding.windowed(patch.hu), cue, torch.zeros_like(cue)], 1)
    return image, patch.label, patch.known


def _vary(patch: LesionPatch, rng: np.random.Generator) -> None:
    """Alter contrast, noise and sharpness, in place."""
    hu = patch.hu * rng.uniform(0.96, 1.04) + rng.uniform(-15.0, 15.0)
    if rng.random() < 0.15:
        hu = functional.avg_pool3d(hu, 3, 1, 1, count_include_pad=False)
    if rng.random() < 0.5:
        sigma = rng.uniform(0.0, 30.0)
        noise = rng.standard_normal(hu.shape, dtype=np.float32) * np.float32(sigma)
        hu = hu + torch.from_numpy(noise)
    patch.hu = hu


def _prompt(lesion: Array, first_click: bool, side: int, rng: np.random.Generator) -> torch.Tensor:
    """Both channels of a click, a line or a lesion carried over: (1, 2, n, n, n)."""
    device = torch.device("cpu")
    share = CLICK_SHARE * (1.0 - FIRST_CLICK_SHARE)
    chance = 0.0 if first_click else rng.uniform(0.0, share + 1.0 - CLICK_SHARE)
    if chance < share:
        point = _click(lesion, rng)
        cue = encoding.place(side, point, point, device)
        return torch.cat([cue, torch.zeros_like(cue)], 1)
    if chance < share + LINE_SHARE:
        start, end = longest_line(lesion)
        start, end = (p + rng.normal(0.0, LINE_JITTER, 3) * [1, 1, 0] for p in (start, end))
        return torch.cat(
            [encoding.place(side, start, end, device), encoding.ball(side, start, end, device)], 1
        )
    before = lesion
    if rng.random() < 0.6:
        grow = cube_shapes.grown if rng.random() < 0.5 else cube_shapes.worn
        changed = grow(lesion, int(rng.integers(1, 3)))
        before = changed if changed.sum() >= 8 else lesion
    before = cube_shapes.shifted(before, rng.uniform(-2, 2, 3))
    if not before.any():
        before = lesion
    middle = np.argwhere(before).mean(axis=0)
    extent = torch.from_numpy(before.astype(np.float32))[None, None]
    return torch.cat([encoding.place(side, middle, middle, device), encoding.softened(extent)], 1)


def _click(lesion: Array, rng: np.random.Generator) -> Array:
    depth = cube_shapes.depth_of(lesion)
    index = np.argwhere(depth >= max(1.0, CLICK_DEPTH * depth.max()))
    weight = depth[tuple(index.T)] ** 3
    chosen = index[rng.choice(len(index), p=weight / weight.sum())]
    return np.asarray(chosen + rng.uniform(-0.5, 0.5, 3), np.float64)


def longest_line(lesion: Array) -> tuple[Array, Array]:
    """About the longest diameter within one slice: extremes along sixteen directions."""
    angles = np.arange(16) * np.pi / 16
    directions = np.stack([np.cos(angles), np.sin(angles)])
    best, ends = -1.0, (np.zeros(3), np.zeros(3))
    for k in np.flatnonzero(lesion.any(axis=(0, 1))):
        points = np.argwhere(lesion[:, :, k]).astype(np.float64)
        along = points @ directions
        widths = along.max(axis=0) - along.min(axis=0)
        n = int(widths.argmax())
        if widths[n] > best:
            best = float(widths[n])
            a, b = points[along[:, n].argmin()], points[along[:, n].argmax()]
            ends = np.append(a, k), np.append(b, k)
    return ends
