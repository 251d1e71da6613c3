"""The memory that the window kernel works in: cells, their hash table, and chunks for the sketches.

A *cell* is one (window, key): a row of 16 int64, some of which are read as float64. A *head* is the cell with key -1 of a
window: it counts the window's cells and begins their list. Chunks of 2^n uint32 hold the sketches of one cell, first
small and then bigger; a chunk that is given back waits in the list of its size.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import float64, int32, int64, types, uint8, uint32, uint64

from analytics.kernels import F64, I32, I64, U8, U32, kernel, per_row, writes
from analytics.sketches import BUCKETS, MIDDLES, REGISTERS, SPARSE, bucket_of, estimate, into_registers

COLUMNS = 16
WIN, KEY, COUNT, VALUES, SUM, MIN, MAX, NEXT, REVISION, DIRTY, QAT, QCAP, QBASE, HAT, HCAP, HN = range(COLUMNS)

REGISTERS_HELD = 13
WATERMARK, TOP, FREE, OPEN, CLOSED, STALE, CHUNKS_TOP, OUT, WANT, LAST_HEAD, AT, DUE, REFUSED = range(REGISTERS_HELD)
"""Registers: watermark, cells ever used, free list, lengths of both heaps and of the list of late-changed cells,
words of chunks ever used, rows emitted, what there was too little of, the head used last, the row at hand, the least
watermark at which something happens, rows refused in a call."""

CELLS, CHUNKS, ROWS = 1, 2, 3
"""Values of ``WANT``: the kernel stopped before a row because there were too few of these."""

LISTED = 32
"""A cell keeps up to so many bucket numbers as a list; beyond, counts over a range of buckets."""
DENSE = -1
BIGGEST = 13
ROOM = (1 << BIGGEST) + REGISTERS // 2
"""Words that one row can need at most: all buckets, and a growing HyperLogLog."""


class Memory(NamedTuple):
    """All arrays of a window state; ``cellsf`` and ``bytes`` are other views of ``cells`` and ``words``."""

    registers: I64
    cells: I64
    cellsf: F64
    table: I32
    lists: I32
    """int32[3, cells]: heap of open heads, heap of closed heads, cells changed late."""
    last: I32
    """Per key: the cell it used last."""
    too_late: I64
    words: U32
    bytes: U8
    free: I64
    out: I64
    outf: F64


MEMORY = types.NamedTuple(
    (
        writes(int64),
        writes(int64, 2),
        writes(float64, 2),
        writes(int32),
        writes(int32, 2),
        writes(int32),
        writes(int64),
        writes(uint32),
        writes(uint8),
        writes(int64),
        writes(int64, 2),
        writes(float64, 2),
    ),
    Memory,
)


@per_row()
def _home(win: Any, key: Any, mask: Any) -> Any:
    mixed = (uint64(win) * uint64(0x9E3779B97F4A7C15)) ^ (uint64(key) * uint64(0xC2B2AE3D27D4EB4F))
    mixed ^= mixed >> uint64(29)
    return int64((mixed * uint64(0xBF58476D1CE4E5B9)) >> uint64(33)) & mask


@per_row()
def find(m: Memory, win: Any, key: Any) -> Any:
    """The cell of (win, key), or -1."""
    mask = m.table.shape[0] - 1
    slot = _home(win, key, mask)
    while m.table[slot] != 0:
        cell = m.table[slot] - 1
        if m.cells[cell, KEY] == key and m.cells[cell, WIN] == win:
            return int64(cell)
        slot = (slot + 1) & mask
    return int64(-1)


@per_row()
def _enter(m: Memory, cell: Any) -> None:
    mask = m.table.shape[0] - 1
    slot = _home(m.cells[cell, WIN], m.cells[cell, KEY], mask)
    while m.table[slot] != 0:
        slot = (slot + 1) & mask
    m.table[slot] = cell + 1


@per_row(types.void(MEMORY))
def enter_all(m: Memory) -> None:
    """Fill an empty table with the live cells."""
    for cell in range(m.registers[TOP]):
        if m.cells[cell, KEY] >= -1:
            _enter(m, cell)


@per_row()
def new_cell(m: Memory, win: Any, key: Any) -> Any:
    """A cell with nothing in it; there must be room."""
    cell = m.registers[FREE]
    if cell >= 0:
        m.registers[FREE] = m.cells[cell, NEXT]
    else:
        cell = m.registers[TOP]
        m.registers[TOP] += 1
    m.cells[cell, :] = 0
    m.cells[cell, WIN] = win
    m.cells[cell, KEY] = key
    m.cellsf[cell, SUM] = 0.0
    m.cellsf[cell, MIN] = np.inf
    m.cellsf[cell, MAX] = -np.inf
    m.cells[cell, NEXT] = -1
    _enter(m, cell)
    return cell


@per_row()
def drop_cell(m: Memory, cell: Any) -> None:
    """Forget a cell and give back its chunks (Knuth, TAOCP 3, 6.4, algorithm R closes the gap in the table)."""
    mask = m.table.shape[0] - 1
    hole = _home(m.cells[cell, WIN], m.cells[cell, KEY], mask)
    while m.table[hole] != cell + 1:
        hole = (hole + 1) & mask
    probe = hole
    while True:
        probe = (probe + 1) & mask
        if m.table[probe] == 0:
            break
        other = m.table[probe] - 1
        home = _home(m.cells[other, WIN], m.cells[other, KEY], mask)
        if ((probe - home) & mask) >= ((probe - hole) & mask):
            m.table[hole] = m.table[probe]
            hole = probe
    m.table[hole] = 0
    if m.cells[cell, QCAP] > 0:
        _give_back(m, m.cells[cell, QAT], m.cells[cell, QCAP])
    if m.cells[cell, HCAP] > 0:
        _give_back(m, m.cells[cell, HAT], m.cells[cell, HCAP])
    m.cells[cell, KEY] = -2
    m.cells[cell, NEXT] = m.registers[FREE]
    m.registers[FREE] = cell


@per_row()
def _give_back(m: Memory, at: Any, size: Any) -> None:
    m.words[at] = uint32(m.free[size])
    m.free[size] = at + 1


@per_row()
def new_chunk(m: Memory, size: Any) -> Any:
    """A zeroed chunk of 2^size words; there must be room."""
    at = m.free[size] - 1
    if at >= 0:
        m.free[size] = int64(m.words[at])
    else:
        at = m.registers[CHUNKS_TOP]
        m.registers[CHUNKS_TOP] += 1 << size
    for i in range(at, at + (1 << size)):
        m.words[i] = uint32(0)
    return at


@per_row()
def count_bucket(cells: Any, words: Any, cell: Any, bucket: Any) -> Any:
    """Count a bucket where the quantile sketch has a place for it as it is; False where ``add_value`` must make one."""
    n, at, size = cells[cell, VALUES], cells[cell, QAT], cells[cell, QCAP]
    if n < LISTED:
        if n == 0 or n == (1 << size):
            return False
        words[at + n] = uint32(bucket + BUCKETS)
        return True
    place = bucket + BUCKETS - cells[cell, QBASE]
    if n == LISTED or place < 0 or place >= (1 << size):
        return False
    words[at + place] += uint32(1)
    return True


@per_row()
def count_entry(cells: Any, words: Any, bytes_: Any, cell: Any, entry: Any) -> Any:
    """Take a sparse entry in where the distinct sketch has room as it is; False where ``add_entry`` must make some."""
    n, at, size = cells[cell, HN], cells[cell, HAT], cells[cell, HCAP]
    if n == DENSE:
        into_registers(bytes_, 4 * at, entry)
        return True
    if n == 0:
        return False
    slot = _slot(words, at, size, entry)
    here = words[at + slot]
    if here != uint32(0):
        words[at + slot] = max(here, entry)
        return True
    if n + 1 > SPARSE or 4 * (n + 1) > 3 << size:
        return False
    words[at + slot] = entry
    cells[cell, HN] = n + 1
    return True


@per_row()
def add_value(m: Memory, cell: Any, value: Any) -> None:
    """Take a finite value into the quantile sketch; ``VALUES`` does not count it yet."""
    bucket = bucket_of(value)
    n = m.cells[cell, VALUES]
    at, size = m.cells[cell, QAT], m.cells[cell, QCAP]
    if n < LISTED:
        if n == 0 or n == (1 << size):
            bigger = size + 1 if n else 2
            to = new_chunk(m, bigger)
            for i in range(n):
                m.words[to + i] = m.words[at + i]
            if n:
                _give_back(m, at, size)
            m.cells[cell, QAT], m.cells[cell, QCAP] = to, bigger
            at = to
        m.words[at + n] = uint32(bucket + BUCKETS)
        return
    place = bucket + BUCKETS
    if n == LISTED or place < m.cells[cell, QBASE] or place >= m.cells[cell, QBASE] + (1 << size):
        _widen(m, cell, place)
        at = m.cells[cell, QAT]
    m.words[at + place - m.cells[cell, QBASE]] += uint32(1)


@per_row()
def _widen(m: Memory, cell: Any, place: Any) -> None:
    """Move a list, or a range that is too narrow, into a range that has ``place`` and room on both sides."""
    at, size, base = m.cells[cell, QAT], m.cells[cell, QCAP], m.cells[cell, QBASE]
    listed = m.cells[cell, VALUES] == LISTED
    low, high = place, place
    for i in range(1 << size):
        if listed:
            low, high = min(low, int64(m.words[at + i])), max(high, int64(m.words[at + i]))
        elif m.words[at + i] != uint32(0):
            low, high = min(low, base + i), max(high, base + i)
    bigger = 3
    while (1 << bigger) < high - low + 1:
        bigger += 1
    to = new_chunk(m, bigger)
    start = max(0, low - ((1 << bigger) - (high - low + 1)) // 2)
    for i in range(1 << size):
        if listed:
            m.words[to + int64(m.words[at + i]) - start] += uint32(1)
        elif m.words[at + i] != uint32(0):
            m.words[to + base + i - start] = m.words[at + i]
    _give_back(m, at, size)
    m.cells[cell, QAT], m.cells[cell, QCAP], m.cells[cell, QBASE] = to, bigger, start


@kernel(types.void(MEMORY, int64, writes(float64)))
def quantiles(m: Memory, cell: int, out: F64) -> None:
    """Fill p50, p95, p99 (ranks floor(q (n - 1))) into ``out``; NaN without values."""
    n, at, size = m.cells[cell, VALUES], m.cells[cell, QAT], m.cells[cell, QCAP]
    low, high = m.cellsf[cell, MIN], m.cellsf[cell, MAX]
    out[0] = out[1] = out[2] = np.nan
    if n == 0 or size == 0:
        return
    wanted = ((n - 1) * 50 // 100, (n - 1) * 95 // 100, (n - 1) * 99 // 100)
    if n <= LISTED:
        listed = m.words[at : at + n].copy()
        for i in range(1, n):
            moving, j = listed[i], i
            while j > 0 and listed[j - 1] > moving:
                listed[j] = listed[j - 1]
                j -= 1
            listed[j] = moving
        for q in range(3):
            out[q] = min(max(MIDDLES[listed[wanted[q]]], low), high)
        return
    seen, q = int64(0), 0
    for i in range(1 << size):
        seen += int64(m.words[at + i])
        while q < 3 and seen > wanted[q]:
            out[q] = min(max(MIDDLES[m.cells[cell, QBASE] + i], low), high)
            q += 1


@per_row()
def add_entry(m: Memory, cell: Any, entry: Any) -> None:
    """Take a sparse entry into the distinct sketch: an open-addressing set, then registers."""
    n, at, size = m.cells[cell, HN], m.cells[cell, HAT], m.cells[cell, HCAP]
    if n == DENSE:
        into_registers(m.bytes, 4 * at, entry)
        return
    if n == 0:
        at, size = new_chunk(m, 2), 2
        m.cells[cell, HAT], m.cells[cell, HCAP] = at, size
    if not insert(m, at, size, entry):
        return
    m.cells[cell, HN] = n + 1
    if n + 1 > SPARSE:
        to = new_chunk(m, 10)
        for i in range(at, at + (1 << size)):
            if m.words[i] != uint32(0):
                into_registers(m.bytes, 4 * to, m.words[i])
        _give_back(m, at, size)
        m.cells[cell, HAT], m.cells[cell, HCAP], m.cells[cell, HN] = to, 10, DENSE
    elif 4 * (n + 1) > 3 << size:
        to = new_chunk(m, size + 1)
        for i in range(at, at + (1 << size)):
            if m.words[i] != uint32(0):
                insert(m, to, size + 1, m.words[i])
        _give_back(m, at, size)
        m.cells[cell, HAT], m.cells[cell, HCAP] = to, size + 1


@per_row()
def _slot(words: Any, at: Any, size: Any, entry: Any) -> Any:
    """Where in a set the entry's index is, or would be."""
    mask = (1 << size) - 1
    slot = int64((uint64(entry >> uint32(6)) * uint64(0x9E3779B97F4A7C15)) >> uint64(40)) & mask
    while words[at + slot] != uint32(0) and words[at + slot] >> uint32(6) != entry >> uint32(6):
        slot = (slot + 1) & mask
    return slot


@per_row()
def insert(m: Memory, at: Any, size: Any, entry: Any) -> Any:
    """Add an entry to a set; False if its index was there, whose greatest rank stays."""
    slot = at + _slot(m.words, at, size, entry)
    new = m.words[slot] == uint32(0)
    m.words[slot] = max(m.words[slot], entry)
    return new


@per_row()
def distinct(m: Memory, cell: Any) -> Any:
    """The estimate of distinct hashes."""
    if m.cells[cell, HN] == DENSE:
        return estimate(m.bytes, 4 * m.cells[cell, HAT])
    return m.cells[cell, HN]
