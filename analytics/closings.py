"""When windows close: the watermark row by row, and the spans of windows that it leaves behind."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analytics.typed import I64
from analytics.window_kernel import FAR
from analytics.windows import NO_WATERMARK


class Spans(NamedTuple):
    """Windows that closed together: all that end in (start, end], us UTC; one row a time that the watermark passed an end."""

    start: I64
    end: I64
    row: I64
    """The row of the call that raised the watermark; beyond every row for a punctuation (as in ``windows.Samples``)."""


def marks(before: int, time: I64, received: I64, bound_us: int) -> I64:
    """int64[n]: the watermark once each row is taken, from ``before`` on (as in ``windows.advance``)."""
    reach = np.minimum(np.clip(time, -FAR, FAR), np.clip(received, -FAR, FAR)) - bound_us
    return np.maximum(np.maximum.accumulate(reach), before)


def spans(before: int, marks: I64, punctuation: int, width_us: int) -> Spans:
    """What closes while the watermark goes from ``before`` over ``marks`` to ``punctuation`` (``NO_WATERMARK``: none).

    A watermark that leaps over many windows leaves one span. The first watermark of all closes nothing: it begins.
    """
    rows = np.arange(len(marks) + 1, dtype=np.int64)
    rows[-1] = FAR
    path = np.append(marks, max(punctuation, int(marks[-1]) if len(marks) else before))
    known = path > NO_WATERMARK
    path, rows = path[known], rows[known]
    if not len(path):
        return Spans(rows, rows, rows)
    first = path[0] if before <= NO_WATERMARK else before
    ends = np.append(first, path) // width_us * width_us
    moved = np.flatnonzero(np.diff(ends) > 0)
    return Spans(ends[moved], ends[moved + 1], rows[moved])
