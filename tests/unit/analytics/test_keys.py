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


@given(st.lists(st.text(max_size=12), max_size=60), st.integers(0, 60), st.integers(2, 40))
def test_text_and_dictionaries_agree(rows, cut, limit) -> None:
    def columns(names: list[str]) -> tuple[np.ndarray, np.ndarray]:
        encoded = [name.encode() for name in names]
        offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int32)
        return offsets, np.frombuffer(b"".join(encoded) or b"-", np.uint8)

    plain, dictionary = Keys(limit), Keys(limit)
    ids = [*plain.encode_text(*columns(rows[:cut])), *plain.encode_text(*columns(rows[cut:]))]
    assert ids == encoded(dictionary, rows, list(dict.fromkeys(rows)))
    assert plain.names == dictionary.names == Keys(limit, plain.names).names


def test_many_names_keep_their_ids() -> None:
    keys, names = Keys(), [f"user-{n}" for n in range(50_000)]
    first = keys.encode(np.arange(50_000, dtype=np.int32), names)
    again = keys.encode(np.arange(50_000, dtype=np.int32)[::-1].copy(), names)
    assert first.tolist() == list(range(50_000)) == again[::-1].tolist()
    assert len(keys) == 50_000 and keys.names == names
