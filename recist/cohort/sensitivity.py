"""How many patients change over the choices: definitions, sets, thresholds, confirmation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from recist.abscopal import OutOfFieldAnswer
from recist.abscopal.definitions import Definition, chosen
from recist.cohort.patients import Patient, answers, by_dose
from recist.cohort.rates import counts
from recist.protocol import Protocol

#: Definition that the others are compared with.
REFERENCE = "theelen-arr"
#: Doses below which a lesion counts as out of the field: no dose (Menon 2019), conventions.
DOSES_GY = (1.0, 2.0, 5.0, 10.0, 20.0)

Doses = Mapping[tuple[str, str], float]


@dataclass(frozen=True, slots=True)
class SensitivityChange:
    """What another choice does to a definition.

    Attributes:
        choice: what is chosen otherwise, e.g. "out_of_field_set = pragmatic".
        evaluable, responders: patients, as (by the protocol, by the other choice).
        gained, lost: subjects that respond only by the other choice, and no longer by it.
        flipped_evaluable: subjects that only one of the two can evaluate.
    """

    choice: str
    definition: Definition
    reader: str
    evaluable: tuple[int, int]
    responders: tuple[int, int]
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    flipped_evaluable: tuple[str, ...]

    @property
    def changed(self) -> int:
        return len(self.gained) + len(self.lost)


def sensitivity(
    patients: Sequence[Patient], protocol: Protocol, doses: Doses | None = None
) -> tuple[SensitivityChange, ...]:
    """Every other choice against the protocol, for every definition.

    Args:
        doses: near-maximum of each lesion in Gy; with it, dose thresholds are varied.
    """
    found: list[SensitivityChange] = []
    for choice, other in _variants(patients, protocol, doses):
        found += _compare(choice, patients, other, protocol)
    same = tuple(each.finding for each in patients)
    found += _compare("confirmed", patients, same, protocol, confirmed=True)
    return (*found, *_between_definitions(patients, protocol))


def _variants(
    patients: Sequence[Patient], protocol: Protocol, doses: Doses | None
) -> Iterator[tuple[str, tuple[OutOfFieldAnswer | None, ...]]]:
    other_set = "strict" if protocol.out_of_field_set == "pragmatic" else "pragmatic"
    position = "split" if protocol.new_lesion_position == "anywhere" else "anywhere"
    settings: tuple[dict[str, object], ...] = (
        {"out_of_field_set": other_set},
        {"new_lesion_position": position},
        {"abscopal_minimum_mm": Decimal(0), "abscopal_minimum_node_mm": Decimal(0)},
        {"abscopal_minimum_mm": Decimal(15)},
        {"abscopal_minimum_mm": Decimal(20)},
        {"abscopal_baseline_days": 28},
        {"abscopal_follow_up_days": 182},
        {"abscopal_landmark_window_days": 28},
    )
    for changes in settings:
        name = ", ".join(f"{key} = {value}" for key, value in changes.items())
        yield name, answers(patients, replace(protocol, **changes))  # type: ignore[arg-type]
    if doses:
        strict = replace(protocol, out_of_field_set="strict")
        for limit_gy in DOSES_GY:
            found = answers(by_dose(patients, doses, limit_gy), strict)
            yield f"out of the field below {limit_gy:g} Gy", found


def _compare(
    choice: str,
    patients: Sequence[Patient],
    other: Sequence[OutOfFieldAnswer | None],
    protocol: Protocol,
    *,
    confirmed: bool = False,
) -> Iterator[SensitivityChange]:
    for reader, pairs in _by_reader(patients, other):
        for definition in chosen(protocol):
            before = [_responds(each.finding, definition.name) for each, _ in pairs]
            after = [_responds(b, definition.name, confirmed=confirmed) for _, b in pairs]
            yield _change(choice, definition, reader, pairs, before=before, after=after)


def _between_definitions(
    patients: Sequence[Patient], protocol: Protocol
) -> Iterator[SensitivityChange]:
    """Each definition against the reference: the same patients, another name."""
    if REFERENCE not in {each.name for each in chosen(protocol)}:
        return
    choice = f"definition instead of {REFERENCE}"
    for reader, pairs in _by_reader(patients, [each.finding for each in patients]):
        before = [_responds(found, REFERENCE) for _, found in pairs]
        for definition in chosen(protocol):
            if definition.name != REFERENCE:
                after = [_responds(found, definition.name) for _, found in pairs]
                yield _change(choice, definition, reader, pairs, before=before, after=after)


Pair = tuple[Patient, OutOfFieldAnswer | None]


def _by_reader(
    patients: Sequence[Patient], other: Sequence[OutOfFieldAnswer | None]
) -> Iterator[tuple[str, list[Pair]]]:
    both = list(zip(patients, other, strict=True))
    for reader in dict.fromkeys(each.reader for each in patients):
        yield reader, [(a, b) for a, b in both if a.reader == reader]


def _change(
    choice: str,
    definition: Definition,
    reader: str,
    pairs: Sequence[Pair],
    *,
    before: Sequence[bool],
    after: Sequence[bool],
) -> SensitivityChange:
    subjects = [a.subject for a, _ in pairs]
    both = list(zip(subjects, before, after, strict=True))
    evaluable = [(a.evaluable, b is not None and b.evaluable) for a, b in pairs]
    return SensitivityChange(
        choice,
        definition,
        reader,
        (sum(old for old, _ in evaluable), sum(new for _, new in evaluable)),
        (sum(before), sum(after)),
        tuple(subject for subject, old, new in both if new and not old),
        tuple(subject for subject, old, new in both if old and not new),
        tuple(
            subject
            for subject, (old, new) in zip(subjects, evaluable, strict=True)
            if old is not new
        ),
    )


def _responds(found: OutOfFieldAnswer | None, name: str, *, confirmed: bool = False) -> bool:
    return found is not None and counts(found.call_of(name), confirmed=confirmed)
