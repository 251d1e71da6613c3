"""Windows that an import touches: counted anew from all rows there are, once each, with nobody told."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from actors.analyzers.metrics import MetricsAnalyzer
from actors.cell import Cell, Limits
from actors.collectors.arrivals import Arrivals, Part
from actors.collectors.imports import ImportCollector
from actors.collectors.push import control, user_interactions
from actors.edges import retelling
from actors.edges.retelling import RetellingWorker
from actors.explaining.metrics import MetricExplainer
from actors.retelling import Retelling
from events.catalog import CONTROL, USER_INTERACTIONS, rows
from events.memory_log import MemoryLog
from query.engine import Engine

MINUTE, DAY = 60_000_000, 86_400_000_000
NOW = 1_795_000_000_000_000 // DAY * DAY
COUNTS = {"name": "orders", "stream": USER_INTERACTIONS.name, "width_s": 60, "lateness_s": 60, "key": "currency"}
ORDERS = {**COUNTS, "types": ["paid"], "value": "amount", "distinct": "subject"}


class System:
    """The cells that matter, on one log, each advanced by hand."""

    def __init__(self) -> None:
        self.log, self.now, self.sent = MemoryLog(), NOW, 0
        self.live = self.cell(user_interactions(0))
        self.control = self.cell(control())
        self.imports = self.cell(ImportCollector())
        self.metrics = self.cell(MetricsAnalyzer())
        self.begin()

    def cell(self, fold: Any) -> Any:
        made = Cell(fold, self.log, tenant="t", now=lambda: self.now, limits=Limits(snapshot_commits=2))
        made.recover()
        return made

    def begin(self) -> None:
        """A new instance of the cell that tells the past, as after a kill."""
        self.past = self.cell(Retelling())
        self.worker = RetellingWorker(self.past, self.log, lambda: self.now)
        self.worker.loaded = True

    def define(self, spec: dict[str, Any]) -> None:
        said = json.dumps({"spec": spec, "bound_s": 0.0})
        columns = {"id": [f"c{self.sent}"], "source": "api", "type": "metric.defined", "subject": spec["name"]}
        columns |= {"data": said, "time": self.now, "received": self.now, "partition_key": "x"}
        self.sent += 1
        self.control.record(lambda s: self.control.fold.admit(s, Arrivals(rows(CONTROL, columns, 1), None)))

    def table(self, at: list[int]) -> Any:
        first, self.sent = self.sent, self.sent + len(at)
        chance = Random(first)
        columns = {
            "id": [str(first + n) for n in range(len(at))],
            "source": "shop",
            "type": [chance.choice(["paid", "paid", "seen"]) for _ in at],
            "subject": [chance.choice("abcdef") for _ in at],
            "partition_key": "a",
            "time": at,
            "received": at,
            "amount": [chance.randrange(1000) for _ in at],
            "currency": [chance.choice(["AED", "ARS"]) for _ in at],
        }
        return rows(USER_INTERACTIONS, columns, len(at))

    def come(self, at: list[int]) -> None:
        self.now = max(self.now, *at)
        arrivals = Arrivals(self.table(at), None)
        self.live.record(lambda s: self.live.fold.admit(s, arrivals))
        while self.metrics.advance():
            pass

    def bring(self, name: str, at: list[int], step: int = 50) -> None:
        for first in range(0, len(at), step):
            part = Part(name, first, min(first + step, len(at)), "f" if first + step >= len(at) else None)
            arrivals = Arrivals(self.table(at[first : part.end]), None, part)
            self.imports.record(lambda s, a=arrivals, p=part: self.imports.fold.admit(s, a, p, self.now))
        while self.metrics.advance():
            pass

    def tell(self, most: int = 100) -> None:
        for _ in range(most):
            self.past.advance()
            found = retelling.jobs(self.past.state, self.now)
            if not found:
                return
            self.worker.tell_next(found)
        raise AssertionError("it never ends")

    def sql(self, text: str) -> list[list[Any]]:
        return Engine(self.log).run(text, tenant="t").rows()

    def latest(self) -> list[list[Any]]:
        return self.sql(
            "SELECT epoch_us(start)::BIGINT, key, count, sum, min, max, distinct_count FROM metrics_latest "
            "WHERE metric = 'orders' ORDER BY 1, 2"
        )

    def counted(self) -> list[list[Any]]:
        return self.sql(
            "SELECT (epoch_us(time) // 60000000 * 60000000)::BIGINT AS w, coalesce(currency, '') AS k, count(*), "
            "sum(amount)::DOUBLE, min(amount)::DOUBLE, max(amount)::DOUBLE, count(DISTINCT subject) "
            "FROM user_interactions WHERE type = 'paid' GROUP BY 1, 2 ORDER BY 1, 2"
        )


@pytest.fixture
def system() -> System:
    made = System()
    made.define(ORDERS)
    return made


def past(n: int, until: int, days: int = 9, seed: int = 1) -> list[int]:
    """Times in any order."""
    chance = Random(seed)
    return [until - chance.randrange(1, days * DAY) for _ in range(n)]


def test_an_import_of_any_order_is_counted_as_sql_counts_it(system: System, monkeypatch: Any) -> None:
    monkeypatch.setattr(retelling, "MOST_ROWS", 120)
    system.bring("file", past(1000, NOW))
    assert system.latest() == [], "nothing is told before its windows are closed and counted"
    system.now += 10 * MINUTE
    system.tell()
    assert system.latest() == system.counted()
    assert system.sql("SELECT count(*) FROM metrics") == [[0]], "whoever reacts to samples sees none of this"


def test_windows_that_were_closed_before_have_the_new_rows_too(system: System) -> None:
    live = sorted(past(300, NOW, days=1))
    system.come(live)
    system.come([NOW + 10 * MINUTE])
    assert system.latest() == system.counted()[:-1] + system.latest()[len(system.counted()[:-1]) :]
    system.bring("file", past(400, NOW, days=1, seed=2))
    system.now += 10 * MINUTE
    system.tell()
    told, counted = system.latest(), system.counted()
    assert told == counted[: len(told)]
    assert len(counted) - len(told) <= 1, "only the window that is still open is missing"


def test_what_may_still_change_is_told_once_it_cannot(system: System) -> None:
    system.come([NOW - 5 * MINUTE])
    system.bring("file", [NOW - 1, NOW - 10 * MINUTE, NOW - 20 * MINUTE])
    system.now = NOW
    system.tell()
    assert {start for start, *_ in system.latest()} <= {NOW - 10 * MINUTE, NOW - 20 * MINUTE, NOW - 5 * MINUTE}
    system.now = NOW + 5 * MINUTE
    system.come([NOW + 5 * MINUTE])
    system.tell()
    assert [row for row in system.latest() if row[0] < NOW] == [row for row in system.counted() if row[0] < NOW]


@pytest.mark.parametrize("after", range(1, 6))
def test_a_kill_tells_no_window_twice_and_leaves_none_out(system: System, monkeypatch: Any, after: int) -> None:
    monkeypatch.setattr(retelling, "MOST_ROWS", 100)
    system.bring("file", past(600, NOW))
    system.now += 10 * MINUTE
    for _ in range(after):
        system.past.advance()
        system.worker.tell_next(retelling.jobs(system.past.state, system.now))
    system.begin()
    system.tell()
    assert system.latest() == system.counted()
    assert system.sql("SELECT count(*) FROM past_metrics") == [[len(system.counted())]]


def test_a_metric_that_is_defined_later_has_the_imports_past(system: System) -> None:
    system.bring("file", past(200, NOW))
    system.now += 10 * MINUTE
    system.tell()
    system.define({**COUNTS, "name": "days", "width_s": 86_400, "key": None})
    system.tell()
    (found,) = system.sql("SELECT sum(count) FROM metrics_latest WHERE metric = 'days'")
    assert found == [200]
    system.define({**ORDERS, "key": None})  # another metric by the same name: its past is told anew
    system.tell()
    keys = system.sql("SELECT DISTINCT key, sum(count) FROM metrics_latest WHERE metric = 'orders' GROUP BY key")
    assert keys == [["", sum(row[2] for row in system.counted())]]


def test_two_imports_of_the_same_days_are_both_counted(system: System) -> None:
    system.bring("one", past(200, NOW, seed=3))
    system.now += 10 * MINUTE
    system.tell()
    system.bring("two", past(200, NOW, days=30, seed=4))
    system.tell()
    assert system.latest() == system.counted()


def test_samples_name_their_metric_and_are_marked_as_past(system: System) -> None:
    system.bring("file", [NOW - DAY])
    system.now += 10 * MINUTE
    system.tell()
    found = system.sql("SELECT DISTINCT source, subject, producer FROM past_metrics")
    assert found in ([["orders", "past", "t/retelling/0"]], [])


def test_a_window_that_was_counted_anew_explains_itself_and_one_that_was_not_leaves_imported_rows_out(
    system: System,
) -> None:
    live = [NOW - 3 * MINUTE + n * 1_000_000 for n in range(30)]
    system.come(live)
    system.bring("file", [NOW - 3 * MINUTE + n * 1_500_000 for n in range(20)])
    system.come([NOW + 5 * MINUTE])
    start, key, count, *_ = next(row for row in system.latest() if row[0] == NOW - 3 * MINUTE)
    explained = MetricExplainer(system.log, "t").metric("orders", key, start)
    assert (explained["figures"]["count"], explained["again"]["equal"]) == (count, True), "what was counted live"
    assert [one["producer"] for one in explained["rows"]["producers"]] == ["t/user_interactions/0"]
    system.tell()
    system.come([NOW - 3 * MINUTE + 7])  # later than what was counted
    explained = MetricExplainer(system.log, "t").metric("orders", key, start)
    assert explained["figures"]["count"] > count
    assert explained["again"]["equal"], explained
    assert {one["producer"] for one in explained["rows"]["producers"]} == {"t/user_interactions/0", "t/imports/0"}
    assert [one["count"] for one in explained["revisions"]] == [count, explained["figures"]["count"]]
    assert len(system.sql(explained["rows"]["sql"])) == explained["figures"]["count"]
