"""The bundle's networks on patients they have not seen, beside the thresholds.

Every patient is delineated by the network of the fold that left it out: on its own, with one click,
with a RECIST line, from CT alone. The threshold methods get the best click there is (the hottest
voxel of the true lesion), the oracle also the best level. Small lesions are drawn into the CTs that
the network has not seen, and counted.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from imaging.errors import InputError
from imaging.resampling import resample_mask
from imaging.volume import Array, BoolArray, Grid, Mask, Unit, Volume
from segmentation.bundle import Bundle
from segmentation.evaluation import (
    BootstrapInterval,
    Diameter,
    Scores,
    bootstrap,
    dice,
    kappa,
    score,
)
from segmentation.infer import Delineation, delineate
from segmentation.inference_quality import InferenceQuality
from segmentation.packing import body_mask, read_images
from segmentation.physiological import lesions_of
from segmentation.prompts import Carried, Click, Line, Point, Prompt, deepest_click
from segmentation.synthesis import DIAMETER_MM, insert_lesion
from segmentation.uptake_thresholds import Threshold, ThresholdMethod, delineate_by

ORACLE_SUV = np.geomspace(0.5, 15.0, 36)
#: Factors by which a patient is enlarged or shrunk to make a second date of known change.
DATE_FACTORS = (0.55, 0.8, 0.95, 1.1, 1.35)

#: The category of response from a diameter at baseline and at follow-up, mm.
Category = Callable[[float, float], str]


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One patient by one method."""

    case: str
    method: str
    scores: Scores
    seconds: float


@dataclass(frozen=True, slots=True)
class DrawnRow:
    """One drawn lesion: whether it was found, and what else was."""

    case: str
    mode: str
    tissue: str
    diameter_mm: float
    found: bool
    dice: float
    false_components: int


def fold_bundle(bundle: Bundle, fold: int) -> Bundle:
    """The bundle with the network that left out a fold, and no other.

    Raises:
        InputError: the bundle holds no network of the fold.
    """
    own = tuple(one for one in bundle.weights if Path(one.file).stem == f"fold{fold}")
    if not own:
        raise InputError(f"the bundle has no network of fold {fold}", where=bundle.root)
    return replace(bundle, weights=own)


def validate_case(
    folder: Path, name: str, bundle: Bundle, diameter: Diameter, *, device: str = "auto"
) -> Iterator[ScoreRow]:
    """All methods on one patient; ``bundle`` must not have seen it."""
    ct, suv, label = read_images(folder, name)
    true = np.asarray(label.array > 0)

    def row(method: str, run: Callable[[], Delineation]) -> ScoreRow:
        begun = time.perf_counter()
        found = run().mask()
        seconds = time.perf_counter() - begun
        return ScoreRow(name, method, score(true, found, ct.grid, diameter=diameter), seconds)

    click = deepest_click(true, ct.grid)
    prompts: dict[str, Prompt | None] = {
        "automatic": None,
        "click": click,
        "line": longest_line(true, ct.grid),
    }

    def asked(
        prompt: Prompt | None, quality: InferenceQuality = InferenceQuality.FAST
    ) -> Delineation:
        found = delineate(ct, suv, bundle, prompt=prompt, device=device, quality=quality)
        # Uptake of organs is shown as such, and is no lesion of the answer.
        return lesions_of(found, ct, suv) if prompt is None else found

    for method, prompt in prompts.items():
        yield row(method, lambda p=prompt: asked(p))  # type: ignore[misc]
    for method in ("automatic", "click"):
        yield row(
            f"{method}, mirrored",
            lambda p=prompts[method]: asked(p, InferenceQuality.BEST),  # type: ignore[misc]
        )
    yield row("click, CT alone", lambda: delineate(ct, None, bundle, prompt=click, device=device))
    yield row("automatic, CT alone", lambda: delineate(ct, None, bundle, device=device))
    if suv is None:
        return
    blank = Volume(np.full(ct.grid.shape, 40, np.int16), ct.grid, Unit.HU, "no CT")
    yield row(
        "click, PET alone", lambda: delineate(blank, suv, bundle, prompt=click, device=device)
    )
    hottest = hottest_click(true, ct.grid, suv)
    for threshold in threshold_methods():
        yield row(
            threshold.name,
            lambda t=threshold: delineate_by(t, suv, ct.grid, click=hottest),  # type: ignore[misc]
        )
    yield row("oracle threshold", lambda: _oracle(suv, true, ct.grid, hottest))


def threshold_methods() -> tuple[Threshold, ...]:
    """The threshold methods that need no reference region."""
    return (
        Threshold(ThresholdMethod.PERCENT),
        *(Threshold(ThresholdMethod.FIXED, suv=level) for level in (2.0, 2.5, 4.0)),
        Threshold(ThresholdMethod.OTSU),
        Threshold(ThresholdMethod.GRADIENT),
    )


def _oracle(suv: Volume, true: BoolArray, grid: Grid, click: Click) -> Delineation:
    found = [
        delineate_by(Threshold(ThresholdMethod.FIXED, suv=float(level)), suv, grid, click=click)
        for level in ORACLE_SUV
    ]
    return max(found, key=lambda one: dice(true, one.mask()))


def _point(world_mm: Array) -> Point:
    x, y, z = (float(value) for value in world_mm)
    return x, y, z


def hottest_click(true: BoolArray, grid: Grid, suv: Volume) -> Click:
    """A click at the hottest PET voxel whose centre lies in the lesion."""
    points = suv.grid.to_world_mm(np.moveaxis(np.indices(suv.grid.shape), 0, -1))
    voxels = np.rint(grid.to_voxel(points)).astype(int)
    within = ((voxels >= 0) & (voxels < np.array(grid.shape))).all(axis=-1)
    inside = np.zeros(suv.grid.shape, np.bool_)
    inside[within] = true[tuple(voxels[within].T)]
    hottest = int(np.where(inside, suv.array, -1.0).argmax())
    return Click(_point(suv.grid.to_world_mm(np.unravel_index(hottest, suv.array.shape))))


def longest_line(true: BoolArray, grid: Grid) -> Line:
    """The longest distance between voxel centres in the axial slice that holds the longest one."""
    best, ends = -1.0, (np.zeros(3), np.zeros(3))
    for k in np.flatnonzero(true.any(axis=(0, 1))):
        points = np.argwhere(true[:, :, k]).astype(np.float64)
        # A slice of one row or one voxel is its own hull.
        with contextlib.suppress(QhullError, ValueError):
            points = points[ConvexHull(points).vertices]
        world = grid.to_world_mm(np.column_stack([points, np.full(len(points), k)]))
        apart = np.linalg.norm(world[:, None] - world[None], axis=-1)
        a, b = np.unravel_index(int(apart.argmax()), apart.shape)
        if apart[a, b] > best:
            best, ends = float(apart[a, b]), (world[a], world[b])
    return Line(_point(ends[0]), _point(ends[1]))


@dataclass(frozen=True, slots=True)
class SimulatedDate:
    """A patient with all lengths scaled, as another date.

    Attributes:
        true_mm: longest diameter.
        click_mm: as found by a click; 0 for nothing.
        carried_mm: as found from the outline of the date before, laid over the middle of the lesion
            as long as it was; of the first date, as found by a click.
    """

    factor: float
    true_mm: float
    click_mm: float
    carried_mm: float


def simulated_dates(
    folder: Path, name: str, bundle: Bundle, diameter: Diameter, *, device: str = "auto"
) -> tuple[SimulatedDate, ...]:
    """A patient at :data:`DATE_FACTORS`; ``bundle`` must not have seen it."""
    ct, suv, label = read_images(folder, name)
    true = np.asarray(label.array > 0)
    dates: list[SimulatedDate] = []
    before: Mask | None = None
    for factor in DATE_FACTORS:
        now, later = scaled(ct, factor), None if suv is None else scaled(suv, factor)
        lesion = Mask.of(true, now.grid)

        def found(
            prompt: Prompt, now: Volume = now, later: Volume | None = later
        ) -> tuple[Mask | None, float]:
            answer = delineate(now, later, bundle, prompt=prompt, device=device).candidates
            return (answer[0].mask, diameter(answer[0].mask)) if answer else (None, 0.0)

        own, click_mm = found(deepest_click(true, now.grid))
        mask, carried_mm = own, click_mm
        if before is not None:
            mask, carried_mm = found(Carried(_moved_to(before, lesion)))
        before = mask or own or before
        dates.append(SimulatedDate(factor, diameter(lesion), click_mm, carried_mm))
    return tuple(dates)


def _moved_to(earlier: Mask, now: Mask) -> Mask:
    """An outline in its own size, its middle where that of another lies."""
    affine = earlier.grid.affine.copy()
    affine[:3, 3] += now.centre_mm - earlier.centre_mm
    moved = Mask(earlier.array, earlier.start, Grid(earlier.grid.shape, affine))
    return resample_mask(moved, now.grid)


def categories_between(
    dates: Sequence[SimulatedDate], category: Category, measured: Callable[[SimulatedDate], float]
) -> list[tuple[str, str]]:
    """Pairs (true, found) of response categories from every date to every other, either way."""
    return [
        (category(one.true_mm, other.true_mm), category(measured(one), measured(other)))
        for one, other in permutations(dates, 2)
        if measured(one) > 0
    ]


def scaled(volume: Volume, factor: float) -> Volume:
    affine = volume.grid.affine.copy()
    affine[:3] *= factor
    return Volume(volume.array, Grid(volume.grid.shape, affine), volume.unit, volume.source)


def kappa_by_patient(
    patients: Sequence[Sequence[tuple[str, str]]], *, samples: int = 500
) -> BootstrapInterval:
    """Cohen's kappa of the pairs of categories of all patients, with its interval by patient.

    Raises:
        InputError: there are no patients.
    """

    def of(chosen: Sequence[float]) -> float:
        return category_kappa([pair for n in chosen for pair in patients[int(n)]])

    numbers = [float(n) for n in range(len(patients))]
    return bootstrap(numbers, statistic=of, samples=samples)


def category_kappa(pairs: Sequence[tuple[str, str]]) -> float:
    """Cohen's kappa of pairs of categories."""
    return kappa([true for true, _ in pairs], [found for _, found in pairs])


def drawn_lesions(
    ct: Volume, bundle: Bundle, *, count: int, seed: int, name: str, device: str = "auto"
) -> Iterator[DrawnRow]:
    """Draw one small lesion at a time into a CT without a PET, click it, and look what is found.

    A third each lies in lung, soft tissue and fat or its border, as far as the CT has them.
    """
    rng = np.random.default_rng(seed)
    body = body_mask(ct.array)
    places = {tissue: np.argwhere(mask) for tissue, mask in _tissues(ct.array, body).items()}
    places = {tissue: index for tissue, index in places.items() if len(index)}
    for number in range(count):
        tissue = sorted(places)[number % len(places)]
        index = places[tissue][rng.integers(len(places[tissue]))]
        size = float(np.exp(rng.uniform(*np.log(DIAMETER_MM))))
        altered, true = insert_lesion(ct, index, size, rng)
        click = deepest_click(true, ct.grid)
        found = delineate(altered, None, bundle, prompt=click, device=device)
        scores = score(true, found.mask(), ct.grid)
        yield DrawnRow(
            name,
            "click",
            tissue,
            size,
            scores.found_lesions > 0,
            scores.dice,
            scores.false_components,
        )


def _tissues(hu: Array, body: BoolArray) -> dict[str, BoolArray]:
    deep = ndimage.binary_erosion(body, iterations=5)
    smooth = ndimage.uniform_filter(hu.astype(np.float32), 5)
    return {
        "lung": deep & (smooth < -700),
        "soft tissue": deep & (smooth > 10) & (smooth < 90),
        "fat": deep & (smooth > -130) & (smooth < -70),
    }
