"""Has the mean of a stream changed? ADWIN (Bifet and Gavalda, SIAM SDM 2007) for many keys at once, row by row.

A key's window is an exponential histogram: up to five buckets of 1, 2, 4, 8 ... rows, each with their sum and their
squared deviations. Every ``every`` rows each boundary between buckets is tried; where the means before and after it
differ by more than

    sqrt(2 v L (1/a + 1/b)) + 2/3 r L (1/a + 1/b),    L = ln(2 ln(n) / delta)

(a and b rows on either side of n, v their variance, r their range) the stream has changed, and the oldest buckets are
dropped until no boundary differs so. The paper's range is 1; here it is ``reach`` standard deviations of the window, so that
values need not lie in [0, 1] and the same changes are found in any unit. The logarithm is of n's power of two, from a table
made once: the folded state itself takes + - * / and square roots only.

``delta`` bounds the chance that one check errs on independent rows. Rows that resemble their neighbours have fewer
independent ones among them than the bound counts, and alarm more often: watch a residual, or means of several rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import Any, NamedTuple

import numpy as np
from numba import boolean, float64, int32, int64, void

from analytics.kernels import F64, I32, I64, Bools, column, kernel, reads, writes

VERSION = 1
BUCKETS = 5
"""Most buckets of one size; one more is the room that an insertion needs."""
LEVELS = 18
"""Sizes 2^0 to 2^17: a window holds up to about 1.3 M rows, older ones are forgotten."""

_ROWS, _SINCE, _FILLED = (
    0,
    1,
    2,
)  # in a key's counts: rows in the window, rows since the last check, buckets of each level
_SUM, _SPREAD = 0, 1  # in a key's sums: of the window, then of each bucket
_LARGEST = 1e100  # so that no sum of squares overflows
_COUNTS, _SUMS = 2 + LEVELS, 2 + 2 * LEVELS * (BUCKETS + 1)


@dataclass(frozen=True, slots=True)
class DriftSpec:
    """How watchful to be."""

    delta: float = 0.002
    """Chance of a false alarm at a check; the bound is cautious, see docs/quality/drift.md for what it came to."""
    every: int = 32
    """Rows of a key between two checks."""
    least: int = 5
    """Fewest rows on either side of a boundary."""
    reach: float = 3.0
    """Range of the values, in standard deviations of the window."""
    max_keys: int = 1 << 20

    def __post_init__(self) -> None:
        if not 0 < self.delta < 1:
            raise ValueError(f"delta {self.delta}: choose a probability between 0 and 1")
        if self.every < 1 or self.least < 1 or self.reach < 0 or self.max_keys < 1:
            raise ValueError("every, least and max_keys are at least 1, reach is not negative")

    def logarithms(self) -> F64:
        """L for windows of fewer than 2^(i + 1) rows, at i."""
        return np.array([log(2 * max(log(2.0 ** (i + 1)), 1.0) / self.delta) for i in range(64)])


class Changes(NamedTuple):
    """One row for each input row; NaN stands for: not known."""

    changed: Bools
    """The mean has changed, and this row's check found it."""
    mean: F64
    """Of the window after the row."""
    before: F64
    """Of the rows that a change dropped."""
    rows: I64
    """In the window."""


class DriftState:
    """The windows of all keys; grows with the keys, 1.8 kB each."""

    __slots__ = ("counts", "logarithms", "spec", "sums")

    def __init__(self, spec: DriftSpec) -> None:
        self.spec = spec
        self.logarithms = spec.logarithms()
        self.counts: I32 = np.zeros((0, _COUNTS), np.int32)
        self.sums: F64 = np.zeros((0, _SUMS))

    def know(self, keys: int) -> None:
        """Make room for keys below ``keys``."""
        have = len(self.counts)
        if keys > have:
            more = max(keys, 2 * have) - have
            self.counts = np.concatenate([self.counts, np.zeros((more, _COUNTS), np.int32)])
            self.sums = np.concatenate([self.sums, np.zeros((more, _SUMS))])

    def dump(self) -> dict[str, Any]:
        """Plain arrays of the keys seen, with their filled buckets only. Equal histories give equal dumps."""
        keys = np.flatnonzero(self.counts[:, _ROWS])
        counts = self.counts[keys]
        return {
            "version": VERSION,
            "keys": keys,
            "counts": counts,
            "windows": self.sums[keys, :2],
            "buckets": self.sums[keys, 2:][_used(counts)],
        }

    @classmethod
    def load(cls, spec: DriftSpec, dump: Mapping[str, Any]) -> DriftState:
        """The state that ``dump`` shows. Raises ``ValueError`` for another version."""
        if dump["version"] != VERSION:
            raise ValueError(f"drift state of version {dump['version']}, this is version {VERSION}")
        state, keys = cls(spec), column(dump["keys"], np.int64)
        state.know(int(keys.max(initial=-1)) + 1)
        state.counts[keys] = dump["counts"]
        sums = np.zeros((len(keys), _SUMS))
        sums[:, :2] = dump["windows"]
        sums[:, 2:][_used(state.counts[keys])] = dump["buckets"]
        state.sums[keys] = sums
        return state


def _used(counts: I32) -> Bools:
    """Which of the buckets' sums hold something."""
    used = np.arange(BUCKETS + 1) < counts[:, _FILLED:, None]
    return np.repeat(used, 2, 2).reshape(len(counts), _SUMS - 2)


def update(state: DriftState, key: I32, value: F64) -> Changes:
    """Take rows in order: int32[n] keys in [0, max_keys), float64[n] values. Those of 1e100 and more, or NaN, are skipped.

    Raises ``ValueError`` before any row is taken, if lengths differ or a key is out of range.
    """
    n = len(key)
    if n != len(value):
        raise ValueError("the columns differ in length")
    keys, spec = column(key, np.int32), state.spec
    if n and not (keys.min() >= 0 and keys.max() < spec.max_keys):
        raise ValueError(f"keys are 0 to {spec.max_keys - 1}")
    state.know(int(keys.max(initial=-1)) + 1)
    found = Changes(np.empty(n, np.bool_), np.empty(n), np.empty(n), np.empty(n, np.int64))
    _scan(
        state.counts,
        state.sums,
        state.logarithms,
        spec.every,
        spec.least,
        spec.reach,
        keys,
        column(value, np.float64),
        *found,
    )
    return found


@kernel(int64(int64, int64))
def _at(level: int, bucket: int) -> int:
    return 2 + 2 * (level * (BUCKETS + 1) + bucket)


@kernel(void(writes(int32), writes(float64), int64, int64))
def _shift(counts: I32, sums: F64, level: int, by: int) -> None:
    """Take the ``by`` oldest buckets out of a level."""
    counts[_FILLED + level] -= by
    for i in range(counts[_FILLED + level]):
        to, source = _at(level, i), _at(level, i + by)
        sums[to], sums[to + 1] = sums[source], sums[source + 1]


@kernel(void(writes(int32), writes(float64), int64))
def _drop(counts: I32, sums: F64, level: int) -> None:
    """Forget the oldest bucket, which is the first of the highest level that has any."""
    n, size = counts[_ROWS], 1 << level
    rest, total, spread = n - size, sums[_at(level, 0)], sums[_at(level, 0) + 1]
    if rest > 0:
        apart = total / size - (sums[_SUM] - total) / rest
        sums[_SPREAD] = max(0.0, sums[_SPREAD] - spread - apart * apart * size * rest / n)
        sums[_SUM] -= total
    else:
        sums[_SUM] = sums[_SPREAD] = 0.0
    counts[_ROWS] = rest
    _shift(counts, sums, level, 1)


@kernel(void(writes(int32), writes(float64), float64))
def _insert(counts: I32, sums: F64, value: float) -> None:
    """Add a row, then pair the two oldest buckets of each level that overflows."""
    n = counts[_ROWS]
    if n > 0:
        off = value - sums[_SUM] / n
        sums[_SPREAD] += off * off * n / (n + 1)
    sums[_SUM] += value
    counts[_ROWS] = n + 1
    at = _at(0, counts[_FILLED])
    sums[at], sums[at + 1] = value, 0.0
    counts[_FILLED] += 1
    level = 0
    while counts[_FILLED + level] > BUCKETS:
        if level == LEVELS - 1:
            _drop(counts, sums, level)
            return
        size = 1 << level
        one, two, to = _at(level, 0), _at(level, 1), _at(level + 1, counts[_FILLED + level + 1])
        apart = sums[one] / size - sums[two] / size
        sums[to] = sums[one] + sums[two]
        sums[to + 1] = sums[one + 1] + sums[two + 1] + apart * apart * size / 2
        counts[_FILLED + level + 1] += 1
        _shift(counts, sums, level, 2)
        level += 1


@kernel(boolean(reads(int32), reads(float64), reads(float64), int64, float64))
def _differs(counts: I32, sums: F64, logarithms: F64, least: int, reach: float) -> bool:
    """Whether the means on the two sides of any boundary are too far apart."""
    n = counts[_ROWS]
    place = 0
    while n >> (place + 1):
        place += 1
    variance = sums[_SPREAD] / n
    bound = logarithms[place]
    root, linear = 2.0 * variance * bound, 2.0 / 3.0 * reach * np.sqrt(variance) * bound
    a, total = 0, 0.0
    for level in range(LEVELS - 1, -1, -1):
        for i in range(counts[_FILLED + level]):
            a += 1 << level
            total += sums[_at(level, i)]
            b = n - a
            if b < least:
                return False
            if a >= least:
                apart = abs(total / a - (sums[_SUM] - total) / b)
                scale = 1.0 / a + 1.0 / b
                over = apart - linear * scale
                if over > 0.0 and over * over > root * scale:
                    return True
    return False


@kernel(
    void(
        writes(int32, 2),
        writes(float64, 2),
        reads(float64),
        int64,
        int64,
        float64,
        reads(int32),
        reads(float64),
        writes(boolean),
        writes(float64),
        writes(float64),
        writes(int64),
    )
)
def _scan(
    counts: I32,
    sums: F64,
    logarithms: F64,
    every: int,
    least: int,
    reach: float,
    key: I32,
    value: F64,
    changed: Bools,
    mean: F64,
    before: F64,
    rows: I64,
) -> None:
    for i in range(key.shape[0]):
        count, sum_ = counts[key[i]], sums[key[i]]
        changed[i], before[i] = False, np.nan
        if abs(value[i]) < _LARGEST:
            _insert(count, sum_, value[i])
            count[_SINCE] += 1
            if count[_SINCE] >= every:
                count[_SINCE] = 0
                n, total = count[_ROWS], sum_[_SUM]
                while count[_ROWS] >= 2 * least and _differs(count, sum_, logarithms, least, reach):
                    level = LEVELS - 1
                    while count[_FILLED + level] == 0:
                        level -= 1
                    _drop(count, sum_, level)
                if count[_ROWS] < n:
                    changed[i], before[i] = True, (total - sum_[_SUM]) / (n - count[_ROWS])
        rows[i] = count[_ROWS]
        mean[i] = sum_[_SUM] / count[_ROWS] if count[_ROWS] else np.nan
