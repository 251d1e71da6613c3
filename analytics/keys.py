"""Dense small integers for strings, in the order in which rows first show them.

An open-addressing table over the names' bytes, probed linearly (Knuth, TAOCP 3, 6.4), so that the names of a column become
numbers without an object for any of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numba import int32, int64, types, uint8, uint64

from analytics.kernels import I32, I64, U8, U64, column, per_row, reads, writes

OTHER = "(other)"
"""The name of the last id, which stands for all names once the limit is reached."""
LATELY = 4096
"""So many names are also found without a look at the table."""
_SEED = np.uint64(0xCBF29CE484222325)


class _Table(NamedTuple):
    """Names one after the other in ``text``, name i at [ends[i], ends[i + 1]); ``slots`` holds id + 1, or 0."""

    slots: I32
    hashes: U64
    ends: I64
    text: U8


_TABLE = types.NamedTuple((writes(int32), writes(uint64), writes(int64), writes(uint8)), _Table)


class Keys:
    """Names and their ids 0, 1, 2 ...; from ``limit`` names on, a new one is counted as ``OTHER``.

    So a stream that invents keys without end costs bounded memory, and nothing is lost but the names.
    """

    __slots__ = ("_ids", "_names", "_size", "_table", "limit")

    def __init__(self, limit: int = 1 << 20, names: Sequence[str] = ()) -> None:
        if limit < 2 or len(names) > limit:
            raise ValueError(f"a limit of {limit} does not hold {len(names)} names")
        self.limit = limit
        self._names: list[str] = []
        self._ids: dict[str, int] = {}
        """Of the names that dictionaries had lately."""
        self._size = 0
        self._table = _Table(
            np.zeros(64, np.int32), np.zeros(32, np.uint64), np.zeros(33, np.int64), np.zeros(1024, np.uint8)
        )
        self._intern(*_joined(names), limit)

    def __len__(self) -> int:
        return self._size

    @property
    def full(self) -> bool:
        """Whether new names are counted as ``OTHER`` by now."""
        return self._size >= self.limit

    @property
    def names(self) -> list[str]:
        """By id; this is the whole state: ``Keys(limit, names)`` restores it."""
        table, known = self._table, len(self._names)
        if known < self._size:
            ends = table.ends[known : self._size + 1].tolist()
            text = table.text[ends[0] : ends[-1]].tobytes()
            first = ends[0]
            self._names += [text[a - first : b - first].decode() for a, b in pairwise(ends)]
        return self._names

    def encode(self, indices: I32, dictionary: Sequence[str]) -> I32:
        """int32[n] ids of dictionary-encoded rows: ``dictionary[indices[i]]``; a negative index (null) is -1.

        Ids depend on the rows alone, not on the order of the dictionary or on values in it that no row has.
        Costs a scan of the rows and a look-up for each value that occurs.
        """
        rows = column(indices, np.int32)
        if not len(rows):
            return rows.copy()
        places = rows if rows.min() >= 0 else np.where(rows < 0, np.int32(len(dictionary)), rows)
        known = self._ids
        ids = np.fromiter((known.get(name, -1) for name in dictionary), np.int32, len(dictionary))
        found = np.append(ids, np.int32(-1))[places]
        if found.min() < 0 and ((found < 0) & (places < len(dictionary))).any():
            found = np.append(self._found(rows, dictionary), np.int32(-1))[places]
        return found

    def _found(self, rows: I32, dictionary: Sequence[str]) -> I32:
        """int32[names]: ids of the names that rows have, new ones in the order of their first rows; -1 for the others."""
        order = np.empty(len(dictionary), np.int64)
        found = order[: _first_seen(rows, np.zeros(len(dictionary), np.uint8), order)]
        ids = np.full(len(dictionary), -1, np.int32)
        names = [dictionary[int(place)] for place in found]
        ids[found] = self._of(names)
        if len(self._ids) + len(names) > LATELY:
            self._ids.clear()
        if len(names) <= LATELY:
            self._ids.update((name, id_) for name, id_ in zip(names, ids[found].tolist(), strict=True))
        return ids

    def encode_text(self, offsets: I32, text: U8) -> I32:
        """int32[n] ids of plain strings in UTF-8: row i is ``text[offsets[i] : offsets[i + 1]]``."""
        ids = self._intern(column(offsets, np.int32), text, self.limit - 1)
        beyond = ids < 0
        if beyond.any():
            ids[beyond] = self._intern(*_joined([OTHER]), self.limit)
        return ids

    def text(self) -> tuple[I32, U8]:
        """The names as ``encode_text`` takes them, offsets and text; views, good until the next name."""
        return self._table.ends[: self._size + 1].astype(np.int32), self._table.text

    def _of(self, names: Sequence[str]) -> I32:
        return self.encode_text(*_joined(names))

    def _intern(self, offsets: I32, text: U8, most: int) -> I32:
        """Ids; -1 for a name that is new where ``most`` are known."""
        ids, at = np.empty(len(offsets) - 1, np.int32), 0
        while True:
            at, self._size = _intern(self._table, self._size, most, _SEED, at, offsets, text, ids)
            if at == len(ids):
                return ids
            self._grow(int(offsets[at + 1] - offsets[at]))

    def _grow(self, bytes_: int) -> None:
        """Room for another name of so many bytes: twice of what is short."""
        slots, hashes, ends, text = self._table
        if self._size + 1 > len(hashes):
            hashes = np.concatenate([hashes, np.zeros_like(hashes)])
            ends = np.concatenate([ends, np.zeros(len(ends) - 1, np.int64)])
            slots = np.zeros(2 * len(slots), np.int32)
            _enter_all(hashes, self._size, slots)
        if int(ends[self._size]) + bytes_ > len(text):
            text = np.concatenate([text, np.zeros(len(text) + bytes_, np.uint8)])
        self._table = _Table(slots, hashes, ends, text)


def _joined(names: Sequence[str]) -> tuple[I32, U8]:
    """Offsets and text, as in an Arrow string column."""
    encoded = [name.encode() for name in names]
    offsets = np.zeros(len(names) + 1, np.int32)
    np.cumsum(np.fromiter(map(len, encoded), np.int32, len(encoded)), out=offsets[1:])
    return offsets, np.frombuffer(b"".join(encoded) or b"\0", np.uint8)


@per_row(int64(reads(int32), writes(uint8), writes(int64)))
def _first_seen(indices: I32, seen: U8, order: I64) -> int:
    n = 0
    for i in range(indices.shape[0]):
        index = indices[i]
        if index >= 0 and seen[index] == 0:
            seen[index] = 1
            order[n] = index
            n += 1
    return n


@per_row()
def _mixed(h: Any, text: Any, start: Any, end: Any) -> Any:
    """FNV-1a (Fowler, Noll, Vo) over bytes. Unsigned places cost no look at whether they count from the end."""
    at, end = uint64(start), uint64(end)
    while at < end:
        h = (h ^ uint64(text[at])) * uint64(0x100000001B3)
        at += uint64(1)
    return h


@per_row()
def _slot_of(h: Any, mask: Any) -> Any:
    return int64((h ^ (h >> uint64(32))) * uint64(0x9E3779B97F4A7C15) >> uint64(20)) & mask


@per_row(types.void(reads(uint64), int64, writes(int32)))
def _enter_all(hashes: U64, size: int, slots: I32) -> None:
    mask = slots.shape[0] - 1
    for i in range(size):
        slot = _slot_of(hashes[i], mask)
        while slots[slot] != 0:
            slot = (slot + 1) & mask
        slots[slot] = i + 1


@per_row()
def _same(known: Any, at: Any, text: Any, first: Any, last: Any) -> Any:
    at, first, last = uint64(at), uint64(first), uint64(last)
    while first < last and known[at] == text[first]:
        at += uint64(1)
        first += uint64(1)
    return first == last


@per_row(types.UniTuple(int64, 2)(_TABLE, int64, int64, uint64, int64, reads(int32), reads(uint8), writes(int32)))
def _intern(
    table: _Table, size: int, most: int, seed: Any, begin: int, offsets: I32, text: U8, ids: I32
) -> tuple[int, int]:
    """Ids of the rows from ``begin``; (the row it stopped before for want of room, or their number; names known)."""
    slots, hashes, ends, known = table.slots, table.hashes, table.ends, table.text
    mask = slots.shape[0] - 1
    for i in range(begin, ids.shape[0]):
        first, last = int64(offsets[i]), int64(offsets[i + 1])
        length = last - first
        h = _mixed(seed, text, first, last)
        slot = _slot_of(h, mask)
        ids[i] = -1
        while slots[slot] != 0:
            j = int64(slots[slot]) - 1
            if hashes[j] == h and ends[j + 1] - ends[j] == length and _same(known, ends[j], text, first, last):
                ids[i] = j
                break
            slot = (slot + 1) & mask
        if ids[i] >= 0 or size >= most:
            continue
        at = ends[size]
        if size + 1 > hashes.shape[0] or at + length > known.shape[0]:
            return i, size
        for j in range(length):
            known[at + j] = text[first + j]
        hashes[size], ends[size + 1] = h, at + length
        slots[slot] = size + 1
        ids[i] = size
        size += 1
    return ids.shape[0], size
