"""The state of windows as plain arrays and back. Equal histories give equal dumps, however memory lay.

The sketches of a cell are a run of uint32: length and start of the bucket part, the bucket part (a list of bucket
numbers, or counts without the empty ends), length of the distinct part, the distinct part (ascending, or registers).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import int64, types, uint32

from analytics.kernels import F64, I64, U32, kernel, reads, writes
from analytics.window_kernel import push
from analytics.window_memory import (
    CLOSED,
    COUNT,
    DENSE,
    DIRTY,
    HAT,
    HCAP,
    HN,
    KEY,
    LISTED,
    MAX,
    MEMORY,
    MIN,
    NEXT,
    OPEN,
    QAT,
    QBASE,
    QCAP,
    REVISION,
    STALE,
    SUM,
    TOP,
    VALUES,
    WATERMARK,
    WIN,
    Memory,
    find,
    insert,
    new_cell,
    new_chunk,
)

REGISTER_WORDS = 1024
INTS, FLOATS = 6, 3


@kernel()
def _trim(m: Memory, cell: Any) -> Any:
    """First place and length of the bucket part."""
    at, n = m.cells[cell, QAT], m.cells[cell, VALUES]
    if m.cells[cell, QCAP] == 0:
        return int64(0), int64(0)
    if n <= LISTED:
        return int64(0), n
    first, last = int64(0), int64((1 << m.cells[cell, QCAP]) - 1)
    while m.words[at + first] == uint32(0):
        first += 1
    while m.words[at + last] == uint32(0):
        last -= 1
    return first, last - first + 1


@kernel(types.void(MEMORY, reads(int64), writes(int64, 2), writes(types.float64, 2)))
def pack_cells(m: Memory, order: I64, ints: I64, floats: F64) -> None:
    """Copy the plain columns of the cells ``order``."""
    for i in range(order.shape[0]):
        cell = order[i]
        for j, column in enumerate((WIN, KEY, COUNT, VALUES, REVISION, DIRTY)):
            ints[i, j] = m.cells[cell, column]
        for j, column in enumerate((SUM, MIN, MAX)):
            floats[i, j] = m.cellsf[cell, column]


@kernel(int64(MEMORY, reads(int64), writes(uint32)))
def pack_sketches(m: Memory, order: I64, words: U32) -> Any:
    """Write the cells' sketches to ``words`` as far as they fit; the number of words in all."""
    used = int64(0)
    for i in range(order.shape[0]):
        cell = order[i]
        first, length = _trim(m, cell)
        held = m.cells[cell, HN]
        entries = int64(REGISTER_WORDS) if held == DENSE else held
        if used + 3 + length + entries <= words.shape[0]:
            words[used] = length
            words[used + 1] = m.cells[cell, QBASE] + first
            for j in range(length):
                words[used + 2 + j] = m.words[m.cells[cell, QAT] + first + j]
            to = used + 2 + length
            words[to] = entries
            at = m.cells[cell, HAT]
            if held == DENSE:
                words[to + 1 : to + 1 + entries] = m.words[at : at + entries]
            elif held > 0:
                chunk = m.words[at : at + (1 << m.cells[cell, HCAP])]
                part = chunk[chunk != uint32(0)]
                part.sort()
                words[to + 1 : to + 1 + entries] = part
        used += 3 + length + entries
    return used


@kernel(types.void(MEMORY, int64, types.boolean, reads(int64, 2), reads(types.float64, 2), reads(uint32)))
def unpack(m: Memory, width: int, sketched: bool, ints: I64, floats: F64, words: U32) -> None:
    """Rebuild the cells in an empty memory that has room for them and whose watermark is set."""
    used = int64(0)
    for i in range(ints.shape[0]):
        win, key = ints[i, 0], ints[i, 1]
        head = find(m, win, -1)
        if head < 0:
            head = new_cell(m, win, -1)
            if (win + 1) * width <= m.registers[WATERMARK]:
                push(m, 1, CLOSED, head)
            else:
                push(m, 0, OPEN, head)
        cell = new_cell(m, win, key)
        m.cells[cell, NEXT] = m.cells[head, NEXT]
        m.cells[head, NEXT] = cell
        m.cells[head, COUNT] += 1
        for j, column in enumerate((WIN, KEY, COUNT, VALUES, REVISION, DIRTY)):
            m.cells[cell, column] = ints[i, j]
        for j, column in enumerate((SUM, MIN, MAX)):
            m.cellsf[cell, column] = floats[i, j]
        if m.cells[cell, DIRTY]:
            m.lists[2, m.registers[STALE]] = cell
            m.registers[STALE] += 1
        if not sketched:
            continue
        length, base = int64(words[used]), int64(words[used + 1])
        if length:
            size = 2 if m.cells[cell, VALUES] <= LISTED else 3
            while (1 << size) < length:
                size += 1
            at = new_chunk(m, size)
            m.words[at : at + length] = words[used + 2 : used + 2 + length]
            m.cells[cell, QAT], m.cells[cell, QCAP], m.cells[cell, QBASE] = at, size, base
        used += 2 + length
        entries = int64(words[used])
        if entries == REGISTER_WORDS:
            at = new_chunk(m, 10)
            m.words[at : at + entries] = words[used + 1 : used + 1 + entries]
            m.cells[cell, HAT], m.cells[cell, HCAP], m.cells[cell, HN] = at, 10, DENSE
        elif entries:
            size = 2
            while 4 * entries > 3 << size:
                size += 1
            at = new_chunk(m, size)
            for j in range(entries):
                insert(m, at, size, words[used + 1 + j])
            m.cells[cell, HAT], m.cells[cell, HCAP], m.cells[cell, HN] = at, size, entries
        used += 1 + entries


def live(m: Memory) -> I64:
    """The cells in use (heads left out), by window and key."""
    cells = m.cells[: m.registers[TOP]]
    found = np.flatnonzero(cells[:, KEY] >= 0)
    return found[np.lexsort((cells[found, KEY], cells[found, WIN]))]
