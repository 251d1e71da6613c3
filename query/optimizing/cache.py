"""Answers that were given already, for as long as nothing that they depend on has moved."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, Final


class Miss:
    """There is no answer yet: not to be confused with an answer that is 0, empty or None."""

    def __bool__(self) -> bool:
        return False


MISS: Final = Miss()


class CacheManager:
    """Keeps answers within ``most_bytes``, and lets the one go that was asked for longest ago. Safe for several threads.

    A key says all that an answer depends on: whose it is, what was asked, and how far each stream was read. So nothing
    has to be thrown away when rows come: the next question simply has another key.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self.bytes = 0
        self.hits = 0
        self.misses = 0

    def get_cached_result(self, key: Hashable) -> Any:
        """The answer, or ``MISS``."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                self.misses += 1
                return MISS
            self.hits += 1
            self._kept.move_to_end(key)
            return found[0]

    def cache_result(self, key: Hashable, result: Any, size: int) -> bool:
        """Keep an answer of ``size`` bytes; False for one that is too large to be kept at all."""
        if size > self._most:
            return False
        with self._lock:
            if (before := self._kept.pop(key, None)) is not None:
                self.bytes -= before[1]
            self._kept[key] = (result, size)
            self.bytes += size
            while self.bytes > self._most:
                _, (_, gone) = self._kept.popitem(last=False)
                self.bytes -= gone
        return True

    def __len__(self) -> int:
        return len(self._kept)
