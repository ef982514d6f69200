"""How many patients change over the choices: definitions, sets, thresholds, confirmation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from recist.abscopal.definitions import Definition, chosen
from recist.cohort.patients import Patient, again, by_dose
from recist.cohort.rates import counts
from recist.protocol import Protocol

#: Definition that the others are compared with.
REFERENCE = "theelen-arr"
#: Doses below which a lesion counts as out of the field: no dose (Menon 2019), conventions.
DOSES_GY = (1.0, 2.0, 5.0, 10.0, 20.0)

Doses = Mapping[tuple[str, str], float]


@dataclass(frozen=True, slots=True)
class Change:
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
) -> tuple[Change, ...]:
    """Every other choice against the protocol, for every definition.

    Args:
        doses: near-maximum of each lesion in Gy; with it, dose thresholds are varied.
    """
    found: list[Change] = []
    for choice, other in _variants(patients, protocol, doses):
        found += _compare(choice, patients, other, protocol)
    found += _compare("confirmed", patients, patients, protocol, confirmed=True)
    return (*found, *_between_definitions(patients, protocol))


def _variants(
    patients: Sequence[Patient], protocol: Protocol, doses: Doses | None
) -> Iterator[tuple[str, tuple[Patient, ...]]]:
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
        yield name, again(patients, replace(protocol, **changes))  # type: ignore[arg-type]
    if doses:
        strict = replace(protocol, out_of_field_set="strict")
        for limit_gy in DOSES_GY:
            chosen_by_dose = again(by_dose(patients, doses, limit_gy), strict)
            yield f"out of the field below {limit_gy:g} Gy", chosen_by_dose


def _compare(
    choice: str,
    patients: Sequence[Patient],
    other: Sequence[Patient],
    protocol: Protocol,
    *,
    confirmed: bool = False,
) -> Iterator[Change]:
    for reader in dict.fromkeys(each.reader for each in patients):
        pairs = [(a, b) for a, b in zip(patients, other, strict=True) if a.reader == reader]
        for definition in chosen(protocol):
            before = [_responds(a, definition.name) for a, _ in pairs]
            after = [_responds(b, definition.name, confirmed=confirmed) for _, b in pairs]
            yield _change(choice, definition, reader, pairs, before=before, after=after)


def _between_definitions(patients: Sequence[Patient], protocol: Protocol) -> Iterator[Change]:
    """Each definition against the reference: the same patients, another name."""
    names = [each.name for each in chosen(protocol)]
    if REFERENCE not in names:
        return
    for reader in dict.fromkeys(each.reader for each in patients):
        pairs = [(each, each) for each in patients if each.reader == reader]
        before = [_responds(a, REFERENCE) for a, _ in pairs]
        for definition in chosen(protocol):
            if definition.name != REFERENCE:
                after = [_responds(b, definition.name) for _, b in pairs]
                choice = f"definition instead of {REFERENCE}"
                yield _change(choice, definition, reader, pairs, before=before, after=after)


def _change(
    choice: str,
    definition: Definition,
    reader: str,
    pairs: Sequence[tuple[Patient, Patient]],
    *,
    before: Sequence[bool],
    after: Sequence[bool],
) -> Change:
    subjects = [a.subject for a, _ in pairs]
    both = list(zip(subjects, before, after, strict=True))
    return Change(
        choice,
        definition,
        reader,
        (sum(a.evaluable for a, _ in pairs), sum(b.evaluable for _, b in pairs)),
        (sum(before), sum(after)),
        tuple(subject for subject, old, new in both if new and not old),
        tuple(subject for subject, old, new in both if old and not new),
        tuple(a.subject for a, b in pairs if a.evaluable is not b.evaluable),
    )


def _responds(patient: Patient, name: str, *, confirmed: bool = False) -> bool:
    if patient.finding is None:
        return False
    return counts(patient.finding.call_of(name), confirmed=confirmed)
