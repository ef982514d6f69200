"""How sure a category is, given that diameters are measured with an error.

The recorded diameters are taken as the truth, and the patient is read again many times: each
diameter, at the baseline and at every visit, is multiplied by an error. What fraction of the
readings gives which category is the probability of that category ("PR, 18 % chance of SD"). New
lesions, non-targets and targets that were absent or too small to measure stay as recorded.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imaging.errors import InputError
from imaging.volume import FloatArray
from recist.course import Course, Status
from recist.criteria import recist11
from recist.criteria.observation import ObservedCourse, read
from recist.criteria.response_tables import OVERALL
from recist.criteria.thresholds import PATHOLOGICAL_NODE_MM, PD_FACTOR, PD_GROWTH_MM, PR_FACTOR
from recist.protocol import Protocol
from recist.response import Assessment, Response, Scope

Bools = npt.NDArray[np.bool_]

#: Differences below this are of binary fractions, not of diameters.
ROUNDING_MM = 1e-9

#: Categories in the order in which they are counted.
CATEGORIES = (Response.CR, Response.PR, Response.SD, Response.PD, Response.NE)
_CR, _PR, _SD, _PD, _NE = range(len(CATEGORIES))


@dataclass(frozen=True, slots=True)
class MeasurementError:
    """The relative error of one measurement of a diameter.

    Attributes:
        lesion_sd: standard deviation of the part that is drawn anew for each lesion and visit.
        reader_sd: of the part that all lesions of a visit share: a reader who measures large.
        source: where the figures come from.
        lasting_sd: of the part that a lesion keeps at all visits: a network that leaves out the
            same rim every time. It moves sums but hardly their ratio.
    """

    lesion_sd: float
    reader_sd: float
    source: str
    lasting_sd: float = 0.0

    def __post_init__(self) -> None:
        parts = (self.lesion_sd, self.reader_sd, self.lasting_sd)
        if not all(0 <= part < 1 for part in parts):
            raise InputError(
                f"a measurement error of {' and '.join(map(str, parts))}",
                remedy="give relative standard deviations between 0 and 1",
            )


_YOON = (
    "Yoon 2016, Eur J Cancer 53:5-15 (meta-analysis of 12 studies): 95 % limits of agreement of "
    "the relative difference of two measurements of one lesion"
)

#: Half of the width of the limits, over 1.96, is the standard deviation of the difference of two
#: measurements; over the root of two, that of one.
ONE_READER = MeasurementError(0.0612, 0.0, f"{_YOON} by one observer: -17.8 % to 16.1 %")
SEVERAL_READERS = MeasurementError(0.0857, 0.0, f"{_YOON} between observers: -22.1 % to 25.4 %")

#: Readings simulated: a probability is known to about one percent (two standard errors).
READINGS = 10_000


@dataclass(frozen=True, slots=True)
class CategoryProbability:
    """How likely each overall response of one time point is.

    Attributes:
        category: the overall response as assessed.
        probabilities: of each response that occurred, the likeliest first.
    """

    day: int
    category: Response
    probabilities: tuple[tuple[Response, float], ...]

    @property
    def certainty(self) -> float:
        """The probability of the category as assessed."""
        return dict(self.probabilities).get(self.category, 0.0)

    @property
    def sentence(self) -> str:
        """The probability as a reader sees it: "PR, 18 % chance of SD"."""
        others = [
            f"{_percent(probability)} chance of {response}"
            for response, probability in self.probabilities
            if response is not self.category
        ]
        return ", ".join([self.category.value, *others])


def category_probabilities(
    course: Course,
    protocol: Protocol,
    *,
    error: MeasurementError = ONE_READER,
    readings: int = READINGS,
    seed: int = 0,
    scope: Scope = Scope.ALL,
) -> tuple[CategoryProbability, ...]:
    """The probability of each RECIST 1.1 category at every time point after the baseline.

    Args:
        course: of one subject, or restricted to some of its lesions.
        readings: number of simulated readings.
        seed: the same seed and sizes give the same figures, whatever the patient's name.
    """
    assessments = recist11.assess(course, protocol, scope)
    if not assessments:
        return ()
    patient = read(course, protocol)
    random = np.random.default_rng([seed, _key(patient)])
    if not patient.target_nodes:
        return tuple(
            CategoryProbability(a.day, a.overall, ((a.overall, 1.0),)) for a in assessments
        )
    sizes, missing = _readings(patient, error, readings, random)
    targets = _target_categories(sizes, missing, patient, protocol)
    return tuple(
        _overall(assessment, targets[:, k], patient, k)
        for k, assessment in enumerate(assessments, start=1)
    )


def _key(patient: ObservedCourse) -> int:
    """A number of the sizes as recorded: not of names, which de-identification takes away."""
    visits = (",".join(f"{size_mm:f}" for _, size_mm in seen.sizes_mm) for seen in patient.seen)
    return zlib.crc32(";".join(visits).encode())


def _readings(
    patient: ObservedCourse, error: MeasurementError, readings: int, random: np.random.Generator
) -> tuple[FloatArray, Bools]:
    """Diameters of all readings (reading, visit, target) in mm, and which were not evaluable."""
    names = list(patient.target_nodes)
    visits = len(patient.seen)
    recorded = np.full((visits, len(names)), np.nan)
    is_measured = np.zeros((visits, len(names)), dtype=bool)
    for k, seen in enumerate(patient.seen):
        measured = {m.lesion_id for m in seen.timepoint.measurements if m.status is Status.MEASURED}
        for name, size_mm in seen.sizes_mm:
            recorded[k, names.index(name)] = float(size_mm)
            is_measured[k, names.index(name)] = name in measured
    shape = (readings, visits, len(names))
    spread = random.normal(0.0, error.lesion_sd, shape)
    spread += random.normal(0.0, error.reader_sd, (readings, visits, 1))
    if error.lasting_sd:
        spread += random.normal(0.0, error.lasting_sd, (readings, 1, len(names)))
    factors = np.where(is_measured, np.exp(spread), 1.0)
    return np.nan_to_num(recorded) * factors, np.isnan(recorded)


def _target_categories(
    sizes: FloatArray, missing: Bools, patient: ObservedCourse, protocol: Protocol
) -> npt.NDArray[np.int8]:
    """Target response of every reading at every visit, as positions in :data:`CATEGORIES`."""
    is_node = np.array(list(patient.target_nodes.values()))
    sums = sizes.sum(axis=2)
    complete: Bools = np.asarray(~missing.any(axis=1), dtype=np.bool_)
    limit = np.where(is_node, float(PATHOLOGICAL_NODE_MM), ROUNDING_MM)
    diseased: Bools = np.any(sizes >= limit - ROUNDING_MM * is_node, axis=2)
    may_be_nadir = complete.copy()
    if protocol.nadir_sums == "any":
        may_be_nadir[1:] |= ~missing[1:].all(axis=1)
    bounded = np.where(may_be_nadir, sums, np.inf)
    nadir = np.minimum.accumulate(bounded, axis=1)[:, :-1]
    now = sums[:, 1:]
    grown = (now >= PD_FACTOR * nadir - ROUNDING_MM) & (
        now - nadir >= float(PD_GROWTH_MM) - ROUNDING_MM
    )
    shrunk = (now <= PR_FACTOR * sums[:, :1] + ROUNDING_MM) & complete[0]
    seen_all = complete[1:]
    nodes_first = protocol.node_cr_precedence
    normal = ~diseased[:, 1:] & (nodes_first | ~grown)
    lower_bound = grown & (protocol.missing_target == "lower_bound")
    if nodes_first:
        lower_bound &= diseased[:, 1:]
    stable = _SD if complete[0] else _NE
    whole = np.select([normal, grown, shrunk], [_CR, _PD, _PR], stable)
    found = np.where(seen_all, whole, np.where(lower_bound, _PD, _NE))
    return np.concatenate([np.full((len(sums), 1), _SD), found], axis=1).astype(np.int8)


def _overall(
    assessment: Assessment, targets: npt.NDArray[np.int8], patient: ObservedCourse, k: int
) -> CategoryProbability:
    """Overall responses of the readings at one visit."""
    seen = patient.seen[k]
    counts = np.bincount(targets, minlength=len(CATEGORIES))
    as_recorded = assessment.target_by_scan or assessment.target
    expected = OVERALL[assessment.target, seen.non_target, seen.new_seen].overall
    found: dict[Response, int] = {}
    for position, category in enumerate(CATEGORIES):
        if not counts[position]:
            continue
        overall = OVERALL[_held(category, assessment, as_recorded), seen.non_target, seen.new_seen]
        # What the history adds to the table (a lesion that is back) is the same in every reading.
        response = overall.overall if expected is assessment.overall else assessment.overall
        found[response] = found.get(response, 0) + int(counts[position])
    total = int(counts.sum())
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return CategoryProbability(
        assessment.day,
        assessment.overall,
        tuple((response, count / total) for response, count in ordered),
    )


def _held(category: Response, assessment: Assessment, as_recorded: Response) -> Response:
    """A category with the history that changed the recorded one (PR that holds, a target back)."""
    return assessment.target if category is as_recorded else category


def _percent(probability: float) -> str:
    rounded = round(100 * probability)
    return "under 1 %" if rounded == 0 else "over 99 %" if rounded == 100 else f"{rounded} %"
