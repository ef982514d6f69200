"""Proposals that meet: lesions that touch, lesions that grew together, and lesions in pieces."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from imaging.registration.change import depth_at
from imaging.volume import Mask, Volume
from recist.patient.pieces import PIECE, have_coalesced, in_pieces, united
from recist.patient.proposal import KnownLesion, Proposal
from segmentation.instances import Candidate

#: Two proposals are one lesion, or touch, when the smaller lies in the other by this share.
SHARED = 0.5
#: Confidence in two proposals of which one may be the other.
EITHER = 0.4

IntArray = npt.NDArray[np.intp]


def told_apart(proposals: Sequence[Proposal], now: Volume) -> tuple[Proposal, ...]:
    """Proposals of a date that share no voxel, unless they are one lesion now; each in its pieces.

    Args:
        now: the CT of the date, HU.
    """
    together = _grown_together(_parted(proposals), now)
    return tuple(_in_fragments(each, now) for each in together)


def _parted(proposals: Sequence[Proposal]) -> tuple[Proposal, ...]:
    """Proposals that share no voxel: one in both goes to the lesion in which it lies deeper.

    Lesions that touch are not measured across; where one lies mostly in another, both say so.
    """
    found = list(proposals)
    for n, m in itertools.combinations(range(len(found)), 2):
        one, other = found[n].candidate, found[m].candidate
        shared = None if one is None or other is None else _shared(one.mask, other.mask)
        if one is None or other is None or shared is None:
            continue
        points = one.mask.grid.to_world_mm(shared)
        second = depth_at(one.mask, points) <= depth_at(other.mask, points)
        found[n], found[m] = (
            _without(found[n], found[m], shared, shared[second]),
            _without(found[m], found[n], shared, shared[~second]),
        )
    return tuple(found)


def _grown_together(proposals: Sequence[Proposal], now: Volume) -> list[Proposal]:
    """Proposals of lesions that can no longer be told apart, each with all of them in one outline.

    RECIST 1.1 measures them as one, by their longest diameter (Eisenhauer 2009, section 4.3.2).
    """
    group = list(range(len(proposals)))
    for n, m in itertools.combinations(range(len(proposals)), 2):
        one, other = proposals[n].candidate, proposals[m].candidate
        if one is None or other is None or one.is_faint or other.is_faint or group[n] == group[m]:
            continue
        if have_coalesced(one.mask, other.mask, now):
            group = [group[n] if each == group[m] else each for each in group]
    found = list(proposals)
    for number in set(group):
        own = [n for n, each in enumerate(group) if each == number]
        if len(own) < 2:
            continue
        own.sort(key=lambda n: -proposals[n].known.candidate.mask.volume_ml)
        together = [c for n in own if (c := proposals[n].candidate) is not None]
        names = " and ".join(each.label for each in together)
        flag = f"{names} have grown together, no plane parts them: measured as one"
        flags = tuple(dict.fromkeys((flag, *(f for each in together for f in each.flags))))
        joined = together[0].redrawn(united([each.mask for each in together]), flags)
        sure = min(proposals[n].confidence for n in own)
        for n in own:
            reason = f"{proposals[n].reason}; {flag}"
            found[n] = replace(proposals[n], candidate=joined, confidence=sure, reason=reason)
    return found


def _in_fragments(proposal: Proposal, now: Volume) -> Proposal:
    """A lesion that came to pieces, with each; their diameters are added (section 4.3.2)."""
    candidate = proposal.candidate
    if candidate is None or candidate.is_faint or proposal.fragments:
        return proposal
    pieces = in_pieces(candidate.mask, now)
    if len(pieces) < 2 or not was_whole(proposal.known):
        return proposal
    return with_pieces(proposal, candidate, pieces)


def was_whole(known: KnownLesion) -> bool:
    """Whether a lesion was one piece; what looked like several when it was drawn is still one."""
    return len(in_pieces(known.candidate.mask, known.examination.ct.volume)) == 1


def with_pieces(proposal: Proposal, candidate: Candidate, pieces: Sequence[Mask]) -> Proposal:
    """A proposal with a candidate for each of two or more pieces."""
    flag = f"in {len(pieces)} pieces, whose diameters are added"
    first, *others = (
        replace(
            candidate.redrawn(mask, (flag, *candidate.flags)),
            label=candidate.label if n == 1 else f"{candidate.label}{PIECE}{n}",
        )
        for n, mask in enumerate(pieces, start=1)
    )
    reason = f"{proposal.reason}; {flag}"
    return replace(proposal, candidate=first, fragments=tuple(others), reason=reason)


def _shared(one: Mask, other: Mask) -> IntArray | None:
    """Voxels (n, 3) of the grid in both masks; None where there is none."""
    low = np.maximum(one.start, other.start)
    high = np.minimum(np.add(one.start, one.array.shape), np.add(other.start, other.array.shape))
    if (low >= high).any():
        return None
    parts = [
        mask.array[
            tuple(
                slice(int(a - s), int(b - s)) for a, b, s in zip(low, high, mask.start, strict=True)
            )
        ]
        for mask in (one, other)
    ]
    index = np.argwhere(parts[0] & parts[1])
    return index + low if len(index) else None


def _without(own: Proposal, other: Proposal, shared: IntArray, lost: IntArray) -> Proposal:
    """The proposal without the voxels that go to the other, of all that both hold."""
    assert own.candidate is not None
    assert other.candidate is not None
    mine, theirs = own.candidate.mask, other.candidate.mask
    array = mine.array.copy()
    array[tuple((lost - np.array(mine.start)).T)] = False
    flags = own.candidate.flags
    share = len(shared) / max(min(mine.voxels, theirs.voxels), 1)
    confidence = own.confidence
    if share >= SHARED:
        flags = (*flags, f"shares its place with {other.candidate.label}: merged, or one of them?")
        confidence = min(confidence, EITHER)
    kept = Mask.placed(array, mine.start, mine.grid)
    if not kept.voxels:
        kept = mine
    changed = (
        own.candidate.redrawn(kept, flags) if len(lost) else replace(own.candidate, flags=flags)
    )
    return replace(own, candidate=changed, confidence=confidence)
