"""How well a candidate fits to the places of a lesion, and which pairing fits best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from imaging.volume import FloatArray
from recist.tracking.clouds import Cloud, reach_mm

#: Cost of a link: each part lies in 0..1. Overlap and distance weigh alike; size weighs half as
#: much, because a change of size is what is looked for and must not break a link by itself.
OVERLAP_WEIGHT = 1.0
DISTANCE_WEIGHT = 1.0
SIZE_WEIGHT = 0.5
#: A volume ratio at which the size part is full (3.4 in diameter between two dates).
LARGEST_VOLUME_RATIO = 40.0
#: Cost of leaving one lesion absent or one candidate new; a link is made below twice this.
UNLINKED_COST = 1.0
#: Cost of a link that is not allowed.
FORBIDDEN = 1e6

#: Share of a cloud inside another from which one is taken for a part of the other.
PART_SHARE = 0.5
#: A piece cannot be larger than the lesion that it comes from, apart from outlining (and growth).
LARGEST_PIECE = 1.2


def cheapest(cost: FloatArray) -> tuple[list[tuple[int, int]], float]:
    """Pairs and total cost, where every row and column may also stay alone."""
    rows, columns = cost.shape
    padded = np.full((rows + columns, rows + columns), FORBIDDEN)
    padded[:rows, :columns] = cost
    padded[:rows, columns:][np.diag_indices(rows)] = UNLINKED_COST
    padded[rows:, :columns][np.diag_indices(columns)] = UNLINKED_COST
    padded[rows:, columns:] = 0.0
    first, second = linear_sum_assignment(padded)
    pairs = [(int(r), int(c)) for r, c in zip(first, second, strict=True)]
    chosen = [(r, c) for r, c in pairs if r < rows and c < columns]
    return chosen, float(padded[first, second].sum())


def cost_of(places: Sequence[Cloud], candidate: Cloud) -> float:
    """How badly a candidate fits to a lesion, at the best of the places where it was seen."""
    return min(_cost_at(place, candidate) for place in places)


def _cost_at(place: Cloud, candidate: Cloud) -> float:
    """The allowed distance grows with the error of both registrations and with the larger size."""
    reach = reach_mm(place, candidate)
    small, large = sorted((place, candidate), key=lambda cloud: cloud.volume_ml)
    allowed = reach + large.radius_mm
    apart = float(np.linalg.norm(place.centre_mm - candidate.centre_mm))
    # An elongated lesion reaches farther than its sphere: overlap decides for it.
    overlap = small.share_within(large, reach)
    if apart > allowed and overlap < PART_SHARE:
        return FORBIDDEN
    if overlap <= 0:
        return FORBIDDEN
    ratio = np.log(large.volume_ml / small.volume_ml) / np.log(LARGEST_VOLUME_RATIO)
    return float(
        OVERLAP_WEIGHT * (1 - overlap)
        + DISTANCE_WEIGHT * min(apart / allowed, 1.0)
        + SIZE_WEIGHT * min(ratio, 1.0)
    )


def piece_share(places: Sequence[Cloud], candidate: Cloud) -> tuple[float, float]:
    """Share of a candidate in a lesion's place: within half the error, and strictly."""
    if candidate.volume_ml > LARGEST_PIECE * max(place.volume_ml for place in places):
        return 0.0, 0.0
    wide = max(candidate.share_within(place, reach_mm(place, candidate) / 2) for place in places)
    strict = max(candidate.share_within(place, 0.0) for place in places)
    return wide, strict


def components(
    lesions: int,
    candidates: int,
    shares: Mapping[tuple[int, int], tuple[float, float]],
    owner: Mapping[int, int],
) -> FloatArray:
    """Component number of each lesion, then of each candidate, of the overlap graph."""
    edges = [(n, lesions + c) for (n, c), share in shares.items() if share[0] >= PART_SHARE]
    edges += [(n, lesions + c) for c, n in owner.items()]
    first, second = np.array(edges, dtype=np.intp).reshape(-1, 2).T
    size = lesions + candidates
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1])
