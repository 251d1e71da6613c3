"""Is this value unusual for its key? A streaming band, score and alarm, many keys at once.

- ``guesses.py``: where the next value is expected, by the level, the hour (``hours.py``) or a period (``period.py``);
- ``band.py``: how far from there is still usual (``lower``, ``upper``);
- ``surprise.py``: how surprising a value is beside all that its key has shown (``score``). It marks the beginning of an
  episode and falls silent during it;
- ``alarm.py``: which surprises are alarms, at the asked number of false alarms a week (``is_anomaly``).

How often a key is sampled is learned from the times of its rows so far, nothing from later ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import float64, int8, int32, int64, types, uint8, void

from analytics.anomaly.alarm import ALARM, DUE, LARGEST_SHARE, OPEN, RAISED, alarms, settle
from analytics.anomaly.band import TAILS, begin, reach
from analytics.anomaly.guesses import (
    BY_PERIOD,
    BY_STEPS,
    BY_WAVE,
    BY_WEEK,
    CHOSEN,
    GUESSES,
    LEVEL,
    PLAIN,
    deviation,
    follow,
    learn,
    of_hour,
    of_week,
)
from analytics.anomaly.hours import BINS, BLOCKS, USUAL, WEEK, at_hour, learn_hour
from analytics.anomaly.period import LONGEST, RING, at_phase, learn_step, rows_on
from analytics.anomaly.surprise import TRACE, surprise
from analytics.kernels import F64, I8, I32, I64, U8, Bools, column, per_row, reads, writes

WEEK_US = 7 * 24 * 3_600_000_000
WARMING, READY = 0, 1
VERSION = 5

_SEEN = 0
COUNTS = 13
_LARGEST = 1e150


@dataclass(frozen=True, slots=True)
class AnomalySpec:
    """How watchful to be, in false alarms a week and key, and how fast to learn."""

    false_alarms_per_week: float = 1.0
    """An alarm is an episode: ``alarm.py``."""
    memory_rows: int = 60
    """Values that the level remembers, about."""
    warm_up_rows: int = 30
    shift_rows: int = 12
    max_keys: int = 1 << 20

    def __post_init__(self) -> None:
        if not 0 < self.false_alarms_per_week < float("inf"):
            raise ValueError(f"{self.false_alarms_per_week} false alarms a week: the number is above 0 and finite")
        if self.warm_up_rows < 2 or self.memory_rows < 2 or self.shift_rows < 2:
            raise ValueError("warm-up, memory and shift take at least 2 rows each")


class Scores(NamedTuple):
    """One row for each input row. While warming and for NaN: score 0, bounds NaN."""

    score: F64
    """[0, 1): s / (1 + s) of the surprise s. No probability: of 10,000 rows of noise 3 to 6 reach 0.2, up to 2 0.5."""
    expected: F64
    lower: F64
    upper: F64
    """Between them lie all but ``false_alarms_per_week`` values of noise, around ``expected``."""
    direction: I8
    """-1 below, 1 above, 0 as expected or unknown."""
    is_anomaly: Bools
    """Part of an alarm: a surprise, or out of the band soon after one."""
    status: U8
    """WARMING or READY."""


_PARTS: dict[str, tuple[tuple[int, ...], npt.DTypeLike]] = {
    "counts": ((COUNTS,), np.int64),
    "newest": ((), np.int64),
    "tails": ((TAILS,), np.float64),
    "guesses": (GUESSES, np.float64),
    "alarm": ((ALARM,), np.float64),
    "trace": ((TRACE,), np.float64),
    "profile": ((BINS,), np.float64),
    "seasoned": ((BINS,), np.uint8),
    "hours": ((USUAL,), np.float64),
    "visits": ((BINS,), np.uint8),
    "week": ((WEEK,), np.float64),
    "weeks": ((BLOCKS,), np.uint8),
    "ring": ((RING,), np.int8),
    "phases": ((LONGEST,), np.float64),
}
"""What is kept of a key, by name: shape and type, in the order in which ``_scan`` takes them."""


class AnomalyState:
    """What is known of each key; grows with the keys."""

    __slots__ = ("parts", "spec")

    def __init__(self, spec: AnomalySpec) -> None:
        self.spec = spec
        self.parts = {name: np.zeros((0, *shape), dtype) for name, (shape, dtype) in _PARTS.items()}

    def know(self, keys: int) -> None:
        """Make room for keys below ``keys``."""
        have = len(self.parts["newest"])
        if keys > have:
            room = max(keys, 2 * have)
            for name, part in self.parts.items():
                self.parts[name] = np.zeros((room, *part.shape[1:]), part.dtype)  # untouched, its memory costs nothing
                self.parts[name][:have] = part
            self.parts["newest"][have:] = np.iinfo(np.int64).min

    def dump(self) -> dict[str, Any]:
        """Plain arrays and ints of the keys seen. Equal histories give equal dumps."""
        keys = np.flatnonzero(self.parts["counts"][:, _SEEN])
        return {"version": VERSION, "keys": keys} | {name: part[keys] for name, part in self.parts.items()}

    @classmethod
    def load(cls, spec: AnomalySpec, dump: Mapping[str, Any]) -> AnomalyState:
        """The state that ``dump`` shows. Raises ``ValueError`` for another version."""
        if dump["version"] != VERSION:
            raise ValueError(f"anomaly state of version {dump['version']}, this is version {VERSION}")
        state, keys = cls(spec), column(dump["keys"], np.int64)
        state.know(int(keys.max(initial=-1)) + 1)
        for name, part in state.parts.items():
            part[keys] = dump[name]
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
        spec.false_alarms_per_week / WEEK_US,
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
        np.zeros(GUESSES[0]),
        *state.parts.values(),
    )
    expected, lower, upper = numbers[1], numbers[2], numbers[3]
    return Scores(numbers[0], expected, lower, upper, direction, anomalous, status)


@per_row(
    void(
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
        writes(float64),
        writes(int64, 2),
        writes(int64),
        writes(float64, 2),
        writes(float64, 3),
        writes(float64, 2),
        writes(float64, 2),
        writes(float64, 2),
        writes(uint8, 2),
        writes(float64, 2),
        writes(uint8, 2),
        writes(float64, 2),
        writes(uint8, 2),
        writes(int8, 2),
        writes(float64, 2),
    )
)
def _scan(
    asked_per_us: float,
    alpha: float,
    warm_rows: int,
    shift: int,
    key: I32,
    time: I64,
    value: F64,
    numbers: F64,
    direction: I8,
    anomalous: Bools,
    status: U8,
    usual: F64,
    counts: I64,
    newest: I64,
    tails: F64,
    guesses: F64,
    alarm: F64,
    trace: F64,
    profile: F64,
    seasoned: U8,
    hours: F64,
    visits: U8,
    week: F64,
    weeks: U8,
    ring: I8,
    phases: F64,
) -> None:
    for i in range(key.shape[0]):
        k = key[i]
        count, guess, bounds, threshold = counts[k], guesses[k], tails[k], alarm[k]
        v = min(max(value[i], -_LARGEST), _LARGEST) if np.isfinite(value[i]) else np.nan
        seen = count[_SEEN]
        ready, fresh = seen >= warm_rows, time[i] > newest[k]
        gap = time[i] - newest[k] if seen else 0
        rows = rows_on(count, gap)
        usual[BY_STEPS], usual[BY_WAVE], more = at_hour(count, hours[k], visits[k], week[k], time[i])
        usual[BY_WEEK] = of_week(guess, usual[BY_STEPS], usual[BY_WAVE], more)
        usual[BY_PERIOD] = at_phase(count, phases[k], rows)
        use = PLAIN if np.isnan(usual[count[CHOSEN]]) else count[CHOSEN]
        expected = usual[use] + guess[use, LEVEL]
        numbers[0, i] = 0.0
        numbers[1, i] = expected if seen else np.nan
        numbers[2, i] = numbers[3, i] = np.nan
        direction[i], anomalous[i], status[i] = 0, False, READY if ready else WARMING
        if not np.isfinite(v):
            continue
        off = v - expected
        surprising, taught = surprise(trace[k], profile[k], seasoned[k], seen, ready, time[i], v, more, fresh)
        numbers[0, i] = surprising / (1.0 + surprising)
        outside, alarming, share = False, False, min(LARGEST_SHARE, asked_per_us * gap)
        if ready:
            sigma = deviation(guess, use)
            below, above = reach(bounds, max(threshold[DUE] / (seen - 1.0), 1e-18))
            numbers[2, i], numbers[3, i] = expected - below * sigma, expected + above * sigma
            out = max(off / (above * sigma), -off / (below * sigma))
            outside = out > 1.0
            alarming = alarms(count[OPEN], threshold, surprising, out, outside)
            direction[i], anomalous[i] = 1 if off > 0 else (-1 if off < 0 else 0), alarming
        if not fresh:
            continue
        newest[k] = time[i]
        count[_SEEN] = seen + 1
        threshold[DUE] += share
        if seen:
            learn_step(count, gap)
        if ready:
            settle(count, threshold, alarming, share)
            learn(count, bounds, guess, ring[k], phases[k], usual, v, rows, use, alpha, shift, outside)
        else:
            follow(guess, PLAIN, v, alpha, np.inf)
            begin(count, bounds)
            threshold[RAISED] = 1.0
        hour, most = of_hour(guess, usual[BY_STEPS])
        learn_hour(count, hours[k], visits[k], week[k], weeks[k], time[i], taught, hour, most)
