"""A system whose log has four partitions: sent, counted, told and shown as with one; and it stays at four."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.words import BATCH, fresh, now
from tests.running import Running, free_port, start

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

CONFIG = """
extends: base
log: {partitions: 4}
metrics:
  - {name: orders, stream: user_interactions, types: [order.placed], distinct: subject, width_s: 2}
alerts:
  - {name: Many orders, condition: orders.count > 5, threshold: 5}
  - {name: No orders, condition: orders.count < 1, threshold: 1}
"""
SUBJECTS = 40


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    config, port, systems = tmp_path / "four.yaml", free_port(), list[Running]()
    config.write_text(CONFIG)

    def up(*options: str) -> Running:
        systems.append(start(tmp_path, str(config), *options, port=port))
        return systems[-1]

    yield up
    if systems and systems[-1].process.poll() is None:
        systems[-1].kill()


def orders(n: int) -> list[dict[str, Any]]:
    words = {"specversion": "1.0", "source": "shop", "type": "order.placed", "time": now()}
    return [{**words, "id": fresh("o"), "subject": f"u{i % SUBJECTS}", "data": {"n": i}} for i in range(n)]


def sampled(system: Running) -> list[list[Any]]:
    """(count, distinct subjects, windows that are there twice) of all orders."""
    figures = "sum(count), max(distinct_count), count(*) - count(DISTINCT start)"
    return system.sql(f"SELECT {figures} FROM metrics_latest WHERE metric = 'orders'")


def test_it_answers_as_with_one_and_keeps_its_number(up: Callable[..., Running]) -> None:
    system = up("--placement", "packed")
    sent = orders(400)
    receipt = system.post("/v1/events", json=sent, headers=BATCH).json()
    assert (receipt["accepted"], receipt["duplicate"], receipt["rejected_total"]) == (400, 0, 0)
    again = system.post("/v1/events", json=[*sent[:300], {"type": 7}], headers=BATCH).json()
    assert (again["accepted"], again["duplicate"], again["rejected_total"]) == (0, 300, 1)

    spread = "SELECT count(*), count(DISTINCT producer) FROM user_interactions WHERE type = 'order.placed'"
    assert system.sql(spread) == [[400, 4]]
    home = "SELECT max(n) FROM (SELECT count(DISTINCT producer) n FROM user_interactions GROUP BY subject)"
    assert system.sql(home) == [[1]], "all events of a subject are with one collector"

    system.until(lambda: sampled(system), [[400, SUBJECTS, 0]])
    assert system.sql("SELECT count(*) FROM late_rows") == [[0]]
    fired = "SELECT rule FROM alerts WHERE type = 'alert.fired' AND rule LIKE '%orders' ORDER BY time, rule"
    system.until(lambda: system.sql(fired), [["Many orders"], ["No orders"]])
    shown = system.get("/v1/dashboards/user_activity").json()["data"]["events_total"]["v"]
    assert shown == 400
    cells = {cell["cell"]: cell["state"] for cell in system.get("/v1/status").json()["cells"]}
    assert [cells[f"main/user_interactions/{p}"] for p in range(4)] == ["running"] * 4
    assert system.stop() == 0

    words = ["up", "--config", "base", "--data-dir", str(system.data), "--port", str(free_port())]
    refused = subprocess.run(
        [sys.executable, "-m", "hindcast", *words], capture_output=True, text=True, timeout=600, check=False
    )
    assert refused.returncode != 0
    assert "log.partitions" in refused.stderr
    assert "set log.partitions to 4" in refused.stderr

    system = up("--placement", "spread")
    repeated = system.post("/v1/events", json=sent, headers=BATCH).json()
    assert (repeated["accepted"], repeated["duplicate"]) == (0, 400)
    lone = {**orders(1)[0], "subject": "somebody else"}
    header = {"content-type": "application/cloudevents+json"}
    assert system.post("/v1/events", json=lone, headers=header).json()["accepted"] == 1
    system.until(lambda: sampled(system)[0][0], 401)  # three partitions are silent, and hold nobody up
    assert system.stop() == 0


def test_a_partition_that_never_had_a_row_holds_nobody_up(up: Callable[..., Running]) -> None:
    system = up("--placement", "packed")
    alone = [{**order, "subject": "u1"} for order in orders(20)]
    assert system.post("/v1/events", json=alone, headers=BATCH).json()["accepted"] == 20
    system.until(lambda: sampled(system), [[20, 1, 0]])
    idle = system.sql(
        "SELECT count(DISTINCT producer), max(at_offset) FROM idle_producers WHERE stream = 'user_interactions'"
    )
    assert idle == [[3, 0]], "and that they idle is in the log"
    assert system.stop() == 0
