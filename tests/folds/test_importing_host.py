"""An import through a host, from the configuration on: rows once, and the metrics of their windows, across a restart."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from actors.collectors.arrivals import Part
from actors.edges.intake import Ack
from actors.host import Host
from actors.packing import pack
from actors.topology import HostMap, HostSpec
from config.settings import Settings
from events.catalog import CONTROL, USER_INTERACTIONS, rows
from events.errors import Rejected
from events.log import EventLog
from hindcast.client import columnar
from hindcast.log_place import log_of
from hindcast.simulator.history import History
from hindcast.topology import cells
from query.engine import Engine
from serve.ingest import decode_import

END = 1_790_000_000_000_000
CELLS = {f"main/{name}/0" for name in ("control", "imports", "metrics", "retelling")}
_EMPTY = rows(USER_INTERACTIONS, {}, 0)


@contextmanager
def running(folder: Path, settings: Settings) -> Generator[Host]:
    host = Host(HostSpec("all", log_of(folder), "g", 0))
    for cell in cells(settings, folder):
        if cell.name in CELLS:
            asyncio.run(host.start(cell))
    asyncio.run(host.told(HostMap("t", {}, version=1)))
    deadline = time.monotonic() + 120
    while any(h.state != "running" for h in asyncio.run(host.health())) and time.monotonic() < deadline:
        time.sleep(0.05)
    try:
        yield host
    finally:
        asyncio.run(host.drain())


def push(host: Host, part: Part, batch: Any = _EMPTY) -> Ack:
    return asyncio.run(host.push("main/imports/0", pack(batch), None, part))


def define(host: Host, settings: Settings) -> None:
    specs = [metric.model_dump(mode="json") for metric in settings.metrics]
    names = [spec["name"] for spec in specs]
    said = [json.dumps({"spec": spec, "bound_s": 5.0}) for spec in specs]
    columns = {"id": names, "source": "api", "type": "metric.defined", "subject": names, "partition_key": names}
    table = rows(CONTROL, {**columns, "data": said, "time": END, "received": END}, len(names))
    asyncio.run(host.push("main/control/0", pack(table), None))


def counted(log: EventLog) -> tuple[list[list[Any]], list[list[Any]]]:
    """What the metrics say, and what SQL over the rows says."""
    engine = Engine(log)
    told = engine.run(
        "SELECT metric, sum(count)::BIGINT, sum(sum)::BIGINT FROM metrics_latest "
        "WHERE metric IN ('events', 'revenue', 'events_by_type') GROUP BY metric ORDER BY metric",
        tenant="main",
    ).rows()
    hand = engine.run(
        "SELECT count(*), count(*) FILTER (type IN ('Payment Succeeded', 'Invoice Paid', 'Order Completed')), "
        "(sum(amount) FILTER (type IN ('Payment Succeeded', 'Invoice Paid', 'Order Completed')))::BIGINT "
        "FROM user_interactions",
        tenant="main",
    ).rows()
    ((events, paid, revenue),) = hand
    return told, [["events", events, None], ["events_by_type", events, None], ["revenue", paid, revenue]]


@pytest.mark.slow
def test_the_demos_past_is_in_the_metrics_after_a_restart_and_a_second_import_adds_nothing(tmp_path: Path) -> None:
    settings, past = Settings.load("demo"), History(7, END, 0.3, 6000)
    parts = [
        (bytes(call.content or b""), call.content_type)
        for table in past.tables()
        for call in columnar.import_table(past.name, table.slice(0, 3000), 0)
    ]
    decoded = [decode_import(*part, END) for part in parts]
    log = log_of(tmp_path).open()
    try:
        with running(tmp_path, settings) as host:
            define(host, settings)
            first = 0
            for part in decoded[: len(decoded) // 2 + 1]:
                push(host, Part(past.name, first, first + part.rows), part.batch)
                first += part.rows
        with running(tmp_path, settings) as host:
            known = push(host, Part(past.name, 0, 0)).place
            assert known is not None
            assert (known.rows, known.finished) == (first, False)
            with pytest.raises(Rejected, match=f"must be {first}"):
                push(host, Part(past.name, first + 5, first + 10), decoded[0].batch.slice(0, 5))
            for part in decoded[len(decoded) // 2 + 1 :]:
                push(host, Part(past.name, first, first + part.rows), part.batch)
                first += part.rows
            push(host, Part(past.name, first, first, finished="past"))
            again = push(host, Part(past.name, 0, decoded[0].rows), decoded[0].batch)
            assert set(again.verdict) == {1}, "all of them are known"
            deadline = time.monotonic() + 120
            while (found := counted(log))[0] != found[1] and time.monotonic() < deadline:
                time.sleep(0.2)
            told, hand = found
            assert told == hand
            assert hand[0][1] == first
            notified = Engine(log).run("SELECT count(*) FROM metrics WHERE revision IS NOT NULL", tenant="main").rows()
            assert notified == [[0]], "whoever reacts to samples saw none"
    finally:
        log.close()
