"""Which rows were seen before: exact for an hour and more, at any rate.

A row is a duplicate iff its id is remembered; with another content it is a conflict. Rows are judged one after the other: a
row sees those before it in the same call. An id is remembered for ``MINUTES`` minutes at least after it was accepted, and
while fewer than ``least`` others were accepted after it, whichever is longer: memory follows the rate.

Ids and contents are 64-bit hashes that the caller computes. Two different ids with one hash are taken for one: with n ids
remembered, for n / 2^64 of honest input (3e-14 at half a million, 2e-12 at 36 million, an hour at 10,000 a second); against
senders who construct collisions the caller must key the hash or compare the ids themselves. Of a content 16 bits are kept:
one in 65,536 conflicts is taken for a duplicate.

The clock is each row's time of receipt, and only accepted rows move it: what was accepted tells the state, whoever asks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import int32, int64, types, uint8, uint16, uint64, void

from analytics.dedup_segment import Segment, sealed
from analytics.kernels import I32, I64, U8, U16, U64, column, per_row, reads, writes

ACCEPTED, DUPLICATE, CONFLICT = 0, 1, 2
MINUTES = 60
"""An id is remembered so long at least."""
MINUTE_US = 60_000_000
FULL = 1 << 20
"""A segment is sealed at so many ids, however young it is: it is sorted at once."""
SMALL, LONG = 1 << 12, 15
"""A segment is not sealed below so many ids before it is so many minutes old: each one costs every look-up a step."""

_MAGIC = 0x33505544  # "DUP3"
_LEAST_ROOM = 1 << 10
_NEVER = -(1 << 60)


class Sealed(NamedTuple):
    minute: int
    """Of the last id accepted into it."""
    segment: Segment


class DedupState:
    """Remembered ids: sealed segments, oldest first, and an open-addressing table of those that came since.

    A sealed id takes at most 10 bytes, an open one 14 to 29; nothing is reserved for ids that have not come.
    """

    __slots__ = ("begun", "contents", "ids", "least", "minute", "sealed", "used")

    def __init__(self, least: int = 1) -> None:
        if not 1 <= least <= 1 << 40:
            raise ValueError(f"a dedup window holds 1 to 2^40 ids at least, not {least}")
        self.least = least
        self.sealed: list[Sealed] = []
        self.minute = _NEVER
        """Of the last accepted row."""
        self.begun = _NEVER
        """Minute of the first open one."""
        self.used = 0
        self.ids: U64 = np.zeros(_LEAST_ROOM, np.uint64)
        """0 is free."""
        self.contents: U16 = np.zeros(_LEAST_ROOM, np.uint16)

    def __len__(self) -> int:
        return self.used + sum(each.segment.size for each in self.sealed)

    @property
    def bytes(self) -> int:
        """Memory of all that is remembered."""
        return self.ids.nbytes + self.contents.nbytes + sum(len(each.segment.data) for each in self.sealed)


def admit(state: DedupState, id_hash: U64, content_hash: U64, received_us: I64) -> U8:
    """Judge rows in order and remember the accepted ones.

    ``id_hash``, ``content_hash``: uint64[n]; ``received_us``: int64[n], microseconds. Answers uint8[n]: ``ACCEPTED``,
    ``DUPLICATE`` (same id, same content) or ``CONFLICT`` (same id, other content). Raises ``ValueError`` if lengths differ.
    """
    n = len(id_hash)
    if not n == len(content_hash) == len(received_us):
        raise ValueError(f"{n} ids, {len(content_hash)} contents, {len(received_us)} times")
    verdict = np.empty(n, np.uint8)
    ids, contents = np.empty(n, np.uint64), np.empty(n, np.uint16)
    _mix(column(id_hash, np.uint64), column(content_hash, np.uint64), ids, contents)
    minutes = column(received_us, np.int64) // MINUTE_US
    found = _among_sealed(state, ids)
    at = 0
    while True:
        _make_room(state, min(n - at, FULL - state.used))
        stop = FULL - state.used
        at, added = _admit(ids, contents, minutes, found, at, state.minute, stop, state.ids, state.contents, verdict)
        state.used += added
        if at == n:
            return verdict
        if _move_on(state, int(minutes[at])):
            found[at:] = _among_sealed(state, ids[at:])


def _among_sealed(state: DedupState, ids: U64) -> I32:
    """The content kept of each id that is sealed, -1 of the others. In order of ids, neighbours share what is read."""
    order = np.argsort(ids)
    ids, in_order = ids[order], np.full(len(ids), -1, np.int32)
    for each in state.sealed:
        each.segment.look(ids, in_order)
    found = np.empty_like(in_order)
    found[order] = in_order
    return found


def _move_on(state: DedupState, minute: int) -> bool:
    """Seal and forget, before a row is accepted that is of another minute or has no room. Whether there was something to."""
    if minute < state.minute - 1:  # the sender's clock stepped back: all that was accepted is as old as it was
        back = state.minute - minute
        state.sealed = [Sealed(each.minute - back, each.segment) for each in state.sealed]
        state.begun -= back
        state.minute -= back
    if state.used == 0:
        state.begun = minute
    over = minute > state.minute and (state.used >= SMALL or minute - state.begun >= LONG)
    changed = False
    if state.used and (over or state.used >= FULL):
        state.sealed.append(Sealed(state.minute, sealed(*_open_rows(state))))
        state.used, state.begun = 0, minute
        state.ids, state.contents = np.zeros(_LEAST_ROOM, np.uint64), np.zeros(_LEAST_ROOM, np.uint16)
        changed = True
    state.minute = max(state.minute, minute)
    known = len(state)
    while state.sealed and state.minute - state.sealed[0].minute > MINUTES:
        known -= state.sealed[0].segment.size
        if known < state.least:
            break
        del state.sealed[0]
        changed = True
    return changed


def _open_rows(state: DedupState) -> tuple[U64, U16]:
    taken = state.ids != 0
    return state.ids[taken], state.contents[taken]


def _make_room(state: DedupState, rows: int) -> None:
    """Let the table be at most 7/10 full with so many more ids: probes stay short."""
    room = len(state.ids)
    while 10 * (state.used + rows) > 7 * room:
        room *= 2
    if room > len(state.ids):
        old = _open_rows(state)
        state.ids, state.contents = np.zeros(room, np.uint64), np.zeros(room, np.uint16)
        _put(*old, state.ids, state.contents)


# -- storing -----------------------------------------------------------------------------------------------------


def dump_apart(state: DedupState) -> tuple[bytes, dict[str, bytes]]:
    """What changes with every row, and by name the sealed pieces, which never change; equal for equal histories."""
    ids, contents = _open_rows(state)
    order = np.argsort(ids)
    marks = np.array([_MAGIC, state.least, state.minute, state.begun, state.used, len(state.sealed)], "<i8")
    minutes = np.array([each.minute for each in state.sealed], "<i8")
    names = b"".join(bytes.fromhex(each.segment.name) for each in state.sealed)
    pieces = {each.segment.name: each.segment.data for each in state.sealed}
    return b"".join(
        (marks.tobytes(), minutes.tobytes(), names, ids[order].tobytes(), contents[order].tobytes())
    ), pieces


def load_apart(data: bytes, piece: Callable[[str], bytes]) -> DedupState:
    """The state of which ``dump_apart`` wrote ``data``; ``piece`` gives each sealed one by its name.

    Raises ``ValueError`` for anything else, and for a piece that is not what its name says.
    """
    magic, least, minute, begun, used, n = (int(v) for v in np.frombuffer(data[:48].ljust(48, b"\0"), "<i8"))
    if magic != _MAGIC or not 0 <= used <= FULL or not n >= 0 or len(data) != 48 + 24 * n + 10 * used:
        raise ValueError("not a dump of a dedup window: its header does not fit its length")
    state = DedupState(least)
    state.minute, state.begun = minute, begun
    minutes = np.frombuffer(data, "<i8", n, 48).tolist()
    for place, sealed_in in enumerate(minutes):
        name = data[48 + 8 * n + 16 * place :][:16].hex()
        segment = Segment(piece(name))
        if segment.name != name:
            raise ValueError(f"a piece of a dedup window is {segment.name}, not {name}: it is damaged")
        state.sealed.append(Sealed(sealed_in, segment))
    _make_room(state, used)
    _put(
        np.frombuffer(data, "<u8", used, 48 + 24 * n),
        np.frombuffer(data, "<u2", used, 48 + 24 * n + 8 * used),
        state.ids,
        state.contents,
    )
    state.used = used
    return state


# -- kernels -----------------------------------------------------------------------------------------------------


@per_row()
def _mixed(id_: Any) -> Any:
    """The finaliser of MurmurHash3 (Appleby, 2011), which is a bijection: the caller's hash may be weak."""
    h = uint64(id_)
    h ^= h >> uint64(33)
    h *= uint64(0xFF51AFD7ED558CCD)
    h ^= h >> uint64(33)
    h *= uint64(0xC4CEB9FE1A85EC53)
    h ^= h >> uint64(33)
    return h


@per_row(void(reads(uint64), reads(uint64), writes(uint64), writes(uint16)))
def _mix(id_hash: U64, content_hash: U64, ids: U64, contents: U16) -> None:
    for i in range(ids.shape[0]):
        mixed = _mixed(id_hash[i])
        ids[i] = mixed if mixed != 0 else uint64(1)  # 0 is a free place
        contents[i] = uint16(_mixed(content_hash[i]) >> uint64(48))


@per_row()
def _slot(id_: Any, ids: U64) -> Any:
    """Where ``id_`` is in the table, or the free place where it would go."""
    mask = ids.shape[0] - 1
    slot = int64(id_) & mask
    while ids[slot] != 0 and ids[slot] != id_:
        slot = (slot + 1) & mask
    return slot


@per_row(void(reads(uint64), reads(uint16), writes(uint64), writes(uint16)))
def _put(ids: U64, contents: U16, table: U64, table_contents: U16) -> None:
    for i in range(ids.shape[0]):
        slot = _slot(ids[i], table)
        table[slot] = ids[i]
        table_contents[slot] = contents[i]


@per_row(
    types.UniTuple(int64, 2)(
        reads(uint64),
        reads(uint16),
        reads(int64),
        reads(int32),
        int64,
        int64,
        int64,
        writes(uint64),
        writes(uint16),
        writes(uint8),
    )
)
def _admit(
    ids: U64,
    contents: U16,
    minutes: I64,
    found: I32,
    at: int,
    minute: int,
    room: int,
    table: U64,
    table_contents: U16,
    verdict: U8,
) -> tuple[int, int]:
    """Judge rows from ``at`` on; stops before a row to be accepted that needs ``_move_on`` first. (next row, accepted)."""
    added = 0
    for i in range(at, ids.shape[0]):
        if found[i] >= 0:
            verdict[i] = DUPLICATE if found[i] == contents[i] else CONFLICT
            continue
        slot = _slot(ids[i], table)
        if table[slot] != 0:
            verdict[i] = DUPLICATE if table_contents[slot] == contents[i] else CONFLICT
            continue
        if minutes[i] > minute or minutes[i] < minute - 1 or added == room:
            return i, added
        table[slot] = ids[i]
        table_contents[slot] = contents[i]
        verdict[i] = ACCEPTED
        added += 1
    return ids.shape[0], added
