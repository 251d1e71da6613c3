"""Runs of windows, against a plain set of windows; spans of closings, against one window at a time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analytics.closings import marks, spans, whole_from
from analytics.runs import Run, mended, newest, within

WINDOW = st.integers(1, 12)


@given(news=st.lists(st.tuples(WINDOW, st.booleans()), max_size=40))
def test_runs_are_the_windows_in_which_it_held(news: list[tuple[int, bool]]) -> None:
    runs, held = list[Run](), set[int]()
    for window, holds in news:
        runs = mended(runs, window * 10, holds, 10)
        held = held | {window} if holds else held - {window}
        assert [w for w in range(14) if within(runs, w * 10)] == sorted(held)
        assert all(a[1] + 10 < b[0] for a, b in pairwise(runs)), "neighbours are one run"


def test_a_run_that_loses_a_window_in_its_middle_becomes_two() -> None:
    assert mended([(10, 50)], 30, False, 10) == [(10, 20), (40, 50)]
    assert mended([(10, 20), (40, 50)], 30, True, 10) == [(10, 50)]
    assert newest([(10, 20), (40, 50), (70, 70)], 20, 5) == [(40, 50), (70, 70)]
    assert newest([(10, 20), (40, 50), (70, 70)], 0, 1) == [(70, 70)]


@given(
    rows=st.lists(st.tuples(st.integers(-200, 400), st.integers(-200, 400)), min_size=1, max_size=30),
    cut=st.integers(0, 30),
    punctuation=st.integers(-100, 600),
    width=st.integers(1, 60),
    bound=st.integers(0, 50),
)
def test_every_window_that_is_seen_whole_closes_once_wherever_the_rows_are_cut(
    rows: list[tuple[int, int]], cut: int, punctuation: int, width: int, bound: int
) -> None:
    time, received = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    began = int(marks(-(1 << 62), time, received, bound)[0])
    first = whole_from(began, bound, width)
    assert first % width == 0
    assert began + bound <= first < began + bound + width
    found: list[tuple[int, int]] = []
    before = -(1 << 62)
    for part, end in ((slice(0, cut), -(1 << 63)), (slice(cut, None), punctuation)):
        path = marks(before, time[part], received[part], bound)
        closed = spans(before, path, end, width, first)
        found += zip(closed.start.tolist(), closed.end.tolist(), strict=True)
        before = max([before, end, *path.tolist()])
    last = max(first, before // width * width)
    assert [end for start, stop in found for end in range(start + width, stop + width, width)] == list(
        range(first + width, last + width, width)
    )
