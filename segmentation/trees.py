"""Boosted trees fitted elsewhere, as arrays: read without code, asked without a library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imaging.errors import InputError
from imaging.volume import Array, FloatArray

FIELDS = ("column", "limit", "left", "right", "value")


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """Boosted trees: the logit of a row is the sum of one leaf of each.

    Attributes:
        baseline: what is added to the leaves.
        column: (trees, nodes) which column a node asks for; -1 at a leaf.
        limit: (trees, nodes) values up to it go left.
        left, right: (trees, nodes) the nodes that follow.
        value: (trees, nodes) of the leaves.
    """

    baseline: float
    column: Array
    limit: Array
    left: Array
    right: Array
    value: Array

    def __post_init__(self) -> None:
        shapes = {self.column.shape, self.limit.shape, self.left.shape, self.right.shape}
        if shapes != {self.value.shape} or self.value.ndim != 2:
            raise InputError("trees whose tables differ in shape")
        nodes = np.arange(self.value.shape[1])
        inner = self.column >= 0
        # Children lie behind their node: no walk is endless.
        later = (self.left > nodes) & (self.right > nodes)
        within = np.maximum(self.left, self.right) < len(nodes)
        if not (later & within)[inner].all():
            raise InputError("trees whose nodes lead nowhere")

    def logit(self, columns: FloatArray) -> FloatArray:
        """(rows,) of (columns, rows).

        Raises:
            InputError: fewer columns than the trees ask for.
        """
        if int(self.column.max(initial=-1)) >= len(columns):
            raise InputError(f"trees that ask for more than {len(columns)} columns")
        total = np.full(columns.shape[1], self.baseline, np.float64)
        for tree in range(len(self.value)):
            total += self._leaf(tree, 0, columns)
        return total

    def _leaf(self, tree: int, node: int, columns: FloatArray) -> FloatArray:
        column = int(self.column[tree, node])
        if column < 0:
            return np.asarray(self.value[tree, node], np.float64)
        left = self._leaf(tree, int(self.left[tree, node]), columns)
        right = self._leaf(tree, int(self.right[tree, node]), columns)
        return np.where(columns[column] <= self.limit[tree, node], left, right)


def read_trees(path: Path, name: str) -> Trees:
    """The trees of a name in a file of arrays.

    Raises:
        InputError: the file lacks them or holds something else.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            held = {field: stored[f"{name}/{field}"] for field in FIELDS}
            baseline = float(stored[f"{name}/baseline"])
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise InputError(f"holds no trees of {name}: {error}", where=path) from error
    return Trees(baseline, **held)
