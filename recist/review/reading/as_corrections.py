"""What was said in a reading, in its order, as the corrections that ``recist correct`` takes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TypeVar

from imaging.volume import Mask
from recist.course import Field, Role, Status
from recist.patient.corrections import (
    CheckedDate,
    CorrectedMeasurement,
    Corrections,
    DrawnLesion,
)
from recist.patient.overrides import Override
from recist.review.database.tables import EntryKind
from recist.review.reading.entries import (
    OF_A_DATE,
    Content,
    EntryError,
    Said,
    caliper_of,
    in_force,
)
from recist.tracking import Link

#: Date (ISO) and lesion.
Place = tuple[str, str]
Candidates = Mapping[Place, tuple[str, ...]]

NO_SHORT_AXIS = "a node is measured by its short axis, which is not drawn yet"


@dataclass(frozen=True, slots=True)
class Ground:
    """What a reading stands on: the patient as the run measured him.

    Attributes:
        days: of each date, by its ISO form.
        nodes: lesions that are lymph nodes; ``new``: that were not there at the baseline.
        candidates: what was delineated of each lesion at each date, with some links.
    """

    days: Mapping[str, int]
    nodes: Collection[str]
    new: Collection[str]
    candidates: Callable[[tuple[Link, ...]], Candidates]


def corrections_of(
    entries: Sequence[Said],
    ground: Ground,
    *,
    reader: str,
    outline_of: Callable[[Content], Mask | None],
    imported: Callable[[Content], Corrections],
) -> Corrections:
    """What a reader said, as the correction types of the toolkit; each thing as last said.

    Args:
        outline_of: the outline that an entry draws.
        imported: the corrections that an import holds.

    Raises:
        InputError: something contradicts itself, or nothing is recorded of a lesion that is linked.
    """
    draft = _Draft(ground, reader)
    for said in in_force(entries):
        if said.kind is EntryKind.IMPORT:
            draft.take(imported(said.content), said.content["kinds"])
        elif said.kind in (EntryKind.NEW, EntryKind.OUTLINE):
            draft.draw(said, outline_of(said.content))
        else:
            apply = _APPLIED.get(said.kind)
            if apply is not None:
                apply(draft, said)
        draft.withdraw(said)
    return draft.corrections()


@dataclass(slots=True, eq=False)
class _Draft:
    """Corrections while they are put together.

    Attributes:
        sizes: what counts of a lesion at a date; ``before``: its size before a state was said.
    """

    ground: Ground
    reader: str
    overrides: dict[str, Override] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    sizes: dict[Place, CorrectedMeasurement] = field(default_factory=dict)
    before: dict[Place, CorrectedMeasurement] = field(default_factory=dict)
    dates: dict[str, CheckedDate] = field(default_factory=dict)
    drawn: dict[Place, DrawnLesion] = field(default_factory=dict)
    new: set[str] = field(default_factory=set)
    confirmed: set[str] = field(default_factory=set)
    is_linked: bool = False

    def take(self, said: Corrections, kinds: Collection[str]) -> None:
        """Corrections in the place of those of their kinds."""
        if "overrides" in kinds:
            self.overrides = dict(said.choices)
        if "links" in kinds:
            self.links = said.links
        if "measurements" in kinds:
            self.sizes = {(each.date.isoformat(), each.lesion): each for each in said.measurements}
            self.before = {}
        if "dates" in kinds:
            self.dates = {each.date.isoformat(): each for each in said.dates}
        if "drawn" in kinds:
            self.drawn = {(each.date.isoformat(), each.lesion): each for each in said.drawn}

    def draw(self, said: Said, outline: Mask | None) -> None:
        """A lesion that is new here, or its outline; sizes said before were of another one."""
        content, place = said.content, _place(said.content)
        caliper = caliper_of(content)
        is_line = caliper is not None and outline is None
        self.sizes.pop(place, None)
        self.before.pop(place, None)
        self.drawn[place] = DrawnLesion(
            place[1],
            dt.date.fromisoformat(place[0]),
            (caliper.long_axis.start_mm, caliper.long_axis.end_mm) if caliper and is_line else (),
            outline,
            content.get("organ"),
            content.get("is_node"),
            *self.signed(said),
        )
        if said.kind is EntryKind.NEW:
            self.tell(said)
            if content.get("role") == Role.NEW:
                self.new.add(place[1])
            if content.get("short") is not None and is_line:
                self.measure(said)

    def tell(self, said: Said) -> None:
        """What a lesion is."""
        content, name = said.content, str(said.content["lesion"])
        before = self.overrides.get(name, Override(name))
        if content.get("confirmed") is not None:
            (self.confirmed.add if content["confirmed"] else self.confirmed.discard)(name)
        role = content.get("role")
        is_node = content.get("is_node")
        reason, reader, recorded_at = self.signed(said)
        self.overrides[name] = replace(
            before,
            role=Role(role) if role and role != Role.NEW else before.role,
            organ=content.get("organ") or before.organ,
            is_node=before.is_node if is_node is None else bool(is_node),
            field=_field(content.get("field")) or before.field,
            dropped=bool(content.get("rejected", before.dropped)),
            confirmed=None if {"rejected", "confirmed"} & set(content) else before.confirmed,
            reason=reason or before.reason,
            reader=reader,
            recorded_at=recorded_at,
        )

    def measure(self, said: Said) -> None:
        """A caliper."""
        caliper, place = caliper_of(said.content), _place(said.content)
        if caliper is None:
            raise EntryError(f"nothing is drawn of {place[1]}")
        has_short = said.content.get("short") is not None
        self.before.pop(place, None)
        self.sizes[place] = replace(
            self.signed_row(said),
            long_axis=caliper.long_axis,
            short_axis=caliper.short_axis if has_short else None,
        )

    def state(self, said: Said) -> None:
        """What was seen; "measured" without a size takes back what was said otherwise."""
        content, place = said.content, _place(said.content)
        status, size = Status(content["status"]), content.get("diameter_mm")
        known = self.sizes.get(place)
        if known is not None and known.is_sized:
            self.before[place] = known
        if status is Status.MEASURED and size is None:
            self.sizes[place] = self.before.get(place, self.signed_row(said))
            return
        self.sizes[place] = replace(
            self.signed_row(said),
            status=status,
            parts_mm=() if size is None else (Decimal(str(size)),),
            merged_into=content.get("merged_into") or None,
        )

    def link(self, said: Said) -> None:
        """What is seen of one lesion at a date is another, and the other way round."""
        (date, taken), given = _place(said.content), str(said.content["to"])
        there = self.ground.candidates(self.links)
        own, others = there.get((date, taken), ()), there.get((date, given), ())
        is_said = any((date, taken) in each for each in (self.sizes, self.drawn))
        if not own and not is_said:
            raise EntryError(f"nothing is recorded of {taken} on {date}")
        for labels, lesion in ((own, given), (others, taken)):
            for label in labels:
                self._link(said, date, label, lesion)
        one, other = (date, taken), (date, given)
        self.sizes = _exchanged(self.sizes, one, other)
        self.before = _exchanged(self.before, one, other)
        self.drawn = _exchanged(self.drawn, one, other)
        self.is_linked = True

    def _link(self, said: Said, date: str, candidate: str, lesion: str) -> None:
        names = (date, str(self.ground.days.get(date)))
        kept = (x for x in self.links if not (x.when in names and x.candidate == candidate))
        self.links = (*kept, Link(date, candidate, lesion, *self.signed(said)))

    def confirm(self, said: Said) -> None:
        date = str(said.content["date"])
        if said.content.get("value", True):
            when = dt.date.fromisoformat(date)
            self.dates[date] = CheckedDate(when, *self.signed(said))
        else:
            self.dates.pop(date, None)

    def withdraw(self, said: Said) -> None:
        """A later change of what was seen takes the confirmation of its date back."""
        if said.kind in OF_A_DATE:
            self.dates.pop(str(said.content.get("date", "")), None)
        elif said.kind is EntryKind.LESION and set(said.content) - {"lesion", "confirmed"}:
            self.dates.clear()

    def corrections(self) -> Corrections:
        """All of it, as far as the lesions are still there."""
        sure = self.confirmed & {*self.ground.new, *self.new}
        overrides = tuple(
            replace(each, confirmed=True) if each.lesion in sure and not each.dropped else each
            for each in self.overrides.values()
        )
        found = Corrections(
            overrides,
            self.links,
            tuple(map(self._of_node, self.sizes.values())),
            tuple(self.dates[date] for date in sorted(self.dates)),
            tuple(self.drawn.values()),
        )
        return self._still_there(found) if self.is_linked else found

    def _of_node(self, said: CorrectedMeasurement) -> CorrectedMeasurement:
        """The longest diameter alone is no size of a node."""
        choice = self.overrides.get(said.lesion)
        is_node = None if choice is None else choice.is_node
        if is_node is None:
            is_node = said.lesion in self.ground.nodes
        if said.long_axis is None or not is_node or said.short_axis or said.short_axis_mm:
            return said
        return replace(
            said, status=Status.NOT_EVALUABLE, long_axis=None, reason=said.reason or NO_SHORT_AXIS
        )

    def _still_there(self, found: Corrections) -> Corrections:
        """The entries without what was said of a lesion that is another one by now."""
        seen = self.ground.candidates(self.links)
        lesions = {lesion for _, lesion in (*seen, *self.drawn)}
        return replace(
            found,
            overrides=tuple(each for each in found.overrides if each.lesion in lesions),
            measurements=tuple(each for each in found.measurements if each.lesion in lesions),
        )

    def signed(self, said: Said) -> tuple[str, str, str]:
        return str(said.content.get("reason", "")), self.reader, said.made_at

    def signed_row(self, said: Said) -> CorrectedMeasurement:
        """A row on a lesion at a date that says nothing yet but who speaks."""
        (date, lesion), (reason, reader, recorded_at) = _place(said.content), self.signed(said)
        return CorrectedMeasurement(
            lesion,
            dt.date.fromisoformat(date),
            reason=reason,
            reader=reader,
            recorded_at=recorded_at,
        )


def _place(content: Content) -> Place:
    return str(content["date"]), str(content["lesion"])


def _field(name: object) -> Field | None:
    return None if name in (None, "", Field.UNKNOWN.value) else Field(str(name))


OfLesion = TypeVar("OfLesion", CorrectedMeasurement, DrawnLesion)


def _exchanged(held: Mapping[Place, OfLesion], one: Place, other: Place) -> dict[Place, OfLesion]:
    """What is said of two lesions at a date, each in the other's place."""
    places = {one: other, other: one}
    return {
        places.get(place, place): replace(said, lesion=places.get(place, place)[1])
        for place, said in held.items()
    }


_APPLIED: Mapping[EntryKind, Callable[[_Draft, Said], None]] = {
    EntryKind.LESION: _Draft.tell,
    EntryKind.CALIPER: _Draft.measure,
    EntryKind.STATUS: _Draft.state,
    EntryKind.LINK: _Draft.link,
    EntryKind.CONFIRM: _Draft.confirm,
}
