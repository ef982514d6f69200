"""Whether the baseline can be measured at all, and whether two scans may be compared.

Source: Wahl et al., JNM 2009;50(S1):122S; O et al., Radiology
2016;280:576.
"""

from __future__ import annotations

from dataclasses import dataclass

from imaging.setting import setting
from pet import pet_papers
from pet.response.pet_assessment import Gate
from pet.response.scan import PetScan, ReferenceUptake

SOURCE = pet_papers.PERCIST()


@dataclass(frozen=True, slots=True)
class Comparability:
    """Limits of PERCIST 1.0 for comparing two scans; None switches a gate off."""

    liver_factor: float = setting(
        1.5,
        "",
        "Measurable from this many times the mean of the liver, plus deviations.",
        pet_papers.PERCIST(),
    )
    blood_factor: float = setting(
        2.0,
        "",
        "The same with the blood pool, where the liver cannot serve.",
        pet_papers.PERCIST(),
    )
    deviations: float = setting(
        2.0, "", "How many standard deviations of the reference are added.", pet_papers.PERCIST()
    )
    reference_percent: float = setting(
        20.0,
        "",
        "The mean of the reference may differ between the dates by at most this share of it.",
        pet_papers.PERCIST(),
    )
    reference_sul: float | None = setting(
        0.3, "", "The same in SUL; both limits hold. none: the share alone.", pet_papers.PERCIST()
    )
    uptake_apart_min: float | None = setting(
        15.0,
        "",
        "The uptake times may differ by at most so many minutes.",
        pet_papers.PERCIST(),
    )
    shortest_uptake_min: float | None = setting(
        50.0, "", "The shortest uptake time, minutes.", pet_papers.PERCIST()
    )
    longest_uptake_min: float | None = setting(
        None,
        "",
        "The longest uptake time, minutes. The paper recommends 70, which is not enforced.",
        pet_papers.PERCIST(),
    )
    dose_percent: float | None = setting(
        20.0, "", "Injected activities may differ by at most this share.", pet_papers.PERCIST()
    )


@dataclass(frozen=True, slots=True)
class ComparedRegion:
    """The reference region in use: name, and its uptake at both dates."""

    name: str
    factor: float
    baseline: ReferenceUptake
    followup: ReferenceUptake

    def measurable_from(self, limits: Comparability) -> float:
        """The lowest measurable peak at baseline."""
        return self.factor * self.baseline.mean + limits.deviations * self.baseline.sd


def reference_of(
    baseline: PetScan, followup: PetScan, limits: Comparability
) -> ComparedRegion | None:
    """The liver, or the blood pool where the liver cannot be used at both dates."""
    if baseline.liver is not None and followup.liver is not None:
        return ComparedRegion("liver", limits.liver_factor, baseline.liver, followup.liver)
    if baseline.blood_pool is not None and followup.blood_pool is not None:
        pools = (baseline.blood_pool, followup.blood_pool)
        return ComparedRegion("blood pool", limits.blood_factor, *pools)
    return None


def gates(
    baseline: PetScan, followup: PetScan, reference: ComparedRegion | None, limits: Comparability
) -> tuple[Gate, ...]:
    """Every gate, passed or not, or unknown."""
    found = [] if reference is None else _reference_gates(reference, limits)
    times = (baseline.uptake_min, followup.uptake_min)
    if limits.uptake_apart_min is not None:
        found.append(_apart("uptake times", times, limits.uptake_apart_min, "min"))
    found += _uptake_limits(times, limits)
    if limits.dose_percent is not None:
        doses = (baseline.dose_mbq, followup.dose_mbq)
        found.append(_relative("injected activities", doses, limits.dose_percent))
    scanners = (baseline.scanner, followup.scanner)
    if None in scanners:
        found.append(Gate("scanner", None, "scanner not known at both dates"))
    else:
        same = scanners[0] == scanners[1]
        found.append(Gate("scanner", same, f"scanners: {scanners[0]}, {scanners[1]}"))
    return tuple(found)


def _reference_gates(reference: ComparedRegion, limits: Comparability) -> list[Gate]:
    means = (reference.baseline.mean, reference.followup.mean)
    found = [_relative(f"{reference.name} mean", means, limits.reference_percent)]
    if limits.reference_sul is not None:
        found.append(_apart(f"{reference.name} mean", means, limits.reference_sul, "SUL"))
    return found


def _uptake_limits(times: tuple[float | None, float | None], limits: Comparability) -> list[Gate]:
    found = []
    known = [time for time in times if time is not None]
    if limits.shortest_uptake_min is not None:
        margin = min(known) - limits.shortest_uptake_min if known else None
        sentence = f"uptake of at least {limits.shortest_uptake_min:g} min"
        found.append(_by_margin("shortest uptake", margin, sentence, "min"))
    if limits.longest_uptake_min is not None:
        margin = limits.longest_uptake_min - max(known) if known else None
        sentence = f"uptake of at most {limits.longest_uptake_min:g} min"
        found.append(_by_margin("longest uptake", margin, sentence, "min"))
    return found


def _apart(name: str, pair: tuple[float | None, float | None], limit: float, unit: str) -> Gate:
    first, second = pair
    if first is None or second is None:
        return Gate(name, None, f"{name} not known at both dates", unit=unit)
    apart = round(abs(second - first), 9)
    sentence = f"{name} {first:g} and {second:g} {unit}: {apart:g} apart, limit {limit:g}"
    return _by_margin(name, limit - apart, sentence, unit)


def _relative(name: str, pair: tuple[float | None, float | None], limit: float) -> Gate:
    first, second = pair
    if first is None or second is None:
        return Gate(name, None, f"{name} not known at both dates", unit="%")
    change = round(abs(100.0 * (second - first) / first), 9)
    sentence = f"{name} {first:g} and {second:g}: {change:.1f} % apart, limit {limit:g} %"
    return _by_margin(name, limit - change, sentence, "%")


def _by_margin(name: str, margin: float | None, sentence: str, unit: str) -> Gate:
    if margin is None:
        return Gate(name, None, f"{sentence}: not known", unit=unit)
    return Gate(name, margin >= 0.0, sentence, round(margin, 9), unit)
