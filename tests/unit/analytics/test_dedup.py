"""The dedup window beside a plain dictionary that remembers by the same words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics import dedup
from analytics.dedup import MINUTE_US, MINUTES, DedupState, admit, dump_apart, load_apart
from analytics.dedup_segment import Segment, sealed
from tests.examples import up_to

HOUR_US = MINUTES * MINUTE_US


def judged(state: DedupState, ids: Any, times: Any, contents: Any = 0) -> list[int]:
    """Verdicts of rows; ``times`` in microseconds, one for all or one each."""
    ids = np.asarray(ids, np.uint64)
    contents, times = (np.broadcast_to(np.asarray(v), len(ids)) for v in (contents, times))
    return admit(state, ids, contents.astype(np.uint64), times.astype(np.int64)).tolist()


def reloaded(state: DedupState) -> DedupState:
    data, pieces = dump_apart(state)
    return load_apart(data, pieces.__getitem__)


def test_an_hour_at_ten_thousand_a_second_is_remembered_to_the_row_in_ten_bytes_an_id() -> None:
    """A hundredth of the rate and of each bound: what is promised for 36 million is shown for 360 thousand."""
    rate, second = 100, 1_000_000
    state = DedupState()
    ids = np.random.default_rng(0).integers(1, 1 << 63, 3600 * rate).astype(np.uint64)
    for s in range(3600):
        assert judged(state, ids[s * rate : (s + 1) * rate], s * second) == [dedup.ACCEPTED] * rate
    for s in range(0, 3600, 97):
        assert judged(state, ids[s * rate : (s + 1) * rate], HOUR_US - 1) == [dedup.DUPLICATE] * rate
        assert judged(state, ids[s * rate : (s + 1) * rate], HOUR_US - 1, contents=1) == [dedup.CONFLICT] * rate
    kept = sum(len(each.segment.data) for each in state.sealed)
    assert len(state.sealed) > 50
    assert kept <= 10 * sum(each.segment.size for each in state.sealed)
    assert state.bytes <= 10.3 * len(state)  # the open minute's table among it


def test_what_nobody_needs_any_more_is_forgotten_so_that_memory_follows_the_rate() -> None:
    state = DedupState()
    busy = np.arange(1, 200_001, dtype=np.uint64)
    judged(state, busy, np.linspace(0, HOUR_US, len(busy)))
    full = state.bytes
    judged(state, busy + 1_000_000, HOUR_US + np.linspace(0, HOUR_US, len(busy)))
    assert state.bytes < 1.2 * full
    quiet = np.arange(1, 1001, dtype=np.uint64) + 3_000_000
    judged(state, quiet, 2 * HOUR_US + np.linspace(0, 2 * HOUR_US, len(quiet)))
    assert len(state) <= 1000
    assert state.bytes < full / 20


def test_at_a_low_rate_the_last_ones_are_remembered_for_days() -> None:
    state = DedupState(least=500)
    for hour in range(200):
        assert judged(state, [*range(hour * 10, hour * 10 + 10)], hour * HOUR_US) == [dedup.ACCEPTED] * 10
    assert judged(state, [*range(1500, 2000)], 200 * HOUR_US) == [dedup.DUPLICATE] * 500
    assert judged(state, [3], 200 * HOUR_US) == [dedup.ACCEPTED]


def test_a_clock_that_was_a_day_ahead_for_a_moment_neither_keeps_nor_forgets_more() -> None:
    state, day = DedupState(), 24 * HOUR_US
    judged(state, [1], 0)
    judged(state, [2], day)
    for minute in range(50):
        judged(state, np.arange(5000) + 10_000 * (minute + 1), minute * MINUTE_US)
    assert judged(state, [2], 50 * MINUTE_US) == [dedup.DUPLICATE]
    for minute in range(50, 150):
        judged(state, np.arange(5000) + 10_000 * (minute + 1), minute * MINUTE_US)
    assert len(state) < 5000 * (MINUTES + 3)


def test_a_second_sender_whose_clock_is_a_little_behind_changes_nothing() -> None:
    state = DedupState()
    times = np.arange(20_000) * 1000 - (np.arange(20_000) % 2) * 40_000_000
    judged(state, np.arange(1, 20_001), times + HOUR_US)
    assert len(state.sealed) == 0


Row = tuple[int, int, int]
ROWS = st.lists(
    st.tuples(
        st.integers(0, 12).map(lambda i: i << 40) | st.integers(0, 30),
        st.integers(0, 1),
        st.sampled_from((0, 0, 0, 1, 5, 20, 61, -1, -2, -70)),
    ),
    max_size=150,
)
"""(id, content, minutes since the row before)."""


def oracle(least: int, rows: list[Row]) -> list[int]:
    """Verdicts by the rules alone: once a minute, segments that are old and not needed are forgotten."""
    segments: list[tuple[int, dict[int, int]]] = []
    now, begun, opened = -(10**9), 0, dict[int, int]()
    verdicts: list[int] = []
    for id_, content, minute in rows:
        known = next((d[id_] for d in (opened, *(d for _, d in segments)) if id_ in d), None)
        if known is not None:
            verdicts.append(dedup.DUPLICATE if known == content else dedup.CONFLICT)
            continue
        moved = minute > now or minute < now - 1 or len(opened) >= dedup.FULL
        if minute < now - 1:
            segments = [(m - (now - minute), d) for m, d in segments]
            begun, now = begun - (now - minute), minute
        begun = begun if opened else minute
        if (minute > now and opened and (len(opened) >= dedup.SMALL or minute - begun >= dedup.LONG)) or len(
            opened
        ) >= dedup.FULL:
            segments.append((now, opened))
            opened, begun = {}, minute
        now = max(now, minute)
        while moved and segments and now - segments[0][0] > MINUTES:
            if len(opened) + sum(len(d) for _, d in segments[1:]) < least:
                break
            segments.pop(0)
        opened[id_] = content
        verdicts.append(dedup.ACCEPTED)
    return verdicts


@settings(max_examples=up_to(300), deadline=None)
@given(least=st.integers(1, 20), rows=ROWS, cut=st.integers(0, 150), small=st.sampled_from((1, 3, 4096)))
def test_verdicts_are_those_of_a_dictionary_however_the_rows_are_cut(least, rows, cut, small) -> None:
    minutes = np.cumsum([1000] + [step for _, _, step in rows])[1:].tolist()
    rows = [(id_, content, minute) for (id_, content, _), minute in zip(rows, minutes, strict=True)]
    ids, contents, times = (np.array([row[i] for row in rows], np.int64) for i in range(3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dedup, "SMALL", small)
        patch.setattr(dedup, "FULL", 7)
        whole = DedupState(least)
        wanted = oracle(least, rows)
        assert judged(whole, ids, times * MINUTE_US, contents) == wanted
        state = DedupState(least)
        first = judged(state, ids[:cut], times[:cut] * MINUTE_US, contents[:cut])
        state = reloaded(state)
        second = judged(state, ids[cut:], times[cut:] * MINUTE_US, contents[cut:])
        assert first + second == wanted
        assert dump_apart(state) == dump_apart(whole)
        # What was accepted alone makes the same state: so a collector recovers from its own rows.
        kept = [i for i, verdict in enumerate(wanted) if verdict == dedup.ACCEPTED]
        again = DedupState(least)
        assert judged(again, ids[kept], times[kept] * MINUTE_US, contents[kept]) == [dedup.ACCEPTED] * len(kept)
        assert dump_apart(again) == dump_apart(whole)


@settings(max_examples=up_to(50), deadline=None)
@given(st.dictionaries(st.integers(1, (1 << 64) - 1), st.integers(0, 65_535), max_size=200))
def test_a_sealed_segment_says_what_went_in(rows: dict[int, int]) -> None:
    ids, contents = np.array([*rows], np.uint64), np.array([*rows.values()], np.uint16)
    segment = Segment(sealed(ids, contents).data)
    assert dict(zip(*(v.tolist() for v in segment.rows()), strict=True)) == rows
    found = np.full(2 * len(ids), -1, np.int32)
    segment.look(np.concatenate([ids, ids ^ np.uint64(1 << 63)]), found)
    assert found[: len(ids)].tolist() == contents.tolist()
    others = [id_ ^ 1 << 63 for id_ in rows]
    assert found[len(ids) :].tolist() == [rows.get(id_, -1) for id_ in others]


def test_only_what_is_new_is_dumped_again() -> None:
    state = DedupState()
    judged(state, np.arange(1, 100_001), np.linspace(0, 10 * MINUTE_US, 100_000))
    _, before = dump_apart(state)
    judged(state, np.arange(100_001, 120_001), np.linspace(10 * MINUTE_US, 12 * MINUTE_US, 20_000))
    data, after = dump_apart(state)
    assert set(before) < set(after)
    assert all(after[name] is before[name] for name in before)
    assert len(data) < 10 * 11_000


def test_junk_is_no_dump_and_a_damaged_piece_is_found() -> None:
    state = DedupState()
    judged(state, np.arange(1, 30_001), np.linspace(0, 5 * MINUTE_US, 30_000))
    data, pieces = dump_apart(state)
    for junk in (b"", b"x" * 40, b"x" * 400, data + b"12345678", data[:-1]):
        with pytest.raises(ValueError, match="not a dump"):
            load_apart(junk, pieces.__getitem__)
    with pytest.raises(ValueError, match="damaged"):
        load_apart(data, lambda name: pieces[name][:-1] + bytes([pieces[name][-1] ^ 1]))
    for junk in (b"", b"y" * 100):
        with pytest.raises(ValueError, match="not a sealed segment"):
            Segment(junk)
