"""The scan behind ``windows``: rows in order, windows that close on the way, late changes, expiry.

The kernel stops before a row for which memory may not suffice and says of what (``WANT``); the caller makes more and calls
again from that row. So no row is ever half done, and how memory grows changes no result.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float64, int32, int64, types, uint64

from analytics.kernels import F64, I32, I64, U64, Bools, kernel, per_row, reads, writes
from analytics.sketches import bucket_of, sparse_entry
from analytics.window_memory import (
    AT,
    CELLS,
    CHUNKS,
    CHUNKS_TOP,
    CLOSED,
    COUNT,
    DIRTY,
    DUE,
    FREE,
    KEY,
    LAST_HEAD,
    MAX,
    MEMORY,
    MIN,
    NEXT,
    OPEN,
    OUT,
    REFUSED,
    REVISION,
    ROOM,
    ROWS,
    STALE,
    SUM,
    TOP,
    VALUES,
    WANT,
    WATERMARK,
    WIN,
    Memory,
    add_entry,
    add_value,
    count_bucket,
    count_entry,
    distinct,
    drop_cell,
    find,
    new_cell,
    quantiles,
)

NEVER = 1 << 62
FAR = 1 << 61
"""Times further from 1970 than this many us (73,000 years) count as this far: no arithmetic overflows."""


@per_row()
def push(m: Memory, heap: Any, register: Any, cell: Any) -> None:
    at = m.registers[register]
    m.registers[register] += 1
    while at > 0:
        above = (at - 1) >> 1
        if m.cells[m.lists[heap, above], WIN] <= m.cells[cell, WIN]:
            break
        m.lists[heap, at] = m.lists[heap, above]
        at = above
    m.lists[heap, at] = cell


@per_row()
def _pop(m: Memory, heap: Any, register: Any) -> None:
    m.registers[register] -= 1
    n = m.registers[register]
    cell = m.lists[heap, n]
    at = 0
    while True:
        below = 2 * at + 1
        if below >= n:
            break
        if below + 1 < n and m.cells[m.lists[heap, below + 1], WIN] < m.cells[m.lists[heap, below], WIN]:
            below += 1
        if m.cells[cell, WIN] <= m.cells[m.lists[heap, below], WIN]:
            break
        m.lists[heap, at] = m.lists[heap, below]
        at = below
    m.lists[heap, at] = cell


@per_row()
def emit_cell(m: Memory, cell: Any, width: Any, sketched: Any) -> None:
    """Write the cell's sample to the next output row; there must be room."""
    row = m.registers[OUT]
    m.registers[OUT] += 1
    m.out[row, 0] = m.cells[cell, WIN] * width
    m.out[row, 1] = m.cells[cell, KEY]
    m.out[row, 2] = m.cells[cell, COUNT]
    m.out[row, 3] = m.cells[cell, VALUES]
    m.out[row, 4] = distinct(m, cell) if sketched else -1
    m.out[row, 5] = m.cells[cell, REVISION]
    m.out[row, 6] = m.too_late[m.cells[cell, KEY]]
    m.out[row, 7] = m.registers[AT]
    some = m.cells[cell, VALUES] > 0
    m.outf[row, 0] = m.cellsf[cell, SUM]
    m.outf[row, 1] = m.cellsf[cell, MIN] if some else np.nan
    m.outf[row, 2] = m.cellsf[cell, MAX] if some else np.nan
    quantiles(m, cell, m.outf[row, 3:])


@kernel()
def _sorted_cells(m: Memory, head: Any) -> Any:
    """The cells of a window by key."""
    order = np.empty(m.cells[head, COUNT], np.int64)
    cell = m.cells[head, NEXT]
    for i in range(order.shape[0]):
        order[i] = (m.cells[cell, KEY] << 32) | cell
        cell = m.cells[cell, NEXT]
    if order.shape[0] > 1:
        order.sort()
    return order


@kernel()
def _emit_stale(m: Memory, width: Any, sketched: Any) -> None:
    """Re-emit the late-changed cells by window and key."""
    n = m.registers[STALE]
    wins = np.empty(n, np.int64)
    keys = np.empty(n, np.int64)
    for i in range(n):
        wins[i] = m.cells[m.lists[2, i], WIN]
        keys[i] = (m.cells[m.lists[2, i], KEY] << 32) | m.lists[2, i]
    by_key = np.argsort(keys)
    by_win = np.argsort(wins[by_key], kind="mergesort")
    for i in range(n):
        cell = keys[by_key[by_win[i]]] & 0xFFFFFFFF
        emit_cell(m, cell, width, sketched)
        m.cells[cell, REVISION] += 1
        m.cells[cell, DIRTY] = 0
    m.registers[STALE] = 0


@kernel(types.boolean(MEMORY, int64, int64, int64, types.boolean))
def _raise_watermark(m: Memory, to: int, width: int, lateness: int, sketched: bool) -> bool:
    """Close, re-emit and expire up to a greater watermark; False if there is no room for the samples."""
    room = m.out.shape[0]
    if m.registers[STALE] and to // width > m.registers[WATERMARK] // width:
        if m.registers[OUT] + m.registers[STALE] > room:
            return False
        _emit_stale(m, width, sketched)
    while m.registers[OPEN]:
        head = int64(m.lists[0, 0])
        if (m.cells[head, WIN] + 1) * width > to:
            break
        if m.registers[OUT] + m.cells[head, COUNT] > room:
            return False
        for packed in _sorted_cells(m, head):
            cell = packed & 0xFFFFFFFF
            emit_cell(m, cell, width, sketched)
            m.cells[cell, REVISION] += 1
        _pop(m, 0, OPEN)
        push(m, 1, CLOSED, head)
    # Kept up to a multiple of the width, so that what was changed late has been emitted before it goes.
    keep = -(-lateness // width) * width
    while m.registers[CLOSED]:
        head = int64(m.lists[1, 0])
        if (m.cells[head, WIN] + 1) * width + keep > to:
            break
        cell = m.cells[head, NEXT]
        while cell >= 0:
            after = m.cells[cell, NEXT]
            drop_cell(m, cell)
            cell = after
        _pop(m, 1, CLOSED)
        drop_cell(m, head)
    m.registers[WATERMARK] = to
    return True


@per_row()
def _find_or_make(m: Memory, win: Any, key: Any, closed: Any) -> Any:
    cell = int64(m.last[key])
    if m.cells[cell, KEY] == key and m.cells[cell, WIN] == win:
        return cell
    cell = find(m, win, key)
    if cell < 0:
        head = m.registers[LAST_HEAD]
        if m.cells[head, KEY] != -1 or m.cells[head, WIN] != win:
            head = find(m, win, -1)
            if head < 0:
                head = new_cell(m, win, -1)
                if closed:
                    push(m, 1, CLOSED, head)
                else:
                    push(m, 0, OPEN, head)
            m.registers[LAST_HEAD] = head
        cell = new_cell(m, win, key)
        m.cells[cell, NEXT] = m.cells[head, NEXT]
        m.cells[head, NEXT] = cell
        m.cells[head, COUNT] += 1
    m.last[key] = cell
    return cell


@per_row()
def _due(m: Memory, width: Any, lateness: Any) -> Any:
    """The least watermark at which a window closes, is emitted again or goes."""
    due = int64(NEVER)
    if m.registers[OPEN]:
        due = (m.cells[m.lists[0, 0], WIN] + 1) * width
    if m.registers[CLOSED]:
        keep = -(-lateness // width) * width
        due = min(due, (m.cells[m.lists[1, 0], WIN] + 1) * width + keep)
    if m.registers[STALE]:
        due = min(due, (m.registers[WATERMARK] // width + 1) * width)
    return due


@per_row()
def _room_for_cell(m: Memory) -> Any:
    """Whether a cell, and the head of its window, can be made."""
    wanted = 2 if m.registers[FREE] < 0 else 1
    return m.registers[TOP] + wanted <= m.cells.shape[0]


@per_row(types.void(int64, int64, reads(int64), reads(int64), writes(int64)))
def watermarks(before: int, bound: int, time: I64, received: I64, marks: I64) -> None:
    """Fill in the watermark once each row is taken, which was ``before``."""
    watermark = before
    for i in range(time.shape[0]):
        watermark = max(watermark, min(max(min(time[i], received[i]), -FAR), FAR) - bound)
        marks[i] = watermark


@per_row()
def _reach(m: Memory, marks: Any, end: Any, width: Any, lateness: Any, sketched: Any) -> Any:
    """Raise the watermark as the rows before ``end`` do, at the rows at which something happens; False: no room."""
    registers = m.registers
    while end > 0 and marks[end - 1] >= registers[DUE]:
        first, last = int64(0), end - 1
        while first < last:
            middle = (first + last) >> 1
            if marks[middle] >= registers[DUE]:
                last = middle
            else:
                first = middle + 1
        registers[AT] = first
        if not _raise_watermark(m, marks[first], width, lateness, sketched):
            registers[WANT] = ROWS
            return False
        registers[DUE] = _due(m, width, lateness)
    if end > 0:
        registers[WATERMARK] = max(registers[WATERMARK], marks[end - 1])
    return True


@per_row(
    int64(
        MEMORY,
        int64,
        int64,
        types.boolean,
        int64,
        reads(int64),
        reads(int64),
        reads(int64),
        reads(int32),
        reads(float64),
        reads(uint64),
        writes(types.boolean),
    )
)
def scan(
    m: Memory,
    width: int,
    lateness: int,
    sketched: bool,
    begin: int,
    marks: I64,
    rows: I64,
    time: I64,
    key: I32,
    value: F64,
    hashes: U64,
    refused: Bools,
) -> int:
    """Take ``rows``, places in the other columns, ``key`` beside them, from the ``begin``-th of them on.

    Answers the one that it stopped before (``WANT`` says why), or their number. Marks those that are ``refused``.
    """
    registers, cells, cellsf, last, words, bytes_ = m.registers, m.cells, m.cellsf, m.last, m.words, m.bytes
    registers[WANT] = 0
    registers[DUE] = due = _due(m, width, lateness)
    win, start = int64(0), int64(0)
    for j in range(begin, rows.shape[0]):
        if sketched and registers[CHUNKS_TOP] + ROOM > words.shape[0]:
            registers[WANT] = CHUNKS
            return j
        i = rows[j]
        watermark = marks[i]
        if watermark >= due:
            if not _reach(m, marks, i + 1, width, lateness, sketched):
                return j
            due = registers[DUE]
        k = int64(key[j])
        if k < 0:
            continue
        t = min(max(time[i], -FAR), FAR)
        if t < start or t >= start + width:
            win = t // width
            start = win * width
        closed = start + width <= watermark
        if closed and start + width + lateness <= watermark:
            m.too_late[k] += 1
            registers[REFUSED] += 1
            refused[j] = True
            continue
        cell = int64(last[k])
        if cells[cell, KEY] != k or cells[cell, WIN] != win:
            registers[WATERMARK] = watermark
            if not _room_for_cell(m):
                registers[WANT] = CELLS
                return j
            cell = _find_or_make(m, win, k, closed)
            registers[DUE] = due = _due(m, width, lateness)
        cells[cell, COUNT] += 1
        v = value[i]
        if np.isfinite(v):
            if sketched and not count_bucket(cells, words, cell, bucket_of(v)):
                add_value(m, cell, v)
            cells[cell, VALUES] += 1
            cellsf[cell, SUM] += v
            cellsf[cell, MIN] = min(cellsf[cell, MIN], v)
            cellsf[cell, MAX] = max(cellsf[cell, MAX], v)
        if sketched and hashes[i] != uint64(0):
            entry = sparse_entry(hashes[i])
            if not count_entry(cells, words, bytes_, cell, entry):
                add_entry(m, cell, entry)
        if closed and cells[cell, DIRTY] == 0:
            cells[cell, DIRTY] = 1
            m.lists[2, registers[STALE]] = cell
            registers[STALE] += 1
            registers[WATERMARK] = watermark
            registers[DUE] = due = _due(m, width, lateness)
    _reach(m, marks, marks.shape[0], width, lateness, sketched)
    return rows.shape[0]


@per_row(types.boolean(MEMORY, int64, int64, int64, types.boolean))
def punctuate(m: Memory, to: int, width: int, lateness: int, sketched: bool) -> bool:
    """Raise the watermark without a row; False if there is no room for the samples (then make some and repeat)."""
    m.registers[WANT] = ROWS
    m.registers[AT] = FAR
    to = min(max(to, -FAR), FAR)
    if to > m.registers[WATERMARK] and not _raise_watermark(m, to, width, lateness, sketched):
        return False
    m.registers[DUE] = _due(m, width, lateness)
    return True


@per_row(types.void(MEMORY, int64, int64))
def note_due(m: Memory, width: int, lateness: int) -> None:
    """Note at which watermark something happens next: the windows were not made by rows, but are remembered."""
    m.registers[DUE] = _due(m, width, lateness)


@per_row(types.UniTuple(int64, 2)(reads(int32)))
def extremes(key: I32) -> tuple[int, int]:
    """The least and the greatest of at least one."""
    least = greatest = int64(key[0])
    for i in range(1, key.shape[0]):
        least, greatest = min(least, int64(key[i])), max(greatest, int64(key[i]))
    return least, greatest


@kernel(types.boolean(MEMORY, int64, types.boolean))
def glance(m: Memory, width: int, sketched: bool) -> bool:
    """Emit the open windows' cells by window and key, changing nothing; False if there is no room."""
    n = m.registers[OPEN]
    heads = np.empty(n, np.int64)
    wins = np.empty(n, np.int64)
    total = int64(0)
    for i in range(n):
        heads[i] = m.lists[0, i]
        wins[i] = m.cells[heads[i], WIN]
        total += m.cells[heads[i], COUNT]
    if total > m.out.shape[0]:
        return False
    for i in np.argsort(wins):
        for packed in _sorted_cells(m, heads[i]):
            emit_cell(m, packed & 0xFFFFFFFF, width, sketched)
    return True
