"""The law of roll-ups: a range that is answered from them is the range that is answered from the windows."""

from __future__ import annotations

import random
from math import isclose
from pathlib import Path
from typing import Any

import pytest

from actors.analyzers.rollups import RollupAnalyzer
from actors.cell import Cell
from events.catalog import METRICS, PAST_METRICS, STREAMS, rows
from events.entry import encode
from events.errors import Rejected
from events.log import Commit, Output
from events.sqlite_log import SqliteLog
from query import as_of
from query.engine import Engine
from query.rolled import WINDOWS, Range, Ranged, ranged

SECOND, MINUTE, HOUR = 1_000_000, 60_000_000, 3_600_000_000
BASE = 1_767_225_600_000_000
SERIES = (
    ("orders", "EUR", 10 * SECOND),
    ("orders", None, 10 * SECOND),
    ("visits", "", MINUTE),
    ("slow", "a", 2 * HOUR),
)


class Told:
    """A log of samples, and the cell that rolls them up in blocks of 64."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.log = SqliteLog(folder, doorbell=False)
        self.random = random.Random(seed)
        self.cell = Cell(RollupAnalyzer(64), self.log, tenant="t", now=lambda: BASE)
        self.cell.recover()
        self.cause = "t/control/0:1"

    def tell(self, stream: str, samples: list[dict[str, Any]]) -> None:
        writer = f"t/{'retelling' if stream == PAST_METRICS.name else 'metrics'}/0"
        lease = self.log.acquire(writer, [stream])
        columns = {name: [one[name] for one in samples] for name in samples[0]}
        payload = encode(STREAMS[stream], rows(STREAMS[stream], columns, len(samples)))
        at = lease.commit + 1
        self.log.commit(lease, Commit(lease.commit, str(at).encode(), BASE + at, outputs=(Output(stream, payload),)))

    def sample(self, series: tuple[str, str | None, int], start: int, revision: int = 0) -> dict[str, Any]:
        metric, key, width = series
        values = [self.random.choice((0.1, 2.5, -7.0, 1e9)) for _ in range(self.random.randint(0, 4))]
        n = len(values)
        return {
            "type": "metric.sampled", "source": metric, "cause": self.cause, "metric": metric, "key": key,
            "start": start, "time": start + width, "width_us": width, "count": n, "revision": revision,
            "sum": sum(values) if n else None, "min": min(values, default=None), "max": max(values, default=None),
            "distinct": self.random.randint(0, 9) if metric == "visits" else None,
        }  # fmt: skip

    def lives(self, steps: int) -> None:
        """Windows close in order, are revised soon and late, counted anew by imports, and defined anew."""
        told: list[tuple[Any, int, int]] = []
        at = BASE
        for step in range(steps):
            at += self.random.choice((10, 60, 600, 5000)) * SECOND
            found = [(one, at // one[2] * one[2]) for one in SERIES if self.random.random() < 0.7]
            found = [(one, start) for one, start in found if (one, start, 0) not in told]
            told += [(one, start, 0) for one, start in found]
            samples = [self.sample(one, start) for one, start in found]
            if told and self.random.random() < 0.3:
                one, start, _ = told[-self.random.choice((1, 1, 2, min(len(told), 90)))]
                samples.append(self.sample(one, start, self.random.randint(1, 3)))
            if samples:
                self.tell(METRICS.name, samples)
            if self.random.random() < 0.1:
                one = self.random.choice(SERIES)
                first = self.random.choice((at - 9 * HOUR, at - HOUR, BASE - 50 * HOUR)) // one[2] * one[2]
                self.tell(PAST_METRICS.name, [self.sample(one, first + n * one[2]) for n in range(40)])
            if step == steps // 2 and self.random.random() < 0.3:
                self.cause = f"t/control/0:{step}"
            if self.random.random() < 0.3:
                self.cell.advance()


def both(told: Told, asked: Range, token: str | None = None) -> tuple[Ranged, list[list[Any]]]:
    moment = as_of.of_token(told.log, "t", token) if token else as_of.now(told.log, "t")
    with Engine(told.log).open(tenant="t", commands=False, moment=moment) as session:
        return ranged(session, asked), session.run(WINDOWS, asked.parameters).rows()


def alike(one: float | None, other: float | None) -> bool:
    """Sums are added in another order."""
    return one == other if one is None or other is None else isclose(one, other, rel_tol=1e-9, abs_tol=1e-5)


@pytest.mark.parametrize("seed", range(2))
def test_a_range_from_roll_ups_is_the_range_from_the_windows(tmp_path: Path, seed: int) -> None:
    told = Told(tmp_path, seed)
    then = ""
    levels: set[str] = set()
    for _ in range(2):
        told.lives(100)
        for bucket in (7 * MINUTE, HOUR, 24 * HOUR, 10 * SECOND):
            names = tuple(told.random.sample(("orders", "visits", "slow", "none"), 3))
            for since, ragged in ((BASE - 72 * HOUR, 0), (BASE + 5 * HOUR, 1_810 * SECOND)):
                until = since + min(300 * max(bucket, HOUR), 9_000 * bucket) + ragged
                asked = Range(names, since, until, bucket)
                for token in {then, ""}:
                    got, wanted = both(told, asked, token or None)
                    levels.add(got.level)
                    rows_got = got.answer.rows()
                    assert [[*r[:4], *r[5:]] for r in rows_got] == [[*r[:4], *r[5:]] for r in wanted]
                    assert all(alike(one[4], other[4]) for one, other in zip(rows_got, wanted, strict=True))
        then = as_of.now(told.log, "t").token
    assert {"metrics_1m", "metrics_1h", "metrics_1d", ""} == levels


def test_buckets_of_which_nothing_came_again_are_not_read_again(tmp_path: Path) -> None:
    told = Told(tmp_path, 0)
    starts = [BASE + n * 10 * SECOND for n in range(640)]
    for n in range(0, 640, 40):
        told.tell(METRICS.name, [told.sample(SERIES[0], start) for start in starts[n : n + 40]])
    while told.cell.advance():
        pass
    got, wanted = both(told, Range(("orders",), BASE, BASE + 2 * HOUR, HOUR))
    assert (got.level, got.reread, len(wanted)) == ("metrics_1h", 0, 2)
    told.tell(METRICS.name, [told.sample(SERIES[0], starts[7], 1)])
    got, wanted = both(told, Range(("orders",), BASE, BASE + 2 * HOUR, HOUR))
    assert got.reread == 1
    assert [row[3] for row in got.answer.rows()] == [row[3] for row in wanted]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (Range((), 0, 1, SECOND), "metric"),
        (Range(("a",), 5, 5, SECOND), "until"),
        (Range(("a",), 0, HOUR, 1), "bucket"),
        (Range(("a",), 0, 90 * 24 * HOUR, SECOND), "bucket"),
    ],
)
def test_a_range_that_cannot_be_names_its_field(asked: Range, field: str) -> None:
    with pytest.raises(Rejected) as refused:
        asked.check()
    assert refused.value.field == field
