"""A sequence that goes to disk when it grows too long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.shelf import Shelf


@given(st.lists(st.dictionaries(st.text(), st.binary())), st.integers(0, 6))
def test_what_was_put_up_comes_back_in_order(things: list[dict[str, bytes]], held: int) -> None:
    shelf: Shelf[dict[str, bytes]] = Shelf(held)
    for number, thing in enumerate(things):
        shelf.append(thing)
        assert shelf[number] == shelf[-1] == thing  # read between two that are written
    assert list(shelf) == things
    assert shelf[1:3] == tuple(things[1:3])
    assert shelf.is_in_memory == (len(things) <= held)


def test_there_is_nothing_beyond_the_end() -> None:
    shelf: Shelf[int] = Shelf(1)
    for number in range(3):
        shelf.append(number)
    with pytest.raises(IndexError):
        shelf[3]
