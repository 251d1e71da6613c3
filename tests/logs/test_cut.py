"""Cut tokens: exact, short, and refused with a reason where they are not ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.cut import cut_now, decode_cut, encode_cut
from events.errors import Rejected
from events.log import EventLog
from hindcast.testing.log_words import CELL, Writer, tick

CUTS = st.dictionaries(st.text(min_size=1, max_size=20), st.integers(0, 2**62), max_size=30)


@given(CUTS)
def test_a_token_names_its_cut(cut: dict[str, int]) -> None:
    token = encode_cut(cut)
    assert decode_cut(token) == cut
    assert all(c.isascii() and (c.isalnum() or c in "-_") for c in token)
    assert encode_cut(dict(reversed(cut.items()))) == token


@given(CUTS, st.data())
def test_an_altered_token_is_refused(cut: dict[str, int], data: st.DataObject) -> None:
    token = encode_cut(cut)
    at = data.draw(st.integers(0, len(token) - 2))
    other = data.draw(st.sampled_from([c for c in "AZaz09-_" if c != token[at]]))
    with pytest.raises(Rejected, match="as_of"):
        decode_cut(token[:at] + other + token[at + 1 :])
    with pytest.raises(Rejected, match="as_of"):
        decode_cut(token[:at])


@given(st.text() | st.binary().map(lambda b: b.hex()))
def test_junk_is_refused(junk: str) -> None:
    with pytest.raises(Rejected, match="as_of"):
        decode_cut(junk)


def test_the_cut_of_now_is_where_each_cell_stands(log: EventLog) -> None:
    writer = Writer(log)
    writer.commit(tick())
    writer.commit(tick())
    assert cut_now(log, [CELL, "demo/other/0"]) == {CELL: 2, "demo/other/0": 0}


def test_twenty_cells_fit_in_a_link() -> None:
    assert len(encode_cut({f"demo/fold-{n}/0": 1_000_000 + n for n in range(20)})) < 400
