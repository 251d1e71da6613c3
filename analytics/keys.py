"""Dense small integers for strings, in the order in which rows first show them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import int32, int64, uint8

from analytics.typed import I32, I64, U8, column, kernel, reads, writes

OTHER = "(other)"
"""The name of the last id, which stands for all names once the limit is reached."""


class Keys:
    """Names and their ids 0, 1, 2 ...; from ``limit`` names on, a new one is counted as ``OTHER``.

    So a stream that invents keys without end costs bounded memory, and nothing is lost but the names.
    """

    __slots__ = ("_ids", "limit", "names")

    def __init__(self, limit: int = 1 << 20, names: Sequence[str] = ()) -> None:
        if limit < 2 or len(names) > limit:
            raise ValueError(f"a limit of {limit} does not hold {len(names)} names")
        self.limit = limit
        self.names: list[str] = list(names)
        """By id; this is the whole state: ``Keys(limit, names)`` restores it."""
        self._ids = {name: i for i, name in enumerate(self.names)}

    def __len__(self) -> int:
        return len(self.names)

    def id_of(self, name: str) -> int:
        """The id of ``name``, given now if it is new."""
        known = self._ids.get(name)
        if known is not None:
            return known
        if len(self.names) >= self.limit - 1:
            name = OTHER
            if name in self._ids:
                return self._ids[name]
        self._ids[name] = len(self.names)
        self.names.append(name)
        return len(self.names) - 1

    def encode(self, indices: I32, dictionary: Sequence[str]) -> I32:
        """int32[n] ids of dictionary-encoded rows: ``dictionary[indices[i]]``; a negative index (null) is -1.

        Ids depend on the rows alone, not on the order of the dictionary or on values in it that no row has.
        Costs a scan of the rows and a look-up for each value that occurs.
        """
        rows = column(indices, np.int32)
        order = np.empty(len(dictionary), np.int64)
        found = order[: _first_seen(rows, np.zeros(len(dictionary), np.uint8), order)]
        ids = np.full(len(dictionary) + 1, -1, np.int32)
        for place in found:
            ids[place] = self.id_of(dictionary[int(place)])
        return ids[np.where(rows < 0, len(dictionary), rows)]


@kernel(int64(reads(int32), writes(uint8), writes(int64)))
def _first_seen(indices: I32, seen: U8, order: I64) -> int:
    n = 0
    for i in range(indices.shape[0]):
        index = indices[i]
        if index >= 0 and seen[index] == 0:
            seen[index] = 1
            order[n] = index
            n += 1
    return n
