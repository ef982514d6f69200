"""PERCIST 1.0, PERCIST5 and imPERCIST5: change of SULpeak of the hottest, or of up to five.

Sources: Wahl, JNM 2009;50(S1):122S (PERCIST 1.0; five lesions as its secondary measure); O,
Radiology 2016;280:576 (practical guide); Ito, JNM 2019;60:335 (imPERCIST5).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from imaging.setting import setting
from pet import pet_papers
from pet.response.comparability import SOURCE as GATE_SOURCE
from pet.response.comparability import Comparability, ComparedRegion, gates, reference_of
from pet.response.pet_assessment import Gate, PetAssessment, PetReason, PetResponse, change_percent
from pet.response.scan import LesionUptake, PetScan, hottest_lesions


@dataclass(frozen=True, slots=True)
class Percist:
    """What the papers fix and what they leave open.

    Attributes:
        source: of the criteria, cited under each reason; no trial changes it.
    """

    name: str = setting(
        "PERCIST", "", "Of the criteria, as printed with every answer.", "the trial"
    )
    source: str = pet_papers.PERCIST()
    lesions: int = setting(
        1,
        "",
        "How many of the hottest lesions are summed at each date: one, or up to five.",
        f"{pet_papers.PERCIST()}; {pet_papers.PERCIST_GUIDE()}",
    )
    per_organ: int = setting(2, "", "At most so many of them from one organ.", pet_papers.PERCIST())
    fall_percent: float = setting(
        30.0, "", "A fall of SULpeak that is a partial response.", pet_papers.PERCIST()
    )
    rise_percent: float = setting(
        30.0, "", "A rise of SULpeak that is progression.", pet_papers.PERCIST()
    )
    least_sul: float | None = setting(
        0.8,
        "",
        "The absolute change of SULpeak that a response or progression needs besides; none: any.",
        pet_papers.PERCIST(),
    )
    inclusive: bool = setting(
        True,
        "",
        "A change of exactly the limit counts; false: only one beyond it.",
        f"{pet_papers.PERCIST()}: a minimum of 30 %",
    )
    tlg_rise_percent: float | None = setting(
        75.0,
        "",
        "A rise of total lesion glycolysis that is progression where SUL does not fall; none: "
        "glycolysis does not count.",
        pet_papers.PERCIST(),
    )
    other_rise_percent: float | None = setting(
        30.0,
        "",
        "A rise of another lesion beyond this forbids a partial response; none: it does not.",
        f"{pet_papers.PERCIST_GUIDE()}; design decision",
    )
    new_lesion_is_progression: bool = setting(
        True,
        "",
        "A new lesion is progression; false: its uptake only enters the sum.",
        f"{pet_papers.PERCIST()}; false: {pet_papers.IMPERCIST()}",
    )
    reference_required: bool = setting(
        True,
        "",
        "Without uptake of liver or blood pool nothing is evaluable.",
        f"{pet_papers.PERCIST()}; false: {pet_papers.IMPERCIST()}",
    )
    new_lesion_needs_no_comparison: bool = setting(
        True,
        "",
        "A new lesion is progression even where the baseline is not measurable or the scans are "
        "not comparable, since it does not rest on SUL.",
        "design decision",
    )
    comparability: Comparability = field(default_factory=Comparability)


PERCIST = Percist()
PERCIST5 = Percist(name="PERCIST5", lesions=5, reference_required=False)
IMPERCIST5 = Percist(
    name="imPERCIST5",
    source=pet_papers.IMPERCIST(),
    lesions=5,
    least_sul=None,
    tlg_rise_percent=None,
    other_rise_percent=None,
    new_lesion_is_progression=False,
    reference_required=False,
)


def percist(baseline: PetScan, followup: PetScan, settings: Percist = PERCIST) -> PetAssessment:
    """The response at a follow-up by PERCIST 1.0 or one of its five-lesion forms.

    The hottest lesions of either date are compared, whichever they are. A gate that fails gives
    NOT_COMPARABLE with the gate named (a new lesion is progression nevertheless, see settings).
    """
    return _Comparison(baseline, followup, settings).assess()


def targets(scan: PetScan, settings: Percist) -> tuple[LesionUptake, ...]:
    """The lesions whose peaks are compared."""
    return hottest_lesions(scan.lesions, most=settings.lesions, per_organ=settings.per_organ)


def _total(lesions: tuple[LesionUptake, ...]) -> float:
    return sum(lesion.peak for lesion in lesions if lesion.peak is not None)


class _Comparison:
    """Two scans under one set of criteria; the rules in their order."""

    def __init__(self, baseline: PetScan, followup: PetScan, settings: Percist) -> None:
        self.baseline, self.followup, self.settings = baseline, followup, settings
        self.reference = reference_of(baseline, followup, settings.comparability)
        self.gates = gates(baseline, followup, self.reference, settings.comparability)
        self.new = followup.new_since(baseline)
        self.missing = followup.missing_since(baseline)
        self.first = _total(targets(baseline, settings))
        now = targets(followup, settings)
        self.now = _total(now) if now else None
        self.change = (
            change_percent(self.first, self.now)
            if self.now is not None and self.first > 0.0
            else None
        )

    def assess(self) -> PetAssessment:
        response, reason = self._compared()
        if self._new_progression() and self.settings.new_lesion_needs_no_comparison:
            return self._answer(response, reason)
        for check in (self._no_reference, self._not_measurable):
            found = check()
            if found is not None:
                return self._answer(*found)
        refused = self._not_comparable()
        if refused is None:
            return self._answer(response, reason)
        # The gate is reported, and so is what it withholds.
        otherwise = replace(
            reason,
            rule="if-comparable",
            sentence=f"{response.value} if the scans were comparable: {reason.sentence}",
        )
        return self._answer(*refused, otherwise)

    def _compared(self) -> tuple[PetResponse, PetReason]:
        for rule in (self._progression, self._complete, self._partial):
            found = rule()
            if found is not None:
                return found
        if self.change is None:
            sentence = "no lesion is measured, yet not all have resolved"
            return PetResponse.NOT_EVALUABLE, self._reason("no-peak", sentence)
        return PetResponse.SMD, self._stable(self.change)

    def _answer(self, response: PetResponse, *reasons: PetReason) -> PetAssessment:
        unknown = [gate for gate in self.gates if gate.passed is None]
        failed = [gate for gate in self.gates if gate.passed is False]
        notes = [f"not checked: {gate.sentence}" for gate in unknown if gate.name != "scanner"]
        notes += [f"gate failed: {gate.sentence}" for gate in failed]
        notes += [f"lesion {name} of baseline is not listed" for name in self.missing]
        if self.reference is None:
            notes.append("no liver or blood pool at both dates: measurability is not checked")
        return PetAssessment(
            self.settings.name,
            self.followup.day,
            response,
            reasons,
            self.now,
            self.first,
            self.change,
            gates=self.gates,
            warnings=tuple(notes),
        )

    def _reason(
        self,
        rule: str,
        sentence: str,
        margin: float | None = None,
        unit: str = "",
        source: str | None = None,
    ) -> PetReason:
        numbers = [("baseline", self.first)]
        if self.now is not None:
            numbers.append(("follow-up", self.now))
        if self.change is not None:
            numbers.append(("change %", self.change))
        source = source or self.settings.source
        rounded = None if margin is None else round(margin, 9)
        return PetReason(rule, source, sentence, tuple(numbers), rounded, unit)

    def _no_reference(self) -> tuple[PetResponse, PetReason] | None:
        if self.reference is not None or not self.settings.reference_required:
            return None
        return PetResponse.NOT_EVALUABLE, self._reason(
            "no-reference",
            "neither liver nor blood pool is known at both dates",
            source=GATE_SOURCE,
        )

    def _not_measurable(self) -> tuple[PetResponse, PetReason] | None:
        peak = max((lesion.peak or 0.0 for lesion in self.baseline.lesions), default=0.0)
        floor, name = 0.0, "0"
        if self.reference is not None:
            floor, name = self._floor(self.reference)
        if peak > 0.0 and peak >= floor:
            return None
        sentence = f"the hottest lesion at baseline ({peak:g}) is below {name}"
        return PetResponse.NOT_MEASURABLE, self._reason(
            "not-measurable", sentence, floor - peak, "SUL", GATE_SOURCE
        )

    def _floor(self, reference: ComparedRegion) -> tuple[float, str]:
        limits = self.settings.comparability
        floor = round(reference.measurable_from(limits), 9)
        name = f"{reference.factor:g} x {reference.name} + {limits.deviations:g} SD = {floor:g}"
        return floor, name

    def _not_comparable(self) -> tuple[PetResponse, PetReason] | None:
        failed = [gate for gate in self.gates if gate.passed is False and _refuses(gate)]
        if not failed:
            return None
        worst = failed[0]
        return PetResponse.NOT_COMPARABLE, self._reason(
            "not-comparable", worst.sentence, worst.margin, worst.unit, GATE_SOURCE
        )

    def _new_progression(self) -> bool:
        return bool(self.new) and self.settings.new_lesion_is_progression

    def _progression(self) -> tuple[PetResponse, PetReason] | None:
        if self._new_progression():
            sentence = f"new lesion: {', '.join(lesion.lesion for lesion in self.new)}"
            return PetResponse.PMD, self._reason("new-lesion", sentence)
        if self.followup.progression:
            sentence = "unequivocal progression of non-measured lesions"
            return PetResponse.PMD, self._reason("non-target-pmd", sentence)
        limit = self.settings.rise_percent
        if self.change is not None and self._beyond(self.change, limit):
            sentence = f"rise of {self.change:.1f} % (limit {limit:g} %)"
            margin = self.change - limit
            return PetResponse.PMD, self._reason("peak-pmd", sentence, margin, "%")
        return self._glycolysis()

    def _glycolysis(self) -> tuple[PetResponse, PetReason] | None:
        """TLG counts only where the uptake does not fall: a shrinking SUL contradicts it."""
        limit = self.settings.tlg_rise_percent
        before, after = _glycolysis_of(self.baseline), _glycolysis_of(self.followup)
        if limit is None or not before or after is None or self.change is None:
            return None
        rise = change_percent(before, after)
        if self.change < 0.0 or rise <= limit:
            return None
        sentence = f"total lesion glycolysis rises by {rise:.1f} % (limit {limit:g} %)"
        return PetResponse.PMD, self._reason("tlg-pmd", sentence, rise - limit, "%")

    def _complete(self) -> tuple[PetResponse, PetReason] | None:
        if self.new or self.missing or not self.followup.all_resolved:
            return None
        peak = max((lesion.peak or 0.0 for lesion in self.followup.lesions), default=0.0)
        if self.reference is not None and peak >= self.reference.followup.mean:
            return None
        margin = None if self.reference is None else self.reference.followup.mean - peak
        return PetResponse.CMR, self._reason(
            "cmr", "all lesions are indistinguishable from background", margin, "SUL"
        )

    def _partial(self) -> tuple[PetResponse, PetReason] | None:
        limit = self.settings.fall_percent
        if self.change is None or not self._beyond(-self.change, limit):
            return None
        other = self._rising_lesion()
        if other is not None:
            sentence = f"fall of {-self.change:.1f} %, but {other} rises"
            return PetResponse.SMD, self._reason("other-lesion-rises", sentence)
        sentence = f"fall of {-self.change:.1f} % (limit {limit:g} %)"
        return PetResponse.PMR, self._reason("peak-pmr", sentence, -self.change - limit, "%")

    def _rising_lesion(self) -> str | None:
        """A lesion known at baseline whose peak rises beyond the limit."""
        limit = self.settings.other_rise_percent
        before = {lesion.lesion: lesion.peak for lesion in self.baseline.lesions}
        if limit is None:
            return None
        for lesion in self.followup.lesions:
            first = before.get(lesion.lesion)
            if first and lesion.peak is not None and change_percent(first, lesion.peak) > limit:
                return lesion.lesion
        return None

    def _stable(self, change: float) -> PetReason:
        rise = self.settings.rise_percent - change
        fall = self.settings.fall_percent + change
        sentence = f"change of {change:+.1f} %: neither response nor progression"
        return self._reason("peak-smd", sentence, min(rise, fall), "%")

    def _beyond(self, percent: float, limit: float) -> bool:
        """The relative limit, and the absolute one where there is one."""
        least = self.settings.least_sul
        if least is not None and round(abs((self.now or 0.0) - self.first), 9) < least:
            return False
        return percent >= limit if self.settings.inclusive else percent > limit


def _refuses(gate: Gate) -> bool:
    """Activity and scanner should agree, but PERCIST does not refuse the comparison for them."""
    return gate.name not in ("scanner", "injected activities")


def _glycolysis_of(scan: PetScan) -> float | None:
    found = [lesion.tlg for lesion in scan.lesions if lesion.tlg is not None]
    return sum(found) if found else None
