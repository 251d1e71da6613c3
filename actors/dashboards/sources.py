"""How late the events of each source come, and how often their money cannot be read, over the last 24 hours.

The lag of an event is ``received - time``. Where a sender takes local time for UTC, its lags stand at whole hours
(or half and quarter hours, by its zone), so those are counted apart: a peak there is a wrong zone, not a slow network.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from actors.columns import labels, text, times
from actors.dashboards.buckets import HOUR, MINUTE, SECOND, counted
from actors.fold import Batch
from events.money import claims_money

HOURS = 24
CAP = 100
"""Sources an hour that are counted by name; further ones are counted together as ``OTHERS``."""
OTHERS = "(others)"
AHEAD = -1.0
EDGES_S = (
    AHEAD,
    1.0,
    2.0,
    5.0,
    10.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
    1800.0,
    3600.0,
    7200.0,
    21_600.0,
    86_400.0,
    604_800.0,
)
"""Upper ends of the classes of lag, seconds; the first class is of events from the future, the last has no end."""
_EDGES = np.array(EDGES_S) * SECOND
QUARTER = 15 * MINUTE
NEAR = MINUTE
"""A lag within this of a multiple of a quarter of an hour counts as there."""
FARTHEST = 14 * 4
"""Quarters of an hour by which zones differ from UTC at most."""
PEAKS = 3
_MONEY = (b'"revenue"', b'"currency"', b"\\u")  # an escape may hide either name


class Arrived(msgspec.Struct):
    """What came of one source in one hour."""

    rows: int = 0
    lags: list[int] = msgspec.field(default_factory=lambda: [0] * (len(EDGES_S) + 1))
    """Rows by class of lag."""
    quarters: dict[int, int] = {}
    """Rows whose lag is a multiple of a quarter of an hour, by that multiple; negative is ahead of our clock."""
    no_amount: int = 0
    """Rows that say an amount of money which cannot be read."""

    def add(self, other: Arrived) -> None:
        self.rows += other.rows
        self.lags = [mine + its for mine, its in zip(self.lags, other.lags, strict=True)]
        for quarter, rows in other.quarters.items():
            self.quarters[quarter] = self.quarters.get(quarter, 0) + rows
        self.no_amount += other.no_amount

    def at_most(self, share: float) -> float | None:
        """Seconds that the lag of ``share`` of the rows does not exceed; None where that is beyond the last class."""
        left = share * self.rows
        for edge, rows in zip(EDGES_S, self.lags, strict=False):
            left -= rows
            if left <= 0:
                return max(edge, 0.0)
        return None


class Sources(msgspec.Struct):
    """By hour of receipt (us) and source: what arrived."""

    hours: dict[int, dict[str, Arrived]] = {}

    def take(self, batch: Batch) -> None:
        """Count rows of ``user_interactions``."""
        table = batch.table
        if not table.num_rows:
            return
        received = times(table, "received")
        lag = received - times(table, "time")
        codes, names = labels(table, "source")
        first, group = _groups(received // HOUR, codes, len(names))
        groups, kinds = len(first), len(EDGES_S) + 1
        classes = np.searchsorted(_EDGES, lag, side="right")
        lags = np.bincount(group * kinds + classes, minlength=groups * kinds).reshape(groups, kinds)
        counts = lags.sum(axis=1)
        quarters_of = _quarters(lag, group)
        no_amount = np.bincount(group[_no_amount(table)], minlength=groups)
        for g in np.argsort(first).tolist():  # in the order of the rows, however they were cut
            row = int(first[g])
            hour = self.hours.setdefault(int(received[row]) // HOUR * HOUR, {})
            name = names[codes[row]]
            known = hour.setdefault(name if name in hour or len(hour) < CAP else OTHERS, Arrived())
            known.rows += int(counts[g])
            for class_ in np.flatnonzero(lags[g]).tolist():
                known.lags[class_] += int(lags[g, class_])
            for quarter, rows in quarters_of.get(g, {}).items():
                known.quarters[quarter] = known.quarters.get(quarter, 0) + rows
            known.no_amount += int(no_amount[g])

    def prune(self, now_us: int) -> None:
        """Forget what was received more than ``HOURS`` hours ago."""
        floor = (now_us // HOUR - HOURS) * HOUR
        self.hours = {hour: sources for hour, sources in self.hours.items() if hour > floor}

    def rows(self) -> list[dict[str, Any]]:
        """One row a source, busiest first; lags in seconds, rounded up to the ends of their classes."""
        total: dict[str, Arrived] = {}
        for hour in sorted(self.hours):
            for name, arrived in self.hours[hour].items():
                total.setdefault(name, Arrived()).add(arrived)
        return [
            {
                "source": name,
                "rows": arrived.rows,
                "lag_p50_s": arrived.at_most(0.5),
                "lag_p95_s": arrived.at_most(0.95),
                "ahead": arrived.lags[0],
                "peaks": list(_peaks(arrived)),
                "no_amount": arrived.no_amount,
            }
            for name, arrived in sorted(total.items(), key=lambda item: (-item[1].rows, item[0]))
        ]


def _peaks(arrived: Arrived) -> Iterator[dict[str, Any]]:
    """The offsets at which most rows stand, as hours and rows."""
    for quarter, rows in sorted(arrived.quarters.items(), key=lambda item: (-item[1], item[0]))[:PEAKS]:
        yield {"lag_h": quarter / 4, "rows": rows}


def _groups(hours: np.ndarray, codes: np.ndarray, names: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of one hour and source as a group: (first row of each, group of each row)."""
    cells = hours * names + codes
    least = int(cells.min())
    span = int(cells.max()) - least + 1
    if span > 2 * len(cells) + 256:
        _, first, group = np.unique(cells, return_index=True, return_inverse=True)
        return first, group
    cells -= least
    firsts = np.full(span, -1, np.int64)
    firsts[cells[::-1]] = np.arange(len(cells) - 1, -1, -1)  # of several rows the one written last holds: the first
    found = np.flatnonzero(firsts >= 0)
    numbers = np.zeros(span, np.int64)
    numbers[found] = np.arange(len(found))
    return firsts[found], numbers[cells]


def _quarters(lag: np.ndarray, group: np.ndarray) -> dict[int, dict[int, int]]:
    """By group: rows whose lag is near a multiple of a quarter of an hour, by that multiple."""
    found: dict[int, dict[int, int]] = {}
    if int(lag.max()) < QUARTER - NEAR and int(lag.min()) > NEAR - QUARTER:
        return found
    quarter = (lag + QUARTER // 2) // QUARTER
    there = (np.abs(lag - quarter * QUARTER) <= NEAR) & (quarter != 0) & (np.abs(quarter) <= FARTHEST)
    for g in np.unique(group[there]).tolist():
        found[g] = dict(zip(*counted(quarter[there & (group == g)]), strict=True))
    return found


def _no_amount(table: pa.RecordBatch) -> np.ndarray:
    """bool[rows]: the properties claim money, and the row has no amount."""
    found = np.zeros(table.num_rows, np.bool_)
    amount, properties = table.column("amount"), table.column("properties")
    if not amount.null_count:
        return found
    without = np.flatnonzero(amount.is_null().to_numpy(zero_copy_only=False))
    if len(without) < len(found):
        properties = properties.take(pa.array(without))
    for row in _saying(properties, _MONEY):
        found[without[row]] = claims_money(properties[row].as_py())
    return found


def _saying(column: pa.Array, words: Sequence[bytes]) -> Iterator[int]:
    """The rows of a string column that have one of ``words``; searched as one text, which is quicker than row by row."""
    offsets, data = text(column)
    first = int(offsets[0])
    whole = data[first : offsets[-1]].tobytes()
    # A word with a backslash is looked for only where there is one: one byte is found at ten times the speed of two.
    there = [word for word in words if (word[:1] != b"\\" or b"\\" in whole) and word in whole]
    ends: list[int] = (offsets[1:] - first).tolist() if there else []
    rows = set[int]()
    for word in there:
        at = whole.find(word)
        while at >= 0:
            row = bisect_right(ends, at)
            if at + len(word) <= ends[row]:
                rows.add(row)
            at = whole.find(word, ends[row])
    yield from sorted(rows)
