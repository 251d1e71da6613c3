"""Who was there: the distinct subjects of a short span, exactly while they are not too many; and of several together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self

import numpy as np

from analytics.kernels import U64
from analytics.sketches import HyperLogLog
from analytics.sliding import SlidingDistinct

MOST = 20_000
"""Subjects of one span that are kept as such; with more it becomes a sketch (standard error 1.6 %)."""
_EXACT, _SKETCH = b"\0", b"\1"
_PENDING = 4096


class Subjects:
    """Of one span. The form is decided by the set alone, however it came about, so equal sets dump to equal bytes."""

    __slots__ = ("_hashes", "_new", "_pending", "_sketch")

    def __init__(self) -> None:
        self._hashes = np.zeros(0, np.uint64)
        self._new: list[U64] = []
        self._pending = 0
        self._sketch: HyperLogLog | None = None

    def add(self, hashes: U64) -> None:
        """Take in subjects by their 64-bit hashes; 0 means none."""
        if self._sketch is not None:
            self._sketch.add(hashes)
            return
        self._new.append(hashes[hashes != 0])
        self._pending += len(hashes)
        if self._pending > max(_PENDING, len(self._hashes)):
            self._settle()

    def _settle(self) -> None:
        if self._new:
            self._hashes = np.unique(np.concatenate([self._hashes, *self._new]))
            self._new, self._pending = [], 0
        if len(self._hashes) > MOST:
            self._sketch = HyperLogLog()
            self._sketch.add(self._hashes)
            self._hashes = np.zeros(0, np.uint64)

    def dump(self) -> bytes:
        self._settle()
        return _EXACT + self._hashes.tobytes() if self._sketch is None else _SKETCH + self._sketch.dump()

    @classmethod
    def load(cls, data: bytes) -> Self:
        found = cls()
        if data[:1] == _EXACT:
            found._hashes = np.frombuffer(data, np.uint64, offset=1).copy()
        else:
            found._sketch = HyperLogLog.load(data[1:])
        return found

    def exact(self) -> U64 | None:
        """uint64[n], ascending: the hashes, while each is kept."""
        self._settle()
        return self._hashes if self._sketch is None else None

    @staticmethod
    def together(spans: Iterable[Subjects]) -> int:
        """Distinct subjects of all ``spans``: exactly where each is kept exactly."""
        found = list(spans)
        for span in found:
            span._settle()
        exact = [span._hashes for span in found]
        sketches = [span._sketch for span in found if span._sketch is not None]
        if not sketches:
            return len(np.unique(np.concatenate(exact))) if exact else 0
        union = HyperLogLog()
        for sketch in sketches:
            union.merge(sketch)
        union.add(np.concatenate(exact))
        return union.count()


class SlidingSubjects:
    """``Subjects.together`` of the newest ``panes`` spans of ``width_us`` each, which costs what the newest span costs.

    It only remembers: its answer is that of ``together``, whatever came before.
    """

    def __init__(self, panes: int, width_us: int) -> None:
        self._panes, self._width = panes, width_us
        self._owner: object = None
        self._seen: SlidingDistinct | None = None

    def add(self, owner: object, start_us: int, hashes: U64) -> None:
        """Rows came into the span that begins at ``start_us``, after or before it was counted."""
        if self._seen is not None and owner is self._owner and start_us < self._seen.end * self._width:
            self._seen.add(start_us // self._width, hashes)

    def count(self, owner: object, spans: Mapping[int, Subjects], end_us: int) -> int:
        """Distinct subjects of the ``spans`` that begin in the panes before ``end_us``; ``owner``: whose spans they are."""
        end = end_us // self._width
        found = {pane: spans[at] for pane in range(end - self._panes, end) if (at := pane * self._width) in spans}
        exact = {pane: subjects.exact() for pane, subjects in found.items()}
        seen = self._seen
        if seen is None or owner is not self._owner or not seen.end <= end < seen.end + self._panes:
            self._owner, seen = owner, SlidingDistinct(self._panes, end)
            new = range(end - self._panes, end)
        else:
            new = range(seen.end, end)
            for _ in new:
                seen.move()
        self._seen = seen
        for pane in new:
            if (hashes := exact.get(pane)) is not None:
                seen.add(pane, hashes)
        if any(hashes is None for hashes in exact.values()):
            return Subjects.together(found.values())
        return len(seen)
