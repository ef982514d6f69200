"""A reader's outline carried to other dates of PET/CT: the category of response it leads to.

    python scripts/measure_carried_outlines.py DATA/sts -o FOLDER [--dates scaled] [--pairs 6]

Every patient of the folder is made into five dates with known change (``segmentation.validation.
DATE_FACTORS``). ``evolved``: the lesion alone is stretched, unevenly (8 %), the tissue around gives
way, the patient lies and breathes differently, is scanned on another grid with other noise, and the
lesion's uptake is multiplied by one factor (SD 25 %). ``scaled``: all lengths of the image are
scaled, as ``measure_simulated_dates.py`` does. Between dates, either way, the outline of the one is
carried to the other: by the CT, by the network of CT and PET that has not seen the patient (as the
ratio of what it draws at both), by both, and by the network's own diameter there. Printed: Cohen's
kappa of the RECIST 1.1 category with a 95 % interval by patient, and the errors. The weight of the
network is chosen on the other patients (left out in fifths), beside the one that ships. Patients
that are done are kept in ``pairs.csv``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import permutations
from pathlib import Path

import numpy as np
from scipy import ndimage

from imaging.registration import Expected, LesionTransform, lesion_change
from imaging.resampling import resample, resample_mask
from imaging.tables.rows import csv_text, written_rows
from imaging.volume import FloatArray, Grid, Mask, Unit, Volume
from imaging.writing import write_text
from recist.criteria.thresholds import PD_FACTOR, PD_GROWTH_MM, PR_FACTOR
from recist.measure import caliper
from recist.phantom.evolution import evolved, stretch
from recist.phantom.moved_tissue import Motion
from segmentation.bundle import Bundle, load_bundle
from segmentation.growth import NETWORK_WEIGHT, NetworkGrowth, OutlinedDate, network_growth
from segmentation.infer import Delineation, delineate
from segmentation.packing import case_names, read_images
from segmentation.prompts import Carried
from segmentation.training import read_folds
from segmentation.validation import DATE_FACTORS, fold_bundle, kappa_by_patient, scaled

#: In the plane the images are brought to this first, mm: the stretching takes long.
PIXEL_MM = 3.0
#: How far off the registration puts a lesion: standard deviation of an axis; what it says, mm.
PLACE_SD_MM, PLACE_ERROR_MM = 2.0, 4.0
#: Changes of uptake: of the whole lesion (logarithm), and noise.
UPTAKE_SD, NOISE_SHARE = 0.25, 0.08
BLUR_MM = 3.0
WEIGHTS = tuple(np.linspace(0.0, 1.0, 11).tolist())
FOLDS = 5


@dataclass(frozen=True, slots=True, eq=False)
class KnownDate:
    """CT, SUV and the true lesion of a date, and how the patient lies."""

    seen: OutlinedDate
    turn: FloatArray


@dataclass(frozen=True, slots=True)
class CarriedPair:
    """An outline carried from one date to another; lengths in mm, 0 for nothing."""

    case: str
    before: int
    after: int
    before_mm: float
    after_mm: float
    by_ct_mm: float
    correlation: float
    network_before_mm: float
    network_after_mm: float

    def by_both_mm(self, weight: float) -> float:
        """The diameter with a weight of the network."""
        if not self.by_ct_mm:
            return self.network_after_mm
        if min(self.network_before_mm, self.network_after_mm) <= 0:
            return self.by_ct_mm
        growth = network_growth(self.network_before_mm, self.network_after_mm)
        by_network = self.before_mm * growth
        return float(self.by_ct_mm ** (1.0 - weight) * by_network**weight)


def category(before_mm: float, after_mm: float) -> str:
    """RECIST 1.1 of one target between two dates (Eisenhauer 2009, section 4.3)."""
    if after_mm <= before_mm * float(PR_FACTOR):
        return "PR"
    grown = after_mm >= before_mm * float(PD_FACTOR)
    return "PD" if grown and after_mm - before_mm >= float(PD_GROWTH_MM) else "SD"


def longest_mm(mask: Mask) -> float:
    return float(caliper(mask).long_axis_mm) if mask.voxels else 0.0


def scaled_dates(folder: Path, name: str) -> Iterator[KnownDate]:
    """All lengths of the image scaled."""
    ct, suv, label = read_images(folder, name)
    for factor in DATE_FACTORS:
        now = scaled(ct, factor)
        later = None if suv is None else scaled(suv, factor)
        lesion = Mask.of(np.asarray(label.array > 0), now.grid)
        yield KnownDate(OutlinedDate(now, later, lesion), np.eye(3))


def evolved_dates(folder: Path, name: str) -> Iterator[KnownDate]:
    """The lesion alone stretched in a patient who moved, scanned anew."""
    random = np.random.default_rng(int("".join(filter(str.isdigit, name))))
    ct, suv, label = read_images(folder, name)
    if suv is None:
        return
    grid = _coarser(ct.grid)
    lesion = resample_mask(Mask.of(np.asarray(label.array > 0), label.grid), grid)
    uptake = resample(suv, grid, fill=0.0)
    in_plane = (0.5, 0.5, 0.0)
    smooth = ndimage.gaussian_filter(ct.array.astype(np.float32), in_plane)
    ct = resample(Volume(smooth, ct.grid, ct.unit), grid, fill=-1000.0)
    for factor in DATE_FACTORS:
        matrix = stretch(random, factor, uneven=0.08)
        motion = Motion.drawn(random, grid, degrees=3.0, mm=8.0, bend_mm=3.0)
        later = _later_grid(grid, random)
        noise_hu = float(random.uniform(5.0, 12.0))
        seen, (now,) = evolved(
            ct, [lesion], [matrix], motion, later, noise_hu=noise_hu, random=random
        )
        taken, _ = evolved(uptake, [lesion], [matrix], motion, later, random=random)
        changed = _other_uptake(np.clip(taken.array, 0.0, None), now, random)
        yield KnownDate(
            OutlinedDate(seen, Volume(changed, later, Unit.SUV_BW), now), motion.rotation
        )


def _coarser(grid: Grid) -> Grid:
    spacing = np.array([PIXEL_MM, PIXEL_MM, grid.spacing_mm[2]])
    i, j, k = (int(n) for n in np.ceil(np.array(grid.shape) * grid.spacing_mm / spacing))
    affine = grid.affine.copy()
    affine[:3, :3] = grid.directions * spacing
    return Grid((i, j, k), affine)


def _later_grid(grid: Grid, random: np.random.Generator) -> Grid:
    """Of another scan, a little larger: the patient lies elsewhere."""
    pixel = float(random.uniform(2.5, 3.2))
    spacing = np.array([pixel, pixel, float(random.choice([2.5, 3.27, 4.0, 5.0]))])
    extent = np.array(grid.shape) * grid.spacing_mm + 20.0
    i, j, k = (int(n) for n in np.ceil(extent / spacing))
    affine = np.eye(4)
    affine[:3, :3] = grid.directions * spacing
    off = grid.directions @ (10.0 + random.uniform(0.0, 2.0, 3))
    affine[:3, 3] = grid.to_world_mm([0, 0, 0]) - off
    return Grid((i, j, k), affine)


def _other_uptake(suv: FloatArray, lesion: Mask, random: np.random.Generator) -> FloatArray:
    """The uptake with that of the lesion times one factor, and noise as wide as the PET's blur."""
    sigma = BLUR_MM / np.array(lesion.grid.spacing_mm)
    factor = float(np.exp(random.normal(0.0, UPTAKE_SD)))
    inside = ndimage.gaussian_filter(lesion.full().astype(np.float32), sigma)
    noise = ndimage.gaussian_filter(random.normal(0.0, 1.0, suv.shape), sigma)
    changed = suv * (1.0 + inside * (factor - 1.0)) * (1.0 + NOISE_SHARE * noise / noise.std())
    return np.asarray(changed, np.float32)


def carried_pairs(
    name: str, dates: Sequence[KnownDate], bundle: Bundle, count: int
) -> Iterator[CarriedPair]:
    """The outline of a date carried to others; ``bundle`` must not have seen the patient."""

    def draw(ct: Volume, suv: Volume, outline: Mask) -> Delineation:
        return delineate(ct, suv, bundle, prompt=Carried(outline), device="cpu")

    growth = NetworkGrowth(draw, longest_mm)
    random = np.random.default_rng(1)
    every = list(permutations(range(len(dates)), 2))
    order = np.random.default_rng(int("".join(filter(str.isdigit, name)))).permutation(len(every))
    for before, after in (every[n] for n in order[:count]):
        one, other = dates[before], dates[after]
        place = other.seen.lesion.centre_mm + random.normal(0.0, PLACE_SD_MM, 3)
        expected = Expected(place, other.turn @ one.turn.T, PLACE_ERROR_MM)
        change = lesion_change(one.seen.ct, other.seen.ct, one.seen.lesion, expected)
        by_ct = correlation = 0.0
        still = LesionTransform(
            one.seen.lesion.centre_mm, expected.place_mm, expected.turn, 0.0, 0.0
        )
        outline = still.carried(one.seen.lesion, other.seen.ct.grid)
        if change is not None and change.is_recognised:
            outline = change.carried(one.seen.lesion, other.seen.ct.grid)
            by_ct, correlation = longest_mm(outline), change.correlation
        now = OutlinedDate(other.seen.ct, other.seen.suv, outline)
        if by_ct:
            drawn = growth.lengths_mm(one.seen, now) or (0.0, 0.0)
        else:  # not recognised: the network draws what is at the place
            drawn = (0.0, _drawn_mm(now, draw))
        yield CarriedPair(
            name,
            before,
            after,
            longest_mm(one.seen.lesion),
            longest_mm(other.seen.lesion),
            by_ct,
            correlation,
            *drawn,
        )


def _drawn_mm(date: OutlinedDate, draw: Callable[[Volume, Volume, Mask], Delineation]) -> float:
    if date.suv is None or not date.lesion.voxels:
        return 0.0
    found = draw(date.ct, date.suv, date.lesion).candidates
    return longest_mm(found[0].mask) if found else 0.0


def measured(folder: Path, out: Path, given: argparse.Namespace) -> list[CarriedPair]:
    bundle = load_bundle(given.model)
    folds = read_folds(bundle.root / "configs" / "folds.json")
    dates_of = evolved_dates if given.dates == "evolved" else scaled_dates
    table = out / "pairs.csv"
    rows = list(written_rows(table).rows)
    done = {row["case"] for row in rows}
    for name in given.cases or case_names(folder):
        if name in done or name not in folds:
            continue
        dates = list(dates_of(folder, name))
        found = carried_pairs(name, dates, fold_bundle(bundle, folds[name]), given.pairs)
        rows += [{key: str(value) for key, value in asdict(one).items()} for one in found]
        write_text(table, csv_text(rows, list(rows[0])))
        print(name, flush=True)
    return [
        CarriedPair(
            row["case"],
            int(row["before"]),
            int(row["after"]),
            **{key: float(row[key]) for key in row if key not in ("case", "before", "after")},
        )
        for row in rows
    ]


def told(name: str, pairs: Sequence[CarriedPair], found_mm: Sequence[float]) -> None:
    """Kappa with an interval by patient, and the errors of the diameters."""
    cases = sorted({one.case for one in pairs})
    by_case: list[list[tuple[str, str]]] = [[] for _ in cases]
    for one, found in zip(pairs, found_mm, strict=True):
        both = category(one.before_mm, one.after_mm), category(one.before_mm, found)
        by_case[cases.index(one.case)].append(both)
    k = kappa_by_patient(by_case)
    error = np.array([found / one.after_mm - 1 for one, found in zip(pairs, found_mm, strict=True)])
    print(
        f"{name}: kappa {k.value:.2f} ({k.low:.2f} to {k.high:.2f}), {len(pairs)} pairs of "
        f"{len(cases)} patients; diameters off by {np.median(abs(error)):.1%} (median), nine in "
        f"ten below {np.percentile(abs(error), 90):.1%}, bias {np.mean(error):+.1%}"
    )


def left_out(pairs: Sequence[CarriedPair]) -> tuple[list[float], list[float]]:
    """Diameters by both, the weight of each fifth of the patients chosen on the others; weights."""
    cases = sorted({one.case for one in pairs})
    fold = [cases.index(one.case) % FOLDS for one in pairs]

    def spread(weight: float, without: int) -> float:
        errors = [
            abs(np.log(max(one.by_both_mm(weight), 1.0) / one.after_mm))
            for one, own in zip(pairs, fold, strict=True)
            if own != without
        ]
        return float(np.mean(errors))

    chosen = [min(WEIGHTS, key=lambda w, n=n: spread(w, n)) for n in range(FOLDS)]  # type: ignore[misc]
    return [one.by_both_mm(chosen[n]) for one, n in zip(pairs, fold, strict=True)], chosen


def shares(pairs: Sequence[CarriedPair]) -> None:
    """Of the true change, what CT and network say; the network's weight that the variances give.

    Each freed of what it says too much or too little, which a weight would only hide.
    """
    both = [one for one in pairs if one.by_ct_mm and one.network_before_mm and one.network_after_mm]
    true = np.log([one.after_mm / one.before_mm for one in both])
    by_ct = np.log([one.by_ct_mm / one.before_mm for one in both])
    by_network = np.log([one.network_after_mm / one.network_before_mm for one in both])
    told_ct, told_network = (float(true @ found / (true @ true)) for found in (by_ct, by_network))
    ct, network = by_ct / told_ct - true, by_network / told_network - true
    common = float((ct * network).mean())
    own = float((ct**2).mean()) - common
    weight = own / (own + float((network**2).mean()) - common)
    print(
        f"of the true change (logarithm) the CT says {told_ct:.2f}, "
        f"the network {told_network:.2f}; "
        f"both freed of that, the network weighs {weight:.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--dates", choices=("evolved", "scaled"), default="evolved")
    parser.add_argument("--pairs", type=int, default=6, help="of each patient, of twenty")
    parser.add_argument("--cases", nargs="*", help="only these patients")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    pairs = measured(given.data, given.out, given)
    shares(pairs)
    both, chosen = left_out(pairs)
    told("by the CT alone", pairs, [one.by_ct_mm for one in pairs])
    told("by the network's growth alone", pairs, [one.by_both_mm(1.0) for one in pairs])
    told("by the network's own diameter", pairs, [one.network_after_mm for one in pairs])
    told("by both, weights left out", pairs, both)
    print("  weights of the network", chosen)
    told(f"by both, {NETWORK_WEIGHT}", pairs, [one.by_both_mm(NETWORK_WEIGHT) for one in pairs])


if __name__ == "__main__":
    main()
