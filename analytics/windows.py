"""Tumbling event-time windows per key: count, sum, min, max, quantiles, distinct count; late rows revise.

Rows are taken one after the other, so cutting them into other batches changes no bit of samples or state:

1. A row raises the watermark to ``min(time, received) - bound_us`` if that is more: a row dated into the future makes
   nothing late. Windows whose end the watermark has reached are emitted, by (start, key).
2. A row of a window not yet closed is counted. So is one of a closed window within ``lateness_us`` of its end, and that
   window is emitted again with the next revision when the watermark next crosses a multiple of the width.
   A later row still is refused, counted in its key's ``too_late`` and named in ``refused``.

One state is one producer's: two producers have two watermarks. Windows are aligned to the epoch. Keys are dense small
integers (see ``keys``). Sketches are described in ``sketches``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analytics.kernels import F64, I32, I64, U64, column
from analytics.window_dump import FLOATS, INTS, live, pack_cells, pack_sketches, unpack
from analytics.window_kernel import FAR, NEVER, extremes, glance, note_due, punctuate, scan, watermarks
from analytics.window_memory import (
    CELLS,
    CHUNKS,
    CHUNKS_TOP,
    COLUMNS,
    DUE,
    FREE,
    KEY,
    OUT,
    REFUSED,
    REGISTERS_HELD,
    ROOM,
    WANT,
    WATERMARK,
    Memory,
    enter_all,
)

NO_WATERMARK = -(1 << 62)
VERSION = 1


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """What to compute: window width, how late rows may come, how far out of order they normally do (all us)."""

    width_us: int
    lateness_us: int = 0
    bound_us: int = 0
    sketches: bool = True
    max_keys: int = 1 << 20

    def __post_init__(self) -> None:
        if not 0 < self.width_us < 1 << 58:
            raise ValueError(f"a window is 1 us to 9,000 years wide, not {self.width_us} us")
        if not (0 <= self.lateness_us < 1 << 58 and 0 <= self.bound_us < 1 << 58):
            raise ValueError("lateness and bound are 0 us to 9,000 years")
        if not 0 < self.max_keys <= 1 << 31:
            raise ValueError(f"there are 1 to 2^31 keys, not {self.max_keys}")


@dataclass(frozen=True, slots=True)
class Samples:
    """One row a (window, key), in order of emission. NaN where there was no value or the spec has no sketches."""

    start: I64
    """us UTC; the window is [start, start + width)."""
    key: I32
    count: I64
    """Rows."""
    values: I64
    """Rows with a finite value: what sum, mean, min, max and quantiles are of."""
    sum: F64
    min: F64
    max: F64
    p50: F64
    p95: F64
    p99: F64
    distinct: I64
    """-1 without sketches."""
    revision: I32
    """0 when first emitted; a greater one replaces it."""
    too_late: I64
    """All rows of this key refused so far: a counter."""
    row: I64
    """The row of the call that raised the watermark far enough; beyond every row for a punctuation."""
    refused: I64
    """int64[m]: the rows of the call that came too late for their window."""

    @property
    def mean(self) -> F64:
        """float64[n]: sum / values, NaN without values."""
        some = self.values > 0
        return np.where(some, self.sum / np.maximum(self.values, 1), np.nan)

    @property
    def rows(self) -> int:
        return len(self.start)


def _samples(m: Memory, refused: I64 | None = None) -> Samples:
    n = int(m.registers[OUT])
    m.registers[OUT] = 0
    refused = _I64 if refused is None else refused
    if n == 0:
        return replace(NOTHING, refused=refused) if len(refused) else NOTHING
    i, f = m.out[:n].T.copy(), m.outf[:n].T.copy()
    start, key, count, values, distinct, revision, late, row = (i[c] for c in range(8))
    return Samples(
        start,
        key.astype(np.int32),
        count,
        values,
        f[0],
        f[1],
        f[2],
        f[3],
        f[4],
        f[5],
        distinct,
        revision.astype(np.int32),
        late,
        row,
        refused,
    )


_I64, _I32, _F64 = np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0)
NOTHING = Samples(_I64, _I32, _I64, _I64, _F64, _F64, _F64, _F64, _F64, _F64, _I64, _I32, _I64, _I64, _I64)
"""No samples."""


class WindowState:
    """The open and the lately closed windows of one producer; grows with the keys and windows that are alive."""

    __slots__ = ("memory", "spec")

    def __init__(self, spec: WindowSpec, *, cells: int = 64, words: int = 4 * ROOM) -> None:
        self.spec = spec
        self.memory = _memory(cells, words if spec.sketches else 4)

    @property
    def watermark(self) -> int:
        """us UTC; ``NO_WATERMARK`` before the first row."""
        return int(self.memory.registers[WATERMARK])

    @property
    def too_late(self) -> I64:
        """int64[keys]: refused rows by key."""
        return self.memory.too_late

    def dump(self) -> dict[str, Any]:
        """Plain arrays and ints. Equal histories give equal dumps."""
        m = self.memory
        order = live(m)
        ints, floats = np.empty((len(order), INTS), np.int64), np.empty((len(order), FLOATS))
        pack_cells(m, order, ints, floats)
        words = np.empty(0, np.uint32)
        if self.spec.sketches:
            words = np.empty(pack_sketches(m, order, words), np.uint32)
            pack_sketches(m, order, words)
        late = np.flatnonzero(m.too_late)
        return {
            "version": VERSION,
            "watermark": self.watermark,
            "cells": ints,
            "floats": floats,
            "sketches": words,
            "late_keys": late,
            "late_rows": m.too_late[late],
        }

    @classmethod
    def load(cls, spec: WindowSpec, dump: Mapping[str, Any]) -> WindowState:
        """The state that ``dump`` shows. Raises ``ValueError`` for another version."""
        if dump["version"] != VERSION:
            raise ValueError(f"windows of version {dump['version']}, this is version {VERSION}")
        ints, floats, words = column(dump["cells"], np.int64), column(dump["floats"], np.float64), dump["sketches"]
        n = len(ints)
        state = cls(spec, cells=2 * n + 64, words=3 * len(words) + 16 * n + 4 * ROOM)
        late = column(dump["late_keys"], np.int64)
        _know_keys(state, int(max(ints[:, 1].max(initial=-1), late.max(initial=-1))))
        state.memory.too_late[late] = dump["late_rows"]
        state.memory.registers[WATERMARK] = dump["watermark"]
        unpack(state.memory, spec.width_us, spec.sketches, ints, floats, column(words, np.uint32))
        note_due(state.memory, spec.width_us, spec.lateness_us)
        return state


def advance(state: WindowState, time: I64, received: I64, key: I32, value: F64, distinct_hash: U64) -> Samples:
    """Take rows in order and answer what closed or was revised on the way.

    ``time``, ``received``: int64[n], us UTC (beyond 73,000 years from 1970 they count as that). ``key``: int32[n] in
    [0, max_keys), or -1 for a row that only raises the watermark. ``value``: float64[n]; what is not finite is no value.
    ``distinct_hash``: uint64[n], 0 for none.
    Raises ``ValueError``, before any row is taken, if lengths differ or a key is out of range.
    """
    n = len(time)
    if n == 0:
        return NOTHING
    if len(received) != n:
        raise ValueError("the columns differ in length")
    time, received, marks = column(time, np.int64), column(received, np.int64), np.empty(n, np.int64)
    watermarks(state.watermark, state.spec.bound_us, time, received, marks)
    return take(state, marks, np.arange(n), time, key, value, distinct_hash)


def take(state: WindowState, marks: I64, rows: I64, time: I64, key: I32, value: F64, distinct_hash: U64) -> Samples:
    """As ``advance``, where only some rows are about these windows, and the watermark at each row is known.

    ``marks``: int64[n], not falling. ``rows``: int64[m], ascending, which of the n are taken; ``key``: int32[m].
    """
    n, m = len(marks), len(rows)
    if n == 0:
        return NOTHING
    if m == 0 and pass_by(state, int(marks[-1])):
        return NOTHING
    if not (len(time) == len(value) == len(distinct_hash) == n and len(key) == m and (m == 0 or rows[-1] < n)):
        raise ValueError("the columns differ in length")
    keys = column(key, np.int32)
    if m:
        least, greatest = extremes(keys)
        _know_keys(state, greatest, least)
    marks, rows, time = column(marks, np.int64), column(rows, np.int64), column(time, np.int64)
    value, hashes = column(value, np.float64), column(distinct_hash, np.uint64)
    spec, at, refused = state.spec, 0, np.zeros(m, np.bool_)
    width, lateness, sketches = spec.width_us, spec.lateness_us, spec.sketches
    state.memory.registers[REFUSED] = 0
    while True:
        at = scan(
            state.memory, width, lateness, sketches, at, marks, rows, time, keys, value, hashes, refused
        )  # fmt: skip
        registers = state.memory.registers
        if not registers[WANT]:
            return _samples(state.memory, rows[refused] if registers[REFUSED] else None)
        _grow(state)


def pass_by(state: WindowState, watermark_us: int) -> bool:
    """Raise the watermark if nothing closes, is emitted again or goes on the way; else do nothing and say False.

    So rows that are no row of these windows cost one comparison, however many they are.
    """
    registers = state.memory.registers
    to = min(max(watermark_us, -FAR), FAR)
    if to >= registers[DUE]:
        return False
    if to > registers[WATERMARK]:
        registers[WATERMARK] = to
    return True


def advance_watermark(state: WindowState, watermark_us: int) -> Samples:
    """Take a punctuation of an idle producer: no row will come whose min(time, received) is less."""
    spec, to = state.spec, max(watermark_us, NO_WATERMARK)
    if pass_by(state, to):
        return NOTHING
    while not punctuate(state.memory, to, spec.width_us, spec.lateness_us, spec.sketches):
        _grow(state)
    return _samples(state.memory)


def due(state: WindowState) -> int:
    """The least watermark, us UTC, at which a window closes, is emitted again or is let go; ``NEVER``: at none."""
    return int(state.memory.registers[DUE])


def peek(state: WindowState) -> Samples:
    """The open windows as they stand, by (start, key); changes nothing."""
    while not glance(state.memory, state.spec.width_us, state.spec.sketches):
        _grow(state, output=True)
    return _samples(state.memory)


def _memory(cells: int, words: int) -> Memory:
    registers = np.zeros(REGISTERS_HELD, np.int64)
    registers[WATERMARK], registers[FREE], registers[DUE] = NO_WATERMARK, -1, NEVER
    ints = np.zeros((cells, COLUMNS), np.int64)
    ints[:, KEY] = -2
    chunks = np.zeros(words, np.uint32)
    return Memory(
        registers,
        ints,
        ints.view(np.float64),
        np.zeros(1 << (2 * cells).bit_length(), np.int32),
        np.zeros((3, cells), np.int32),
        np.zeros(16, np.int32),
        np.zeros(16, np.int64),
        chunks,
        chunks.view(np.uint8),
        np.zeros(16, np.int64),
        np.zeros((64, 8), np.int64),
        np.zeros((64, 6)),
    )


def _know_keys(state: WindowState, greatest: int, least: int = 0) -> None:
    m, limit = state.memory, state.spec.max_keys
    if least < -1 or greatest >= limit:
        raise ValueError(f"keys are -1 to {limit - 1}, not {least if least < -1 else greatest}")
    if greatest >= len(m.last):
        more = max(greatest + 1, 2 * len(m.last)) - len(m.last)
        state.memory = m._replace(
            last=np.concatenate([m.last, np.zeros(more, np.int32)]),
            too_late=np.concatenate([m.too_late, np.zeros(more, np.int64)]),
        )


def _grow(state: WindowState, *, output: bool = False) -> None:
    """Double what the kernel wants."""
    m = state.memory
    want = int(m.registers[WANT])
    if want == CELLS and not output:
        extra = np.zeros_like(m.cells)
        extra[:, KEY] = -2
        cells = np.concatenate([m.cells, extra])
        table, lists = np.zeros(2 * len(m.table), np.int32), np.concatenate([m.lists, np.zeros_like(m.lists)], axis=1)
        state.memory = m._replace(cells=cells, cellsf=cells.view(np.float64), table=table, lists=lists)
        enter_all(state.memory)
    elif want == CHUNKS and not output:
        words = np.concatenate([m.words, np.zeros(max(len(m.words), int(m.registers[CHUNKS_TOP])), np.uint32)])
        state.memory = m._replace(words=words, bytes=words.view(np.uint8))
    else:
        out, outf = np.concatenate([m.out, np.zeros_like(m.out)]), np.concatenate([m.outf, np.zeros_like(m.outf)])
        state.memory = m._replace(out=out, outf=outf)
