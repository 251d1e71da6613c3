"""Distinct values over the newest panes: the sliding count is that of a set, however values, panes and late ones come."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.dashboards.subjects import SlidingSubjects, Subjects
from analytics.sliding import SlidingDistinct

PANES, WIDTH = 3, 10


def hashes(values: list[int]) -> np.ndarray:
    return np.array(values, np.uint64) * np.uint64(0x9E3779B97F4A7C15)


steps = st.lists(
    st.one_of(
        st.just("move"),
        st.tuples(st.integers(0, PANES), st.lists(st.integers(0, 40), max_size=30)),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(steps)
def test_the_count_is_that_of_a_set(told: list[str | tuple[int, list[int]]]) -> None:
    seen, panes = SlidingDistinct(PANES, 0), dict[int, set[int]]()
    for step in told:
        if isinstance(step, str):
            seen.move()
            continue
        back, values = step
        seen.add(seen.end - 1 - back, hashes(values))
        panes.setdefault(seen.end - 1 - back, set()).update(set(values) - {0})
    newest = range(seen.end - PANES, seen.end)
    assert len(seen) == len(set().union(*(panes.get(pane, set()) for pane in newest)))


def test_it_makes_room_and_forgets_what_has_left() -> None:
    seen, rng = SlidingDistinct(PANES, 0), np.random.default_rng(7)
    panes: list[np.ndarray] = []
    for _ in range(40):
        seen.move()
        panes.append(rng.integers(1, 6_000, 5_000).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
        seen.add(seen.end - 1, panes[-1])
        assert len(seen) == len(np.unique(np.concatenate(panes[-PANES:])))
    assert len(seen._hashes) <= 1 << 16, "values of panes that have left still take room"  # pyright: ignore[reportPrivateUsage]


def test_a_pane_that_has_not_begun_is_refused() -> None:
    with pytest.raises(ValueError, match="has not begun"):
        SlidingDistinct(PANES, 5).add(5, hashes([1]))


@given(
    st.lists(st.tuples(st.integers(0, 12), st.lists(st.integers(1, 30), max_size=8), st.integers(0, 3)), max_size=30)
)
def test_subjects_slide_as_they_are_counted_together(told: list[tuple[int, list[int], int]]) -> None:
    owner, spans, sliding, end = object(), dict[int, Subjects](), SlidingSubjects(PANES, WIDTH), 5
    for pane, people, further in told:
        spans.setdefault(pane * WIDTH, Subjects()).add(hashes(people))
        sliding.add(owner, pane * WIDTH, hashes(people))
        end += further
        newest = [spans[at] for at in range((end - PANES) * WIDTH, end * WIDTH, WIDTH) if at in spans]
        assert sliding.count(owner, spans, end * WIDTH) == Subjects.together(newest)


def test_crowded_spans_are_counted_by_their_sketches() -> None:
    owner, sliding = object(), SlidingSubjects(PANES, WIDTH)
    spans = {pane * WIDTH: Subjects() for pane in range(6)}
    for pane, crowd in enumerate([100, 100, 30_000, 200, 200, 200]):
        spans[pane * WIDTH].add(hashes(list(range(1, crowd))))
    for end in range(1, 7):
        newest = [spans[pane * WIDTH] for pane in range(max(0, end - PANES), end)]
        assert sliding.count(owner, spans, end * WIDTH) == Subjects.together(newest)
    assert sliding.count(owner, spans, 6 * WIDTH) == 199


def test_another_owners_spans_are_counted_anew() -> None:
    sliding, one = SlidingSubjects(PANES, WIDTH), Subjects()
    one.add(hashes([1, 2, 3]))
    assert sliding.count("first", {0: one}, WIDTH) == 3
    assert sliding.count("second", {}, WIDTH) == 0
