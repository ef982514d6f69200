"""How many patients change over the choices: definitions, sets, thresholds, confirmation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import NamedTuple

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
    plain = _all_told(each.finding for each in patients)
    found: list[SensitivityChange] = []
    for choice, other in _variants(patients, protocol, doses):
        found += _compare(choice, patients, plain, _all_told(other), protocol)
    confirmed = _all_told((each.finding for each in patients), confirmed=True)
    found += _compare("confirmed", patients, plain, confirmed, protocol)
    return (*found, *_between_definitions(patients, plain, protocol))


class ToldOfPatient(NamedTuple):
    """What an answer comes to: all that is compared, and kept of each patient.

    Attributes:
        responding: the names of the definitions that call the patient a responder.
    """

    evaluable: bool
    responding: frozenset[str]


def _all_told(
    answered: Iterable[OutOfFieldAnswer | None], *, confirmed: bool = False
) -> list[ToldOfPatient]:
    return [_told(each, confirmed=confirmed) for each in answered]


def _told(found: OutOfFieldAnswer | None, *, confirmed: bool) -> ToldOfPatient:
    if found is None:
        return _one(False)
    names = [each.definition.name for each in found.calls if counts(each, confirmed=confirmed)]
    return _one(found.evaluable, *names)


@cache
def _one(evaluable: bool, *responding: str) -> ToldOfPatient:
    """One object for all patients of whom the same is told: there are few."""
    return ToldOfPatient(evaluable, frozenset(responding))


def _variants(
    patients: Sequence[Patient], protocol: Protocol, doses: Doses | None
) -> Iterator[tuple[str, Iterator[OutOfFieldAnswer | None]]]:
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
    plain: Sequence[ToldOfPatient],
    other: Sequence[ToldOfPatient],
    protocol: Protocol,
) -> Iterator[SensitivityChange]:
    for reader, rows in _by_reader(patients, plain, other):
        for definition in chosen(protocol):
            name = definition.name
            yield _change(choice, definition, reader, rows, (name, name))


def _between_definitions(
    patients: Sequence[Patient], plain: Sequence[ToldOfPatient], protocol: Protocol
) -> Iterator[SensitivityChange]:
    """Each definition against the reference: the same patients, another name."""
    if REFERENCE not in {each.name for each in chosen(protocol)}:
        return
    choice = f"definition instead of {REFERENCE}"
    for reader, rows in _by_reader(patients, plain, plain):
        for definition in chosen(protocol):
            if definition.name != REFERENCE:
                yield _change(choice, definition, reader, rows, (REFERENCE, definition.name))


#: Of a patient: the subject, and what is told by the protocol and by the other choice.
Compared = tuple[str, ToldOfPatient, ToldOfPatient]


def _by_reader(
    patients: Sequence[Patient], plain: Sequence[ToldOfPatient], other: Sequence[ToldOfPatient]
) -> Iterator[tuple[str, list[Compared]]]:
    for reader in dict.fromkeys(each.reader for each in patients):
        yield (
            reader,
            [
                (each.subject, by_protocol, by_other)
                for each, by_protocol, by_other in zip(patients, plain, other, strict=True)
                if each.reader == reader
            ],
        )


def _change(
    choice: str,
    definition: Definition,
    reader: str,
    rows: Sequence[Compared],
    names: tuple[str, str],
) -> SensitivityChange:
    """What a choice changes.

    Args:
        names: of the definitions that are asked for by the protocol and by the other choice.
    """
    by_protocol, by_other = names
    both = [(s, by_protocol in a.responding, by_other in b.responding) for s, a, b in rows]
    return SensitivityChange(
        choice,
        definition,
        reader,
        (sum(a.evaluable for _, a, _ in rows), sum(b.evaluable for _, _, b in rows)),
        (sum(old for _, old, _ in both), sum(new for _, _, new in both)),
        tuple(subject for subject, old, new in both if new and not old),
        tuple(subject for subject, old, new in both if old and not new),
        tuple(subject for subject, a, b in rows if a.evaluable is not b.evaluable),
    )
