"""A killed host comes back, with 10 M events in the log; and what the same takes without a usable snapshot.

A whole system runs on a log of 10 M events. Its hosts are killed (SIGKILL) one after the other, and the time until every
cell runs again is taken. Then DuckDB's answer over the events themselves is held against what the folds say. Then every
fold's version is raised, as an upgrade does it, and the system is started: the time until it is ready, and until every
state is rebuilt. Last, a process of its own refolds the collector, the metrics and the activity dashboard from the first
event on, without snapshots.

Prints JSON lines ``{name, value, unit, against, ratio}``; ``python -m benchmarks.recovery [--events 10000000]``
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np
import psutil
import pyarrow as pa

from actors.cell import Cell
from benchmarks.kernels import report
from benchmarks.service import settled
from config.settings import Settings
from events.catalog import USER_INTERACTIONS, rows
from events.entry import encode
from events.log import Commit, Output
from events.sqlite_log import SqliteLog
from hindcast import topology
from tests.running import Running
from tests.running import start as start_system

ROWS, USERS, BOUND = 10_000, 10_000, 5_000_000
CELL = "main/user_interactions/0"
REFOLDED = ("user_interactions", "metrics", "user_activity")


def fill(folder: Path, events: int, size: int) -> tuple[int, float]:
    """Write ``events`` of the last hours as the collector would have; the number of orders and the sum of ``value``."""
    rng = np.random.default_rng(3)
    names = np.array([f"user-{n}" for n in range(USERS)], object)
    types = np.array(["Lesson Started", "Quiz Submitted", "Order Completed"], object)
    when = USER_INTERACTIONS.schema.field("time").type
    log, number, orders, total = SqliteLog(folder), 0, 0, 0.0
    lease = log.acquire(CELL, [USER_INTERACTIONS.name, "dead_letters"])
    began = time.time_ns() // 1000 - 3 * 3_600_000_000
    for at in range(0, events, size):
        times = began + np.sort(rng.integers(0, size * 100, size)) + at * 100
        kind, value = types[rng.integers(0, 3, size)], rng.integers(0, 10_000, size)
        orders, total = orders + int((kind == types[2]).sum()), total + int(value[kind == types[2]].sum())
        users = names[rng.integers(0, USERS, size)].tolist()
        columns = {
            "id": [f"{n:032x}" for n in range(at, at + size)],
            "source": "bench",
            "type": kind.tolist(),
            "subject": users,
            "time": pa.array(times).cast(when),
            "received": pa.array(times).cast(when),
            "partition_key": users,
            "amount": pa.array(value, mask=kind != types[2]),
            "currency": pa.array(np.where(kind == types[2], "EUR", None)).dictionary_encode(),
        }
        output = Output(USER_INTERACTIONS.name, encode(USER_INTERACTIONS, rows(USER_INTERACTIONS, columns, size)), 0)
        mark = int(times[-1]) - BOUND
        output = Output(output.stream, output.payload, mark)
        number = log.commit(lease, Commit(number, number.to_bytes(8, "big"), number, outputs=(output,)))
    log.close()
    return orders, total


def back_again(system: Running, host: psutil.Process) -> float:
    """Seconds from the kill until every cell runs."""
    begun = time.perf_counter()
    host.kill()
    time.sleep(0.2)
    while time.perf_counter() - begun < 120:
        try:
            if httpx.get(f"{system.url}/ready", timeout=5.0).status_code == 200:
                return time.perf_counter() - begun
        except httpx.HTTPError:
            pass
        time.sleep(0.02)
    raise RuntimeError("it did not come back within two minutes")


def upgraded(folder: Path, events: int) -> None:
    """Start on snapshots of another version, all of them: what is ready when, and what is shown meanwhile."""
    for file in (folder / "data" / "log" / "cells").glob("*.db"):
        with sqlite3.connect(file) as db:
            db.execute("UPDATE snapshot SET fold_version = fold_version + 1000")
    begun = time.perf_counter()
    system = start_system(folder, "base", "--placement", "packed")
    try:
        ready, name = time.perf_counter() - begun, f"after an upgrade, {events / 1e6:g} M events to refold"
        report(f"the system is ready {name}", ready, "s", "aim: 20")
        answer = system.get("/v1/dashboards/user_activity").json()
        total = answer["data"]["events_total"]["v"]
        report(f"events that the page shows at once {name}", total, "events", answer["stale"] or "current")
        system.until(lambda: _rebuilt(system), timeout_s=1200)
        report(f"every state is rebuilt {name}", time.perf_counter() - begun, "s")
        shown = system.get("/v1/dashboards/user_activity").json()["data"]["events_total"]["v"]
        report(f"the rebuilt state is right {name}", float(shown == events), "1 = yes")
    finally:
        system.stop()


def _rebuilt(system: Running) -> bool:
    cells = system.get("/v1/status").json()["cells"]
    return all(cell["state"] == "running" and cell["rows_behind"] < 100 for cell in cells)


def refold(folder: Path) -> dict[str, float]:
    """Seconds each of the cells takes from the first event on."""
    for file in (folder / "log" / "cells").glob("*.db"):
        with sqlite3.connect(file) as db:
            db.execute("DELETE FROM snapshot")
    settings = Settings.load("base", data_dir=str(folder))
    log, took = SqliteLog(folder / "log"), dict[str, float]()
    for spec in topology.cells(settings, folder):
        if spec.fold.name in REFOLDED:
            begun = time.perf_counter()
            Cell(spec.fold, log, tenant=spec.tenant, now=lambda: time.time_ns() // 1000).recover()
            took[spec.fold.name] = time.perf_counter() - begun
    log.close()
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--rows", type=int, default=ROWS, help="events a commit of the collector")
    asked = parser.parse_args()
    events = asked.events
    with tempfile.TemporaryDirectory(prefix="hc-") as made:
        folder = Path(made)
        data = folder / "data"
        orders, total = fill(data / "log", events, asked.rows)
        system = start_system(folder, "base", "--placement", "packed")
        try:
            settled(system)
            hosts = {host.pid: host for host in system.named("ray::Host")}
            took = [back_again(system, host) for host in hosts.values()]
            name = f"a killed host is back, {events / 1e6:g} M events in the log, with snapshots"
            report(f"{name}, slowest of {len(took)}", max(took), "s", "aim: 3")
            report(f"{name}, median", sorted(took)[len(took) // 2], "s")
            settled(system)
            shown = system.get("/v1/dashboards/user_activity").json()["data"]["events_total"]["v"]
            mine = system.sql(
                "SELECT sum(count)::BIGINT, sum(sum)::BIGINT FROM metrics_latest WHERE metric = 'revenue' AND key = 'EUR'"
            )[0]
            closed = system.sql(
                "SELECT count(*), sum(amount)::BIGINT FROM user_interactions WHERE currency = 'EUR' AND time < (SELECT "
                "max(start) + INTERVAL 1 MINUTE FROM metrics_latest WHERE metric = 'revenue')"
            )[0]
            agree = shown == events and mine == closed and closed[0] <= orders and closed[1] <= total
            report("state after the kills equals the oracle's", float(agree), "1 = yes", f"{mine} and {closed}")
        finally:
            system.stop()
        upgraded(folder, events)
        for fold, seconds in refold(data).items():
            report(f"{fold} refolded without snapshots, {events / 1e6:g} M events", seconds, "s")


if __name__ == "__main__":
    main()
