"""How many distinct values the newest panes of a stream hold together, kept up to date pane by pane.

Each value is kept once, with the newest pane that has it, and each pane counts the values whose newest pane it is; the sum
of these counts over the panes is the number of distinct values in all of them. So a pane that leaves takes its own count
with it, and a new one costs its own values and no others. The answer is exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import int64, types, uint64

from analytics.kernels import I64, U64, column, per_row, reads, writes

_LEAST = 1024


@per_row()
def _slot(hashes: Any, value: Any) -> Any:
    """Where ``value`` is, or would be: linear probing (Knuth, TAOCP 3, 6.4)."""
    mask = hashes.shape[0] - 1
    slot = int64((value * uint64(0x9E3779B97F4A7C15)) >> uint64(24)) & mask
    while hashes[slot] != uint64(0) and hashes[slot] != value:
        slot = (slot + 1) & mask
    return slot


@per_row(
    types.UniTuple(int64, 2)(writes(uint64), writes(int64), writes(int64), int64, int64, int64, int64, reads(uint64))
)
def _see(
    hashes: U64, last: I64, counts: I64, used: int, first: int, pane: int, begin: int, values: U64
) -> tuple[int, int]:
    """Take in ``values`` from ``begin``: (the one it stopped before for want of room, or their number; slots used)."""
    panes = counts.shape[0]
    for i in range(begin, values.shape[0]):
        if values[i] == uint64(0):
            continue
        slot = _slot(hashes, values[i])
        if hashes[slot] == uint64(0):
            if 2 * used >= hashes.shape[0]:
                return i, used
            hashes[slot] = values[i]
            used += 1
        elif last[slot] >= pane:
            continue
        elif last[slot] >= first:
            counts[last[slot] % panes] -= 1
        last[slot] = pane
        counts[pane % panes] += 1
    return values.shape[0], used


@per_row(types.void(writes(uint64), writes(int64), reads(uint64), reads(int64)))
def _enter(hashes: U64, last: I64, known: U64, panes: I64) -> None:
    for i in range(known.shape[0]):
        slot = _slot(hashes, known[i])
        hashes[slot], last[slot] = known[i], panes[i]


class SlidingDistinct:
    """Distinct values in the panes ``[end - panes, end)``; panes are numbered by consecutive integers."""

    __slots__ = ("_counts", "_hashes", "_last", "_used", "end", "panes")

    def __init__(self, panes: int, end: int) -> None:
        if panes < 1:
            raise ValueError(f"at least one pane is counted, not {panes}")
        self.panes, self.end = panes, end
        self._counts: I64 = np.zeros(panes, np.int64)
        self._resize(_LEAST)

    def __len__(self) -> int:
        """The distinct values."""
        return int(self._counts.sum())

    def move(self) -> None:
        """The next pane begins, and the oldest one leaves."""
        self._counts[self.end % self.panes] = 0
        self.end += 1

    def add(self, pane: int, values: U64) -> None:
        """Take in uint64[n], hashes of values; 0 is none. Panes that are not among the newest are left out.

        Raises ``ValueError`` for a pane that has not begun.
        """
        if pane >= self.end:
            raise ValueError(f"pane {pane} has not begun, the newest one is {self.end - 1}")
        first = self.end - self.panes
        if pane < first:
            return
        hashes, at = column(values, np.uint64), 0
        while True:
            at, self._used = _see(self._hashes, self._last, self._counts, self._used, first, pane, at, hashes)
            if at == len(hashes):
                return
            self._make_room(first)

    def _make_room(self, first: int) -> None:
        """Forget the values of panes that have left, and have room for twice as many as are known."""
        known, last = self._hashes, self._last
        kept = np.flatnonzero((known != 0) & (last >= first))
        self._resize(4 * len(kept))
        self._used = len(kept)
        _enter(self._hashes, self._last, known[kept], last[kept])

    def _resize(self, slots: int) -> None:
        size = 1 << max(slots, _LEAST).bit_length()
        self._hashes: U64 = np.zeros(size, np.uint64)
        self._last: I64 = np.zeros(size, np.int64)
        self._used = 0
