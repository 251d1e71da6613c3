"""Mergeable sketches: DDSketch for quantiles, HyperLogLog for distinct counts. Both merge exactly, in any order.

DDSketch (Masson, Rim, Lee, VLDB 2019): value -> integer bucket, and buckets are counted. Here 35 buckets an octave with
the cubic interpolation of log2 from sketches-go, so that no logarithm is taken: a bucket spans at most a factor e^0.02
and its representative is within 1 % of every value in it. Negative values mirror the positive ones. Magnitudes below
2^-40 count as zero, those of 2^60 and more fall into the last bucket; NaN and infinities are not values (skipped).

HyperLogLog (Flajolet et al. 2007; sparse form after Heule et al. 2013) with 2^12 registers. Up to 768 distinct hashes
are kept as such at 25 bits and counted exactly but for their collisions (n/2^26 of them); beyond that the registers
are read with Ertl's estimator (arXiv:1702.01284, alg. 6: only + * and sqrt), standard error 1.6 %. The form
is decided by the set alone, so merging is exact too. Hashes are 64-bit and come from the caller; 0 means none.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numba import float64, int64, uint8, uint32, uint64, void

from analytics.kernels import F64, I64, U8, U32, U64, column, kernel, reads, writes

OCTAVE = 35
LOWEST, HIGHEST = -40, 60
BUCKETS = (HIGHEST - LOWEST) * OCTAVE
"""Buckets run from -BUCKETS (most negative) over 0 (zero) to BUCKETS."""

PRECISION = 12
REGISTERS = 1 << PRECISION
SPARSE = 768
"""More distinct hashes than this and the sketch is dense."""


def _cubic(s: float) -> float:
    return ((6 / 35 * s - 3 / 5) * s + 10 / 7) * s


def _bounds() -> F64:
    """Lower bounds of the buckets of [1, 2), found by bisection, with the 2.0 that ends them."""
    bounds = np.ones(OCTAVE + 1)
    for i in range(1, OCTAVE + 1):
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if _cubic(middle) * OCTAVE < i else (low, middle)
        bounds[i] = 1.0 + low if i < OCTAVE else 2.0
    return bounds


def _middles() -> F64:
    bounds = _bounds()
    octave = 2 * bounds[:-1] * bounds[1:] / (bounds[:-1] + bounds[1:])
    powers = np.ldexp(1.0, np.arange(LOWEST, HIGHEST))
    positive = (powers[:, None] * octave).ravel()
    return np.concatenate([-positive[::-1], [0.0], positive])


MIDDLES = _middles()
"""float64[2 * BUCKETS + 1]: what stands for a bucket, at index bucket + BUCKETS."""


@kernel(int64(float64))
def _bits(value: Any) -> Any:
    return np.float64(value).view(np.int64)


@kernel(float64(int64))
def _float(bits: Any) -> Any:
    return np.int64(bits).view(np.float64)


@kernel(int64(float64))
def bucket_of(value: Any) -> Any:
    """The bucket of a finite value."""
    magnitude = abs(value)
    if magnitude < 2.0**LOWEST:
        return 0
    if magnitude >= 2.0**HIGHEST:
        bucket = BUCKETS
    else:
        bits = _bits(magnitude)
        s = _float((bits & 0x000FFFFFFFFFFFFF) | 0x3FF0000000000000) - 1.0
        part = min(int64(OCTAVE * (((6 / 35 * s - 3 / 5) * s + 10 / 7) * s)), OCTAVE - 1)
        bucket = ((bits >> 52) - 1023 - LOWEST) * OCTAVE + part + 1
    return bucket if value > 0 else -bucket


@kernel(uint32(uint64))
def sparse_entry(hash_: Any) -> Any:
    """A hash as 25 bits of index and 6 bits of rank (1..40) among the rest; never 0."""
    rest = uint64(hash_) << uint64(25)
    rank = uint32(1)
    while rank < uint32(40) and (rest >> uint64(63)) == uint64(0):
        rest = rest << uint64(1)
        rank += uint32(1)
    return uint32((uint64(hash_) >> uint64(39)) << uint64(6)) | rank


@kernel(void(writes(uint8), int64, uint32))
def into_registers(registers: U8, at: int, entry: Any) -> None:
    """Put a sparse entry into the 4096 registers that begin at ``at``; the same registers as from its hash."""
    index = uint32(entry) >> uint32(6)
    low = index & uint32(0x1FFF)
    rank = uint32(entry) & uint32(63)
    if low == uint32(0):
        rank += uint32(13)
    else:
        rank = uint32(1)
        while (low >> uint32(12)) == uint32(0):
            low = low << uint32(1)
            rank += uint32(1)
    place = at + int64(index >> uint32(13))
    if registers[place] < rank:
        registers[place] = uint8(rank)


@kernel(int64(reads(uint8), int64))
def estimate(registers: U8, at: int) -> int:
    """The rounded count of distinct hashes behind the 4096 registers that begin at ``at``."""
    ranks = np.zeros(54, np.int64)
    for i in range(at, at + REGISTERS):
        ranks[registers[i]] += 1
    m = float64(REGISTERS)
    x = 1.0 - ranks[53] / m
    tau = 0.0
    if x != 0.0 and x != 1.0:
        y, tau, before = 1.0, 1.0 - x, -1.0
        while tau != before:
            x = np.sqrt(x)
            before = tau
            y *= 0.5
            tau -= (1.0 - x) * (1.0 - x) * y
        tau /= 3.0
    z = m * tau
    for k in range(52, 0, -1):
        z = 0.5 * (z + ranks[k])
    x = ranks[0] / m
    if x == 1.0:
        return 0
    y, sigma, before = 1.0, x, -1.0
    while sigma != before:
        x *= x
        before = sigma
        sigma += x * y
        y += y
    z += m * sigma
    return int64(0.7213475204444817 * m * m / z + 0.5)  # 1 / (2 ln 2)


@kernel(void(reads(float64), writes(int64)))
def _count_buckets(values: F64, counts: I64) -> None:
    for i in range(values.shape[0]):
        if np.isfinite(values[i]):
            counts[bucket_of(values[i]) + BUCKETS] += 1


@kernel(void(reads(uint64), writes(uint32)))
def _entries(hashes: U64, entries: U32) -> None:
    for i in range(hashes.shape[0]):
        entries[i] = sparse_entry(hashes[i])


@kernel(void(reads(uint32), writes(uint8)))
def _all_into(entries: U32, registers: U8) -> None:
    for i in range(entries.shape[0]):
        into_registers(registers, 0, entries[i])


class DDSketch:
    """Quantiles of a stream within 1 % relative error (zero and the extremes as the module says)."""

    __slots__ = ("counts",)

    def __init__(self) -> None:
        self.counts: I64 = np.zeros(2 * BUCKETS + 1, np.int64)

    def add(self, values: F64) -> None:
        """Count float64[n]; what is not finite is skipped."""
        _count_buckets(column(values, np.float64), self.counts)

    def merge(self, other: DDSketch) -> None:
        """Exact: as if all values had been added here."""
        self.counts += other.counts

    def __len__(self) -> int:
        return int(self.counts.sum())

    def quantile(self, q: float) -> float:
        """The value of rank floor(q (n - 1)), within 1 %; NaN when empty. ``q`` in [0, 1]."""
        if not 0 <= q <= 1:
            raise ValueError(f"a quantile lies in [0, 1], not at {q}")
        n = len(self)
        if n == 0:
            return float("nan")
        rank = int(q * (n - 1))
        return float(MIDDLES[np.searchsorted(np.cumsum(self.counts), rank, side="right")])

    def dump(self) -> bytes:
        """The occupied buckets with their counts, ascending: int64 pairs."""
        used = np.flatnonzero(self.counts)
        return np.stack([used - BUCKETS, self.counts[used]]).astype("<i8").tobytes()

    @classmethod
    def load(cls, data: bytes) -> Self:
        sketch = cls()
        used, counts = np.frombuffer(data, "<i8").reshape(2, -1)
        sketch.counts[used + BUCKETS] = counts
        return sketch


class HyperLogLog:
    """How many distinct hashes were added: exact-ish to 768, then within about 1.6 % (one standard error)."""

    __slots__ = ("entries", "registers")

    def __init__(self) -> None:
        self.entries: U32 = np.empty(0, np.uint32)
        """Sparse form, ascending; empty once dense."""
        self.registers: U8 | None = None

    def add(self, hashes: U64) -> None:
        """Add uint64[n]; 0 is skipped."""
        present = column(hashes, np.uint64)
        present = present[present != 0]
        entries = np.empty(len(present), np.uint32)
        _entries(present, entries)
        self._take(entries)

    def _take(self, entries: U32) -> None:
        if self.registers is None:
            union = np.unique(np.concatenate([self.entries, entries]))
            last = np.append(union[1:] >> 6 != union[:-1] >> 6, True) if len(union) else np.empty(0, np.bool_)
            self.entries = union[last]  # of one index the greatest rank
            if len(self.entries) <= SPARSE:
                return
            self.registers = np.zeros(REGISTERS, np.uint8)
            entries, self.entries = self.entries, np.empty(0, np.uint32)
        _all_into(entries, self.registers)

    def merge(self, other: HyperLogLog) -> None:
        """Exact: as if all hashes had been added here."""
        if other.registers is None:
            self._take(other.entries)
            return
        registers = other.registers.copy()
        _all_into(self.entries, registers)
        self.registers = registers if self.registers is None else np.maximum(registers, self.registers)
        self.entries = np.empty(0, np.uint32)

    def count(self) -> int:
        """The estimate, rounded."""
        return len(self.entries) if self.registers is None else int(estimate(self.registers, 0))

    def dump(self) -> bytes:
        """One byte for the form, then sparse entries (uint32, ascending) or 4096 registers."""
        if self.registers is None:
            return b"s" + self.entries.astype("<u4").tobytes()
        return b"d" + self.registers.tobytes()

    @classmethod
    def load(cls, data: bytes) -> Self:
        sketch = cls()
        if data[:1] == b"d":
            sketch.registers = np.frombuffer(data, np.uint8, offset=1).copy()
        else:
            sketch.entries = np.frombuffer(data[1:], "<u4").astype(np.uint32)
        return sketch
