"""Which rows were seen before: a window over the last ``W`` accepted ids.

A row is a duplicate iff its id is among the last ``W`` accepted ones; with another content it is a conflict. Rows are
judged one after the other: a row sees those before it in the same call. Ids and contents are 64-bit hashes that the
caller computes. Two different ids with one hash are taken for one: with W = 2^19 ids remembered, about 3e-14 a row for
honest input; against senders who construct collisions the caller must key the hash or compare the ids themselves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import int64, uint8, uint64, void

from analytics.typed import I64, U8, U64, column, per_row, reads, writes

ACCEPTED, DUPLICATE, CONFLICT = 0, 1, 2

_USED, _NEXT = 0, 1  # marks: how many ids are remembered, and where in the ring the next one goes
_MAGIC = 0x31505544  # "DUP1"


class DedupState:
    """The last ``window`` accepted ids with their contents: a ring, and an open-addressing table of places in it.

    Memory: up to 16 bytes a remembered id and 16 to 32 of table; untouched pages cost nothing.
    """

    __slots__ = ("contents", "ids", "marks", "table", "window")

    def __init__(self, window: int) -> None:
        if not 1 <= window <= 1 << 30:
            raise ValueError(f"a dedup window holds 1 to 2^30 ids, not {window}")
        self.window = window
        self.ids: U64 = np.zeros(window, np.uint64)
        self.contents: U64 = np.zeros(window, np.uint64)
        self.table: I64 = np.zeros(1 << (2 * window - 1).bit_length(), np.int64)
        """Place in the ring plus one; 0 is free. At most half full, so that probes stay short."""
        self.marks: I64 = np.zeros(2, np.int64)

    def __len__(self) -> int:
        return int(self.marks[_USED])


def admit(state: DedupState, id_hash: U64, content_hash: U64) -> U8:
    """Judge rows in order and remember the accepted ones.

    ``id_hash``, ``content_hash``: uint64[n]. Answers uint8[n]: ``ACCEPTED``, ``DUPLICATE`` (same id, same content) or
    ``CONFLICT`` (same id, other content). Raises ``ValueError`` if the lengths differ.
    """
    if len(id_hash) != len(content_hash):
        raise ValueError(f"{len(id_hash)} ids, but {len(content_hash)} contents")
    verdict = np.empty(len(id_hash), np.uint8)
    ids, contents = column(id_hash, np.uint64), column(content_hash, np.uint64)
    _admit(ids, contents, state.ids, state.contents, state.table, state.marks, verdict)
    return verdict


def rebuild(window: int, id_hash: U64, content_hash: U64) -> DedupState:
    """The state after accepting these rows, oldest first: the last ``window`` of them decide."""
    state = DedupState(window)
    admit(state, id_hash[-window:], content_hash[-window:])
    return state


def dump(state: DedupState) -> bytes:
    """The remembered rows, oldest first; equal for equal histories."""
    used, after = int(state.marks[_USED]), int(state.marks[_NEXT])
    order = (np.arange(used) + (after - used)) % state.window
    header = np.array([_MAGIC, state.window, used], "<i8")
    return b"".join((header.tobytes(), state.ids[order].tobytes(), state.contents[order].tobytes()))


def load(data: bytes) -> DedupState:
    """The state that ``dump`` wrote. Raises ``ValueError`` for anything else."""
    if len(data) < 24:
        raise ValueError("not a dump of a dedup window: it is shorter than its header")
    magic, window, used = (int(v) for v in np.frombuffer(data, "<i8", 3))
    if magic != _MAGIC or len(data) != 24 + 16 * used or used > window:
        raise ValueError("not a dump of a dedup window: its header does not fit its length")
    rows = np.frombuffer(data, np.uint64, 2 * used, 24)
    return rebuild(window, rows[:used], rows[used:])


@per_row()
def _slot(id_: Any, mask: int) -> Any:
    # Fibonacci hashing: the caller's hash may be weak in its low bits.
    return int64((uint64(id_) * uint64(0x9E3779B97F4A7C15)) >> uint64(20)) & mask


@per_row()
def _forget(at: int, ids: U64, table: I64, mask: int) -> None:
    """Take place ``at`` of the ring out of the table, and close the gap (Knuth, TAOCP 3, 6.4, algorithm R)."""
    hole = _slot(ids[at], mask)
    while table[hole] != at + 1:
        hole = (hole + 1) & mask
    probe = hole
    while True:
        probe = (probe + 1) & mask
        if table[probe] == 0:
            break
        home = _slot(ids[table[probe] - 1], mask)
        if ((probe - home) & mask) >= ((probe - hole) & mask):
            table[hole] = table[probe]
            hole = probe
    table[hole] = 0


@per_row(
    void(
        reads(uint64),
        reads(uint64),
        writes(uint64),
        writes(uint64),
        writes(int64),
        writes(int64),
        writes(uint8),
    )
)
def _admit(id_hash: U64, content_hash: U64, ids: U64, contents: U64, table: I64, marks: I64, verdict: U8) -> None:
    mask = table.shape[0] - 1
    window = ids.shape[0]
    for i in range(id_hash.shape[0]):
        id_ = id_hash[i]
        slot = _slot(id_, mask)
        while table[slot] != 0 and ids[table[slot] - 1] != id_:
            slot = (slot + 1) & mask
        if table[slot] != 0:
            verdict[i] = DUPLICATE if contents[table[slot] - 1] == content_hash[i] else CONFLICT
            continue
        at = marks[_NEXT]
        if marks[_USED] == window:
            _forget(at, ids, table, mask)
            slot = _slot(id_, mask)
            while table[slot] != 0:
                slot = (slot + 1) & mask
        else:
            marks[_USED] += 1
        ids[at] = id_
        contents[at] = content_hash[i]
        table[slot] = at + 1
        marks[_NEXT] = at + 1 if at + 1 < window else 0
        verdict[i] = ACCEPTED
