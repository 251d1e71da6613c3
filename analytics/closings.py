"""When windows close: the watermark row by row, and the spans of windows that it leaves behind."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analytics.kernels import I64, column
from analytics.window_kernel import FAR, watermarks


class Spans(NamedTuple):
    """Windows that closed together: all that end in (start, end], us UTC; one row each time the watermark passed an end."""

    start: I64
    end: I64
    row: I64
    """The row of the call that raised the watermark; beyond every row for a punctuation (as in ``windows.Samples``)."""


NO_SPANS = Spans(*(np.empty(0, np.int64) for _ in Spans._fields))


def marks(before: int, time: I64, received: I64, bound_us: int) -> I64:
    """int64[n]: the watermark once each row is taken, from ``before`` on (as in ``windows.advance``)."""
    found = np.empty(len(time), np.int64)
    watermarks(before, bound_us, column(time, np.int64), column(received, np.int64), found)
    return found


def whole_from(began: int, bound_us: int, width_us: int) -> int:
    """Start of the first window that is seen whole by a state whose first watermark was ``began``."""
    return -(-(began + bound_us) // width_us) * width_us


def spans(before: int, marks: I64, punctuation: int, width_us: int, first: int) -> Spans:
    """What closes while the watermark goes from ``before`` over ``marks`` to ``punctuation`` (``NO_WATERMARK``: none).

    A watermark that leaps over many windows leaves one span. Windows that end before or at ``first`` are left out.
    """
    last = max(punctuation, int(marks[-1]) if len(marks) else before)
    if last // width_us == before // width_us or last < first + width_us:
        return NO_SPANS
    path = np.append(marks, last)
    rows = np.arange(len(path), dtype=np.int64)
    rows[-1] = FAR
    ends = np.maximum(np.append(before, path) // width_us * width_us, first)
    moved = np.flatnonzero(np.diff(ends) > 0)
    return Spans(ends[moved], ends[moved + 1], rows[moved])
