"""Boosted trees of a file: what they say, and that a file of anything else is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imaging.errors import InputError
from segmentation.trees import FIELDS, Trees, read_trees

#: Up to 2 in the first column 1, above it by the second column -1 or 4; and a leaf of 0.5 alone.
TABLES = {
    "column": np.array([[0, -1, 1, -1, -1], [-1, -1, -1, -1, -1]], np.int16),
    "limit": np.array([[2.0, 0.0, 7.0, 0.0, 0.0], [0.0] * 5]),
    "left": np.array([[1, 0, 3, 0, 0], [0] * 5], np.int16),
    "right": np.array([[2, 0, 4, 0, 0], [0] * 5], np.int16),
    "value": np.array([[0.0, 1.0, 0.0, -1.0, 4.0], [0.5, 0.0, 0.0, 0.0, 0.0]]),
}


def test_each_row_takes_one_leaf_of_every_tree() -> None:
    rows = np.array([[2.0, 9.0], [2.1, 7.0], [3.0, 8.0]])
    assert Trees(-2.0, **TABLES).logit(rows.T).tolist() == [-0.5, -2.5, 2.5]


def test_trees_come_back_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "trees.npz"
    np.savez(path, **{f"one/{n}": a for n, a in TABLES.items()}, **{"one/baseline": np.array(1.0)})
    assert read_trees(path, "one").logit(np.array([[0.0], [0.0]])).tolist() == [2.5]
    with pytest.raises(InputError, match="no trees of two"):
        read_trees(path, "two")
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="no trees of one"):
        read_trees(path, "one")


@pytest.mark.parametrize(("field", "node"), [("left", 0), ("right", 5)])
def test_trees_whose_walk_does_not_end_are_refused(field: str, node: int) -> None:
    garbled = {name: table.copy() for name, table in TABLES.items()}
    garbled[field][0, 2] = node
    with pytest.raises(InputError, match="lead nowhere"):
        Trees(0.0, **garbled)


def test_tables_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="differ in shape"):
        Trees(0.0, **(TABLES | {"value": TABLES["value"][:1]}))
    with pytest.raises(InputError, match="more than 1 columns"):
        Trees(0.0, **TABLES).logit(np.zeros((1, 3)))
    assert set(FIELDS) == set(TABLES)
