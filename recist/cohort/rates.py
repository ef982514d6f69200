"""How many patients responded, out of whom, by every definition; and one arm against the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from recist.abscopal import chance_for
from recist.abscopal.definition_results import DefinitionResult
from recist.abscopal.definitions import Definition, Denominator, chosen
from recist.cohort.patients import Patient
from recist.cohort.proportion import Contrast, Proportion, contrast
from recist.protocol import Protocol

#: Stands for all arms together.
ALL_ARMS = "all"


@dataclass(frozen=True, slots=True)
class Rate:
    """A response rate.

    Attributes:
        arm: of the trial; "all" for all together.
        confirmed: only confirmed responses count.
        of_paper: the denominator is the one of the paper.
        not_assessed: of the denominator, patients of whom the definition cannot be told; they
            count as not responding.
        by_chance: share that would respond by measurement error alone; None for disease control.
    """

    definition: Definition
    reader: str
    arm: str
    confirmed: bool
    denominator: Denominator
    of_paper: bool
    proportion: Proportion
    not_assessed: int
    by_chance: float | None


@dataclass(frozen=True, slots=True)
class ArmContrast:
    """Two arms by one definition and denominator."""

    definition: Definition
    reader: str
    arms: tuple[str, str]
    confirmed: bool
    denominator: Denominator
    contrast: Contrast


def rates(patients: Sequence[Patient], protocol: Protocol) -> tuple[Rate, ...]:
    """Every rate: by definition, denominator, arm and reader, confirmed and not."""
    return tuple(
        _rate(definition, denominator, reader, arm, members, confirmed=confirmed)
        for reader, arm, members in groups(patients)
        for definition in chosen(protocol)
        for denominator in denominators(definition, protocol)
        for confirmed in (False, True)
    )


def contrasts(found: Sequence[Rate]) -> tuple[ArmContrast, ...]:
    """Every arm against every later one; what an uncontrolled rate cannot say.

    Args:
        found: by :func:`rates`.
    """
    arms = list(dict.fromkeys(each.arm for each in found if each.arm != ALL_ARMS))
    by_key = {(_key(rate), rate.arm): rate for rate in found}
    compared = []
    for first, second in combinations(arms, 2):
        for rate in found:
            other = by_key.get((_key(rate), second))
            if rate.arm != first or other is None:
                continue
            result = contrast(rate.proportion, other.proportion)
            if result is not None:
                compared.append(
                    ArmContrast(
                        rate.definition,
                        rate.reader,
                        (first, second),
                        rate.confirmed,
                        rate.denominator,
                        result,
                    )
                )
    return tuple(compared)


def _key(rate: Rate) -> tuple[str, str, Denominator, bool]:
    return rate.reader, rate.definition.name, rate.denominator, rate.confirmed


def groups(patients: Sequence[Patient]) -> Iterator[tuple[str, str, list[Patient]]]:
    """Patients by reader, all together first and then by arm."""
    for reader in dict.fromkeys(each.reader for each in patients):
        own = [each for each in patients if each.reader == reader]
        yield reader, ALL_ARMS, own
        for arm in sorted({each.arm for each in own} - {""}):
            yield reader, arm, [each for each in own if each.arm == arm]


def denominators(definition: Definition, protocol: Protocol) -> tuple[Denominator, ...]:
    """The paper's own and those that the protocol asks for (AMB-34)."""
    asked = {
        "both": (Denominator.ENROLLED, Denominator.EVALUABLE),
        "enrolled": (Denominator.ENROLLED,),
        "evaluable": (Denominator.EVALUABLE,),
    }[protocol.abscopal_denominator]
    return tuple(dict.fromkeys((definition.denominator, *asked)))


def belongs(patient: Patient, denominator: Denominator) -> bool:
    """Whether a patient is part of a denominator."""
    if denominator is Denominator.ENROLLED:
        return True
    return patient.evaluable if denominator is Denominator.EVALUABLE else patient.scanned


def counts(call: DefinitionResult, *, confirmed: bool) -> bool:
    """Whether a call is a response; stable disease needs no confirmation."""
    if not call.met:
        return False
    return not confirmed or call.confirmed is not False


def _rate(
    definition: Definition,
    denominator: Denominator,
    reader: str,
    arm: str,
    members: Sequence[Patient],
    *,
    confirmed: bool,
) -> Rate:
    own = [each for each in members if belongs(each, denominator)]
    calls = [_call(each, definition) for each in own]
    expected = [_by_chance(each, definition, confirmed=confirmed) for each in own]
    known = [value for value in expected if value is not None]
    responders = sum(call is not None and counts(call, confirmed=confirmed) for call in calls)
    return Rate(
        definition,
        reader,
        arm,
        confirmed,
        denominator,
        denominator is definition.denominator,
        Proportion(responders, len(own)),
        sum(call is None or call.met is None for call in calls),
        sum(known) / len(known) if known and not definition.asks_for_control else None,
    )


def _call(patient: Patient, definition: Definition) -> DefinitionResult | None:
    return None if patient.finding is None else patient.finding.call_of(definition.name)


def _by_chance(patient: Patient, definition: Definition, *, confirmed: bool) -> float | None:
    if patient.finding is None or not patient.evaluable:
        return 0.0
    return chance_for(definition, patient.finding.chance, confirmed=confirmed)
