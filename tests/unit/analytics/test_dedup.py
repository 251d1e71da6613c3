"""The dedup window beside an ordered dictionary."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics import dedup


def oracle(window: int, rows: list[tuple[int, int]]) -> tuple[list[int], OrderedDict[int, int]]:
    seen: OrderedDict[int, int] = OrderedDict()
    verdicts = []
    for id_, content in rows:
        if id_ in seen:
            verdicts.append(dedup.DUPLICATE if seen[id_] == content else dedup.CONFLICT)
            continue
        if len(seen) == window:
            seen.popitem(last=False)
        seen[id_] = content
        verdicts.append(dedup.ACCEPTED)
    return verdicts, seen


# Multiples of 2^40 share a home slot in every small table: long probes and gaps in the middle of them.
ROWS = st.lists(
    st.tuples(st.integers(0, 12).map(lambda i: i << 40) | st.integers(0, 30), st.integers(0, 1)), max_size=150
)


@settings(max_examples=150, deadline=None)
@given(window=st.integers(1, 20), rows=ROWS, cut=st.integers(0, 150))
def test_a_row_is_a_duplicate_iff_its_id_is_among_the_last_accepted(window, rows, cut) -> None:
    ids = np.array([r[0] for r in rows], np.uint64)
    contents = np.array([r[1] for r in rows], np.uint64)
    verdicts, seen = oracle(window, rows)
    state = dedup.DedupState(window)
    first = dedup.admit(state, ids[:cut], contents[:cut])
    state = dedup.load(dedup.dump(state))
    second = dedup.admit(state, ids[cut:], contents[cut:])
    assert [*first.tolist(), *second.tolist()] == verdicts
    assert len(state) == len(seen)
    again = dedup.rebuild(window, np.array([*seen], np.uint64), np.array([*seen.values()], np.uint64))
    assert dedup.dump(again) == dedup.dump(state)


def test_junk_is_no_dump() -> None:
    for junk in (b"", b"x" * 40, dedup.dump(dedup.DedupState(4)) + b"12345678"):
        with pytest.raises(ValueError, match="not a dump"):
            dedup.load(junk)
