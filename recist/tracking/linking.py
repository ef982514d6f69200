"""One lesion over the dates: which candidate of one date is which of another.

Every date is registered to the first. A candidate is carried into that frame as a cloud of points
and compared with where each lesion was first and last seen: dilated overlap, distance and size give
a cost, the assignment problem decides, and what is left over is explained as a piece of a split
lesion, as merged, new or absent. A lesion that was absent can come back with its identity; one
whose place was not imaged is not evaluable rather than absent. A person can overrule any link.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recist.tracking.clouds import Cloud, clouds_of, imaged_shares, reach_mm, together
from recist.tracking.decision import AMBIGUOUS_BELOW, MARGIN_SCALE, Decision, Growing
from recist.tracking.links import check, names_drawn_at, told_of
from recist.tracking.matching import (
    FORBIDDEN,
    PART_SHARE,
    UNLINKED_COST,
    components,
    cost_of,
    near_pairs,
    pairings,
    piece_share,
)
from recist.tracking.sightings import (
    CONFIRMED,
    NOT_IMAGED_BEFORE,
    DatedCandidates,
    Link,
    Sighting,
    State,
    Track,
    Tracks,
)

#: A merged candidate must hold at least this share of the lesion that vanished into it, by volume.
LEAST_MERGED_VOLUME = 0.5
#: Share of a lesion's place that must be imaged to call it absent.
IMAGED_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Given:
    """What is known of the candidates of one date before the images are asked.

    Attributes:
        told: candidate -> the lesions that a reader linked it to; none of them: not a lesion.
        names: see :func:`track`.
    """

    told: Mapping[int, tuple[str, ...]]
    names: Mapping[tuple[int, str], str]

    @property
    def ignored(self) -> set[int]:
        return {c for c, lesions in self.told.items() if not lesions}

    def name_told(self, candidate: int) -> str:
        """The lesion that a reader named first; empty where none did."""
        return self.told[candidate][0] if candidate in self.told else ""


def track(
    dates: Sequence[DatedCandidates],
    *,
    links: Sequence[Link] = (),
    names: Mapping[tuple[int, str], str] | None = None,
) -> Tracks:
    """Give every candidate of every date its lesion.

    Args:
        dates: in order of time; the first one is the baseline and the frame of all.
        links: a reader's confirmations and corrections; they are kept whatever the images say.
        names: of lesions, by the day and the label of the candidate that each begins with; other
            lesions get none of these names. See :meth:`Tracks.first_candidates`.

    Raises:
        InputError: days that do not rise, or a link to a date or candidate that does not exist.
    """
    check(dates, links)
    lesions: list[Growing] = []
    for n, dated in enumerate(dates):
        given = Given(told_of(dated, links), names or {})
        _link(lesions, dates[: n + 1], clouds_of(dated), given)
    tracks = tuple(Track(lesion.id, tuple(lesion.sightings)) for lesion in lesions)
    return Tracks(tracks, tuple(dated.day for dated in dates))


def _link(
    lesions: list[Growing],
    dates: Sequence[DatedCandidates],
    clouds: Sequence[Cloud],
    given: Given,
) -> None:
    """Extend every track by the last of the dates and start the tracks of new lesions."""
    near = near_pairs([lesion.places for lesion in lesions], clouds)
    imaged = imaged_shares([lesion.last for lesion in lesions], dates[-1])
    date = Decision(near, names_drawn_at(dates[-1]), imaged)
    _obey(date, lesions, given.told)
    _follow(date, lesions, dates[-1], set(given.told))
    free_lesions = [n for n in range(len(lesions)) if not date.of(n) and n not in date.merged]
    free = [c for c in range(len(clouds)) if c not in date.owner and c not in given.told]
    _assign(date, lesions, clouds, free_lesions, free)
    _gather_pieces(date, lesions, clouds, [c for c in free if c not in date.owner])
    gone = [n for n in free_lesions if not date.of(n)]
    _find_merged(date, lesions, clouds, gone)
    date.find_namesakes(lesions, [c for c in free if c not in date.owner])
    for n, lesion in enumerate(lesions):
        lesion.sightings.append(_sighting(date, n, lesions, dates[-1]))
        own = date.of(n)
        if own:
            lesion.last = together([clouds[c] for c in own])
            lesion.drawn_as = date.names[own[0]]
    _start(date, lesions, dates, clouds, given)


def _obey(date: Decision, lesions: list[Growing], told: Mapping[int, tuple[str, ...]]) -> None:
    """A reader's links to lesions that exist already."""
    known = {lesion.id: n for n, lesion in enumerate(lesions)}
    for candidate, names in told.items():
        present = [known[name] for name in names if name in known]
        if not present:
            continue
        # Several lesions in one candidate: it carries on the one that was largest.
        carrier = max(present, key=lambda n: lesions[n].last.volume_ml)
        date.link(candidate, carrier, 1.0)
        date.told.add(candidate)
        for other in present:
            if other != carrier:
                date.merged[other] = (carrier, 1.0)
                date.told_merged.add(other)


def _follow(
    date: Decision, lesions: Sequence[Growing], dated: DatedCandidates, told: set[int]
) -> None:
    """What was found by looking for lesions at their places; a reader's word comes before it."""
    owner = {
        (seen.day, c): n
        for n, lesion in enumerate(lesions)
        for seen in lesion.sightings
        for c in seen.candidates
    }
    inside: dict[int, list[int]] = {}
    for followed in dated.followed:
        n = owner.get((followed.day, followed.candidate))
        if n is None or date.of(n) or n in date.told_merged:
            continue
        known = date.followed.get(n)
        if known is None or known.found is None:
            date.followed[n] = followed
        for c in followed.candidates:
            if c not in told:
                inside.setdefault(c, []).append(n)
    for c, several in inside.items():
        carrier = max(several, key=lambda n: lesions[n].last.volume_ml)
        date.link(c, carrier, date.followed[carrier].confidence)
        for n in several:
            if n != carrier:
                date.merged[n] = (carrier, date.followed[n].confidence)


def _assign(
    date: Decision,
    lesions: Sequence[Growing],
    clouds: Sequence[Cloud],
    rows: Sequence[int],
    columns: Sequence[int],
) -> None:
    """Link lesions with candidates, each at most once, as cheaply as it can be done."""
    free = set(columns)
    costs = {
        (n, c): cost
        for n in rows
        for c in date.near[n]
        if c in free and (cost := cost_of(lesions[n].places, clouds[c])) < FORBIDDEN
    }
    for (n, c), cost in costs.items():
        date.of_lesion.setdefault(n, {})[c] = cost
        date.of_candidate.setdefault(c, {})[n] = cost
    for n, c, margin in pairings(costs):
        fit = float(np.exp(-costs[n, c] / (2 * UNLINKED_COST)))
        date.link(c, n, float(fit * (1 - np.exp(-margin / MARGIN_SCALE))))


def _gather_pieces(
    date: Decision, lesions: Sequence[Growing], clouds: Sequence[Cloud], left: Sequence[int]
) -> None:
    """Candidates without a lesion that lie where a lesion was are pieces of it.

    The overlap graph joins lesions and candidates of which one lies mostly in the other; a left
    candidate belongs to the lesion of its component that holds most of it.
    """
    free = set(left)
    shares = {
        (n, c): piece_share(lesions[n].places, clouds[c])
        for n in range(len(lesions))
        for c in date.near[n]
        if c in free
    }
    near: dict[int, list[int]] = {c: [] for c in left}
    for n, c in shares:
        near[c].append(n)
    component = components(len(lesions), len(clouds), shares, date.owner)
    for c in left:
        parents = [n for n in near[c] if component[n] == component[len(lesions) + c]]
        shared = [(shares[n, c][0], -n) for n in parents]
        if not shared or max(shared)[0] < PART_SHARE:
            continue
        parent = -max(shared)[1]
        for other in date.of(parent):
            # What competed with this piece for the link was another piece of the same lesion.
            share = piece_share(lesions[parent].places, clouds[other])[1]
            date.certain[other] = max(date.certain[other], share)
        date.link(c, parent, shares[parent, c][1])


def _find_merged(
    date: Decision, lesions: Sequence[Growing], clouds: Sequence[Cloud], gone: Iterable[int]
) -> None:
    """Lesions without a candidate whose place lies in a candidate of another lesion."""
    number = {lesion.id: n for n, lesion in enumerate(lesions)}
    for n in gone:
        lesion = lesions[n]
        before = lesion.sightings[-1].merged_into
        kept = set(date.of(number[before])) if before is not None else set()
        holders = []
        for c in (c for c in kept.union(date.near[n]) if c in date.owner):
            owner = date.owner[c]
            share = lesion.last.share_within(clouds[c], reach_mm(lesion.last, clouds[c]) / 2)
            held = clouds[c].volume_ml >= LEAST_MERGED_VOLUME * lesion.last.volume_ml
            # A candidate that did not grow has swallowed nothing; once merged stays merged.
            grown = clouds[c].volume_ml > lesions[owner].last.volume_ml
            stays = c in kept
            if stays or (share >= PART_SHARE and held and grown):
                strict = lesion.last.share_within(clouds[c], 0.0)
                holders.append((stays, strict, share, -owner))
        if holders:
            _, strict, _, owner = max(holders)
            date.merged[n] = (-owner, strict)


def _sighting(
    date: Decision, n: int, lesions: Sequence[Growing], dated: DatedCandidates
) -> Sighting:
    """What is said of a known lesion at a date."""
    own = tuple(date.of(n))
    if own:
        return _seen(date, n, own, dated)
    if n in date.merged:
        holder, confidence = date.merged[n]
        reason = f"its place lies in {lesions[holder].id}"
        if n in date.told_merged:
            reason = CONFIRMED
        return Sighting(
            dated.day, State.MERGED, (), confidence, reason, merged_into=lesions[holder].id
        )
    share = date.imaged[n]
    if share < IMAGED_SHARE:
        reason = f"its place lies outside of the image ({share:.0%} of it is imaged)"
        return Sighting(dated.day, State.NOT_EVALUABLE, (), 1.0 - share, reason)
    looked = date.followed.get(n)
    doubt = _doubt(date, n, lesions, dated)
    if doubt is not None:
        reason, confidence = doubt
        return Sighting(dated.day, State.AMBIGUOUS, (), confidence, reason)
    if looked is not None and looked.found is None:
        state = State.AMBIGUOUS if looked.is_unclear else State.ABSENT
        sure = share * looked.confidence
        return Sighting(dated.day, state, (), sure, looked.reason, looked_for=True)
    sure = date.unlinked_confidence(date.of_lesion.get(n, {}).values())
    return Sighting(dated.day, State.ABSENT, (), share * sure, "no candidate near its place")


def _doubt(
    date: Decision, n: int, lesions: Sequence[Growing], dated: DatedCandidates
) -> tuple[str, float] | None:
    """Why it cannot be told whether a lesion without a candidate has gone, and a confidence."""
    if n in date.namesakes:
        return f"not at its place; drawn under its name elsewhere ({lesions[n].drawn_as})", 0.0
    rival = date.rival_of_lesion(n)
    if rival is None:
        return None
    label = dated.candidates[rival].label
    reason = f"candidate {label} may be this lesion or {lesions[date.owner[rival]].id}"
    return reason, 1 - date.certain[rival]


def _seen(date: Decision, n: int, own: tuple[int, ...], dated: DatedCandidates) -> Sighting:
    followed = date.followed.get(n)
    is_whole = date.imaged[n] >= 1 - 1e-9
    flags = () if is_whole else ("its former place is not imaged completely",)
    if followed is not None and followed.found in own:
        # Which lesion this is was never in doubt: its confidence is that of its outline.
        state = State.SPLIT if len(own) > 1 else State.MATCHED
        return Sighting(dated.day, state, own, followed.confidence, followed.reason, flags=flags)
    confidence = min(date.certain[c] for c in own)
    told = all(c in date.told for c in own)
    state = State.SPLIT if len(own) > 1 else State.MATCHED
    names = ", ".join(dated.candidates[c].label for c in own)
    reason = f"candidate {names}" if state is State.MATCHED else f"in pieces: candidates {names}"
    if told:
        reason = CONFIRMED
    elif confidence < AMBIGUOUS_BELOW:
        reason = f"{reason}, but another reading is nearly as good"
        state = State.AMBIGUOUS
    return Sighting(dated.day, state, own, confidence, reason, flags=flags)


def _start(
    date: Decision,
    lesions: list[Growing],
    dates: Sequence[DatedCandidates],
    clouds: Sequence[Cloud],
    given: Given,
) -> None:
    """New tracks, largest first; at the first date these are the lesions of the baseline.

    Candidates that a reader gave one name are pieces of one lesion.
    """
    known = tuple(lesions)
    dated = dates[-1]
    told: dict[str, list[int]] = {}
    for c in range(len(clouds)):
        if c not in date.owner and c not in given.ignored:
            told.setdefault(given.name_told(c), []).append(c)
    groups = [(name, own) for name, own in told.items() if name]
    groups += [("", [c]) for c in told.get("", [])]
    taken = {lesion.id for lesion in lesions} | set(told)
    kept: dict[int, str] = {}
    for c in told.get("", []):
        name = given.names.get((dated.day, dated.candidates[c].label), "")
        if name and name not in taken:
            kept[c] = name
            taken.add(name)
    taken |= set(given.names.values())
    unused = (name for n in itertools.count(1) if (name := f"L{n}") not in taken)
    for name, own in sorted(groups, key=lambda group: -sum(clouds[c].volume_ml for c in group[1])):
        cloud = together([clouds[c] for c in own])
        if name:
            state = State.NEW if dates[:-1] else State.BASELINE
            seen = Sighting(dates[-1].day, state, tuple(own), 1.0, CONFIRMED)
        else:
            seen = _first_sighting(date, own[0], cloud, known, dates)
        lesion_id = name or kept.get(own[0]) or next(unused)
        lesions.append(Growing(lesion_id, cloud, cloud, [seen], date.names[own[0]]))


def _first_sighting(
    date: Decision,
    c: int,
    cloud: Cloud,
    lesions: Sequence[Growing],
    dates: Sequence[DatedCandidates],
) -> Sighting:
    """A lesion seen for the first time: at the first date, or new.

    A place that was never imaged before counts as well: by RECIST 1.1 (section 4.3.5) a lesion in
    a region not scanned at baseline is a new lesion. It is flagged for the reader.
    """
    day = dates[-1].day
    if not dates[:-1]:
        return Sighting(day, State.BASELINE, (c,), 1.0, "seen at the first date")
    rival = date.rival_of_candidate(c)
    if rival is not None:
        reason = f"it may be {lesions[rival].id}, which was linked to another candidate"
        return Sighting(day, State.AMBIGUOUS, (c,), 1 - date.certain[date.of(rival)[0]], reason)
    namesake = date.namesake_of_candidate(c)
    if namesake is not None:
        lesion = lesions[namesake]
        reason = f"it has the name of {lesion.id} ({lesion.drawn_as}), which is not at its place"
        return Sighting(day, State.AMBIGUOUS, (c,), 0.0, reason)
    shown = max(imaged_shares([cloud], earlier)[0] for earlier in dates[:-1])
    flags = () if shown >= IMAGED_SHARE else (NOT_IMAGED_BEFORE,)
    sure = date.unlinked_confidence(date.of_candidate.get(c, {}).values())
    return Sighting(day, State.NEW, (c,), shown * sure, "no lesion was near before", flags=flags)
