"""Lesions that only a reader drew, looked for at a date that is added later.

What a reader draws is no part of what was observed: it may be drawn anew or taken back. What became
of it at an added date is therefore kept beside the observations of that date, under the mark of the
drawing, and counts for as long as that drawing stands (:mod:`recist.patient.redrawn`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from imaging.registration import Registration
from recist.patient.corrections.said import Corrections
from recist.patient.delineation import Delineated
from recist.patient.examination import Examination, size
from recist.patient.following import Second, propose
from recist.patient.outlined_dates import is_at
from recist.patient.proposal import KnownLesion, Proposal
from recist.patient.redrawn import NO_OUTLINE, mark_of, redrawn
from recist.patient.work.memory import Memory
from recist.patient.work.observed import FollowedDrawing, Work
from recist.tracking import Followed
from segmentation.growth import NetworkGrowth
from segmentation.instances import Candidate

#: Begins the name, among the candidates of a date, of what was found by following a drawing.
FOLLOWED_LABEL = "followed: "
OF_A_LINE = "followed from a sphere around the reader's line"


def known_drawings(work: Work, said: Corrections) -> tuple[tuple[str, KnownLesion], ...]:
    """The lesions that are known by a reader's drawing alone, with their names.

    Of several drawings of a lesion the last is followed. A click has no size that could be
    followed, and a lesion that was delineated at some date is followed from there.

    Args:
        work: the dates that were observed before.
    """
    dates = {each.date for each in work.dates}
    drawn = tuple(each for each in said.drawn if each.date in dates)
    if not drawn:
        return ()
    seen = redrawn(replace(work, memory=Memory()), Corrections(links=said.links, drawn=drawn))
    delineated = {each.day: len(each.sized) for each in work.dates}  # what was drawn comes after
    found: dict[str, KnownLesion] = {}
    for each in sorted(drawn, key=lambda one: one.date):
        track = seen.tracks.lesion(each.lesion)
        observed = seen.at(each.lesion, each.date)
        if each.outline is None and each.line is None:
            continue
        if any(c < delineated[s.day] for s in track.sightings for c in s.candidates):
            continue
        sighting = track.at(observed.day)
        assert sighting is not None  # ``at`` says so
        (number,) = sighting.candidates
        candidate = observed.sized[number].candidate
        found[each.lesion] = KnownLesion(
            observed.examination, number, candidate, observed.registration
        )
    return tuple(found.items())


def follow_drawings(
    known: Sequence[tuple[str, KnownLesion]],
    here: Examination,
    registration: Registration | None,
    found: Delineated,
    followed: Sequence[Followed],
    *,
    asked: tuple[Second | None, NetworkGrowth | None] = (None, None),
) -> tuple[FollowedDrawing, ...]:
    """What became of each at a date that no reader delineated.

    Args:
        registration: of that date's CT to the first one's.
        found, followed: what was delineated there, and which of it are other known lesions.
        asked: the network's second opinion and its word on growth; None asks none.
    """
    second, growth = asked
    lesions = [lesion for _, lesion in known]
    proposals = propose(lesions, here, registration, second=second, growth=growth)
    known_already = {c for each in followed for c in each.candidates}
    free = [c for n, c in enumerate(found.candidates) if n not in known_already]
    return tuple(
        _followed(name, proposal, here, [c.label for c in free if _meets(proposal, c)])
        for (name, _), proposal in zip(known, proposals, strict=True)
        if proposal.in_view
    )


def _meets(proposal: Proposal, candidate: Candidate) -> bool:
    return any(is_at(candidate, each) for each in proposal.candidates)


def _followed(
    name: str, proposal: Proposal, here: Examination, instead_of: Sequence[str]
) -> FollowedDrawing:
    known = proposal.known
    told = () if NO_OUTLINE not in known.candidate.flags else (OF_A_LINE,)
    pieces = (
        replace(each, label=f"{FOLLOWED_LABEL}{name}/{n}", flags=(*each.flags, *told))
        for n, each in enumerate(proposal.candidates, start=1)
    )
    return FollowedDrawing(
        name,
        known.examination.visit.date,
        mark_of(known.candidate.mask),
        tuple(size(each, here) for each in pieces),
        proposal.confidence,
        proposal.reason,
        proposal.is_unclear,
        tuple(instead_of),
    )
