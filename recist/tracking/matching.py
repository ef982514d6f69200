"""How well a candidate fits to the places of a lesion, and which pairing fits best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import scipy

from imaging.volume import FloatArray
from recist.tracking.clouds import Cloud, reach_mm, span_mm

IndexArray = npt.NDArray[np.intp]

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
#: Costs closer than this are one cost.
ROUNDING = 1e-12

#: Share of a cloud inside another from which one is taken for a part of the other.
PART_SHARE = 0.5
#: A piece cannot be larger than the lesion that it comes from, apart from outlining (and growth).
LARGEST_PIECE = 1.2


def near_pairs(places: Sequence[Sequence[Cloud]], candidates: Sequence[Cloud]) -> list[list[int]]:
    """For each lesion the candidates, rising, that one of its places could share tissue with.

    All others share nothing with it within the reach of both errors: no link, no piece, no merger.
    """
    if not candidates:
        return [[] for _ in places]
    tree = scipy.spatial.cKDTree(np.array([candidate.centre_mm for candidate in candidates]))
    spans = np.array([span_mm(candidate) for candidate in candidates])
    rows = [(n, place) for n, own in enumerate(places) for place in own]
    near: list[set[int]] = [set() for _ in places]
    if rows:
        centres = np.array([place.centre_mm for _, place in rows])
        own_span = np.array([span_mm(place) for _, place in rows])
        found = tree.query_ball_point(centres, own_span + spans.max())
        for (n, _), centre, span, hits in zip(rows, centres, own_span, found, strict=True):
            apart = np.linalg.norm(tree.data[hits] - centre, axis=1)
            near[n].update(np.array(hits, dtype=int)[apart <= span + spans[hits]].tolist())
    return [sorted(each) for each in near]


def pairings(costs: Mapping[tuple[int, int], float]) -> list[tuple[int, int, float]]:
    """The cheapest way to pair lesions with candidates, each at most once, lesions rising.

    Args:
        costs: of every (lesion, candidate) that may be linked.

    Returns:
        Lesion, candidate, and how much more the cheapest way without this pair costs.
    """
    # Lesions that share no possible candidate, even through others, do not compete.
    rows = {n: i for i, n in enumerate(dict.fromkeys(n for n, _ in costs))}
    columns = {c: j for j, c in enumerate(dict.fromkeys(c for _, c in costs))}
    edges = [(rows[n], len(rows) + columns[c]) for n, c in costs]
    number = _connected(edges, len(rows) + len(columns))
    groups: dict[int, list[tuple[int, int]]] = {}
    for n, c in costs:
        groups.setdefault(int(number[rows[n]]), []).append((n, c))
    found = []
    for pairs in groups.values():
        own, other = sorted({n for n, _ in pairs}), sorted({c for _, c in pairs})
        cost = np.full((len(own), len(other)), FORBIDDEN)
        for n, c in pairs:
            cost[own.index(n), other.index(c)] = costs[n, c]
        found += [(own[i], other[j], margin) for i, j, margin in cheapest(cost)]
    return sorted(found)


def cheapest(cost: FloatArray) -> list[tuple[int, int, float]]:
    """Row, column and margin of each pair, where every row and column may also stay alone.

    The margin is what the cheapest pairing without this pair costs more. Leaving a pair means to
    go round a cycle of the assignment, each row taking the column of the next: the margin is the
    cheapest cycle through its row, found for all rows at once by shortest paths.
    """
    rows, columns = cost.shape
    if rows == columns == 1:  # nearly always: nothing competes
        margin = 2 * UNLINKED_COST - float(cost[0, 0])
        return [(0, 0, margin)] if margin > 0 else []
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - long to load, seldom asked

    padded = np.full((rows + columns, rows + columns), FORBIDDEN)
    padded[:rows, :columns] = cost
    padded[:rows, columns:][np.diag_indices(rows)] = UNLINKED_COST
    padded[rows:, :columns][np.diag_indices(columns)] = UNLINKED_COST
    # Two that could have been linked leave their stand-ins to each other.
    padded[rows:, columns:][cost.T < FORBIDDEN] = 0.0
    _, taken = linear_sum_assignment(padded)
    step = padded[:, taken] - padded[np.arange(len(taken)), taken][:, None]
    step[(padded[:, taken] >= FORBIDDEN) | np.eye(len(taken), dtype=np.bool_)] = np.inf
    # Potentials make every step positive; they cancel round a cycle.
    potential = np.zeros(len(taken))
    for _ in range(len(taken)):
        lower = np.minimum(potential, (potential[:, None] + step).min(axis=0))
        if (potential - lower).max() < ROUNDING:
            break
        potential = lower
    positive = np.maximum(step + potential[:, None] - potential, 0.0)
    first, second = np.nonzero(np.isfinite(step))
    graph = scipy.sparse.csr_array((positive[first, second], (first, second)), shape=step.shape)
    margin = (positive + scipy.sparse.csgraph.dijkstra(graph).T).min(axis=1)
    return [(r, int(c), float(margin[r])) for r, c in enumerate(taken[:rows]) if c < columns]


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
) -> IndexArray:
    """Component number of each lesion, then of each candidate, of the overlap graph."""
    edges = [(n, lesions + c) for (n, c), share in shares.items() if share[0] >= PART_SHARE]
    edges += [(n, lesions + c) for c, n in owner.items()]
    return _connected(edges, lesions + candidates)


def _connected(edges: Sequence[tuple[int, int]], size: int) -> IndexArray:
    """Component number of each node."""
    first, second = np.array(edges, dtype=np.intp).reshape(-1, 2).T
    graph = scipy.sparse.coo_array((np.ones(len(first)), (first, second)), shape=(size, size))
    return np.asarray(
        scipy.sparse.csgraph.connected_components(graph, directed=False)[1], dtype=np.intp
    )
