"""Rows of many series, made regular: grouped, ordered, gaps filled; or refused with the series and the row named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.forecast.calendar import DAY, ORDINALS_BELOW, Frequency, idle, infer
from analytics.kernels import F64, I64, Bools

LONGEST = 4000
"""Values of history that a forecast looks back on."""
SHORTEST = 3
"""Values without which there is no forecast."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series on its grid."""

    key: object
    times: I64
    """The observed times, sorted: not the filled ones."""
    value: F64
    """One value a step, without a hole."""
    frequency: Frequency
    filled: Bools
    """True where ``value`` was missing and is interpolated."""
    notes: tuple[str, ...] = ()
    idle_until: int | None = None
    """Where rows of closed weekdays say zero: the last time, of such a row or another. They are no steps here."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A series that cannot be forecast, and why."""

    key: object
    reason: str


def series_of(
    key: npt.ArrayLike, time: npt.ArrayLike, value: npt.ArrayLike, period: int | None = None
) -> Iterator[Series | Skipped]:
    """The series of a table in order of first appearance; null values are NaN.

    Unordered times are sorted, holes interpolated, and a hole longer than the rest of the history needs is where the
    history begins. ValueError for a column that is not what it should be, infinite values, equal times and times that
    lie on no grid; the row is the table's, counted from 1.
    """
    keys, times, values = np.asarray(key), _times(time), np.asarray(value, np.float64)
    if not keys.ndim == times.ndim == values.ndim == 1 or not len(keys) == len(times) == len(values):
        raise ValueError(
            f"key, time and value are columns of one length; got {keys.shape}, {times.shape}, {values.shape}"
        )
    if len(keys) == 0:
        raise ValueError("the table has no rows: there is nothing to forecast")
    names, first, group = np.unique(
        keys.astype(str) if keys.dtype == object else keys, return_index=True, return_inverse=True
    )
    order = np.lexsort((times, group))
    bounds = np.searchsorted(group[order], np.arange(len(names) + 1))
    microseconds = bool(np.abs(times).max() >= ORDINALS_BELOW)
    usual: Frequency | None = None
    for i in np.argsort(first, kind="stable"):
        rows = order[bounds[i] : bounds[i + 1]]
        name = keys[first[i]].item() if isinstance(keys[first[i]], np.generic) else keys[first[i]]
        made = _regular(name, rows, times[rows], values[rows], microseconds, usual, period)
        if isinstance(made, Series) and usual is None:
            usual = made.frequency
        yield made


def _times(time: npt.ArrayLike) -> I64:
    times = np.asarray(time)
    if times.dtype.kind == "M":
        if np.isnat(times).any():
            raise ValueError(f"time: row {int(np.isnat(times).argmax()) + 1} has none")
        return times.astype("datetime64[us]").astype(np.int64)
    if times.dtype.kind not in "iu":
        raise ValueError(f"time is int64 microseconds or ordinals, not {times.dtype}")
    return times.astype(np.int64)


def _regular(
    key: object, rows: I64, times: I64, values: F64, microseconds: bool, usual: Frequency | None, period: int | None
) -> Series | Skipped:
    if np.isinf(values).any():
        raise ValueError(f"series {key!r}, row {rows[np.isinf(values).argmax()] + 1}: the value is infinite")
    same = np.flatnonzero(np.diff(times) == 0)
    if same.shape[0]:
        earlier, later = sorted(rows[same[0] : same[0] + 2].tolist())
        raise ValueError(
            f"series {key!r}: rows {earlier + 1} and {later + 1} have the same time; aggregate them to one first"
        )
    known = np.isfinite(values)
    if known.sum() < SHORTEST:
        return Skipped(key, f"history too short: {int(known.sum())} values, at least {SHORTEST} are needed")
    trailing = known.shape[0] - int(known.nonzero()[0][-1]) - 1
    times, values, rows = times[known], values[known], rows[known]  # a row without a value is as good as none
    frequency, idle_until = infer(times, microseconds) or usual, None
    assert frequency is not None
    if frequency == Frequency("us", DAY):
        rest = idle(times, values)
        opened = infer(times[~rest], True) if rest.any() else None
        if opened is not None and opened.by_week:
            frequency, idle_until = opened, int(times[-1])
            times, values, rows = times[~rest], values[~rest], rows[~rest]
    at, notes = frequency.positions(times), list[str]()
    clash = np.flatnonzero(np.diff(at) == 0)
    if clash.shape[0]:
        raise ValueError(
            f"series {key!r}, row {rows[clash[0] + 1] + 1}: its time is within a step ({frequency}) of the time before; "
            "aggregate to a regular grid first"
        )
    if trailing:
        notes.append(f"{trailing} trailing rows without a value: it begins before them")
    if idle_until is not None:
        notes.append(f"zero on closed days stays zero: a row {frequency}")
    begin = _after_long_gap(at, min(frequency.seasons(period), default=1))
    if begin:
        notes.append(f"the history begins after a gap of {int(at[begin] - at[begin - 1]) - 1} steps")
        times, values, at = times[begin:], values[begin:], at[begin:] - at[begin]
    if at[-1] + 1 > 20 * at.shape[0] + 50:
        raise ValueError(
            f"series {key!r}: {at.shape[0]} rows spread over {int(at[-1]) + 1} steps ({frequency}); "
            "aggregate to a coarser grid first"
        )
    grid = np.full(int(at[-1]) + 1, np.nan)
    grid[at] = values
    grid = grid[-LONGEST:]
    filled = np.isnan(grid)
    if filled.any():
        notes.append(f"{int(filled.sum())} missing steps interpolated")
    return Series(key, times, fill(grid, frequency.seasons(period)), frequency, filled, tuple(notes), idle_until)


def _after_long_gap(at: I64, season: int) -> int:
    """The row where the usable history begins: after the last gap that is longer than what follows can bridge."""
    gaps = np.diff(at)
    long = np.flatnonzero(gaps > max(20, 2 * season))
    for place in long[::-1]:
        rest = at.shape[0] - (place + 1)
        if rest >= max(20, 3 * season) or (rest >= SHORTEST and gaps[place] > 5 * at.shape[0]):
            return int(place) + 1
    return 0


def fill(grid: F64, seasons: Sequence[int]) -> F64:
    """Holes (NaN) from the same place of the seasons before and after, moved to the level there; else on a line."""
    hole = np.isnan(grid)
    if not hole.any():
        return grid
    at = np.arange(grid.shape[0])
    line = np.interp(at, at[~hole], grid[~hole])
    season = min((s for s in seasons if s > 1 and grid.shape[0] >= 3 * s), default=0)
    if not season:
        return line
    rest = np.where(hole, np.nan, grid - _moving_mean(line, season))
    shape = np.zeros(season)
    for place in range(season):
        seen = rest[place::season]
        seen = seen[~np.isnan(seen)]
        shape[place] = np.median(seen) if seen.shape[0] else 0.0
    smooth = np.interp(at, at[~hole], (grid - shape[at % season])[~hole])
    return np.where(hole, smooth + shape[at % season], grid)


def _moving_mean(y: F64, width: int) -> F64:
    padded = np.pad(y, (width // 2, width - 1 - width // 2), mode="edge")
    return np.convolve(padded, np.full(width, 1.0 / width), mode="valid")
