"""Is this value unusual for its key? A streaming band and a streaming score, many keys at once.

The band (``expected``, ``lower``, ``upper``, ``is_anomaly``): an exponentially weighted level and mean absolute deviation
follow the values, each innovation clipped at three standard deviations (Huber 1964; Gelper, Fried, Croux 2010), so that a
spike does not teach the spike. After ``shift_rows`` anomalies in a row on one side the level has shifted: it moves to their
mean. How far out an anomaly begins is learned for each side: the point that a fiftieth of the rows exceed (stochastic
approximation, Robbins and Monro 1951) and the mean excess over it, continued as an exponential tail (peaks over
threshold: Siffer et al. 2017, with shape 0) to the probability that ``false_alarms_per_week`` allows.

The score (``score``) ranks rows by how surprising they are beside all that the key has shown: ``surprise.py``. It marks the
beginning of an episode and falls silent during it, so a row in the middle of one may be an anomaly with a low score.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import float64, int8, int32, int64, types, uint8, void

from analytics.anomaly.surprise import BINS, TRACE, surprise
from analytics.typed import F64, I8, I32, I64, U8, Bools, column, kernel, reads, writes

WEEK_US = 7 * 24 * 3_600_000_000
WARMING, READY = 0, 1
VERSION = 2

_SEEN, _RUN = 0, 1
_LEVEL, _DEVIATION, _RUN_SUM, _POINT, _EXCESS = 0, 1, 2, (3, 5), (4, 6)
_SIGMA = 1.2533141373155003  # sqrt(pi / 2): standard deviation of normal noise from its mean absolute deviation
_CLIP = 3.0
_LARGEST = 1e150
_BEYOND = 0.02
"""The share of the rows beyond the learned point of each side."""
_POINT_OF_NORMAL, _EXCESS_AT_FIRST = 2.05, 0.45
_POINT_STEP, _EXCESS_RATE, _EXCESS_CLIP = 0.05, 0.03, 6.0
_LEAST_EXCESS = 0.2


@dataclass(frozen=True, slots=True)
class AnomalySpec:
    """How watchful to be, in false alarms a week and key, and how fast to learn."""

    false_alarms_per_week: float = 1.0
    interval_us: int = 10_000_000
    """Time between two values of a key."""
    memory_rows: int = 60
    """Values that the level remembers, about."""
    warm_up_rows: int = 30
    shift_rows: int = 12
    max_keys: int = 1 << 20

    def __post_init__(self) -> None:
        if not (self.false_alarms_per_week > 0 and self.interval_us > 0):
            raise ValueError(
                f"{self.false_alarms_per_week} false alarms a week at {self.interval_us} us: both are above 0"
            )
        if self.warm_up_rows < 2 or self.memory_rows < 2 or self.shift_rows < 2:
            raise ValueError("warm-up, memory and shift take at least 2 rows each")

    @property
    def tail(self) -> float:
        """The probability below which a value is an anomaly; never above 1 %, however rare the rows."""
        return min(0.01, self.false_alarms_per_week * self.interval_us / WEEK_US)


class Scores(NamedTuple):
    """One row for each input row. While warming and for NaN: score 0, bounds NaN."""

    score: F64
    """[0, 1): s / (1 + s) of the surprise s; 0.5 is as surprising as the key has reason to expect at most."""
    expected: F64
    lower: F64
    upper: F64
    """Outside of [lower, upper] is an anomaly."""
    direction: I8
    """-1 below, 1 above, 0 as expected or unknown."""
    is_anomaly: Bools
    status: U8
    """WARMING or READY."""


class AnomalyState:
    """What is known of each key; grows with the keys."""

    __slots__ = ("counts", "levels", "newest", "profile", "seasoned", "spec", "threshold", "trace")

    def __init__(self, spec: AnomalySpec) -> None:
        self.spec = spec
        self.threshold = logarithm(_BEYOND / (spec.tail / 2))
        self.counts: I64 = np.zeros((0, 2), np.int64)
        self.levels: F64 = np.zeros((0, 7))
        self.newest: I64 = np.zeros(0, np.int64)
        self.trace: F64 = np.zeros((0, TRACE))
        self.profile: F64 = np.zeros((0, BINS))
        self.seasoned: U8 = np.zeros((0, BINS), np.uint8)

    def know(self, keys: int) -> None:
        """Make room for keys below ``keys``."""
        have = len(self.newest)
        if keys > have:
            more = max(keys, 2 * have) - have
            self.counts = np.concatenate([self.counts, np.zeros((more, 2), np.int64)])
            self.levels = np.concatenate([self.levels, np.zeros((more, 7))])
            self.newest = np.concatenate([self.newest, np.full(more, np.iinfo(np.int64).min)])
            self.trace = np.concatenate([self.trace, np.zeros((more, TRACE))])
            self.profile = np.concatenate([self.profile, np.zeros((more, BINS))])
            self.seasoned = np.concatenate([self.seasoned, np.zeros((more, BINS), np.uint8)])

    def dump(self) -> dict[str, Any]:
        """Plain arrays and ints of the keys seen. Equal histories give equal dumps."""
        keys = np.flatnonzero(self.counts[:, _SEEN])
        return {
            "version": VERSION,
            "keys": keys,
            "counts": self.counts[keys],
            "levels": self.levels[keys],
            "newest": self.newest[keys],
            "trace": self.trace[keys],
            "profile": self.profile[keys],
            "seasoned": self.seasoned[keys],
        }

    @classmethod
    def load(cls, spec: AnomalySpec, dump: Mapping[str, Any]) -> AnomalyState:
        """The state that ``dump`` shows. Raises ``ValueError`` for another version."""
        if dump["version"] != VERSION:
            raise ValueError(f"anomaly state of version {dump['version']}, this is version {VERSION}")
        state, keys = cls(spec), column(dump["keys"], np.int64)
        state.know(int(keys.max(initial=-1)) + 1)
        state.counts[keys], state.levels[keys] = dump["counts"], dump["levels"]
        state.newest[keys], state.trace[keys] = dump["newest"], dump["trace"]
        state.profile[keys], state.seasoned[keys] = dump["profile"], dump["seasoned"]
        return state


def score(state: AnomalyState, key: I32, time: I64, value: F64) -> Scores:
    """Score each row against what its key's earlier rows let expect, then learn from it.

    ``key``: int32[n] in [0, max_keys); ``time``: int64[n] us; ``value``: float64[n]. Values that are not finite are
    skipped. A row not newer than its key's newest (a revision) is scored, not learned from. Raises ``ValueError`` before any
    row is taken, if lengths differ or a key is out of range.
    """
    n = len(key)
    if not n == len(time) == len(value):
        raise ValueError("the columns differ in length")
    keys = column(key, np.int32)
    if n and not (keys.min() >= 0 and keys.max() < state.spec.max_keys):
        raise ValueError(f"keys are 0 to {state.spec.max_keys - 1}")
    state.know(int(keys.max(initial=-1)) + 1)
    numbers = np.empty((4, n))
    direction, anomalous, status = np.empty(n, np.int8), np.empty(n, np.bool_), np.empty(n, np.uint8)
    spec = state.spec
    _scan(
        state.counts,
        state.levels,
        state.newest,
        state.trace,
        state.profile,
        state.seasoned,
        state.threshold,
        2.0 / (spec.memory_rows + 1.0),
        spec.warm_up_rows,
        spec.shift_rows,
        keys,
        column(time, np.int64),
        column(value, np.float64),
        numbers,
        direction,
        anomalous,
        status,
    )
    expected, lower, upper = numbers[1], numbers[2], numbers[3]
    return Scores(numbers[0], expected, lower, upper, direction, anomalous, status)


def logarithm(x: float) -> float:
    """The natural logarithm by its series, the same to the bit on every machine: thresholds steer what is learned."""
    mantissa, exponent = math.frexp(x)
    ratio = (mantissa - 1.0) / (mantissa + 1.0)
    total, power = 0.0, ratio
    for k in range(1, 80, 2):
        total += power / k
        power *= ratio * ratio
    return 2.0 * total + exponent * 0.6931471805599453


@kernel(
    void(
        writes(int64, 2),
        writes(float64, 2),
        writes(int64),
        writes(float64, 2),
        writes(float64, 2),
        writes(uint8, 2),
        float64,
        float64,
        int64,
        int64,
        reads(int32),
        reads(int64),
        reads(float64),
        writes(float64, 2),
        writes(int8),
        writes(types.boolean),
        writes(uint8),
    )
)
def _scan(
    counts: I64,
    levels: F64,
    newest: I64,
    trace: F64,
    profile: F64,
    seasoned: U8,
    threshold: float,
    alpha: float,
    warm_up: int,
    shift: int,
    key: I32,
    time: I64,
    value: F64,
    numbers: F64,
    direction: I8,
    anomalous: Bools,
    status: U8,
) -> None:
    for i in range(key.shape[0]):
        k = key[i]
        v = min(max(value[i], -_LARGEST), _LARGEST) if np.isfinite(value[i]) else np.nan
        seen, level, deviation = counts[k, _SEEN], levels[k, _LEVEL], levels[k, _DEVIATION]
        ready = seen >= warm_up
        # A constant series has no scale of its own; a thousandth of its level is one.
        sigma = max(_SIGMA * deviation, 1e-3 * abs(level), 1e-12)
        numbers[0, i] = 0.0
        numbers[1, i] = level if seen else np.nan
        below = levels[k, _POINT[0]] + threshold * levels[k, _EXCESS[0]]
        above = levels[k, _POINT[1]] + threshold * levels[k, _EXCESS[1]]
        numbers[2, i] = level - below * sigma if ready else np.nan
        numbers[3, i] = level + above * sigma if ready else np.nan
        direction[i], anomalous[i], status[i] = 0, False, READY if ready else WARMING
        if not np.isfinite(v):
            numbers[2, i] = numbers[3, i] = np.nan
            continue
        off = v - level
        side = 1 if off > 0 else (-1 if off < 0 else 0)
        strange = ready and (off > above * sigma or -off > below * sigma)
        fresh = time[i] > newest[k]
        surprising = surprise(trace[k], profile[k], seasoned[k], seen, ready, time[i], v, fresh)
        numbers[0, i] = surprising / (1.0 + surprising)
        if ready:
            direction[i], anomalous[i] = side, strange
        if not fresh:
            continue
        newest[k] = time[i]
        counts[k, _SEEN] = seen + 1
        weight = max(alpha, 1.0 / (seen + 1.0))
        if not ready:
            # Plain means at first; the deviation is from the mean before the row, and the first row has none.
            levels[k, _LEVEL] = level + weight * off
            if seen == 0:
                for s in range(2):
                    levels[k, _POINT[s]], levels[k, _EXCESS[s]] = _POINT_OF_NORMAL, _EXCESS_AT_FIRST
            else:
                levels[k, _DEVIATION] = deviation + max(alpha, 1.0 / seen) * (abs(off) - deviation)
            continue
        run = counts[k, _RUN]
        if strange:
            same = run * side > 0
            run = run + side if same else side
            levels[k, _RUN_SUM] = levels[k, _RUN_SUM] + v if same else v
        else:
            run = 0
        counts[k, _RUN] = run
        if abs(run) >= shift:
            levels[k, _LEVEL] = levels[k, _RUN_SUM] / abs(run)
            counts[k, _RUN] = 0
            continue
        if abs(run) > 1:
            continue  # a shift in the making: widening the band now would hide it half way
        for s in range(2):
            point, excess = levels[k, _POINT[s]], levels[k, _EXCESS[s]]
            beyond = (off if s else -off) / sigma - point
            if beyond > 0.0:
                levels[k, _EXCESS[s]] = max(
                    _LEAST_EXCESS, excess + _EXCESS_RATE * (min(beyond, _EXCESS_CLIP * excess) - excess)
                )
                levels[k, _POINT[s]] = point + _POINT_STEP * (1.0 - _BEYOND)
            else:
                levels[k, _POINT[s]] = max(1.0, point - _POINT_STEP * _BEYOND)
        clipped = min(abs(off), _CLIP * sigma)
        levels[k, _LEVEL] = level + weight * side * clipped
        levels[k, _DEVIATION] = deviation + weight * (clipped - deviation)
