"""The window kernel beside a slow oracle, and cut at random places."""

from __future__ import annotations

import itertools
import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.closings import marks
from analytics.windows import Samples, WindowSpec, WindowState, advance, advance_watermark, pass_by, peek, take
from tests.examples import up_to

S = 1_000_000
T0 = 1_700_000_000 * S


class Oracle:
    """Plain dictionaries; the semantics of ``windows`` read off its docstring."""

    def __init__(self, spec: WindowSpec) -> None:
        self.spec, self.watermark = spec, -(1 << 62)
        self.cells: dict[tuple[int, int], dict] = {}
        self.closed: set[tuple[int, int]] = set()
        self.dirty: set[tuple[int, int]] = set()
        self.late: dict[int, int] = {}
        self.out: list[tuple] = []

    def emit(self, win: int, key: int) -> None:
        cell = self.cells[win, key]
        values, n = sorted(cell["values"]), len(cell["values"])
        total = 0.0
        for v in cell["values"]:
            total += v
        quantiles = [values[(n - 1) * q // 100] if n and self.spec.sketches else math.nan for q in (50, 95, 99)]
        ends = [values[0], values[-1]] if n else [math.nan, math.nan]
        distinct = len(cell["hashes"]) if self.spec.sketches else -1
        late = self.late.get(key, 0)
        start = win * self.spec.width_us
        self.out.append((start, key, cell["rows"], n, total, *ends, *quantiles, distinct, cell["revision"], late))
        cell["revision"] += 1

    def rise(self, to: int) -> None:
        if to <= self.watermark:
            return
        width, lateness = self.spec.width_us, self.spec.lateness_us
        if to // width > self.watermark // width:
            for place in sorted(self.dirty):
                self.emit(*place)
            self.dirty.clear()
        for place in sorted(p for p in self.cells if p not in self.closed and (p[0] + 1) * width <= to):
            self.emit(*place)
            self.closed.add(place)
        self.watermark = to
        for place in [p for p in self.closed if (p[0] + 1) * width + lateness <= to and p not in self.dirty]:
            self.closed.discard(place)
            del self.cells[place]

    def row(self, time: int, received: int, key: int, value: float, hash_: int) -> None:
        width, lateness = self.spec.width_us, self.spec.lateness_us
        self.rise(min(time, received) - self.spec.bound_us)
        win = time // width
        end = (win + 1) * width
        if end + lateness <= self.watermark:
            self.late[key] = self.late.get(key, 0) + 1
            return
        cell = self.cells.setdefault((win, key), {"rows": 0, "values": [], "hashes": set(), "revision": 0})
        cell["rows"] += 1
        if math.isfinite(value):
            cell["values"].append(value)
        if hash_:
            cell["hashes"].add(hash_)
        if end <= self.watermark:
            self.dirty.add((win, key))
            self.closed.add((win, key))


def columns(seed: int, n: int, keys: int, spread_s: float):
    rng = np.random.default_rng(seed)
    time = T0 + (np.arange(n) * spread_s * S / 10).astype(np.int64) - rng.integers(0, int(30 * S), n)
    time[rng.random(n) < 0.01] += 3_000_000 * S
    received = T0 + (np.arange(n) * spread_s * S / 10).astype(np.int64)
    value = rng.normal(0, 100, n)
    value[rng.random(n) < 0.1] = np.nan
    value[rng.random(n) < 0.02] = np.inf
    hashes = rng.integers(0, 2**64, 200, dtype=np.uint64)[rng.integers(0, 200, n)]
    hashes[rng.random(n) < 0.1] = 0
    return time, received, rng.integers(0, keys, n).astype(np.int32), value, hashes


COLUMNS = [f.name for f in fields(Samples) if f.name not in ("row", "refused")]


def tables(samples: list[Samples]) -> dict[str, bytes]:
    return {name: np.concatenate([getattr(s, name) for s in samples]).tobytes() for name in COLUMNS}


def run(state: WindowState, data, cuts: list[int]) -> tuple[WindowState, list[Samples]]:
    edges = [0, *sorted(cuts), len(data[0])]
    return state, [advance(state, *(c[a:b] for c in data)) for a, b in itertools.pairwise(edges)]


def equal(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(np.asarray(a[k]).tobytes() == np.asarray(b[k]).tobytes() for k in a)


@pytest.mark.parametrize("sketches", [False, True])
@pytest.mark.parametrize("lateness", [0, 5 * S, 20 * S])
@pytest.mark.parametrize("spread_s", [0.05, 5.0, 200.0])
def test_samples_are_those_of_the_oracle(sketches: bool, lateness: int, spread_s: float) -> None:
    spec = WindowSpec(10 * S, lateness, 2 * S, sketches)
    data = columns(3, 1500, 7, spread_s)
    state, oracle = WindowState(spec), Oracle(spec)
    got = [advance(state, *data)]
    for row in zip(*(c.tolist() for c in data), strict=True):
        oracle.row(*row)
    got.append(advance_watermark(state, T0 + 9_000_000 * S))
    oracle.rise(T0 + 9_000_000 * S)
    assert len(oracle.out) == sum(s.rows for s in got) > 20
    for name, want in zip(COLUMNS, zip(*oracle.out, strict=True), strict=True):
        have = np.concatenate([getattr(s, name) for s in got])
        if name in ("p50", "p95", "p99"):
            np.testing.assert_allclose(have, want, rtol=0.01)
        else:
            np.testing.assert_array_equal(have, want, name)
    assert {k: v for k, v in enumerate(state.too_late.tolist()) if v} == oracle.late


@settings(max_examples=up_to(60), deadline=None)
@given(
    seed=st.integers(0, 10_000),
    cuts=st.lists(st.integers(0, 600), max_size=12),
    reload_at=st.integers(0, 600),
    sketches=st.booleans(),
    spread_s=st.sampled_from([0.01, 1.0, 60.0]),
    lateness=st.sampled_from([0, 7 * S, 30 * S]),
)
def test_cuts_and_restarts_change_no_bit(seed, cuts, reload_at, sketches, spread_s, lateness) -> None:
    spec = WindowSpec(10 * S, lateness, S, sketches)
    data = columns(seed, 600, 5, spread_s)
    whole, at_once = run(WindowState(spec), data, [])
    first, early = run(WindowState(spec), [c[:reload_at] for c in data], [c for c in cuts if c < reload_at])
    again = WindowState.load(spec, first.dump())
    assert equal(again.dump(), first.dump())
    again, rest = run(again, [c[reload_at:] for c in data], [c - reload_at for c in cuts if c > reload_at])
    assert equal(again.dump(), whole.dump())
    assert tables(at_once) == tables([*early, *rest])


def test_sketches_of_many_values_survive_restarts_and_stay_within_their_error() -> None:
    rng, n = np.random.default_rng(5), 40_000
    spec = WindowSpec(10 * S)
    data = (
        np.full(n, T0),
        np.full(n, T0),
        np.minimum(rng.zipf(1.3, n) - 1, 300).astype(np.int32),
        rng.lognormal(0, 4, n) * rng.choice([-1, 1], n),
        rng.integers(1, 2**64, n, dtype=np.uint64),
    )
    whole, _ = run(WindowState(spec), data, [])
    half, _ = run(WindowState(spec), [c[: n // 2] for c in data], [17, 9000])
    rest, _ = run(WindowState.load(spec, half.dump()), [c[n // 2 :] for c in data], [])
    assert equal(whole.dump(), rest.dump())
    samples = advance_watermark(rest, T0 + 20 * S)
    assert samples.distinct[0] > 10_000
    for row, key in enumerate(samples.key.tolist()):
        mine = data[2] == key
        want = np.quantile(data[3][mine], [0.5, 0.95, 0.99], method="lower")
        ranks = [(mine.sum() - 1) * q // 100 for q in (50, 95, 99)]
        want = np.sort(data[3][mine])[ranks]
        np.testing.assert_allclose([samples.p50[row], samples.p95[row], samples.p99[row]], want, rtol=0.01)
        assert abs(samples.distinct[row] / mine.sum() - 1) < 0.06


def test_a_row_from_2100_makes_nothing_late() -> None:
    state = WindowState(WindowSpec(10 * S))
    times = np.array([T0, T0 + 10**15, T0 + 1], np.int64)
    arrived = np.full(3, T0 + 2, np.int64)
    key, value, none = np.zeros(3, np.int32), np.ones(3), np.zeros(3, np.uint64)
    assert advance(state, times, arrived, key, value, none).rows == 0
    assert peek(state).count.tolist() == [2, 1]
    assert state.too_late.sum() == 0


def test_peeking_changes_nothing() -> None:
    state, _ = run(WindowState(WindowSpec(10 * S)), columns(1, 400, 5, 1.0), [])
    before = state.dump()
    first, second = peek(state), peek(state)
    assert first.rows and tables([first]) == tables([second])
    assert equal(before, state.dump())


def test_an_impossible_key_is_refused_before_any_row_is_taken() -> None:
    state = WindowState(WindowSpec(10 * S, max_keys=10))
    before = state.dump()
    n = np.zeros(2, np.int64)
    with pytest.raises(ValueError, match="keys are -1 to 9"):
        advance(state, n, n, np.array([0, 10], np.int32), np.ones(2), np.zeros(2, np.uint64))
    assert equal(before, state.dump())


@pytest.mark.parametrize("time", [-(2**63), 2**63 - 1, -1])
def test_times_at_the_end_of_the_world_do_not_overflow(time: int) -> None:
    state = WindowState(WindowSpec(10 * S, 5 * S, S))
    one = np.array([time], np.int64)
    advance(state, one, one, np.zeros(1, np.int32), np.ones(1), np.ones(1, np.uint64))
    assert peek(state).count.tolist() == [1]


def test_samples_name_the_row_that_closed_their_window_and_rows_without_a_key_only_move_time() -> None:
    state = WindowState(WindowSpec(10 * S))
    times = T0 + np.array([0, 1, 15, 16, 25], np.int64) * S
    key = np.array([0, -1, 0, 0, -1], np.int32)
    samples = advance(state, times, times, key, np.ones(5), np.zeros(5, np.uint64))
    assert samples.count.tolist() == [1, 2]
    assert samples.row.tolist() == [2, 4]


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40), st.booleans(), st.sampled_from([0, 5 * S, 20 * S]))
def test_rows_of_others_are_passed_by_as_if_each_had_been_looked_at(
    seed: int, step: int, reload: bool, lateness: int
) -> None:
    spec = WindowSpec(10 * S, lateness, 2 * S)
    time, received, key, value, hashes = columns(seed, 400, 3, 2.0)
    key[:] = np.where(np.random.default_rng(seed).random(400) < 0.9, -1, key)
    looking, passing = WindowState(spec), WindowState(spec)
    seen: list[Samples] = []
    skipped: list[Samples] = []
    for at in range(0, 400, step):
        part = [c[at : at + step] for c in (time, received, key, value, hashes)]
        seen.append(advance(looking, *part))
        reach = int(np.minimum(part[0], part[1]).max()) - spec.bound_us
        if (part[2] >= 0).any() or not pass_by(passing, reach):
            skipped.append(advance(passing, *part))
        if reload and at % 3 == 0:
            passing = WindowState.load(spec, passing.dump())
    assert tables(seen) == tables(skipped)
    assert equal(looking.dump(), passing.dump())


@settings(deadline=None)
@given(
    st.integers(0, 2**32), st.integers(1, 90), st.sampled_from([0.0, 0.3, 0.95]), st.sampled_from([0, 5 * S, 20 * S])
)
def test_given_the_watermarks_only_the_rows_of_these_windows_are_needed(
    seed: int, step: int, others: float, lateness: int
) -> None:
    """The samples, the rows that they name, and what came too late are as if every row had been looked at."""
    spec = WindowSpec(10 * S, lateness, 2 * S)
    data = columns(seed, 400, 3, 2.0)
    data[2][:] = np.where(np.random.default_rng(seed).random(400) < others, -1, data[2])
    looking, choosing = WindowState(spec), WindowState(spec)
    for at in range(0, 400, step):
        time, received, key, value, hashes = (c[at : at + step] for c in data)
        wanted = advance(looking, time, received, key, value, hashes)
        rows, reach = np.flatnonzero(key >= 0), marks(choosing.watermark, time, received, spec.bound_us)
        found = take(choosing, reach, rows, time, key[rows], value, hashes)
        for name in (*COLUMNS, "row", "refused"):
            np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), name)
    assert equal(looking.dump(), choosing.dump())


def test_rows_beyond_the_watermarks_are_refused_as_a_mistake() -> None:
    state, one = WindowState(WindowSpec(10 * S)), np.array([T0], np.int64)
    with pytest.raises(ValueError, match="differ in length"):
        take(state, one, np.array([1]), one, np.zeros(1, np.int32), np.ones(1), np.zeros(1, np.uint64))
