"""How many patients responded, out of whom, by every definition; and one arm against the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from recist.abscopal import chance_for
from recist.abscopal.chance import NO_CHANCE, Chance
from recist.abscopal.definitions import Definition, Denominator, chosen
from recist.cohort.members import Member, ToldOfPatient
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


def rates(members: Sequence[Member], protocol: Protocol) -> tuple[Rate, ...]:
    """Every rate: by definition, denominator, arm and reader, confirmed and not."""
    return tuple(
        _rate(definition, denominator, reader, arm, own[denominator], confirmed=confirmed)
        for reader, arm, group in groups(members)
        for own in [{each: _Own.of(group, each) for each in Denominator}]
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


def groups(members: Sequence[Member]) -> Iterator[tuple[str, str, list[Member]]]:
    """Patients by reader, all together first and then by arm."""
    for reader in dict.fromkeys(each.reader for each in members):
        own = [each for each in members if each.reader == reader]
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


def belongs(member: Member, denominator: Denominator) -> bool:
    """Whether a patient is part of a denominator."""
    if denominator is Denominator.ENROLLED:
        return True
    return member.evaluable if denominator is Denominator.EVALUABLE else member.scanned


@dataclass(frozen=True, slots=True)
class _Own:
    """The patients of a denominator, as far as their rates need them.

    Attributes:
        told: what is told of so many of them.
        unanswered: patients without a finding.
        chances: of each that has one, 0 where it is not evaluable.
        by_chance: means of those, by what they are of.
    """

    size: int
    told: Counter[ToldOfPatient]
    unanswered: int
    chances: tuple[Chance, ...]
    by_chance: dict[object, float | None] = field(default_factory=dict)

    @classmethod
    def of(cls, members: Sequence[Member], denominator: Denominator) -> _Own:
        own = [each for each in members if belongs(each, denominator)]
        return cls(
            len(own),
            Counter(each.told for each in own if each.told is not None),
            sum(each.told is None for each in own),
            tuple([each.chance if each.evaluable else NO_CHANCE for each in own]),
        )

    def expected(self, definition: Definition, *, confirmed: bool) -> float | None:
        """The share that would respond by measurement error alone."""
        if definition.asks_for_control or not self.chances:
            return None
        key = (definition.measure, definition.time, confirmed)  # all that a chance depends on
        if key not in self.by_chance:
            known = [
                value
                for each in self.chances
                if (value := chance_for(definition, each, confirmed=confirmed)) is not None
            ]
            self.by_chance[key] = sum(known) / len(known) if known else None
        return self.by_chance[key]


def _rate(
    definition: Definition,
    denominator: Denominator,
    reader: str,
    arm: str,
    own: _Own,
    *,
    confirmed: bool,
) -> Rate:
    name = definition.name
    responders = untold = 0
    for told, patients in own.told.items():
        responders += patients * (name in (told.confirmed if confirmed else told.responding))
        untold += patients * (name in told.untold)
    return Rate(
        definition,
        reader,
        arm,
        confirmed,
        denominator,
        denominator is definition.denominator,
        Proportion(responders, own.size),
        own.unanswered + untold,
        own.expected(definition, confirmed=confirmed),
    )
