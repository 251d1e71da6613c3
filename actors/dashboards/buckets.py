"""Counts in aligned buckets of time, as plain integers: the memory of a dashboard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


class Buckets(msgspec.Struct):
    """``counts[bucket start in us][name]``, for ``keep`` buckets of ``width_us`` back from the newest tick."""

    width_us: int
    keep: int
    counts: dict[int, dict[str, int]] = {}

    def add(self, times: np.ndarray, codes: np.ndarray, names: Sequence[str]) -> set[int]:
        """Count rows: int64[n] times in us, int[n] codes into ``names``. Answers the buckets touched."""
        touched: set[int] = set()
        cells, counts = counted(times // self.width_us * len(names) + codes)
        for cell, count in zip(cells, counts, strict=True):
            start, code = divmod(cell, len(names))
            bucket = self.counts.setdefault(start * self.width_us, {})
            bucket[names[code]] = bucket.get(names[code], 0) + count
            touched.add(start * self.width_us)
        return touched

    def prune(self, now_us: int) -> list[int]:
        """Forget what is older than ``keep`` buckets before ``now_us``; answers the buckets that went."""
        floor = (now_us // self.width_us - self.keep) * self.width_us
        if not self.counts or min(self.counts) > floor:
            return []
        gone = [start for start in self.counts if start <= floor]
        for start in gone:
            del self.counts[start]
        return gone

    def total(self, start_us: int, end_us: int) -> int:
        """Rows with ``start_us <= time < end_us``, both aligned to the width."""
        return sum(sum(bucket.values()) for bucket in self._between(start_us, end_us))

    def by_name(self, start_us: int, end_us: int) -> dict[str, int]:
        """Rows by name in ``[start_us, end_us)``."""
        totals: dict[str, int] = {}
        for bucket in self._between(start_us, end_us):
            for name, count in bucket.items():
                totals[name] = totals.get(name, 0) + count
        return totals

    def _between(self, start_us: int, end_us: int) -> Iterator[dict[str, int]]:
        found = (self.counts.get(start) for start in range(start_us, end_us, self.width_us))
        return (bucket for bucket in found if bucket)


def counted(cells: np.ndarray) -> tuple[list[int], list[int]]:
    """The values of int64[n], ascending, and how often each occurs."""
    if not len(cells):
        return [], []
    first = int(cells.min())
    span = int(cells.max()) - first + 1
    if span > 2 * len(cells) + 256:
        found, counts = np.unique(cells, return_counts=True)
        return found.tolist(), counts.tolist()
    rows = np.bincount(cells - first, minlength=span)  # quicker than sorting while the table is small
    found = np.flatnonzero(rows)
    return (found + first).tolist(), rows[found].tolist()
