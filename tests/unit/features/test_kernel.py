"""The kernel against a loop that says the same in a few lines, over late, repeated and simultaneous events."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.features import kernel
from analytics.features.exact import lanes, number
from analytics.features.kernel import DAY_US, Happened, Points, features
from analytics.features.plan import FOLDS, Events, Spec, plan_of

TIMES = Events()
NUMBERS = Events(of="value", taken="number")
TEXTS = Events(of="page", taken="identity")
LAST = Events(of="page", taken="value")
W = 3 * DAY_US
SPECS = (
    *(Spec(f"behavioral.{a}_{w}", a, TIMES, w) for a in ("count", "days_since", "days_active") for w in (None, W, 7)),
    Spec("user.first", "days_since_first", TIMES),
    *(Spec(f"behavioral.{a}_{w}", a, NUMBERS, w) for a in ("sum", "mean") for w in (None, W)),
    *(Spec(f"behavioral.distinct_{w}", "distinct", TEXTS, w) for w in (None, W)),
    *(Spec(f"contextual.last_{w}", "last", LAST, w) for w in (None, W)),
    Spec("behavioral.kept", "fold", NUMBERS._replace(taken="value", number=True), W, fold="longest rise"),
    Spec("temporal.ratio", expression="behavioral.count_None / behavioral.count_7 + user.first"),
    Spec("temporal.hour", calendar="hour"),
    Spec("temporal.weekday", calendar="weekday"),
)


class Rise:
    """How many times a value was above the one before."""

    def initial(self) -> tuple[float, int]:
        return math.inf, 0

    def step(self, state: tuple[float, int], time_us: int, value: Any) -> tuple[float, int]:
        return value, state[1] + (value > state[0])

    def result(self, state: tuple[float, int], at_us: int) -> float | None:
        return float(state[1])


class One(NamedTuple):
    subject: int
    time: int
    known: int
    value: float
    page: str


MOMENT = st.one_of(st.integers(0, 6).map(lambda d: d * DAY_US), st.integers(0, 6 * DAY_US))
ONE = st.builds(
    One,
    st.integers(0, 3),
    MOMENT,
    MOMENT,
    st.floats(-1e9, 1e9) | st.sampled_from([0.1, 0.2, 1e15]),
    st.sampled_from(["a", "b", "c"]),
)
POINT = st.tuples(st.integers(0, 4), MOMENT)


def naive(spec: Spec, events: list[tuple[int, One]], subject: int, at: int) -> Any:
    mine = [
        (e.time, place, e)
        for place, e in events
        if e.subject == subject
        and max(e.time, e.known) <= at
        and (spec.window_us is None or e.time > at - spec.window_us)
    ]
    mine.sort(key=lambda one: one[:2])
    found = [e for _, _, e in mine]
    values = [Fraction(round(Fraction(e.value) * 2**20), 2**20) for e in found]
    match spec.aggregate:
        case "count":
            return len(found)
        case "days_since":
            return (at - found[-1].time) / DAY_US if found else None
        case "days_since_first":
            return (at - found[0].time) / DAY_US if found else None
        case "days_active":
            return len({e.time // DAY_US for e in found})
        case "sum":
            return float(sum(values))
        case "mean":
            return float(sum(values)) / len(found) if found else None
        case "distinct":
            return len({e.page for e in found})
        case "last":
            return found[-1].page if found else None
        case _:
            fold = Rise()
            state = fold.initial()
            for e in found:
                state = fold.step(state, e.time, e.value)
            return fold.result(state, at)


@settings(max_examples=60, deadline=None)
@given(st.lists(ONE, max_size=40), st.lists(POINT, max_size=12), st.randoms(use_true_random=False))
def test_every_aggregate_is_what_a_loop_finds(events: list[One], points: list[tuple[int, int]], chance: Any) -> None:
    FOLDS["longest rise"] = Rise
    numbered = list(enumerate(events))
    chance.shuffle(numbered)
    columns = [np.array([getattr(e, n) for _, e in numbered], np.int64) for n in ("subject", "time", "known")]
    base = Happened(*columns, np.array([place for place, _ in numbered], np.int64))
    ones = [e for _, e in numbered]
    happened = {
        TIMES: base,
        NUMBERS: base._replace(values=np.array([e.value for e in ones], np.float64)),
        TEXTS: base._replace(values=np.array([ord(e.page) for e in ones], np.int64)),
        LAST: base._replace(values=[e.page for e in ones]),
        NUMBERS._replace(taken="value", number=True): base._replace(values=[e.value for e in ones]),
    }
    subjects, ats = (np.array([p[i] for p in points], np.int64) for i in (0, 1))
    found = features(plan_of(SPECS), happened, Points(subjects, ats))
    assert list(found) == [spec.name for spec in SPECS]
    for spec in SPECS[:-3]:
        wanted = [naive(spec, numbered, s, at) for s, at in points]
        got = list(found[spec.name])
        for one, expected in zip(got, wanted, strict=True):
            if expected is None:
                assert one is None or math.isnan(one), spec.name
            elif isinstance(expected, str):
                assert one == expected
            else:
                assert one == pytest.approx(expected, rel=1e-12, abs=1e-7), spec.name


def test_places_are_the_same_looked_up_and_searched_for(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(3)
    subjects, ats = chance.integers(0, 50, 200), chance.integers(0, 30, 200)
    events = Happened(
        chance.integers(0, 60, 3_000), *(chance.integers(-5, 40, 3_000) for _ in range(2)), np.arange(3_000)
    )
    plan = plan_of([spec for spec in SPECS if spec.events == TIMES])
    looked_up = features(plan, {TIMES: events}, Points(subjects, ats))
    monkeypatch.setattr(kernel, "MOST_PLACES", 0)
    searched = features(plan, {TIMES: events}, Points(subjects, ats))
    for name, column in looked_up.items():
        np.testing.assert_array_equal(column, searched[name], name)


def test_the_moment_itself_and_ratios() -> None:
    at = np.array([1_767_225_600_000_000 + 5 * 3_600_000_000], np.int64)  # 1 January 2026, a Thursday, 05:00
    calendar = tuple(Spec(f"temporal.{c}", calendar=c) for c in ("hour", "weekday", "day", "month"))
    ratio = Spec("temporal.ratio", expression="1 / (temporal.day - 1)")
    found = features(plan_of((ratio, *calendar)), {}, Points(np.zeros(1, np.int64), at))
    assert {name: float(column[0]) for name, column in found.items()} == pytest.approx(
        {"temporal.ratio": math.nan, "temporal.hour": 5, "temporal.weekday": 3, "temporal.day": 1, "temporal.month": 1},
        nan_ok=True,
    )


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=50), st.randoms(use_true_random=False))
def test_sums_do_not_depend_on_order_or_parts(values: list[float], chance: Any) -> None:
    def whole(some: list[float]) -> float:
        high, low = lanes(np.array(some))
        return float(number(high.sum(keepdims=True), low.sum(keepdims=True))[0])

    shuffled = [*values]
    chance.shuffle(shuffled)
    assert whole(values) == whole(shuffled)
    assert whole(values) == pytest.approx(math.fsum(values), abs=len(values) * 2**-20, rel=1e-12)
