"""Who was there: the distinct subjects of a short span, exactly while they are not too many; and of several together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

import numpy as np

from analytics.kernels import U64
from analytics.sketches import HyperLogLog

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
