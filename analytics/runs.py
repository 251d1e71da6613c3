"""Runs of windows in which something held: short lists of (first end, last end), oldest first, that late news may mend."""

from __future__ import annotations

from collections.abc import Sequence

Run = tuple[int, int]
"""Ends of the first and the last window of the run, us UTC."""


def within(runs: Sequence[Run], end: int) -> bool:
    """Whether it held in the window that ended at ``end``."""
    return any(first <= end <= last for first, last in runs)


def mended(runs: Sequence[Run], end: int, held: bool, width: int) -> list[Run]:
    """The runs once it is known whether it held in the window that ended at ``end``; neighbours are joined.

    A run that loses a window in its middle becomes two, the second from the next window on.
    """
    found: list[Run] = []
    for first, last in runs:
        if held or not first <= end <= last:
            found.append((first, last))
            continue
        if first < end:
            found.append((first, end - width))
        if end < last:
            found.append((end + width, last))
    if held and not within(found, end):
        found.append((end, end))
    return _joined(sorted(found), width)


def _joined(runs: list[Run], width: int) -> list[Run]:
    joined: list[Run] = []
    for first, last in runs:
        if joined and first - joined[-1][1] <= width:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined


def newest(runs: Sequence[Run], after: int, most: int) -> list[Run]:
    """The runs that ended after ``after``, at most ``most`` of them."""
    return [run for run in runs if run[1] > after][-most:]
