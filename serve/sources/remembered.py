"""Which items were read already: their ids as hashes, as many as a position can hold, and how old the forgotten ones are."""

from __future__ import annotations

import math
from collections import OrderedDict
from itertools import islice
from typing import TypeAlias

import numpy as np
import xxhash

from serve.ingest.times import parse_time

KEPT = 6_000
"""So many ids fit into a position."""
MOST = 500_000
"""So many more are remembered while the reader lives."""
Mark: TypeAlias = tuple[int, float | str]
"""What an item says of its age, made comparable: numbers, times, other texts."""


def mark_of(said: object) -> Mark | None:
    """``said`` as a mark; None where it says nothing that can be compared."""
    if isinstance(said, bool) or said is None or said == "":
        return None
    if isinstance(said, int | float):
        return (0, said) if math.isfinite(said) else None
    text = str(said)
    us = parse_time(text)
    return (1, us) if us is not None else (2, text)


class Remembered:
    """Ids by hash, the newest last. ``forgotten``: the newest mark of an item whose id a position had no room for; an item
    that is no newer than that was read before."""

    def __init__(self, saved: bytes = b"", forgotten: Mark | None = None, reached: Mark | None = None) -> None:
        """``saved`` and ``forgotten`` from a position; ``reached``: the newest mark of the items that it stands for."""
        self._ids: OrderedDict[int, Mark | None] = OrderedDict.fromkeys(
            np.frombuffer(saved, np.uint64).tolist(), reached
        )
        self._older: OrderedDict[int, Mark | None] = OrderedDict()
        """Those that have no room in a position."""
        self._gone = forgotten
        self.forgotten = forgotten

    def __len__(self) -> int:
        return len(self._ids) + len(self._older)

    def knows(self, id: str, mark: Mark | None = None) -> bool:
        """Whether the item was read already, as far as that is known; if not, it counts as read from now on."""
        key = xxhash.xxh3_64_intdigest(id.encode("utf-8", "replace"))
        known = key in self._ids or key in self._older
        self._ids.pop(key, None)
        self._older.pop(key, None)
        self._ids[key] = mark
        if len(self._ids) > KEPT:
            oldest, its = self._ids.popitem(last=False)
            self._older[oldest] = its
            self.forgotten = _newer(self.forgotten, its)
        if len(self._older) > MOST:
            self._gone = _newer(self._gone, self._older.popitem(last=False)[1])
        return known or (
            mark is not None and self._gone is not None and mark[0] == self._gone[0] and mark <= self._gone
        )

    def saved(self) -> bytes:
        """The newest ids, as a position holds them."""
        return np.array([*islice(self._ids, KEPT)], np.uint64).tobytes()


def _newer(old: Mark | None, new: Mark | None) -> Mark | None:
    return new if new is not None and (old is None or new > old) else old
