"""The time that activity is decay corrected to: every candidate, the rule, and the checks."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

from pet.suv.audit import CandidateTime
from pet.suv.notes import Notes
from pet.suv.pet_header import SeriesFacts, SliceFacts
from pet.suv.suv_errors import MissingTagError

#: Series and acquisition closer than this are one moment (IBSI-SUV).
SAME_MOMENT_S = 1.0
#: Slices whose back-computed series starts differ more contradict each other.
BACK_COMPUTED_SPREAD_S = 5.0
#: Candidates further apart than this leave a doubt (per cent of SUV).
DOUBT_PERCENT = 1.0

T = TypeVar("T")

PRIVATE, SERIES, ACQUISITION = "decay-correction-time", "series", "acquisition"
BY_DECAY_FACTOR = "decay-factor"
FROM_START, FROM_MEAN = "acquisition-frt", "acquisition+mean-frt"


@dataclass(frozen=True, slots=True)
class ReferenceTime:
    """Reference time of each slice, and why."""

    times: tuple[dt.datetime, ...]
    rule: str
    candidates: tuple[CandidateTime, ...]


def mean_time_s(duration_s: float, half_life_s: float) -> float:
    """When, within a frame, the activity equals its mean over the frame (s after its start)."""
    decay = math.log(2.0) / half_life_s
    return math.log(decay * duration_s / -math.expm1(-decay * duration_s)) / decay


def effect_percent(candidate: dt.datetime, chosen: dt.datetime, half_life_s: float) -> float:
    """Change of SUV if ``candidate`` were the reference instead of ``chosen``."""
    half_lives = (candidate - chosen).total_seconds() / half_life_s
    return 100.0 * math.expm1(math.log(2.0) * half_lives)


def frame_means(series: SeriesFacts, half_life_s: float) -> ReferenceTime:
    """Images without decay correction: each frame at its own mean time."""
    times = []
    for facts in series.slices:
        if facts.frame_time is not None:
            times.append(facts.frame_time)
            continue
        start = _need(facts.acquisition, "AcquisitionTime")
        span = mean_time_s(_need(facts.duration_s, "ActualFrameDuration"), half_life_s)
        times.append(start + dt.timedelta(seconds=span))
    rule = "decay correction NONE: the mean time of each frame"
    return ReferenceTime(tuple(times), rule, ())


def first_frame(series: SeriesFacts, reference: ReferenceTime, half_life_s: float) -> dt.datetime:
    """When the first frame began by its frame reference time; the reference where none is told.

    Some systems write the start of the whole scan as the acquisition time of every image.
    """
    starts = []
    for facts, time in zip(series.slices, reference.times, strict=True):
        since_s = facts.frame_reference_s or 0.0
        if series.vendor != "ge" and facts.duration_s is not None:
            since_s -= mean_time_s(facts.duration_s, half_life_s)
        starts.append(time + dt.timedelta(seconds=max(since_s, 0.0)))
    return min(starts)


def scan_start(series: SeriesFacts, half_life_s: float, notes: Notes) -> ReferenceTime:
    """Decay correction START: the reference by rules a to d (IBSI-SUV), with all candidates."""
    candidates = _candidates(series, half_life_s)
    name, time, rule = _choose(series, candidates, half_life_s, notes)
    table = tuple(
        CandidateTime(key, value, effect_percent(value, time, half_life_s))
        for key, value in candidates.items()
    )
    _compare(name, table, notes)
    _check_decay_factor(series, half_life_s, notes)
    implied = _implied_by_decay_factor(series, half_life_s)
    if implied is not None:
        effect = effect_percent(implied, time, half_life_s)
        table = (*table, CandidateTime(BY_DECAY_FACTOR, implied, effect))
    return ReferenceTime((time,) * len(series.slices), rule, table)


def _implied_by_decay_factor(series: SeriesFacts, half_life_s: float) -> dt.datetime | None:
    """The reference that the decay factors of the slices state; None where they are unfilled.

    The factor corrects the frame's mean activity: it is exp(lambda t), t from the reference to the
    frame's mean time, however the vendor counts the frame reference time.
    """
    decay = math.log(2.0) / half_life_s
    times = []
    for facts in series.slices:
        if facts.acquisition is None or facts.duration_s is None or not facts.decay_factor:
            return None
        since_s = math.log(facts.decay_factor) / decay - mean_time_s(facts.duration_s, half_life_s)
        times.append(facts.acquisition - dt.timedelta(seconds=since_s))
    filled = any(facts.decay_factor != 1.0 for facts in series.slices)
    return _middle(times) if filled else None


def _candidates(series: SeriesFacts, half_life_s: float) -> dict[str, dt.datetime]:
    found: dict[str, dt.datetime] = {}
    if series.decay_time is not None:
        found[PRIVATE] = series.decay_time
    if series.series is not None:
        found[SERIES] = series.series
    starts = [facts.acquisition for facts in series.slices if facts.acquisition is not None]
    if starts:
        found[ACQUISITION] = min(starts)
    for name in (FROM_START, FROM_MEAN):
        times = _back_computed(series, name, half_life_s)
        if times is not None:
            found[name] = _middle(times)
    return found


def _back_computed(series: SeriesFacts, name: str, half_life_s: float) -> list[dt.datetime] | None:
    """Series start of each slice from its frame; None where a slice lacks a fact."""
    times = [_series_start(facts, name, half_life_s) for facts in series.slices]
    return [time for time in times if time is not None] if None not in times else None


def _series_start(facts: SliceFacts, name: str, half_life_s: float) -> dt.datetime | None:
    if facts.acquisition is None or facts.frame_reference_s is None:
        return None
    shift_s = -facts.frame_reference_s
    if name == FROM_MEAN:
        if facts.duration_s is None:
            return None
        shift_s += mean_time_s(facts.duration_s, half_life_s)
    return facts.acquisition + dt.timedelta(seconds=shift_s)


def _middle(times: list[dt.datetime]) -> dt.datetime:
    first = times[0]
    return first + dt.timedelta(seconds=median((time - first).total_seconds() for time in times))


def _choose(
    series: SeriesFacts,
    candidates: dict[str, dt.datetime],
    half_life_s: float,
    notes: Notes,
) -> tuple[str, dt.datetime, str]:
    """The chosen candidate, its time and the rule."""
    if PRIVATE in candidates:
        return PRIVATE, candidates[PRIVATE], "a: the date and time of the decay correction"
    first = _need(candidates.get(ACQUISITION), "AcquisitionTime")
    start = candidates.get(SERIES)
    if start is not None:
        late_s = (start - first).total_seconds()
        if abs(late_s) <= SAME_MOMENT_S:
            return ACQUISITION, first, "b: the first acquisition, at the series time"
        if late_s < 0.0:
            return SERIES, start, "b: the series time, before the first acquisition"
    return _from_frames(series, first, half_life_s, notes)


def _from_frames(
    series: SeriesFacts, first: dt.datetime, half_life_s: float, notes: Notes
) -> tuple[str, dt.datetime, str]:
    """The series time is that of a later reconstruction: the frames tell when the scan began."""
    counts = [_need(facts.frame_reference_s, "FrameReferenceTime") for facts in series.slices]
    name = FROM_START if series.vendor == "ge" or not any(counts) else FROM_MEAN
    times = _back_computed(series, name, half_life_s)
    if times is None:  # the frame times were found above, so it is the duration
        keyword = "ActualFrameDuration" if name == FROM_MEAN else "AcquisitionTime"
        raise MissingTagError(keyword, remedy="the series time lies after the acquisition")
    if (max(times) - min(times)).total_seconds() <= BACK_COMPUTED_SPREAD_S:
        return name, _middle(times), f"c: {name} of each slice, which agree"
    notes.doubt(
        "FrameReferenceTime (0054,1300)",
        "and AcquisitionTime (0008,0032) contradict each other among the slices; "
        "the earliest acquisition is used",
    )
    return ACQUISITION, first, "d: the earliest acquisition"


def _compare(name: str, table: tuple[CandidateTime, ...], notes: Notes) -> None:
    """Doubt where a candidate other than the chosen one gives another SUV.

    The frame reference time counts to the start or to the mean of the frame, by vendor and
    version: of these two readings the nearer one counts.
    """
    frames = [one for one in table if one.name in (FROM_START, FROM_MEAN)]
    others = [one for one in table if one not in frames and one.name != name]
    if frames:
        others.append(min(frames, key=lambda one: abs(one.effect_percent)))
    far = [one for one in others if abs(one.effect_percent) > DOUBT_PERCENT]
    if far:
        listed = ", ".join(f"{one.name} {one.effect_percent:+.1f} %" for one in far)
        notes.doubt("DecayCorrection (0054,1102)", f"START: other times would change SUV: {listed}")


def _check_decay_factor(series: SeriesFacts, half_life_s: float, notes: Notes) -> None:
    """The decay factor restates the frame reference time; 1 everywhere means it is unfilled."""
    decay = math.log(2.0) / half_life_s
    rows = [
        (facts.decay_factor, decay * facts.frame_reference_s, decay * facts.duration_s)
        for facts in series.slices
        if facts.decay_factor is not None
        and facts.frame_reference_s is not None
        and facts.duration_s is not None
    ]
    if not rows or all(factor == 1.0 for factor, _, _ in rows):
        return
    to_start = [(found, math.exp(frt) * span / -math.expm1(-span)) for found, frt, span in rows]
    to_mean = [(found, math.exp(frt)) for found, frt, _ in rows]
    found, expected = min((_worst(to_start), _worst(to_mean)), key=_apart)
    if not notes.check("DecayFactor against FrameReferenceTime", expected, found, DOUBT_PERCENT):
        notes.warn(
            f"DecayFactor (0054,1321) {found:.5g} does not fit FrameReferenceTime (0054,1300), "
            f"which gives {expected:.5g}"
        )


def _worst(rows: list[tuple[float, float]]) -> tuple[float, float]:
    return max(rows, key=_apart)


def _apart(row: tuple[float, float]) -> float:
    return abs(row[0] / row[1] - 1.0)


def _need(value: T | None, keyword: str) -> T:
    if value is None:
        raise MissingTagError(keyword)
    return value
