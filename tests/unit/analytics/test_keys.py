"""Ids follow the rows, not the dictionaries they come in."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analytics.keys import OTHER, Keys

NAMES = st.lists(st.sampled_from("abcdefgh") | st.none(), max_size=40)


def encoded(keys: Keys, rows: list[str | None], dictionary: list[str]) -> list[int]:
    indices = [-1 if r is None else dictionary.index(r) for r in rows]
    return keys.encode(np.array(indices, np.int32), dictionary).tolist()


@given(NAMES, st.permutations("abcdefgh"), st.permutations("abcdefgh"), st.integers(0, 40), st.integers(2, 10))
def test_cuts_and_dictionaries_change_no_id(rows, one, other, cut, limit) -> None:
    whole, parts = Keys(limit), Keys(limit)
    want = encoded(whole, rows, one)
    first = encoded(parts, rows[:cut], other)
    parts = Keys(limit, parts.names)
    assert first + encoded(parts, rows[cut:], other) == want
    assert parts.names == whole.names and len(whole) <= limit
    for row, id_ in zip(rows, want, strict=True):
        assert id_ == -1 if row is None else whole.names[id_] in (row, OTHER)
