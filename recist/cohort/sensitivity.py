"""How many patients change over the choices: definitions, sets, thresholds, confirmation."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from recist.abscopal.definitions import Definition, chosen
from recist.cohort.members import Member, ToldOfPatient, Variant, told_of
from recist.protocol import Protocol

#: Definition that the others are compared with.
REFERENCE = "theelen-arr"
#: Of a patient without a finding.
NOTHING_TOLD = told_of(None)


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
    members: Sequence[Member], protocol: Protocol, others: Sequence[Variant]
) -> tuple[SensitivityChange, ...]:
    """Every other choice against the protocol, for every definition.

    Args:
        members: asked about the other choices, see :func:`recist.cohort.members.member_of`.
    """
    plain = [each.told or NOTHING_TOLD for each in members]
    found: list[SensitivityChange] = []
    for number, other in enumerate(others):
        then = [each.otherwise[number] for each in members]
        found += _compare(other.choice, members, plain, then, protocol)
    confirmed = [each._replace(responding=each.confirmed) for each in plain]
    found += _compare("confirmed", members, plain, confirmed, protocol)
    return (*found, *_between_definitions(members, plain, protocol))


def _compare(
    choice: str,
    members: Sequence[Member],
    plain: Sequence[ToldOfPatient],
    other: Sequence[ToldOfPatient],
    protocol: Protocol,
) -> Iterator[SensitivityChange]:
    for reader, alike in _by_reader(members, plain, other):
        for definition in chosen(protocol):
            name = definition.name
            yield _change(choice, definition, reader, (members, alike), (name, name))


def _between_definitions(
    members: Sequence[Member], plain: Sequence[ToldOfPatient], protocol: Protocol
) -> Iterator[SensitivityChange]:
    """Each definition against the reference: the same patients, another name."""
    if REFERENCE not in {each.name for each in chosen(protocol)}:
        return
    choice = f"definition instead of {REFERENCE}"
    for reader, alike in _by_reader(members, plain, plain):
        for definition in chosen(protocol):
            if definition.name != REFERENCE:
                names = (REFERENCE, definition.name)
                yield _change(choice, definition, reader, (members, alike), names)


#: The places of patients of whom the protocol and the other choice tell the same two things: very
#: many patients are few kinds.
Alike = Mapping[tuple[ToldOfPatient, ToldOfPatient], "array[int]"]


def _by_reader(
    members: Sequence[Member], plain: Sequence[ToldOfPatient], other: Sequence[ToldOfPatient]
) -> Iterator[tuple[str, Alike]]:
    found: dict[str, dict[tuple[ToldOfPatient, ToldOfPatient], array[int]]] = {}
    for place, (member, *pair) in enumerate(zip(members, plain, other, strict=True)):
        alike = found.setdefault(member.reader, {})
        alike.setdefault((pair[0], pair[1]), array("q")).append(place)
    yield from found.items()


def _change(
    choice: str,
    definition: Definition,
    reader: str,
    compared: tuple[Sequence[Member], Alike],
    names: tuple[str, str],
) -> SensitivityChange:
    """What a choice changes.

    Args:
        names: of the definitions that are asked for by the protocol and by the other choice.
    """
    members, alike = compared
    by_protocol, by_other = names
    evaluable, responders = [0, 0], [0, 0]
    gained, lost, flipped = array("q"), array("q"), array("q")
    for (one, other), places in alike.items():
        size = len(places)
        evaluable[0] += size * one.evaluable
        evaluable[1] += size * other.evaluable
        old, new = by_protocol in one.responding, by_other in other.responding
        responders[0] += size * old
        responders[1] += size * new
        if old is not new:
            (gained if new else lost).extend(places)
        if one.evaluable is not other.evaluable:
            flipped.extend(places)
    gained_by, lost_by, flipped_by = (
        tuple([members[place].subject for place in sorted(places)])
        for places in (gained, lost, flipped)
    )
    return SensitivityChange(
        choice,
        definition,
        reader,
        (evaluable[0], evaluable[1]),
        (responders[0], responders[1]),
        gained_by,
        lost_by,
        flipped_by,
    )
