"""Forecasts of metrics, live: what they look back on, when they are made, and what people see of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from actors.collectors.arrivals import Arrivals
from actors.dashboards.forecasts import ForecastView
from actors.edges import forecasting
from actors.edges.forecast_job import Order, Wanted, forecasts, history
from actors.edges.forecasting import ForecastWorker
from actors.fold import Batch
from actors.forecasting import Forecasting
from events.catalog import CONTROL, FORECASTS, rows
from tests.folds.test_retelling import DAY, MINUTE, NOW, ORDERS, System

HOUR = 60 * MINUTE
SPEC = {
    "metric": "orders",
    "aggregate": "count",
    "step_s": 3600.0,
    "horizon": 12,
    "steps": 200,
    "level": 80.0,
    "keys": 5,
}


class Forecasted(System):
    """The same, with the cell that has forecasts made."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[list[str]] = []
        self.ahead = self.cell(Forecasting())
        self.seer = self.worker_of()

    def worker_of(self) -> ForecastWorker:
        worker = ForecastWorker(self.ahead, self.log, lambda: self.now, self.make)
        worker.loaded = True
        return worker

    def make(
        self, tenant: str, wanted: Sequence[Wanted], now_us: int, gives_up: Callable[[], bool]
    ) -> list[pa.RecordBatch]:
        self.asked.append([each.name for each in wanted])
        return [*forecasts(self.log, Order(None, tenant, tuple(wanted), now_us))]  # type: ignore[arg-type]

    def foresee(self, remove: bool = False, **more: Any) -> None:
        spec = {**SPEC, "every_s": None, **more}
        name = f"{spec['metric']}.{spec['aggregate']}"
        columns = {"id": [f"f{self.sent}"], "source": "api", "subject": name, "data": json.dumps({"spec": spec})}
        columns |= {"type": f"forecast.{'removed' if remove else 'defined'}"}
        columns |= {"time": self.now, "received": self.now, "partition_key": "x"}
        self.sent += 1
        self.control.record(lambda s: self.control.fold.admit(s, Arrivals(rows(CONTROL, columns, 1), None)))

    def looks(self) -> None:
        while self.ahead.advance():
            pass
        due = self.seer.due(self.now)
        if due:
            self.seer.record(due, self.now)

    def told(self, columns: str = "type, key, step, value, expected, lower, upper, n") -> list[list[Any]]:
        return self.sql(f"SELECT {columns} FROM forecasts ORDER BY row_offset")

    def shown(self) -> dict[str, Any]:
        view, state = ForecastView(), {}
        for entry in self.log.read(FORECASTS.name, self.ahead.name, 0, 1 << 24):
            batch = entry.batch()
            state, _ = view.fold(state, Batch(entry.header, entry.header.first, batch, True))
        return dict(view.view(state, "forecasts"))


@pytest.fixture
def system() -> Forecasted:
    made = Forecasted()
    made.define({**ORDERS, "key": None})
    return made


def daily(days: int) -> list[int]:
    """Orders of so many days before now, five times as many by day as by night."""
    chance = Random(5)
    first = NOW - days * DAY
    return [
        first + hour * HOUR + chance.randrange(HOUR)
        for hour in range(days * 24)
        for _ in range(50 if 8 <= hour % 24 < 20 else 10)
    ]


def test_a_forecast_knows_what_was_imported_and_says_what_comes_with_a_band(system: Forecasted) -> None:
    system.foresee()
    system.bring("file", daily(7), step=2000)
    system.now = NOW + 10 * MINUTE
    system.tell()
    system.now += HOUR
    system.looks()
    known = [row for row in system.told() if row[0] == "forecast.known"]
    assert [row[2] for row in known] == list(range(-47, 1))
    counted = system.sql(
        "SELECT epoch_us(time) // 3600000000 AS hour, count(*) FROM user_interactions WHERE type = 'paid' GROUP BY 1"
    )
    by_hour = dict(counted)
    at = [row[0] for row in system.told("epoch_us(start)") if row[0]][: len(known)]
    assert [row[3] for row in known] == [by_hour.get(us // HOUR, 0) for us in at], "zero is a figure, too"
    made = [row for row in system.told() if row[0] == "forecast.made"]
    assert [row[2] for row in made] == list(range(1, 13))
    expected = [row[4] for row in made]
    assert all(row[5] <= row[4] <= row[6] for row in made)
    assert min(expected[8:]) > 2 * max(expected[:6]), "the nights are quiet, and the days are not"


def test_too_little_is_said_to_be_too_little(system: Forecasted) -> None:
    system.foresee()
    system.bring("file", daily(1)[-40:])
    system.now = NOW + 10 * MINUTE
    system.tell()
    system.now += HOUR
    system.looks()
    ((type_, message),) = system.told("type, message")
    assert type_ == "forecast.missing" and "steps are known, at least 24 are needed" in message


def test_it_is_made_once_a_step_and_again_once_an_import_is_in(system: Forecasted) -> None:
    system.looks()
    system.now += forecasting.FIRST_AFTER_US
    system.foresee()
    system.looks()
    system.looks()
    assert system.asked == [["orders.count"]]
    system.now += HOUR
    system.looks()
    assert len(system.asked) == 2
    system.bring("file", [system.now - DAY])
    system.now += 5 * MINUTE
    system.tell()
    system.looks()
    assert len(system.asked) == 2, "more may come"
    system.now += forecasting.SETTLED_US
    system.looks()
    system.looks()
    assert len(system.asked) == 3


def test_what_is_said_survives_a_kill_and_is_not_made_again(system: Forecasted) -> None:
    system.now += forecasting.FIRST_AFTER_US
    system.foresee()
    system.looks()
    system.ahead = system.cell(Forecasting())
    system.seer = system.worker_of()
    system.now += forecasting.FIRST_AFTER_US
    system.looks()
    assert len(system.asked) == 1


def test_a_removed_forecast_is_shown_no_more_and_one_that_is_made_late_is_dropped(system: Forecasted) -> None:
    system.now += forecasting.FIRST_AFTER_US
    system.foresee()
    system.looks()
    assert list(system.shown()) == ["orders.count\t"]
    system.looks()
    due = [Wanted("orders.count", "t/control/0:99", {**SPEC, "every_s": None}, HOUR)]
    before = system.told()
    system.seer.record(due, system.now)
    assert system.told() == before, "it was asked for by a definition that holds no more"
    system.foresee(remove=True)
    system.looks()
    assert system.shown() == {}


def test_a_first_step_that_is_cut_is_left_out_and_the_largest_keys_are_taken(system: Forecasted) -> None:
    system.define({**ORDERS, "key": "currency"})
    system.bring("file", [NOW - 5 * HOUR + 30 * MINUTE + n * MINUTE for n in range(250)])
    system.now = NOW + 10 * MINUTE
    system.tell()
    spec = {**SPEC, "keys": 1}
    (one,) = history(system.log, "t", Wanted("orders.count", "", spec, HOUR), NOW + 10 * MINUTE)
    assert one.start[0] == NOW - 4 * HOUR and len(one.start) == 4
    most = system.sql(
        "SELECT currency, count(*) FROM user_interactions WHERE type = 'paid' GROUP BY 1 ORDER BY 2 DESC LIMIT 1"
    )
    assert one.key == most[0][0]
